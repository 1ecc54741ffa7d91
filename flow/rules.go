package flow

import (
	"slices"

	"torhaus/zitadelclient"
)

// resetting holds whoever asked for a mailed code on the page that takes it.
func resetting(s State) (Step, bool) {
	if !s.Resetting || !s.mayReset() {
		return Step{}, false
	}
	step := Step{Kind: ResetPassword, Also: []Kind{LoginName}}
	if !s.FromLink {
		step.Also = append(step.Also, Password) // remembered after all
	}
	return step, true
}

// verifying takes a mailed code of a visitor who may be nobody here: a link
// opened in another browser proves the address, and signs nobody in. Only who has
// no way to sign in yet goes on from there, to set one up.
func verifying(s State) (Step, bool) {
	if s.Verified && s.Session == nil && !s.maySetUpFirst() {
		return Step{Kind: Verified, Also: []Kind{LoginName}}, true
	}
	if !s.Verifying {
		return Step{}, false
	}
	return Step{Kind: VerifyEmail, Also: []Kind{LoginName}}, true
}

// registering leads through sign-up until the account exists.
func registering(s State) (Step, bool) {
	wanted := s.Registration != NotRegistering || (s.Request.Create && s.User == nil && !s.Hidden && s.LoginName == "")
	if !wanted || s.User != nil {
		return Step{}, false
	}
	if s.Registration == NotRegistering && s.leaving() {
		return Step{}, false // they sign up at the provider
	}
	if s.OrganizationClosed { // no account is made that could not be used
		return Step{Kind: Deny, Reason: OrganizationClosed, Also: []Kind{LoginName}}, true
	}
	switch {
	case s.Registration == ByProvider:
		return s.askNewcomer(), true
	case s.codeMailed() && s.Settings.AllowRegister:
		return Step{Kind: VerifyEmail, Also: []Kind{LoginName}}, true
	case !s.mayRegister():
		return s.askCreating(), true
	case s.Registration == Named && s.Settings.AllowUsernamePassword:
		return Step{Kind: RegisterPassword, Also: []Kind{Register, LoginName}}, true
	}
	step := Step{Kind: Register, Also: []Kind{LoginName}, Providers: s.creating()}
	if len(step.Providers) > 0 {
		step.Also = append(step.Also, IdentityProvider)
	}
	return step, true
}

// codeMailed reports whether a sign-up waits for a code. It does for a taken address
// as for a new account, on the same page, with the same ways out, so that nobody
// learns from sign-up who has an account. For the former no code will ever be right.
func (s State) codeMailed() bool {
	return s.Registration == AddressTaken || s.Registration == CodeSent
}

// selectAccount lets the visitor choose where this browser has signed people in
// and nothing says which of them is meant.
func selectAccount(s State) (Step, bool) {
	if s.User != nil || s.Hidden || s.LoginName != "" || s.Accounts == 0 || s.AddingAccount {
		return Step{}, false
	}
	return Step{Kind: SelectAccount, Also: []Kind{LoginName}}, true
}

// identify asks for a login name until there is a user, or a name that must be
// treated as if it were one because the policy hides who exists.
func identify(s State) (Step, bool) {
	switch {
	case s.User != nil:
		return Step{}, false
	case s.leaving():
		return s.askProvider(s.providers()), true
	case s.Hidden:
		return s.askAsEverybody(), true
	}
	step := Step{Kind: LoginName, Providers: s.providers()}
	if len(step.Providers) > 0 {
		step.Also = append(step.Also, IdentityProvider)
	}
	if s.mayRegister() {
		step.Also = append(step.Also, Register)
	}
	if s.mayReset() {
		step.Also = append(step.Also, ResetPassword)
	}
	return step, true
}

// acceptable refuses users whom no factor could let in.
func acceptable(s State) (Step, bool) {
	deny := func(reason Reason) (Step, bool) {
		if s.Settings.IgnoreUnknownUsernames && !s.sessionIsUsers() {
			// Told apart only after the first factor: before it, a locked user
			// must look like one who does not exist.
			return s.askAsEverybody(), true
		}
		return Step{Kind: Deny, Reason: reason, Also: []Kind{LoginName}}, true
	}
	switch {
	case !s.User.Human:
		return deny(NotAPerson)
	case s.User.State == zitadelclient.UserLocked:
		return deny(UserLocked)
	case s.User.State == zitadelclient.UserInitial:
		return deny(UserInitial)
	case s.User.State != zitadelclient.UserActive:
		return deny(UserNotActive)
	case s.OrganizationClosed:
		return deny(OrganizationClosed)
	case s.Request.Organization != "" && s.Request.Organization != s.User.OrganizationID:
		return deny(WrongOrganization)
	case s.Request.HintUserID != "" && s.Request.HintUserID != s.User.ID && s.sessionIsUsers():
		// An id_token_hint of somebody else: their session must not be handed
		// out under this name (OIDC Core 3.1.2.1), and ZITADEL does not check.
		return Step{Kind: LoginName, Reason: WrongUser}, true
	}
	return Step{}, false
}

// verifiedEmail demands a proven e-mail address; ZITADEL has no such setting.
func verifiedEmail(s State) (Step, bool) {
	if s.User.EmailVerified {
		return Step{}, false
	}
	return Step{Kind: VerifyEmail, Also: []Kind{LoginName}}, true
}

// passwordAge demands a new password where one is required or too old. It binds
// those who came in by password; a passkey or a provider does not age.
func passwordAge(s State) (Step, bool) {
	if !s.Settings.AllowUsernamePassword || !s.fresh(Password, s.Session.Factors.Password, s.Settings.PasswordCheckLifetime) {
		return Step{}, false
	}
	step := Step{Kind: ChangePassword, Also: []Kind{LoginName}}
	switch expires := s.PasswordExpires(); {
	case s.User.PasswordChangeRequired:
		step.Reason = ChangeRequired
	case !expires.IsZero() && s.Now.After(expires):
		step.Reason = PasswordExpired
	default:
		return Step{}, false
	}
	return step, true
}

// warnOfExpiry suggests a new password to whoever has just typed one that will
// be too old within the policy's days of warning.
func warnOfExpiry(s State) (Step, bool) {
	expires := s.PasswordExpires()
	warnFrom := expires.Add(-days(s.Expiry.ExpireWarnDays))
	if s.Postponed || expires.IsZero() || s.Now.Before(warnFrom) || s.Now.After(expires) || !slices.Contains(s.Shown, Password) {
		return Step{}, false
	}
	return Step{Kind: ChangePassword, Reason: PasswordExpiring, Also: []Kind{LoginName}}, true
}

// changing opens the change page for whoever asked for it, once signed in.
func changing(s State) (Step, bool) {
	if !s.Changing || !slices.Contains(s.Methods, zitadelclient.MethodPassword) {
		return Step{}, false
	}
	return Step{Kind: ChangePassword, Also: []Kind{LoginName}}, true
}
