package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"torhaus/session"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// backchannelTime is what a delivery may take in all: ZITADEL waits for 5 s.
const backchannelTime = 4 * time.Second

// backchannelLogout ends our sessions of a ZITADEL session that has ended there,
// or of a user (OpenID Connect Back-Channel Logout 1.0). ZITADEL delivers once, so
// this is a hint and not the only way that an end there reaches us. It also tells
// us of what we have ended ourselves: finding nothing to end is success.
func (h *Handlers) backchannelLogout(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r, formFields)
	if err != nil {
		return err
	}
	// ZITADEL may have given up meanwhile; it will not ask again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), backchannelTime)
	defer cancel()
	token, err := h.Zitadel.VerifyLogoutToken(ctx, form.Get("logout_token"))
	if errors.Is(err, zitadelclient.InvalidToken) {
		return h.refuseLogoutToken(r, err)
	}
	if err != nil {
		return err
	}
	event := web.EventFrom(r.Context())
	event.Set("security_event", "backchannel_logout")
	first, err := h.Sessions.Once(ctx, logoutTokenPurpose, token.ID, max(token.Until.Sub(h.Now()), time.Second))
	if err != nil {
		return unavailable(err)
	}
	if !first {
		event.Set("replayed", true)
		return nil // done already: 200
	}
	ended, err := h.endAtZitadel(ctx, token)
	event.Set("ended", len(ended))
	last := partingFrom(ended)
	last.sessions = nil // that is how we come to know
	h.tellZitadel(last)
	return err
}

const logoutTokenPurpose = "logout token"

// endAtZitadel ends what a logout token is about. What could not be ended may be
// delivered again.
func (h *Handlers) endAtZitadel(ctx context.Context, token zitadelclient.LogoutToken) (ended []session.Ended, err error) {
	if token.SessionID != "" {
		ended, err = h.Sessions.EndZitadelSession(ctx, h.Zitadel.Issuer(), token.SessionID)
	} else {
		ended, err = h.Sessions.EndSessions(ctx, token.Subject)
	}
	if err == nil {
		return ended, nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return ended, unavailable(errors.Join(err, h.Sessions.Undo(undo, logoutTokenPurpose, token.ID)))
}

// refuseLogoutToken is calm about a token that is none: ZITADEL does not deliver
// again what was answered 400. Whoever sends many is told to stop; they are not
// kept from sending a good one, which may come from the same proxy.
func (h *Handlers) refuseLogoutToken(r *http.Request, err error) error {
	if wait := h.Sessions.AllowHere(logoutTokenPurpose, clientPrefix(r), perClientForgery); wait > 0 {
		web.EventFrom(r.Context()).Set("limited", logoutTokenPurpose)
		return web.Error{Status: http.StatusTooManyRequests, Key: "error.too_many", Err: err, RetryAfter: wait}
	}
	return badRequest(err)
}
