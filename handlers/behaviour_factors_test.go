package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

// factorLinks are all that may be offered to be set up or to be used instead.
var factorLinks = []string{"u2f-link", "time-based-link", "sms-link", "email-link", "passkey-link", "recovery-link", "password-link"}

// everyFactor are those that policy allows by default.
var everyFactor = []string{"u2f-link", "time-based-link", "sms-link", "email-link", "passkey-link"}

func TestBehaviour06SetupPrompt(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 720 * time.Hour })
	page := w.typeName("alice").typePassword(password).at("/mfa/set").offering(factorLinks, everyFactor...)
	page.fill(nil, "reset-button").signedInAs("Alice Example") // offered, not forced
}

func TestBehaviour07NoSetupPrompt(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 0 })
	w.typeName("alice").typePassword(password).signedInAs("Alice Example")
}

// forced is a user without a factor where policy demands one, up to the app.
func forced(t *testing.T, policy func(*zitadeltest.LoginSettings)) {
	t.Helper()
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", policy)
	page := w.typeName("alice").typePassword(password).at("/mfa/set").offering(factorLinks, everyFactor...)
	if page.testid("reset-button") != nil {
		t.Error("what is forced may be skipped")
	}
	page.b.open(w.auth + "/signedin").at("/loginname")
	page = page.b.open(page.url.String()).follow("time-based-link").at("/otp/time-based/set").fill(nil)
	secret := strings.ReplaceAll(nodeText(page.testid("secret")), " ", "")
	page.typeCode(w.zitadel.TOTPCode(secret)).signedInAs("Alice Example")
}

func TestBehaviour08ForceMFAForLocalUsers(t *testing.T) {
	forced(t, func(s *zitadeltest.LoginSettings) { s.ForceMFALocalOnly = true })
}

func TestBehaviour09ForceMFALocalUser(t *testing.T) {
	forced(t, func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
}

func TestBehaviour10ForceMFAExternalUser(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	provider := w.addProvider()
	w.addIda(provider)
	page := w.typeName("ida").there("ida").back(provider).at("/mfa/set").offering(factorLinks, everyFactor...)
	if page.testid("reset-button") != nil {
		t.Error("what is forced may be skipped")
	}
	page.b.open(w.auth + "/signedin").at("/loginname")
	page = page.b.open(page.url.String()).follow("time-based-link").at("/otp/time-based/set").fill(nil)
	secret := strings.ReplaceAll(nodeText(page.testid("secret")), " ", "")
	page.typeCode(w.zitadel.TOTPCode(secret)).signedInAs("Ida Here")
}

func TestBehaviour11Lockout(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	w.zitadel.SetLockout("", func(l *zitadeltest.Lockout) { l.MaxPasswordAttempts = 1 })
	page := w.typeName("alice").typePassword("wrong").refused("/password", "Failed to authenticate.")
	page.typePassword(password).refused("/password", "locked").saying("Ask your administrator")
}

// withoutPassword is somebody who signed up with a passkey.
func withoutPassword(u *zitadeltest.UserSeed) { u.Password = "" }

func TestBehaviour24Passkey(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.addPerson(withoutPassword), "example.localhost", a)
	w.typeName("bob").at("/passkey").byItself("get").key(a, w.auth, false).signedInAs("Bob Builder")
}

func TestBehaviour25PasskeyOrPassword(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.addPerson(), "example.localhost", a)
	page := w.atAppAs("bob").at("/passkey").byItself("get")
	page = page.fill(nil).at("/passkey") // the dialog was closed
	page.follow("password-link").typePassword(password).at("/inbox")
}

// atAppAs begins a sign-in of one of our apps.
func (w *world) atAppAs(name string) *page {
	w.t.Helper()
	return newBrowser(w.t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname").
		fill(map[string]string{"loginName": name})
}

// atMailedCode is somebody whose only second factor is a code by e-mail.
func (w *world) atMailedCode() *page {
	w.t.Helper()
	w.zitadel.AddOTPEmail(w.alice)
	return w.typeName("alice").typePassword(password).at("/otp/email").with(http.StatusOK)
}

const wrongOTP = "Could not verify OTP code"

func TestBehaviour29EmailCodeTyped(t *testing.T) {
	w := newWorld(t)
	w.atMailedCode().typeCode(w.mailedCode("alice@example.com")).signedInAs("Alice Example")
}

func TestBehaviour30EmailCodeByLink(t *testing.T) {
	w := newWorld(t)
	elsewhere, waiting := w.atMailedCode(), w.atMailedCode()
	link := w.zitadel.LastMail("alice@example.com").Link
	elsewhere.b.open(link).with(http.StatusForbidden).saying("another sign-in")
	page := waiting.b.open(link).at("/otp/email").with(http.StatusOK)
	if strings.Contains(page.url.RawQuery, "code") {
		t.Errorf("the code stays in the address: %s", page.url)
	}
	page.fill(nil).signedInAs("Alice Example")
}

func TestBehaviour31EmailCodeResent(t *testing.T) {
	w := newWorld(t)
	mailed := func() string { return w.mailedCode("alice@example.com") }
	page, old := w.atMailedCode().resend(w, "/otp/email", mailed)
	page.typeCode(old).refused("/otp/email", wrongOTP).typeCode(mailed()).signedInAs("Alice Example")
}

func TestBehaviour32EmailCodeWrong(t *testing.T) {
	w := newWorld(t)
	w.atMailedCode().typeCode("wrongcode").refused("/otp/email", wrongOTP).holding("code", "wrongcode")
}

// withSMS enrols bob for codes by SMS.
func (w *world) withSMS() (id string) {
	w.t.Helper()
	id = w.addPerson(withPhone)
	w.zitadel.AddOTPSMS(id)
	return id
}

func (w *world) sentCode() string {
	w.t.Helper()
	code := w.zitadel.LastSMS(bobsPhone).Code
	if code == "" {
		w.t.Fatal("no code was sent by SMS")
	}
	return code
}

// The SMS comes first here, so the visitor goes by e-mail and comes back.
func TestBehaviour33EmailAndSMS(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddOTPEmail(w.withSMS())
	page := w.atAppAs("bob").typePassword(password).at("/otp/sms").follow("email-link").at("/otp/email").fill(nil).at("/otp/email")
	page.offering(factorLinks, "sms-link").follow("sms-link").at("/otp/sms").typeCode(w.sentCode()).at("/inbox")
}

func (w *world) atSentCode() *page {
	w.t.Helper()
	w.withSMS()
	return w.typeName("bob").typePassword(password).at("/otp/sms").with(http.StatusOK)
}

func TestBehaviour34SMSCodeTyped(t *testing.T) {
	w := newWorld(t)
	w.atSentCode().typeCode(w.sentCode()).signedInAs("Bob Builder")
}

func TestBehaviour35SMSCodeResent(t *testing.T) {
	w := newWorld(t)
	page, old := w.atSentCode().resend(w, "/otp/sms", w.sentCode)
	page.typeCode(old).refused("/otp/sms", wrongOTP).typeCode(w.sentCode()).signedInAs("Bob Builder")
}

func TestBehaviour36SMSCodeWrong(t *testing.T) {
	w := newWorld(t)
	w.atSentCode().typeCode("wrongcode").refused("/otp/sms", wrongOTP).holding("code", "wrongcode")
}

func TestBehaviour39TOTP(t *testing.T) {
	w := newWorld(t)
	secret := w.zitadel.AddTOTP(w.alice)
	w.typeName("alice").typePassword(password).at("/otp/time-based").typeCode(w.zitadel.TOTPCode(secret)).signedInAs("Alice Example")
}

func TestBehaviour40TOTPWrong(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddTOTP(w.alice)
	w.typeName("alice").typePassword(password).at("/otp/time-based").
		typeCode("wrongcode").refused("/otp/time-based", wrongOTP).holding("code", "wrongcode")
}

func TestBehaviour41TOTPOrEmail(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddTOTP(w.alice)
	w.zitadel.AddOTPEmail(w.alice)
	w.atAppAs("alice").typePassword(password).at("/otp/time-based").offering(factorLinks, "email-link").
		typeCode("wrongcode").refused("/otp/time-based", wrongOTP).
		follow("email-link").at("/otp/email").fill(nil).at("/otp/email").holding("code", "").
		typeCode(w.mailedCode("alice@example.com")).at("/inbox")
}

func TestBehaviour42SecurityKey(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddU2F(w.alice, "example.localhost", a)
	w.atAppAs("alice").typePassword(password).at("/u2f").byItself("get").key(a, w.auth, false).at("/inbox")
}

func TestBehaviour43SecurityKeyOrEmail(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddU2F(w.alice, "example.localhost", zitadeltest.NewAuthenticator())
	w.zitadel.AddOTPEmail(w.alice)
	page := w.atAppAs("alice").typePassword(password).at("/u2f").byItself("get")
	page = page.fill(nil).refused("/u2f", "No security key was used") // the dialog was closed
	page.follow("email-link").at("/otp/email").fill(nil).at("/otp/email").
		typeCode(w.mailedCode("alice@example.com")).at("/inbox")
}
