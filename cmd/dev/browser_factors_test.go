package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"

	"torhaus/templates"
	"torhaus/zitadelclient/zitadeltest"
)

// name goes from the page that asks who is signing in to the one that follows.
func (b *tab) name(who string) *tab {
	b.t.Helper()
	return b.fill(map[string]string{templates.FieldLoginName: who}).press(submitButton)
}

// withPassword goes on from the password to the page that follows.
func (b *tab) withPassword() *tab {
	b.t.Helper()
	return b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton)
}

// The second factor of most people, with its first code mistyped.
func TestBrowserTOTP(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		page := b.auth.url() + "/otp/time-based"
		b.startSignIn().name("tina@example.com").at(b.auth.url() + "/password").withPassword().at(page)
		b.fill(map[string]string{templates.FieldCode: "nonsense!"}).press(submitButton).arrive(page)
		b.expectSummary("Could not verify OTP code")
		b.at(page)
		if got := b.value(templates.FieldCode); got != "nonsense!" {
			b.t.Errorf("the code that was typed is lost: %q", got)
		}
		b.fill(map[string]string{templates.FieldCode: shownTOTP(b.t, b.product, "tina@example.com")}).press(submitButton).home("Tina Totp")
	})
}

// Whose organization demands a second factor sets one up before anything else,
// and has no button to put it off.
func TestBrowserForcedSetUp(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().name("grace@example.com").at(b.auth.url() + "/password").withPassword().at(b.auth.url() + "/mfa/set")
		if b.visible(resetButton) {
			b.t.Errorf("a forced factor may be put off\n%s", b.describe())
		}
		page := b.auth.url() + "/otp/time-based/set"
		b.press(`[data-testid="time-based-link"]`).at(page).press(submitButton).at(page)
		secret := strings.ReplaceAll(b.text(`[data-testid="secret"]`), " ", "")
		b.fill(map[string]string{templates.FieldCode: b.zitadel.TOTPCode(secret)}).press(submitButton).home("Grace Guarded")
	})
}

// The authenticators: one that laptops have, which holds its keys itself and
// recognises its owner, and a plain key on a key ring.
var (
	platform = webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	roaming = webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb, AutomaticPresenceSimulation: true,
	}
)

// plugIn gives the machine an authenticator.
func (b *tab) plugIn(options webauthn.VirtualAuthenticatorOptions) webauthn.AuthenticatorID {
	b.t.Helper()
	tell(b, webauthn.Enable, webauthn.EnableParams{})
	return tell(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &options}).AuthenticatorID
}

// Somebody whose policy forces a second factor sets up a passkey beside it, and
// from then on needs neither password nor code. What only a browser can show: it
// takes the RP ID on a host below it, and the pages start by themselves.
func TestBrowserPasskey(t *testing.T) {
	b := openTab(t, startProduct(t, func(p *product) {
		p.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	}), true)
	key := b.plugIn(platform)
	b.setUpPasskey()
	made := tell(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: key}).Credentials
	if len(made) != 1 || made[0].RpID != cookieDomain || !made[0].IsResidentCredential {
		t.Fatalf("the authenticator holds %+v", made)
	}

	b.signOut().startSignIn().name("tina@example.com").homeByItself("Tina Totp")
	if got := b.seen.count("POST " + b.auth.url() + "/password"); got != 1 {
		t.Errorf("asked for the password %d times, want once, for the set-up", got)
	}

	// The owner is not recognised: the page says so calmly and leads on, by
	// another factor, and back.
	tell(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: false})
	page := b.auth.url() + "/passkey"
	b.signOut().startSignIn().name("tina@example.com").arrive(page)
	said := `document.querySelector("[role=status]")?.textContent`
	b.until("the page to say that no passkey was used", said)
	b.at(page)
	b.press(`[data-testid="password-link"]`).at(b.auth.url() + "/password").withPassword().at(b.auth.url() + "/otp/time-based")
	tell(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: true})
	b.press(`[data-testid="passkey-link"]`).homeByItself("Tina Totp")
}

// setUpPasskey opens the page that sets up a factor, signs in for it, and adds a
// passkey.
func (b *tab) setUpPasskey() {
	b.t.Helper()
	b.open(b.auth.url() + "/mfa/set").at(b.auth.url() + "/loginname").name("tina@example.com").at(b.auth.url() + "/password")
	b.withPassword().at(b.auth.url() + "/otp/time-based")
	b.fill(map[string]string{templates.FieldCode: shownTOTP(b.t, b.product, "tina@example.com")}).press(submitButton).at(b.auth.url() + "/mfa/set")
	b.press(`[data-testid="passkey-link"]`).at(b.auth.url() + "/passkey/set")
	b.press(submitButton)
	b.until("the passkey to be made and the sign-in to end", `location.pathname === "/signedin"`)
	b.at(b.auth.url() + "/signedin")
}

// Whose first factor beside the password is a passkey, because the organization
// demands one, shows it at once and is through; next time it is all that is asked.
func TestBrowserForcedPasskey(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	b.plugIn(platform)
	b.startSignIn().name("grace@example.com").at(b.auth.url() + "/password").withPassword().at(b.auth.url() + "/mfa/set")
	b.press(`[data-testid="passkey-link"]`).at(b.auth.url() + "/passkey/set").press(submitButton).homeByItself("Grace Guarded")
	b.signOut().startSignIn().name("grace@example.com").homeByItself("Grace Guarded")
	if got := b.seen.count("POST " + b.auth.url() + "/password"); got != 1 {
		t.Errorf("asked for the password %d times, want once, for the set-up", got)
	}
}

// A security key does not replace the password; it is asked for after it, at
// once when it has been set up, and by a page that starts by itself.
func TestBrowserSecurityKey(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	b.plugIn(roaming)
	b.open(b.auth.url() + "/mfa/set").at(b.auth.url() + "/loginname").nameAlice().withPassword().at(b.auth.url() + "/mfa/set")
	b.press(`[data-testid="u2f-link"]`).at(b.auth.url() + "/u2f/set").press(submitButton)
	b.until("the key to be made and shown", `location.pathname === "/signedin"`)
	b.at(b.auth.url() + "/signedin")
	b.signOut().startSignIn().nameAlice().withPassword().homeByItself("Alice Example")
	if got := b.seen.count("POST " + b.auth.url() + "/u2f?"); got != 2 {
		t.Errorf("the key was shown %d times, want once for each sign-in", got)
	}
}

// signOut leaves, on the page that asks.
func (b *tab) signOut() *tab {
	b.t.Helper()
	b.open(b.auth.url() + "/logout").at(b.auth.url() + "/logout")
	return b.press(submitButton).at(b.auth.url() + "/logout/done")
}

// homeByItself expects the demo app behind pages that nobody has to operate.
func (b *tab) homeByItself(name string) *tab {
	b.t.Helper()
	b.until("the app", fmt.Sprintf("location.origin === %q", b.app.url()))
	return b.home(name)
}
