package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

// ownAcme adds bob to an organization of his own.
func (w *world) ownAcme() (acme string) {
	acme = w.zitadel.AddOrganization("Acme")
	w.addPerson(func(u *zitadeltest.UserSeed) { u.OrganizationID = acme })
	return acme
}

// lengths sets how long a password has to be for everybody, and in an organization.
func (w *world) lengths(everybody int, organization string, own int) {
	w.zitadel.SetPasswordComplexity("", func(c *zitadeltest.PasswordComplexity) { c.MinLength = everybody })
	w.zitadel.SetPasswordComplexity(organization, func(c *zitadeltest.PasswordComplexity) { c.MinLength = own })
}

const longPassword = "Another1!Another1!Another1!"

// The link of a reset does on every device what the policies of the user's own
// organization say, be others' stricter or not.
func TestResetLinkByTheOwnOrganizationsPolicies(t *testing.T) {
	for name, set := range map[string]func(w *world, acme string){
		"others may not reset": func(w *world, acme string) {
			w.policy(func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true })
			w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = false })
		},
		"others need a longer one": func(w *world, acme string) { w.lengths(20, acme, 8) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			acme := w.ownAcme()
			set(w, acme)
			newBrowser(t).open(w.auth+"/login?organization="+acme+"&return_to="+w.app+"/inbox").
				fill(map[string]string{"loginName": "bob"}).at("/password").fill(nil, "reset-button").at("/password/set")
			page := newBrowser(t).open(w.zitadel.LastMail("bob@example.com").Link).at("/password/set").
				fill(map[string]string{"password": another}).at("/loginname").with(http.StatusOK)
			// Nobody else is kept out of this browser by it.
			page.fill(map[string]string{"loginName": "alice"}).at("/password")
			w.typeName("bob").typePassword(another).at("/signedin")
		})
	}
}

// An organization that somebody wrote into a link opens nothing: what the user's own
// forbids stays forbidden, and what it demands is said once the code was right.
func TestLinkWithAnotherOrganization(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	w.lengths(20, acme, 8)
	const template = "http://auth.example.com/{{.UserID}}/{{.Code}}"
	link := func() string {
		w.must(w.client.SendPasswordReset(t.Context(), w.alice, template))
		parts := strings.Split(w.zitadel.LastMail("alice@example.com").Link, "/")
		return w.auth + "/password/set?userId=" + parts[3] + "&code=" + parts[4]
	}
	page := newBrowser(t).open(link() + "&organization=" + acme).saying("8 characters").fill(map[string]string{"password": another})
	page.with(http.StatusUnprocessableEntity).saying("20 characters").fill(map[string]string{"password": longPassword}).at("/loginname")

	page = newBrowser(t).open(link()).fill(map[string]string{"password": another}) // without one
	page.with(http.StatusUnprocessableEntity).saying("20 characters").fill(map[string]string{"password": longPassword}).at("/loginname")
	newBrowser(t).open(link() + "&organization=none").at("/password/set").saying("20 characters")

	w.policy(func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true })
	w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = false })
	w.zitadel.Advance(2 * minute)
	newBrowser(t).open(link() + "&organization=" + acme).at("/password/set").fill(map[string]string{"password": longPassword + "!"}).
		at("/password/set").with(http.StatusUnprocessableEntity).saying("code")
	w.typeName("alice").typePassword(longPassword).at("/signedin")
}

// Where users are hidden the page cannot say whose rules hold, until a code was right:
// then it does, and nobody is held to another organization's before.
func TestHiddenRulesAreTheOwnOnesOnceTheCodeWasRight(t *testing.T) {
	for _, test := range []struct {
		name            string
		everybody, acme int
	}{{"stricter than others", 8, 20}, {"less strict", 20, 8}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.hideUsers()
			w.lengths(test.everybody, w.ownAcme(), test.acme)
			page := w.typeName("bob").fill(nil, "reset-button").at("/password/set")
			page = page.fill(map[string]string{"code": "WRONG1", "password": "short"}).with(http.StatusUnprocessableEntity)
			nobodys := w.typeName("bab").fill(nil, "reset-button").at("/password/set").fill(map[string]string{"code": "WRONG1", "password": "short"})
			if got, want := page.text(), strings.ReplaceAll(nobodys.text(), "bab", "bob"); got != want {
				t.Errorf("told from nobody before the code was right:\n%s\n%s", got, want)
			}
			code := w.mailedCode("bob@example.com")
			wanted := another
			if test.acme > len(another) {
				page = page.fill(map[string]string{"code": code, "password": another}).with(http.StatusUnprocessableEntity).saying("20 characters")
				if page.value("code") != code {
					t.Error("the code is lost")
				}
				wanted = longPassword
			}
			page.fill(map[string]string{"code": code, "password": wanted}).at("/signedin")
		})
	}
}

// Every link fits into what ZITADEL takes for a template, behind the longest address
// that may be configured, and says of which organization its user is.
func TestLinksFitBehindTheLongestAddress(t *testing.T) {
	base := ""
	w := newWorld(t, func(w *world, c *handlers.Config) {
		base = "/" + strings.Repeat("b", handlers.LongestAddress-len(w.auth)-1)
		c.BasePath = basePath(t, base)
	})
	w.auth += base
	w.addPerson(withoutPassword)
	newBrowser(t).open(w.auth + "/register").fill(newcomer).fill(map[string]string{"password": password}).at(base + "/verify")
	as := func(name string) *page {
		return newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": name})
	}
	as("alice").fill(nil, "reset-button").at(base + "/password/set")
	as("bob").fill(nil, "resend-button").at(base + "/verify")
	for address, path := range map[string]string{"nora@example.com": "/verify", "alice@example.com": "/password/set", "bob@example.com": "/verify"} {
		mailed := w.zitadel.LastMail(address).Link
		link, err := url.Parse(mailed)
		w.must(err)
		if !strings.HasPrefix(mailed, w.auth+path+"?") || link.Query().Get("organization") != w.zitadel.DefaultOrganization() {
			t.Errorf("%s was mailed %q", address, mailed)
		}
		newBrowser(t).open(mailed).at(base + path)
	}
}
