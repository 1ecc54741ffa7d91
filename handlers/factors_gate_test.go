package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

func force(s *zitadeltest.LoginSettings) { s.ForceMFA = true }

// Whoever has a passkey shows it where two factors are demanded: with a stolen
// password alone nobody adds a factor of their own to the account.
func TestForcedAccountWithAPasskey(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", force)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", a)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/passkey").
		follow("password-link").at("/password").fill(map[string]string{"password": password}).at("/passkey")
	for _, path := range []string{"/mfa/set", "/otp/time-based/set", "/passkey/set", "/u2f/set"} {
		b.open(w.auth + path + "?a=" + page.url.Query().Get("a")).at("/passkey")
	}
	page.key(a, w.auth, false).at("/inbox")
}

// A passkey that was set up because one was demanded is asked for, and then all
// is well.
func TestForcedSetUpOfAPasskey(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA, s.SecondFactors = true, nil })
	a := zitadeltest.NewAuthenticator()
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/mfa/set").
		follow("passkey-link").at("/passkey/set").fill(nil).at("/passkey/set")
	page.key(a, w.auth, true).at("/passkey").key(a, w.auth, false).at("/inbox")
}

// A browser that was left open adds no factor: the password is asked for first.
func TestEnrolmentNeedsAFreshCheck(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	b.open(w.auth + "/mfa/set").at("/mfa/set")
	w.zitadel.Advance(time.Hour)
	page := b.open(w.auth + "/login?prompt=select_account&return_to=" + w.app + "/inbox").at("/accounts")
	b.open(w.auth + "/mfa/set?a=" + page.url.Query().Get("a")).at("/accounts")
	b.open(w.auth + "/mfa/set").at("/password").fill(map[string]string{"password": password}).at("/mfa/set")
}

// A key of another domain is a factor all the same: a password does not do in its
// place, and no other is set up with it alone.
func TestKeyOfAnotherDomain(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddU2F(w.alice, "old.localhost", zitadeltest.NewAuthenticator())
	b := newBrowser(t)
	w.atPassword(b).fill(map[string]string{"password": password}).with(http.StatusForbidden)
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Error("signed in with a password alone")
	}
	w.zitadel.AddTOTP(w.alice)
	w.zitadel.Advance(minute)
	w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/otp/time-based")
}

func TestPasskeyAfterTheSessionExpired(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", a)
	b := newBrowser(t)
	b.open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).key(a, w.auth, false).at("/signedin")
	w.zitadel.ExpireSessions(w.alice)
	page := b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/passkey")
	page.fill(nil).at("/passkey").key(a, w.auth, false).at("/inbox")
}

func TestForcedFactorByMailOfANewcomer(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) {
		s.ForceMFA, s.SecondFactors = true, []string{"SECOND_FACTOR_TYPE_OTP_EMAIL"}
	})
	page := w.signUp(newBrowser(t), "nora@example.com")
	page = page.fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/mfa/set").
		follow("email-link").at("/otp/email/set").fill(nil).at("/otp/email")
	page.fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/welcome")
}

// One code by e-mail is one factor, also beside a password of earlier.
func TestEmailCodeIsNotTwoFactors(t *testing.T) {
	w := newWorld(t, func(_ *world, c *handlers.Config) { c.EmailCodeFirst = true })
	w.zitadel.AddOTPEmail(w.alice)
	w.zitadel.SetLoginSettings("", force)
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/otp/email")
	page.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code}).at("/inbox")
	w.zitadel.Advance(5 * minute)
	page = b.open(w.authorizeURL("&prompt=login")).at("/password").follow("email-link").at("/otp/email").fill(nil).at("/otp/email")
	page.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code}).at("/password")
}

// A code that was refused because a phone's clock is ahead is right a little
// later.
func TestRefusedCodeIsNotBurnt(t *testing.T) {
	w := newWorld(t)
	secret := w.zitadel.AddTOTP(w.alice)
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/otp/time-based")
	w.zitadel.Advance(2 * minute)
	ahead := w.zitadel.TOTPCode(secret)
	w.zitadel.Advance(-2 * minute)
	page = page.fill(map[string]string{"code": ahead}).with(http.StatusUnprocessableEntity)
	w.zitadel.Advance(2 * minute)
	page.fill(map[string]string{"code": ahead}).at("/inbox")
}

// One click, one challenge; and a session that only holds one is ended with the
// attempt that made it.
func TestChallengesLeaveNothingBehind(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", a)
	b := newBrowser(t)
	page := b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).at("/passkey")
	for range 3 {
		page = b.open(w.auth + "/loginname?a=" + page.url.Query().Get("a")).fill(map[string]string{"loginName": "alice"}).at("/passkey")
	}
	if live := w.live(w.alice); live != 1 {
		t.Errorf("%d sessions that hold a challenge", live)
	}
	w.zitadel.ResetCalls()
	again := page.fill(nil).at("/passkey") // cancelled
	page = again.fill(nil).at("/passkey")
	challenges := 0
	for _, call := range w.zitadel.Calls() {
		if strings.Contains(call.Route, "/v2/sessions") && call.Method != http.MethodGet && call.Method != http.MethodDelete {
			challenges++
		}
	}
	if challenges > 1 {
		t.Errorf("one click made %d challenges", challenges)
	}
	page.key(a, w.auth, false).at("/signedin")
	if live := w.live(w.alice); live != 1 {
		t.Errorf("%d sessions after the sign-in", live)
	}
}

// Many accounts from one address: codes are bounded there, too.
func TestCodesAreBoundedByAddress(t *testing.T) {
	w := newWorld(t)
	limited := false
	for i := range 8 {
		name := "u" + strings.Repeat("x", i)
		w.zitadel.AddUser(zitadeltest.UserSeed{UserName: name, Email: name + "@example.com", Password: password})
		page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": name}).
			fill(map[string]string{"password": password}).at("/verify")
		for range 9 {
			page = page.fill(map[string]string{"code": "WRONG1"})
			limited = limited || page.status == http.StatusTooManyRequests
		}
	}
	if !limited {
		t.Error("seventy-two codes from one address, and no pause")
	}
}

// To remove an account from the browser signs it out of the apps, too.
func TestRemovedAccountIsSignedOut(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	b.open(w.authorizeURL("&prompt=select_account")).at("/accounts").fill(nil, "remove-button").at("/loginname")
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Errorf("GET /session: %d", status)
	}
	if live := w.live(w.alice); live != 0 {
		t.Errorf("%d ZITADEL sessions live on", live)
	}
}

// A choice to be remembered is one person's: it lasts for them, and is not the
// next one's.
func TestRememberedIsOnePersons(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	b := newBrowser(t)
	w.atPassword(b).fill(map[string]string{"password": password, "remember": "on"}).at("/inbox")
	w.zitadel.Advance(20 * time.Hour)
	page := b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/password")
	if box := page.testid("remember-checkbox"); box == nil || !has(box, "checked") {
		t.Error("the choice is forgotten")
	}
	page = b.open(w.auth + "/loginname?a=" + page.url.Query().Get("a"))
	page = page.fill(map[string]string{"loginName": "bob"}).at("/password")
	if box := page.testid("remember-checkbox"); box == nil || has(box, "checked") {
		t.Error("alice's choice became bob's")
	}
}
