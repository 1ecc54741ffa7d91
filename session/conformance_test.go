package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// conformance is what every store must do. Keys are the run's own, so that a
// store may be used for more than one.
func conformance(t *testing.T, store Store) {
	for name, test := range map[string]func(*testing.T, Store, string){
		"records":          testRecords,
		"swap":             testSwap,
		"swap is one step": testSwapOnce,
		"expiry":           testExpiry,
		"indexes":          testIndexes,
		"buckets":          testBuckets,
		"bucket is shared": testBucketShared,
		"cancelled":        testCancelled,
		"mistakes of ours": testMistakes,
	} {
		t.Run(name, func(t *testing.T) { test(t, store, "test:{"+rand.Text()+"}:") })
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// onEachStore runs a test of a manager on the embedded store and on a real Redis.
func onEachStore(t *testing.T, test func(*testing.T, *Manager)) {
	t.Run("memory", func(t *testing.T) { test(t, testManager(t, NewMemory(nil), nil)) })
	t.Run("redis", func(t *testing.T) { test(t, testManager(t, openPatient(t, redistest.Start(t).URL(), nil), nil)) })
}

func testRecords(t *testing.T, store Store, key string) {
	ctx := t.Context()
	if _, err := store.Get(ctx, key+"a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
	value := []byte("one\x00\xff\r\n")
	for _, put := range [][]byte{value, []byte("two")} {
		if err := store.Put(ctx, key+"a", put, time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Get(ctx, key+"a"); err != nil || !bytes.Equal(got, put) {
			t.Errorf("get = %q, %v; want %q", got, err, put)
		}
	}
	got, err := store.Get(ctx, key+"a")
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 'x'
	if again, _ := store.Get(ctx, key+"a"); string(again) != "two" {
		t.Errorf("a caller changed what is stored: %q", again)
	}
	if err := store.Put(ctx, key+"b", value, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(ctx, key+"a", key+"b", key+"c"); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"a", "b"} {
		if _, err := store.Get(ctx, key+gone); !errors.Is(err, ErrNotFound) {
			t.Errorf("get of deleted %s: %v", gone, err)
		}
	}
}

func testSwap(t *testing.T, store Store, key string) {
	one, two, three := []byte("one"), []byte("two"), []byte("three")
	for i, step := range []struct {
		old, new []byte
		want     error
		stored   []byte
	}{
		{one, two, ErrChanged, nil}, // nothing there is not one
		{one, nil, ErrChanged, nil}, // nor can it be consumed
		{nil, one, nil, one},        // from absent
		{nil, two, ErrChanged, one}, // no longer absent
		{two, three, ErrChanged, one},
		{one, two, nil, two},
		{one, two, nil, two},          // the same again: its first answer was lost
		{one, nil, ErrChanged, two},   // consume with an old value
		{two, nil, nil, nil},          // consume
		{two, nil, ErrChanged, nil},   // only once
		{two, three, ErrChanged, nil}, // what is gone stays gone
	} {
		if err := store.Swap(t.Context(), key, step.old, step.new, time.Minute); !errors.Is(err, step.want) {
			t.Errorf("step %d: swap %q for %q: %v, want %v", i, step.old, step.new, err, step.want)
		}
		got, err := store.Get(t.Context(), key)
		if !bytes.Equal(got, step.stored) || (step.stored == nil) != errors.Is(err, ErrNotFound) {
			t.Errorf("step %d: stored %q, %v; want %q", i, got, err, step.stored)
		}
	}
}

// testSwapOnce: of many that swap from the same value, one does.
func testSwapOnce(t *testing.T, store Store, key string) {
	for _, target := range []func(int) []byte{
		func(int) []byte { return nil },
		func(i int) []byte { return []byte("mine " + strconv.Itoa(i)) },
	} {
		if err := store.Put(t.Context(), key, []byte("free"), time.Minute); err != nil {
			t.Fatal(err)
		}
		var wins, others atomic.Int32
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				switch err := store.Swap(t.Context(), key, []byte("free"), target(i), time.Minute); {
				case err == nil:
					wins.Add(1)
				case !errors.Is(err, ErrChanged):
					others.Add(1)
					t.Error(err)
				}
			})
		}
		all.Wait()
		if wins.Load() != 1 || others.Load() != 0 {
			t.Errorf("%d of 50 swapped", wins.Load())
		}
	}
}

// testExpiry: what has an end goes, by Put and by Swap. The test waits for it on
// the store's own clock, however long that takes.
func testExpiry(t *testing.T, store Store, key string) {
	if err := store.Put(t.Context(), key+"put", []byte("x"), time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if err := store.Swap(t.Context(), key+"swap", nil, []byte("x"), time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if err := store.Add(t.Context(), key+"index", "short", time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if err := store.Add(t.Context(), key+"index", "long", time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := store.Add(t.Context(), key+"index", "long", time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"put", "swap"} {
		redistest.Until(t, k+" to expire", func() bool {
			_, err := store.Get(t.Context(), key+k)
			return errors.Is(err, ErrNotFound)
		})
	}
	redistest.Until(t, "member to expire", func() bool {
		members, err := store.Members(t.Context(), key+"index")
		return err == nil && slices.Equal(members, []string{"long"})
	})
	if err := store.Swap(t.Context(), key+"put", nil, []byte("y"), time.Minute); err != nil {
		t.Errorf("what has expired is not absent: %v", err)
	}
}

func testIndexes(t *testing.T, store Store, key string) {
	ctx := t.Context()
	if members, err := store.Members(ctx, key); err != nil || len(members) != 0 {
		t.Errorf("members of nothing: %v, %v", members, err)
	}
	if err := store.Remove(ctx, key, "nobody"); err != nil {
		t.Errorf("remove from nothing: %v", err)
	}
	for _, member := range []string{"b", "a", "b"} {
		if err := store.Add(ctx, key, member, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Add(ctx, key+"other", "c", time.Minute); err != nil {
		t.Fatal(err)
	}
	members, err := store.Members(ctx, key)
	slices.Sort(members)
	if err != nil || !slices.Equal(members, []string{"a", "b"}) {
		t.Errorf("members = %v, %v", members, err)
	}
	if err := store.Remove(ctx, key, "a"); err != nil {
		t.Fatal(err)
	}
	if members, err := store.Members(ctx, key); err != nil || !slices.Equal(members, []string{"b"}) {
		t.Errorf("members after remove = %v, %v", members, err)
	}
}

func testBuckets(t *testing.T, store Store, key string) {
	rate := Rate{Burst: 3, Every: time.Hour}
	for i := range 3 {
		if wait, err := store.Take(t.Context(), key, rate); err != nil || wait != 0 {
			t.Fatalf("token %d: wait %v, %v", i, wait, err)
		}
	}
	for range 2 { // a refused one takes nothing
		wait, err := store.Take(t.Context(), key, rate)
		if err != nil || wait <= 0 || wait > time.Hour {
			t.Errorf("token beyond the burst: wait %v, %v", wait, err)
		}
	}
	if wait, err := store.Take(t.Context(), key+"other", rate); err != nil || wait != 0 {
		t.Errorf("another bucket: wait %v, %v", wait, err)
	}
	// What a wider rate left behind does not bind a narrower one.
	if wait, err := store.Take(t.Context(), key, Rate{Burst: 1, Every: time.Second}); err != nil || wait != 0 {
		t.Errorf("after the rate was narrowed: wait %v, %v", wait, err)
	}
	quick := Rate{Burst: 1, Every: time.Microsecond}
	for range 3 {
		redistest.Until(t, "a token to come", func() bool {
			wait, err := store.Take(t.Context(), key+"quick", quick)
			return err == nil && wait == 0
		})
	}
}

func testBucketShared(t *testing.T, store Store, key string) {
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if wait, err := store.Take(t.Context(), key, Rate{Burst: 7, Every: time.Hour}); err != nil {
				t.Error(err)
			} else if wait == 0 {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 7 {
		t.Errorf("%d of 50 got one of 7 tokens", taken.Load())
	}
}

// testCancelled: a request that its browser gave up is trouble, not absence.
func testCancelled(t *testing.T, store Store, key string) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errGet := store.Get(ctx, key)
	_, errMembers := store.Members(ctx, key)
	_, errTake := store.Take(ctx, key, Rate{1, time.Second})
	for op, err := range map[string]error{
		"get": errGet, "members": errMembers, "take": errTake,
		"put":    store.Put(ctx, key, []byte("x"), time.Minute),
		"swap":   store.Swap(ctx, key, nil, []byte("x"), time.Minute),
		"delete": store.Delete(ctx, key),
		"add":    store.Add(ctx, key, "x", time.Minute),
		"remove": store.Remove(ctx, key, "x"),
	} {
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) || errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func testMistakes(t *testing.T, store Store, key string) {
	for op, err := range map[string]error{
		"put without an end":  store.Put(t.Context(), key, []byte("x"), 0),
		"swap without an end": store.Swap(t.Context(), key, nil, []byte("x"), -1),
		"add without an end":  store.Add(t.Context(), key, "x", 0),
	} {
		if err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", op, err)
		}
	}
	for _, rate := range []Rate{{}, {0, time.Second}, {-1, time.Second}, {1, 0}} {
		if _, err := store.Take(t.Context(), key, rate); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("rate %v: %v", rate, err)
		}
	}
}
