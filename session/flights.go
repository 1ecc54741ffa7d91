package session

import (
	"context"
	"sync"

	"golang.org/x/sync/singleflight"
)

// flights are what is under way for sessions and belongs to no request: a browser
// that leaves must not leave a refresh half done. Whoever wants the same thing at
// the same time shares one. They belong to their [Keeper], which waits for them.
type flights struct {
	waiting context.Context // ends when nothing new shall begin
	stop    context.CancelFunc
	group   singleflight.Group

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newFlights() *flights {
	f := &flights{}
	f.waiting, f.stop = context.WithCancel(context.Background())
	return f
}

// close lets nothing new begin, ends what waits for its turn, and waits for what
// has begun.
func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
	f.running.Wait()
}

// begin registers something that close waits for.
func (f *flights) begin() (end func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false
	}
	f.running.Add(1)
	return f.running.Done, true
}

// share runs fly unless the same key is under way, and says where the result
// will arrive.
func (f *flights) share(key string, fly func(context.Context) (*Session, error)) <-chan singleflight.Result {
	return f.group.DoChan(key, func() (any, error) {
		end, ok := f.begin()
		if !ok {
			return nil, unavailable("renew session", context.Canceled)
		}
		defer end()
		return fly(f.waiting)
	})
}

// depart keeps those who come from now on from sharing what is under way.
func (f *flights) depart(key string) { f.group.Forget(key) }

// detach runs something that nobody waits for but close; after that, at once.
func (f *flights) detach(run func(context.Context)) {
	ctx := context.WithoutCancel(f.waiting)
	end, ok := f.begin()
	if !ok {
		run(ctx)
		return
	}
	go func() {
		defer end()
		run(ctx)
	}()
}
