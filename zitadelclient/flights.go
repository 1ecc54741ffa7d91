package zitadelclient

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// flights lets all who want the same thing at the same time share one request.
// The request belongs to the client and not to whoever asked first, so a closed
// tab fails nobody else; it ends with its time-out or the client.
type flights struct {
	ctx     context.Context
	cancel  context.CancelFunc
	timeout time.Duration
	group   singleflight.Group

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

var errClosed = errors.New("the client is closed")

func newFlights(timeout time.Duration) *flights {
	f := &flights{timeout: timeout}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// close stops what is under way, and waits for it.
func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.running.Wait()
}

// start runs fetch unless the same key is under way, and returns where the
// shared result will arrive.
func (f *flights) start(key string, fetch func(context.Context) (any, error)) <-chan singleflight.Result {
	return f.group.DoChan(key, func() (any, error) {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, unavailable(key, errClosed)
		}
		f.running.Add(1)
		f.mu.Unlock()
		defer f.running.Done()
		ctx, cancel := context.WithTimeout(f.ctx, f.timeout)
		defer cancel()
		return fetch(ctx)
	})
}

// shared waits for the result of a flight, or for the caller to give up.
func shared[T any](ctx context.Context, f *flights, key string, fetch func(context.Context) (T, error)) (T, error) {
	result := f.start(key, func(ctx context.Context) (any, error) { return fetch(ctx) })
	var none T
	select {
	case <-ctx.Done():
		return none, unavailable(key, ctx.Err())
	case r := <-result:
		if r.Err != nil {
			return none, r.Err
		}
		return r.Val.(T), nil
	}
}
