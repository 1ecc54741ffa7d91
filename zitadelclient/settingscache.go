package zitadelclient

import (
	"context"
	"sync"
	"time"
)

// How long settings are believed. Within fresh no call is made; within stale
// the old answer is given at once while a new one is fetched, so that a page
// costs no call and a change of policy still shows within a minute.
const (
	cacheFresh    = 15 * time.Second
	cacheStale    = time.Minute
	cacheCapacity = 1000 // the organization in a key may come from a browser
)

// cache remembers answers that are the same for everybody.
type cache struct {
	now     func() time.Time
	mu      sync.Mutex
	entries map[string]cacheEntry
}

type cacheEntry struct {
	value   any
	fetched time.Time
}

func newCache(now func() time.Time) *cache {
	return &cache{now: now, entries: make(map[string]cacheEntry)}
}

// cached returns the answer under key, fetching it when there is none that may
// still be given.
func cached[T any](ctx context.Context, c *Client, key string, fetch func(context.Context) (T, error)) (T, error) {
	store := func(ctx context.Context) (T, error) {
		if entry, age, found := c.cache.get(key); found && age < cacheFresh {
			return entry.(T), nil // came while this one was about to ask
		}
		value, err := fetch(ctx)
		if err == nil {
			c.cache.put(key, value)
		}
		return value, err
	}
	entry, age, found := c.cache.get(key)
	switch {
	case found && age < cacheFresh:
		return entry.(T), nil
	case found && age < cacheStale:
		// The result is not waited for: it arrives in the cache.
		c.flights.start(key, func(ctx context.Context) (any, error) { return store(ctx) })
		return entry.(T), nil
	}
	return shared(ctx, c.flights, key, store)
}

func (c *cache) get(key string) (value any, age time.Duration, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, found := c.entries[key]
	return entry.value, c.now().Sub(entry.fetched), found
}

// forget drops what was fetched longer ago than age.
func (c *cache) forget(age time.Duration, keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if entry, found := c.entries[key]; found && c.now().Sub(entry.fetched) > age {
			delete(c.entries, key)
		}
	}
}

func (c *cache) put(key string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.entries[key]; !known && len(c.entries) >= cacheCapacity {
		c.makeRoom()
	}
	c.entries[key] = cacheEntry{value, c.now()}
}

// makeRoom drops what can no longer be given, or else the oldest entry.
func (c *cache) makeRoom() {
	var oldest string
	for key, entry := range c.entries {
		if c.now().Sub(entry.fetched) >= cacheStale {
			delete(c.entries, key)
		} else if oldest == "" || entry.fetched.Before(c.entries[oldest].fetched) {
			oldest = key
		}
	}
	if len(c.entries) >= cacheCapacity {
		delete(c.entries, oldest)
	}
}
