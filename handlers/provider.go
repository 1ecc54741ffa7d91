package handlers

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// providerStep asks which identity provider to go to.
var providerStep = step{
	kind:   flow.IdentityProvider,
	path:   stepPaths[flow.IdentityProvider],
	show:   showProvider,
	submit: func(v *visit, form url.Values) error { return v.choose(form.Get(templates.FieldProvider)) },
	bare:   func(a *session.Attempt) { a.AddingAccount = true },
}

func showProvider(v *visit) (templates.Page, error) {
	return templates.ProviderPage{
		Base: v.base(), Others: v.others(), Providers: buttons(v.listed(v.step.Providers)),
		// Where the client asks for one, the visitor need not be asked: the page
		// presses its own button, the first time that it is shown.
		Auto: v.attempt.Request.Provider != "" && v.attempt.Turn == 0,
	}, nil
}

// leavePath is the page from which a browser leaves for a provider. It is no step:
// only the form that chose the provider leads to it, so that a link to the choice
// is one, and the way back from the provider no trap.
const leavePath = "/idp/{provider}"

// leave sends the browser on its way.
func (h *Handlers) leave(w http.ResponseWriter, r *http.Request) error {
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	if v.attempt.Outcome != nil {
		return v.repeatOutcome()
	}
	if err := v.decide(); err != nil {
		return err
	}
	i := v.attempt.Intent
	if i == nil || i.URL == "" || !v.step.Allows(flow.IdentityProvider) || !slices.Contains(v.step.Providers, i.Provider) {
		return v.proceed()
	}
	target, err := web.ParseProviderURL(i.URL, v.PublicURL)
	if err != nil {
		return err
	}
	if err := web.Onward(w, target); err != nil {
		return err
	}
	return v.render(w, http.StatusOK, templates.ProviderLeavePage{Base: v.base(), Provider: i.Provider, Name: i.Name, Onward: target.String()})
}

// choose takes one of the providers that may be chosen at this step. From a list
// that everybody gets, it is chosen by nobody in particular: a name that was typed
// before is not held against whoever comes back.
func (v *visit) choose(id string) error {
	if !slices.Contains(v.step.Providers, id) {
		return refuse("", "problem.provider_unavailable")
	}
	if v.listedForAll() {
		registration := v.attempt.Registration
		v.forgetName(v.attempt.Persistent)
		if registration != nil && registration.Organization != "" {
			v.attempt.Registration = &session.Registration{Organization: registration.Organization} // whose provider it is
		}
	}
	v.attempt.Intent = &session.Intent{Provider: id, Name: v.providerName(id)}
	v.attempt.Preferred = string(flow.IdentityProvider)
	v.fresh = false
	return nil
}

// chooseAnew takes a provider on a page that asks who it is, whoever was signing in
// there before.
func (v *visit) chooseAnew(id string, persistent bool) error {
	v.forgetName(persistent)
	if err := v.decide(); err != nil {
		return err
	}
	return v.choose(id)
}

// listedForAll reports whether the providers on offer are those that everybody
// gets, because nobody is known or nobody may be.
func (v *visit) listedForAll() bool {
	return v.state.User == nil || v.concealed() && !v.attempt.Recalled
}

func (v *visit) forgetName(persistent bool) {
	v.dropProvisional()
	v.attempt.ForgetUser()
	v.attempt.Persistent, v.attempt.AddingAccount = persistent, true
	v.fresh = false
}

// leaveForProvider begins the visit to the provider that was chosen, or to the only
// one that there is. A form that is sent twice leads to the visit that the first
// began. What there is to tell is told first: who was just refused is not sent
// there again unasked.
func (v *visit) leaveForProvider() error {
	i := v.attempt.Intent
	if i != nil && i.URL != "" {
		v.instead = leavePath
		return nil
	}
	if v.attempt.Notice != "" {
		return nil
	}
	if i == nil || i.Used {
		if len(v.step.Providers) != 1 {
			return nil // the page asks to which
		}
		if err := v.choose(v.step.Providers[0]); err != nil {
			return err
		}
		i = v.attempt.Intent
	}
	if v.limitProvider() != nil {
		return nil // the page offers to go there later
	}
	started, err := v.startIntent(i.Provider)
	switch kindOf(err) {
	case "":
		i.ID, i.URL, v.instead = started.ID, started.AuthURL, leavePath
	case zitadelclient.Invalid, zitadelclient.NotFound, zitadelclient.Unsupported:
		v.Logger.WarnContext(v.ctx, "an identity provider cannot be used", "error", err)
		v.abandon("notice.provider_unavailable")
	default:
		return err
	}
	return v.save()
}

// startIntent has ZITADEL prepare a visit. The return is to our configured origin,
// and what ZITADEL names as the way there is parsed before it is kept.
func (v *visit) startIntent(provider string) (zitadelclient.StartedIntent, error) {
	back := v.PublicURL.String() + v.BasePath.String() + "/idp/" + url.PathEscape(provider)
	started, err := v.Zitadel.StartIntent(v.ctx, provider, zitadelclient.ReturnURLs{Success: back + "/process", Failure: back + "/failure"})
	if err != nil {
		return started, err
	}
	if _, err := web.ParseProviderURL(started.AuthURL, v.PublicURL); err != nil {
		return started, &zitadelclient.Error{Kind: zitadelclient.Unsupported, Op: "start intent", Err: err}
	}
	return started, nil
}

// abandon ends the visit to a provider, and says so on the page where the sign-in
// goes on.
func (v *visit) abandon(notice string) {
	v.attempt.Notice, v.attempt.NoticeArgs = notice, []string{v.attempt.Intent.Name}
	v.attempt.Intent, v.attempt.Preferred = nil, ""
	v.fresh = false
}

// providersOf are the active providers of an organization to which our pages can
// send somebody, none where its policy allows none.
func (v *visit) providersOf(organization string, settings zitadelclient.LoginSettings) ([]zitadelclient.IdentityProvider, error) {
	if !settings.AllowExternalIDP {
		return nil, nil
	}
	all, err := v.Zitadel.IdentityProviders(v.ctx, organization)
	// Collected anew: what the client gives is everybody's.
	var ours []zitadelclient.IdentityProvider
	for _, p := range all {
		if p.Type != zitadelclient.ProviderLDAP && p.Type != zitadelclient.ProviderJWT {
			ours = append(ours, p)
		}
	}
	return ours, err
}

// openProviders are those of the pages that ask who it is: of the organization
// that is asked for, or of the default one, whoever is signing in.
func (v *visit) openProviders() ([]zitadelclient.IdentityProvider, error) {
	organization := cmp.Or(v.attempt.Organization, v.defaultOrganization)
	settings, err := v.Zitadel.LoginSettings(v.ctx, organization)
	if err != nil {
		return nil, err
	}
	providers, err := v.providersOf(organization, settings)
	return slices.DeleteFunc(providers, func(p zitadelclient.IdentityProvider) bool {
		return v.attempt.Request.Provider != "" && p.ID != v.attempt.Request.Provider
	}), err
}

// linked are the providers that know a user, asked for only of users who have any.
func (v *visit) linked(userID string, methods []zitadelclient.AuthMethod) (ids []string, err error) {
	if !slices.Contains(methods, zitadelclient.MethodIDP) {
		return nil, nil
	}
	links, err := v.Zitadel.IdentityLinks(v.ctx, userID)
	for _, link := range links {
		ids = append(ids, link.ProviderID)
	}
	return ids, err
}

// listed are the providers of these ids, in the order of the settings.
func (v *visit) listed(ids []string) []zitadelclient.IdentityProvider {
	return slices.DeleteFunc(slices.Clone(v.state.Providers), func(p zitadelclient.IdentityProvider) bool {
		return !slices.Contains(ids, p.ID)
	})
}

func (v *visit) providerName(id string) string {
	for _, p := range v.state.Providers {
		if p.ID == id {
			return p.Name
		}
	}
	return ""
}

func buttons(providers []zitadelclient.IdentityProvider) []templates.Provider {
	list := make([]templates.Provider, len(providers))
	for i, p := range providers {
		list[i] = templates.Provider{ID: p.ID, Name: p.Name}
	}
	return list
}

// chosen is the provider that the visitor is on the way to, or that vouches for a
// newcomer.
func chosen(a *session.Attempt) string {
	if a.Intent == nil || a.Intent.Used {
		return ""
	}
	return a.Intent.Provider
}

// cameBy is the provider whose word stands in a ZITADEL session as this request
// leaves it.
func (v *visit) cameBy(ref zitadelclient.SessionRef) string {
	if v.vouches == "" && v.account != nil && v.account.ZitadelSession == ref.ID {
		return v.account.Provider
	}
	return v.vouches
}
