package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Bounds of what is watched, of one process. A session that is watched costs one
// read of the store every [Config.Watch], however many watch it: with the
// standard ones at most 171 a second, one after the other.
const (
	maxWatchers   = 512 // in all
	maxWatchersOf = 8   // of one session
)

// ErrWatched says that a session has as many watchers as it may have.
var ErrWatched = errors.New("session: too many watchers of one session")

// Event is what became of a session that is watched.
type Event string

// The events. Nothing comes after SessionEnded.
const (
	SessionEnded     Event = "ended"
	SessionRefreshed Event = "refreshed" // somebody who asks who is signed in is told something else
)

// watches tells those who watch sessions what becomes of them. What this process
// ends it is told of at once; what others do it sees when it looks: one goroutine
// reads what is watched from time to time, and there is none while nothing is.
//
// It polls rather than subscribes. A subscription loses what happens while its
// connection is down and knows nothing of a session that runs out, so the store
// had to be asked all the same.
type watches struct {
	every time.Duration
	load  func(ctx context.Context, hash string) (*Session, error)

	ctx  context.Context // of the goroutine
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*watched // by hash
	watchers int
	looking  bool
}

type watched struct {
	last     *Session // as it was read
	watchers []chan Event
}

func newWatches(every time.Duration, load func(context.Context, string) (*Session, error)) *watches {
	w := &watches{every: every, load: load, sessions: map[string]*watched{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// Watch tells what becomes of a session, whichever process does it: at once or
// within [Config.Watch]. It keeps no session alive. The channel is closed after
// SessionEnded, and when this process stops; unwatch must be called in any case.
// [ErrWatched] is a session that is watched often enough already.
func (m *Manager) Watch(s *Session) (events <-chan Event, unwatch func(), err error) {
	w := m.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	switch of := w.sessions[s.hash]; {
	case w.ctx.Err() != nil:
		return nil, nil, unavailable("watch", errors.New("this process is about to end"))
	case of != nil && len(of.watchers) >= maxWatchersOf:
		return nil, nil, ErrWatched
	case w.watchers >= maxWatchers:
		return nil, nil, unavailable("watch", errors.New("too many watchers"))
	case of == nil:
		last := *s // s stays the request's
		w.sessions[s.hash] = &watched{last: &last}
	}
	// Room for both events: whoever tells does not wait for whoever listens.
	c := make(chan Event, 2)
	w.sessions[s.hash].watchers = append(w.sessions[s.hash].watchers, c)
	w.watchers++
	if !w.looking {
		w.looking = true
		w.done.Go(w.look)
	}
	return c, func() { w.remove(s.hash, c) }, nil
}

// StopWatching ends all watching, of now and of later, and waits for the end.
func (m *Manager) StopWatching() {
	w := m.watches
	w.mu.Lock()
	w.stop()
	for hash := range w.sessions {
		w.drop(hash)
	}
	w.mu.Unlock()
	w.done.Wait()
}

func (w *watches) remove(hash string, c chan Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.sessions[hash]
	if of == nil {
		return
	}
	before := len(of.watchers)
	of.watchers = slices.DeleteFunc(of.watchers, func(other chan Event) bool { return other == c })
	w.watchers -= before - len(of.watchers)
	if len(of.watchers) == 0 {
		delete(w.sessions, hash)
	}
}

// drop forgets a session, and says so to whoever watches it. The lock is held.
func (w *watches) drop(hash string) {
	of := w.sessions[hash]
	delete(w.sessions, hash)
	w.watchers -= len(of.watchers)
	for _, c := range of.watchers {
		close(c)
	}
}

// look reads what is watched, again and again, until nothing is.
func (w *watches) look() {
	again := time.NewTicker(w.every)
	defer again.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-again.C:
		}
		for _, s := range w.list() {
			now, err := w.load(w.ctx, s.hash)
			if err != nil && !errors.Is(err, ErrNotFound) {
				break // the store is in trouble: nobody is told anything by that
			}
			w.saw(s.hash, now)
		}
		if w.rest() {
			return
		}
	}
}

// list is what is watched.
func (w *watches) list() (all []*Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, of := range w.sessions {
		all = append(all, of.last)
	}
	return all
}

// rest ends the looking where nothing is left to look at.
func (w *watches) rest() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = len(w.sessions) > 0
	return !w.looking
}

// saw tells what has become of a session, nil for one that has ended.
func (w *watches) saw(hash string, now *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.sessions[hash]
	switch {
	case of == nil:
	case now == nil:
		for _, c := range of.watchers {
			c <- SessionEnded
		}
		w.drop(hash)
	case !now.tellsTheSameAs(of.last):
		of.last = now
		for _, c := range of.watchers {
			if len(c) == 0 { // else it is still to be told
				c <- SessionRefreshed
			}
		}
	}
}

// tellsTheSameAs compares what an app is told of a session, but for its use, which
// moves with every request.
func (s *Session) tellsTheSameAs(other *Session) bool {
	return s.Name == other.Name && s.Email == other.Email && s.OrganizationID == other.OrganizationID &&
		slices.Equal(s.Roles, other.Roles) && slices.Equal(s.Methods, other.Methods) &&
		s.AuthTime.Equal(other.AuthTime) && s.Expires.Equal(other.Expires) && s.TokensEnd.Equal(other.TokensEnd)
}
