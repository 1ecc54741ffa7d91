package handlers_test

import (
	"net/http"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

// What let somebody in lets nobody in once it is gone: single sign-on looks at what
// the user has now, and not at what stands in the ZITADEL session.
func TestFirstFactorThatIsGone(t *testing.T) {
	t.Run("an identity", func(t *testing.T) {
		w := newWorld(t)
		provider := w.addProvider()
		id := w.addIda(provider, func(u *zitadeltest.UserSeed) { u.Password = password })
		b := w.inbox().visits(provider).at("/inbox").b
		b.open(w.authorizeURL("")).at("/cb")
		w.remove(id, "links/"+provider+"/ida")
		w.zitadel.Advance(time.Hour)
		b.open(w.authorizeURL("")).at("/password").fill(map[string]string{"password": password}).at("/cb")
	})
	t.Run("a code by e-mail", func(t *testing.T) {
		w := newWorld(t, func(_ *world, c *handlers.Config) { c.EmailCodeFirst = true })
		bob := w.addPerson()
		w.zitadel.AddOTPEmail(bob)
		page := w.atAppAs("bob")
		if page.url.Path == "/password" {
			page = page.follow("email-link").fill(nil)
		}
		b := page.at("/otp/email").typeCode(w.mailedCode("bob@example.com")).b
		if asked := b.open(w.authorizeURL("")); asked.url.Path != "/cb" {
			t.Fatalf("not signed in: %s", asked.url)
		}
		w.remove(bob, "otp_email")
		w.zitadel.Advance(time.Hour)
		b.open(w.authorizeURL("")).at("/password").fill(map[string]string{"password": password}).at("/cb")
	})
}

// A key of one kind that is bound to another domain keeps nobody from using one of
// the other kind that is bound to ours.
func TestKeysOfTwoDomains(t *testing.T) {
	ours := zitadeltest.NewAuthenticator()
	add := func(w *world, passkey, u2f string) {
		bob := w.addPerson()
		key := func(domain string) *zitadeltest.Authenticator {
			if domain == "example.localhost" {
				return ours
			}
			return zitadeltest.NewAuthenticator()
		}
		w.zitadel.AddPasskey(bob, passkey, key(passkey))
		w.zitadel.AddU2F(bob, u2f, key(u2f))
	}
	t.Run("a security key of ours", func(t *testing.T) {
		w := newWorld(t)
		add(w, "other.localhost", "example.localhost")
		w.atAppAs("bob").at("/password").fill(map[string]string{"password": password}).at("/u2f").key(ours, w.auth, false).at("/inbox")
	})
	t.Run("a passkey of ours", func(t *testing.T) {
		w := newWorld(t)
		add(w, "example.localhost", "other.localhost")
		w.atAppAs("bob").at("/passkey").follow("password-link").fill(map[string]string{"password": password}).
			at("/passkey").key(ours, w.auth, false).at("/inbox")
	})
	t.Run("recovery codes", func(t *testing.T) {
		w := newWorld(t, func(_ *world, c *handlers.Config) { c.RecoveryCodes = true })
		w.zitadel.AddU2F(w.alice, "other.localhost", zitadeltest.NewAuthenticator())
		codes := w.zitadel.AddRecoveryCodes(w.alice)
		w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).
			at("/recovery-code").fill(map[string]string{"code": codes[0]}).at("/inbox")
	})
}

// In a browser that knows them, a user is asked for what they have, also where policy
// hides who has what from all others.
func TestKnownUserIsAskedForWhatTheyHave(t *testing.T) {
	t.Run("a provider alone", func(t *testing.T) {
		w := newWorld(t)
		w.hideUsers()
		provider := w.addProvider()
		w.addIda(provider)
		b := w.inbox().visits(provider).at("/inbox").b
		b.open(w.authorizeURL("&prompt=login")).at("/idp")
	})
	t.Run("a passkey alone", func(t *testing.T) {
		w := newWorld(t)
		w.hideUsers()
		a := zitadeltest.NewAuthenticator()
		w.zitadel.AddPasskey(w.addPerson(withoutPassword), "example.localhost", a)
		b := w.atAppAs("bob").follow("passkey-link").at("/passkey").fill(nil).key(a, w.auth, false).at("/inbox").b
		b.open(w.authorizeURL("&prompt=login")).at("/passkey").offering(factorLinks)
	})
}

// The link of a verification mail, in the browser that waits for it, goes on with
// what was shown and chosen there.
func TestVerificationLinkGoesOn(t *testing.T) {
	w := newWorld(t)
	w.addPerson(func(u *zitadeltest.UserSeed) { u.EmailVerified = false })
	b := newBrowser(t)
	b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "bob"}).
		fill(map[string]string{"password": password, "remember": "on"}).at("/verify")
	page := b.open(w.zitadel.LastMail("bob@example.com").Link).at("/verify")
	method, action, form := page.form(nil)
	response := b.do(method, action, form)
	_ = response.Body.Close()
	if location := response.Header.Get("Location"); location != w.app+"/inbox" {
		t.Errorf("led to %q: what was shown is asked for again", location)
	}
	for _, cookie := range response.Cookies() {
		if cookie.Name == "__Secure-torhaus" && cookie.MaxAge == 0 {
			t.Error("the choice to stay signed in was lost")
		}
	}
}

// Keys are added beside others: who has one of another domain, or wants a second,
// sets it up with what they have.
func TestAnotherPasskey(t *testing.T) {
	for _, domain := range []string{"other.localhost", "example.localhost"} {
		w := newWorld(t)
		key, added := zitadeltest.NewAuthenticator(), zitadeltest.NewAuthenticator()
		w.zitadel.AddPasskey(w.alice, domain, key)
		secret := w.zitadel.AddTOTP(w.alice)
		b := newBrowser(t)
		page := b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
		if page.url.Path == "/passkey" {
			page = page.key(key, w.auth, false)
		} else {
			page = page.fill(map[string]string{"password": password}).at("/otp/time-based").fill(map[string]string{"code": w.zitadel.TOTPCode(secret)})
		}
		page.at("/signedin")
		page = b.open(w.auth + "/mfa/set").at("/mfa/set").follow("passkey-link").at("/passkey/set").fill(nil)
		page = page.key(added, w.auth, true)
		w.zitadel.Advance(time.Hour)
		newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).at("/passkey").key(added, w.auth, false).at("/signedin")
	}
}

// Policies are those of the moment: what an administrator demands while somebody types
// their password is demanded of them.
func TestPolicyAtTheGate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		asked  string
	}{
		"a second factor is forced": {func(w *world) { w.policy(force) }, "/mfa/set"},
		"passwords expire": {func(w *world) {
			w.zitadel.SetPasswordExpiry("", func(e *zitadeltest.PasswordExpiry) { e.MaxAgeDays = 1 })
		}, "/password/change"},
		"the organization is closed": {func(w *world) { w.zitadel.DeactivateOrganization(w.zitadel.DefaultOrganization()) }, "/password"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.zitadel.Advance(26 * time.Hour)
			page := w.atPassword(newBrowser(t)) // reads, and remembers, the policies
			w.zitadel.Advance(20 * second)
			test.change(w)
			page = page.fill(map[string]string{"password": password}).at(test.asked)
			if page.status == http.StatusOK && test.asked == "/password" {
				t.Errorf("not refused:\n%s", page.text())
			}
		})
	}
}

// Nor does an answer count that came from what was remembered while a newer one was
// being read: a page that is opened now and then keeps the login policy warm, and the
// rest is read at leisure.
func TestPolicyThatIsReadMeanwhile(t *testing.T) {
	for range 10 {
		w := newWorld(t)
		b := newBrowser(t)
		w.signIn(b)
		w.zitadel.Advance(70 * second)
		newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
		w.zitadel.Advance(20 * second)
		w.policy(force)
		b.open(w.authorizeURL("")).at("/mfa/set")
	}
}
