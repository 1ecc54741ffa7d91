package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"torhaus/templates"
)

// startSignUp goes from the demo app to the page that asks who the visitor is.
func (b *tab) startSignUp() *tab {
	b.t.Helper()
	app := b.app.url() + "/"
	if b.script {
		b.open(app).at(app)
		b.until("the app to know that nobody is signed in", `document.querySelector("a[data-path='/signup']")`)
		b.press("a[data-path='/signup']")
	} else {
		b.open(b.auth.url() + "/signup?return_to=" + url.QueryEscape(app))
	}
	return b.at(b.auth.url() + "/register")
}

// newcomer is who signs up.
var newcomer = map[string]string{
	templates.FieldGivenName: "Nora", templates.FieldFamilyName: "New", templates.FieldEmail: "nora@example.com",
}

// agree ticks the two boxes.
func (b *tab) agree() *tab {
	b.t.Helper()
	b.click(`[data-testid="tos-checkbox"]`)
	b.click(`[data-testid="privacy-policy-checkbox"]`)
	return b
}

func TestBrowserSignUp(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignUp().fill(newcomer).agree().press(submitButton).at(b.auth.url() + "/register/password")
		b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).at(b.auth.url() + "/verify")
		b.fill(map[string]string{templates.FieldCode: "WRONG1"}).press(submitButton).arrive(b.auth.url() + "/verify")
		b.expectSummary("Could not verify email")
		b.at(b.auth.url() + "/verify")
		if got := b.value(templates.FieldCode); got != "WRONG1" {
			b.t.Errorf("the code that was typed is lost: %q", got)
		}
		code := b.zitadel.LastMail("nora@example.com").Code
		b.fill(map[string]string{templates.FieldCode: code}).press(submitButton).home("Nora New")
	})
}

// What was typed into the long form survives one wrong field.
func TestBrowserSignUpKeepsWhatWasTyped(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		page := b.auth.url() + "/register"
		b.startSignUp().fill(newcomer).fill(map[string]string{templates.FieldEmail: "nora"}).agree().press(submitButton).arrive(page)
		b.expectSummary("Enter an e-mail address")
		b.at(page)
		for name, want := range map[string]string{
			templates.FieldGivenName: "Nora", templates.FieldFamilyName: "New", templates.FieldEmail: "nora",
		} {
			if got := b.value(name); got != want {
				b.t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if !ask[bool](b, `document.querySelector("[name=terms]").checked && document.querySelector("[name=privacy]").checked`) {
			b.t.Error("what was agreed to must be agreed to again")
		}
	})
}

// The mailed code sets a new password and goes on to the app; the old password
// is of no more use.
func TestBrowserReset(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		const changed = "Another1!"
		page := b.auth.url() + "/password/set"
		b.startSignIn().nameAlice().press(resetButton).at(page)
		b.fill(map[string]string{templates.FieldCode: "WRONG1", templates.FieldPassword: changed}).press(submitButton).arrive(page)
		if got := b.value(templates.FieldCode); got != "WRONG1" {
			b.t.Errorf("the code that was typed is lost: %q", got)
		}
		if got := b.value(templates.FieldPassword); got != "" {
			b.t.Error("the new password came back in the page")
		}
		b.at(page)
		code := b.zitadel.LastMail("alice@example.com").Code
		b.fill(map[string]string{templates.FieldCode: code, templates.FieldPassword: changed}).press(submitButton).home("Alice Example")

		other := openTab(b.t, b.product, b.script)
		other.open(b.auth.url() + "/loginname").at(b.auth.url() + "/loginname").nameAlice()
		other.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).arrive(b.auth.url() + "/password")
		other.expectSummary("Failed to authenticate")
		other.fill(map[string]string{templates.FieldPassword: changed}).press(submitButton).at(b.auth.url() + "/signedin")
	})
}

// The show-password button is there for those for whom it works.
func TestBrowserShowPassword(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().nameAlice().fill(map[string]string{templates.FieldPassword: password})
		kind := func() string { return ask[string](b, `document.querySelector("input[name=password]").type`) }
		if !b.script {
			if b.visible(reveal) || kind() != "password" {
				b.t.Error("a button is shown that does nothing")
			}
			return
		}
		for _, want := range []struct{ kind, text, label string }{{"text", "Hide", "Hide password"}, {"password", "Show", "Show password"}, {"text", "Hide", "Hide password"}} {
			b.click(reveal)
			if kind() != want.kind || b.text(reveal) != want.text || ask[string](b, element(reveal)+".ariaLabel") != want.label {
				b.t.Errorf("after a click the field is a %s and the button says %q, want %+v", kind(), b.text(reveal), want)
			}
		}
		b.shoot()
		// Shown or not, it is sent as a password, or the browser would remember
		// it among the words it suggests.
		ask[bool](b, `document.forms[0].addEventListener("submit", () => { sessionStorage.sent = document.forms[0].password.type }) ?? true`)
		b.fill(map[string]string{templates.FieldPassword: "wrong"}).press(submitButton).arrive(b.auth.url() + "/password")
		if sent := ask[string](b, "sessionStorage.sent"); sent != "password" {
			b.t.Errorf("the password was sent by a field of type %s", sent)
		}
	})
}

// With script the rules tick themselves off while a password is typed; without
// it they are a list to read.
func TestBrowserPasswordRules(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignUp().fill(newcomer).agree().press(submitButton).at(b.auth.url() + "/register/password").ticksRules()
	})
}

// ticksRules types passwords and reads what the list of rules says of each.
func (b *tab) ticksRules() *tab {
	b.t.Helper()
	for _, test := range []struct{ typed, met string }{
		{"", ""},
		{"a", "lowercase"},
		{"aB", "uppercase lowercase"},
		{"aB3", "number uppercase lowercase"},
		{"aB3!", "symbol number uppercase lowercase"},
		{"aB3!aB3!", "length symbol number uppercase lowercase"},
		{"aaaaaaaa", "length lowercase"},
	} {
		b.fill(map[string]string{templates.FieldPassword: test.typed})
		for _, rule := range []string{"length", "symbol", "number", "uppercase", "lowercase"} {
			want := ""
			if b.script {
				want = "(Doesn't match)"
				if strings.Contains(" "+test.met+" ", " "+rule+" ") {
					want = "(Matches)"
				}
			}
			if got := b.text(`[data-testid="` + rule + `-check"] span`); got != want {
				b.t.Errorf("%q: the rule about %s says %q, want %q", test.typed, rule, got, want)
			}
		}
		b.shoot()
	}
	return b
}

// Another language is one choice in the footer; the step stays, and so does the
// language.
func TestBrowserLanguage(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().nameAlice()
		attempt := func() string { return ask[string](b, `new URL(location).searchParams.get("a")`) }
		before := attempt()
		ask[bool](b, `document.querySelector("#lang").focus() ?? true`)
		for range 50 {
			if ask[string](b, `document.querySelector("#lang").value`) == "de" {
				break
			}
			b.key(kb.ArrowDown)
		}
		b.press(".language button").at(b.auth.url() + "/password")
		if lang, h1 := ask[string](b, "document.documentElement.lang"), b.text("h1"); lang != "de" || h1 != "Passwort eingeben" {
			b.t.Errorf("the page is in %q: %s", lang, h1)
		}
		if attempt() != before {
			b.t.Errorf("another attempt was begun: %s, was %s", attempt(), before)
		}
		b.fill(map[string]string{templates.FieldPassword: "falsch"}).press(submitButton).arrive(b.auth.url() + "/password")
		if got := b.text(summary); !strings.Contains(got, "Anmeldung fehlgeschlagen") {
			b.t.Errorf("the problem is told so: %s", got)
		}
		b.at(b.auth.url() + "/password")
		b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).home("Alice Example")
	})
}
