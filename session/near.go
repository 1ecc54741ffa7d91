package session

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// MaxCache is how old an answer of [Keeper.Recent] may be at most: who has signed
// out at another replica is signed out everywhere a second later.
const MaxCache = time.Second

// Bounds of the near cache: half of what it holds at most.
const (
	nearRecords  = 5_000
	nearBytes    = 2 << 20
	nearOverhead = 160 // bytes that a record takes besides key and value
)

// Recent is [Keeper.Session] as it was at most [Config.Cache] ago. It is for telling
// an app who is there, and for nothing else: what decides on a sign-in or changes
// something reads the store. Nobody is never remembered; what this process changes,
// or finds changed, is forgotten before anybody is told that it changed; and
// whatever is due, a check or the note of a use, is done when it is due.
func (k *Keeper) Recent(ctx context.Context, r *http.Request, slide bool) (*Session, error) {
	m := k.sessions
	hash := m.sessionHash(r)
	if m.near == nil || hash == "" {
		return k.session(ctx, hash, slide)
	}
	key := m.sessionKey(hash)
	if stored, _ := m.near.get(key); stored != nil {
		if s, err := m.openSession(hash, key, stored); err == nil && !k.anythingDue(s, slide) {
			return s, nil
		}
	}
	return k.session(ctx, hash, slide)
}

// anythingDue is true when [Keeper.Session] would do more than read.
func (k *Keeper) anythingDue(s *Session, slide bool) bool {
	now := k.sessions.now()
	return s.checkDue(now) || s.refreshDue(now) || s.tokensEnded(now) || slide && k.sessions.touchDue(s)
}

// nearCache keeps session records as they were read, sealed, for a moment. It is
// two generations: when the young one is full or has lasted, it becomes the old
// one, and what was old is gone. So nothing has to be searched for what to drop.
type nearCache struct {
	Store  // what is read through it is kept, what is written is dropped
	prefix string
	ttl    time.Duration
	now    func() time.Time

	mu         sync.Mutex
	young, old generation
	drops      uint64 // how often something was dropped
}

type generation struct {
	began   time.Time
	records map[string]nearRecord
	bytes   int
}

type nearRecord struct {
	stored []byte
	read   time.Time
}

// nearMark is when a reading began: what it brings is as old as that, and not to
// be kept if something was dropped since.
type nearMark struct {
	began time.Time
	drops uint64
}

func newNearCache(store Store, prefix string, ttl time.Duration, now func() time.Time) *nearCache {
	return &nearCache{Store: store, prefix: prefix, ttl: ttl, now: now}
}

// get is the record if it was read a moment ago, and the mark of a reading that
// begins now.
func (c *nearCache) get(key string) (stored []byte, mark nearMark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mark = nearMark{c.now(), c.drops}
	for _, g := range []generation{c.young, c.old} {
		record, ok := g.records[key]
		if age := mark.began.Sub(record.read); ok && age >= 0 && age < c.ttl {
			return record.stored, mark
		}
	}
	return nil, mark
}

// put keeps what a reading brought. When another brought something else, the record
// was changed elsewhere. Which of the two is older cannot be told of readings that
// went on at once, so neither is kept.
func (c *nearCache) put(key string, stored []byte, mark nearMark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young.differs(key, stored) || c.old.differs(key, stored) {
		c.forget(key)
		return
	}
	if mark.drops != c.drops {
		return // it may have been read just before it was changed
	}
	size := len(key) + len(stored) + nearOverhead
	if c.young.records == nil || len(c.young.records) >= nearRecords || c.young.bytes+size > nearBytes || mark.began.Sub(c.young.began) >= c.ttl {
		c.old, c.young = c.young, generation{began: mark.began, records: map[string]nearRecord{}}
	}
	c.young.remove(key)
	c.young.records[key] = nearRecord{stored, mark.began}
	c.young.bytes += size
}

func (g *generation) remove(key string) {
	if record, ok := g.records[key]; ok {
		g.bytes -= len(key) + len(record.stored) + nearOverhead
		delete(g.records, key)
	}
}

func (g *generation) differs(key string, stored []byte) bool {
	record, ok := g.records[key]
	return ok && !bytes.Equal(record.stored, stored)
}

// drop forgets records that are gone, or were written, whether or not that succeeded.
func (c *nearCache) drop(keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if strings.HasPrefix(key, c.prefix) {
			c.forget(key)
		}
	}
}

// forget drops a record, also from the hands of those who are reading it. The lock
// is held.
func (c *nearCache) forget(key string) {
	c.young.remove(key)
	c.old.remove(key)
	c.drops++
}

// Get asks the store, always, and keeps what it says: whoever reads exactly, a watch
// among them, may tell of it, and nobody is then answered by what was known before.
func (c *nearCache) Get(ctx context.Context, key string) ([]byte, error) {
	if !strings.HasPrefix(key, c.prefix) {
		return c.Store.Get(ctx, key)
	}
	_, mark := c.get(key)
	stored, err := c.Store.Get(ctx, key)
	switch {
	case err == nil:
		c.put(key, stored, mark)
	case errors.Is(err, ErrNotFound):
		c.drop(key)
	}
	return stored, err
}

// Put drops what it writes.
func (c *nearCache) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	defer c.drop(key)
	return c.Store.Put(ctx, key, value, ttl)
}

// Swap drops what it writes.
func (c *nearCache) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	defer c.drop(key)
	return c.Store.Swap(ctx, key, old, new, ttl)
}

// Delete drops what it deletes.
func (c *nearCache) Delete(ctx context.Context, keys ...string) error {
	defer c.drop(keys...)
	return c.Store.Delete(ctx, keys...)
}
