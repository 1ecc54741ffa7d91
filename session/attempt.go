package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The kinds of a [Request]: who asked for the sign-in.
const (
	KindOwn  = "own"  // one of our own apps, by return_to
	KindOIDC = "oidc" // another client of the instance, by its auth request
	KindBare = "bare" // nobody: a page was opened directly
)

// Attempt is one sign-in in progress. It belongs to one request at a time:
// what it was read as is what [Manager.SaveAttempt] compares with. It keeps its
// secret to its end: it ends where a sign-in gains something, and what is gained
// goes under secrets that this response makes, the accounts' and the session's.
type Attempt struct {
	Short   string    `json:"-"` // public name, in the URL; no secret
	Created time.Time `json:"created,omitzero"`
	Request Request   `json:"request,omitzero"`

	Organization string       `json:"org,omitempty"`  // requested, discovered or the user's
	LoginName    string       `json:"name,omitempty"` // as typed
	User         UserSnapshot `json:"user,omitzero"`
	Hidden       bool         `json:"hidden,omitempty"`        // policy hides that the user is unknown
	Concealed    bool         `json:"concealed,omitempty"`     // policy hides users, this one among them
	Shown        []string     `json:"shown,omitempty"`         // the factors that were shown in this attempt
	NoKeyHere    []string     `json:"keysElsewhere,omitempty"` // the kinds of keys of which none of the user's is bound to our domain

	// ZitadelSession is the id of the attempt's ZITADEL session. Its token is in
	// the account: there is one copy of it.
	ZitadelSession string `json:"session,omitempty"`

	Code         string        `json:"code,omitempty"`    // from a mail's link, waiting for the button
	Invited      bool          `json:"invited,omitempty"` // the code that is waited for is an invitation's
	Proof        *Proof        `json:"proof,omitempty"`   // see [Attempt.Proven]
	Registration *Registration `json:"registration,omitempty"`
	VerifySent   bool          `json:"verifySent,omitempty"`
	Resetting    bool          `json:"resetting,omitempty"` // the visitor chose to set a new password
	Verifying    bool          `json:"verifying,omitempty"` // … to verify the e-mail address
	Verified     bool          `json:"verified,omitempty"`  // … and did
	Changing     bool          `json:"changing,omitempty"`  // … to change the password
	FromLink     bool          `json:"fromLink,omitempty"`  // begun by a link in a mail, maybe in another browser
	Transaction  *Transaction  `json:"transaction,omitempty"`
	Intent       *Intent       `json:"intent,omitempty"` // the visit to an identity provider

	// The factors: which ceremony or code is under way, and for what.
	Challenge     *Challenge   `json:"challenge,omitempty"`
	Preferred     string       `json:"preferred,omitempty"` // the way that the visitor took
	CodesSent     []string     `json:"codesSent,omitempty"` // the kinds of codes that were asked for
	Enrolment     *Enrolment   `json:"enrolment,omitempty"`
	Enrolled      *Enrolled    `json:"enrolled,omitempty"`
	Provisional   *Provisional `json:"provisional,omitempty"`
	SettingUp     bool         `json:"settingUp,omitempty"`     // the visitor chose to set up a factor
	Skipped       bool         `json:"skipped,omitempty"`       // … to put an offered one off
	Postponed     bool         `json:"postponed,omitempty"`     // … to keep a password that expires soon
	AddingAccount bool         `json:"addingAccount,omitempty"` // … to sign in with an account that is not listed
	Recalled      bool         `json:"recalled,omitempty"`      // the user was signed in in this browser before
	Persistent    bool         `json:"persistent,omitempty"`    // the visitor chose to be remembered
	Notice        string       `json:"notice,omitempty"`        // locale key of what to tell on the next page
	NoticeArgs    []string     `json:"noticeArgs,omitempty"`    // … and its parameters

	// A form that is sent twice is acted on once: LastForm recognises it (see
	// [Attempt.Fingerprint]); LastProblem, LastCookies and Outcome repeat the
	// answer.
	Turn        int      `json:"turn,omitempty"`
	LastForm    string   `json:"lastForm,omitempty"`
	LastCookies []string `json:"lastCookies,omitempty"`
	// LastAccounts is the fingerprint of the accounts cookie that the form came
	// with: with another one by now, LastCookies are not repeated.
	LastAccounts string   `json:"lastAccounts,omitempty"`
	LastProblem  *Problem `json:"lastProblem,omitempty"`
	// Outcome is how the attempt ended. With it [Manager.EndAttempt] keeps the
	// attempt readable for a minute, for nothing but to repeat the answer.
	Outcome *Outcome `json:"outcome,omitempty"`

	id     sealedID // of the cookie
	stored []byte   // as read or written last, still sealed; nil once it has ended
}

// Request is what a client asked for, as plain data.
type Request struct {
	Kind          string         `json:"kind,omitempty"`
	AuthRequestID string         `json:"id,omitempty"`
	ReturnTo      string         `json:"returnTo,omitempty"`
	ClientID      string         `json:"client,omitempty"`
	RedirectURI   string         `json:"redirect,omitempty"`
	LoginHint     string         `json:"hint,omitempty"`
	HintUserID    string         `json:"hintUser,omitempty"`
	Prompts       []string       `json:"prompts,omitempty"`
	UILocales     []string       `json:"locales,omitempty"`
	Scopes        []string       `json:"scopes,omitempty"`
	MaxAge        *time.Duration `json:"maxAge,omitempty"` // nil: not asked for; 0 is a demand
	MFA           bool           `json:"mfa,omitempty"`    // a second factor is demanded
	Created       time.Time      `json:"created,omitzero"`
	Create        bool           `json:"create,omitempty"`   // sign up rather than sign in
	Provider      string         `json:"provider,omitempty"` // only who comes by this identity provider may finish
}

// UserSnapshot is what the login name step found. An empty ID is nobody, or
// nobody that may be told.
type UserSnapshot struct {
	ID             string   `json:"id,omitempty"`
	OrganizationID string   `json:"org,omitempty"`
	DisplayName    string   `json:"display,omitempty"`
	LoginName      string   `json:"name,omitempty"`
	State          string   `json:"state,omitempty"`
	Methods        []string `json:"methods,omitempty"`
	Phone          bool     `json:"phone,omitempty"`     // has a proven one
	Providers      []string `json:"providers,omitempty"` // the identity providers they can come by
	// Policies names the organization whose policies the pages go by while nothing was
	// shown: the link of a mail says so, or the user's own is known since a code was right.
	Policies string `json:"policies,omitempty"`
}

// Registration is a sign-up, as far as the forms have been filled in.
type Registration struct {
	GivenName  string `json:"given,omitempty"`
	FamilyName string `json:"family,omitempty"`
	Email      string `json:"email,omitempty"`
	// Organization is the one that the address's domain belongs to.
	Organization string `json:"org,omitempty"`
	Method       string `json:"method,omitempty"`   // how to sign in later: "password" or "passkey"
	Terms        bool   `json:"terms,omitempty"`    // agreed
	Privacy      bool   `json:"privacy,omitempty"`  // agreed
	Complete     bool   `json:"complete,omitempty"` // the form was accepted, and a password is asked for
	Taken        bool   `json:"taken,omitempty"`    // the address has an account; the page must not say so
	Sent         bool   `json:"sent,omitempty"`     // with a passkey: a code was mailed, or so it looks
}

// Transaction ties an authorization response to the request it answers, where
// the browser carries both. It prints as [redacted].
type Transaction struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Intent is one visit to an identity provider: chosen, begun, come back from, and
// used up. Its token signs somebody in, so it prints as [redacted].
type Intent struct {
	Provider string `json:"provider"`
	Name     string `json:"name,omitempty"` // of the provider, for pages
	// ID is ZITADEL's, once it is begun. A return that brings it is this attempt's;
	// that of any other browser or attempt brings another.
	ID       string    `json:"id,omitempty"`
	URL      string    `json:"url,omitempty"`      // where the browser is sent
	Token    string    `json:"token,omitempty"`    // that the return brought, while it waits to be used
	Used     bool      `json:"used,omitempty"`     // it was: what remains is to know the same return again
	Newcomer *Newcomer `json:"newcomer,omitempty"` // whom the provider knows and nobody here is
}

// Newcomer is who comes by an identity provider and has no account yet.
type Newcomer struct {
	ID            string `json:"id"`             // the provider's
	UserName      string `json:"user,omitempty"` // by which the provider calls them
	DisplayName   string `json:"display,omitempty"`
	Language      string `json:"language,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"verified,omitempty"` // says the provider, of this very address
}

// Challenge is a WebAuthn ceremony under way: what the authenticator is to sign.
type Challenge struct {
	Kind    string          `json:"kind"`
	Options json.RawMessage `json:"options"`
	Auto    bool            `json:"auto,omitempty"` // the visitor's own form asked for it: it may start by itself
}

// Enrolment is a factor that is being set up. Its secret prints as [redacted].
type Enrolment struct {
	Kind    string          `json:"kind"`
	ID      string          `json:"id,omitempty"`
	Options json.RawMessage `json:"options,omitempty"`
	Secret  string          `json:"secret,omitempty"`
	URI     string          `json:"uri,omitempty"`
	Phone   string          `json:"phone,omitempty"`
}

// Provisional is a ZITADEL session that exists only to hold a challenge: nothing
// was shown in it, so it counts for nothing and no account has it. It prints as
// [redacted].
type Provisional struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

// Problem is why the last form was not accepted.
type Problem struct {
	Key    string    `json:"key"`
	Args   []any     `json:"args,omitempty"`
	Field  string    `json:"field,omitempty"`
	Status int       `json:"status,omitempty"`
	Also   []Problem `json:"also,omitempty"` // what else is wrong with it
}

// UnmarshalJSON turns whole numbers back into the ints that they were: a text
// chooses its plural by the type and value of its argument.
func (p *Problem) UnmarshalJSON(data []byte) error {
	type plain Problem
	if err := json.Unmarshal(data, (*plain)(p)); err != nil {
		return err
	}
	for i, arg := range p.Args {
		if n, ok := arg.(float64); ok && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			p.Args[i] = int(n)
		}
	}
	return nil
}

// Outcome is the answer that ended an attempt. Its cookies sign a browser in,
// so it prints as [redacted].
type Outcome struct {
	Location string   `json:"location"`
	Cookies  []string `json:"cookies,omitempty"`
}

// Fingerprint recognises a form that is sent twice. It is keyed with the
// attempt's secret, which no store knows: a form may hold a password, and a
// plain hash of it could be searched for.
func (a *Attempt) Fingerprint(form []byte) string {
	mac := hmac.New(sha256.New, a.id.secret[:])
	mac.Write(form)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// longestHint is ZITADEL's own limit on a login name.
const longestHint = 200

// LoginHint takes a hint of the client as the login name, unless it cannot be
// one: it comes from a URL that anybody can make.
func (a *Attempt) LoginHint(hint string) {
	hint = strings.TrimSpace(hint)
	if !utf8.ValidString(hint) || utf8.RuneCountInString(hint) > longestHint || strings.ContainsFunc(hint, unicode.IsControl) {
		return
	}
	a.LoginName, a.Request.LoginHint = hint, hint
}

// Recall begins with an account that this browser has used before.
func (a *Attempt) Recall(account Account) {
	a.Invited, a.Proof, a.Enrolled = false, nil, nil // another's, if anybody's
	a.Recalled, a.Persistent = true, account.Persistent
	a.LoginName = account.LoginName
	a.ZitadelSession = account.ZitadelSession
	a.User = UserSnapshot{
		ID: account.UserID, OrganizationID: account.OrganizationID,
		LoginName: account.LoginName, DisplayName: account.DisplayName,
	}
}

// ForgetUser forgets who was signing in and all that was found out about them:
// a factor, a code or a sign-up never moves from one user to another.
func (a *Attempt) ForgetUser() {
	a.LoginName, a.User, a.ZitadelSession = "", UserSnapshot{}, ""
	a.Hidden, a.Concealed, a.Shown, a.NoKeyHere, a.FromLink = false, false, nil, nil, false
	a.Code, a.Registration, a.VerifySent = "", nil, false
	a.Invited, a.Proof, a.Enrolled = false, nil, nil
	a.Challenge, a.CodesSent, a.Enrolment, a.Provisional, a.Recalled = nil, nil, nil, nil, false
	a.Preferred, a.Skipped, a.Postponed, a.Persistent = "", false, false, false
	a.Resetting, a.Verifying, a.Verified = false, false, false
	a.Transaction, a.Intent = nil, nil
}
