package handlers

import (
	"errors"
	"net/http"
	"time"

	"torhaus/session"
	"torhaus/web"
)

// sessionAnswer is what an app may know of who is signed in. There is no token
// in it, and no field that could hold one.
type sessionAnswer struct {
	Subject        string     `json:"subject"`
	Name           string     `json:"name"`
	Email          string     `json:"email"`
	Organization   string     `json:"organization"`
	Roles          []string   `json:"roles"`
	Methods        []string   `json:"methods"`
	AuthTime       time.Time  `json:"auth_time"`
	ExpiresAt      time.Time  `json:"expires_at"`
	IdleExpiresAt  time.Time  `json:"idle_expires_at"`
	RefreshAt      *time.Time `json:"refresh_at"`       // null: there is nothing to refresh
	TokensExpireAt *time.Time `json:"tokens_expire_at"` // null likewise
}

// session tells an app who is signed in.
func (h *Handlers) session(w http.ResponseWriter, r *http.Request) error {
	s, err := h.recentSession(r, slides(r))
	if err != nil {
		return challenge(w, err)
	}
	return web.WriteTaggedJSON(w, r, answerAbout(s))
}

// refreshSession is for an app that knows of a change: a role, a name or a lock
// takes effect now, not at the next refresh.
func (h *Handlers) refreshSession(w http.ResponseWriter, r *http.Request) error {
	s, err := h.whoAsks(w, r, false)
	if err != nil {
		return err
	}
	wait, err := h.Sessions.Allow(r.Context(), "refresh", s.Handle, perSessionRefresh)
	if err != nil {
		return unavailable(err)
	}
	if wait > 0 {
		web.EventFrom(r.Context()).Set("limited", "refresh")
		return web.Error{Status: http.StatusTooManyRequests, Key: "error.too_many", Err: errors.New("refreshed too often"), RetryAfter: wait}
	}
	s, err = h.refreshedSession(r, slides(r))
	if err != nil {
		return challenge(w, err)
	}
	return web.WriteJSON(w, http.StatusOK, answerAbout(s))
}

// whoAsks is [Handlers.liveSession] for an endpoint.
func (h *Handlers) whoAsks(w http.ResponseWriter, r *http.Request, slide bool) (*session.Session, error) {
	s, err := h.liveSession(r, slide)
	return s, challenge(w, err)
}

// challenge says by what one would be signed in, where nobody is (RFC 9110,
// 11.6.1).
func challenge(w http.ResponseWriter, err error) error {
	if errors.Is(err, session.ErrNotFound) {
		w.Header().Set("WWW-Authenticate", `Cookie realm="torhaus"`)
	}
	return err
}

// answerAbout is a session as an app may know it.
func answerAbout(s *session.Session) sessionAnswer {
	answer := sessionAnswer{
		Subject: s.Subject, Name: s.Name, Email: s.Email, Organization: s.OrganizationID,
		Roles: list(s.Roles), Methods: list(s.Methods),
		AuthTime: s.AuthTime, ExpiresAt: s.Expires, IdleExpiresAt: s.Idle,
	}
	if !s.Refresh.IsZero() {
		answer.RefreshAt = &s.Refresh
	}
	if !s.TokensEnd.IsZero() {
		answer.TokensExpireAt = &s.TokensEnd
	}
	return answer
}

// list is never null in JSON.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
