package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// TestLimits: no operation ends before its time, and those that begin in the same
// moment end by the same timer.
func TestLimits(t *testing.T) {
	l := limits{after: 2 * moment}
	first := l.within(WithPatience(t.Context()))
	ended := make(chan time.Time, 1)
	go func() { <-first.Done(); ended <- time.Now() }()
	began := time.Now()
	latest := began // of those that share the first one's timer
	for now := began; now.Sub(began) < 3*moment; now = time.Now() {
		ctx := l.within(first)
		if ends, ok := ctx.Deadline(); !ok || ends.Before(now.Add(l.after)) || patienceOf(ctx) == nil {
			t.Fatalf("ends at %v, patience %v", ends, patienceOf(ctx))
		}
		if err := ctx.Err(); err != nil && time.Since(now) < l.after {
			t.Fatalf("ended at once: %v", err)
		}
		if shares := ctx.Done() == first.Done(); shares && now.Sub(began) >= moment {
			t.Fatal("a later moment shares the timer")
		} else if shares {
			latest = now
		}
	}
	end := <-ended
	if end.Sub(latest) < l.after || !errors.Is(first.Err(), context.DeadlineExceeded) {
		t.Errorf("after %v: %v", end.Sub(latest), first.Err())
	}
	if n := testing.AllocsPerRun(1000, func() { l.within(first) }); n > 1.1 {
		t.Errorf("%v allocations for each operation", n)
	}
}

// TestLimitOfAWait: an operation that waits for a connection of a pool that has none
// left ends in time, and one of a request that has ended is not begun.
func TestLimitOfAWait(t *testing.T) {
	server := redistest.Start(t)
	options, err := redisOptions(RedisConfig{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	options.PoolSize, options.PoolTimeout, options.ReadTimeout = 1, time.Hour, time.Hour
	store := newRedis(options, redisOperation)
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Freeze()
	results := make(chan error)
	for range 4 {
		go func() { _, err := store.Get(t.Context(), "test:nothing"); results <- err }()
	}
	for range 4 {
		if err := <-results; !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	server.Thaw()
	ended, end := context.WithCancel(t.Context())
	end()
	before := server.Calls()["get"]
	if _, err := store.Get(ended, "test:nothing"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) || server.Calls()["get"] != before {
		t.Errorf("for a request that has ended: %v", err)
	}
}
