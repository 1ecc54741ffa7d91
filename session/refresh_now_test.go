package session

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// granting is a provider that says at each call how often it was called, and lets the
// first call wait.
type granting struct {
	Provider
	mu            sync.Mutex
	calls         int
	used          string // refresh token
	asked, answer chan struct{}
}

func (p *granting) Check(_ context.Context, s *Session) error {
	p.mu.Lock()
	p.calls++
	calls := p.calls
	p.mu.Unlock()
	s.Roles, s.Name = []string{strconv.Itoa(calls)}, strconv.Itoa(calls)
	if calls == 1 {
		close(p.asked)
		<-p.answer
	}
	return nil
}

func (p *granting) Refresh(_ context.Context, s *Session, held TokenSet) (TokenSet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if held.RefreshToken == p.used {
		return TokenSet{}, errors.New("a refresh token is used twice")
	}
	p.used = held.RefreshToken
	return TokenSet{AccessToken: s.Name, RefreshToken: s.Name, Expires: newClock().Now().Add(40 * time.Hour)}, nil
}

func (p *granting) Revoke(context.Context, string) error { return nil }

// askers counts how often who asks has read from a store.
type askers struct {
	Store
	mu    sync.Mutex
	reads map[any]int
}

type asker struct{}

func (s *askers) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.reads[ctx.Value(asker{})]++
	s.mu.Unlock()
	return s.Store.Get(ctx, key)
}

func (s *askers) readsBy(who any) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads[who]
}

// TestRefreshNowIsAfterTheChange: an app that asks for a refresh is told what is true
// after it asked, also where one that began before is under way on the same replica or
// another, with tokens to refresh and without. Those who wait share the next.
func TestRefreshNowIsAfterTheChange(t *testing.T) {
	for name, test := range map[string]struct {
		held     string // refresh token
		replicas int
		begin    func(*Keeper, *browser) error
	}{
		"refresh":                    {"held", 1, due},
		"refresh on another replica": {"held", 2, due},
		"check":                      {"", 1, due},
		"another that was asked for": {"held", 1, now},
	} {
		for kind, open := range map[string]func() Store{
			"memory": func() Store { return NewMemory(nil) },
			"redis":  func() Store { return openPatient(t, redistest.Start(t).URL(), nil) },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				c, keys, store := newClock(), testKeys(t, 1), &askers{Store: open(), reads: map[any]int{}}
				p := &granting{asked: make(chan struct{}), answer: make(chan struct{})}
				var keepers []*Keeper
				for range test.replicas {
					m := testManager(t, store, func(cfg *Config) {
						cfg.Keys, cfg.Now, cfg.Idle, cfg.Max = keys, c.Now, 24*time.Hour, 48*time.Hour
						if test.held != "" {
							cfg.Recheck = 48 * time.Hour // so that it is the refresh that is under way
						}
					})
					k := NewKeeper(KeeperConfig{Sessions: m, Provider: p, Patience: time.Hour})
					t.Cleanup(func() { _ = k.Close() })
					keepers = append(keepers, k)
				}
				first, last := keepers[0], keepers[len(keepers)-1]
				b, w := newBrowser(), httptest.NewRecorder()
				s, _ := alice()
				if _, err := first.sessions.StartSession(t.Context(), w, b.request(), s, TokenSet{RefreshToken: test.held, Expires: c.Now().Add(12 * time.Hour)}); err != nil {
					t.Fatal(err)
				}
				b.take(t, w)
				c.advance(11 * time.Hour)
				begun := make(chan error, 1)
				go func() { begun <- test.begin(first, b) }()
				<-p.asked
				names := make(chan string)
				for i := range 3 {
					go func() {
						got, err := last.RefreshNow(context.WithValue(t.Context(), asker{}, i), b.request(), false)
						if err != nil {
							t.Error(err)
							got = &Session{}
						}
						names <- got.Name
					}()
					// It has read the session, and looks at it again and again while it waits.
					redistest.Until(t, "it to wait", func() bool { return store.readsBy(i) >= 2 })
				}
				close(p.answer)
				all := []string{<-names, <-names, <-names}
				if err := <-begun; err != nil {
					t.Error(err)
				}
				if slices.Contains(all, "1") || slices.Contains(all, "") {
					t.Errorf("told what was true before: %q", all)
				}
				if p.calls != 2 {
					t.Errorf("ZITADEL was asked %d times, not once for all three", p.calls)
				}
			})
		}
	}
}

func due(k *Keeper, b *browser) error {
	_, err := k.Session(context.Background(), b.request(), false)
	return err
}

func now(k *Keeper, b *browser) error {
	_, err := k.RefreshNow(context.Background(), b.request(), false)
	return err
}
