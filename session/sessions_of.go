package session

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"
)

// Sessions are the live sessions of a user, the newest first.
func (m *Manager) Sessions(ctx context.Context, subject string) ([]*Session, error) {
	return m.sessionsOf(ctx, m.userIndexes(subject), func(s *Session) bool { return s.Subject == subject })
}

// Ended is a session that has ended, with the tokens that it held. Refresh tokens
// outlive a session and a password, so whoever ended it revokes them.
type Ended struct {
	*Session
	Tokens TokenSet
}

// EndSessions ends all sessions of a user. With an error it gives those that
// could be ended. One that is starting meanwhile is ended, or begins after it.
func (m *Manager) EndSessions(ctx context.Context, subject string) ([]Ended, error) {
	return m.endSessions(ctx, subject, func(*Session) bool { return true })
}

// EndOtherSessions is [Manager.EndSessions] for all but the one with that handle.
func (m *Manager) EndOtherSessions(ctx context.Context, subject, keepHandle string) ([]Ended, error) {
	return m.endSessions(ctx, subject, func(s *Session) bool { return s.Handle != keepHandle })
}

// EndSessionByHandle ends one session of a user. A handle of somebody else's
// session is [ErrNotFound].
func (m *Manager) EndSessionByHandle(ctx context.Context, subject, handle string) ([]Ended, error) {
	ended, err := m.endSessions(ctx, subject, func(s *Session) bool { return s.Handle == handle })
	if err == nil && len(ended) == 0 {
		return nil, ErrNotFound
	}
	return ended, err
}

// EndZitadelSession ends all our sessions that rest on a ZITADEL session which has
// ended, as a back-channel logout asks for. A browser that has signed its user in
// anew meanwhile keeps its own: it is due to be checked.
func (m *Manager) EndZitadelSession(ctx context.Context, issuer, zitadelSession string) ([]Ended, error) {
	sessions, err := m.sessionsOf(ctx, m.zitadelIndexes(issuer, zitadelSession), func(s *Session) bool {
		return s.Issuer == issuer && s.ZitadelSession == zitadelSession
	})
	if err != nil {
		return nil, err
	}
	var over []*Session
	for _, s := range sessions {
		moved, err := m.recheckIfMoved(ctx, s)
		if err != nil {
			return nil, err
		}
		if !moved {
			over = append(over, s)
		}
	}
	return m.endAll(ctx, over)
}

// recheckIfMoved reports whether another account of the user has taken the place
// of the one that a session rests on. That the old ZITADEL session ended is then
// our own doing; the check finds out whether the session may rest on the new one.
func (m *Manager) recheckIfMoved(ctx context.Context, s *Session) (moved bool, err error) {
	account, err := m.AccountOf(ctx, s)
	if errors.Is(err, ErrNotFound) || err == nil && account.ZitadelSession == s.ZitadelSession {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.Recheck = m.now().UTC().Truncate(time.Second)
	if err := m.saveRenewed(ctx, s, checking.take); err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	return true, nil
}

func (m *Manager) endSessions(ctx context.Context, subject string, which func(*Session) bool) ([]Ended, error) {
	sessions, err := m.Sessions(ctx, subject)
	if err != nil {
		return nil, err
	}
	return m.endAll(ctx, slices.DeleteFunc(sessions, func(s *Session) bool { return !which(s) }))
}

// endAll ends as many as it can, and says so if one could not be ended.
func (m *Manager) endAll(ctx context.Context, sessions []*Session) (all []Ended, failed error) {
	for _, s := range sessions {
		tokens, err := m.endSession(ctx, s)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		all = append(all, Ended{s, tokens})
	}
	return all, failed
}

// endOldest keeps a user to twenty sessions, the newest among them: a script
// that signs in again and again must not fill the store, and a list of sessions
// must stay readable.
func (m *Manager) endOldest(ctx context.Context, newest *Session) (held []TokenSet, err error) {
	members, err := m.members(ctx, m.userIndexes(newest.Subject))
	if err != nil || len(members) <= maxSessions {
		return nil, err
	}
	others, err := m.Sessions(ctx, newest.Subject)
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(others, func(s *Session) bool { return s.hash == newest.hash })
	ended, err := m.endAll(ctx, others[min(len(others), maxSessions-1):])
	return tokensOf(ended), err
}

// tokensOf are what sessions held.
func tokensOf(ended []Ended) (held []TokenSet) {
	for _, one := range ended {
		held = append(held, one.Tokens)
	}
	return held
}

// sessionsOf reads the sessions that indexes name, the newest first. Entries
// whose session has ended are cleaned away, which is when the store has no record
// of it: one that has only ended by our clock may live on by another replica's. An
// entry is only a hint, which somebody with access to the store could have
// planted: mine decides on what the sealed record says.
func (m *Manager) sessionsOf(ctx context.Context, indexes []string, mine func(*Session) bool) ([]*Session, error) {
	members, err := m.members(ctx, indexes)
	if err != nil {
		return nil, err
	}
	var sessions []*Session
	for _, hash := range members {
		key := m.sessionKey(hash)
		stored, err := m.store.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			m.cleanUp(ctx, indexes, hash)
			continue
		}
		if err != nil {
			return nil, err
		}
		s, err := m.openSession(hash, key, stored)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return nil, err
		case mine(s):
			sessions = append(sessions, s)
		}
	}
	slices.SortFunc(sessions, func(a, b *Session) int { return b.Created.Compare(a.Created) })
	return sessions, nil
}

// cleanUp removes entries that lead to nothing, for good: nothing is put under a
// name again, and what is put is there before its entry. What stays expires.
func (m *Manager) cleanUp(ctx context.Context, indexes []string, member string) {
	for _, index := range indexes {
		_ = m.store.Remove(ctx, index, member)
	}
}

// members lists what is in any of the indexes and could be a session's hash.
func (m *Manager) members(ctx context.Context, indexes []string) ([]string, error) {
	var all []string
	for _, index := range indexes {
		members, err := m.store.Members(ctx, index)
		if err != nil {
			return nil, err
		}
		all = append(all, members...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(member string) bool {
		hash, err := base64.RawURLEncoding.DecodeString(member)
		return err != nil || len(hash) != 32
	}), nil
}
