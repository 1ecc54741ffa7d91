package session

import (
	"strings"
	"testing"
	"time"
)

func TestMemory(t *testing.T) { conformance(t, NewMemory(nil)) }

func TestRedis(t *testing.T) { conformance(t, startRedis(t).open(t)) }

func TestRedisSentinel(t *testing.T) {
	server := startRedis(t)
	conformance(t, openRedis(t, "redis+sentinel://127.0.0.1:"+startSentinel(t, server).port+"/main"))
}

// TestRedisCluster runs on one node that serves all slots: like a large cluster
// it refuses an operation whose keys are in different slots.
func TestRedisCluster(t *testing.T) {
	store := startCluster(t)
	conformance(t, store)
	// What the manager does must stay within a slot as well.
	m := testManager(t, store, nil)
	b := newBrowser()
	first := signIn(t, m, b)
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "2"}, false)
	startAttempt(t, m, b, Attempt{})
	if _, err := m.EndSessions(t.Context(), first.Subject); err != nil {
		t.Error(err)
	}
}

func startCluster(t *testing.T) *Redis {
	t.Helper()
	server := startRedis(t, "--cluster-enabled", "yes")
	raw := server.raw(t)
	if err := raw.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "the cluster", func() bool {
		info, err := raw.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	return openRedis(t, "redis+cluster://"+server.addr())
}

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
