package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// gate is the way of one request to a store. It stops once, before the operation
// that a test says.
type gate struct {
	Store
	left          int // operations until it stops
	stopped, goOn chan struct{}
}

func newGate(store Store, left int) *gate {
	return &gate{store, left, make(chan struct{}), make(chan struct{})}
}

func (g *gate) pass() {
	if g.left--; g.left == -1 {
		close(g.stopped)
		<-g.goOn
	}
}

func (g *gate) Get(ctx context.Context, key string) ([]byte, error) {
	g.pass()
	return g.Store.Get(ctx, key)
}

func (g *gate) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	g.pass()
	return g.Store.Put(ctx, key, value, ttl)
}

func (g *gate) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	g.pass()
	return g.Store.Swap(ctx, key, old, new, ttl)
}

func (g *gate) Delete(ctx context.Context, keys ...string) error {
	g.pass()
	return g.Store.Delete(ctx, keys...)
}

func (g *gate) Add(ctx context.Context, index, member string, ttl time.Duration) error {
	g.pass()
	return g.Store.Add(ctx, index, member, ttl)
}

func (g *gate) Remove(ctx context.Context, index, member string) error {
	g.pass()
	return g.Store.Remove(ctx, index, member)
}

func (g *gate) Members(ctx context.Context, index string) ([]string, error) {
	g.pass()
	return g.Store.Members(ctx, index)
}

// begin runs a request until it stops at the gate or is done. finish lets it go on
// and waits for its end.
func (g *gate) begin(request func()) (stopped bool, finish func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		request()
	}()
	finish = func() {
		close(g.goOn)
		<-done
	}
	select {
	case <-g.stopped:
		return true, finish
	case <-done:
		return false, finish
	}
}

// meeting is two requests that meet, and what must be true after both.
type meeting struct {
	first, second func(*Manager)
	then          func(how string)
}

// interleaved has two requests meet on a store in many ways: the first stops before
// one of its operations, then the second before one of its own; the first goes on to
// its end, and then the second. Each operation has its turn.
func interleaved(t *testing.T, store Store, arrange func(*Manager) meeting) {
	keys := testKeys(t, 1)
	on := func(store Store) *Manager {
		return testManager(t, store, func(cfg *Config) { cfg.Keys = keys })
	}
	for i, more := 0, true; more; i++ {
		for j, again := 0, true; again && !t.Failed(); j++ {
			meet := arrange(on(store))
			first, second := newGate(store, i), newGate(store, j)
			var finishFirst, finishSecond func()
			more, finishFirst = first.begin(func() { meet.first(on(first)) })
			again, finishSecond = second.begin(func() { meet.second(on(second)) })
			finishFirst()
			finishSecond()
			meet.then(fmt.Sprintf("stopped before operations %d and %d", i, j))
		}
		more = more && !t.Failed()
	}
}

// onEveryStore runs a test on what the conformance suite runs on.
func onEveryStore(t *testing.T, test func(*testing.T, Store)) {
	for name, open := range map[string]func(*testing.T) Store{
		"memory": func(*testing.T) Store { return NewMemory(nil) },
		"redis":  func(t *testing.T) Store { return openPatient(t, redistest.Start(t).URL(), nil) },
		"tls": func(t *testing.T) Store {
			server, trust := redistest.StartSecure(t)
			return openPatient(t, server.URL(), trust)
		},
		"sentinel": func(t *testing.T) Store {
			return openPatient(t, "redis+sentinel://"+redistest.Watch(t, redistest.Start(t)).Address()+"/main", nil)
		},
		"cluster": func(t *testing.T) Store { return openPatient(t, redistest.StartCluster(t, 1, false).URL(), nil) },
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// TestSessionsAreSeenWhileOneStarts: whoever reads a user's sessions, or ends them,
// while another one starts does not take that one out of its indexes. It is listed
// and ended by everything that comes later, or has been ended already.
func TestSessionsAreSeenWhileOneStarts(t *testing.T) {
	requests := map[string]struct {
		do   func(*Manager, *Session) error
		ends bool
	}{
		"list":       {func(m *Manager, s *Session) error { _, err := m.Sessions(t.Context(), s.Subject); return err }, false},
		"everywhere": {func(m *Manager, s *Session) error { _, err := m.EndSessions(t.Context(), s.Subject); return err }, true},
		"all others": {func(m *Manager, s *Session) error {
			_, err := m.EndOtherSessions(t.Context(), s.Subject, "")
			return err
		}, true},
		"backchannel": {func(m *Manager, s *Session) error {
			_, err := m.EndZitadelSession(t.Context(), s.Issuer, s.ZitadelSession)
			return err
		}, true},
	}
	onEveryStore(t, func(t *testing.T, store Store) {
		for name, request := range requests {
			interleaved(t, store, func(m *Manager) meeting {
				b, w := newBrowser(), httptest.NewRecorder()
				s, tokens := alice()
				s.Subject, s.ZitadelSession = rand.Text(), rand.Text()
				return meeting{
					first: func(m *Manager) {
						if _, err := m.StartSession(t.Context(), w, b.request(), s, tokens); err != nil {
							t.Errorf("%s: sign-in: %v", name, err)
						}
					},
					second: func(m *Manager) {
						if err := request.do(m, &s); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					},
					then: func(how string) {
						b.take(t, w)
						isEndedByAll(t, m, b, name+", "+how, request.ends)
					},
				}
			})
		}
	})
}

// isEndedByAll fails unless a browser's session is listed, found by its ZITADEL
// session and then ended, with all of its entries; it may have ended before.
func isEndedByAll(t *testing.T, m *Manager, b *browser, how string, mayHaveEnded bool) {
	t.Helper()
	s, err := m.Peek(t.Context(), b.request())
	if errors.Is(err, ErrNotFound) && mayHaveEnded {
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", how, err)
	}
	if listed, err := m.Sessions(t.Context(), s.Subject); err != nil || len(listed) != 1 {
		t.Errorf("%s: %d sessions are listed, %v", how, len(listed), err)
	}
	if ended, err := m.EndZitadelSession(t.Context(), s.Issuer, s.ZitadelSession); err != nil || len(ended) != 1 {
		t.Errorf("%s: the end of its ZITADEL session ends %d sessions, %v", how, len(ended), err)
	}
	if left, err := m.members(t.Context(), append(m.userIndexes(s.Subject), m.zitadelIndexes(s.Issuer, s.ZitadelSession)...)); err != nil || len(left) != 0 {
		t.Errorf("%s: %d entries are left, %v", how, len(left), err)
	}
}

// TestEntriesWithoutASessionVanish: those of what has run out do, and not those of
// what only one replica's clock takes for over.
func TestEntriesWithoutASessionVanish(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store Store) {
		c, keys := newClock(), testKeys(t, 1)
		m := testManager(t, store, func(cfg *Config) { cfg.Keys, cfg.Now = keys, c.Now })
		ahead := testManager(t, store, func(cfg *Config) {
			cfg.Keys, cfg.Now = keys, func() time.Time { return c.Now().Add(2 * time.Hour) }
		})
		b := newBrowser()
		s := signIn(t, m, b)
		if listed, err := ahead.Sessions(t.Context(), s.Subject); err != nil || len(listed) != 0 {
			t.Errorf("a replica that is hours ahead lists %d, %v", len(listed), err)
		}
		if listed, err := m.Sessions(t.Context(), s.Subject); err != nil || len(listed) != 1 {
			t.Errorf("after it was asked, %d are listed, %v", len(listed), err)
		}
		if err := store.Delete(t.Context(), m.sessionKey(s.hash)); err != nil { // as when it has run out
			t.Fatal(err)
		}
		if _, err := m.Sessions(t.Context(), s.Subject); err != nil {
			t.Fatal(err)
		}
		if left, err := m.members(t.Context(), m.userIndexes(s.Subject)); err != nil || len(left) != 0 {
			t.Errorf("%d entries are left, %v", len(left), err)
		}
	})
}

// signedIn is a browser with alice's account and session.
func signedIn(t *testing.T, m *Manager) (b *browser, s *Session) {
	t.Helper()
	b = newBrowser()
	of, _ := alice()
	remember(t, m, b, Account{UserID: of.Subject, ZitadelSession: of.ZitadelSession, ZitadelToken: "one"}, false)
	return b, signIn(t, m, b)
}

// isFound fails unless an account stands behind a session.
func isFound(t *testing.T, m *Manager, s *Session, how string) {
	t.Helper()
	if account, err := m.AccountOf(context.Background(), s); err != nil || account.ZitadelToken != "one" {
		t.Errorf("%s: the account behind the session is %q, %v", how, account.ZitadelSession, err)
	}
}

// TestAccountIsFoundWhileItMoves: a session's account is found while it moves, and
// looking for it in the middle does not keep it from being found later.
func TestAccountIsFoundWhileItMoves(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store Store) {
		interleaved(t, store, func(m *Manager) meeting {
			b, s := signedIn(t, m)
			return meeting{
				first: func(m *Manager) {
					bob := Account{UserID: "bob", ZitadelSession: "bob's", ZitadelToken: "his"}
					if err := m.RememberAccount(t.Context(), httptest.NewRecorder(), b.request(), bob, false); err != nil {
						t.Error(err)
					}
				},
				second: func(m *Manager) { isFound(t, m, s, "meanwhile") },
				then: func(how string) {
					isFound(t, m, s, how)
					if left, err := m.members(t.Context(), m.browserIndexes(s.browser)); err != nil || len(left) > 2 {
						t.Errorf("%s: %d entries are left, %v", how, len(left), err)
					}
				},
			}
		})
	})
}

// TestAccountIsFoundAfterAMoveThatLost: a move that comes second is tried again, and
// whoever looks between its tries does not take the second for the first.
func TestAccountIsFoundAfterAMoveThatLost(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store Store) {
		keys := testKeys(t, 1)
		on := func(store Store) *Manager {
			return testManager(t, store, func(cfg *Config) { cfg.Keys = keys })
		}
		m := on(store)
		for j, more := 0, true; more; j++ {
			b, s := signedIn(t, m)
			puts := 0
			look, finish := newGate(store, j), func() {}
			mover := on(&beforePut{store, func() {
				switch puts++; puts {
				case 1: // another tab's change comes first
					if err := m.UpdateAccountToken(t.Context(), b.request(), s.ZitadelSession, "one"); err != nil {
						t.Error(err)
					}
				case 2: // what was put has been taken back, and is put anew
					more, finish = look.begin(func() { isFound(t, on(look), s, "meanwhile") })
				}
			}})
			remember(t, mover, b, Account{UserID: "bob", ZitadelSession: "bob's"}, false)
			finish()
			if puts != 2 {
				t.Fatalf("put %d times", puts)
			}
			isFound(t, m, s, fmt.Sprintf("stopped before operation %d", j))
		}
	})
}

// beforePut lets a test do something before a value is put.
type beforePut struct {
	Store
	do func()
}

func (s *beforePut) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	s.do()
	return s.Store.Put(ctx, key, value, ttl)
}
