package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

func TestSignInByProvider(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	id := w.addIda(provider)
	page := w.inbox()
	back := page.via(provider).there("ida").at("/idp/" + provider + "/process").with(http.StatusOK).saying("Example ID")
	if strings.Contains(back.url.RawQuery, "token") || strings.Contains(back.body, "token") {
		t.Errorf("the token is still in sight: %s", back.url)
	}
	if !has(back.find("form", func(n *html.Node) bool { return attr(n, "method") == "post" }), "data-go") {
		t.Error("the page does not go on by itself where there is a script")
	}
	back.fill(nil).at("/inbox")
	if status, answer := w.session(page.b); status != http.StatusOK || answer["subject"] != id {
		t.Errorf("GET /session: %d %v", status, answer)
	}
	for _, secret := range []string{"ida@", "token=", "state="} {
		if strings.Contains(w.log(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// Who has no other way in is not asked: their own submit leads there.
func TestOnlyProviderIsGoneToAtOnce(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	w.atAppAs("ida").there("ida").back(provider).at("/inbox")
}

// With several there is a choice, of those alone that know the user.
func TestChoiceOfProviders(t *testing.T) {
	w := newWorld(t)
	first, second, third := w.addProvider(), w.addProvider(), w.addProvider()
	id := w.addIda(first)
	w.zitadel.LinkIdentity(id, second, ida)
	page := w.atAppAs("ida").at("/idp").with(http.StatusOK)
	if page.testid("provider-"+third) != nil {
		t.Error("a provider is offered that does not know the user")
	}
	page.visits(second).at("/inbox")
	w.atAppAs("ida").via(first).there("ida").back(first).at("/inbox")
}

func TestProviderBesideThePassword(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.zitadel.LinkIdentity(w.alice, provider, ida)
	page := w.atAppAs("alice").at("/password").saying("Continue with Example ID").follow("provider-link").at("/idp")
	page.offering(factorLinks, "password-link")
	page.visits(provider).at("/inbox")
	w.atAppAs("alice").typePassword(password).at("/inbox")
}

// A second factor is asked of whoever has one, however they came.
func TestSecondFactorAfterAProvider(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	secret := w.zitadel.AddTOTP(w.addIda(provider))
	page := w.inbox().visits(provider).at("/otp/time-based")
	w.isNobody(t, page.b)
	page.typeCode(w.zitadel.TOTPCode(secret)).at("/inbox")
}

func TestForceMFALocalOnlyLeavesProvidersAlone(t *testing.T) {
	w := newWorld(t)
	w.policy(func(s *zitadeltest.LoginSettings) { s.ForceMFALocalOnly = true })
	provider := w.addProvider()
	w.addIda(provider)
	w.inbox().visits(provider).at("/inbox")
}

// A provider's word ages like any other check.
func TestProvidersWordAges(t *testing.T) {
	for name, test := range map[string]struct {
		asked url.Values
		after time.Duration
		asks  bool
	}{
		"a while later":                {nil, 11 * time.Hour, false},
		"past its lifetime":            {nil, 61 * time.Minute, true},
		"prompt=login, a moment later": {url.Values{"prompt": {"login"}}, time.Second, true},
		"max_age, within it":           {url.Values{"max_age": {"3600"}}, 30 * time.Minute, false},
		"max_age, past it":             {url.Values{"max_age": {"3600"}}, 61 * time.Minute, true},
		"max_age=0, a moment later":    {url.Values{"max_age": {"0"}}, time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if name == "past its lifetime" {
				w.policy(func(s *zitadeltest.LoginSettings) { s.ExternalLoginCheckLifetime = time.Hour })
			}
			provider := w.addProvider()
			w.addIda(provider)
			b := w.inbox().visits(provider).at("/inbox").b
			w.zitadel.Advance(test.after)
			page := b.open(w.authorized(test.asked))
			if !test.asks {
				page.at("/cb")
				return
			}
			page.at("/idp").saying("Example ID").visits(provider).at("/cb")
		})
	}
}

func TestProviderRefuses(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	page := w.inbox().via(provider).at("/authorize").fill(nil, "cancel")
	page.at("/loginname").with(http.StatusOK).saying("Example ID did not sign you in")
	page.offering([]string{"register-button", "provider-" + provider}, "register-button", "provider-"+provider)
	page.visits(provider).at("/inbox") // the second try

	// Who has no other way in is not sent there again unasked.
	page = w.atAppAs("ida").at("/authorize").fill(nil, "cancel").at("/idp").saying("Example ID did not sign you in")
	page.visits(provider).at("/inbox")
}

// The buttons are those of the organization that is asked for, or of the default
// one, where its policy has any.
func TestProviderButtonsFollowThePolicy(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	everybodys := w.addProvider()
	acmes := w.addProvider(func(p *zitadeltest.ProviderSeed) { p.OrganizationID, p.Name = acme, "Acme ID" })
	makesNone := w.addProvider(func(p *zitadeltest.ProviderSeed) { p.NoCreation = true })
	directory := w.zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Directory", Type: "LDAP"})
	off := w.addProvider()
	w.zitadel.DeactivateIdentityProvider(off)
	all := []string{"provider-" + everybodys, "provider-" + acmes, "provider-" + makesNone, "provider-" + directory, "provider-" + off}
	open := func(path string) *page { return newBrowser(t).open(w.auth + path).with(http.StatusOK) }
	ofAcme := "&organization=" + acme
	open("/loginname").offering(all, all[0], all[2])
	open("/register").offering(all, all[0])
	open("/idp").offering(all, all[0], all[2])
	open("/login?return_to="+w.app+"/inbox"+ofAcme).offering(all, all[0], all[1], all[2])
	open("/signup?return_to="+w.app+"/inbox"+ofAcme).offering(all, all[0], all[1])

	w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.AllowExternalIDP = false })
	w.zitadel.Advance(2 * time.Minute)
	open("/login?return_to=" + w.app + "/inbox" + ofAcme).offering(all)
	open("/signup?return_to=" + w.app + "/inbox" + ofAcme).offering(all)
	open("/loginname").offering(all, all[0], all[2])

	// What is not on the page is not taken from a form either (CVE-2026-29193).
	for _, path := range []string{"/loginname", "/register", "/idp"} {
		for _, id := range []string{acmes, directory, off, "400000000000000000", "../x"} {
			page := open(path)
			method, action, form := page.form(nil, "provider-"+everybodys)
			form.Set("provider", id)
			page.b.navigate(method, action, form).refused(path, "not offered here")
		}
	}
	w.policy(func(s *zitadeltest.LoginSettings) { s.AllowExternalIDP = false })
	page := open("/loginname")
	w.zitadel.Advance(2 * time.Minute)
	method, action, form := page.form(nil, "provider-"+everybodys)
	page.b.navigate(method, action, form).refused("/loginname", "not offered here").offering(all)
	newBrowser(t).open(w.auth + "/idp").at("/loginname").offering(all)
}

// More than five do not fit on a page that is about something else.
func TestManyProviders(t *testing.T) {
	w := newWorld(t)
	var last string
	for range 6 {
		last = w.addProvider()
	}
	w.addIda(last)
	page := w.inbox()
	if page.testid("provider-"+last) != nil {
		t.Error("the sixth provider is on the first page")
	}
	page.follow("more-providers").at("/idp").visits(last).at("/inbox")
}

// A provider that cannot be used is said so, and nothing leads there.
func TestProviderThatCannotBeUsed(t *testing.T) {
	for name, edit := range map[string]func(*zitadeltest.ProviderSeed){
		"javascript":       func(p *zitadeltest.ProviderSeed) { p.URL = "javascript:alert(1)//" },
		"data":             func(p *zitadeltest.ProviderSeed) { p.URL = "data:text/html,x" },
		"plain http":       func(p *zitadeltest.ProviderSeed) { p.URL = "http://idp.example.com" },
		"nowhere":          func(p *zitadeltest.ProviderSeed) { p.URL = "" },
		"header injection": func(p *zitadeltest.ProviderSeed) { p.URL = "https://idp.example.com/\r\nSet-Cookie: a=b;" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			provider := w.addProvider(edit)
			w.addIda(provider)
			for _, page := range []*page{w.inbox().via(provider), w.atAppAs("ida")} {
				page.at("/idp").with(http.StatusOK).saying("Example ID cannot be used here right now")
				if page.header.Get("Refresh") != "" || strings.Contains(page.body, "javascript:") || strings.Contains(page.body, "data:text") {
					t.Errorf("the page leads there: %v\n%s", page.header, page.body)
				}
			}
		})
	}
}

// The page from which a browser leaves needs no script: it says where to, and has
// a link for browsers that do not go by themselves.
func TestLeavingForAProvider(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	page := w.inbox()
	page.b.stays = true
	leaving := page.via(provider).at("/idp/" + provider).with(http.StatusOK).saying("Taking you to Example ID")
	target := attr(leaving.testid("submit-button"), "href")
	if !strings.HasPrefix(target, "http://idp.example.localhost:") || leaving.header.Get("Refresh") != "0;url="+target {
		t.Errorf("leads to %q and %q", target, leaving.header.Get("Refresh"))
	}
	for _, policy := range []string{page.header.Get("Content-Security-Policy"), leaving.header.Get("Content-Security-Policy")} {
		if strings.Contains(policy, "idp.example.localhost") {
			t.Errorf("form-action allows the provider: %s", policy)
		}
	}
	// The same form once more leads to the same visit: one was begun.
	if again := page.via(provider); attr(again.testid("submit-button"), "href") != target || w.asked(startIntent) != 1 {
		t.Errorf("%d visits begun", w.asked(startIntent))
	}
	// Who comes back from there is asked again: no link to the choice leads on by itself.
	choice := leaving.b.open(w.auth + "/idp?a=" + page.url.Query().Get("a")).at("/idp").saying("Sign in with Example ID")
	if choice.header.Get("Refresh") != "" {
		t.Error("the choice leads on by itself")
	}
	leaving.b.open(leaving.url.String()).at("/idp/" + provider).with(http.StatusOK) // reloaded
	leaving.b.open(w.auth + "/loginname").at("/loginname").fill(map[string]string{"loginName": "alice"}).at("/password")
	leaving.b.open(leaving.url.String()).at("/password").typePassword(password).at("/inbox") // an old tab's page leaves no more
}

// Who thinks better of it at one provider goes to another, by a page that is open
// still or by one that is opened anew.
func TestAnotherProviderAfterAll(t *testing.T) {
	w := newWorld(t)
	first, second := w.addProvider(), w.addProvider()
	id := w.addIda(first)
	w.zitadel.LinkIdentity(id, second, ida)
	for name, start := range map[string]func() *page{
		"whoever it is": func() *page { return newBrowser(t).open(w.auth + "/idp") },
		"known":         func() *page { return w.typeName("ida") },
	} {
		t.Run(name, func(t *testing.T) {
			choice := start().at("/idp")
			choice.via(first).at("/authorize")
			choice.via(second).at("/authorize")
			choice.b.open(choice.url.String()).at("/idp").visits(second).signedInAs("Ida Here")
		})
	}
}

// A page that is fetched in any way begins nothing.
func TestNoGETBeginsAVisit(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	page := w.inbox()
	w.zitadel.ResetCalls()
	for _, path := range []string{"/loginname", "/idp", "/register", "/idp/" + provider + "/process"} {
		page.b.open(w.auth + path + "?a=" + page.url.Query().Get("a"))
	}
	newBrowser(t).open(w.auth + "/idp")
	if n := w.asked(startIntent); n != 0 {
		t.Errorf("%d visits begun", n)
	}
}

// A session by a provider is healed as any other: by what is known of the provider
// that let it in, as long as that may let somebody in.
func TestSessionByProviderIsHealed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world, provider string)
		want   int
	}{
		"nothing has changed":           {func(*world, string) {}, http.StatusOK},
		"the provider was switched off": {func(w *world, id string) { w.zitadel.DeactivateIdentityProvider(id) }, http.StatusUnauthorized},
		"policy lets none in": {func(w *world, _ string) {
			w.policy(func(s *zitadeltest.LoginSettings) { s.AllowExternalIDP = false })
		}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			provider := w.addProvider()
			w.addIda(provider)
			remembering := w.inbox().fill(map[string]string{"remember": "on"}, "provider-"+provider)
			page := remembering.there("ida").back(provider).at("/inbox")
			w.zitadel.Advance(tokensEnded)
			w.loseRefreshToken(page.b)
			test.change(w, provider)
			w.zitadel.ResetCalls()
			if status, answer := w.session(page.b); status != test.want {
				t.Errorf("%d %v, want %d", status, answer, test.want)
			}
			if w.asked("POST /v2/oidc/auth_requests/{id}") == 0 && test.want == http.StatusOK {
				t.Errorf("nothing was healed: %v", w.calls())
			}
		})
	}
}

// loseRefreshToken uses up the one that stands behind a browser's session.
func (w *world) loseRefreshToken(b *browser) {
	w.t.Helper()
	home, err := url.Parse(w.auth)
	w.must(err)
	r := httptest.NewRequest(http.MethodGet, w.auth+"/session", nil)
	for _, c := range b.jar.Cookies(home) {
		r.AddCookie(c)
	}
	own, err := w.manager().Peek(w.t.Context(), r)
	w.must(err)
	tokens, err := w.manager().Tokens(w.t.Context(), own)
	w.must(err)
	_, err = w.client.Refresh(w.t.Context(), tokens.RefreshToken, zitadelclient.IDClaims{Subject: own.Subject, SessionID: own.ZitadelSession})
	w.must(err)
}
