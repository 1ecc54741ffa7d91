// Package flow decides which step of a sign-in comes next.
//
// It is the gate of torhaus. ZITADEL enforces almost nothing when a request is
// finalized: not the password, not a second factor, not lifetimes, not max_age,
// not a verified e-mail address, not even that the user is alive. So every
// handler gathers the facts into a [State], asks [Next], and goes where the
// answer points; the same question is asked again on freshly read facts
// immediately before anything is finalized.
//
// The package is pure: no context, no I/O, no clock of its own. What it cannot
// see cannot let anybody in.
//
//	step := flow.Next(flow.State{Now: time.Now(), Request: request})
//	switch step.Kind { case flow.LoginName: … }
package flow

import (
	"slices"
	"time"

	"torhaus/zitadelclient"
)

// Kind names a step: the one page or action that comes next.
type Kind string

// The steps. The zero Kind is none of them, so that a forgotten case denies.
const (
	LoginName        Kind = "login-name"        // ask who is signing in
	Password         Kind = "password"          // ask for the password
	SecondFactor     Kind = "second-factor"     // ask for a factor on top of the first
	ResetPassword    Kind = "reset-password"    // set a password with a mailed code
	ChangePassword   Kind = "change-password"   // set a password with the current one
	Register         Kind = "register"          // ask for name and e-mail address
	RegisterPassword Kind = "register-password" // choose the password of the new account
	VerifyEmail      Kind = "verify-email"      // prove the e-mail address with a mailed code
	Verified         Kind = "verified"          // say that it is proven, to a browser that began nothing
	Finish           Kind = "finish"            // everything asked for was shown: hand over
	Deny             Kind = "deny"              // nobody gets in this way
)

// Reason says why a step was chosen, for the page's wording and the log.
type Reason string

// The reasons.
const (
	NoReason           Reason = ""
	LoginRequired      Reason = "login_required"      // prompt=none, but something must be asked
	UserNotActive      Reason = "user_not_active"     // locked, deactivated, deleted or initial
	NotAPerson         Reason = "not_a_person"        // a machine user
	OrganizationClosed Reason = "organization_closed" // the user's organization is deactivated
	WrongOrganization  Reason = "wrong_organization"  // the client asked for users of another one
	NoMethod           Reason = "no_method"           // no way to sign in that policy and user share
	RegisterClosed     Reason = "register_closed"     // prompt=create where nobody may register
	ReauthRequired     Reason = "reauth_required"     // prompt=login, max_age or a lifetime ran out
	ChangeRequired     Reason = "change_required"     // an administrator demands a new password
	PasswordExpired    Reason = "password_expired"    // the password is older than the policy allows
)

// Step is the answer of [Next].
type Step struct {
	Kind   Kind
	Reason Reason
	// Also names the other steps that may be opened from here by the visitor's
	// own choice ("Forgot your password?", "Not you?"). They never lead further
	// than Kind does: Next is asked again afterwards.
	Also []Kind
}

// Allows reports whether a page of this kind may be opened at this step.
func (s Step) Allows(kind Kind) bool {
	return kind != "" && (s.Kind == kind || slices.Contains(s.Also, kind))
}

// Next names the step that these facts call for. It denies by default: Finish
// is what remains when no rule objects.
func Next(s State) Step {
	step := decide(s)
	if s.Request.has(zitadelclient.PromptNone) && step.Kind != Finish {
		// The client asked for no page at all (OIDC Core 3.1.2.1): whatever
		// would be asked, the answer is an error through the client's redirect.
		return Step{Kind: Deny, Reason: LoginRequired}
	}
	return step
}

// decide runs the rules in order; the first that objects names the step.
func decide(s State) Step {
	for _, rule := range []func(State) (Step, bool){
		resetting,
		verifying,
		registering,
		identify,
		acceptable,
		firstFactor,
		secondFactor,
		verifiedEmail,
		passwordAge,
		changing,
	} {
		if step, objects := rule(s); objects {
			return step
		}
	}
	return Step{Kind: Finish}
}

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
// opened in another browser proves the address, and signs nobody in.
func verifying(s State) (Step, bool) {
	if s.Verified && s.Session == nil {
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
	if !s.mayRegister() {
		return Step{Kind: Deny, Reason: RegisterClosed, Also: []Kind{LoginName}}, true
	}
	switch s.Registration {
	case Named:
		return Step{Kind: RegisterPassword, Also: []Kind{Register, LoginName}}, true
	case AddressTaken:
		// The same page that a new account sees, with the same ways out, so
		// that nobody learns from sign-up who has an account. No code will
		// ever be right here.
		return Step{Kind: VerifyEmail, Also: []Kind{LoginName}}, true
	default:
		return Step{Kind: Register, Also: []Kind{LoginName}}, true
	}
}

// identify asks for a login name until there is a user, or a name that must be
// treated as if it were one because the policy hides who exists.
func identify(s State) (Step, bool) {
	switch {
	case s.User != nil:
		return Step{}, false
	case s.Hidden:
		return s.askPassword(NoReason), true
	}
	step := Step{Kind: LoginName}
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
			return s.askPassword(NoReason), true
		}
		return Step{Kind: Deny, Reason: reason, Also: []Kind{LoginName}}, true
	}
	switch {
	case !s.User.Human:
		return deny(NotAPerson)
	case s.User.State != zitadelclient.UserActive:
		return deny(UserNotActive)
	case s.OrganizationClosed:
		return deny(OrganizationClosed)
	case s.Request.Organization != "" && s.Request.Organization != s.User.OrganizationID:
		return deny(WrongOrganization)
	case s.Request.HintUserID != "" && s.Request.HintUserID != s.User.ID && s.sessionIsUsers():
		// An id_token_hint of somebody else: their session must not be handed
		// out under this name (OIDC Core 3.1.2.1), and ZITADEL does not check.
		return Step{Kind: LoginName, Reason: ReauthRequired}, true
	}
	return Step{}, false
}

// firstFactor asks for a password unless a fresh first factor stands in the
// user's own ZITADEL session.
func firstFactor(s State) (Step, bool) {
	if s.sessionIsUsers() && s.firstFactorIsFresh() {
		return Step{}, false
	}
	reason := NoReason
	if s.sessionIsUsers() && !s.firstFactorAt().IsZero() {
		reason = ReauthRequired
	}
	if s.Settings.IgnoreUnknownUsernames {
		// A user without a password gets the page that everybody gets.
		return s.askPassword(reason), true
	}
	if !s.Settings.AllowUsernamePassword || !slices.Contains(s.Methods, zitadelclient.MethodPassword) {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}, true
	}
	return s.askPassword(reason), true
}

// askPassword is the password step with the ways out that policy leaves open.
func (s State) askPassword(reason Reason) Step {
	if !s.Settings.AllowUsernamePassword {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	step := Step{Kind: Password, Reason: reason, Also: []Kind{LoginName}}
	if s.mayReset() {
		step.Also = append(step.Also, ResetPassword)
	}
	return step
}

// secondFactor demands what policy or the user's own enrolment demands. A user
// with a ready second factor must use it, also where the policy forces nobody
// (GHSA-9993-rfwp-rhwf).
func secondFactor(s State) (Step, bool) {
	if !s.secondFactorNeeded() || s.secondFactorIsFresh() {
		return Step{}, false
	}
	return Step{Kind: SecondFactor, Also: []Kind{LoginName}}, true
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
	if s.Session.Factors.Password.IsZero() {
		return Step{}, false
	}
	step := Step{Kind: ChangePassword, Also: []Kind{LoginName}}
	switch limit := time.Duration(s.Expiry.MaxAgeDays) * 24 * time.Hour; {
	case s.User.PasswordChangeRequired:
		step.Reason = ChangeRequired
	case limit > 0 && !s.User.PasswordChanged.IsZero() && s.Now.After(s.User.PasswordChanged.Add(limit)):
		step.Reason = PasswordExpired
	default:
		return Step{}, false
	}
	return step, true
}

// changing opens the change page for whoever asked for it, once signed in.
func changing(s State) (Step, bool) {
	if !s.Changing || !slices.Contains(s.Methods, zitadelclient.MethodPassword) {
		return Step{}, false
	}
	return Step{Kind: ChangePassword, Also: []Kind{LoginName}}, true
}
