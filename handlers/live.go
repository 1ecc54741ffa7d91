package handlers

import (
	"errors"
	"net/http"

	"torhaus/session"
	"torhaus/web"
)

// What is here is the only way to a session for an endpoint that serves an app.

// liveSession is who is signed in. An error is the answer already: 401 when nobody is, which
// is also [session.ErrNotFound] to [errors.Is]; 503 when it cannot be told.
//
// With slide the request counts as use of the session. Without, it keeps nobody
// signed in: for apps that ask in the background.
func (h *Handlers) liveSession(r *http.Request, slide bool) (*session.Session, error) {
	return live(h.keeper.Session(r.Context(), r, slide))
}

// refreshedSession is [Handlers.liveSession] after a refresh and a check, due or
// not.
func (h *Handlers) refreshedSession(r *http.Request, slide bool) (*session.Session, error) {
	return live(h.keeper.RefreshNow(r.Context(), r, slide))
}

// recentSession is [Handlers.liveSession] for endpoints that only say who is there:
// with a near cache it may be a second old.
func (h *Handlers) recentSession(r *http.Request, slide bool) (*session.Session, error) {
	return live(h.keeper.Recent(r.Context(), r, slide))
}

// watchedSession is [Handlers.liveSession] for a stream, which says what becomes of the
// session: what is due is begun and not waited for. Streams are not among the requests
// that [Config.MaxInFlight] bounds, so they must not pile up behind a slow ZITADEL.
func (h *Handlers) watchedSession(r *http.Request) (*session.Session, error) {
	return live(h.keeper.Glance(r.Context(), r))
}

// sessionWithTokens is [Handlers.liveSession] with good tokens, which are its own: who
// has lost the session or a role by the refresh that brought them has lost it here.
func (h *Handlers) sessionWithTokens(r *http.Request, slide bool) (*session.Session, session.TokenSet, error) {
	s, tokens, err := h.keeper.WithTokens(r.Context(), r, slide)
	s, err = live(s, err)
	return s, tokens, err
}

func live(s *session.Session, err error) (*session.Session, error) {
	if errors.Is(err, session.ErrNotFound) {
		return nil, web.Error{Status: http.StatusUnauthorized, Key: "error.unauthorized", Err: err}
	}
	return s, unavailable(err)
}

// slides reports whether a request counts as use of its session: unless it says
// ?slide=false.
func slides(r *http.Request) bool { return r.URL.Query().Get("slide") != "false" }
