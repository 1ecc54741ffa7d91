package session

import (
	"bytes"
	"errors"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"torhaus/session/redistest"
)

// secrets are what must not be found in a store: everything personal, every
// token, every cookie's value, and what a visitor typed.
func secrets(b *browser) []string {
	s, tokens := alice()
	found := []string{s.Subject, s.Name, s.Email, s.ZitadelSession, s.OrganizationID, s.IP, tokens.AccessToken, tokens.RefreshToken,
		"planted-login-name", "planted-zitadel-token", "planted-mail-code", "planted-verifier", "planted-bucket", "editor", "Mozilla"}
	for name, value := range b.cookies {
		found = append(found, value, strings.TrimPrefix(value, sessionIDVersion), name)
	}
	return found
}

// fill makes one of everything.
func fill(t *testing.T, m *Manager, b *browser) *Attempt {
	t.Helper()
	signIn(t, m, b)
	remember(t, m, b, Account{UserID: "346511890217304067", LoginName: "planted-login-name", ZitadelSession: "346511903119245315", ZitadelToken: "planted-zitadel-token"}, false)
	a := startAttempt(t, m, b, Attempt{
		LoginName: "planted-login-name", Code: "planted-mail-code", Transaction: &Transaction{Verifier: "planted-verifier"},
		Intent: &Intent{Token: "planted-intent-token"},
	})
	if _, err := m.Allow(t.Context(), "password", "planted-bucket", Rate{Burst: 1, Every: time.Hour}); err != nil {
		t.Fatal(err)
	}
	unlock, err := m.Lock(t.Context(), "zitadel:346511903119245315", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	return a
}

// TestDumpShowsNothing reads what Redis wrote to its disk, key names included.
func TestDumpShowsNothing(t *testing.T) {
	server := redistest.Start(t)
	b := newBrowser()
	m := testManager(t, openPatient(t, server.URL(), nil), nil)
	fill(t, m, b)
	remember(t, m, b, Account{UserID: "346511890217304067", ZitadelToken: "planted-zitadel-token"}, false) // moves: a tombstone names the cookie
	if err := server.Client().Set(t.Context(), "control", "planted-control", 0).Err(); err != nil {
		t.Fatal(err)
	}
	var dump []byte
	err := filepath.WalkDir(server.Folder(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		dump = append(dump, content...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(dump, []byte("planted-control")) {
		t.Fatal("the dump does not show what is stored in the open, so it proves nothing")
	}
	for _, secret := range secrets(b) {
		if bytes.Contains(dump, []byte(secret)) {
			t.Errorf("the dump shows %q", secret)
		}
	}
}

func keys(t *testing.T, raw *redis.Client) []string {
	t.Helper()
	found, err := raw.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSwappedRecords: a value under another key opens nothing, though it was
// sealed under the same operator key.
func TestSwappedRecords(t *testing.T) {
	server := redistest.Start(t)
	m, raw := testManager(t, openPatient(t, server.URL(), nil), nil), server.Client()
	alices, bobs := newBrowser(), newBrowser()
	fillOther(t, m, alices)
	fillOther(t, m, bobs)
	for _, kind := range []string{"s", "t", "a", "c"} {
		pair, err := raw.Keys(t.Context(), "test:"+kind+":*").Result()
		if err != nil || len(pair) != 2 {
			t.Fatalf("keys of kind %s: %v, %v", kind, pair, err)
		}
		first, second := raw.Get(t.Context(), pair[0]).Val(), raw.Get(t.Context(), pair[1]).Val()
		raw.Set(t.Context(), pair[0], second, redis.KeepTTL)
		raw.Set(t.Context(), pair[1], first, redis.KeepTTL)
	}
	for _, b := range []*browser{alices, bobs} {
		nobody(t, m, b)
	}
}

// nobody checks that a browser is known for nothing, and that this is no error.
func nobody(t *testing.T, m *Manager, b *browser) {
	t.Helper()
	if s, err := m.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
		t.Errorf("session = %v, %v", s, err)
	}
	if a, err := m.Attempt(t.Context(), b.request(), ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("newest attempt = %v, %v", a, err)
	}
	for _, short := range b.shorts() {
		if a, err := m.Attempt(t.Context(), b.request(), short); !errors.Is(err, ErrNotFound) {
			t.Errorf("attempt = %v, %v", a, err)
		}
	}
	if found, err := m.Attempts(t.Context(), b.request()); err != nil || len(found) != 0 {
		t.Errorf("attempts = %v, %v", found, err)
	}
	if found, err := m.Accounts(t.Context(), b.request()); err != nil || len(found) != 0 {
		t.Errorf("accounts = %v, %v", found, err)
	}
}

// somebody checks that a browser is known for everything.
func somebody(t *testing.T, m *Manager, b *browser) {
	t.Helper()
	s, err := m.Session(t.Context(), b.request())
	if err != nil {
		t.Fatalf("session: %v", err)
	}
	if tokens, err := m.Tokens(t.Context(), s); err != nil || !strings.HasPrefix(tokens.RefreshToken, "planted") {
		t.Errorf("tokens: %v", err)
	}
	if _, err := m.Attempt(t.Context(), b.request(), b.shorts()[0]); err != nil {
		t.Errorf("attempt: %v", err)
	}
	if found := accounts(t, m, b); len(found) != 1 {
		t.Errorf("accounts: %v", found)
	}
	if sessions, err := m.Sessions(t.Context(), s.Subject); err != nil || len(sessions) == 0 {
		t.Errorf("sessions of the user: %v, %v", sessions, err)
	}
}

// TestOtherEnvironment: two environments share a Redis and, by mistake, their
// keys. Neither knows the other's browsers, nor opens records moved over.
func TestOtherEnvironment(t *testing.T) {
	server := redistest.Start(t)
	operator := testKeys(t, 1)
	in := func(environment string) *Manager {
		return testManager(t, openPatient(t, server.URL(), nil), func(c *Config) { c.Keys, c.Environment = operator, environment })
	}
	staging, production := in("staging"), in("production")
	b := newBrowser()
	fill(t, staging, b)
	somebody(t, staging, b)
	nobody(t, production, b)
	raw := server.Client()
	for _, key := range keys(t, raw) {
		rest, _ := strings.CutPrefix(key, "staging:")
		if err := raw.Rename(t.Context(), key, "production:"+rest).Err(); err != nil {
			t.Fatal(err)
		}
	}
	nobody(t, production, b)
}

// TestKeyRotation: a new key in front ends nothing, and what was sealed with a
// dropped key was never there.
func TestKeyRotation(t *testing.T) {
	server := redistest.Start(t)
	pair := testKeys(t, 2)
	with := func(keys ...Key) *Manager {
		return testManager(t, openPatient(t, server.URL(), nil), func(c *Config) { c.Keys = keys })
	}
	before, during, after := with(pair[0]), with(pair[1], pair[0]), with(pair[1])
	old, young := newBrowser(), newBrowser()
	fill(t, before, old)
	somebody(t, during, old)
	nobody(t, before, young)
	fillOther(t, during, young)
	somebody(t, during, young)
	somebody(t, after, young)
	nobody(t, after, old)
	// While both are known, a sign-out everywhere reaches what either wrote.
	if _, err := during.EndSessions(t.Context(), "346511890217304067"); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*browser{old, young} {
		if _, err := during.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
			t.Errorf("after a sign-out everywhere: %v", err)
		}
	}
}

// fillOther is fill without a lock and without limits, which browsers share.
func fillOther(t *testing.T, m *Manager, b *browser) {
	t.Helper()
	signIn(t, m, b)
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "2"}, false)
	startAttempt(t, m, b, Attempt{})
}

// TestSpoiledRecords: whatever lies where a record should be, the visitor is
// anonymous, nothing panics, and a new sign-in works.
func TestSpoiledRecords(t *testing.T) {
	server := redistest.Start(t)
	m, raw := testManager(t, openPatient(t, server.URL(), nil), nil), server.Client()
	spoil := map[string]func(key string, value string) error{
		"flushed": func(key, _ string) error { return raw.Del(t.Context(), key).Err() },
		"empty":   func(key, _ string) error { return raw.Set(t.Context(), key, "", 0).Err() },
		"junk":    func(key, _ string) error { return raw.Set(t.Context(), key, "\x01junk\x00\xff{}", 0).Err() },
		"a list": func(key, _ string) error {
			return errors.Join(raw.Del(t.Context(), key).Err(), raw.RPush(t.Context(), key, "x").Err())
		},
		"a hash": func(key, _ string) error {
			return errors.Join(raw.Del(t.Context(), key).Err(), raw.HSet(t.Context(), key, "x", "y").Err())
		},
		"truncated": func(key, value string) error {
			return raw.Set(t.Context(), key, value[:len(value)/2], 0).Err()
		},
		"header alone": func(key, value string) error {
			return raw.Set(t.Context(), key, value[:min(len(value), headerSize)], 0).Err()
		},
		"one bit flipped": func(key, value string) error {
			return raw.Set(t.Context(), key, value[:len(value)-1]+string(value[len(value)-1]^1), 0).Err()
		},
		"of another format": func(key, value string) error {
			return raw.Set(t.Context(), key, "\x07"+value[1:], 0).Err()
		},
		"of another schema": func(key, _ string) error {
			vault := map[string]*Vault{"s": m.sessions, "t": m.tokens, "a": m.attempts, "c": m.accounts}[strings.Split(key, ":")[1]]
			if vault == nil {
				return nil
			}
			return raw.Set(t.Context(), key, vault.Seal(key, []byte{schema + 1, '{', '}'}), 0).Err()
		},
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			b := newBrowser()
			fillOther(t, m, b)
			somebody(t, m, b)
			for _, key := range keys(t, raw) {
				value, _ := raw.Get(t.Context(), key).Result() // an index has none
				if value == "" {
					value = "a zset's stand-in"
				}
				if err := spoil(key, value); err != nil {
					t.Fatal(err)
				}
			}
			nobody(t, m, b)
			if _, err := m.EndSessions(t.Context(), "346511890217304067"); err != nil {
				t.Errorf("sign-out everywhere: %v", err)
			}
			w := httptest.NewRecorder()
			if _, _, err := m.EndSession(t.Context(), w, b.request()); !errors.Is(err, ErrNotFound) {
				t.Errorf("sign-out: %v", err)
			}
			if wait, err := m.Allow(t.Context(), "p", "k"+name, Rate{1, time.Hour}); err != nil || wait != 0 {
				t.Errorf("limit: %v, %v", wait, err)
			}
			maps.DeleteFunc(b.cookies, func(name, _ string) bool { return strings.HasPrefix(name, attemptPrefix) })
			fillOther(t, m, b)
			somebody(t, m, b)
			if err := raw.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestLockOverJunk: junk where a lock belongs must not lock anybody out.
func TestLockOverJunk(t *testing.T) {
	server := redistest.Start(t)
	m, raw := testManager(t, openPatient(t, server.URL(), nil), nil), server.Client()
	unlock, err := m.Lock(t.Context(), "name", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	key := keys(t, raw)[0]
	unlock()
	if left := keys(t, raw); len(left) != 0 {
		t.Fatalf("left after unlock: %v", left)
	}
	if err := raw.RPush(t.Context(), key, "junk").Err(); err != nil {
		t.Fatal(err)
	}
	if unlock, err = m.Lock(t.Context(), "name", time.Minute); err != nil {
		t.Fatal(err)
	}
	unlock()
}
