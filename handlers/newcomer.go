package handlers

import (
	"errors"
	"strings"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// welcome begins the sign-up of somebody whom a provider knows and nobody here
// does: at once where the provider is set so and everything is known, else by the
// form, filled in with what the provider says.
//
// An identity is never added to an account that is there because the address is
// the same: whoever can have a provider say an address would have the account
// (CVE-2026-105207).
func (v *visit) welcome(p zitadelclient.IdentityProvider, intent zitadelclient.Intent) error {
	n := intent.Newcomer
	v.attempt.Intent.Newcomer = &session.Newcomer{
		ID: intent.Identity.ID, UserName: intent.Identity.Name, DisplayName: n.DisplayName, Language: n.PreferredLanguage,
		Email: n.Email, EmailVerified: n.EmailVerified,
	}
	organization := "" // that the address of before led to, and whose provider it is
	if before := v.attempt.Registration; before != nil {
		organization = before.Organization
	}
	v.attempt.Registration = &session.Registration{
		Organization: organization,
		GivenName:    strings.TrimSpace(n.GivenName), FamilyName: strings.TrimSpace(n.FamilyName), Email: strings.TrimSpace(n.Email),
	}
	if err := v.decide(); err != nil {
		return err
	}
	if v.step.Kind != flow.Register {
		v.attempt.Registration = nil
		v.abandon("notice.provider_no_account")
		return nil
	}
	if !p.AutoCreation {
		return nil
	}
	err := v.checkRegistration(v.attempt.Registration, v.organization())
	if err == nil {
		err = v.createNewcomer()
	}
	if errors.As(err, new(*problem)) {
		return nil // the form says what is missing, once it is sent
	}
	return err
}

// createNewcomer makes the account, and signs its owner in by the intent.
func (v *visit) createNewcomer() error {
	// By the policies of the organization that the address leads to.
	if err := v.decide(); err != nil {
		return err
	}
	if v.step.Kind != flow.Register {
		return refuse("", "problem.register_not_allowed")
	}
	r := v.attempt.Registration
	if err := v.limitRegister(r.Email); err != nil {
		return err
	}
	if v.concealed() && !v.vouchedAddress() {
		// Whether an account was made would show at the next return from the
		// provider, and so whether the address had one.
		return refuse(templates.FieldEmail, "problem.email_unvouched", v.attempt.Intent.Name)
	}
	organization := v.organization()
	owners, err := v.findOwners()
	if err != nil {
		return err
	}
	if len(owners) > 0 {
		return v.newcomerTaken()
	}
	userID, err := v.Zitadel.CreateExternalUser(v.ctx, v.externalUser(organization))
	switch kindOf(err) {
	case "":
	case zitadelclient.AlreadyExists:
		return v.newcomerTaken()
	case zitadelclient.Invalid, zitadelclient.NotFound:
		return refuse("", "problem.register_failed")
	default:
		return err
	}
	return v.signInNewcomer(userID, organization)
}

// externalUser is the account to make. The address counts as proven only where the
// provider says so, and of the one that it gave: what was typed into the form is
// proven by a code like any other (CVE-2026-54693).
func (v *visit) externalUser(organization string) zitadelclient.ExternalUser {
	r, i := v.attempt.Registration, v.attempt.Intent
	language := i.Newcomer.Language
	if language == "" {
		language = v.plainBase(v.r, v.attempt.Request.UILocales).Lang()
	}
	return zitadelclient.ExternalUser{
		OrganizationID: organization,
		Identity:       zitadelclient.Identity{ProviderID: i.Provider, ID: i.Newcomer.ID, Name: i.Newcomer.UserName},
		Newcomer: zitadelclient.Newcomer{
			GivenName: r.GivenName, FamilyName: r.FamilyName, PreferredLanguage: language, Email: r.Email, EmailVerified: v.vouchedAddress(),
		},
		VerifyTemplate: v.verifyTemplate(),
	}
}

// vouchedAddress reports whether the provider says that the address is the
// newcomer's.
func (v *visit) vouchedAddress() bool {
	n := v.attempt.Intent.Newcomer
	return n.EmailVerified && n.Email == v.attempt.Registration.Email
}

func (v *visit) signInNewcomer(userID, organization string) error {
	r := v.attempt.Registration
	v.attempt.User = session.UserSnapshot{
		ID: userID, OrganizationID: organization, LoginName: r.Email, DisplayName: r.GivenName + " " + r.FamilyName,
		State: string(zitadelclient.UserActive), Methods: []string{string(zitadelclient.MethodIDP)}, Providers: []string{v.attempt.Intent.Provider},
	}
	v.attempt.LoginName = r.Email
	v.attempt.VerifySent = !v.vouchedAddress() // with the creation itself
	err := v.checkIntent(func(checks zitadelclient.Checks) error { return v.firstSession(userID, checks) })
	if kindOf(err) == notZitadels || err == nil {
		return err
	}
	// The account is made, whatever ails its first session: it is signed in to like
	// any other from here on.
	v.Logger.WarnContext(v.ctx, "a new user has no session yet", "error", err)
	v.attempt.Intent = nil
	return nil
}

// newcomerTaken answers somebody whose address has an account: sign in as before. Who
// comes with an address that the provider vouches for is no stranger to it, and where
// it does not, the first page tells as much of any address.
func (v *visit) newcomerTaken() error {
	address := v.attempt.Registration.Email
	v.abandon("notice.address_taken")
	v.attempt.ForgetUser()
	v.attempt.LoginName = address
	return nil
}
