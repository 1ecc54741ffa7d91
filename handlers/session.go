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
	Subject       string     `json:"subject"`
	Name          string     `json:"name"`
	Email         string     `json:"email"`
	Organization  string     `json:"organization"`
	Roles         []string   `json:"roles"`
	Methods       []string   `json:"methods"`
	AuthTime      time.Time  `json:"auth_time"`
	ExpiresAt     time.Time  `json:"expires_at"`
	IdleExpiresAt time.Time  `json:"idle_expires_at"`
	RefreshAt     *time.Time `json:"refresh_at"` // null: there is nothing to refresh
}

// session tells an app who is signed in.
func (h *Handlers) session(w http.ResponseWriter, r *http.Request) error {
	s, err := h.whoAsks(w, r, slides(r))
	if err != nil {
		return err
	}
	return web.WriteTaggedJSON(w, r, answerAbout(s))
}

// whoAsks is [Handlers.liveSession] for an endpoint, which says by what one would
// be signed in (RFC 9110, 11.6.1).
func (h *Handlers) whoAsks(w http.ResponseWriter, r *http.Request, slide bool) (*session.Session, error) {
	s, err := h.liveSession(r, slide)
	if errors.Is(err, session.ErrNotFound) {
		w.Header().Set("WWW-Authenticate", `Cookie realm="torhaus"`)
	}
	return s, err
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
	return answer
}

// list is never null in JSON.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
