package session

import (
	"testing"
	"time"
)

func TestMemory(t *testing.T) { conformance(t, NewMemory(nil)) }

// TestMemoryExpiry: with a clock that a test moves, to the instant.
func TestMemoryExpiry(t *testing.T) {
	c := newClock()
	store := NewMemory(c.Now)
	rate := Rate{Burst: 2, Every: 10 * time.Second}
	if err := store.Put(t.Context(), "key", []byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if wait, _ := store.Take(t.Context(), "bucket", rate); wait != 0 {
			t.Fatal("no token")
		}
	}
	if wait, _ := store.Take(t.Context(), "bucket", rate); wait != 10*time.Second {
		t.Errorf("wait %v", wait)
	}
	c.advance(10*time.Second - 1)
	if wait, _ := store.Take(t.Context(), "bucket", rate); wait != 1 {
		t.Errorf("wait %v just before there is a token", wait)
	}
	c.advance(1)
	if wait, _ := store.Take(t.Context(), "bucket", rate); wait != 0 {
		t.Errorf("wait %v when there is a token", wait)
	}
	c.advance(50*time.Second - 1)
	if _, err := store.Get(t.Context(), "key"); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	c.advance(1)
	if _, err := store.Get(t.Context(), "key"); err == nil {
		t.Error("still there at the end")
	}
}

// TestMemoryIsBounded: what has expired does not stay, and what has not is
// refused or forgotten at the bound.
func TestMemoryIsBounded(t *testing.T) {
	c := newClock()
	store := NewMemory(c.Now)
	put := func(i int) error {
		key := "key" + time.Duration(i).String()
		if _, err := store.Take(t.Context(), key, Rate{Burst: 5, Every: time.Second}); err != nil {
			t.Fatal(err)
		}
		if err := store.Add(t.Context(), key, "member", time.Second); err != nil {
			t.Fatal(err)
		}
		return store.Put(t.Context(), key, []byte("x"), time.Second)
	}
	for i := range 20_000 {
		if err := put(i); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Millisecond)
	}
	if size := len(store.records) + len(store.buckets) + len(store.indexes); size > 10_000 {
		t.Errorf("%d entries are left of 3 × 1000 live ones", size)
	}
	var refused error
	for i := range memoryRecords + 1 {
		if refused = put(i); refused != nil {
			break
		}
	}
	if refused == nil {
		t.Error("grows without a bound")
	}
	if len(store.records) > memoryRecords || len(store.buckets) > memoryBuckets {
		t.Errorf("%d records, %d buckets", len(store.records), len(store.buckets))
	}
}
