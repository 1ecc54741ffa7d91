package handlers

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"torhaus/templates"
	"torhaus/zitadelclient"
)

// rules are the password rules of the user's organization, for the page to show
// and for the handler to hold; only those that policy asks for.
func (v *visit) rules() (templates.PasswordRules, error) {
	c, err := v.Zitadel.PasswordComplexity(v.ctx, cmp.Or(v.attempt.User.Policies, v.organization()))
	if err != nil {
		return templates.PasswordRules{}, err
	}
	return templates.PasswordRules{
		MinLength: c.MinLength, Uppercase: c.RequiresUppercase, Lowercase: c.RequiresLowercase,
		Number: c.RequiresNumber, Symbol: c.RequiresSymbol,
	}, nil
}

// guessesRules reports whether the page shows rules that may not be the user's: where
// users are hidden, and behind a link that does not say whose user it is about.
func (v *visit) guessesRules() bool {
	return v.attempt.User.Policies == "" && (v.attempt.Concealed || v.attempt.FromLink)
}

// checkAnyPassword holds a new password to what ZITADEL takes of anybody's.
func checkAnyPassword(field, password string) error {
	if password == "" {
		return refuse(field, "problem.password_empty")
	}
	return brokenRule(field, password, templates.PasswordRules{})
}

// checkNewPassword holds a new password against the rules before it is sent, so
// that the answer is in the visitor's language and no code is spent on it. The
// password is compared as typed: nothing is trimmed or cut.
func (v *visit) checkNewPassword(field, password string) error {
	if err := checkAnyPassword(field, password); err != nil {
		return err
	}
	rules, err := v.rules()
	if err != nil {
		return err
	}
	return brokenRule(field, password, rules)
}

// bcryptLimit is how many bytes of a password ZITADEL's hash can see. A longer
// one is refused in words rather than cut in silence.
const bcryptLimit = 72

func brokenRule(field, password string, rules templates.PasswordRules) error {
	has := func(class func(rune) bool) bool { return strings.IndexFunc(password, class) >= 0 }
	switch {
	case utf8.RuneCountInString(password) > longestPassword:
		return refuse(field, "problem.password_long", longestPassword)
	case len(password) > bcryptLimit:
		return refuse(field, "problem.password_bytes", bcryptLimit)
	case len([]rune(password)) < rules.MinLength:
		return refuse(field, "problem.password_short", rules.MinLength)
	case rules.Uppercase && !has(func(r rune) bool { return r >= 'A' && r <= 'Z' }):
		return refuse(field, "problem.password_uppercase")
	case rules.Lowercase && !has(func(r rune) bool { return r >= 'a' && r <= 'z' }):
		return refuse(field, "problem.password_lowercase")
	case rules.Number && !has(func(r rune) bool { return r >= '0' && r <= '9' }):
		return refuse(field, "problem.password_number")
	case rules.Symbol && !has(func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }):
		return refuse(field, "problem.password_symbol")
	}
	return nil
}

// passwordRefused words what ZITADEL says of a new password.
func passwordRefused(field string, err error) error {
	switch kindOf(err) {
	case zitadelclient.PasswordPolicy:
		return refuse(field, "problem.password_policy")
	case zitadelclient.WrongCode, zitadelclient.NotFound, zitadelclient.NotActive:
		return refuse(templates.FieldCode, "problem.code_wrong")
	case zitadelclient.Invalid:
		return refuse(field, "problem.password_policy")
	}
	return err
}
