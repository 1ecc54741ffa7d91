package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// askLogout asks before anything ends: an image or a prefetch of this address
// signs nobody out.
func (h *Handlers) askLogout(w http.ResponseWriter, r *http.Request) error {
	query, err := entryQuery(r)
	if err != nil {
		return err
	}
	page := templates.LogoutPage{Base: h.base(r, "")}
	if target, err := h.postLogout(query.Get("post_logout_redirect_uri"), query.Get("post_logout_redirect")); err == nil {
		page.PostLogout = target.String()
		web.SetFormAction(w, target)
	}
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	if err != nil {
		return unavailable(err)
	}
	if used := accounts.ByUse(); len(used) > 0 {
		page.FullName = used[0].DisplayName
	}
	return h.render(w, http.StatusOK, page)
}

// postLogout parses where to go afterwards; both spellings are in use.
func (h *Handlers) postLogout(candidates ...string) (web.PostLogout, error) {
	for _, raw := range candidates {
		if raw != "" {
			return slices.Concat(h.AppOrigins, h.LogoutOrigins).PostLogout(raw)
		}
	}
	return web.PostLogout{}, errors.New("no target")
}

// logout ends our session first, and at once; what ZITADEL must be told follows
// and may fail without keeping anybody signed in here.
func (h *Handlers) logout(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r, formFields)
	if err != nil {
		return err
	}
	ended, tokens, err := h.Sessions.EndSession(r.Context(), w, r)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return unavailable(err)
	}
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	if err != nil {
		return unavailable(err)
	}
	var forgotten []session.Account
	for _, account := range accounts.ByUse() {
		if ended != nil && account.ZitadelSession != ended.ZitadelSession {
			continue // signed in beside it: theirs to end
		}
		if err := h.Sessions.ForgetAccount(r.Context(), w, r, account.ZitadelSession); err != nil {
			return unavailable(err)
		}
		forgotten = append(forgotten, account)
	}
	h.tellZitadel(r.Context(), tokens.RefreshToken, forgotten)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`) // not "cookies": siblings' would go too
	if target, err := h.postLogout(form.Get("post_logout_redirect_uri"), form.Get(templates.FieldPostLogout)); err == nil {
		return web.Redirect(w, r, target)
	}
	return web.Redirect(w, r, h.BasePath.Page("/logout/done", ""))
}

// logoutTime bounds what a sign-out waits for ZITADEL.
const logoutTime = 3 * time.Second

// tellZitadel revokes the refresh token, which would outlive its session, and
// deletes the ZITADEL sessions.
func (h *Handlers) tellZitadel(ctx context.Context, refreshToken string, accounts []session.Account) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTime)
	defer cancel()
	if refreshToken != "" {
		if err := h.Zitadel.Revoke(ctx, refreshToken); err != nil {
			h.Logger.WarnContext(ctx, "refresh token not revoked at sign-out", "error", err)
		}
	}
	for _, account := range accounts {
		err := h.Zitadel.DeleteSession(ctx, ref(account))
		if err != nil && !errors.Is(err, zitadelclient.NotFound) {
			h.Logger.WarnContext(ctx, "ZITADEL session not deleted at sign-out", "error", err)
		}
	}
}

// logoutDone says that it is done, and signs nobody in by itself.
func (h *Handlers) logoutDone(w http.ResponseWriter, r *http.Request) error {
	return h.render(w, http.StatusOK, templates.LogoutDonePage{Base: h.base(r, ""), Back: h.DefaultApp.String()})
}
