package session

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"torhaus/session/redistest"
)

// TestRefreshesAreSpread: a thousand sessions that began in the same second are
// refreshed at points of their own, each the same on every replica.
func TestRefreshesAreSpread(t *testing.T) {
	m, c := memoryWorld(t, nil)
	var parts []float64
	life := 12 * time.Hour
	for i := range 1000 {
		b, w := newBrowser(), httptest.NewRecorder()
		s := Session{Subject: fmt.Sprint(i)}
		if _, err := m.StartSession(t.Context(), w, b.request(), s, TokenSet{RefreshToken: "r", Expires: c.Now().Add(life)}); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		got, err := m.Peek(t.Context(), b.request())
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, float64(got.Refresh.Sub(c.Now()))/float64(life))
		again := *got
		if again.keepTimes(TokenSet{RefreshToken: "r", Expires: c.Now().Add(life)}, c.Now()); !again.Refresh.Equal(got.Refresh) {
			t.Fatalf("the same session at %v and %v", got.Refresh, again.Refresh)
		}
	}
	slices.Sort(parts)
	if parts[0] < 0.80-1e-4 || parts[999] > 0.90 {
		t.Errorf("from %v to %v of their life", parts[0], parts[999])
	}
	for tenth := range 10 {
		from, n := 0.80+float64(tenth)/100, 0
		for _, part := range parts {
			if part >= from && part < from+0.01 {
				n++
			}
		}
		if n < 50 || n > 150 {
			t.Errorf("%d of a thousand in one hundredth of their life, from %v", n, from)
		}
	}
}

// TestPostponed: each try that comes to nothing is followed by a longer pause, up
// to a bound that is shorter where people wait; no two sessions have the same.
func TestPostponed(t *testing.T) {
	now := newClock().Now()
	for ended, longest := range map[bool]time.Duration{false: longestRetry, true: urgentRetry} {
		s := &Session{hash: "x"}
		if ended {
			s.TokensEnd = now
		}
		var last time.Duration
		for range 100 { // more than a shift could take
			s.postpone(refreshing, now)
			pause := s.Refresh.Sub(now)
			if pause < last || pause < time.Second || pause > longest*12/10 {
				t.Fatalf("ended %t: a pause of %v after %v", ended, pause, last)
			}
			last = pause
		}
		if last < longest*8/10 {
			t.Errorf("ended %t: no pause is longer than %v", ended, last)
		}
	}
	pauses := map[time.Duration]bool{}
	for i := range 100 {
		s := &Session{hash: fmt.Sprint(i), failures: 10}
		s.postpone(checking, now)
		pauses[s.Recheck.Sub(now)] = true
	}
	if len(pauses) < 20 {
		t.Errorf("a hundred sessions try again at %d points in time", len(pauses))
	}
}

// untouched is a provider that must not be asked.
type untouched struct{ Provider }

// testKeeper makes a keeper that asks nobody.
func testKeeper(t testing.TB, m *Manager) *Keeper {
	k := NewKeeper(KeeperConfig{Sessions: m, Provider: untouched{}})
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// TestNothingDueIsOneRead: what an app's request costs.
func TestNothingDueIsOneRead(t *testing.T) {
	c := newClock()
	store := &spy{Store: NewMemory(c.Now)}
	m := testManager(t, store, func(cfg *Config) { cfg.Now = c.Now })
	k := testKeeper(t, m)
	b := newBrowser()
	signIn(t, m, b)
	c.advance(time.Minute)
	r := b.request()
	store.reads, store.writes = 0, 0
	if _, err := k.Session(t.Context(), r, true); err != nil || store.reads != 1 || store.writes != 0 {
		t.Errorf("%d reads, %d writes, %v", store.reads, store.writes, err)
	}
	if allocations := testing.AllocsPerRun(100, func() { _, _ = k.Session(t.Context(), r, true) }); allocations > 20 {
		t.Errorf("%v allocations", allocations)
	}
}

// BenchmarkKeeper is a session check in process: no HTTP, the memory store.
func BenchmarkKeeper(b *testing.B) {
	m, err := NewManager(Config{Store: NewMemory(nil), Keys: Keys{GenerateKey()}, Environment: "test", CookieDomain: "example.com"})
	if err != nil {
		b.Fatal(err)
	}
	k := testKeeper(b, m)
	visitor, w := newBrowser(), httptest.NewRecorder()
	s, tokens := alice()
	tokens.Expires = time.Now().Add(12 * time.Hour)
	if _, err := m.StartSession(b.Context(), w, visitor.request(), s, tokens); err != nil {
		b.Fatal(err)
	}
	visitor.cookies[sharedSession] = w.Result().Cookies()[0].Value
	r := visitor.request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Session(b.Context(), r, true); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSessionWeighsLittle: all that a Redis keeps of one session, by its own
// account, with opaque tokens and accounts behind it.
func TestSessionWeighsLittle(t *testing.T) {
	server := redistest.Start(t)
	raw := server.Client()
	m := testManager(t, openPatient(t, server.URL(), nil), nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "346511890217304067", ZitadelSession: "346511903119245315", ZitadelToken: "t"}, false)
	before := weight(t, raw)
	signIn(t, m, b)
	used := weight(t, raw) - before
	t.Logf("a session takes %d bytes", used)
	if used > 1536 || used < 300 {
		t.Errorf("a session takes %d bytes, want at most 1.5 KB", used)
	}
}

// weight is what all keys take in memory.
func weight(t *testing.T, raw *redis.Client) (sum int64) {
	t.Helper()
	keys, err := raw.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		used, err := raw.MemoryUsage(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		sum += used
	}
	return sum
}

// TestSessionFindsItsAccount: wherever the accounts move, without a cookie, and
// nowhere else.
func TestSessionFindsItsAccount(t *testing.T) {
	for name, store := range map[string]Store{"memory": nil, "Redis": openPatient(t, redistest.Start(t).URL(), nil)} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			if store == nil {
				store = NewMemory(c.Now)
			}
			m := testManager(t, store, func(cfg *Config) { cfg.Now = c.Now })
			b, other := newBrowser(), newBrowser()
			s, _ := alice()
			mine := Account{UserID: s.Subject, ZitadelSession: s.ZitadelSession, ZitadelToken: "one"}
			remember(t, m, other, Account{UserID: s.Subject, ZitadelSession: "9", ZitadelToken: "of another browser"}, true)
			remember(t, m, b, mine, true)
			own := signIn(t, m, b)
			finds := func(session, token string) {
				t.Helper()
				account, err := m.AccountOf(t.Context(), own)
				if err != nil || account.ZitadelSession != session || account.ZitadelToken != token {
					t.Errorf("found %q, %v; want %q", account.ZitadelToken, err, token)
				}
			}
			finds(s.ZitadelSession, "one")
			for i := range 5 { // another user signs in, in the same browser
				remember(t, m, b, Account{UserID: fmt.Sprint(i), ZitadelSession: fmt.Sprint(i), ZitadelToken: "others"}, true)
				c.advance(2 * movedTTL)
			}
			finds(s.ZitadelSession, "one")
			if err := m.UpdateAccountToken(t.Context(), b.request(), s.ZitadelSession, "two"); err != nil {
				t.Fatal(err)
			}
			finds(s.ZitadelSession, "two")
			mine.ZitadelSession, mine.ZitadelToken = "346511903119249999", "three"
			remember(t, m, b, mine, true)
			finds("346511903119249999", "three")
			// Stale entries are cleaned away by whoever meets them.
			if left, err := m.members(t.Context(), m.browserIndexes(own.browser)); err != nil || len(left) > 2 {
				t.Errorf("%d entries are left, %v", len(left), err)
			}
			if err := m.ForgetAccount(t.Context(), httptest.NewRecorder(), b.request(), "346511903119249999"); err != nil {
				t.Fatal(err)
			}
			if _, err := m.AccountOf(t.Context(), own); !errors.Is(err, ErrNotFound) {
				t.Errorf("after it was forgotten: %v", err)
			}
		})
	}
}

// TestPlantedAccounts: who can write to the store cannot put another browser's
// accounts behind a session.
func TestPlantedAccounts(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b, thief := newBrowser(), newBrowser()
	s, _ := alice()
	remember(t, m, b, Account{UserID: "another", ZitadelSession: "1", ZitadelToken: "1"}, true)
	own := signIn(t, m, b)
	remember(t, m, thief, Account{UserID: s.Subject, ZitadelSession: s.ZitadelSession, ZitadelToken: "stolen"}, true)
	at, err := m.findAccounts(t.Context(), thief.cookies[accountsName])
	if err != nil {
		t.Fatal(err)
	}
	if err := m.store.Add(t.Context(), m.browserIndexes(own.browser)[0], accountsHash(at.id), time.Hour); err != nil {
		t.Fatal(err)
	}
	if account, err := m.AccountOf(t.Context(), own); !errors.Is(err, ErrNotFound) {
		t.Errorf("found %q, %v", account.ZitadelToken, err)
	}
}

// TestReplacedTokensAreGivenBack: the caller can revoke what ends for a sign-in.
func TestReplacedTokensAreGivenBack(t *testing.T) {
	m, c := memoryWorld(t, nil)
	start := func(b *browser, token string) []TokenSet {
		t.Helper()
		w := httptest.NewRecorder()
		replaced, err := m.StartSession(t.Context(), w, b.request(), Session{Subject: "1"}, TokenSet{RefreshToken: token})
		if err != nil {
			t.Fatal(err)
		}
		c.advance(time.Second)
		b.take(t, w)
		return replaced
	}
	b := newBrowser()
	if replaced := start(b, "first"); len(replaced) != 0 {
		t.Errorf("replaced by the first: %d", len(replaced))
	}
	if replaced := start(b, "second"); len(replaced) != 1 || replaced[0].RefreshToken != "first" {
		t.Errorf("replaced in the same browser: %d", len(replaced))
	}
	for range maxSessions - 1 {
		start(newBrowser(), "another")
	}
	if replaced := start(newBrowser(), "one too many"); len(replaced) != 1 || replaced[0].RefreshToken != "second" {
		t.Errorf("replaced as the oldest: %d", len(replaced))
	}
}

// slow is a provider that is asked and takes its time.
type slow struct {
	Provider
	asked, answer chan struct{}
}

// Check takes as long as the test wants.
func (p slow) Check(ctx context.Context, _ *Session) error {
	close(p.asked)
	select {
	case <-p.answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestCloseWaits: what has begun is finished, and stored, before the owner goes on
// with its end.
func TestCloseWaits(t *testing.T) {
	m, c := memoryWorld(t, nil)
	p := slow{asked: make(chan struct{}), answer: make(chan struct{})}
	k := NewKeeper(KeeperConfig{Sessions: m, Provider: p})
	b := newBrowser()
	before := signIn(t, m, b)
	c.advance(10 * time.Minute)
	ctx, leave := context.WithCancel(t.Context())
	asked := make(chan error)
	go func() {
		_, err := k.Session(ctx, b.request(), false)
		asked <- err
	}()
	<-p.asked
	leave()
	if err := <-asked; !errors.Is(err, ErrUnavailable) {
		t.Errorf("the request that was left: %v", err)
	}
	closed := make(chan error)
	go func() { closed <- k.Close() }()
	select {
	case <-closed:
		t.Error("closed while something is under way")
	default:
	}
	close(p.answer)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if s, err := m.Peek(t.Context(), b.request()); err != nil || !s.Recheck.After(before.Recheck) {
		t.Errorf("what was found out is not stored: %v", err)
	}
	if _, err := k.Session(t.Context(), b.request(), false); err != nil {
		t.Errorf("with nothing due, after the end: %v", err)
	}
}
