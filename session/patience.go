package session

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// briefly is how long a store is waited for that did not answer the same
	// request a moment ago: long enough for one that is well again.
	briefly = 25 * time.Millisecond
	// aMoment is how long that lasts. A request that goes on to wait for ZITADEL
	// meets the store anew.
	aMoment = time.Second
)

// patience is what one request has for a store that hangs, and the context that
// carries it. It holds when an operation timed out last, in nanoseconds of the Unix
// epoch.
type patience struct {
	context.Context
	exhausted atomic.Int64
}

type patienceKey struct{}

// WithPatience gives a request one patience for all that it asks of the store.
// Many things are still to be done after one has failed: what was achieved is
// saved, a lock is given back, what ended is cleaned away. With a store that hangs
// each of them would be waited for as long as the first, and the visitor for all.
func WithPatience(ctx context.Context) context.Context {
	return &patience{Context: ctx}
}

// Value gives the patience to [patienceOf].
func (p *patience) Value(key any) any {
	if key == (patienceKey{}) {
		return p
	}
	return p.Context.Value(key)
}

// patienceOf is the request's, nil where nobody gave it any.
func patienceOf(ctx context.Context) *patience {
	p, _ := ctx.Value(patienceKey{}).(*patience)
	return p
}

// left is how long an operation is waited for that usually may take this long.
func (p *patience) left(usual time.Duration) time.Duration {
	if p != nil && time.Since(time.Unix(0, p.exhausted.Load())) < aMoment {
		return briefly
	}
	return usual
}

// lose notes that an operation was waited for in vain.
func (p *patience) lose() {
	if p != nil {
		p.exhausted.Store(time.Now().UnixNano())
	}
}
