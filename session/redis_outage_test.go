package session

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// everything calls each operation of a manager and gives the errors by name.
// What it returns for a browser that is known must be ErrUnavailable whenever
// the store is in trouble, and no response may touch a cookie.
func everything(t *testing.T, m *Manager, b *browser, s *Session, a *Attempt) (map[string]error, http.Header) {
	// Each has a deadline that is shorter than a read would wait: that it is
	// honoured is what the error says, without a watch.
	ctx := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	w := httptest.NewRecorder()
	_, errSession := m.Session(ctx(), b.request())
	_, errTokens := m.Tokens(ctx(), s)
	_, errAttempt := m.Attempt(ctx(), b.request(), a.Short)
	_, errNewest := m.Attempt(ctx(), b.request(), "")
	_, errAttempts := m.Attempts(ctx(), b.request())
	_, errAccounts := m.Accounts(ctx(), b.request())
	_, errSessions := m.Sessions(ctx(), s.Subject)
	_, errStartAttempt := m.StartAttempt(ctx(), w, b.request(), Attempt{})
	_, _, errEnd := m.EndSession(ctx(), w, b.request())
	_, errEndSessions := m.EndSessions(ctx(), s.Subject)
	_, errEndZitadel := m.EndZitadelSession(ctx(), s.Issuer, s.ZitadelSession)
	_, errAllow := m.Allow(ctx(), "p", "k", Rate{1, time.Second})
	_, errLock := m.Lock(ctx(), "name", time.Second)
	_, errOnce := m.Once(ctx(), "p", "k", time.Second)
	_, errStart := m.StartSession(ctx(), w, b.request(), Session{Subject: "1"}, TokenSet{})
	_, errAccount := m.AccountOf(ctx(), &Session{browser: "1"})
	return map[string]error{
		"session": errSession, "tokens": errTokens, "attempt": errAttempt, "newest attempt": errNewest, "attempts": errAttempts,
		"accounts": errAccounts, "sessions": errSessions, "start attempt": errStartAttempt, "end session": errEnd,
		"account of": errAccount, "allow": errAllow, "lock": errLock, "once": errOnce, "ping": m.Ping(ctx()),
		"save attempt": m.SaveAttempt(ctx(), a), "end attempt": m.EndAttempt(ctx(), w, a),
		"start session": errStart,
		"save tokens":   m.SaveTokens(ctx(), s, TokenSet{}), "end sessions": errEndSessions,
		"end zitadel session": errEndZitadel,
		"refresh accounts":    m.RefreshAccounts(ctx(), w, b.request()),
		"update account":      m.UpdateAccount(ctx(), w, b.request(), Account{UserID: "1"}),
		"remember account":    m.RememberAccount(ctx(), w, b.request(), Account{UserID: "1"}, false),
		"update token":        m.UpdateAccountToken(ctx(), b.request(), "346511903119245315", "token"),
		"forget account":      m.ForgetAccount(ctx(), w, b.request(), "346511903119245315"),
	}, w.Header()
}

// TestOutage: while Redis hangs or is gone, nobody is signed in, out, or turned
// into somebody else; when it is back the same cookies work, with no restart.
func TestOutage(t *testing.T) {
	server := redistest.Start(t)
	m := testManager(t, openRedis(t, server.URL()), nil)
	b := newBrowser()
	a := fill(t, m, b)
	s, err := m.Session(t.Context(), b.request())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Tokens(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, outage := range []struct {
		name       string
		begin, end func()
	}{
		{"frozen", server.Freeze, server.Thaw},
		{"killed", server.Kill, server.Restart},
	} {
		t.Run(outage.name, func(t *testing.T) {
			outage.begin()
			errs, header := everything(t, m, b, s, a)
			for op, err := range errs {
				if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrChanged) {
					t.Errorf("%s: %v", op, err)
				}
			}
			if len(header) > 0 {
				t.Errorf("an outage touched the browser: %v", header)
			}
			outage.end()
			redistest.Until(t, "redis to be back", func() bool { return m.Ping(t.Context()) == nil })
			somebody(t, m, b)
		})
	}
}

// TestLockWhileRedisHangs: a lock that could not be given back is given back when
// Redis goes on, and one that nobody was told to have is nobody's: the next to
// want it does not wait until it ends.
func TestLockWhileRedisHangs(t *testing.T) {
	server := redistest.Start(t)
	m := testManager(t, openRedis(t, server.URL()), nil)
	unlock, err := m.Lock(t.Context(), "given back", 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	server.Freeze()
	unlock()
	if _, err := m.Lock(t.Context(), "asked for", 10*time.Minute); !errors.Is(err, ErrUnavailable) {
		t.Errorf("while Redis hangs: %v", err)
	}
	server.Thaw()
	for _, name := range []string{"given back", "asked for"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		redistest.Until(t, "Redis to answer", func() bool { return m.Ping(ctx) == nil })
		if _, err := m.Lock(ctx, name, 10*time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPatience: what follows on an operation that timed out is waited for briefly,
// for the same request and for a moment.
func TestPatience(t *testing.T) {
	server := redistest.Start(t)
	store := openRedis(t, server.URL())
	ctx, other := WithPatience(t.Context()), WithPatience(t.Context())
	if _, err := store.Get(ctx, "test:nothing"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if patienceOf(ctx).left(redisOperation) != redisOperation {
		t.Error("an answer that was no value has used up the patience")
	}
	server.Freeze()
	if _, err := store.Get(ctx, "test:nothing"); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if left := patienceOf(ctx).left(redisOperation); left != briefly {
		t.Errorf("the next operation is waited for for %v", left)
	}
	for name, ctx := range map[string]context.Context{"another request": other, "no request": t.Context()} {
		if left := patienceOf(ctx).left(redisOperation); left != redisOperation {
			t.Errorf("%s: waits for %v", name, left)
		}
	}
	patienceOf(ctx).exhausted.Add(-int64(aMoment))
	if left := patienceOf(ctx).left(redisOperation); left != redisOperation {
		t.Errorf("a moment later an operation is waited for for %v", left)
	}
}
