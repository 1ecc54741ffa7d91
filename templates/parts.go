package templates

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"torhaus/locale"
)

// Parts of pages that one partial writes for all: each takes one struct.

// ErrorSummary is the list of problems above a form.
type ErrorSummary struct {
	Heading string
	Items   []SummaryItem
}

// SummaryItem is one line of the error summary.
type SummaryItem struct {
	Text  string
	Field string // the id of the input to go to; "" for none
}

// Errors is the page's error summary.
func (b Base) Errors() (ErrorSummary, error) {
	heading, err := b.T("page.error_heading")
	s := ErrorSummary{Heading: heading}
	for _, p := range b.Problems() {
		text, err := b.problemText(p)
		if err != nil {
			return s, err
		}
		s.Items = append(s.Items, SummaryItem{Text: text, Field: p.Field})
	}
	return s, err
}

// Errors words the problems after the label of the field.
func (p LoginNamePage) Errors() (ErrorSummary, error) { return p.worded(p.labelKey()).Errors() }

// Chip shows who is signing in.
type Chip struct {
	Base
	Name   string
	Change bool // with the way to be someone else
}

// Initial is the letter in the circle beside the name.
func (c Chip) Initial() string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(c.Name))
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return "·"
	}
	return string(unicode.ToUpper(r))
}

// Local is the name up to an @: before it a long address may break.
func (c Chip) Local() string { return c.Name[:len(c.Name)-len(c.Domain())] }

// Domain is the rest of an address, with its @.
func (c Chip) Domain() string {
	if i := strings.LastIndexByte(c.Name, '@'); i >= 0 {
		return c.Name[i:]
	}
	return ""
}

// Chip shows who is signing in, and lets them be someone else.
func (p PasswordPage) Chip() Chip { return Chip{p.Base, or(p.Who, p.LoginName), true} }

// Chip shows whose password is reset.
func (p PasswordResetPage) Chip() Chip {
	if !p.Known {
		return Chip{p.Base, "", false}
	}
	return Chip{p.Base, p.LoginName, false}
}

// Chip shows whose password is set.
func (p PasswordSetPage) Chip() Chip { return Chip{p.Base, or(p.Who, p.LoginName), false} }

// Chip shows for whom a password is chosen.
func (p FirstPasswordPage) Chip() Chip { return Chip{p.Base, p.Who, false} }

// Chip shows who has no way to sign in, as they were named.
func (p VerifyPage) Chip() Chip {
	if !p.Invited || p.FromLink {
		return Chip{p.Base, "", false}
	}
	return Chip{p.Base, p.Who, true}
}

// Chip shows whose password is changed.
func (p PasswordChangePage) Chip() Chip { return Chip{p.Base, or(p.Who, p.LoginName), false} }

// Chip shows for whom an account is created.
func (p RegisterPasswordPage) Chip() Chip { return Chip{p.Base, p.Email, false} }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// MailForm is the second, quiet form of a page: it asks for a mail.
type MailForm struct {
	Base
	Action string // URL
	Wish   string // one of the Action… constants
	TestID string
	Label  string
	Phone  string // where to; "" where that is known
}

// ResetForm asks for the mail with which the password is reset.
func (p PasswordPage) ResetForm() (MailForm, error) {
	return p.mailForm("/password", ActionReset, "reset-button", "password.reset")
}

// ResendForm asks for another code.
func (p PasswordSetPage) ResendForm() (MailForm, error) {
	return p.mailForm("/password/set", ActionResend, "resend-button", "action.send_new_code")
}

// ResendForm asks for another code.
func (p VerifyPage) ResendForm() (MailForm, error) {
	label := "action.send_new_code"
	if p.Invited {
		label = "verify.invitation_resend"
	}
	return p.mailForm("/verify", ActionResend, "resend-button", label)
}

// SendText is what asks for the first code.
func (p VerifyPage) SendText() (string, error) {
	if p.Invited {
		return p.T("verify.invitation_send")
	}
	return p.T("action.send_code")
}

func (b Base) mailForm(path, wish, testID, label string) (MailForm, error) {
	text, err := b.T(label)
	return MailForm{Base: b, Action: b.Link(path), Wish: wish, TestID: testID, Label: text}, err
}

// Why says why the password is to be changed.
func (p PasswordChangePage) Why() (string, error) {
	switch p.Reason {
	case ReasonRequired:
		return p.T("password_change.required")
	case ReasonExpired:
		return p.T("password_change.expired")
	case ReasonExpiring:
		if p.Days == 0 {
			return p.T("password_change.expires_today")
		}
		return p.T("password_change.expiring", p.Days)
	}
	return p.T("password_change.own")
}

// CanSkip says whether it may be put off.
func (p PasswordChangePage) CanSkip() bool { return p.Reason == ReasonExpiring }

// SkipForm puts it off.
func (p PasswordChangePage) SkipForm() (MailForm, error) {
	return p.mailForm("/password/change", ActionSkip, "reset-button", "action.not_now")
}

// wordedBase words the page for an invitation, if it is one.
func (p VerifyPage) wordedBase() Base {
	switch {
	case !p.Invited:
		return p.Base
	case p.FromLink:
		return p.worded("invitation_link")
	}
	return p.worded("invitation")
}

// Errors words the problems for an invitation, if it is one.
func (p VerifyPage) Errors() (ErrorSummary, error) { return p.wordedBase().Errors() }

// NoticeText words the notice for an invitation, if it is one.
func (p VerifyPage) NoticeText() (string, error) { return p.wordedBase().NoticeText() }

// Title is the heading.
func (p VerifyPage) Title() (string, error) {
	switch {
	case p.Invited && p.FromLink:
		return p.T("verify.invitation_link_title")
	case p.Invited:
		return p.T("verify.invitation_title")
	}
	return p.T("verify.title")
}

// Instruction says what to do with the code, naming the address when it is known.
func (p VerifyPage) Instruction() (string, error) {
	key := "verify.text"
	switch {
	case p.First && p.Invited:
		return p.T("verify.invitation_first")
	case p.Invited && !p.TypeCode():
		return p.T("verify.invitation_link")
	case p.Invited && p.CanResend:
		return p.T("verify.invitation_text")
	case p.Invited:
		return p.T("verify.invitation_again")
	case p.First:
		key = "verify.first"
	case !p.TypeCode():
		key = "verify.from_link"
	}
	return p.addressed(key, p.Email)
}

// ConfirmText is what pressing the button does, where the code need not be typed.
func (p VerifyPage) ConfirmText() (string, error) {
	if p.Invited {
		return p.T("action.continue")
	}
	return p.T("verify.confirm")
}

// outside lets only web addresses through. ZITADEL's administrators may write
// {{.Lang}} in their links for the visitor's language.
func (b Base) outside(link string) string {
	link = strings.ReplaceAll(link, "{{.Lang}}", b.Lang())
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return link
}

// ErrorKey is the stem of the texts for a status that came without a key of its
// own. Of what is forbidden only the request of another site comes without one.
func ErrorKey(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "error.bad_request"
	case http.StatusUnauthorized:
		return "error.unauthorized"
	case http.StatusForbidden:
		return "error.cross_origin"
	case http.StatusNotFound:
		return "error.not_found"
	case http.StatusMethodNotAllowed:
		return "error.method"
	case http.StatusGone:
		return "error.expired"
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return "error.too_large"
	case http.StatusMisdirectedRequest:
		return "error.misdirected"
	case http.StatusTooManyRequests:
		return "error.too_many"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "error.unavailable"
	}
	if status < http.StatusInternalServerError {
		return "error.bad_request"
	}
	return "error.internal"
}

// Title is the text above.
func (p ErrorPage) Title() (string, error) { return p.T(p.known(p.TitleKey, ".title")) }

// Explanation is the text below it.
func (p ErrorPage) Explanation() (string, error) { return p.T(p.known(p.TextKey, ".text")) }

func (p ErrorPage) known(key, part string) string {
	if locale.Has(key) {
		return key
	}
	return ErrorKey(p.Status) + part
}

// Wait says how long to wait, "" when there is no telling.
func (p ErrorPage) Wait() (string, error) {
	if p.RetryAfter <= 0 {
		return "", nil
	}
	return p.T("error.wait", p.RetryAfter)
}

// CanRetry says whether the same address may work in a moment.
func (p ErrorPage) CanRetry() bool {
	return p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests
}
