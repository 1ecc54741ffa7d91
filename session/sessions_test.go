package session

import (
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSessionComesBack(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	got := signIn(t, m, b)
	want, tokens := alice()
	now := m.now()
	want.Created, want.Seen, want.Idle, want.Expires = now, now, now.Add(time.Hour), now.Add(12*time.Hour)
	want.UserAgent = b.request().UserAgent()
	want.TokensEnd, want.Recheck = tokens.Expires, now.Add(10*time.Minute)
	if early, late := now.Add(12*time.Hour*80/100), now.Add(12*time.Hour*90/100); got.Refresh.Before(early) || got.Refresh.After(late) {
		t.Errorf("refresh at %v, want from %v to %v", got.Refresh, early, late)
	}
	if diff := cmp.Diff(&want, got, cmpopts.IgnoreUnexported(Session{}), cmpopts.IgnoreFields(Session{}, "Handle", "Refresh")); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if len(got.Handle) != 16 || strings.Contains(b.cookies[sharedSession], got.Handle) {
		t.Errorf("handle %q", got.Handle)
	}
	if gotTokens, err := m.Tokens(t.Context(), got); err != nil || gotTokens != tokens {
		t.Errorf("tokens differ, %v", err)
	}
	if value := b.cookies[sharedSession]; len(value) > 100 {
		t.Errorf("cookie value of %d bytes", len(value))
	}
}

// TestNewSessionReplacesOld: a planted or noted id is worth nothing after a
// sign-in, and leaves nothing behind.
func TestNewSessionReplacesOld(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	signIn(t, m, b)
	planted := &browser{cookies: map[string]string{sharedSession: b.cookies[sharedSession]}}
	second := signIn(t, m, b)
	if b.cookies[sharedSession] == planted.cookies[sharedSession] {
		t.Error("the id is the same")
	}
	if _, err := m.Session(t.Context(), planted.request()); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old id: %v", err)
	}
	store := m.store.(*Memory)
	if len(store.records) != 2 {
		t.Errorf("%d records", len(store.records))
	}
	for index, members := range store.indexes {
		if len(members) != 1 {
			t.Errorf("%s has %d members", index, len(members))
		}
	}
	if sessions, err := m.Sessions(t.Context(), second.Subject); err != nil || len(sessions) != 1 || sessions[0].Handle != second.Handle {
		t.Errorf("sessions %v, %v", sessions, err)
	}
}

// TestIdleSlides: use extends the idle time, never the absolute one; looking
// without sliding extends nothing; and most uses write nothing.
func TestIdleSlides(t *testing.T) {
	c := newClock()
	store := &spy{Store: NewMemory(c.Now)}
	m := testManager(t, store, func(cfg *Config) { cfg.Now, cfg.Idle, cfg.Max = c.Now, time.Hour, 3*time.Hour })
	b := newBrowser()
	started := signIn(t, m, b)
	use := func() *Session {
		t.Helper()
		s, err := m.Session(t.Context(), b.request())
		if err != nil {
			t.Fatalf("at %v: %v", c.Now(), err)
		}
		return s
	}
	reads, writes := store.reads, store.writes
	for range 6 {
		c.advance(time.Minute)
		use()
	}
	if store.writes != writes {
		t.Errorf("%d writes within a tenth of the idle time", store.writes-writes)
	}
	if store.reads != reads+6 {
		t.Errorf("%d reads for 6 requests", store.reads-reads)
	}
	c.advance(time.Minute)
	if s := use(); !s.Idle.Equal(c.Now().Add(time.Hour)) || !s.Expires.Equal(started.Expires) {
		t.Errorf("idle until %v, ends %v", s.Idle, s.Expires)
	}
	if store.writes != writes+1 {
		t.Errorf("%d writes for a use beyond it", store.writes-writes)
	}
	c.advance(50 * time.Minute)
	if s, err := m.Peek(t.Context(), b.request()); err != nil || !s.Idle.Equal(c.Now().Add(10*time.Minute)) {
		t.Errorf("a look without sliding: %v", err)
	}
	for c.Now().Before(started.Expires.Add(-time.Minute)) {
		use()
		c.advance(time.Minute)
	}
	if s := use(); !s.Idle.Equal(started.Expires) {
		t.Errorf("idle time %v runs beyond the absolute end %v", s.Idle, started.Expires)
	}
	c.advance(time.Minute)
	if _, err := m.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
		t.Errorf("at the absolute end: %v", err)
	}
}

func TestIdleEnds(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	signIn(t, m, b)
	c.advance(time.Hour - time.Second)
	if _, err := m.Peek(t.Context(), b.request()); err != nil {
		t.Errorf("just before: %v", err)
	}
	c.advance(time.Second)
	if _, err := m.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
		t.Errorf("after an hour without use: %v", err)
	}
}

// TestTouchDoesNotRevive: a session that ends while a request notes its use
// stays ended.
func TestTouchDoesNotRevive(t *testing.T) {
	c := newClock()
	store := &interrupted{Memory: NewMemory(c.Now)}
	m := testManager(t, store, func(cfg *Config) { cfg.Now = c.Now })
	b := newBrowser()
	s := signIn(t, m, b)
	c.advance(10 * time.Minute)
	store.onSwap = func() {
		store.onSwap = nil
		if _, err := m.EndSessions(t.Context(), s.Subject); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.Session(t.Context(), b.request()); err != nil {
		t.Errorf("the request that was being answered: %v", err)
	}
	if store.onSwap != nil {
		t.Fatal("nothing was noted, so nothing was tested")
	}
	if _, err := m.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
		t.Errorf("the next: %v", err)
	}
}

func TestPersistentSession(t *testing.T) {
	m, c := memoryWorld(t, nil)
	for _, persistent := range []bool{false, true} {
		b, w := newBrowser(), httptest.NewRecorder()
		s, tokens := alice()
		s.Persistent = persistent
		if _, err := m.StartSession(t.Context(), w, b.request(), s, tokens); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		want := 0
		if persistent {
			want = 30 * 24 * 3600
		}
		if got := w.Result().Cookies()[0].MaxAge; got != want {
			t.Errorf("persistent %t: Max-Age %d", persistent, got)
		}
		c.advance(29 * 24 * time.Hour)
		if _, err := m.Session(t.Context(), b.request()); persistent != (err == nil) {
			t.Errorf("persistent %t: after 29 days unused: %v", persistent, err)
		}
		c.advance(24 * time.Hour)
		if _, err := m.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
			t.Errorf("persistent %t: after 30 days: %v", persistent, err)
		}
	}
}

// TestSessionEndsEarlier: the caller may end it sooner, never later.
func TestSessionEndsEarlier(t *testing.T) {
	m, c := memoryWorld(t, nil)
	for ask, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 99 * time.Hour: 12 * time.Hour} {
		b, w := newBrowser(), httptest.NewRecorder()
		if _, err := m.StartSession(t.Context(), w, b.request(), Session{Subject: "1", Expires: c.Now().Add(ask)}, TokenSet{}); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		if s, err := m.Peek(t.Context(), b.request()); err != nil || !s.Expires.Equal(c.Now().Add(want)) {
			t.Errorf("asked for %v: %v", ask, err)
		}
	}
}

func TestSessionThatCannotBe(t *testing.T) {
	m, c := memoryWorld(t, nil)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = "role-" + strconv.Itoa(i)
	}
	for name, s := range map[string]Session{
		"nobody's":         {},
		"of the past":      {Subject: "1", Expires: c.Now().Add(-time.Second)},
		"of too many":      {Subject: "1", Roles: many},
		"of a huge issuer": {Subject: "1", Issuer: strings.Repeat("x", 1<<20)},
	} {
		w := httptest.NewRecorder()
		_, err := m.StartSession(t.Context(), w, newBrowser().request(), s, TokenSet{})
		if err == nil || len(w.Header()) > 0 || len(m.store.(*Memory).records) > 0 {
			t.Errorf("a session %s: %v, headers %v", name, err, w.Header())
		}
		if large := strings.HasPrefix(name, "of "); large && s.Expires.IsZero() && !errors.Is(err, ErrTooLarge) {
			t.Errorf("a session %s: %v", name, err)
		}
	}
}

func TestEndSession(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	w := httptest.NewRecorder()
	want, tokens := alice()
	if _, err := m.StartSession(t.Context(), w, b.request(), want, tokens); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	set := w.Result().Cookies()[0].Raw
	r := b.request() // a second copy of the request is on its way
	w = httptest.NewRecorder()
	s, gotTokens, err := m.EndSession(t.Context(), w, b.request())
	if err != nil || s.Subject != want.Subject || gotTokens != tokens {
		t.Errorf("ended %v, %v", s, err)
	}
	sameAttributes(t, set, w.Result().Cookies()[0].Raw)
	b.take(t, w)
	if len(b.cookies) != 0 {
		t.Errorf("cookies left: %v", b.cookies)
	}
	if store := m.store.(*Memory); len(store.records)+len(store.indexes) != 0 {
		t.Errorf("left in the store: %d records, %d indexes", len(store.records), len(store.indexes))
	}
	w = httptest.NewRecorder()
	if _, _, err := m.EndSession(t.Context(), w, r); !errors.Is(err, ErrNotFound) || len(w.Result().Cookies()) != 1 {
		t.Errorf("the second copy: %v, %v", err, w.Header())
	}
	w = httptest.NewRecorder()
	if _, _, err := m.EndSession(t.Context(), w, newBrowser().request()); !errors.Is(err, ErrNotFound) || len(w.Header()) != 0 {
		t.Errorf("a browser without a session: %v, %v", err, w.Header())
	}
}

// TestSaveTokens: refreshed tokens are stored once, and never for a browser that
// has signed out meanwhile.
func TestSaveTokens(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	signIn(t, m, b)
	read := func() *Session {
		t.Helper()
		s, err := m.Peek(t.Context(), b.request())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Tokens(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	winner, loser, gone := read(), read(), read()
	for _, token := range []string{"one", "two"} {
		if err := m.SaveTokens(t.Context(), winner, TokenSet{AccessToken: token, Expires: c.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.SaveTokens(t.Context(), loser, TokenSet{AccessToken: "lost"}); !errors.Is(err, ErrChanged) {
		t.Errorf("the second refresh: %v", err)
	}
	if got, err := m.Tokens(t.Context(), loser); err != nil || got.AccessToken != "two" || !got.Expires.Equal(c.Now()) {
		t.Errorf("stored: %v", err)
	}
	if unread, err := m.Peek(t.Context(), b.request()); err != nil || !errors.Is(m.SaveTokens(t.Context(), unread, TokenSet{}), ErrChanged) {
		t.Errorf("tokens were stored over ones that were never read: %v", err)
	}
	gone = read()
	if _, err := m.EndSessions(t.Context(), gone.Subject); err != nil {
		t.Fatal(err)
	}
	if err := m.SaveTokens(t.Context(), gone, TokenSet{AccessToken: "late"}); !errors.Is(err, ErrChanged) {
		t.Errorf("a refresh that ends after the sign-out: %v", err)
	}
	if records := len(m.store.(*Memory).records); records != 0 {
		t.Errorf("%d records after the sign-out", records)
	}
}

// TestAnonymousLeavesNoTrace: a browser that is not signed in causes no write
// and is given no cookie, and one without a cookie not even a read.
func TestAnonymousLeavesNoTrace(t *testing.T) {
	store := &spy{Store: NewMemory(nil)}
	m := testManager(t, store, nil)
	known := testManager(t, NewMemory(nil), nil) // another Redis and other keys
	forged := newBrowser()
	signIn(t, known, forged)
	remember(t, known, forged, Account{UserID: "1", ZitadelSession: "1"}, false)
	startAttempt(t, known, forged, Attempt{})
	for name, b := range map[string]*browser{"without cookies": newBrowser(), "with unknown cookies": forged} {
		nobody(t, m, b)
		w := httptest.NewRecorder()
		if err := m.ForgetAccount(t.Context(), w, b.request(), "1"); err != nil {
			t.Error(err)
		}
		if store.writes > 0 || len(w.Header()) > 0 {
			t.Errorf("%s: %d writes, headers %v", name, store.writes, w.Header())
		}
		if name == "without cookies" && store.reads > 0 {
			t.Errorf("%s: %d reads", name, store.reads)
		}
		store.reads = 0
	}
	delete(forged.cookies, sharedSession)
	nobody(t, m, forged)
	if store.reads > 0 {
		t.Errorf("forged attempt and accounts cookies: %d reads", store.reads)
	}
}
