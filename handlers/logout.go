package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// askLogout asks before anything ends: an image or a prefetch of this address
// signs nobody out. Where nobody is signed in there is nothing to ask.
func (h *Handlers) askLogout(w http.ResponseWriter, r *http.Request) error {
	query, err := entryQuery(r)
	if err != nil {
		return err
	}
	if h.Sessions.Conflicting(r) {
		return twoCookies()
	}
	name, found, err := h.whoLeaves(r)
	if err != nil {
		return unavailable(err)
	}
	target, targetErr := h.postLogout(query.Get("post_logout_redirect_uri"), query.Get("post_logout_redirect"))
	if !found {
		back := h.DefaultApp.String()
		if targetErr == nil {
			back = target.String()
		}
		return h.render(w, http.StatusOK, templates.LogoutDonePage{Base: h.base(r, ""), Back: back})
	}
	page := templates.LogoutPage{Base: h.base(r, ""), FullName: name}
	if targetErr == nil {
		page.PostLogout = target.String()
		web.SetFormAction(w, target)
	}
	return h.render(w, http.StatusOK, page)
}

// whoLeaves is whom a sign-out is about: who has our session, or else whoever
// signed in last in this browser. Whoever has only begun to is signed out, too,
// but not named.
func (h *Handlers) whoLeaves(r *http.Request) (name string, found bool, err error) {
	s, err := h.Sessions.Peek(r.Context(), r)
	if err == nil {
		return s.Name, true, nil
	}
	if !errors.Is(err, session.ErrNotFound) {
		return "", false, err
	}
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	for _, account := range accounts.ByUse() {
		if account.Offered {
			return account.DisplayName, true, err
		}
	}
	return "", len(accounts) > 0, err
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

// logout ends our session first, and at once; what ZITADEL must be told follows,
// whatever else fails, and may fail without keeping anybody signed in here.
func (h *Handlers) logout(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r, formFields)
	if err != nil {
		return err
	}
	// From here on the browser may go away: with our session its refresh token
	// would be gone, unrevoked and beyond anybody's reach.
	ctx := context.WithoutCancel(r.Context())
	ended, tokens, err := h.Sessions.EndSession(ctx, w, r)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return unavailable(err)
	}
	over := map[string]bool{}
	defer func() { h.tellZitadel(ctx, tokens.RefreshToken, over) }()
	if ended != nil {
		// Also when no account holds it any more: a later sign-in of the same
		// user has put another in its place, and left this one alive.
		over[ended.ZitadelSession] = true
	}
	if err := h.forgetAccounts(ctx, w, r, ended, over); err != nil {
		return unavailable(err)
	}
	if h.Sessions.Conflicting(r) {
		return twoCookies() // "you are signed out" would not be true
	}
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`) // not "cookies": siblings' would go too
	if target, err := h.postLogout(form.Get("post_logout_redirect_uri"), form.Get(templates.FieldPostLogout)); err == nil {
		return web.Redirect(w, r, target)
	}
	return web.Redirect(w, r, h.BasePath.Page("/logout/done", ""))
}

// forgetAccounts takes the accounts of who leaves off this browser, and adds
// their ZITADEL sessions to those that are over. Somebody else who is signed in
// beside them stays; without a session of ours everybody leaves.
func (h *Handlers) forgetAccounts(ctx context.Context, w http.ResponseWriter, r *http.Request, ended *session.Session, over map[string]bool) error {
	accounts, err := h.Sessions.Accounts(ctx, r)
	if err != nil {
		return err
	}
	leaving := slices.DeleteFunc(accounts.ByUse(), func(a session.Account) bool {
		return ended != nil && a.UserID != ended.Subject && a.ZitadelSession != ended.ZitadelSession
	})
	for _, account := range leaving {
		over[account.ZitadelSession] = true
	}
	for _, account := range leaving {
		if err := h.Sessions.ForgetAccount(ctx, w, r, account.ZitadelSession); err != nil {
			return err
		}
	}
	return nil
}

// twoCookies says that a browser sends two cookies of one name. Neither is
// believed, and neither is cleared.
func twoCookies() error {
	return web.Error{Status: http.StatusBadRequest, Key: "error.cookies", Err: errors.New("two cookies of one name")}
}

// logoutTime bounds what a sign-out waits for each thing that ZITADEL is told.
const logoutTime = 3 * time.Second

// tellZitadel revokes the refresh token, which would outlive its session, and
// deletes ZITADEL sessions. All is said at once: a revocation that hangs must not
// cost the deletions their time. No session's token is sent, since an old one
// would be refused: who may end these was settled by our own records.
func (h *Handlers) tellZitadel(ctx context.Context, refreshToken string, over map[string]bool) {
	var group sync.WaitGroup
	defer group.Wait()
	say := func(what string, call func(context.Context) error) {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, logoutTime)
			defer cancel()
			if err := call(ctx); err != nil && !errors.Is(err, zitadelclient.NotFound) {
				h.Logger.WarnContext(ctx, "ZITADEL was not told of a sign-out", "what", what, "error", err)
			}
		})
	}
	if refreshToken != "" {
		say("refresh token", func(ctx context.Context) error { return h.Zitadel.Revoke(ctx, refreshToken) })
	}
	delete(over, "") // an account that was signed out before
	for id := range over {
		say("session", func(ctx context.Context) error {
			return h.Zitadel.DeleteSession(ctx, zitadelclient.SessionRef{ID: id})
		})
	}
}

// logoutDone says that it is done, and signs nobody in by itself.
func (h *Handlers) logoutDone(w http.ResponseWriter, r *http.Request) error {
	return h.render(w, http.StatusOK, templates.LogoutDonePage{Base: h.base(r, ""), Back: h.DefaultApp.String()})
}
