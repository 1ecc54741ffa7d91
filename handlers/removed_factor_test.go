package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// remove takes something from a user, as ZITADEL's console does: a factor, a key, a
// link to a provider.
func (w *world) remove(user, what string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.zitadel.URL()+"/v2/users/"+user+"/"+what, nil)
	w.must(err)
	r.Host = strings.TrimPrefix(w.zitadel.Issuer(), "http://")
	r.Header.Set("Authorization", "Bearer "+w.zitadel.AddServiceUser("admin", "IAM_OWNER").PAT)
	response, err := http.DefaultClient.Do(r)
	w.must(err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("DELETE %s: %s", what, response.Status)
	}
}

// shown is a way to sign in with a factor, and how its user loses that.
type shown struct {
	signIn func() *page
	lose   func()
}

// shownFactors has alice, or ida, have the factor, and sign in with it as often as
// asked.
func shownFactors(w *world, name string) shown {
	word := func() *page { return w.atAppAs("alice").typePassword(password) }
	a := zitadeltest.NewAuthenticator()
	switch name {
	case "an authenticator app":
		secret := w.zitadel.AddTOTP(w.alice)
		return shown{func() *page {
			w.zitadel.Advance(minute) // each code counts once
			return word().at("/otp/time-based").typeCode(w.zitadel.TOTPCode(secret))
		}, func() { w.remove(w.alice, "totp") }}
	case "codes by e-mail":
		w.zitadel.AddOTPEmail(w.alice)
		return shown{func() *page { return word().at("/otp/email").typeCode(w.mailedCode("alice@example.com")) }, func() { w.remove(w.alice, "otp_email") }}
	case "a security key":
		id := w.zitadel.AddU2F(w.alice, "example.localhost", a)
		return shown{func() *page { return word().at("/u2f").key(a, w.auth, false) }, func() { w.remove(w.alice, "u2f/"+id) }}
	case "a passkey":
		id := w.zitadel.AddPasskey(w.alice, "example.localhost", a)
		return shown{func() *page { return w.atAppAs("alice").at("/passkey").key(a, w.auth, false) }, func() { w.remove(w.alice, "passkeys/"+id) }}
	}
	provider := w.addProvider()
	user := w.addIda(provider)
	w.zitadel.Advance(2 * minute) // settings are cached for seconds
	return shown{func() *page { return w.inbox().visits(provider) }, func() { w.remove(user, "links/"+provider+"/"+url.PathEscape(ida.ID)) }}
}

// Whoever takes a factor from a user, because a phone or a key was lost, ends the
// sessions that were let in by it: ours at the next check, and ZITADEL's, which would
// sign the same browser in again without a word. Who came without it stays.
func TestRemovedFactorEndsSessions(t *testing.T) {
	for _, name := range []string{"an authenticator app", "codes by e-mail", "a security key", "a passkey", "a link to a provider"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			plain := newBrowser(t)
			w.signIn(plain) // before there is a factor
			factor := shownFactors(w, name)
			laptop, phone := factor.signIn().at("/inbox").b, factor.signIn().at("/inbox").b
			other := w.twoReplicas()
			w.zitadel.Advance(recheckDue)
			w.alone(map[string]*browser{"laptop": laptop, "phone": phone, "without it": plain}, nil)
			factor.lose()
			w.zitadel.Advance(recheckDue)
			w.alone(map[string]*browser{"without it": plain}, map[string]*browser{"laptop": laptop})
			other()
			w.alone(map[string]*browser{"without it": plain}, map[string]*browser{"laptop": laptop, "phone": phone})
			w.told(revoked, deleted)
			if page := laptop.open(w.auth + "/login?return_to=" + w.app + "/inbox"); page.url.Path == "/inbox" {
				t.Error("the browser is signed in again, asked nothing")
			}
			if !strings.Contains(w.log(), "ended: the factor was removed") {
				t.Error("the log does not say why")
			}
		})
	}
}

// One key of two is no loss that ZITADEL could tell of, and what a user gets in
// addition ends nothing.
func TestOtherFactorsEndNothing(t *testing.T) {
	w := newWorld(t)
	lost := w.zitadel.AddPasskey(w.alice, "example.localhost", zitadeltest.NewAuthenticator())
	b := shownFactors(w, "a passkey").signIn().at("/inbox").b
	w.remove(w.alice, "passkeys/"+lost)
	w.zitadel.AddTOTP(w.alice)
	w.zitadel.Advance(recheckDue)
	w.alone(map[string]*browser{"by the other key": b}, nil)
}

// A factor that was just set up and is not listed yet was not removed.
func TestFactorThatIsNotListedYet(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	page := w.atAppAs("alice").typePassword(password).at("/mfa/set").follow("email-link").at("/otp/email/set")
	w.zitadel.SetLag(5 * second)
	b := page.fill(nil).at("/otp/email").typeCode(w.mailedCode("alice@example.com")).at("/inbox").b
	listed, err := w.client.AuthMethods(t.Context(), w.alice)
	w.must(err)
	if slices.Contains(listed, zitadelclient.MethodOTPEmail) {
		t.Fatal("the list does not lag, so this test proves nothing")
	}
	if got := w.script(b, "POST", "/session/refresh"); got.status != http.StatusOK {
		t.Errorf("POST /session/refresh: %d %s", got.status, got.body)
	}
}

// A session that rests on a password alone costs no further call.
func TestFactorsAreAskedForWhereThereAreSome(t *testing.T) {
	const list = "GET /v2/users/{id}/authentication_methods"
	w := newWorld(t)
	plain := newBrowser(t)
	w.signIn(plain)
	b := shownFactors(w, "an authenticator app").signIn().at("/inbox").b
	w.zitadel.Advance(recheckDue)
	for want, asked := range []*browser{plain, b} {
		w.zitadel.ResetCalls()
		w.alone(map[string]*browser{"here": asked}, nil)
		calls := slices.DeleteFunc(w.calls(), func(call string) bool { return call != list })
		if len(calls) != want {
			t.Errorf("the list was read %d times, want %d", len(calls), want)
		}
	}
}
