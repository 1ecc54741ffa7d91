package session

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// soon is how often these tests look at what is watched. Nothing passes or fails
// by it: each waits for what must come, as long as it takes.
const soon = 2 * time.Millisecond

// replicas are two processes on one store.
func replicas(t *testing.T, store Store, c *clock, change func(*Config)) (here, there *Manager) {
	t.Helper()
	keys := testKeys(t, 1)
	start := func() *Manager {
		m := testManager(t, store, func(cfg *Config) {
			cfg.Keys, cfg.Watch = keys, soon
			if c != nil {
				cfg.Now = c.Now
			}
			if change != nil {
				change(cfg)
			}
		})
		t.Cleanup(m.StopWatching)
		return m
	}
	return start(), start()
}

// watching watches a session until the test ends.
func watching(t *testing.T, m *Manager, s *Session) <-chan Event {
	t.Helper()
	events, unwatch, err := m.Watch(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unwatch)
	return events
}

// all reads a watch to its end.
func all(events <-chan Event) (got []Event) {
	for event := range events {
		got = append(got, event)
	}
	return got
}

// TestWatchedSessionEnds: whoever watches is told, wherever and however the
// session ends, and then hears no more.
func TestWatchedSessionEnds(t *testing.T) {
	for name, store := range map[string]func(*testing.T) Store{
		"memory": func(*testing.T) Store { return NewMemory(nil) },
		"redis":  func(t *testing.T) Store { return openRedis(t, redistest.Start(t).URL()) },
	} {
		t.Run(name, func(t *testing.T) {
			here, there := replicas(t, store(t), nil, nil)
			for name, end := range map[string]func(*browser, *Session) error{
				"signed out here": func(b *browser, _ *Session) error {
					_, _, err := here.EndSession(t.Context(), httptest.NewRecorder(), b.request())
					return err
				},
				"signed out elsewhere": func(b *browser, _ *Session) error {
					_, _, err := there.EndSession(t.Context(), httptest.NewRecorder(), b.request())
					return err
				},
				"ended by its handle": func(_ *browser, s *Session) error {
					_, err := there.EndSessionByHandle(t.Context(), s.Subject, s.Handle)
					return err
				},
				"ended with its ZITADEL session": func(_ *browser, s *Session) error {
					_, err := there.EndZitadelSession(t.Context(), s.Issuer, s.ZitadelSession)
					return err
				},
				"signed in anew": func(b *browser, _ *Session) error {
					s, tokens := alice()
					_, err := there.StartSession(t.Context(), httptest.NewRecorder(), b.request(), s, tokens)
					return err
				},
			} {
				b := newBrowser()
				s := signIn(t, here, b)
				first, second := watching(t, here, s), watching(t, here, s)
				if err := end(b, s); err != nil {
					t.Fatal(err)
				}
				for _, events := range []<-chan Event{first, second} {
					if got := all(events); !slices.Equal(got, []Event{SessionEnded}) {
						t.Errorf("%s: told %v", name, got)
					}
				}
			}
		})
	}
}

// TestWatchedSessionRunsOut: watching is no use of a session.
func TestWatchedSessionRunsOut(t *testing.T) {
	for name, advance := range map[string][]time.Duration{
		"unused":        {30 * time.Minute, 31 * time.Minute},
		"at its latest": {12 * time.Hour},
	} {
		c := newClock()
		here, _ := replicas(t, NewMemory(c.Now), c, nil)
		b := newBrowser()
		events := watching(t, here, signIn(t, here, b))
		for _, d := range advance {
			if len(events) > 0 {
				t.Errorf("%s: told of something too early", name)
			}
			c.advance(d)
		}
		if got := all(events); !slices.Equal(got, []Event{SessionEnded}) {
			t.Errorf("%s: told %v", name, got)
		}
	}
}

// TestWatchedSessionIsRefreshed: what an app is told has changed. Use is no change.
func TestWatchedSessionIsRefreshed(t *testing.T) {
	c := newClock()
	here, there := replicas(t, NewMemory(c.Now), c, nil)
	b := newBrowser()
	s := signIn(t, here, b)
	events := watching(t, here, s)
	c.advance(10 * time.Minute)
	if _, err := there.Session(t.Context(), b.request()); err != nil { // used
		t.Fatal(err)
	}
	used, err := there.Peek(t.Context(), b.request())
	if err != nil || !used.Idle.After(s.Idle) {
		t.Fatalf("the use is not noted, so this test proves nothing: %v", err)
	}
	changed := *used
	changed.Roles = []string{"viewer"}
	if err := there.store.Put(t.Context(), there.sessionKey(s.hash), there.sessions.Seal(there.sessionKey(s.hash), changed.encode()), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := <-events; got != SessionRefreshed {
		t.Errorf("told %q", got)
	}
	if _, err := there.EndSessions(t.Context(), s.Subject); err != nil {
		t.Fatal(err)
	}
	if got := all(events); !slices.Equal(got, []Event{SessionEnded}) {
		t.Errorf("then told %v", got)
	}
}

// TestWatchBounds: neither one session nor all together have watchers without
// end, and those who leave make room.
func TestWatchBounds(t *testing.T) {
	here, _ := replicas(t, NewMemory(nil), nil, nil)
	var unwatch []func()
	signInAs := func(subject string) *Session {
		t.Helper()
		b, w := newBrowser(), httptest.NewRecorder()
		if _, err := here.StartSession(t.Context(), w, b.request(), Session{Subject: subject}, TokenSet{}); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		s, err := here.Peek(t.Context(), b.request())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, another := signInAs("one"), signInAs("another")
	watch := func(s *Session) {
		t.Helper()
		for range maxWatchersOf {
			_, stop, err := here.Watch(s)
			if err != nil {
				t.Fatal(err)
			}
			unwatch = append(unwatch, stop)
		}
	}
	watch(one)
	if _, _, err := here.Watch(one); !errors.Is(err, ErrWatched) {
		t.Errorf("one more of a session: %v", err)
	}
	for i := range maxWatchers/maxWatchersOf - 1 {
		watch(signInAs(strconv.Itoa(i)))
	}
	if _, _, err := here.Watch(another); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one more in all: %v", err)
	}
	unwatch[0]()
	unwatch[0]()
	events := watching(t, here, another)
	if _, _, err := here.Watch(one); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one who leaves twice makes room for two: %v", err)
	}
	here.StopWatching()
	if got := all(events); len(got) != 0 {
		t.Errorf("a process that ends tells %v", got)
	}
	for _, stop := range unwatch {
		stop()
	}
	if _, _, err := here.Watch(another); !errors.Is(err, ErrUnavailable) {
		t.Errorf("watched in a process that ends: %v", err)
	}
}

// TestWatchCost: a session is read once in a while, however many watch it, and
// nothing is read for nobody.
func TestWatchCost(t *testing.T) {
	c := newClock()
	store := &spy{Store: NewMemory(c.Now)}
	here, _ := replicas(t, store, c, nil)
	s := signIn(t, here, newBrowser())
	var unwatch []func()
	for range maxWatchersOf {
		_, stop, err := here.Watch(s)
		if err != nil {
			t.Fatal(err)
		}
		unwatch = append(unwatch, stop)
	}
	reads := func() int {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.reads
	}
	before := reads()
	redistest.Until(t, "the session to be looked at", func() bool { return reads() > before })
	for _, stop := range unwatch {
		stop()
	}
	here.watches.done.Wait() // ends by itself, since nobody is left
	before = reads()
	events := watching(t, here, s) // and begins again
	if _, err := here.EndSessions(t.Context(), s.Subject); err != nil {
		t.Fatal(err)
	}
	if got := all(events); !slices.Equal(got, []Event{SessionEnded}) {
		t.Errorf("told %v", got)
	}
	if len(here.watches.sessions) != 0 || here.watches.watchers != 0 {
		t.Errorf("%d sessions and %d watchers are left", len(here.watches.sessions), here.watches.watchers)
	}
}

// troubled is a store that does not answer reads while it is told not to.
type troubled struct {
	Store
	asked chan struct{}
}

func (s *troubled) Get(ctx context.Context, key string) ([]byte, error) {
	select {
	case s.asked <- struct{}{}:
		return nil, unavailable("get", errors.New("down"))
	default:
		return s.Store.Get(ctx, key)
	}
}

// TestWatchInTrouble: a store that is down ends nobody's session, nor the watch.
func TestWatchInTrouble(t *testing.T) {
	store := &troubled{Store: NewMemory(nil)}
	here, there := replicas(t, store, nil, nil)
	s := signIn(t, here, newBrowser())
	store.asked = make(chan struct{})
	events := watching(t, here, s)
	for range 3 {
		<-store.asked
	}
	if len(events) != 0 {
		t.Errorf("told %q", <-events)
	}
	if _, err := there.EndSessions(t.Context(), s.Subject); err != nil {
		t.Fatal(err)
	}
	if got := all(events); !slices.Equal(got, []Event{SessionEnded}) {
		t.Errorf("told %v", got)
	}
}
