package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
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
	who, err := h.whoLeaves(r)
	if err != nil {
		return unavailable(err)
	}
	target, targetErr := h.postLogout(query.Get("post_logout_redirect_uri"), query.Get("post_logout_redirect"))
	if who == nil {
		back := h.DefaultApp.String()
		if targetErr == nil {
			back = target.String()
		}
		return h.render(w, http.StatusOK, templates.LogoutDonePage{Base: h.base(r, ""), Back: back})
	}
	page := templates.LogoutPage{Base: h.base(r, ""), FullName: who.name, Everywhere: who.ours}
	if targetErr == nil {
		page.PostLogout = target.String()
		web.SetFormAction(w, target)
	}
	return h.render(w, http.StatusOK, page)
}

// leaver is whom a sign-out is about.
type leaver struct {
	name string // "" for whoever has only begun to sign in
	ours bool   // they have our session, and may end their others, too
}

// whoLeaves is who has our session, or else whoever signed in last in this
// browser, or has begun to; nil is nobody.
func (h *Handlers) whoLeaves(r *http.Request) (*leaver, error) {
	s, err := h.Sessions.Peek(r.Context(), r)
	if err == nil {
		return &leaver{s.Name, true}, nil
	}
	if !errors.Is(err, session.ErrNotFound) {
		return nil, err
	}
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	if err != nil || len(accounts) == 0 {
		return nil, err
	}
	for _, account := range accounts.ByUse() {
		if account.Offered {
			return &leaver{name: account.DisplayName}, nil
		}
	}
	return &leaver{}, nil
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

// logout signs the browser out, or the user everywhere.
func (h *Handlers) logout(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(r, formFields)
	if err != nil {
		return err
	}
	// From here on the browser may go away: with our session its refresh token
	// would be gone, unrevoked and beyond anybody's reach.
	ctx := context.WithoutCancel(r.Context())
	if err := h.signOut(ctx, w, r, form.Get(templates.FieldAction) == templates.ActionEverywhere); err != nil {
		return err
	}
	if target, err := h.postLogout(form.Get("post_logout_redirect_uri"), form.Get(templates.FieldPostLogout)); err == nil {
		return web.Redirect(w, r, target)
	}
	return web.Redirect(w, r, h.BasePath.Page("/logout/done", ""))
}

// signOut ends our session first, and at once; what ZITADEL must be told follows
// behind the answer's back, whatever else fails.
func (h *Handlers) signOut(ctx context.Context, w http.ResponseWriter, r *http.Request, everywhere bool) error {
	last := partingFrom(nil)
	defer func() { h.tellZitadel(last) }()
	if everywhere {
		if err := h.endElsewhere(ctx, r, last); err != nil {
			return unavailable(err) // still signed in here, to try again
		}
	}
	ended, tokens, err := h.Sessions.EndSession(ctx, w, r)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return unavailable(err)
	}
	last.tokens = append(last.tokens, tokens)
	if ended != nil {
		// Also when no account holds it any more: a later sign-in of the same
		// user has put another in its place, and left this one alive.
		last.sessions[ended.ZitadelSession] = true
	}
	if err := h.forgetAccounts(ctx, w, r, ended, last.sessions); err != nil {
		return unavailable(err)
	}
	if h.Sessions.Conflicting(r) {
		return twoCookies() // "you are signed out" would not be true
	}
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`) // not "cookies": siblings' would go too
	return nil
}

// whoEnds is who asks an endpoint to end sessions: by what we have stored alone,
// since a sign-out waits for nothing that ZITADEL has to say.
func (h *Handlers) whoEnds(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	s, err := live(h.Sessions.Peek(r.Context(), r))
	return s, challenge(w, err)
}

// endElsewhere ends the user's other sessions, and has all their ZITADEL sessions
// end. Our session alone says who that is: an account of this browser may be one
// that somebody has merely named.
func (h *Handlers) endElsewhere(ctx context.Context, r *http.Request, last *parting) error {
	own, err := h.Sessions.Peek(ctx, r)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	ended, err := h.Sessions.EndOtherSessions(ctx, own.Subject, own.Handle)
	*last = *partingFrom(ended)
	if err == nil {
		last.everyOneOf = own.Subject
	}
	return err
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

// logoutDone says that it is done, and signs nobody in by itself.
func (h *Handlers) logoutDone(w http.ResponseWriter, r *http.Request) error {
	return h.render(w, http.StatusOK, templates.LogoutDonePage{Base: h.base(r, ""), Back: h.DefaultApp.String()})
}
