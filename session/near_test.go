package session

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// nearWorld is two replicas over one memory store; the first has a near cache, and
// what it asks the store is counted.
type nearWorld struct {
	t       *testing.T
	clock   *clock
	store   *spy
	near    *Keeper
	manager *Manager
	other   *Manager
}

func newNearWorld(t *testing.T) *nearWorld {
	t.Helper()
	w := &nearWorld{t: t, clock: newClock()}
	operator, memory := testKeys(t, 1), NewMemory(w.clock.Now)
	w.store = &spy{Store: memory}
	w.manager = testManager(t, w.store, func(c *Config) {
		c.Now, c.Keys, c.Cache, c.Recheck = w.clock.Now, operator, MaxCache, 24*time.Hour // nothing is due but what a test is about
	})
	w.other = testManager(t, memory, func(c *Config) { c.Now, c.Keys = w.clock.Now, operator })
	w.near = testKeeper(t, w.manager)
	return w
}

// asks asks the replica with the cache, and says what that cost.
func (w *nearWorld) asks(b *browser) (err error, reads int) {
	w.t.Helper()
	before := w.store.reads
	_, err = w.near.Recent(w.t.Context(), b.request(), true)
	return err, w.store.reads - before
}

// wants fails unless asking gives this error and costs this many reads.
func (w *nearWorld) wants(when string, b *browser, want error, reads int) {
	w.t.Helper()
	if err, n := w.asks(b); !errors.Is(err, want) || n != reads {
		w.t.Errorf("%s: %v after %d reads, want %v after %d", when, err, n, want, reads)
	}
}

// TestRecent: one read a second and not one more; and nobody is asked for anew.
func TestRecent(t *testing.T) {
	w := newNearWorld(t)
	b := newBrowser()
	w.wants("a stranger", b, ErrNotFound, 0)
	signIn(t, w.other, b)
	w.wants("the first time", b, nil, 1)
	w.wants("at once again", b, nil, 0)
	w.clock.advance(MaxCache - 1)
	w.wants("just before a second has passed", b, nil, 0)
	w.clock.advance(1)
	w.wants("after a second", b, nil, 1)
	if _, err := w.other.EndSessions(t.Context(), "346511890217304067"); err != nil {
		t.Fatal(err)
	}
	w.wants("signed out elsewhere a moment ago", b, nil, 0)
	w.clock.advance(MaxCache)
	w.wants("signed out elsewhere", b, ErrNotFound, 1)
	w.wants("nobody is not remembered", b, ErrNotFound, 1)
}

// exactly are the ways of this process to learn what a session is, whatever it
// remembers of it.
func (w *nearWorld) exactly(b *browser) map[string]func() (*Session, error) {
	return map[string]func() (*Session, error){
		"session": func() (*Session, error) { return w.near.Session(w.t.Context(), b.request(), false) },
		"peek":    func() (*Session, error) { return w.manager.Peek(w.t.Context(), b.request()) },
	}
}

// changes has another replica give the session other roles.
func (w *nearWorld) changes(s *Session, roles ...string) {
	w.t.Helper()
	changed, key := *s, w.other.sessionKey(s.hash)
	changed.Roles = roles
	if err := w.other.store.Put(w.t.Context(), key, w.other.sessions.Seal(key, changed.encode()), time.Hour); err != nil {
		w.t.Fatal(err)
	}
}

// wantsRoles fails unless asking tells of these roles.
func (w *nearWorld) wantsRoles(when string, b *browser, roles ...string) {
	w.t.Helper()
	if s, err := w.near.Recent(w.t.Context(), b.request(), false); err != nil || !slices.Equal(s.Roles, roles) {
		w.t.Errorf("%s: %+v %v, want the roles %v", when, s, err, roles)
	}
}

// TestRecentIsNotBehindAnExactReading: once this process has read that a session
// was ended or changed elsewhere, it tells nobody otherwise.
func TestRecentIsNotBehindAnExactReading(t *testing.T) {
	for name := range (&nearWorld{}).exactly(nil) {
		w := newNearWorld(t)
		b := newBrowser()
		own := signIn(t, w.other, b)
		exactly := w.exactly(b)[name]
		w.wants(name+": before", b, nil, 1)
		w.changes(own, "viewer")
		w.wants(name+": changed elsewhere a moment ago", b, nil, 0)
		if s, err := exactly(); err != nil || !slices.Equal(s.Roles, []string{"viewer"}) {
			t.Errorf("%s is not exact: %+v %v", name, s, err)
		}
		w.wantsRoles(name+": changed", b, "viewer")
		w.wants(name+": changed, and known", b, nil, 0)
		if _, err := w.other.EndSessions(t.Context(), own.Subject); err != nil {
			t.Fatal(err)
		}
		w.wants(name+": ended elsewhere a moment ago", b, nil, 0)
		if _, err := exactly(); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is not exact: %v", name, err)
		}
		w.wants(name+": ended", b, ErrNotFound, 1)
	}
}

// TestRecentIsNotBehindAWatch: whoever is told what became of a session, and asks,
// is not told what it was before.
func TestRecentIsNotBehindAWatch(t *testing.T) {
	w := newNearWorld(t)
	t.Cleanup(w.manager.StopWatching)
	b := newBrowser()
	own := signIn(t, w.other, b)
	w.wants("before", b, nil, 1)
	w.manager.watches.every = soon
	events := watching(t, w.manager, own)
	w.changes(own, "viewer")
	if got := <-events; got != SessionRefreshed {
		t.Fatalf("told %q", got)
	}
	w.wantsRoles("refreshed", b, "viewer")
	if _, err := w.other.EndSessions(t.Context(), own.Subject); err != nil {
		t.Fatal(err)
	}
	if got := all(events); !slices.Equal(got, []Event{SessionEnded}) {
		t.Fatalf("then told %v", got)
	}
	if _, err := w.near.Recent(t.Context(), b.request(), false); !errors.Is(err, ErrNotFound) {
		t.Errorf("ended: %v", err)
	}
}

// TestRecentWhileItChanges: a record that was read just before it was changed
// elsewhere is not remembered when this process has read the new one meanwhile.
func TestRecentWhileItChanges(t *testing.T) {
	for name, remove := range map[string]bool{"changed": false, "gone": true} {
		c := newClock()
		store := &interrupted{Memory: NewMemory(c.Now)}
		m := testManager(t, store, func(cfg *Config) { cfg.Now, cfg.Cache = c.Now, MaxCache })
		k, b := testKeeper(t, m), newBrowser()
		s := signIn(t, m, b)
		key, want := m.sessionKey(s.hash), ErrNotFound
		changed := *s
		changed.Roles = []string{"viewer"}
		m.near.drop(key)
		store.onGot = func() {
			store.onGot = nil
			if err := store.Put(t.Context(), key, m.sessions.Seal(key, changed.encode()), time.Hour); err != nil {
				t.Error(err)
			}
			if remove {
				_ = store.Delete(t.Context(), key)
			} else {
				want = nil
			}
			if _, err := m.Peek(t.Context(), b.request()); !errors.Is(err, want) {
				t.Errorf("%s: read meanwhile: %v", name, err)
			}
		}
		if _, err := k.Recent(t.Context(), b.request(), false); err != nil || store.onGot != nil {
			t.Errorf("%s: what was read before: %v", name, err)
		}
		got, err := k.Recent(t.Context(), b.request(), false)
		if !errors.Is(err, want) || err == nil && !slices.Equal(got.Roles, changed.Roles) {
			t.Errorf("%s: afterwards %+v %v", name, got, err)
		}
	}
}

// TestRecentForgets: what this process ends or changes is not remembered when it
// says so, whichever way it was done.
func TestRecentForgets(t *testing.T) {
	s, _ := alice()
	for name, end := range map[string]func(*Manager, *browser, *Session) error{
		"sign-out": func(m *Manager, b *browser, _ *Session) error {
			_, _, err := m.EndSession(t.Context(), httptest.NewRecorder(), b.request())
			return err
		},
		"everywhere": func(m *Manager, _ *browser, own *Session) error {
			_, err := m.EndSessions(t.Context(), own.Subject)
			return err
		},
		"by handle": func(m *Manager, _ *browser, own *Session) error {
			_, err := m.EndSessionByHandle(t.Context(), own.Subject, own.Handle)
			return err
		},
		"by ZITADEL session": func(m *Manager, _ *browser, own *Session) error {
			_, err := m.EndZitadelSession(t.Context(), own.Issuer, own.ZitadelSession)
			return err
		},
		"a new sign-in": func(m *Manager, b *browser, _ *Session) error {
			_, err := m.StartSession(t.Context(), httptest.NewRecorder(), b.request(), s, TokenSet{})
			return err
		},
	} {
		w := newNearWorld(t)
		b := newBrowser()
		own := signIn(t, w.other, b)
		w.wants(name+": before", b, nil, 1)
		if err := end(w.manager, b, own); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w.wants(name+": after", b, ErrNotFound, 1)
	}
}

// TestRecentWhileItEnds: a record that was read just before its session ended does
// not come back when the reading is done.
func TestRecentWhileItEnds(t *testing.T) {
	c := newClock()
	store := &interrupted{Memory: NewMemory(c.Now)}
	m := testManager(t, store, func(cfg *Config) { cfg.Now, cfg.Cache = c.Now, MaxCache })
	k := testKeeper(t, m)
	b := newBrowser()
	s := signIn(t, m, b)
	m.near.drop(m.sessionKey(s.hash))
	store.onGot = func() {
		store.onGot = nil
		if _, err := m.EndSessions(t.Context(), s.Subject); err != nil {
			t.Error(err)
		}
	}
	if _, err := k.Recent(t.Context(), b.request(), true); err != nil {
		t.Errorf("what was read before the end: %v", err)
	}
	if _, err := k.Recent(t.Context(), b.request(), true); !errors.Is(err, ErrNotFound) {
		t.Errorf("after the end: %v", err)
	}
}

// TestRecentAndManyAtOnce: whoever asks after a sign-out was answered is nobody,
// however many ask while it goes on.
func TestRecentAndManyAtOnce(t *testing.T) {
	c := newClock()
	m := testManager(t, NewMemory(c.Now), func(cfg *Config) { cfg.Now, cfg.Cache = c.Now, MaxCache })
	k := testKeeper(t, m)
	for range 50 {
		b := newBrowser()
		signIn(t, m, b)
		r := b.request()
		stop, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for stop.Err() == nil {
					_, _ = k.Recent(stop, r, true)
				}
			})
		}
		if _, _, err := m.EndSession(t.Context(), httptest.NewRecorder(), r); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Recent(t.Context(), r, true); !errors.Is(err, ErrNotFound) {
			t.Errorf("after the sign-out: %v", err)
		}
		cancel()
		all.Wait()
	}
}

// TestRecentDoesWhatIsDue: a use is noted as often as without the cache, a session
// that ends is not outlived, and what one request does with its session does not
// show in another's.
func TestRecentDoesWhatIsDue(t *testing.T) {
	w := newNearWorld(t)
	b := newBrowser()
	signIn(t, w.manager, b)
	w.clock.advance(6*time.Minute + time.Second - MaxCache/2) // a tenth of an hour
	w.wants("nothing is due", b, nil, 1)
	first, err := w.near.Recent(t.Context(), b.request(), true)
	if err != nil {
		t.Fatal(err)
	}
	first.Roles[0], first.Subject = "planted", "planted"
	w.clock.advance(MaxCache / 2)
	before := w.store.writes
	w.wants("a use is to be noted", b, nil, 1)
	if w.store.writes != before+1 {
		t.Errorf("%d writes, want one", w.store.writes-before)
	}
	w.wants("what was noted is read", b, nil, 1)
	w.wants("and remembered", b, nil, 0)
	second, err := w.near.Recent(t.Context(), b.request(), false)
	if err != nil || second.Subject == "planted" || slices.Contains(second.Roles, "planted") {
		t.Errorf("one request's session is another's: %v", err)
	}
	w.clock.advance(second.Idle.Sub(w.clock.Now()) - MaxCache/2)
	if _, err := w.near.Recent(t.Context(), b.request(), false); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	w.clock.advance(MaxCache / 2)
	w.wants("at the end", b, ErrNotFound, 1)
}

// TestRecentIsBounded: in number and in bytes, and the last is remembered.
func TestRecentIsBounded(t *testing.T) {
	c := newClock()
	for name, size := range map[string]int{"many": 10, "large": largestRecord} {
		cache := newNearCache(NewMemory(c.Now), "test:s:", MaxCache, c.Now)
		value := []byte(strings.Repeat("x", size))
		for i := range 50_000 {
			key := "test:s:" + strconv.Itoa(i)
			_, mark := cache.get(key)
			cache.put(key, value, mark)
			if stored, _ := cache.get(key); stored == nil {
				t.Fatalf("%s: the last is not remembered", name)
			}
		}
		records, bytes := 0, 0
		for _, g := range []generation{cache.young, cache.old} {
			sum := 0
			for key, record := range g.records {
				sum += len(key) + len(record.stored) + nearOverhead
			}
			if sum != g.bytes {
				t.Errorf("%s: %d bytes are counted, %d there", name, g.bytes, sum)
			}
			records, bytes = records+len(g.records), bytes+sum
		}
		if records > 2*nearRecords || bytes > 2*nearBytes {
			t.Errorf("%s: %d records of %d bytes", name, records, bytes)
		}
	}
}

// TestRecentWhileTheStoreIsDown: who was known a moment ago still is; then nobody
// can tell.
func TestRecentWhileTheStoreIsDown(t *testing.T) {
	w := newNearWorld(t)
	b := newBrowser()
	signIn(t, w.other, b)
	w.wants("before", b, nil, 1)
	w.store.Store = down{w.store.Store}
	w.wants("a moment later", b, nil, 0)
	w.clock.advance(MaxCache)
	w.wants("a second later", b, ErrUnavailable, 1)
}

// down is a store that reads nothing.
type down struct{ Store }

func (down) Get(context.Context, string) ([]byte, error) {
	return nil, unavailable("get", context.DeadlineExceeded)
}
