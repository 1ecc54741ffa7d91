package handlers

import (
	"errors"
	"net/http"
	"slices"

	"torhaus/session"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// Clients that want no page (prompt=none) are answered through ZITADEL.

// refuseSilently answers a client that wants no page (prompt=none) through ZITADEL,
// also where its request cannot be met at all. An outage is none of its making.
func (h *Handlers) refuseSilently(w http.ResponseWriter, r *http.Request, attempt *session.Attempt, err error) error {
	var refused web.Error
	if attempt == nil || !wantsNoPage(attempt.Request) || !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
		return err
	}
	v, beginErr := h.begin(w, r, *attempt)
	if beginErr != nil {
		return beginErr
	}
	web.EventFrom(r.Context()).Set("refused", err.Error())
	return v.fail(zitadelclient.LoginRequired)
}

// refuseInFrame answers a client that renews its session in a hidden frame: it wants
// no page (prompt=none), and nothing is completed outside of a top-level navigation.
// It is told so through ZITADEL, for it would wait in vain.
func (h *Handlers) refuseInFrame(w http.ResponseWriter, r *http.Request, notHere error) error {
	query, err := entryQuery(r)
	if err != nil || r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Dest") != "iframe" {
		return notHere
	}
	id, err := authRequestID(query)
	if err != nil || id == "" {
		return notHere
	}
	asked, err := h.Zitadel.AuthRequest(r.Context(), id)
	if err != nil || !slices.Contains(asked.Prompts, zitadelclient.PromptNone) {
		return notHere
	}
	callback, err := h.Zitadel.Fail(r.Context(), id, zitadelclient.LoginRequired)
	if err != nil {
		return err
	}
	target, err := web.ParseClientRedirect(callback, asked.RedirectURI)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, target)
}

// wantsNoPage reports whether another client asked with prompt=none.
func wantsNoPage(request session.Request) bool {
	return request.Kind == session.KindOIDC && slices.Contains(request.Prompts, string(zitadelclient.PromptNone))
}
