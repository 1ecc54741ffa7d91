package handlers

import (
	"strings"

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
	if v.attempt.Organization != "" {
		return nil
	}
	if err := v.limitSearch(); err != nil {
		return err
	}
	domain := r.Email[strings.LastIndex(r.Email, "@")+1:]
	found, err := v.Zitadel.Organizations(v.ctx, zitadelclient.OrganizationQuery{Domain: domain})
	if err != nil || len(found) != 1 || !found[0].Active {
		return err
	}
	settings, err := v.Zitadel.LoginSettings(v.ctx, found[0].ID)
	switch {
	case err != nil:
		return err
	case !settings.AllowDomainDiscovery:
		return nil
	case !settings.AllowRegister || !settings.AllowUsernamePassword:
		return refuse(templates.FieldEmail, "problem.register_not_allowed")
	}
	r.Organization = found[0].ID
	return nil
}
