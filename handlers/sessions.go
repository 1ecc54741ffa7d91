package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"torhaus/session"
	"torhaus/web"
)

// placeAnswer is a place where the user is signed in, as an app may show it.
type placeAnswer struct {
	Handle        string    `json:"handle"`
	Current       bool      `json:"current"`
	Browser       string    `json:"browser"`
	System        string    `json:"system"`
	Address       string    `json:"address"`
	CreatedAt     time.Time `json:"created_at"`
	LastUsedAt    time.Time `json:"last_used_at"`
	ExpiresAt     time.Time `json:"expires_at"`
	IdleExpiresAt time.Time `json:"idle_expires_at"`
}

// listSessions tells an app where its user is signed in, the newest first. Whose
// sessions they are is never asked for: it is who asks (CVE-2024-39683).
func (h *Handlers) listSessions(w http.ResponseWriter, r *http.Request) error {
	own, err := h.whoAsks(w, r, slides(r))
	if err != nil {
		return err
	}
	sessions, err := h.Sessions.Sessions(r.Context(), own.Subject)
	if err != nil {
		return unavailable(err)
	}
	places := make([]placeAnswer, len(sessions))
	for i, s := range sessions {
		browser, system := device(s.UserAgent)
		places[i] = placeAnswer{
			Handle: s.Handle, Current: s.Handle == own.Handle, Browser: browser, System: system, Address: s.IP,
			CreatedAt: s.Created, LastUsedAt: s.Seen, ExpiresAt: s.Expires, IdleExpiresAt: s.Idle,
		}
	}
	return web.WriteJSON(w, http.StatusOK, map[string]any{"sessions": places})
}

// endSessionByHandle signs the user out in one place. In this one it is the same
// as signing out by the page.
func (h *Handlers) endSessionByHandle(w http.ResponseWriter, r *http.Request) error {
	own, err := h.whoEnds(w, r)
	if err != nil {
		return err
	}
	handle := chi.URLParam(r, "handle")
	ctx := context.WithoutCancel(r.Context()) // as in logout
	if handle == own.Handle {
		if err := h.signOut(ctx, w, r, false); err != nil {
			return err
		}
		return noContent(w)
	}
	ended, err := h.Sessions.EndSessionByHandle(ctx, own.Subject, handle)
	last := partingFrom(ended)
	defer func() { h.tellZitadel(last) }()
	if errors.Is(err, session.ErrNotFound) {
		return web.Error{Status: http.StatusNotFound, Key: "error.not_found", Err: err}
	}
	if err == nil {
		err = h.spareOthers(ctx, own.Subject, last)
	}
	if err != nil {
		return unavailable(err)
	}
	return noContent(w)
}

// spareOthers keeps ZITADEL sessions on which others of the user's sessions rest:
// they would end with them.
func (h *Handlers) spareOthers(ctx context.Context, subject string, last *parting) error {
	left, err := h.Sessions.Sessions(ctx, subject)
	if err != nil {
		clear(last.sessions)
	}
	for _, s := range left {
		delete(last.sessions, s.ZitadelSession)
		delete(last.sessions, h.standsOn(ctx, s))
	}
	return err
}

// standsOn is the ZITADEL session behind a session: that of the account in its
// browser, which may have been replaced since the session was last checked.
func (h *Handlers) standsOn(ctx context.Context, s *session.Session) string {
	if account, err := h.Sessions.AccountOf(ctx, s); err == nil {
		return account.ZitadelSession
	}
	return s.ZitadelSession
}

// endOtherSessions signs the user out everywhere but here, of other clients'
// ZITADEL sessions as well: whoever asks for it does not trust one of them.
func (h *Handlers) endOtherSessions(w http.ResponseWriter, r *http.Request) error {
	own, err := h.whoEnds(w, r)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	ended, err := h.Sessions.EndOtherSessions(ctx, own.Subject, own.Handle)
	last := partingFrom(ended)
	if err == nil {
		last.everyOneOf, last.but = own.Subject, h.standsOn(ctx, own)
	}
	h.tellZitadel(last)
	if err != nil {
		return unavailable(err)
	}
	return noContent(w)
}

func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
