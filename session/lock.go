package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

const (
	lockPoll  = 25 * time.Millisecond  // how often a waiting Lock looks again
	lockAsk   = 500 * time.Millisecond // how long a name is held until we know that it is ours
	lateRetry = 250 * time.Millisecond // how often a release is tried again
)

// errHeld is what a Lock gave up on.
var errHeld = errors.New("lock is held by another request")

// lock is a name that a request holds, or wants to.
type lock struct {
	key   string
	owner []byte
	ttl   time.Duration
}

// Lock waits until nobody else, on any replica, holds the name, and holds it
// until unlock, or for ttl if this process dies. It gives up with
// [ErrUnavailable] when ctx ends or ttl has passed: a visitor who is told to try
// again is better off than one who waits for ever.
func (m *Manager) Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error) {
	if err := checkTTL(ttl); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(name))
	l := lock{m.key("l", base64.RawURLEncoding.EncodeToString(sum[:])), []byte(rand.Text()), ttl}
	patience, cancel := context.WithTimeoutCause(ctx, ttl, errHeld)
	defer cancel()
	for {
		switch err := m.hold(patience, l); {
		case err == nil:
			return func() { m.unlock(ctx, l) }, nil
		case patience.Err() != nil:
			return nil, unavailable("lock", context.Cause(patience))
		case !errors.Is(err, ErrChanged):
			return nil, err
		}
		select {
		case <-patience.Done():
		case <-time.After(lockPoll):
		}
	}
}

// hold takes a name that is free: briefly first, and for ttl when the store has
// said that it is ours. A store that hung executes what it was sent when it goes
// on, long after we have given up; nobody would give back a name that was taken
// then. By that time what was taken first has ended, and there is nothing to keep.
func (m *Manager) hold(ctx context.Context, l lock) error {
	if err := m.store.Swap(ctx, l.key, nil, l.owner, min(l.ttl, lockAsk)); err != nil {
		return err
	}
	err := m.store.Swap(ctx, l.key, l.owner, l.owner, l.ttl)
	if errors.Is(err, ErrUnavailable) {
		m.unlock(ctx, l) // it may have been kept all the same
	}
	return err
}

// unlock gives the name back, even for a request that was cancelled meanwhile.
// Where the store does not answer, that goes on behind the request's back: the
// visitor who sends the form again is not to wait for a lock that nobody needs.
func (m *Manager) unlock(ctx context.Context, l lock) {
	ctx = context.WithoutCancel(ctx)
	if !errors.Is(m.release(ctx, l), ErrUnavailable) {
		return
	}
	m.late.begin(l.ttl, func(ctx context.Context) (done bool) {
		return !errors.Is(m.release(ctx, l), ErrUnavailable)
	})
}

// release deletes the owner's own value alone: after ttl the name may be
// another's.
func (m *Manager) release(ctx context.Context, l lock) error {
	return m.store.Swap(ctx, l.key, l.owner, nil, 0)
}

// late is what could not be told to the store when it was to be told. Each thing is
// tried for as long as it matters, and until close.
type late struct {
	ctx   context.Context
	close context.CancelFunc
	group sync.WaitGroup
}

func (l *late) begin(ttl time.Duration, try func(context.Context) (done bool)) {
	l.group.Go(func() {
		ctx, cancel := context.WithTimeout(l.ctx, ttl)
		defer cancel()
		for !try(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(lateRetry):
			}
		}
	})
}
