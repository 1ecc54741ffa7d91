package handlers

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// providerReturnStep takes what an identity provider says of whoever comes back
// from it.
//
// ZITADEL sends the browser here with the intent and a token that opens it. The GET
// keeps the token in the attempt that waits for this very intent, and leads to the
// same page without it: nothing secret stays in an address, and nothing is asked of
// ZITADEL. The page sends itself on as a form, by script, or by its button without
// one. So that what signs in, makes users and sends mails is a form of our own page
// like all that does: sent from our origin alone, worked on once however often it
// comes, and never by a prefetch, a preview or a scanner.
var providerReturnStep = step{
	kind:   flow.ProviderReturn,
	path:   stepPaths[flow.ProviderReturn],
	show:   showProviderReturn,
	submit: submitProviderReturn,
	names:  true,
}

func showProviderReturn(v *visit) (templates.Page, error) {
	i := v.attempt.Intent
	return templates.ProviderReturnPage{Base: v.base(), Provider: i.Provider, Name: i.Name, Auto: v.problem == nil}, nil
}

// longestIntentToken is several times what ZITADEL makes.
const longestIntentToken = 500

// getProviderReturn also takes the return from ZITADEL.
func (h *Handlers) getProviderReturn(w http.ResponseWriter, r *http.Request) error {
	query, err := entryQuery(r)
	if err != nil {
		return err
	}
	if !query.Has("id") && !query.Has("token") {
		return h.get(providerReturnStep)(w, r)
	}
	return h.takeReturn(w, r, query, func(v *visit) error {
		token := query.Get("token")
		if token == "" || len(token) > longestIntentToken {
			return badRequest(errors.New("return from a provider without a token"))
		}
		// The user that the address also names is nobody's word for anything.
		v.attempt.Intent.Token = token
		return nil
	})
}

// getProviderFailure takes the return of somebody who was refused there, or
// refused. What it gives as the reason comes from an address and is not shown.
func (h *Handlers) getProviderFailure(w http.ResponseWriter, r *http.Request) error {
	query, err := entryQuery(r)
	if err != nil {
		return err
	}
	return h.takeReturn(w, r, query, func(v *visit) error {
		v.abandon("notice.provider_failed")
		return nil
	})
}

// takeReturn finds the attempt that a return belongs to and keeps what it brought,
// unless there was an answer before: what comes after it is the same again, or is
// made up. ZITADEL answers a provider's callback that comes twice as a failure.
func (h *Handlers) takeReturn(w http.ResponseWriter, r *http.Request, query url.Values, keep func(*visit) error) error {
	if err := navigated(r); err != nil {
		return err
	}
	v := &visit{Handlers: h, w: w, r: r, ctx: r.Context()}
	var err error
	if v.attempt, err = h.awaitingReturn(r, query.Get("id")); err != nil {
		return err
	}
	unlock, err := v.alone()
	if err != nil {
		return err
	}
	defer unlock()
	if v.attempt, err = h.awaitingReturn(r, query.Get("id")); err != nil {
		return err
	}
	if v.attempt.Outcome != nil {
		return v.repeatOutcome()
	}
	if i := v.attempt.Intent; !i.Used && i.Token == "" {
		if err := keep(v); err != nil {
			return err
		}
		if err := v.save(); err != nil {
			return err
		}
	}
	return v.proceed()
}

// awaitingReturn finds the attempt of this browser that waits for an intent. The
// return of another browser's, or one that is made up, finds none: whoever brings
// it would be signed in as somebody else (login CSRF, CVE-2026-105208).
func (h *Handlers) awaitingReturn(r *http.Request, id string) (*session.Attempt, error) {
	attempts, err := h.Sessions.Attempts(r.Context(), r)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, a := range attempts {
		i := a.Intent
		if i == nil || i.ID == "" || subtle.ConstantTimeCompare([]byte(i.ID), []byte(id)) != 1 {
			continue
		}
		if chi.URLParam(r, "provider") != i.Provider {
			return nil, badRequest(errors.New("return at the address of another provider"))
		}
		return a, nil
	}
	return nil, expired(errors.New("return from a provider that no attempt of this browser waits for"))
}

// submitProviderReturn asks ZITADEL what the provider said, and goes on with whom
// it names.
func submitProviderReturn(v *visit, _ url.Values) error {
	i := v.attempt.Intent
	if err := v.limitProvider(); err != nil {
		return err
	}
	intent, err := v.Zitadel.RetrieveIntent(v.ctx, zitadelclient.IntentRef{ID: i.ID, Token: i.Token})
	switch kindOf(err) {
	case "":
	case zitadelclient.IntentRefused, zitadelclient.NotFound, zitadelclient.Invalid:
		v.abandon("notice.provider_failed")
		return nil
	default:
		return err
	}
	provider := v.provider(i.Provider)
	switch {
	case intent.Identity.ProviderID != i.Provider:
		// Answered by another provider than the one that was asked, which may say
		// what it likes of that one's users (GHSA-x4c7-fpcx-w9q6).
		web.EventFrom(v.r.Context()).Set("security_event", "intent_of_another_provider")
		v.abandon("notice.provider_failed")
	case provider == nil:
		v.abandon("notice.provider_unavailable") // switched off meanwhile
	case intent.UserID != "":
		return v.signInLinked(intent.UserID)
	case v.attempt.User.ID != "":
		v.abandon("notice.provider_unlinked")
	default:
		return v.welcome(*provider, intent)
	}
	return nil
}

// provider is one that may be come by here and now, nil for none.
func (v *visit) provider(id string) *zitadelclient.IdentityProvider {
	for _, p := range v.listed([]string{id}) {
		return &p
	}
	return nil
}

// signInLinked signs in the user to whom the identity belongs. Who said before that
// they are somebody else is told, and not signed in as the wrong one.
func (v *visit) signInLinked(userID string) error {
	if named := v.attempt.User.ID; named != "" && named != userID {
		v.abandon("notice.provider_other_user")
		return nil
	}
	user, err := v.Zitadel.User(v.ctx, userID)
	if kindOf(err) == zitadelclient.NotFound {
		v.abandon("notice.provider_failed")
		return nil
	}
	if err != nil {
		return err
	}
	v.attempt.Registration = nil // they have an account
	v.attempt.User = snapshot(user)
	v.attempt.User.Methods, v.attempt.User.Providers = []string{string(zitadelclient.MethodIDP)}, []string{v.attempt.Intent.Provider}
	v.attempt.LoginName = user.PreferredLoginName
	if err := v.reuseSession(); err != nil {
		return err
	}
	if err := v.load(); err != nil {
		return err
	}
	return v.checkIntent(func(checks zitadelclient.Checks) error {
		checks.UserID = user.ID
		err := v.updateSession(checks)
		if errors.Is(err, zitadelclient.SessionEnded) {
			return v.createSession(checks)
		}
		return err
	})
}

// checkIntent has ZITADEL take the provider's word for who it is. Whatever comes of
// it, the intent is not used again (CVE-2025-46815).
func (v *visit) checkIntent(check func(zitadelclient.Checks) error) error {
	i := v.attempt.Intent
	v.vouches = i.Provider
	err := check(zitadelclient.Checks{Intent: zitadelclient.IntentRef{ID: i.ID, Token: i.Token}})
	switch kindOf(err) {
	case "":
		v.showed(flow.IdentityProvider)
		v.attempt.Intent = &session.Intent{Provider: i.Provider, Name: i.Name, ID: i.ID, Used: true}
		return nil
	case zitadelclient.IntentRefused:
		v.abandon("notice.provider_failed")
		return nil
	case zitadelclient.NotActive:
		v.attempt.Intent = nil
	}
	return err
}
