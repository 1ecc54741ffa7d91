package session

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"
)

var errSkeleton = errors.New("session: not written yet")

type sealedID struct{ secret [32]byte }

// Config says where and how a Manager remembers.
type Config struct {
	Store        Store
	Keys         Keys
	Environment  string
	CookieDomain string
	Idle         time.Duration
	Max          time.Duration
	RememberMax  time.Duration
	AttemptTTL   time.Duration
	Now          func() time.Time
}

// Manager is the only way to what is remembered of a browser.
type Manager struct{}

// NewManager checks the configuration.
func NewManager(Config) (*Manager, error) { return nil, errSkeleton }

// Memory is the embedded store.
type Memory struct{ Store }

// NewMemory makes an empty store.
func NewMemory(now func() time.Time) *Memory { return nil }

// Redis is the shared store.
type Redis struct{ Store }

// RedisConfig says which Redis.
type RedisConfig struct {
	URL string
	TLS *tls.Config
}

// NewRedis makes a store.
func NewRedis(RedisConfig) (*Redis, error) { return nil, errSkeleton }

// Vault seals and opens values.
type Vault struct{}

// CheckCookieDomain normalises a cookie domain and refuses one that the browser
// would ignore or share with strangers.
func CheckCookieDomain(domain, authHost string) (string, error) { return "", errSkeleton }

func (m *Manager) StartAttempt(context.Context, http.ResponseWriter, *http.Request, Attempt) (*Attempt, error) {
	return nil, errSkeleton
}
func (m *Manager) Attempt(ctx context.Context, r *http.Request, short string) (*Attempt, error) {
	return nil, errSkeleton
}
func (m *Manager) Attempts(context.Context, *http.Request) ([]*Attempt, error) { return nil, errSkeleton }
func (m *Manager) SaveAttempt(context.Context, *Attempt) error                  { return errSkeleton }
func (m *Manager) RotateAttempt(context.Context, http.ResponseWriter, *Attempt) error {
	return errSkeleton
}
func (m *Manager) EndAttempt(context.Context, http.ResponseWriter, *Attempt) error {
	return errSkeleton
}
func (m *Manager) Accounts(context.Context, *http.Request) (Accounts, error) {
	return nil, errSkeleton
}
func (m *Manager) RememberAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, a Account, persistent bool) error {
	return errSkeleton
}
func (m *Manager) UpdateAccountToken(ctx context.Context, r *http.Request, zitadelSession, token string) error {
	return errSkeleton
}
func (m *Manager) ForgetAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, zitadelSession string) error {
	return errSkeleton
}
func (m *Manager) StartSession(ctx context.Context, w http.ResponseWriter, r *http.Request, s Session, t TokenSet, persistent bool) error {
	return errSkeleton
}
func (m *Manager) Session(context.Context, *http.Request) (*Session, error) { return nil, errSkeleton }
func (m *Manager) Peek(context.Context, *http.Request) (*Session, error)    { return nil, errSkeleton }
func (m *Manager) Tokens(context.Context, *Session) (TokenSet, error)       { return TokenSet{}, errSkeleton }
func (m *Manager) SaveTokens(context.Context, *Session, TokenSet) error     { return errSkeleton }
func (m *Manager) EndSession(context.Context, http.ResponseWriter, *http.Request) (*Session, TokenSet, error) {
	return nil, TokenSet{}, errSkeleton
}
func (m *Manager) Sessions(ctx context.Context, subject string) ([]*Session, error) {
	return nil, errSkeleton
}
func (m *Manager) EndSessions(ctx context.Context, subject string) error { return errSkeleton }
func (m *Manager) EndOtherSessions(ctx context.Context, subject, keepHandle string) error {
	return errSkeleton
}
func (m *Manager) EndSessionByHandle(ctx context.Context, subject, handle string) error {
	return errSkeleton
}
func (m *Manager) EndZitadelSession(ctx context.Context, issuer, zitadelSession string) error {
	return errSkeleton
}
func (m *Manager) Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error) {
	return nil, errSkeleton
}
func (m *Manager) Allow(ctx context.Context, purpose, key string, rate Rate) (time.Duration, error) {
	return 0, errSkeleton
}
func (m *Manager) Ping(context.Context) error { return errSkeleton }
