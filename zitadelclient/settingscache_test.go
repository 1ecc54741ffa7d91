package zitadelclient

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Organization ids in keys come from browsers: however many are made up, the
// cache stays as small, and what is used stays in it.
func TestCacheIsBounded(t *testing.T) {
	now := time.Now()
	c := newCache(func() time.Time { return now })
	for n := range 3 * cacheCapacity {
		c.put(fmt.Sprint(n), n)
		now = now.Add(time.Millisecond)
	}
	if len(c.entries) > cacheCapacity {
		t.Errorf("%d entries", len(c.entries))
	}
	if _, _, found := c.get(fmt.Sprint(3*cacheCapacity - 1)); !found {
		t.Error("the newest entry is gone")
	}
	now = now.Add(cacheStale)
	c.put("next", 1)
	if len(c.entries) != 1 {
		t.Errorf("%d entries, though all but one are stale", len(c.entries))
	}
}

// However many pages open at once, ZITADEL is asked once, and who leaves
// takes nothing from the others.
func TestOneRequestForAll(t *testing.T) {
	var calls atomic.Int32
	arrived, proceed := make(chan struct{}), make(chan struct{})
	c := testClient(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			close(arrived)
		}
		<-proceed
		_, _ = w.Write([]byte(`{"settings":{"maxPasswordAttempts":"3"}}`))
	})
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if _, err := c.Lockout(leaving, ""); err == nil {
			t.Error("who left got an answer")
		}
	}()
	var wait sync.WaitGroup
	<-arrived
	for range 20 {
		wait.Go(func() {
			if lockout, err := c.Lockout(t.Context(), ""); err != nil || lockout.MaxPasswordAttempts != 3 {
				t.Errorf("got %+v, %v", lockout, err)
			}
		})
	}
	leave()
	<-left // before there is an answer
	close(proceed)
	wait.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}
