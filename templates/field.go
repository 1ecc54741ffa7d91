package templates

import (
	"fmt"
	"strings"
)

// Field is one labelled input, with what is wrong with it. Pages make their
// fields in Go, so that one partial writes all of them and one test checks
// them all: label, hint, error and input always refer to each other.
type Field struct {
	Base
	Name         string // of the input, and its id
	Label, Hint  string // texts
	Type         string // text, email or password
	Value        string
	Autocomplete string // the exact token; password managers go by it
	InputMode    string
	EnterKey     string // next or done: the word on the phone's Enter key
	TestID       string
	Error        string         // the text of the problem, "" for none
	Rules        *PasswordRules // for a password that is being chosen
	Focus        bool           // place the cursor here when the page opens
}

// field fills in the text of the label, the problem, and what follows from both.
func (b Base) field(f Field, labelKey string) (Field, error) {
	var err error
	f.Base = b
	if f.Label, err = b.T(labelKey); err != nil {
		return f, err
	}
	if f.Error, err = b.problemAt(f.Name); err != nil {
		return f, err
	}
	// With a problem the summary gets the focus, so that it is read first.
	f.Focus = f.Focus && b.Problem == nil
	return f, nil
}

// ErrorID is the id of the field's error text.
func (f Field) ErrorID() string { return f.Name + "-error" }

// Capitals says what a phone's keyboard does to first letters: names begin with
// one, login names, codes and passwords are left as typed.
func (f Field) Capitals() string {
	if strings.HasSuffix(f.Autocomplete, "-name") {
		return "words"
	}
	return "none"
}

// HintID is the id of the field's hint.
func (f Field) HintID() string { return f.Name + "-hint" }

// DescribedBy is what a screen reader reads after the label: the error first.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.ErrorID())
	}
	if f.Hint != "" {
		ids = append(ids, f.HintID())
	}
	if f.Rules != nil {
		ids = append(ids, f.RulesID())
	}
	return strings.Join(ids, " ")
}

// RulesID is the id of the list of password rules.
func (f Field) RulesID() string { return f.Name + "-rules" }

// PasswordRules is the policy in the notation with which a password manager
// makes up a password that will be accepted.
func (f Field) PasswordRules() string {
	if f.Rules == nil {
		return ""
	}
	var b strings.Builder
	if f.Rules.MinLength > 0 {
		fmt.Fprintf(&b, "minlength: %d; ", f.Rules.MinLength)
	}
	for _, rule := range []struct {
		needed bool
		class  string
	}{
		{f.Rules.Lowercase, "lower"},
		{f.Rules.Uppercase, "upper"},
		{f.Rules.Number, "digit"},
		{f.Rules.Symbol, "[-!#$%&*+.=?_]"},
	} {
		if rule.needed {
			fmt.Fprintf(&b, "required: %s; ", rule.class)
		}
	}
	return strings.TrimSpace(b.String())
}

// Rule is one line of the list of password rules.
type Rule struct {
	Name   string // what form.js checks: length, lowercase, uppercase, number or symbol
	TestID string
	Text   string
	Min    int // of length
}

// RuleList is the policy as a visitor reads it, in ZITADEL's order.
func (f Field) RuleList() ([]Rule, error) {
	if f.Rules == nil {
		return nil, nil
	}
	var list []Rule
	for _, rule := range []struct {
		needed bool
		name   string
		args   []any
	}{
		{f.Rules.MinLength > 0, "length", []any{f.Rules.MinLength}},
		{f.Rules.Symbol, "symbol", nil},
		{f.Rules.Number, "number", nil},
		{f.Rules.Uppercase, "uppercase", nil},
		{f.Rules.Lowercase, "lowercase", nil},
	} {
		if !rule.needed {
			continue
		}
		text, err := f.T("rules."+rule.name, rule.args...)
		if err != nil {
			return nil, err
		}
		line := Rule{Name: rule.name, TestID: rule.name + "-check", Text: text}
		if rule.name == "length" {
			line.Min = f.Rules.MinLength
		}
		list = append(list, line)
	}
	return list, nil
}

// Choice is one checkbox or radio button.
type Choice struct {
	Base
	ID, Name, Value string
	TestID          string
	Checked         bool
	Optional        bool // may be left out
	Error           string
	Before, Link    string // the label, in which Link leads to URL
	After, Hint     string
	URL             string
}

// ErrorID is the id of the choice's error text.
func (c Choice) ErrorID() string { return c.ID + "-error" }

// agreement is a checkbox whose label links to what is agreed to. The text
// marks the words of the link with brackets.
func (b Base) agreement(name, key, testID, url string, agreed bool) (Choice, error) {
	text, err := b.T(key)
	if err != nil {
		return Choice{}, err
	}
	c := Choice{Base: b, ID: name, Name: name, Value: "on", TestID: testID, Checked: agreed, URL: url}
	c.Before, text, _ = strings.Cut(text, "[")
	c.Link, c.After, _ = strings.Cut(text, "]")
	c.Error, err = b.problemAt(name)
	return c, err
}
