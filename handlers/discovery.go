package handlers

import (
	"slices"
	"strings"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// discover finds the organization that a new user belongs to by the domain of
// the e-mail address, where that organization wants to be found so. A client
// that names an organization is not second-guessed.
//
// The organization's own policies hold from here on: one that makes its users'
// accounts itself must not be got around by another's sign-up form.
func (v *visit) discover(r *session.Registration) error {
	r.Organization = ""
	organization, settings, err := v.discovered(r.Email)
	if err != nil || organization == "" {
		return err
	}
	joins, err := v.mayJoin(organization, settings)
	if err != nil {
		return err
	}
	if !joins {
		return refuse(templates.FieldEmail, "problem.register_not_allowed")
	}
	r.Organization = organization
	return nil
}

// newcomer takes an address that nobody has to the sign-up of the organization
// that its domain belongs to, or to its provider where that is the only way in. One
// that hides its users is not asked: to be taken to its sign-up would say that there
// is no such user.
func (v *visit) newcomer() (bool, error) {
	email := v.attempt.LoginName
	if !isEmail(email) {
		return false, nil
	}
	organization, settings, err := v.discovered(email)
	if err != nil || organization == "" || settings.IgnoreUnknownUsernames || !settings.AllowRegister {
		return false, err
	}
	notice := "notice.newcomer"
	if len(flow.FirstMethods(settings)) == 0 {
		providers, err := v.providersOf(organization, settings)
		if err != nil || !slices.ContainsFunc(providers, creates) {
			return false, err
		}
		notice = "" // whether there is an account, the provider says
	}
	v.attempt.Registration = &session.Registration{Email: email, Organization: organization}
	v.attempt.Notice = notice
	return true, nil
}

// creates reports whether somebody new may come by a provider.
func creates(p zitadelclient.IdentityProvider) bool { return p.CreationAllowed }

// discovered is the organization that owns the domain of an address and wants to
// be found by it, "" for none.
func (v *visit) discovered(email string) (id string, settings zitadelclient.LoginSettings, err error) {
	if v.attempt.Organization != "" {
		return "", settings, nil
	}
	if err := v.limitSearch(); err != nil {
		return "", settings, err
	}
	domain := email[strings.LastIndex(email, "@")+1:]
	found, err := v.Zitadel.Organizations(v.ctx, zitadelclient.OrganizationQuery{Domain: domain})
	if err != nil || len(found) != 1 || !found[0].Active {
		return "", settings, err
	}
	settings, err = v.Zitadel.LoginSettings(v.ctx, found[0].ID)
	if err != nil || !settings.AllowDomainDiscovery {
		return "", settings, err
	}
	return found[0].ID, settings, nil
}

// mayJoin reports whether the organization takes new users the way that this one
// comes.
func (v *visit) mayJoin(organization string, settings zitadelclient.LoginSettings) (bool, error) {
	if v.state.Registration != flow.ByProvider {
		return settings.AllowRegister && len(flow.FirstMethods(settings)) > 0, nil
	}
	providers, err := v.providersOf(organization, settings)
	return settings.AllowRegister && slices.ContainsFunc(providers, func(p zitadelclient.IdentityProvider) bool {
		return p.ID == v.attempt.Intent.Provider && p.CreationAllowed
	}), err
}
