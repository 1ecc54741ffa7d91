package main

import (
	"testing"

	"github.com/chromedp/cdproto/webauthn"

	"torhaus/templates"
	"torhaus/zitadelclient/zitadeltest"
)

// The behaviours with a ceremony or a script, by their numbers, in a browser that
// runs both. The journeys of handlers have all of them without.

// withKey is a tab of somebody who has set up a key of their own.
func withKey(t *testing.T, link string, options webauthn.VirtualAuthenticatorOptions, changes ...func(*product)) (*tab, webauthn.AuthenticatorID) {
	t.Helper()
	b := openTab(t, startProduct(t, changes...), true)
	key := b.plugIn(options)
	b.open(b.auth.url() + "/mfa/set").at(b.auth.url() + "/loginname").nameAlice().withPassword()
	b.at(b.auth.url()+"/mfa/set").press(`[data-testid="`+link+`"]`).until("the page that sets it up", `location.pathname.endsWith("/set") && location.pathname !== "/mfa/set"`)
	b.press(submitButton)
	b.until("the key to be made and shown", `location.pathname === "/signedin"`)
	return b.at(b.auth.url() + "/signedin").signOut(), key
}

// notRecognised has the authenticator refuse its owner, which a browser tells no
// page apart from a dialog that was closed.
func (b *tab) notRecognised(key webauthn.AuthenticatorID) {
	b.t.Helper()
	tell(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: false})
}

// gaveUp waits for the page to say calmly that nothing was used.
func (b *tab) gaveUp(path string) *tab {
	b.t.Helper()
	b.arrive(b.auth.url() + path)
	b.until("the page to say that no key was used", `document.querySelector("[role=status]")?.textContent`)
	return b.at(b.auth.url() + path)
}

func TestBrowserBehaviour24Passkey(t *testing.T) {
	b, _ := withKey(t, "passkey-link", platform)
	b.open(b.auth.url() + "/loginname").at(b.auth.url() + "/loginname").name("alice@example.com")
	b.until("the passkey to be used by itself", `location.pathname === "/signedin"`)
	b.at(b.auth.url() + "/signedin")
	if got := b.text("h1"); got != "Alice Example" {
		t.Errorf("signed in as %q", got)
	}
}

func TestBrowserBehaviour25PasskeyOrPassword(t *testing.T) {
	b, key := withKey(t, "passkey-link", platform)
	b.notRecognised(key)
	b.startSignIn().name("alice@example.com").gaveUp("/passkey")
	b.press(`[data-testid="password-link"]`).at(b.auth.url() + "/password").withPassword().home("Alice Example")
}

func TestBrowserBehaviour28ChangeRules(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.signIn().open(b.auth.url() + "/password/change").at(b.auth.url() + "/password/change").ticksRules()
	})
}

func TestBrowserBehaviour38SetRules(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().nameAlice().press(resetButton).at(b.auth.url() + "/password/set").ticksRules()
	})
}

func TestBrowserBehaviour42SecurityKey(t *testing.T) {
	b, _ := withKey(t, "u2f-link", roaming)
	b.startSignIn().nameAlice().withPassword().homeByItself("Alice Example")
	if got := b.seen.count("POST " + b.auth.url() + "/u2f?"); got != 2 {
		t.Errorf("the key was shown %d times, want once for each sign-in", got)
	}
}

func TestBrowserBehaviour43SecurityKeyOrEmail(t *testing.T) {
	b, key := withKey(t, "u2f-link", roaming)
	b.open(b.auth.url() + "/mfa/set").at(b.auth.url() + "/loginname").nameAlice().withPassword()
	b.until("the key to be shown", `location.pathname === "/mfa/set"`)
	b.at(b.auth.url() + "/mfa/set").press(`[data-testid="email-link"]`).at(b.auth.url() + "/otp/email/set").press(submitButton)
	b.at(b.auth.url() + "/signedin").signOut()
	tell(b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: key})
	b.plugIn(roaming) // another one, which has no key of alice's: the dialog ends without
	b.startSignIn().nameAlice().withPassword().gaveUp("/u2f")
	b.press(`[data-testid="email-link"]`).at(b.auth.url() + "/otp/email").press(submitButton).at(b.auth.url() + "/otp/email")
	b.fill(map[string]string{templates.FieldCode: b.zitadel.LastMail("alice@example.com").Code}).press(submitButton).home("Alice Example")
}

// A browser that knows alice offers her passkey among the suggestions for the
// name and for the password; this one's authenticator takes the offer.
func TestBrowserPasskeyAmongTheSuggestions(t *testing.T) {
	b, key := withKey(t, "passkey-link", platform)
	b.startSignIn().name("alice@example.com").homeByItself("Alice Example")
	for _, link := range []string{"back-button", "password-link"} {
		b.notRecognised(key)
		b.open(b.auth.url() + "/login?prompt=login&return_to=" + b.app.url() + "/").at(b.auth.url() + "/passkey")
		tell(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: true})
		b.press(`[data-testid="` + link + `"]`).homeByItself("Alice Example")
	}
	if got := b.seen.count("POST " + b.auth.url() + "/password"); got != 1 {
		t.Errorf("asked for the password %d times, want once, for the set-up", got)
	}
}

// Where users are hidden a passkey is offered to everybody; who has one gets in,
// and who has none learns nothing.
func TestBrowserHiddenPasskey(t *testing.T) {
	b, _ := withKey(t, "passkey-link", platform, func(p *product) {
		p.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = true })
	})
	for _, name := range []string{"nobody@example.com", "alice@example.com"} {
		b.startSignIn().name(name).at(b.auth.url() + "/password").press(`[data-testid="passkey-link"]`).at(b.auth.url() + "/passkey").press(submitButton)
		if name == "nobody@example.com" {
			b.arrive(b.auth.url() + "/passkey")
			b.expectSummary("could not verify this passkey")
		}
	}
	b.homeByItself("Alice Example")
}
