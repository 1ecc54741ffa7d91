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

	"torhaus/zitadelclient"
)

// Kind names a step: the one page or action that comes next.
type Kind string

// The steps. The zero Kind is none of them, so that a forgotten case denies.
const (
	SelectAccount    Kind = "select-account"    // choose among the accounts of this browser
	LoginName        Kind = "login-name"        // ask who is signing in
	Password         Kind = "password"          // ask for the password
	Passkey          Kind = "passkey"           // ask for a passkey, which is two factors in one
	SecondFactor     Kind = "second-factor"     // choose among the factors on top of the first
	SecurityKey      Kind = "security-key"      // ask for one of them: a security key,
	TOTP             Kind = "totp"              // a code of an authenticator app,
	OTPSMS           Kind = "otp-sms"           // a code by SMS,
	OTPEmail         Kind = "otp-email"         // a code by e-mail,
	RecoveryCode     Kind = "recovery-code"     // or a code from the list kept for the worst
	IdentityProvider Kind = "identity-provider" // send to a provider, or ask to which
	ProviderReturn   Kind = "provider-return"   // take what it says when they come back
	SetUpFactor      Kind = "set-up-factor"     // choose a factor to set up
	SetUpPasskey     Kind = "set-up-passkey"    // and set one up
	SetUpSecurityKey Kind = "set-up-security-key"
	SetUpTOTP        Kind = "set-up-totp"
	SetUpOTPSMS      Kind = "set-up-otp-sms"
	SetUpOTPEmail    Kind = "set-up-otp-email"
	ResetPassword    Kind = "reset-password"    // set a password with a mailed code
	ChangePassword   Kind = "change-password"   // set a password with the current one
	Register         Kind = "register"          // ask for name and e-mail address
	RegisterPassword Kind = "register-password" // choose the password of the new account
	VerifyEmail      Kind = "verify-email"      // prove the e-mail address with a mailed code
	Verified         Kind = "verified"          // say that it is proven, to a browser that began nothing

	SetUpAuthenticator Kind = "set-up-authenticator" // choose the first way to sign in, for who has none
	FirstPassword      Kind = "first-password"       // and choose a password, if that is the way

	Finish Kind = "finish" // everything asked for was shown: hand over
	Deny   Kind = "deny"   // nobody gets in this way
)

// Reason says why a step was chosen, for the page's wording and the log.
type Reason string

// The reasons.
const (
	NoReason           Reason = ""
	LoginRequired      Reason = "login_required"      // prompt=none, but something must be asked
	UserLocked         Reason = "user_locked"         // by too many wrong tries, or by an administrator
	UserNotActive      Reason = "user_not_active"     // deactivated or deleted
	UserInitial        Reason = "user_initial"        // made by an older API, and waiting for its own kind of code
	NotAPerson         Reason = "not_a_person"        // a machine user
	OrganizationClosed Reason = "organization_closed" // the user's organization is deactivated, or the one to sign up with
	WrongOrganization  Reason = "wrong_organization"  // the client asked for users of another one
	WrongUser          Reason = "wrong_user"          // the client asked for somebody else (id_token_hint)
	NoMethod           Reason = "no_method"           // no way to sign in that policy and user share
	Invited            Reason = "invited"             // no way to sign in at all: a mailed code opens the first
	RegisterClosed     Reason = "register_closed"     // prompt=create where nobody may register
	ReauthRequired     Reason = "reauth_required"     // prompt=login, max_age or a lifetime ran out
	ChangeRequired     Reason = "change_required"     // an administrator demands a new password
	PasswordExpired    Reason = "password_expired"    // the password is older than the policy allows
	FactorRequired     Reason = "factor_required"     // policy demands a second factor, and there is none
	FactorOffered      Reason = "factor_offered"      // policy suggests one; it may be skipped
	PasswordExpiring   Reason = "password_expiring"   // the password will be too old soon; it may be put off
)

// Step is the answer of [Next].
type Step struct {
	Kind   Kind
	Reason Reason
	// Also names the other steps that may be opened from here by the visitor's
	// own choice ("Forgot your password?", "Not you?"). They never lead further
	// than Kind does: Next is asked again afterwards.
	Also []Kind
	// Providers are those that may be chosen where IdentityProvider may be opened,
	// by id.
	Providers []string
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
		returned,
		resetting,
		verifying,
		registering,
		selectAccount,
		identify,
		acceptable,
		firstMethod,
		firstFactor,
		secondFactor,
		verifiedEmail,
		forcedSetUp,
		passwordAge,
		changing,
		offerFactor,
		warnOfExpiry,
	} {
		if step, objects := rule(s); objects {
			return step
		}
	}
	return Step{Kind: Finish}
}
