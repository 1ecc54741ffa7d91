package session

import (
	"context"
	"sync/atomic"
	"time"
)

// moment is how long operations share a timer. One for each would cost more than
// sending a command does: the runtime orders it, and wakes threads for it.
const moment = 20 * time.Millisecond

// limits gives operations contexts that end after the same time, and up to a moment
// later: those that begin in the same moment end together.
type limits struct {
	after  time.Duration
	latest atomic.Pointer[limit]
}

type limit struct {
	began time.Time
	ended chan struct{}
}

// within is ctx for one operation. A request that is cancelled meanwhile does not cut
// it short, as it would not cut short the wait for an answer either.
func (l *limits) within(ctx context.Context) context.Context {
	now := time.Now()
	latest := l.latest.Load()
	if latest == nil || now.Sub(latest.began) >= moment {
		latest = &limit{now, make(chan struct{})}
		time.AfterFunc(l.after+moment, func() { close(latest.ended) })
		l.latest.Store(latest) // two at once are as good as one
	}
	return limited{ctx, now.Add(l.after), latest.ended}
}

// limited is a context that a limit ends.
type limited struct {
	context.Context // for its values
	ends            time.Time
	ended           <-chan struct{}
}

// Deadline is what connections are given, to the millisecond.
func (l limited) Deadline() (ends time.Time, ok bool) { return l.ends, true }

// Done ends whatever else is waited for.
func (l limited) Done() <-chan struct{} { return l.ended }

// Err is that of a deadline.
func (l limited) Err() error {
	select {
	case <-l.ended:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
