package session

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"
)

// Once reports whether something happens for the first time within ttl, across
// replicas. It is how a one-time code is accepted once where ZITADEL would take
// it again.
//
// While keys are rotated, replicas differ in which is the first, or know only one of
// two. So it is noted under the names by all keys, by each replica in the same order:
// of any that share a key one is the first, and only one.
func (m *Manager) Once(ctx context.Context, purpose, key string, ttl time.Duration) (first bool, err error) {
	if err := checkTTL(ttl); err != nil {
		return false, err
	}
	var noted []string
	for _, name := range m.onceNames(purpose, key) {
		// A value of its own: a store takes a swap for done that finds what it would
		// write, since its answer may have been lost.
		err := m.store.Swap(ctx, name, nil, []byte(rand.Text()), ttl)
		if errors.Is(err, ErrChanged) {
			return false, nil
		}
		if err != nil {
			_ = m.deleteEach(context.WithoutCancel(ctx), noted) // it is not known to be the first, so it may be tried again
			return false, err
		}
		noted = append(noted, name)
	}
	return true, nil
}

// Undo takes a [Manager.Once] back: what it stood for did not happen.
func (m *Manager) Undo(ctx context.Context, purpose, key string) error {
	return m.deleteEach(ctx, m.onceNames(purpose, key))
}

// onceNames are the names by all keys, in an order that is the same on every replica.
func (m *Manager) onceNames(purpose, key string) []string {
	names := m.names("o", purpose, key)
	slices.Sort(names)
	return names
}

// deleteEach deletes what has no hash tag in common.
func (m *Manager) deleteEach(ctx context.Context, keys []string) (failed error) {
	for _, key := range keys {
		failed = errors.Join(failed, m.store.Delete(ctx, key))
	}
	return failed
}
