package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// When tokens are refreshed, in parts of their life: between the two, at a point
// that is each session's own. Sessions that began together, as they do in the
// morning or after a restart, would otherwise all ask at once.
const (
	refreshFrom  = 0.80
	refreshUntil = 0.90
)

// How long a session that could not be refreshed or checked is left alone: twice
// as long each time, and a little less or more for each session.
const (
	firstRetry   = 2 * time.Second
	longestRetry = 2 * time.Minute
	urgentRetry  = 30 * time.Second // while its tokens have ended, and everybody waits
	retrySpread  = 0.2
)

// checked notes that the session may go on.
func (s *Session) checked(m *Manager) {
	s.Recheck, s.failures = m.now().Add(m.recheck).UTC().Truncate(time.Second), 0
}

// keepTimes sets what follows from tokens that have just come.
func (s *Session) keepTimes(tokens TokenSet, now time.Time) {
	s.TokensEnd, s.Refresh = time.Time{}, time.Time{}
	if tokens.RefreshToken == "" {
		return // nothing to go on with: the session lasts without
	}
	life := max(tokens.Expires.Sub(now), 0)
	s.TokensEnd = tokens.Expires.UTC().Truncate(time.Second)
	part := refreshFrom + (refreshUntil-refreshFrom)*s.share()
	s.Refresh = now.Add(time.Duration(part * float64(life))).UTC().Truncate(time.Second)
}

// share is a number from 0 to 1 that is the session's own, and the same on every
// replica.
func (s *Session) share() float64 {
	sum := sha256.Sum256([]byte("share " + s.hash))
	return float64(binary.BigEndian.Uint64(sum[:])) / math.MaxUint64
}

// postpone notes that a refresh or a check came to nothing.
func (s *Session) postpone(p part, now time.Time) {
	longest := longestRetry
	if s.tokensEnded(now) {
		longest = urgentRetry
	}
	wait := min(firstRetry<<min(s.failures, 10), longest)
	spread := 1 + retrySpread*(2*s.share()-1)
	s.failures++
	*p.due(s) = now.Add(time.Duration(spread * float64(wait))).UTC().Truncate(time.Second)
}

func (s *Session) checkDue(now time.Time) bool { return !now.Before(s.Recheck) }
func (s *Session) refreshDue(now time.Time) bool {
	return !s.Refresh.IsZero() && !now.Before(s.Refresh)
}
func (s *Session) tokensEnded(now time.Time) bool {
	return !s.TokensEnd.IsZero() && !now.Before(s.TokensEnd)
}

// part is what one kind of work writes of a session. Another kind may be done at
// the same time, and the session be used: what they write stays.
type part struct {
	due  func(*Session) *time.Time
	take func(s, by *Session)
}

var (
	checking = part{
		due: func(s *Session) *time.Time { return &s.Recheck },
		take: func(s, by *Session) {
			s.Name, s.Email, s.OrganizationID = by.Name, by.Email, by.OrganizationID
			s.Recheck, s.failures = by.Recheck, by.failures
		},
	}
	refreshing = part{
		due:  func(s *Session) *time.Time { return &s.Refresh },
		take: func(s, by *Session) { s.Refresh, s.failures = by.Refresh, by.failures },
	}
)

// takeTokens takes over all that new tokens bring, which is also what a check does.
func takeTokens(s, by *Session) {
	checking.take(s, by)
	s.Roles, s.Methods, s.AuthTime = by.Roles, by.Methods, by.AuthTime
	s.ByPassword, s.Factors = by.ByPassword, by.Factors
	s.ZitadelSession, s.TokensEnd, s.Refresh = by.ZitadelSession, by.TokensEnd, by.Refresh
}

// saveRenewed stores what has become of a session, unless it has ended: then it
// stays ended, with [ErrNotFound].
func (m *Manager) saveRenewed(ctx context.Context, s *Session, take func(s, by *Session)) error {
	current, read := *s, s.stored
	err := untilUnchanged(func() error {
		key, record := m.sessionKey(s.hash), current.encode()
		if len(record) > largestRecord {
			return ErrTooLarge // of more roles than the sign-in brought
		}
		sealed := m.sessions.Seal(key, record)
		ttl := current.Idle.Sub(m.now())
		if ttl <= 0 {
			return ErrNotFound
		}
		err := m.store.Swap(ctx, key, read, sealed, ttl)
		if !errors.Is(err, ErrChanged) {
			read = sealed
			return err
		}
		latest, err := m.loadSession(ctx, s.hash)
		if err != nil {
			return err
		}
		take(latest, s)
		current, read = *latest, latest.stored
		return ErrChanged
	})
	if err != nil {
		return err
	}
	current.stored, current.tokens = read, s.tokens
	*s = current
	return nil
}

// reindex makes a session known by the ZITADEL session that it has moved to.
func (m *Manager) reindex(ctx context.Context, s *Session, from string) error {
	if s.ZitadelSession == from {
		return nil
	}
	err := m.store.Add(ctx, m.zitadelIndexes(s.Issuer, s.ZitadelSession)[0], s.hash, s.Expires.Sub(m.now()))
	if err != nil {
		return err
	}
	for _, index := range m.zitadelIndexes(s.Issuer, from) {
		_ = m.store.Remove(ctx, index, s.hash) // what stays leads nowhere
	}
	return nil
}
