package main

import (
	"testing"

	"github.com/chromedp/cdproto/webauthn"

	"torhaus/templates"
)

const (
	passkeyRadio  = `[data-testid="passkey-radio"]`
	passwordRadio = `[data-testid="password-radio"]`
	registerLink  = `[data-testid="register-button"]`
)

// mailed is the newest mail to an address.
func (b *tab) mailed(to string) (code, link string) {
	mail := b.zitadel.LastMail(to)
	return mail.Code, mail.Link
}

// signUpWithKey fills in the form of a sign-up, chooses the passkey, and goes on to
// the page that takes the mailed code.
func (b *tab) signUpWithKey() *tab {
	b.t.Helper()
	for selector, want := range map[string]bool{passwordRadio: true, passkeyRadio: false} {
		if got := ask[bool](b, element(selector)+".checked"); got != want {
			b.t.Errorf("%s is chosen: %t, want %t", selector, got, want)
		}
	}
	b.fill(newcomer).click(passkeyRadio)
	return b.agree().press(submitButton).at(b.auth.url() + "/verify")
}

// verifyByItself types the mailed code, behind which a passkey is made and shown by
// pages that nobody has to operate.
func (b *tab) verifyByItself(key webauthn.AuthenticatorID) {
	b.t.Helper()
	code, _ := b.mailed("nora@example.com")
	b.fill(map[string]string{templates.FieldCode: code}).press(submitButton)
	b.until("the passkey to be made and shown", `!["/verify", "/passkey/set", "/passkey"].includes(location.pathname)`)
	made := tell(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: key}).Credentials
	if len(made) != 1 || made[0].RpID != cookieDomain || !made[0].IsResidentCredential {
		b.t.Fatalf("the authenticator holds %+v", made)
	}
}

func TestBrowserBehaviour13RegisterWithPasskey(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	key := b.plugIn(platform)
	b.open(b.auth.url() + "/loginname").at(b.auth.url() + "/loginname")
	b.press(registerLink).at(b.auth.url() + "/register").signUpWithKey().verifyByItself(key)
	b.at(b.auth.url() + "/signedin")
	if got := b.text("h1"); got != "Nora New" {
		t.Errorf("the heading says %q", got)
	}
	// And again with what was made.
	b.signOut().open(b.auth.url() + "/loginname").at(b.auth.url() + "/loginname").name("nora@example.com")
	b.until("the sign-in to end by itself", `location.pathname === "/signedin"`)
	b.at(b.auth.url() + "/signedin")
}

func TestBrowserBehaviour21PasskeyOfBoth(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	key := b.plugIn(platform)
	b.startSignUp().signUpWithKey().verifyByItself(key)
	b.home("Nora New")
	for path, want := range map[string]int{"/register": 1, "/verify": 1, "/passkey/set": 1, "/passkey": 1, "/password": 0, "/register/password": 0} {
		if got := b.seen.count("POST " + b.auth.url() + path + "?"); got != want {
			t.Errorf("%s was sent %d times, want %d", path, got, want)
		}
	}
}

// A newcomer whose device makes no passkey is told calmly, and takes a password.
func TestBrowserSignUpWithoutAnAuthenticator(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	key := b.plugIn(platform)
	tell(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: false})
	b.startSignUp().signUpWithKey()
	code, _ := b.mailed("nora@example.com")
	page := b.auth.url() + "/passkey/set"
	b.fill(map[string]string{templates.FieldCode: code}).press(submitButton).arrive(page)
	b.until("the page to say that no passkey was made", `document.querySelector("[role=status]")?.textContent`)
	b.at(page)
	b.press(`[data-testid="password-link"]`).at(b.auth.url() + "/password/set")
	b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).home("Nora New")
}

// Without JavaScript no passkey is made: the page says so, and the password is one
// link away. Who was invited sets it and is signed in.
func TestBrowserInvitation(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		_, link := b.mailed("ivan@example.com")
		b.open(link).at(b.auth.url() + "/verify").press(submitButton).at(b.auth.url() + "/authenticator/set")
		b.press(`[data-testid="passkey-link"]`).at(b.auth.url() + "/passkey/set")
		if told := b.visible("noscript p"); told == b.script {
			b.t.Errorf("that passkeys need JavaScript is told: %t", told)
		}
		b.press(`[data-testid="password-link"]`).at(b.auth.url() + "/password/set")
		b.fill(map[string]string{templates.FieldPassword: "weak"}).press(submitButton).arrive(b.auth.url() + "/password/set")
		b.expectSummary("at least 8 characters")
		b.at(b.auth.url() + "/password/set")
		b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).at(b.auth.url() + "/signedin")
		if got := b.text("h1"); got != "Ivan Invited" {
			b.t.Errorf("the heading says %q", got)
		}
	})
}

// Who has no way to sign in types their name, opens the mail in the same browser, and
// goes on to the app with the passkey that they choose.
func TestBrowserNoMethod(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	b.plugIn(platform)
	b.startSignIn().name("nina@example.com").at(b.auth.url() + "/verify")
	_, link := b.mailed("nina@example.com")
	b.open(link).at(b.auth.url() + "/verify").press(submitButton).at(b.auth.url() + "/authenticator/set")
	b.press(`[data-testid="passkey-link"]`).at(b.auth.url() + "/passkey/set").press(submitButton).homeByItself("Nina Newly")
}
