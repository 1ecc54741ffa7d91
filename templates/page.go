package templates

import (
	"net/mail"
	"net/url"

	"torhaus/locale"
	"torhaus/static"
)

// Page is one of the page structs of this package. It is sealed: a page is
// added here, with its template, its texts and its stories, or not at all.
type Page interface {
	// file is the template of the page, pages/<file>.html, and the stem of its
	// texts: the title of "password" is "password.title".
	file() string
}

// Base is what every page shows.
type Base struct {
	Text     *locale.Printer // the language of the page; English when nil
	Attempt  string          // the attempt's short name, ?a= in every link and form; "" where there is none
	Resume   string          // how to begin the sign-in anew, should the attempt run out; "" for not at all
	Turn     int             // which turn of the attempt the form belongs to, so that one sent twice is known
	About    string          // a word for whoever the form is about, which tells nobody who that is
	BasePath string          // "" or "/ui/v2/login"

	App string // who asks, as in "to continue to app.example.com"; "" when nobody does
	Who string // who is signing in, as they typed it; "" while unknown

	Theme      Theme
	Legal      Legal
	Problem    *Problem // what was wrong with the last form; nil for nothing
	Notice     string   // the key of something good to know, such as "notice.code_sent"
	NoticeArgs []any    // the parameters of its text

	variant string // which wording of a problem or notice fits this page, see problemText
}

// Theme is how an organization looks: where its stylesheet and pictures are.
// The URLs are our own paths, since no page loads anything from elsewhere.
type Theme struct {
	CSSURL      string // /theme/<hash>.css; "" for our own look
	LogoURL     string // "" for the name in letters
	LogoDarkURL string // "" to use LogoURL in the dark too
	IconURL     string // "" for our own
	Name        string // the organization's name
	Mode        Mode   // which of light and dark it has
}

// Legal is what an organization says about its terms, and whom to ask. Only
// http and https links are shown, and an address that is one.
type Legal struct {
	Terms, Privacy, Help string
	SupportEmail         string
}

// Problem says why a form was not accepted.
type Problem struct {
	Key   string // of the text, "problem.…"
	Args  []any  // its parameters
	Field string // the input it is about, one of the Field… constants; "" for the form as a whole
	Also  []Problem
}

// The names of the inputs that forms send.
const (
	FieldLoginName  = "loginName"
	FieldPassword   = "password" // the one page's password: given, or being chosen
	FieldCurrent    = "current"  // the one that is being replaced
	FieldCode       = "code"
	FieldGivenName  = "givenName"
	FieldFamilyName = "familyName"
	FieldEmail      = "email"
	FieldTerms      = "terms"   // "on" when agreed
	FieldPrivacy    = "privacy" // "on" when agreed
	FieldMethod     = "method"  // MethodPassword or MethodPasskey
	FieldAction     = "action"  // one of the Action… constants; absent for what the page is for
	FieldTurn       = "turn"
	FieldAbout      = "about"
	FieldResume     = "resume"
	FieldPostLogout = "post_logout_redirect"
	FieldCredential = "credential" // what an authenticator answered, JSON; "" when nothing did
	FieldAccount    = "account"    // an AccountRow's ID
	FieldName       = "name"       // of a passkey or security key
	FieldPhone      = "phone"
	FieldProvider   = "provider" // the id of one
	FieldRemember   = "remember" // "on" to keep the account after the browser is closed
)

// What a form asks for that is not what its page is for.
const (
	ActionReset      = "reset"      // to /password: a mail that resets it
	ActionSend       = "send"       // to /password/set, /verify and /otp/…: the first code
	ActionFirst      = "first"      // to /password/set: the first password, and no reset
	ActionResend     = "resend"     // to /password/set, /verify and /otp/…: another one
	ActionSMS        = "sms"        // to /password/set: the code by SMS instead
	ActionChallenge  = "challenge"  // to /passkey, /u2f and their /set: the options of a ceremony
	ActionSkip       = "skip"       // to …/set: another time
	ActionChoose     = "choose"     // to /accounts: go on with this one
	ActionRemove     = "remove"     // to /accounts: forget this one
	ActionAdd        = "add"        // to /accounts: sign in with one that is not listed
	ActionEverywhere = "everywhere" // to /logout: end all of the user's sessions
)

// The choices of FieldMethod.
const (
	MethodPassword = "password"
	MethodPasskey  = "passkey"
)

// LangParam is the query parameter of the language select.
const LangParam = "lang"

func (b Base) printer() *locale.Printer {
	if b.Text == nil {
		return locale.Default()
	}
	return b.Text
}

// T is the text of a key. Unlike the printer's own T it fails on a key that
// does not exist, so a typing error fails the render, and with it a test,
// instead of leaving a gap on a page.
func (b Base) T(key string, args ...any) (string, error) { return b.printer().Text(key, args...) }

// Lang is the language of the page, for the html element.
func (b Base) Lang() string { return b.printer().Tag() }

// Dir is the writing direction of the page, for the html element.
func (b Base) Dir() string { return b.printer().Dir() }

// Asset is the URL of one of our static files.
func (b Base) Asset(name string) string { return b.BasePath + static.URL(name) }

// Link is the URL of one of our pages within this attempt.
func (b Base) Link(path string) string {
	if b.Attempt == "" {
		return b.BasePath + path
	}
	return b.BasePath + path + "?a=" + url.QueryEscape(b.Attempt)
}

// Languages are the choices of the language select.
func (b Base) Languages() []locale.Language { return locale.Languages() }

// IconURL is the picture for the tab.
func (b Base) IconURL() string {
	if b.Theme.IconURL != "" {
		return b.Theme.IconURL
	}
	return b.Asset("icon.svg")
}

// Problems are all problems of the form, in the order of the summary.
func (b Base) Problems() []Problem {
	if b.Problem == nil || b.cancelled() {
		return nil
	}
	return append([]Problem{*b.Problem}, b.Problem.Also...)
}

// NoticeText is the text of the notice, "" for none.
func (b Base) NoticeText() (string, error) {
	if b.Notice == "" {
		return "", nil
	}
	if key := b.Notice + "." + b.variant; b.variant != "" && locale.Has(key) {
		return b.T(key, b.NoticeArgs...)
	}
	return b.T(b.Notice, b.NoticeArgs...)
}

// problemAt is the text for a field, "" when the field is fine.
func (b Base) problemAt(field string) (string, error) {
	for _, p := range b.Problems() {
		if p.Field == field {
			return b.problemText(p)
		}
	}
	return "", nil
}

// problemText is the text of a problem, in the wording for its page or its
// field where there is one: "Enter your first name" instead of "Enter your name".
func (b Base) problemText(p Problem) (string, error) {
	for _, variant := range []string{b.variant, p.Field} {
		if key := p.Key + "." + variant; variant != "" && locale.Has(key) {
			return b.T(key, p.Args...)
		}
	}
	return b.T(p.Key, p.Args...)
}

// TermsURL is the link to the terms, "" when there is none that can be shown.
func (b Base) TermsURL() string { return b.outside(b.Legal.Terms) }

// PrivacyURL is the link to the privacy policy, "" when there is none that can be shown.
func (b Base) PrivacyURL() string { return b.outside(b.Legal.Privacy) }

// HelpURL is where help is: a page, else an address to write to, else "".
func (b Base) HelpURL() string {
	if link := b.outside(b.Legal.Help); link != "" {
		return link
	}
	if a, err := mail.ParseAddress(b.Legal.SupportEmail); err == nil && a.Address == b.Legal.SupportEmail {
		return "mailto:" + a.Address
	}
	return ""
}

// PasswordRules is the organization's policy for new passwords.
type PasswordRules struct {
	MinLength                            int
	Uppercase, Lowercase, Number, Symbol bool
}
