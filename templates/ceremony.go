package templates

import "encoding/json"

// Ceremony is a form whose answer an authenticator gives. static/passkey.js
// reads the options from it, asks the browser, and fills in the credential; the
// form is then sent like any other. Without a script it cannot work, so the page
// says that, and offers what can.
type Ceremony struct {
	Base
	Action  string // URL
	Kind    string // "get", "create", or "conditional": get, as a suggestion for a field
	Options string // JSON; "" for a form that asks for them first
	Auto    bool   // start without being asked to
	Unknown string // JSON: a key that the browser had better not offer again; "" for none
	Name    *Field // what to call that which is created; nil for nothing

	Icon      string // a kind of way
	Button    string
	Cancelled string // texts for what the script finds out
	Failed    string
	Exists    string
	Quiet     string // what was found out before
	NoScript  string
}

// Wish is what the form asks for when it cannot hold an answer yet.
func (c Ceremony) Wish() string {
	if c.Options == "" {
		return ActionChallenge
	}
	return ""
}

// UnknownKey tells the script which key the browser offers in vain. Password
// managers that are told so stop offering it (WebAuthn Level 3,
// signalUnknownCredential).
func UnknownKey(rpID, credentialID string) string {
	text, err := json.Marshal(map[string]string{"rpId": rpID, "credentialId": credentialID})
	if err != nil {
		return "" // two strings cannot fail
	}
	return string(text)
}

// Ceremony is the use of a passkey.
func (p PasskeyPage) Ceremony() (Ceremony, error) {
	return p.ceremony(Ceremony{Action: "/passkey", Kind: "get", Options: p.Options, Auto: p.Auto, Unknown: p.Unknown}, WayPasskey)
}

// Ceremony is the use of a security key.
func (p SecurityKeyPage) Ceremony() (Ceremony, error) {
	return p.ceremony(Ceremony{Action: "/u2f", Kind: "get", Options: p.Options, Auto: p.Auto, Unknown: p.Unknown}, WayU2F)
}

// Ceremony is the creation of a passkey or the registration of a security key.
func (p SetUpKeyPage) Ceremony() (Ceremony, error) {
	name, err := p.nameField()
	if err != nil {
		return Ceremony{}, err
	}
	c, err := p.ceremony(Ceremony{Action: p.Path(), Kind: "create", Options: p.Options, Auto: p.Auto, Name: &name}, p.Kind)
	if err != nil {
		return c, err
	}
	if c.Button, err = p.T(p.key("button")); err != nil {
		return c, err
	}
	if c.Cancelled, err = p.T(p.key("cancelled")); err != nil {
		return c, err
	}
	if c.Quiet != "" {
		c.Quiet = c.Cancelled
	}
	c.Exists, err = p.worded(p.Kind).problemText(Problem{Key: "problem.key_exists"})
	return c, err
}

// ceremony fills in the texts of the kind.
func (b Base) ceremony(c Ceremony, kind string) (Ceremony, error) {
	c.Base, c.Action, c.Icon = b, b.Link(c.Action), kind
	for _, text := range []struct {
		into *string
		part string
	}{
		{&c.Button, "button"}, {&c.Cancelled, "cancelled"}, {&c.Failed, "failed"}, {&c.NoScript, "no_script"},
	} {
		var err error
		if *text.into, err = b.T(kind + "." + text.part); err != nil {
			return c, err
		}
	}
	if b.cancelled() {
		c.Quiet = c.Cancelled
	}
	return c, nil
}

// Conditional is the form that takes a passkey chosen among the suggestions.
func (p LoginNamePage) Conditional() Ceremony { return p.conditional(p.PasskeyOptions) }

// Conditional is the form that takes a passkey chosen among the suggestions.
func (p PasswordPage) Conditional() Ceremony { return p.conditional(p.PasskeyOptions) }

func (b Base) conditional(options string) Ceremony {
	return Ceremony{Base: b, Action: b.Link("/passkey"), Kind: "conditional", Options: options}
}

// keyCancelled is the problem that is none: the visitor changed their mind. It
// is said beside the button, not as an error.
const keyCancelled = "problem.key_cancelled"

func (b Base) cancelled() bool { return b.Problem != nil && b.Problem.Key == keyCancelled }

// Errors words the problems for a security key.
func (p SecurityKeyPage) Errors() (ErrorSummary, error) { return p.worded(WayU2F).Errors() }

// Errors words the problems for the kind of key.
func (p SetUpKeyPage) Errors() (ErrorSummary, error) { return p.worded(p.Kind).Errors() }

// Script is the script of a page: one file, whatever it needs, since a request
// costs a phone more than a kilobyte.
func (b Base) Script() string { return "form.js" }

// Script is the one with ceremonies where the page has one.
func (p LoginNamePage) Script() string { return p.script(p.PasskeyOptions) }

// Script is the one with ceremonies where the page has one.
func (p PasswordPage) Script() string { return p.script(p.PasskeyOptions) }

// Script is the one with ceremonies where the page has one.
func (p PasskeyPage) Script() string { return p.script(p.Options + p.Unknown) }

// Script is the one with ceremonies where the page has one.
func (p SecurityKeyPage) Script() string { return p.script(p.Options + p.Unknown) }

// Script is the one with ceremonies where the page has one.
func (p SetUpKeyPage) Script() string { return p.script(p.Options) }

func (b Base) script(options string) string {
	if options == "" {
		return b.Script()
	}
	return "passkey.js"
}
