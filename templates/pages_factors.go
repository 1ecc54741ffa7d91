package templates

// The pages of passkeys, second factors, and of a browser that knows people.

// Way is a way to sign in, or one to set up, as a page offers it.
type Way struct {
	Kind   string // one of the Way… constants; its words and its icon
	Href   string // where it is done, a finished URL of ours with ?a=
	TestID string // "" for none
	Name   string // of the provider, for WayProvider; "" for several
}

// The kinds of ways.
const (
	WayPassword = "password"
	WayPasskey  = "passkey"
	WayU2F      = "u2f"
	WayTOTP     = "time-based"
	WaySMS      = "sms"
	WayEmail    = "email"
	WayRecovery = "recovery"
	WayAccounts = "accounts" // another account
	WayProvider = "provider"
)

// AccountsPage lets a visitor choose among the accounts that this browser knows.
type AccountsPage struct {
	Base
	Accounts []AccountRow
	CanAdd   bool // offer to sign in with an account that is not listed
}

// AccountRow is one of them.
type AccountRow struct {
	Name, LoginName string // the name may be ""
	Initial         string // the letter in the circle; "" for the name's first
	SignedIn        bool
	ID              string // what FieldAccount says when this one is meant
}

// PasskeyPage runs the ceremony of a passkey. The form's credential holds what
// the authenticator answered.
type PasskeyPage struct {
	Base
	LoginName string
	Options   string // the challenge as ZITADEL made it, JSON; "" when the button has to ask for one first
	Auto      bool   // start by itself, once: the visitor's own submit led here
	Unknown   string // what UnknownKey made of a key that is gone; "" for none
	Others    []Way
}

// SecurityKeyPage is the same for a second factor.
type SecurityKeyPage struct {
	Base
	LoginName string
	Options   string // as in PasskeyPage
	Auto      bool
	Unknown   string
	Others    []Way
}

// CodePage asks for a one-time code.
type CodePage struct {
	Base
	Method    string // WayTOTP, WaySMS, WayEmail or WayRecovery
	Code      string // as typed, or as the link in the mail brought it
	Masked    string // where the code went, as "a•••@e•••.com"; "" for nothing to show
	CanResend bool
	FromLink  bool // the code came with the link and need not be typed
	First     bool // no code was sent yet: the page offers to send it (ActionSend)
	Others    []Way
}

// ChooseFactorPage asks with which second factor to go on.
type ChooseFactorPage struct {
	Base
	Ways []Way
}

// SetUpChoicePage asks what to set up: a second factor, or, for an account that
// has no way to sign in yet, the first.
type SetUpChoicePage struct {
	Base
	Kind    string // SetUpFactor or SetUpAuthenticator; "" is SetUpFactor
	Ways    []Way
	CanSkip bool
	Forced  bool // the policy asks for it
}

// What there is to set up.
const (
	SetUpFactor        = "factor"
	SetUpAuthenticator = "authenticator"
)

// SetUpTOTPPage shows the secret for an authenticator app and asks for the first code.
type SetUpTOTPPage struct {
	Base
	QR     QR     // of URI
	Secret string // Base32, for those who cannot scan
	URI    string // "otpauth://totp/…", for an app on the same device
	Code   string
}

// SetUpCodePage sets up codes by SMS or e-mail. It asks for the number first
// (NeedPhone), for the code that proves it (NeedCode), or only whether to send
// codes to the address that is known.
type SetUpCodePage struct {
	Base
	Method    string // WaySMS or WayEmail
	Address   string // where codes go
	Phone     string // as typed
	Code      string // as typed
	NeedPhone bool
	NeedCode  bool
}

// SetUpKeyPage creates a passkey or registers a security key.
type SetUpKeyPage struct {
	Base
	Kind    string // WayPasskey or WayU2F
	Options string // as ZITADEL made them, JSON; "" when the button has to ask for them first
	Name    string // suggested, or as typed
	Auto    bool   // start by itself, once
	CanSkip bool   // offer to do it another time (ActionSkip)
	Others  []Way
}

func (AccountsPage) file() string     { return "accounts" }
func (PasskeyPage) file() string      { return "passkey" }
func (SecurityKeyPage) file() string  { return "u2f" }
func (CodePage) file() string         { return "code" }
func (ChooseFactorPage) file() string { return "mfa" }
func (SetUpChoicePage) file() string  { return "mfa_set" }
func (SetUpTOTPPage) file() string    { return "totp_set" }
func (SetUpCodePage) file() string    { return "code_set" }
func (SetUpKeyPage) file() string     { return "key_set" }
