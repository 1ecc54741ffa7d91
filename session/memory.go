package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of a Memory, so that a flood of sign-ins that nobody finishes fills
// neither the process nor the machine.
const (
	memoryRecords = 200_000
	memoryBuckets = 50_000
)

// Memory is the embedded store: for development, tests, and a single replica
// that may forget everything when it restarts. What has expired is swept away
// by later writes, so it needs no goroutine.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	records map[string]memoryRecord
	indexes map[string][]memoryMember
	buckets map[string]time.Time // bucket → when it is full again
	sweepAt struct {
		time time.Time
		size int
	}
}

// memoryRecord is small, since there are as many as a process can hold: its end is in
// nanoseconds of the Unix epoch.
type memoryRecord struct {
	value string
	ends  int64
}

// memoryMember is one of an index, which has few: a map for each would weigh more
// than a session does.
type memoryMember struct {
	name string
	ends int64
}

// NewMemory makes an empty store. now is the clock; nil is the real one.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{
		now:     now,
		records: map[string]memoryRecord{},
		indexes: map[string][]memoryMember{},
		buckets: map[string]time.Time{},
	}
}

// enter begins an operation; its result ends it. A cancelled request is refused
// as a real store would, so that code sees the same error with either.
func (m *Memory) enter(ctx context.Context, op string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(op, err)
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

// Get reads a value.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	leave, err := m.enter(ctx, "get")
	if err != nil {
		return nil, err
	}
	defer leave()
	value := m.value(key)
	if value == "" {
		return nil, ErrNotFound
	}
	return []byte(value), nil
}

// value is what is stored and has not expired, or nothing.
func (m *Memory) value(key string) string {
	if record, ok := m.records[key]; ok && record.ends > m.now().UnixNano() {
		return record.value
	}
	return ""
}

// end is when something ends that is stored now.
func (m *Memory) end(ttl time.Duration) int64 { return m.now().Add(ttl).UnixNano() }

// Put stores a value.
func (m *Memory) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	leave, err := m.enter(ctx, "put")
	if err != nil {
		return err
	}
	defer leave()
	return m.put(key, value, ttl)
}

func (m *Memory) put(key string, value []byte, ttl time.Duration) error {
	m.sweep()
	if _, exists := m.records[key]; !exists && len(m.records) >= memoryRecords {
		// Refused rather than made room for: a flood must not sign people out.
		return unavailable("put", errors.New("memory store is full"))
	}
	m.records[key] = memoryRecord{string(value), m.end(ttl)}
	return nil
}

// Swap replaces old by new in one step. Like the script of [Redis] it is
// content to find new already there.
func (m *Memory) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	if len(new) > 0 {
		if err := checkTTL(ttl); err != nil {
			return err
		}
	}
	leave, err := m.enter(ctx, "swap")
	if err != nil {
		return err
	}
	defer leave()
	switch current := m.value(key); {
	case current != string(old) && (current == "" || current != string(new)):
		return ErrChanged
	case len(new) == 0:
		delete(m.records, key)
		return nil
	}
	return m.put(key, new, ttl)
}

// Delete removes values.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	leave, err := m.enter(ctx, "delete")
	if err != nil {
		return err
	}
	defer leave()
	for _, key := range keys {
		delete(m.records, key)
	}
	return nil
}

// Add puts a member into an index.
func (m *Memory) Add(ctx context.Context, index, member string, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	leave, err := m.enter(ctx, "add")
	if err != nil {
		return err
	}
	defer leave()
	m.sweep()
	m.indexes[index] = append(without(m.indexes[index], member), memoryMember{member, m.end(ttl)})
	return nil
}

// Remove takes a member out of an index.
func (m *Memory) Remove(ctx context.Context, index, member string) error {
	leave, err := m.enter(ctx, "remove")
	if err != nil {
		return err
	}
	defer leave()
	if m.indexes[index] = without(m.indexes[index], member); len(m.indexes[index]) == 0 {
		delete(m.indexes, index)
	}
	return nil
}

func without(members []memoryMember, name string) []memoryMember {
	return slices.DeleteFunc(members, func(m memoryMember) bool { return m.name == name })
}

// Members lists an index.
func (m *Memory) Members(ctx context.Context, index string) ([]string, error) {
	leave, err := m.enter(ctx, "members")
	if err != nil {
		return nil, err
	}
	defer leave()
	now := m.now().UnixNano()
	var members []string
	for _, member := range m.indexes[index] {
		if member.ends > now {
			members = append(members, member.name)
		}
	}
	return members, nil
}

// Take takes a token out of a bucket.
func (m *Memory) Take(ctx context.Context, bucket string, rate Rate) (time.Duration, error) {
	if err := rate.validate(); err != nil {
		return 0, err
	}
	leave, err := m.enter(ctx, "take")
	if err != nil {
		return 0, err
	}
	defer leave()
	now := m.now()
	wait, full := rate.take(now, m.buckets[bucket])
	if wait > 0 {
		return wait, nil
	}
	m.sweep()
	if _, exists := m.buckets[bucket]; !exists && len(m.buckets) >= memoryBuckets {
		// Some bucket is forgotten, and so full again. Whoever commands that
		// many addresses gains little by it; refusing would lock everybody out.
		for other := range m.buckets {
			delete(m.buckets, other)
			break
		}
	}
	m.buckets[bucket] = full
	return 0, nil
}

// sweep drops what has expired, when as much again has been written since the
// last time or a minute has passed: the work stays in proportion to the writes.
func (m *Memory) sweep() {
	now, size := m.now(), len(m.records)+len(m.indexes)+len(m.buckets)
	if size < m.sweepAt.size && now.Before(m.sweepAt.time) {
		return
	}
	maps.DeleteFunc(m.records, func(_ string, r memoryRecord) bool { return r.ends <= now.UnixNano() })
	maps.DeleteFunc(m.buckets, func(_ string, full time.Time) bool { return !full.After(now) })
	for index, members := range m.indexes {
		members = slices.DeleteFunc(members, func(member memoryMember) bool { return member.ends <= now.UnixNano() })
		if m.indexes[index] = members; len(members) == 0 {
			delete(m.indexes, index)
		}
	}
	left := len(m.records) + len(m.indexes) + len(m.buckets)
	m.sweepAt.size, m.sweepAt.time = max(1024, 2*left), now.Add(time.Minute)
}

// Ping always succeeds.
func (m *Memory) Ping(context.Context) error { return nil }

// Close has nothing to close.
func (m *Memory) Close() error { return nil }
