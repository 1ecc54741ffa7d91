package handlers

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"torhaus/web"
)

// readiness turns false when the process is told to stop, so that no new
// visitors are sent here while the old ones are served.
type readiness struct{ draining atomic.Bool }

// Drain makes /readyz answer 503 from now on, and ends the streams of events: they
// would go on for ever, and their browsers come back elsewhere.
func (h *Handlers) Drain() {
	h.ready.draining.Store(true)
	h.Sessions.StopWatching()
}

// healthz says that the process lives. It asks nobody: a Redis that is down is
// no reason to restart us.
func (h *Handlers) healthz(w http.ResponseWriter, r *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// readyTime bounds what a readiness probe waits for.
const readyTime = 2 * time.Second

// readyz says whether visitors can be served: the store answers. ZITADEL's
// health is not ours: sessions and forward-auth work while it is down.
func (h *Handlers) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if h.ready.draining.Load() {
		return web.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
	}
	if err := h.Sessions.Ping(ctx); err != nil {
		web.EventFrom(r.Context()).Set("error", err)
		return web.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "the session store does not answer"})
	}
	return web.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
