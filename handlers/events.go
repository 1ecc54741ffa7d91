package handlers

import (
	"errors"
	"net/http"
	"time"

	"torhaus/session"
	"torhaus/web"
)

// A stream of events says something now and then, so that no proxy takes it for
// dead, and ends after a while: a client that is gone without a word holds its
// place no longer. Browsers come back by themselves after the time that they are
// told, in milliseconds.
const (
	eventsPing  = 20 * time.Second
	eventsLife  = 15 * time.Minute
	eventsRetry = "3000"
)

// sessionEvents tells an app when the session of its visitor ends or tells
// something else, wherever that comes from. It is no use of the session: an open
// tab keeps nobody signed in.
func (h *Handlers) sessionEvents(w http.ResponseWriter, r *http.Request) error {
	s, err := h.watchedSession(r)
	if err != nil {
		return challenge(w, err)
	}
	events, unwatch, err := h.Sessions.Watch(s)
	if errors.Is(err, session.ErrWatched) {
		return web.Error{Status: http.StatusTooManyRequests, Key: "error.too_many", Err: err, RetryAfter: eventsPing}
	}
	if err != nil {
		return unavailable(err)
	}
	defer unwatch()
	stream, err := web.NewEventStream(w, eventsRetry)
	if err != nil || r.Method == http.MethodHead {
		return nil
	}
	streamEvents(r, stream, events)
	return nil // a client that is gone is no failure
}

// streamEvents sends what happens until the session has ended, the client is gone
// or the time is over.
func streamEvents(r *http.Request, stream *web.EventStream, events <-chan session.Event) {
	ping, end := time.NewTicker(eventsPing), time.NewTimer(eventsLife)
	defer ping.Stop()
	defer end.Stop()
	var err error
	for err == nil {
		select {
		case event, more := <-events:
			if !more {
				return
			}
			err = stream.Send(string(event), "{}")
		case <-ping.C:
			err = stream.Ping()
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}
