package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits on what one browser or user can have.
const (
	maxAttempts = 8  // cookies of attempts in a browser
	maxAccounts = 10 // in a browser's chooser
	maxSessions = 20 // of a user, over all browsers
)

// Config says where and how a [Manager] remembers.
type Config struct {
	Store       Store
	Keys        Keys   // of the operator
	Environment string // such as "production"; keeps environments on one Redis apart
	// CookieDomain is what the session cookie is shared with, as
	// [CheckCookieDomain] returned it; "" is host-only mode.
	CookieDomain string

	Idle        time.Duration    // a session ends unused after this; default 1 h
	Max         time.Duration    // and in any case after this; default 12 h
	RememberMax time.Duration    // or this, where the user chose to be remembered; default 30 days
	AttemptTTL  time.Duration    // default 30 min
	Recheck     time.Duration    // a session in use is checked this often; default 10 min
	Watch       time.Duration    // how often a session that is watched is looked at; default 3 s
	Cache       time.Duration    // how old [Keeper.Recent] may be, at most [MaxCache]; 0 for not at all
	Now         func() time.Time // default time.Now
}

// withDefaults fills in what was not said.
func (c Config) withDefaults() Config {
	for _, setting := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.Idle, time.Hour}, {&c.Max, 12 * time.Hour}, {&c.RememberMax, 30 * 24 * time.Hour}, {&c.AttemptTTL, 30 * time.Minute},
		{&c.Recheck, 10 * time.Minute},
		{&c.Watch, 3 * time.Second},
	} {
		if *setting.value == 0 {
			*setting.value = setting.standard
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Manager is the only way to what is remembered of a browser.
type Manager struct {
	store       Store
	environment string
	now         func() time.Time

	idle, max, rememberMax, attemptTTL, recheck time.Duration

	cookieName   string // of the session
	cookieDomain string
	scope        string // what a session's id is bound to besides the environment
	sealer       sealer

	attempts, accounts, sessions, tokens *Vault
	nameKeys                             [][]byte // one for each operator key

	watches *watches
	here    *Memory    // what this process counts by itself
	late    late       // releases of locks that the store could not be told at once
	near    *nearCache // what store is then, too; nil for none
}

// NewManager checks the configuration and derives the keys.
func NewManager(cfg Config) (*Manager, error) {
	cfg = cfg.withDefaults()
	if cfg.Store == nil {
		return nil, errors.New("session: a store is needed")
	}
	if err := checkEnvironment(cfg.Environment); err != nil {
		return nil, err
	}
	for name, d := range map[string]time.Duration{"Idle": cfg.Idle, "Max": cfg.Max, "RememberMax": cfg.RememberMax, "AttemptTTL": cfg.AttemptTTL, "Recheck": cfg.Recheck} {
		if d < time.Second {
			return nil, fmt.Errorf("session: %s of %v is shorter than a second", name, d)
		}
	}
	if cfg.Cache < 0 || cfg.Cache > MaxCache {
		return nil, fmt.Errorf("session: Cache of %v is not between 0 and %v", cfg.Cache, MaxCache)
	}
	domain, err := normalDomain(cfg.CookieDomain)
	if err != nil {
		return nil, fmt.Errorf("session: cookie domain: %w", err)
	}
	m := &Manager{
		store: cfg.Store, environment: cfg.Environment, now: cfg.Now,
		idle: cfg.Idle, max: cfg.Max, rememberMax: cfg.RememberMax, attemptTTL: cfg.AttemptTTL, recheck: cfg.Recheck,
		cookieName: sharedSession, cookieDomain: domain,
	}
	if domain == "" {
		m.cookieName = hostOnlySession
	}
	m.scope = m.cookieName + " " + domain
	m.watches = newWatches(cfg.Watch, m.loadSession)
	m.here = NewMemory(cfg.Now)
	if cfg.Cache > 0 {
		m.near = newNearCache(m.store, m.key("s", ""), cfg.Cache, m.now)
		m.store = m.near
	}
	m.late.ctx, m.late.close = context.WithCancel(context.Background())
	return m, m.deriveKeys(cfg.Keys)
}

// deriveKeys makes one key for each purpose out of each operator key.
func (m *Manager) deriveKeys(keys Keys) (err error) {
	for purpose, vault := range map[string]**Vault{
		"attempt": &m.attempts, "accounts": &m.accounts, "session": &m.sessions, "tokens": &m.tokens,
	} {
		if *vault, err = NewVault(keys, m.environment, purpose); err != nil {
			return err
		}
	}
	for _, key := range keys {
		nameKey, err := key.derive("names", 32)
		if err != nil {
			return fmt.Errorf("derive name key: %w", err)
		}
		m.nameKeys = append(m.nameKeys, nameKey)
	}
	m.sealer, err = newSealer(keys, m.environment)
	return err
}

// Ping says whether the store answers, for readiness.
func (m *Manager) Ping(ctx context.Context) error { return m.store.Ping(ctx) }

// Close gives up what the store could not be told yet: it ends by itself. The
// store is its owner's to close, afterwards.
func (m *Manager) Close() error {
	m.late.close()
	m.late.group.Wait()
	return nil
}

// key is the key of a record in the store. The environment comes first, so that
// several share one Redis.
func (m *Manager) key(kind, name string) string { return m.environment + ":" + kind + ":" + name }

// names are the store's names for something that could be guessed, such as a
// user's id: keyed, so that a dump cannot be searched for it. There is one for
// each operator key; what is written goes under the first.
func (m *Manager) names(kind string, parts ...string) []string {
	names := make([]string, len(m.nameKeys))
	for i, key := range m.nameKeys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(kind + "\x00" + strings.Join(parts, "\x00")))
		names[i] = m.key(kind, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16]))
	}
	return names
}

// Allow takes a token out of the bucket of a purpose and a key, such as an
// address. A positive wait means no. The key is hashed before the store sees it.
func (m *Manager) Allow(ctx context.Context, purpose, key string, rate Rate) (wait time.Duration, err error) {
	return m.store.Take(ctx, m.names("b", purpose, key)[0], rate)
}

// AllowHere is [Manager.Allow] counted by this process alone, for what must cost
// the store nothing however often it is tried.
func (m *Manager) AllowHere(purpose, key string, rate Rate) (wait time.Duration) {
	wait, _ = m.here.Take(context.Background(), m.names("b", purpose, key)[0], rate) // never fails
	return wait
}
