package flow

import (
	"slices"
	"time"

	"torhaus/zitadelclient"
)

// State holds the facts that [Next] decides on. Handlers load it in one place;
// nothing in it was made by the browser but LoginName and the choices to
// register or to reset a password.
type State struct {
	Now     time.Time
	Request Request

	// Settings and Expiry are those of the user's organization, or of the
	// requested one while nobody is identified.
	Settings zitadelclient.LoginSettings
	Expiry   zitadelclient.PasswordExpiry
	// Providers are the active ones of that organization, as far as our pages can
	// send anybody there.
	Providers []zitadelclient.IdentityProvider

	LoginName    string       // as typed; "" while nobody typed anything
	Hidden       bool         // no such user, and the policy says not to tell
	Registration Registration // how far a sign-up has come
	Resetting    bool         // a reset code was asked for or brought along
	Verifying    bool         // a verification code was brought along by a link
	Verified     bool         // that code was right
	Proven       time.Time    // when the user's mailbox was proven, by a code that was redeemed in this very attempt
	Changing     bool         // a new password is wanted by the visitor's own choice
	Skipped      bool         // an offered factor was put off in this attempt
	Postponed    bool         // … and so was a new password in place of one that expires soon
	SettingUp    bool         // a further factor is wanted by the visitor's own choice
	FromLink     bool         // begun by a link in a mail, maybe by somebody who merely reads it
	Shown        []Kind       // the factors that were shown in this very attempt
	NoKeyHere    []Kind       // of these kinds, none of the user's keys is bound to our domain

	Accounts      int    // how many this browser may choose from
	AddingAccount bool   // none of them, said the visitor
	Preferred     Kind   // the way that the visitor took, where there are several
	Chosen        string // the identity provider they are on the way to, or that vouches for a newcomer
	Returned      bool   // they are back from it, and nobody has looked at what it says
	Recalled      bool   // the user was signed in in this browser before

	// EmailCodeFirst and RecoveryCodes are the operator's to allow.
	EmailCodeFirst bool
	RecoveryCodes  bool

	User               *zitadelclient.User // nil: not identified
	Methods            []zitadelclient.AuthMethod
	Linked             []string               // the providers that know the user, by id
	OrganizationClosed bool                   // the user's organization is deactivated, or the one that a sign-up is for
	Session            *zitadelclient.Session // this attempt's ZITADEL session; nil: none
	CameBy             string                 // the provider whose word stands in it, by id
}

// Request is what the asking client demands of a sign-in.
type Request struct {
	Prompts      []zitadelclient.Prompt
	MaxAge       *time.Duration
	HintUserID   string // from an id_token_hint
	Organization string // by scope or parameter: only its users may finish
	Create       bool   // asked for sign-up (prompt=create)
	Provider     string // by scope: only who comes by it may finish
	MFA          bool   // a second factor, whatever policy says
}

// Registration says how far a sign-up has come.
type Registration string

// The stages of a sign-up. Once the account exists there is a user instead.
const (
	NotRegistering Registration = ""
	Unnamed        Registration = "unnamed"       // the form is open
	Named          Registration = "named"         // names and address are known
	AddressTaken   Registration = "address-taken" // the address has an account, which must not show
	CodeSent       Registration = "code-sent"     // … or it has one now, without a password: nobody's until the code is right
	ByProvider     Registration = "by-provider"   // a provider knows them, and what it says is to be completed
)

func (r Request) has(prompt zitadelclient.Prompt) bool { return slices.Contains(r.Prompts, prompt) }

// PasswordExpires is when the user's password will be too old, zero for never.
func (s State) PasswordExpires() time.Time {
	if s.Expiry.MaxAgeDays <= 0 || s.User == nil || s.User.PasswordChanged.IsZero() {
		return time.Time{}
	}
	return s.User.PasswordChanged.Add(days(s.Expiry.MaxAgeDays))
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// mayRegister is asked for every page and every POST of sign-up: ZITADEL itself
// creates users whatever its setting says.
func (s State) mayRegister() bool {
	return s.Settings.AllowRegister && len(FirstMethods(s.Settings)) > 0
}

// mayReset is asked for the pages and POSTs of a forgotten password.
func (s State) mayReset() bool {
	return s.Settings.AllowUsernamePassword && !s.Settings.HidePasswordReset
}

// sessionIsUsers reports whether the ZITADEL session is alive and belongs to
// the identified user. A session of somebody else counts for nothing, however
// many factors it has. One without an end never expires; what was checked in it
// still does.
func (s State) sessionIsUsers() bool {
	return s.Session != nil && s.User != nil &&
		s.Session.Factors.User.ID == s.User.ID &&
		(s.Session.Expires.IsZero() || s.Session.Expires.After(s.Now))
}

// firstFactorAt is when a first factor was last shown in the session.
func (s State) firstFactorAt() time.Time {
	f := s.Session.Factors
	at := latest(f.Password, f.Intent, passkeyAt(f))
	if s.mayUseEmailCode() {
		at = latest(at, f.OTPEmail)
	}
	return at
}

// mayUseEmailCode reports whether a code by e-mail is a first factor of this user's.
func (s State) mayUseEmailCode() bool {
	return s.EmailCodeFirst && s.has(zitadelclient.MethodOTPEmail)
}

// firstFactorIsFresh reports whether any first factor is within its lifetime
// and within what the client demands.
func (s State) firstFactorIsFresh() bool {
	if s.Request.Provider != "" {
		return s.externalIsFresh() // nothing else will do
	}
	return s.otherFirstFactorIsFresh() ||
		s.mayUseEmailCode() && s.fresh(OTPEmail, s.Session.Factors.OTPEmail, s.Settings.SecondFactorCheckLifetime)
}

// otherFirstFactorIsFresh leaves the code by e-mail out.
func (s State) otherFirstFactorIsFresh() bool {
	f := s.Session.Factors
	return s.Settings.AllowUsernamePassword && s.fresh(Password, f.Password, s.Settings.PasswordCheckLifetime) ||
		s.externalIsFresh() ||
		s.hasPasskey() && s.fresh(Passkey, passkeyAt(f), s.Settings.MultiFactorCheckLifetime)
}

// fresh holds one check against its policy lifetime, prompt=login and max_age.
func (s State) fresh(factor Kind, checked time.Time, lifetime time.Duration) bool {
	switch {
	case checked.IsZero():
		return false
	case lifetime > 0 && s.Now.Sub(checked) > lifetime:
		return false
	case slices.Contains(s.Shown, factor):
		// Made for this very request, it meets any demand for a new one, and
		// max_age=0, which no check could meet otherwise. Two clocks need not be
		// compared for it.
		return true
	case s.Request.has(zitadelclient.PromptLogin):
		return false
	case s.Request.MaxAge != nil && s.Now.Sub(checked) > *s.Request.MaxAge:
		return false
	}
	return true
}

// passkeyAt is when a passkey with user verification was shown; without it a
// WebAuthn credential is a second factor only.
func passkeyAt(f zitadelclient.Factors) time.Time {
	if !f.UserVerified {
		return time.Time{}
	}
	return f.WebAuthN
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
