package session

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// deliberate is a provider that takes its time for new tokens, and says when it
// was asked.
type deliberate struct {
	Provider
	asked, answer chan struct{}
}

const fresh = "fresh-refresh"

func newDeliberate() deliberate {
	return deliberate{asked: make(chan struct{}), answer: make(chan struct{})}
}

func (p deliberate) Check(context.Context, *Session) error { return nil }

func (p deliberate) Refresh(ctx context.Context, _ *Session, _ TokenSet) (TokenSet, error) {
	close(p.asked) // twice is a panic: a refresh token is used once
	select {
	case <-p.answer:
		return TokenSet{AccessToken: "fresh-access", RefreshToken: fresh, Expires: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}, nil
	case <-ctx.Done():
		return TokenSet{}, ctx.Err()
	}
}

func (p deliberate) Revoke(context.Context, string) error { return nil }

// waiting is a browser whose tokens have ended, on two replicas over one Redis,
// the first of which is about to refresh them.
type waiting struct {
	t      *testing.T
	server *redistest.Server
	b      *browser
	p      deliberate
	k      [2]*Keeper
	second *spy // the way of the second one to Redis
}

func newWaiting(t *testing.T) *waiting {
	t.Helper()
	w := &waiting{t: t, server: redistest.Start(t), b: newBrowser(), p: newDeliberate()}
	w.second = &spy{Store: openRedis(t, w.server.URL())}
	c, operator := newClock(), testKeys(t, 1)
	for i, store := range []Store{openRedis(t, w.server.URL()), w.second} {
		m := testManager(t, store, func(cfg *Config) {
			cfg.Now, cfg.Keys, cfg.Idle, cfg.Max = c.Now, operator, 24*time.Hour, 48*time.Hour
		})
		w.k[i] = NewKeeper(KeeperConfig{Sessions: m, Provider: w.p, Patience: time.Hour})
		t.Cleanup(func() { _ = w.k[i].Close() })
	}
	signIn(t, w.k[0].sessions, w.b)
	c.advance(13 * time.Hour)
	return w
}

// ask has a replica be asked, and says where its answer will be.
func (w *waiting) ask(replica int, how func(*waiting, context.Context, *Keeper) error) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- how(w, w.t.Context(), w.k[replica]) }()
	return answer
}

func (w *waiting) session(ctx context.Context, k *Keeper) error {
	_, err := k.Session(ctx, w.b.request(), true)
	return err
}

// told fails unless a request was told that nobody knows: by the store's trouble,
// and not because it has waited for as long as it may.
func (w *waiting) told(who string, answer <-chan error) {
	w.t.Helper()
	if err := <-answer; !errors.Is(err, ErrUnavailable) || errors.Is(err, errPatience) || errors.Is(err, errHeld) {
		w.t.Errorf("%s: %v", who, err)
	}
}

// goesOn fails unless what the provider has answered is stored in the end.
func (w *waiting) goesOn() {
	w.t.Helper()
	for _, k := range w.k {
		_ = k.Close()
	}
	m := w.k[1].sessions
	s, err := m.Peek(w.t.Context(), w.b.request())
	if err != nil {
		w.t.Fatal(err)
	}
	if tokens, err := m.Tokens(w.t.Context(), s); err != nil || tokens.RefreshToken != fresh || s.tokensEnded(m.now()) {
		w.t.Errorf("after the refresh: %v, %v, until %v", tokens, err, s.TokensEnd)
	}
}

// isLocking is true when the second replica has found the lock taken.
func (w *waiting) isLocking() bool {
	w.second.mu.Lock()
	defer w.second.mu.Unlock()
	return w.second.writes > 0
}

// TestWaitingWhileTheStoreDies: whoever waits for a refresh is told soon that the
// store is gone, however they wait and on whichever replica; the refresh goes on, and
// what it brings is stored when the store is back.
func TestWaitingWhileTheStoreDies(t *testing.T) {
	outages := map[string]struct{ begin, end func(*redistest.Server) }{
		"frozen": {(*redistest.Server).Freeze, (*redistest.Server).Thaw},
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Restart},
	}
	ways := map[string]func(*waiting, context.Context, *Keeper) error{
		"session": (*waiting).session,
		"on demand": func(w *waiting, ctx context.Context, k *Keeper) error {
			_, err := k.RefreshNow(ctx, w.b.request(), true)
			return err
		},
		"with tokens": func(w *waiting, ctx context.Context, k *Keeper) error {
			_, _, err := k.WithTokens(ctx, w.b.request(), true)
			return err
		},
	}
	for name, outage := range outages {
		for way, ask := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				w := newWaiting(t)
				first := w.ask(0, ask)
				<-w.p.asked
				second := w.ask(1, ask)
				redistest.Until(t, "the other replica to wait for the first", w.isLocking)
				outage.begin(w.server)
				w.told("who asked first", first)
				w.told("the other replica", second)
				close(w.p.answer)
				outage.end(w.server)
				redistest.Until(t, "Redis to be back", func() bool { return w.k[1].sessions.Ping(t.Context()) == nil })
				w.goesOn()
			})
		}
	}
}

// TestWaitingWhileTheStoreTakesNothing: the same where the store reads and does not
// write, by the time there are new tokens.
func TestWaitingWhileTheStoreTakesNothing(t *testing.T) {
	w := newWaiting(t)
	answer := w.ask(0, (*waiting).session)
	<-w.p.asked
	w.server.Do("CONFIG", "SET", "maxmemory", "1")
	close(w.p.answer)
	w.told("who asked", answer)
	if _, stuck := w.k[0].stuck.Load(w.hash()); !stuck {
		t.Error("the refresh was given up")
	}
	w.server.Do("CONFIG", "SET", "maxmemory", "0")
	w.goesOn()
	if _, stuck := w.k[0].stuck.Load(w.hash()); stuck {
		t.Error("who waits next is not waited with")
	}
}

func (w *waiting) hash() string { return w.k[0].sessions.sessionHash(w.b.request()) }

// TestWaitingForWhatHasEnded: a sign-out is not waited with, nor is it kept waiting.
func TestWaitingForWhatHasEnded(t *testing.T) {
	w := newWaiting(t)
	answer := w.ask(0, (*waiting).session)
	<-w.p.asked
	if _, _, err := w.k[1].sessions.EndSession(t.Context(), httptest.NewRecorder(), w.b.request()); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; !errors.Is(err, ErrNotFound) {
		t.Errorf("signed out meanwhile: %v", err)
	}
	close(w.p.answer)
}
