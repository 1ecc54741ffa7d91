package handlers_test

import (
	"net/http"
	"slices"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// A page that was left open while the same sign-in went on with somebody else does
// nothing to them: it says so, and shows what is asked of them.
func TestStepPageOfAnotherUser(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(*world, *page) *page // until the page of alice's that stays open
		send  func(*page) *page
	}{
		"a password": {
			func(_ *world, p *page) *page { return p },
			func(p *page) *page { return p.fill(map[string]string{"password": password}) },
		},
		"a wrong password": {
			func(_ *world, p *page) *page { return p },
			func(p *page) *page { return p.fill(map[string]string{"password": "wrong"}) },
		},
		"a reset": {
			func(_ *world, p *page) *page { return p },
			func(p *page) *page { return p.fill(nil, "reset-button") },
		},
		"a code": {
			func(w *world, p *page) *page {
				w.zitadel.AddTOTP(w.alice)
				return p.fill(map[string]string{"password": password}).at("/otp/time-based")
			},
			func(p *page) *page { return p.fill(map[string]string{"code": "123456"}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.addPerson()
			b := newBrowser(t)
			asked := b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
			alices := test.leave(w, asked.fill(map[string]string{"loginName": "alice"}).at("/password").saying("alice"))
			b.open(asked.url.String()).at("/loginname").fill(map[string]string{"loginName": "bob"}).at("/password").saying("bob")
			w.zitadel.ResetCalls()
			page := test.send(alices).at("/password").saying("bob").saying("somebody else in another tab")
			if calls := w.calls(); len(calls) > 0 || len(w.zitadel.Mails()) > 0 {
				t.Errorf("ZITADEL was asked %v", calls)
			}
			page.fill(map[string]string{"password": password}).at("/inbox")
			if _, answer := w.session(b); answer["email"] != "bob@example.com" {
				t.Errorf("signed in as %v", answer["email"])
			}
		})
	}
}

// Nor is a factor that alice meant for herself set up for bob.
func TestSetUpPageOfAnotherUser(t *testing.T) {
	w := newWorld(t)
	w.policy(force)
	bob := w.addPerson()
	b := newBrowser(t)
	asked := b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
	shows := func(name string) *page {
		return b.open(asked.url.String()).fill(map[string]string{"loginName": name}).at("/password").fill(map[string]string{"password": password}).at("/mfa/set")
	}
	alices := shows("alice").follow("email-link").at("/otp/email/set").saying("alice")
	shows("bob")
	alices.fill(nil).at("/mfa/set").saying("bob").saying("somebody else in another tab")
	methods, err := w.client.AuthMethods(t.Context(), bob)
	w.must(err)
	if slices.Contains(methods, "otp_email") || len(methods) != 1 {
		t.Errorf("bob has %v", methods)
	}
}

// A page for the same name goes on, whoever else was asked for between.
func TestStepPageOfTheSameUserAgain(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLockout("", func(l *zitadeltest.Lockout) { l.MaxPasswordAttempts = 3 })
	w.addPerson()
	b := newBrowser(t)
	asked := b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
	alices := asked.fill(map[string]string{"loginName": "alice"}).at("/password")
	for _, name := range []string{"bob", "alice"} {
		b.open(asked.url.String()).fill(map[string]string{"loginName": name}).at("/password")
	}
	alices.fill(map[string]string{"password": password}).at("/inbox")
}

// A page that asks for the name is about whoever is named in it.
func TestNameThatIsCorrected(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname").follow("reset-button").at("/password/set")
	page.fill(map[string]string{"loginName": "alicia"}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"loginName": "alice"}).at("/password/set") // back, and corrected
	if n := len(w.zitadel.Mails()); n != 1 {
		t.Errorf("%d mails, want one to alice", n)
	}
}
