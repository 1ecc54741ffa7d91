package handlers_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// newcomer is who signs up.
var newcomer = map[string]string{"givenName": "Nora", "familyName": "New", "email": "nora@example.com", "terms": "on", "privacy": "on"}

// atNewPassword fills in the first form of a sign-up.
func (w *world) atNewPassword() *page {
	w.t.Helper()
	return newBrowser(w.t).open(w.auth + "/loginname").follow("register-button").at("/register").
		fill(maps.Clone(newcomer)).at("/register/password")
}

func TestBehaviour12RegisterWithPassword(t *testing.T) {
	w := newWorld(t)
	form := newBrowser(t).open(w.auth + "/register").at("/register")
	for _, id := range []string{"firstname-text-input", "lastname-text-input", "email-text-input", "tos-checkbox", "privacy-policy-checkbox"} {
		if form.testid(id) == nil {
			t.Errorf("the form has no %s", id)
		}
	}
	page := form.fill(maps.Clone(newcomer)).at("/register/password").fill(map[string]string{"password": password}).at("/verify")
	page.typeCode(w.mailedCode("nora@example.com")).signedInAs("Nora New")
}

// withKey is the newcomer who would rather have a passkey.
func withKey() map[string]string {
	typed := maps.Clone(newcomer)
	typed["method"] = "passkey"
	return typed
}

// withWord is the newcomer who would rather have a password.
func withWord() map[string]string {
	typed := maps.Clone(newcomer)
	typed["method"] = "password"
	return typed
}

func TestBehaviour13RegisterWithPasskey(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	form := newBrowser(t).open(w.auth + "/loginname").follow("register-button").at("/register")
	page := form.fill(withKey()).at("/verify").with(http.StatusOK).saying("nora@example.com")
	page = page.typeCode("wrongcode").refused("/verify", "Could not verify email").holding("code", "wrongcode")
	page = page.typeCode(w.mailedCode("nora@example.com")).at("/passkey/set").byItself("create")
	page.key(a, w.auth, true).at("/passkey").byItself("get").key(a, w.auth, false).signedInAs("Nora New")
	w.typeName("nora@example.com").at("/passkey").byItself("get").key(a, w.auth, false).signedInAs("Nora New")
	if n := len(w.zitadel.Mails()); n != 1 {
		t.Errorf("%d mails for one sign-up, want 1", n)
	}
}

func TestBehaviour14OnlyPasswordEnabled(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.PasskeysAllowed = false })
	b := newBrowser(t)
	page := b.open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/register")
	if page.testid("passkey-radio") != nil || page.testid("password-radio") != nil {
		t.Error("a choice is offered where policy leaves none")
	}
	page.fill(maps.Clone(newcomer)).at("/register/password").fill(map[string]string{"password": password}).at("/verify").
		typeCode(w.mailedCode("nora@example.com")).at("/welcome")
}

// tooWeak tries a password and fails unless the page says what is missing, keeps
// the visitor on it, and nobody was created.
func tooWeak(t *testing.T, weak, says string) {
	t.Helper()
	w := newWorld(t)
	page := w.atNewPassword().fill(map[string]string{"password": weak}).refused("/register/password", says).holding("password", "")
	if n := len(w.zitadel.Mails()); n != 0 {
		t.Errorf("a weak password had %d mails sent", n)
	}
	page.fill(map[string]string{"password": password}).at("/verify")
}

func TestBehaviour15PasswordTooShort(t *testing.T) {
	tooWeak(t, "Pass1!", "Choose a password of at least 8 characters.")
}

func TestBehaviour16PasswordNumberMissing(t *testing.T) {
	tooWeak(t, "Password!", "Add a digit to your password.")
}

func TestBehaviour17PasswordUpperCaseMissing(t *testing.T) {
	tooWeak(t, "password1!", "Add an upper case letter to your password.")
}

func TestBehaviour18PasswordLowerCaseMissing(t *testing.T) {
	tooWeak(t, "PASSWORD1!", "Add a lower case letter to your password.")
}

func TestBehaviour19PasswordSymbolMissing(t *testing.T) {
	tooWeak(t, "Password1", "Add a symbol to your password")
}

// bothOffered fails unless the form asks how to sign in, with the password chosen.
func (p *page) bothOffered() *page {
	p.b.t.Helper()
	word, key := p.testid("password-radio"), p.testid("passkey-radio")
	if word == nil || key == nil || !has(word, "checked") || has(key, "checked") {
		p.b.t.Fatalf("%s does not offer both, the password first:\n%s", p.url, p.text())
	}
	return p
}

func TestBehaviour20PasswordOfBoth(t *testing.T) {
	w := newWorld(t)
	form := newBrowser(t).open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/register").bothOffered()
	form.fill(withWord()).at("/register/password").fill(map[string]string{"password": password}).at("/verify").
		typeCode(w.mailedCode("nora@example.com")).at("/welcome")
}

func TestBehaviour21PasskeyOfBoth(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	form := newBrowser(t).open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/register").bothOffered()
	page := form.fill(withKey()).at("/verify").typeCode(w.mailedCode("nora@example.com")).at("/passkey/set").byItself("create")
	page.key(a, w.auth, true).at("/passkey").byItself("get").key(a, w.auth, false).at("/welcome")
	if _, answer := w.session(page.b); answer["email"] != "nora@example.com" || answer["name"] != "Nora New" {
		t.Errorf("signed in as %v", answer)
	}
}

func TestBehaviour22RegistrationDisabled(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.AllowRegister = false })
	page := newBrowser(t).open(w.auth + "/loginname").at("/loginname")
	if page.testid("register-button") != nil {
		t.Error("sign-up is offered where policy closes it")
	}
	page.b.open(w.auth + "/register").with(http.StatusForbidden)
}

func TestBehaviour23MultipleRegistrationOptions(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	choice := func() *page {
		form := w.inbox().follow("register-button").at("/register")
		return form.offering([]string{"email-text-input", "provider-" + provider}, "email-text-input", "provider-"+provider)
	}
	page := choice().visits(provider).at("/register").holding("givenName", "Ida").holding("familyName", "Provider").holding("email", "ida@idp.example.com")
	page.fill(map[string]string{"terms": "on", "privacy": "on"}).at("/inbox")
	choice().fill(maps.Clone(newcomer)).at("/register/password").fill(map[string]string{"password": password}).at("/verify").
		typeCode(w.mailedCode("nora@example.com")).at("/inbox")
}

func TestBehaviour26ChangeRequired(t *testing.T) {
	w := newWorld(t)
	w.addPerson(func(u *zitadeltest.UserSeed) { u.ChangeRequired = true })
	w.typeName("bob").typePassword(password).at("/password/change").
		fill(map[string]string{"current": password, "password": another}).signedInAs("Bob Builder")
	w.typeName("bob").typePassword(another).signedInAs("Bob Builder")
	w.typeName("bob").typePassword(password).refused("/password", "Failed to authenticate.")
}

func TestBehaviour27PasswordChanged(t *testing.T) {
	w := newWorld(t)
	page := w.typeName("alice").typePassword(password)
	page.signedInAs("Alice Example")
	page.b.open(w.auth + "/password/change?loginName=alice").at("/password/change").with(http.StatusOK).
		fill(map[string]string{"current": password, "password": another}).signedInAs("Alice Example")
	w.typeName("alice").typePassword(another).signedInAs("Alice Example")
}

// weakOnes are what breaks each rule, and what is then said.
var weakOnes = map[string]string{
	"Pass1!": "at least 8 characters", "Password1": "Add a symbol", "Password!": "Add a digit",
	"password1!": "Add an upper case letter", "PASSWORD1!": "Add a lower case letter",
}

// listsRules fails unless the page lists every rule of the policy, with the words
// by which its script judges them while somebody types.
func (p *page) listsRules() *page {
	p.b.t.Helper()
	for _, id := range []string{"length-check", "symbol-check", "number-check", "uppercase-check", "lowercase-check"} {
		rule := p.testid(id)
		if rule == nil {
			p.b.t.Errorf("%s lists no %s", p.url, id)
			continue
		}
		list := rule.Parent
		for list != nil && attr(list, "data-met") == "" {
			list = list.Parent
		}
		field := p.find("input", func(n *html.Node) bool { return attr(n, "id") == "password" })
		if list == nil || attr(list, "data-met") != "Matches" || attr(list, "data-unmet") != "Doesn't match" || field == nil || attr(list, "data-for") != attr(field, "id") {
			p.b.t.Errorf("%s: %s is not judged by its script", p.url, id)
		}
	}
	return p
}

// The indicators move by script (templates has that in a browser). There is one
// field that can be shown, in place of two that must be equal.
func TestBehaviour28ChangeNotWithDesiredComplexity(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/password/change?loginName=alice").at("/loginname").
		fill(map[string]string{"loginName": "alice"}).typePassword(password).at("/password/change").listsRules()
	for weak, says := range weakOnes {
		page = page.fill(map[string]string{"current": password, "password": weak}).refused("/password/change", says).listsRules()
	}
	page.fill(map[string]string{"current": password, "password": another}).signedInAs("Alice Example")
}

// forgotten asks for a reset code and returns the page that takes it.
func (w *world) forgotten() *page {
	w.t.Helper()
	return w.typeName("alice").at("/password").fill(nil, "reset-button").at("/password/set").with(http.StatusOK)
}

func TestBehaviour37PasswordSet(t *testing.T) {
	w := newWorld(t)
	w.forgotten().fill(map[string]string{"code": w.mailedCode("alice@example.com"), "password": another}).signedInAs("Alice Example")
	w.typeName("alice").typePassword(another).signedInAs("Alice Example")
	w.typeName("alice").typePassword(password).refused("/password", "Failed to authenticate.")
}

func TestBehaviour38SetNotWithDesiredComplexity(t *testing.T) {
	w := newWorld(t)
	page := w.forgotten().listsRules()
	code := w.mailedCode("alice@example.com")
	for weak, says := range weakOnes {
		page = page.fill(map[string]string{"code": code, "password": weak}).refused("/password/set", says).listsRules().holding("code", code)
	}
	page.fill(map[string]string{"code": code, "password": another}).signedInAs("Alice Example") // no code was spent on them
}

func TestBehaviour49ResetHidden(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true })
	page := w.typeName("alice").at("/password")
	if page.testid("reset-button") != nil {
		t.Error("the reset is offered where policy hides it")
	}
	page.b.open(w.auth + "/password/set?a=" + page.url.Query().Get("a")).at("/password")
	page.typePassword(password).signedInAs("Alice Example")
}

// forgottenToApp begins a sign-in of one of our apps, and forgets the password.
func (w *world) forgottenToApp() *page {
	w.t.Helper()
	return w.atPassword(newBrowser(w.t)).fill(nil, "reset-button").at("/password/set")
}

func TestBehaviour50ResetCodeTyped(t *testing.T) {
	w := newWorld(t)
	w.forgottenToApp().fill(map[string]string{"code": w.mailedCode("alice@example.com"), "password": another}).at("/inbox")
}

func TestBehaviour51ResetLink(t *testing.T) {
	w := newWorld(t)
	page := w.forgottenToApp()
	set := page.b.open(w.zitadel.LastMail("alice@example.com").Link).at("/password/set")
	if strings.Contains(set.url.RawQuery, "code") {
		t.Errorf("the code stays in the address: %s", set.url)
	}
	set.fill(map[string]string{"password": another}).at("/inbox")
}

func TestBehaviour52ResetResent(t *testing.T) {
	w := newWorld(t)
	mailed := func() string { return w.mailedCode("alice@example.com") }
	page, old := w.forgottenToApp().resend(w, "/password/set", mailed)
	page = page.fill(map[string]string{"code": old, "password": another}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"code": mailed(), "password": another}).at("/inbox")
}
