package templates

import (
	"html/template"
	"strings"
)

// stem is the kind of a way as the catalogs and the wordings of problems spell it.
func stem(kind string) string { return strings.ReplaceAll(kind, "-", "_") }

// worded is the base that words problems for the kind of way that the page is about.
func (b Base) worded(kind string) Base {
	b.variant = stem(kind)
	return b
}

// CodeField asks for the code.
func (p CodePage) CodeField() (Field, error) {
	return p.worded(p.Method).oneTimeCode(p.Method, p.Code, p.key("label"))
}

// TypeCode says whether the code has to be typed: it came with no link, or the
// link's was wrong.
func (p CodePage) TypeCode() bool { return !p.FromLink || p.hasProblemAt(FieldCode) }

// CodeField asks for the first code that the app shows.
func (p SetUpTOTPPage) CodeField() (Field, error) {
	f, err := p.worded(WayTOTP).oneTimeCode(WayTOTP, p.Code, "totp_set.code")
	f.Focus = false // the picture and what to do with it come first, above
	return f, err
}

// CodeField asks for the code that proves the number.
func (p SetUpCodePage) CodeField() (Field, error) {
	return p.worded(p.Method).oneTimeCode(p.Method, p.Code, "code."+p.Method+".label")
}

// oneTimeCode is a code of digits, for a keyboard of digits. Only recovery codes
// have letters, and no phone offers to fill them in.
func (b Base) oneTimeCode(method, value, label string) (Field, error) {
	f, err := b.code(value, label, "done")
	f.InputMode = "numeric"
	if method == WayRecovery {
		f.InputMode, f.Autocomplete = "text", "off"
	}
	return f, err
}

// PhoneField asks for the number.
func (p SetUpCodePage) PhoneField() (Field, error) {
	f, err := p.field(Field{
		Name: FieldPhone, Type: "tel", Value: p.Phone,
		Autocomplete: "tel", InputMode: "tel", EnterKey: "next", TestID: "phone-text-input", Focus: true,
	}, "code_set.phone")
	if err != nil {
		return f, err
	}
	f.Hint, err = p.T("code_set.phone_hint")
	return f, err
}

// nameField asks what to call the new passkey or security key.
func (p SetUpKeyPage) nameField() (Field, error) {
	f, err := p.field(Field{
		Name: FieldName, Type: "text", Value: p.Name,
		Autocomplete: "off", EnterKey: "done", TestID: "name-text-input",
	}, p.key("name"))
	if err != nil {
		return f, err
	}
	f.Hint, err = p.T(p.key("name_hint"))
	return f, err
}

// RememberChoice asks whether the browser shall know the account after it was closed.
func (p LoginNamePage) RememberChoice() (Choice, error) { return p.remember(p.Remember) }

// RememberChoice asks whether the browser shall know the account after it was closed.
func (p PasswordPage) RememberChoice() (Choice, error) { return p.remember(p.Remember) }

func (b Base) remember(checked bool) (Choice, error) {
	c := Choice{
		Base: b, ID: FieldRemember, Name: FieldRemember, Value: "on",
		TestID: "remember-checkbox", Checked: checked, Optional: true,
	}
	var err error
	if c.Before, err = b.T("loginname.remember"); err != nil {
		return c, err
	}
	c.Hint, err = b.T("loginname.remember_hint")
	return c, err
}

// AppURL opens an authenticator app on the device itself. No other scheme gets
// through: a link of unknown kind is a way to run something.
func (p SetUpTOTPPage) AppURL() template.URL {
	if !strings.HasPrefix(p.URI, "otpauth://totp/") {
		return ""
	}
	return template.URL(p.URI)
}

// SecretGroups are the secret in groups of four, as a person copies it.
func (p SetUpTOTPPage) SecretGroups() []string {
	var groups []string
	for rest := p.Secret; rest != ""; {
		n := min(4, len(rest))
		groups, rest = append(groups, rest[:n]), rest[n:]
	}
	return groups
}
