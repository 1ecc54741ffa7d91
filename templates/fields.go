package templates

import "strings"

// The fields of each page. Their autocomplete tokens are the whole interface to
// password managers: a wrong one costs every visitor a typed password.

// LoginNameField asks for what the policy lets people sign in with.
func (p LoginNamePage) LoginNameField() (Field, error) {
	f, err := p.worded(p.labelKey()).loginName(p.labelKey(), p.LoginName)
	return withPasskeys(f, p.PasskeyOptions), err
}

// labelKey is the label's last part in the catalogs. What we do not know is a
// username: every policy takes one.
func (p LoginNamePage) labelKey() string {
	switch p.Label {
	case LabelEmail, LabelEmailOrPhone, LabelUsernameOrPhone:
		return strings.ReplaceAll(p.Label, "-", "_")
	}
	return LabelUsername
}

// LoginNameField asks whose password it is, where that is not known yet.
func (p PasswordResetPage) LoginNameField() (Field, error) { return p.loginName("email", p.LoginName) }

func (b Base) loginName(label, value string) (Field, error) {
	f := Field{
		Name: FieldLoginName, Type: "text", Value: value,
		Autocomplete: "username", InputMode: "text", EnterKey: "next",
		TestID: "username-text-input", Focus: true,
	}
	if strings.HasPrefix(label, "email") {
		f.InputMode = "email" // the keyboard with the @, which has all letters too
	}
	if label == "email" {
		f.Type = "email"
	}
	return b.field(f, "loginname.label."+label)
}

// PasswordField asks for the password.
func (p PasswordPage) PasswordField() (Field, error) {
	f, err := p.field(Field{
		Name: FieldPassword, Type: "password",
		Autocomplete: "current-password", EnterKey: "done", TestID: "password-text-input", Focus: true,
	}, "password.label")
	return withPasskeys(f, p.PasskeyOptions), err
}

// CodeField asks for the code of the mail.
func (p PasswordSetPage) CodeField() (Field, error) {
	return p.code(p.Code, "password_set.code", "next")
}

// CodeField asks for the code of the mail.
func (p VerifyPage) CodeField() (Field, error) {
	return p.wordedBase().code(p.Code, "verify.code", "done")
}

// code is a single box: six little ones break paste, autofill and screen
// readers. Mailed codes have letters, so the keyboard stays whole.
func (b Base) code(value, label, enter string) (Field, error) {
	return b.field(Field{
		Name: FieldCode, Type: "text", Value: value,
		Autocomplete: "one-time-code", InputMode: "text", EnterKey: enter, TestID: "code-text-input", Focus: true,
	}, label)
}

// TypeCode says whether the code has to be typed: it came with no link, or the
// link's was wrong.
func (p PasswordSetPage) TypeCode() bool { return !p.FromLink || p.hasProblemAt(FieldCode) }

// TypeCode says whether the code has to be typed: it came with no link, or the
// link's was wrong.
func (p VerifyPage) TypeCode() bool { return !p.FromLink || p.hasProblemAt(FieldCode) }

func (b Base) hasProblemAt(field string) bool {
	for _, p := range b.Problems() {
		if p.Field == field {
			return true
		}
	}
	return false
}

// PasswordField asks for the first password.
func (p FirstPasswordPage) PasswordField() (Field, error) {
	return p.newPassword(p.Rules, "password_first.label", "password-set-text-input")
}

// PasswordField asks for the new password.
func (p PasswordSetPage) PasswordField() (Field, error) {
	f, err := p.newPassword(p.Rules, "password_set.new", "password-set-text-input")
	f.Focus = f.Focus && !p.TypeCode()
	return f, err
}

// CurrentField asks for the password that is to be replaced.
func (p PasswordChangePage) CurrentField() (Field, error) {
	return p.field(Field{
		Name: FieldCurrent, Type: "password",
		Autocomplete: "current-password", EnterKey: "next", TestID: "password-text-input", Focus: true,
	}, "password_change.current")
}

// PasswordField asks for the new password.
func (p PasswordChangePage) PasswordField() (Field, error) {
	f, err := p.newPassword(p.Rules, "password_change.new", "password-change-text-input")
	f.Focus = false
	return f, err
}

// PasswordField asks for the password of the new account.
func (p RegisterPasswordPage) PasswordField() (Field, error) {
	return p.newPassword(p.Rules, "register_password.label", "password-text-input")
}

func (b Base) newPassword(rules PasswordRules, label, testID string) (Field, error) {
	f := Field{
		Name: FieldPassword, Type: "password",
		Autocomplete: "new-password", EnterKey: "done", TestID: testID, Focus: true,
	}
	if rules != (PasswordRules{}) {
		f.Rules = &rules
	}
	return b.field(f, label)
}

// GivenNameField asks for the first name.
func (p RegisterPage) GivenNameField() (Field, error) {
	return p.field(Field{
		Name: FieldGivenName, Type: "text", Value: p.GivenName,
		Autocomplete: "given-name", EnterKey: "next", TestID: "firstname-text-input", Focus: true,
	}, "register.given_name")
}

// FamilyNameField asks for the last name.
func (p RegisterPage) FamilyNameField() (Field, error) {
	return p.field(Field{
		Name: FieldFamilyName, Type: "text", Value: p.FamilyName,
		Autocomplete: "family-name", EnterKey: "next", TestID: "lastname-text-input",
	}, "register.family_name")
}

// EmailField asks for the address, which becomes the login name.
func (p RegisterPage) EmailField() (Field, error) {
	f, err := p.field(Field{
		Name: FieldEmail, Type: "email", Value: p.Email,
		Autocomplete: "email", InputMode: "email", EnterKey: "next", TestID: "email-text-input",
	}, "register.email")
	if err != nil || p.Vouched {
		return f, err
	}
	f.Hint, err = p.T("register.email_hint")
	return f, err
}

// TermsChoice is the agreement to the terms of service.
func (p RegisterPage) TermsChoice() (Choice, error) {
	return p.agreement(FieldTerms, "register.terms", "tos-checkbox", p.TermsURL(), p.Terms)
}

// PrivacyChoice confirms that the privacy policy was read.
func (p RegisterPage) PrivacyChoice() (Choice, error) {
	return p.agreement(FieldPrivacy, "register.privacy", "privacy-policy-checkbox", p.PrivacyURL(), p.Privacy)
}

// MethodChoices are the ways to sign in that a newcomer may choose from: none where
// it can only be a password. A passkey is said, also where it is the only way, for
// not every device can keep one.
func (p RegisterPage) MethodChoices() ([]Choice, error) {
	var choices []Choice
	for _, method := range []struct {
		word, hint string
		offered    bool
	}{
		{MethodPassword, "", p.Passwords && p.Passkeys},
		{MethodPasskey, "register.method_passkey_hint", p.Passkeys},
	} {
		if !method.offered {
			continue
		}
		c := Choice{
			Base: p.Base, ID: "method-" + method.word, Name: FieldMethod, Value: method.word,
			TestID: method.word + "-radio", Checked: p.Method == method.word || !p.Passwords,
		}
		var err error
		if len(choices) == 0 { // the one that the summary of problems leads to
			c.ID, c.Checked = FieldMethod, c.Checked || p.Method != MethodPasskey
			if c.Error, err = p.problemAt(FieldMethod); err != nil {
				return nil, err
			}
		}
		if c.Before, err = p.T("register.method_" + method.word); err != nil {
			return nil, err
		}
		if method.hint != "" {
			if c.Hint, err = p.T(method.hint); err != nil {
				return nil, err
			}
		}
		choices = append(choices, c)
	}
	return choices, nil
}
