package templates

import (
	"net/url"
	"time"
)

// The labels of the login name, by what the policy lets people sign in with.
const (
	LabelUsername        = "username"
	LabelEmail           = "email"
	LabelEmailOrPhone    = "email-or-phone"
	LabelUsernameOrPhone = "username-or-phone"
)

// LoginNamePage asks who is signing in.
type LoginNamePage struct {
	Base
	LoginName   string // as typed, when the page is shown again
	Label       string // one of the Label… constants
	CanRegister bool
	CanReset    bool
	Remember    bool // the box is ticked
	Providers   []Provider

	// PasskeyOptions is a challenge for the account that this browser knows,
	// JSON: its passkeys are then offered among the suggestions for the field.
	// What is chosen there goes to /passkey. "" for none.
	PasskeyOptions string
}

// PasswordPage asks for the password.
type PasswordPage struct {
	Base
	LoginName string
	CanReset  bool
	Remember  bool // the box is ticked
	Others    []Way

	PasskeyOptions string // as in LoginNamePage
}

// PasswordResetPage offers to send the mail with which a password is reset.
type PasswordResetPage struct {
	Base
	LoginName string
	Known     bool // whose it is, is settled: the name is shown and not asked for
}

// PasswordSetPage takes the code of that mail and the new password.
type PasswordSetPage struct {
	Base
	LoginName string
	Code      string // as typed, or as the link in the mail brought it
	FromLink  bool   // the code came with the link and need not be typed
	CanSMS    bool   // offer the code by SMS (ActionSMS)
	Rules     PasswordRules
}

// FirstPasswordPage asks for the first password of somebody who has no way to sign
// in, and has just proven their mailbox.
type FirstPasswordPage struct {
	Base
	Rules  PasswordRules
	Others []Way
}

// PasswordChangePage asks for the current and a new password.
type PasswordChangePage struct {
	Base
	LoginName string
	Reason    string // ReasonRequired, ReasonExpired, ReasonExpiring or "" for the user's own wish
	Days      int    // with ReasonExpiring: until it expires; 0 for today
	Rules     PasswordRules
}

// Why a password has to be changed.
const (
	ReasonRequired = "change_required"
	ReasonExpired  = "password_expired"
	ReasonExpiring = "password_expiring" // soon: it may be put off
)

// RegisterPage asks a newcomer for name and e-mail address.
type RegisterPage struct {
	Base
	GivenName, FamilyName, Email string
	NeedTerms, NeedPrivacy       bool // ask for agreement
	Terms, Privacy               bool // agreed
	Providers                    []Provider
	// FromProvider is the provider whose words the form is filled in with, by name;
	// Vouched, that the address was proven to it.
	FromProvider        string
	Vouched             bool
	Passwords, Passkeys bool // which ways to sign in there are; passwords alone need no choice
	Method              string
}

// RegisterPasswordPage asks a newcomer for a password.
type RegisterPasswordPage struct {
	Base
	Email string
	Rules PasswordRules
}

// VerifyPage asks for the code that proves an e-mail address.
type VerifyPage struct {
	Base
	Email     string
	Code      string // as typed, or as the link in the mail brought it
	FromLink  bool   // the code came with a link and need not be typed, unless it is wrong
	First     bool   // no code was sent yet: the page offers to send it (ActionSend)
	Invited   bool   // the code is an invitation's: it opens the set-up of a way to sign in
	CanResend bool   // whoever is here began the sign-in, and may have another code sent
}

// VerifiedPage tells a browser that did not begin the sign-in to go back to the one that did.
type VerifiedPage struct {
	Base
}

// SignedInPage ends a sign-in that no application asked for.
type SignedInPage struct {
	Base
	FullName string
	Continue string // where to go on, already checked; "" for nowhere
}

// LogoutPage asks before it signs out.
type LogoutPage struct {
	Base
	FullName   string
	Everywhere bool   // offer to end the user's other sessions as well
	PostLogout string // sent along with the form; checked when it comes back
}

// LogoutDonePage says that it is done.
type LogoutDonePage struct {
	Base
	Back string // where to go back to, already checked; "" for nowhere
}

// ErrorPage says what went wrong where no form can be shown. It is the last
// page there is, so it has words for every status, whatever the keys are.
type ErrorPage struct {
	Base
	Status     int
	TitleKey   string // "error.….title"; what is no text's key is chosen by the status
	TextKey    string
	ErrorID    string        // also in the log; "" for nothing to look up
	Restart    string        // path or URL of the way out; "" for none
	RetryAfter time.Duration // how long to wait; 0 for no hint
	Form       url.Values    // the form that came to nothing, to send once more; nil for none
	Action     string        // where Form goes, a path
}

func (LoginNamePage) file() string        { return "loginname" }
func (PasswordPage) file() string         { return "password" }
func (PasswordResetPage) file() string    { return "password_reset" }
func (PasswordSetPage) file() string      { return "password_set" }
func (FirstPasswordPage) file() string    { return "password_first" }
func (PasswordChangePage) file() string   { return "password_change" }
func (RegisterPage) file() string         { return "register" }
func (RegisterPasswordPage) file() string { return "register_password" }
func (VerifyPage) file() string           { return "verify" }
func (VerifiedPage) file() string         { return "verified" }
func (SignedInPage) file() string         { return "signedin" }
func (LogoutPage) file() string           { return "logout" }
func (LogoutDonePage) file() string       { return "logout_done" }
func (ErrorPage) file() string            { return "error" }
