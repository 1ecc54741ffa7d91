package session

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Once reports whether something happens for the first time within ttl, across
// replicas. It is how a one-time code is accepted once where ZITADEL would take
// it again.
func (m *Manager) Once(ctx context.Context, purpose, key string, ttl time.Duration) (first bool, err error) {
	if err := checkTTL(ttl); err != nil {
		return false, err
	}
	// A value of its own: a store takes a swap for done that finds what it would
	// write, since its answer may have been lost.
	err = m.store.Swap(ctx, m.names("o", purpose, key)[0], nil, []byte(rand.Text()), ttl)
	if errors.Is(err, ErrChanged) {
		return false, nil
	}
	return err == nil, err
}

// Undo takes a [Manager.Once] back: what it stood for did not happen.
func (m *Manager) Undo(ctx context.Context, purpose, key string) error {
	return m.store.Delete(ctx, m.names("o", purpose, key)[0])
}
