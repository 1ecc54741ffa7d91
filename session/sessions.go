package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Bounds of a session's record.
const (
	touchParts    = 10       // a use is noted when a tenth of the idle time has passed
	longestAgent  = 160      // bytes of a browser's description
	largestRecord = 16 << 10 // bytes; ten thousand roles are refused, not cut
)

// ErrTooLarge says that a session cannot be kept: its user has more roles than
// fit. Cutting the list would decide what they may do.
var ErrTooLarge = errors.New("session: too large")

// StartSession signs a browser in: a fresh id in a fresh cookie, and the end of
// the session that the browser had before, so that an id which somebody planted
// or noted is worth nothing. It sets the times, unless s.Expires is earlier than
// the configured end. A Persistent session ends at its absolute end alone and its
// cookie outlives the browser.
//
// What the sessions held that had to end for it is given back, also with an
// error: refresh tokens outlive a session, so the caller revokes them.
func (m *Manager) StartSession(ctx context.Context, w http.ResponseWriter, r *http.Request, s Session, tokens TokenSet) (replaced []TokenSet, err error) {
	if s.Subject == "" {
		return nil, errors.New("session: a session needs a subject")
	}
	id := newSecret()
	m.beginSession(&s, r)
	s.hash = id.hash(m.scope)
	s.checked(m)
	s.keepTimes(tokens, m.now())
	accounts, _ := m.accountsCookie(w, r)
	if err := m.bindBrowser(ctx, &s, accounts); err != nil {
		return nil, err
	}
	if err := m.storeSession(ctx, &s, tokens); err != nil {
		return nil, err
	}
	if replaced, err = m.replaceSessions(ctx, r, &s); err != nil {
		_, _ = m.endSession(ctx, &s) // no browser gets its id
		return replaced, err
	}
	var maxAge time.Duration
	if s.Persistent {
		maxAge = s.Expires.Sub(m.now())
	}
	m.setCookie(w, m.cookieName, formatSessionID(id), maxAge)
	return replaced, nil
}

// beginSession sets what a session begins with. Records keep whole seconds.
func (m *Manager) beginSession(s *Session, r *http.Request) {
	now := m.now().UTC().Truncate(time.Second)
	ends := now.Add(m.max)
	if s.Persistent {
		ends = now.Add(m.rememberMax)
	}
	if s.Expires.IsZero() || s.Expires.After(ends) {
		s.Expires = ends
	}
	s.Handle = strings.ToLower(rand.Text()[:16])
	s.Created, s.Seen = now, now
	s.Idle = m.idleEnd(s)
	if s.UserAgent == "" {
		s.UserAgent = r.UserAgent()
	}
	s.UserAgent = strings.ToValidUTF8(s.UserAgent[:min(len(s.UserAgent), longestAgent)], "")
}

// storeSession writes what a session consists of. A session begins with its index
// entries, and they come last: whoever meets an entry without a record can then be
// sure that the session has ended, and clean the entry away. Written before the
// record, the entry of a session that is just starting would be taken for one, and
// the session survive every sign-out everywhere. No browser has its id until the
// entries are there: a sign-out everywhere that does not find it came before it.
func (m *Manager) storeSession(ctx context.Context, s *Session, tokens TokenSet) error {
	ttl := s.Expires.Sub(m.now())
	if ttl <= 0 {
		return errors.New("session: a session that has ended cannot be started")
	}
	hot, cold := s.encode(), tokens.encode()
	if max(len(hot), len(cold)) > largestRecord {
		return fmt.Errorf("%w: %d bytes with %d roles, %d bytes of tokens", ErrTooLarge, len(hot), len(s.Roles), len(cold))
	}
	s.tokens = m.tokens.Seal(m.tokenKey(s.hash), cold)
	if err := m.store.Put(ctx, m.tokenKey(s.hash), s.tokens, ttl); err != nil {
		return err
	}
	s.stored = m.sessions.Seal(m.sessionKey(s.hash), hot)
	if err := m.store.Put(ctx, m.sessionKey(s.hash), s.stored, s.Idle.Sub(m.now())); err != nil {
		return err
	}
	for _, index := range []string{m.userIndexes(s.Subject)[0], m.zitadelIndexes(s.Issuer, s.ZitadelSession)[0]} {
		if err := m.store.Add(ctx, index, s.hash, ttl); err != nil {
			_, _ = m.endSession(ctx, s) // no browser gets its id
			return err
		}
	}
	return nil
}

// replaceSessions ends what a new session takes the place of: the one that this
// browser had, and the user's oldest beyond twenty.
func (m *Manager) replaceSessions(ctx context.Context, r *http.Request, s *Session) (held []TokenSet, err error) {
	old, err := m.loadSession(ctx, m.sessionHash(r))
	if err == nil {
		var ended []Ended
		ended, err = m.endAll(ctx, []*Session{old})
		held = tokensOf(ended)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return held, err
	}
	oldest, err := m.endOldest(ctx, s)
	return append(held, oldest...), err
}

// Session is who is signed in, and notes that they were here. [ErrNotFound] is
// nobody: no cookie, two cookies, an ended session, or one that cannot be read.
// What ZITADEL says meanwhile it does not know: apps are served by
// [Keeper.Session].
func (m *Manager) Session(ctx context.Context, r *http.Request) (*Session, error) {
	s, err := m.Peek(ctx, r)
	if err != nil {
		return nil, err
	}
	m.touch(ctx, s)
	return s, nil
}

// Peek is [Manager.Session] without extending the idle time: for an app that
// asks in the background while nobody is there.
func (m *Manager) Peek(ctx context.Context, r *http.Request) (*Session, error) {
	return m.loadSession(ctx, m.sessionHash(r))
}

// touch notes a use, once in a tenth of the idle time: a write at every request
// would cost as much as the read. It is compare-and-set, so that a session which
// ends at the same moment stays ended. That it failed is no reason to turn
// somebody away who has just been found signed in.
func (m *Manager) touch(ctx context.Context, s *Session) {
	if !m.touchDue(s) {
		return
	}
	touched := *s
	touched.Seen = m.now().UTC().Truncate(time.Second)
	touched.Idle = m.idleEnd(&touched)
	sealed := m.sessions.Seal(m.sessionKey(s.hash), touched.encode())
	ttl := touched.Idle.Sub(m.now())
	if ttl <= 0 || m.store.Swap(ctx, m.sessionKey(s.hash), s.stored, sealed, ttl) != nil {
		return
	}
	touched.stored = sealed
	*s = touched
}

// touchDue is true when a use is to be noted.
func (m *Manager) touchDue(s *Session) bool {
	return m.now().UTC().Truncate(time.Second).Sub(s.Seen) > m.idle/touchParts
}

// idleEnd is when a session ends unless it is used again; never after its
// absolute end, and only then where the user chose to be remembered.
func (m *Manager) idleEnd(s *Session) time.Time {
	if idle := s.Seen.Add(m.idle); !s.Persistent && idle.Before(s.Expires) {
		return idle
	}
	return s.Expires
}

// loadSession reads the hot record; one read of the store.
func (m *Manager) loadSession(ctx context.Context, hash string) (*Session, error) {
	if hash == "" {
		return nil, ErrNotFound
	}
	key := m.sessionKey(hash)
	stored, err := m.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return m.openSession(hash, key, stored)
}

// openSession reads what is stored of a session that has not ended.
func (m *Manager) openSession(hash, key string, stored []byte) (*Session, error) {
	record, err := m.sessions.Open(key, stored)
	if err != nil {
		return nil, err
	}
	s := &Session{hash: hash, stored: stored}
	if err := s.decode(record); err != nil {
		return nil, err
	}
	if now := m.now(); !s.Idle.After(now) || !s.Expires.After(now) {
		return nil, ErrNotFound
	}
	return s, nil
}

// Tokens are the session's tokens.
func (m *Manager) Tokens(ctx context.Context, s *Session) (TokenSet, error) {
	key := m.tokenKey(s.hash)
	stored, err := m.store.Get(ctx, key)
	if err != nil {
		return TokenSet{}, err
	}
	record, err := m.tokens.Open(key, stored)
	if err != nil {
		return TokenSet{}, err
	}
	var tokens TokenSet
	if err := tokens.decode(record); err != nil {
		return TokenSet{}, err
	}
	s.tokens = stored
	return tokens, nil
}

// SaveTokens stores refreshed tokens if they still are what this *Session's
// last [Manager.Tokens] read: [ErrChanged] says that somebody else refreshed
// them, or that the user signed out meanwhile and stays signed out.
func (m *Manager) SaveTokens(ctx context.Context, s *Session, tokens TokenSet) error {
	return m.tokenSaver(s, tokens)(ctx)
}

// tokenSaver is [Manager.SaveTokens] for whoever tries it again after trouble with
// the store: it finds what an earlier try has stored, though that was not told.
func (m *Manager) tokenSaver(s *Session, tokens TokenSet) func(context.Context) error {
	key, read := m.tokenKey(s.hash), s.tokens
	sealed := m.tokens.Seal(key, tokens.encode())
	return func(ctx context.Context) error {
		ttl := s.Expires.Sub(m.now())
		if read == nil || ttl <= 0 {
			return ErrChanged
		}
		if err := m.store.Swap(ctx, key, read, sealed, ttl); err != nil {
			return err
		}
		s.tokens = sealed
		return nil
	}
}

// EndSession signs the browser out and says who it was, so that the caller can
// revoke what the session held. [ErrNotFound] is a browser that had no session;
// its cookie goes as well, unless it sent two. Trouble with the store leaves the
// cookie: the session may still exist.
func (m *Manager) EndSession(ctx context.Context, w http.ResponseWriter, r *http.Request) (*Session, TokenSet, error) {
	if _, count := onlyCookie(r, m.cookieName); count != 1 {
		return nil, TokenSet{}, ErrNotFound
	}
	hash := m.sessionHash(r)
	s, err := m.loadSession(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		m.clearCookie(w, m.cookieName)
		return nil, TokenSet{}, err
	}
	if err != nil {
		return nil, TokenSet{}, err
	}
	tokens, err := m.endSession(ctx, s)
	if err != nil {
		return nil, TokenSet{}, err
	}
	m.clearCookie(w, m.cookieName)
	return s, tokens, nil
}

// endSession deletes a session and gives the tokens that it held. Whatever fails
// before the record is deleted leaves everything for another try; after it nobody
// is signed in, and an index entry that could not be removed points at nothing
// and expires.
func (m *Manager) endSession(ctx context.Context, s *Session) (TokenSet, error) {
	tokens, err := m.Tokens(ctx, s)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return TokenSet{}, err
	}
	if err := m.store.Delete(ctx, m.sessionKey(s.hash)); err != nil {
		return TokenSet{}, err
	}
	m.watches.saw(s.hash, nil)
	tokens = m.takeTokens(ctx, s, tokens)
	for _, index := range append(m.userIndexes(s.Subject), m.zitadelIndexes(s.Issuer, s.ZitadelSession)...) {
		_ = m.store.Remove(ctx, index, s.hash)
	}
	return tokens, nil
}

// takeTokens deletes the tokens of a session that has ended. They are those that
// were read before, unless a refresh stored others since: only the newest can be
// revoked, and the refresh cannot know that nobody will use what it stored.
func (m *Manager) takeTokens(ctx context.Context, s *Session, tokens TokenSet) TokenSet {
	key := m.tokenKey(s.hash)
	err := untilUnchanged(func() error {
		err := m.store.Swap(ctx, key, s.tokens, nil, 0)
		if !errors.Is(err, ErrChanged) {
			return err
		}
		newer, err := m.Tokens(ctx, s)
		if err != nil {
			return err
		}
		tokens = newer
		return ErrChanged
	})
	if err != nil {
		_ = m.store.Delete(ctx, key) // unreadable, or gone already
	}
	return tokens
}

// sessionHash is what the store knows the request's session by; "" when the
// request has none.
func (m *Manager) sessionHash(r *http.Request) string {
	value, _ := onlyCookie(r, m.cookieName)
	id, ok := parseSessionID(value)
	if !ok {
		return ""
	}
	return id.hash(m.scope)
}

// The two records of a session share a hash tag, and so a slot of a cluster.
func (m *Manager) sessionKey(hash string) string { return m.environment + ":s:{" + hash + "}" }
func (m *Manager) tokenKey(hash string) string   { return m.environment + ":t:{" + hash + "}" }

func (m *Manager) userIndexes(subject string) []string { return m.names("u", subject) }

func (m *Manager) zitadelIndexes(issuer, zitadelSession string) []string {
	return m.names("z", issuer, zitadelSession)
}
