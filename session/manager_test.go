package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRedaction prints everything that holds a secret in every way that a log
// line could.
func TestRedaction(t *testing.T) {
	const planted = "planted"
	a := full()
	a.Short, a.LoginName, a.Code = "shortname", planted, planted
	a.Transaction = &Transaction{planted, planted, planted}
	a.Intent = &Intent{Name: planted, URL: planted, Token: planted, Newcomer: &Newcomer{Email: planted}}
	a.Outcome = &Outcome{planted, []string{planted}}
	s, _ := alice()
	s.Name, s.Email = planted, planted
	for _, value := range []any{
		Key{[]byte(planted)}, Keys{{[]byte(planted)}}, a, &a, *a.Transaction, a.Transaction, *a.Outcome, a.Outcome, *a.Intent, a.Intent,
		Account{UserID: "1", LoginName: planted, DisplayName: planted, ZitadelToken: planted}, Accounts{{ZitadelToken: planted}},
		s, &s, TokenSet{planted, planted, time.Time{}}, &TokenSet{AccessToken: planted}, []TokenSet{{AccessToken: planted}},
		struct{ Field *Attempt }{&a}, Config{Keys: Keys{{[]byte(planted)}}},
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("value", "value", value)
		text := out.String()
		if strings.Contains(text, planted) || strings.Contains(text, fmt.Sprintf("%x", planted)) || strings.Contains(text, "112 108 97") {
			t.Errorf("%T prints a secret:\n%s", value, text)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("values", "a", a, "b", &a, "c", s, "d", TokenSet{AccessToken: planted},
		"e", Key{[]byte(planted)}, "f", Account{ZitadelToken: planted}, "g", *a.Transaction, "h", *a.Outcome)
	if strings.Contains(out.String(), planted) {
		t.Errorf("JSON log: %s", out.String())
	}
}

// TestLock: one holder at a time, on either store.
func TestLock(t *testing.T) {
	onEachStore(t, func(t *testing.T, m *Manager) {
		var all sync.WaitGroup
		holders, most, total := make(chan struct{}, 100), 0, 0
		for range 8 {
			all.Go(func() {
				unlock, err := m.Lock(t.Context(), "name", time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				holders <- struct{}{}
				most, total = max(most, len(holders)), total+1 // the race detector sees it if two are here
				<-holders
				unlock()
			})
		}
		all.Wait()
		if most != 1 || total != 8 {
			t.Errorf("%d at once, %d in all", most, total)
		}
	})
}

func TestLockIsOwned(t *testing.T) {
	m, c := memoryWorld(t, nil)
	lock := func(ctx context.Context, name string) func() {
		t.Helper()
		unlock, err := m.Lock(ctx, name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return unlock
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := lock(ctx, "name")
	lock(t.Context(), "another name")()
	waiting, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if _, err := m.Lock(waiting, "name", time.Minute); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("held by another: %v", err)
	}
	if _, err := m.Lock(t.Context(), "name", time.Millisecond); !errors.Is(err, errHeld) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("held by another for longer than anybody waits: %v", err)
	}
	c.advance(time.Minute) // the first holder is taken for dead
	second := lock(t.Context(), "name")
	first() // and comes back: the name is not its own any more
	if _, err := m.Lock(t.Context(), "name", time.Millisecond); !errors.Is(err, errHeld) {
		t.Errorf("the first holder gave away the second's: %v", err)
	}
	second()
	third := lock(ctx, "name")
	cancel() // the holder's request is cancelled before it is done
	third()
	lock(t.Context(), "name")()
	if _, err := m.Lock(t.Context(), "name", 0); err == nil {
		t.Error("a lock for no time")
	}
}

func TestAllow(t *testing.T) {
	m, c := memoryWorld(t, nil)
	rate := Rate{Burst: 2, Every: time.Minute}
	take := func(purpose, key string) time.Duration {
		t.Helper()
		wait, err := m.Allow(t.Context(), purpose, key, rate)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for _, want := range []time.Duration{0, 0, time.Minute, time.Minute} {
		if got := take("password", "alice"); got != want {
			t.Errorf("wait %v, want %v", got, want)
		}
	}
	if take("password", "bob") != 0 || take("mail", "alice") != 0 {
		t.Error("another key or purpose waits as well")
	}
	c.advance(time.Minute)
	if take("password", "alice") != 0 {
		t.Error("no token after its time")
	}
	for bucket := range m.store.(*Memory).buckets {
		if strings.Contains(bucket, "alice") {
			t.Errorf("the store is told %q", bucket)
		}
	}
}
