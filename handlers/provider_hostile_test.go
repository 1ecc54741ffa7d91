package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// A return that is not this browser's signs nobody in: whoever is lured to it would
// work in somebody else's account, or hand theirs over (CVE-2026-105208).
func returnOfAnother(t *testing.T) {
	w := newWorld(t)
	provider, other := w.addProvider(), w.addProvider()
	w.addIda(provider)
	attackers := func() string { return w.inbox().via(provider).returning("ida") }
	mine := func() (waiting *page, back *url.URL) {
		waiting = w.inbox().via(provider)
		address, err := url.Parse(waiting.returning("ida"))
		w.must(err)
		return waiting, address
	}
	for name, lure := range map[string]func() (*browser, string){
		"to a browser that began nothing": func() (*browser, string) { return newBrowser(t), attackers() },
		"to a browser that waits for its own": func() (*browser, string) {
			return w.inbox().via(provider).at("/authorize").b, attackers()
		},
		"the other's intent with my token": func() (*browser, string) {
			waiting, back := mine()
			theirs, _ := url.Parse(attackers())
			return waiting.b, edited(back, "id", theirs.Query().Get("id"))
		},
		"an intent of an attempt that has moved on": func() (*browser, string) {
			waiting, back := mine()
			waiting.b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).at("/password")
			return waiting.b, back.String()
		},
		"a forged id": func() (*browser, string) {
			waiting, back := mine()
			return waiting.b, edited(back, "id", "400700000000999999")
		},
		"no id": func() (*browser, string) {
			waiting, back := mine()
			return waiting.b, edited(back, "id", "")
		},
		"no token": func() (*browser, string) {
			waiting, back := mine()
			return waiting.b, edited(back, "token", "")
		},
		"a token beyond all bounds": func() (*browser, string) {
			waiting, back := mine()
			return waiting.b, edited(back, "token", strings.Repeat("x", 501))
		},
		"two tokens": func() (*browser, string) {
			waiting, back := mine()
			return waiting.b, back.String() + "&token=x"
		},
		"another provider's address": func() (*browser, string) {
			waiting, back := mine()
			back.Path = "/idp/" + other + "/process"
			return waiting.b, back.String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.zitadel.Advance(minute)
			b, address := lure()
			w.zitadel.ResetCalls()
			if page := b.open(address); page.status != http.StatusGone && page.status != http.StatusBadRequest {
				t.Errorf("%d at %s\n%s", page.status, page.url, page.text())
			}
			if w.asked(retrieveIntent)+w.asked(makeSession) != 0 {
				t.Errorf("ZITADEL was asked: %v", w.calls())
			}
			w.isNobody(t, b)
		})
	}
}

func edited(u *url.URL, name, value string) string {
	changed := *u
	query := changed.Query()
	query.Set(name, value)
	changed.RawQuery = query.Encode()
	return changed.String()
}

// What reaches ZITADEL with a token that is not the intent's is refused there, and
// the sign-in goes on without it.
func TestReturnWithAWrongToken(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	for name, token := range map[string]func() string{
		"made up": func() string { return "made-up" },
		"another's": func() string {
			theirs, _ := url.Parse(w.inbox().via(provider).returning("ida"))
			return theirs.Query().Get("token")
		},
	} {
		t.Run(name, func(t *testing.T) {
			page := w.inbox().via(provider)
			back, err := url.Parse(page.returning("ida"))
			w.must(err)
			page = page.b.open(edited(back, "token", token())).back(provider)
			page.at("/loginname").with(http.StatusOK).saying("Example ID did not sign you in")
			page.b.open(back.String()).with(http.StatusGone) // the true one comes too late
			w.isNobody(t, page.b)
			page.visits(provider).at("/inbox")
		})
	}
}

// An intent is good for one sign-in. Neither its address nor its form does anything
// once more, here or in another browser.
func intentReplay(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	id := w.addIda(provider)
	waiting := w.inbox().via(provider)
	address := waiting.returning("ida")
	form := waiting.b.open(address).at("/idp/" + provider + "/process")
	method, action, fields := form.form(nil)
	form.fill(nil).at("/inbox")
	sessions := len(w.zitadel.Sessions(id))
	w.zitadel.ResetCalls()
	for name, again := range map[string]func() *page{
		"the address":                  func() *page { return waiting.b.open(address) },
		"the form":                     func() *page { return waiting.b.navigate(method, action, fields) },
		"the address, somewhere else":  func() *page { return newBrowser(t).open(address) },
		"the form, somewhere else":     func() *page { return newBrowser(t).navigate(method, action, fields) },
		"the page, somewhere else":     func() *page { return newBrowser(t).open(form.url.String()) },
		"the address, at the failures": func() *page { return waiting.b.open(strings.Replace(address, "/process", "/failure", 1)) },
	} {
		if p := again(); p.status != http.StatusGone && p.url.Path != "/inbox" {
			t.Errorf("%s: %d at %s", name, p.status, p.url)
		}
	}
	if w.asked(retrieveIntent)+w.asked(makeSession) != 0 || len(w.zitadel.Sessions(id)) != sessions {
		t.Errorf("ZITADEL was asked again: %v", w.calls())
	}
	if _, answer := w.session(waiting.b); answer["subject"] != id {
		t.Errorf("signed in as %v", answer)
	}
}

// A return in the middle of the sign-in that it began leads to where that stands.
func TestReturnOnceMore(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	secret := w.zitadel.AddTOTP(w.addIda(provider))
	page := w.inbox().via(provider)
	address := page.returning("ida")
	page.b.open(address).back(provider).at("/otp/time-based")
	page.b.open(address).at("/otp/time-based").with(http.StatusOK)
	failed := page.b.open(strings.Replace(address, "/process", "/failure", 1)).at("/otp/time-based")
	failed.typeCode(w.zitadel.TOTPCode(secret)).at("/inbox")
}

// The answer is another provider's than the one that was asked: what that one says
// of the first one's users is nothing to go by (GHSA-x4c7-fpcx-w9q6).
func intentOfAnotherProvider(t *testing.T) {
	w := newWorld(t)
	provider, evil := w.addProvider(), w.addProvider()
	w.addIda(provider)
	w.zitadel.LinkIdentity(w.alice, evil, ida) // its Ida is somebody else
	page := w.inbox().via(provider)
	address := page.returning("ida")
	w.zitadel.ConfuseIntents(evil)
	page = page.b.open(address).back(provider).at("/loginname").with(http.StatusOK).saying("did not sign you in")
	w.isNobody(t, page.b)
	if !strings.Contains(w.log(), "intent_of_another_provider") {
		t.Error("the log has nothing of it")
	}
}

// Two returns at the same time, and two forms: one session comes of them.
func TestParallelReturns(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	id := w.addIda(provider)
	page := w.inbox().via(provider)
	address := page.returning("ida")
	for _, location := range page.b.together(w.auth, func(b *browser) string { return b.hop(http.MethodGet, address, nil) }) {
		if !strings.HasPrefix(location, "/idp/"+provider+"/process?a=") || strings.Contains(location, "token") {
			t.Errorf("a return led to %q", location)
		}
	}
	form := page.b.open(address).at("/idp/" + provider + "/process")
	method, action, fields := form.form(nil)
	for _, location := range page.b.together(w.auth, func(b *browser) string { return b.hop(method, action, fields) }) {
		if location != w.app+"/inbox" {
			t.Errorf("a form led to %q", location)
		}
	}
	if n := len(w.zitadel.Sessions(id)); n != 1 || w.asked(retrieveIntent) != 1 || w.asked(makeSession) != 1 {
		t.Errorf("%d sessions, %d retrievals, %d checks", n, w.asked(retrieveIntent), w.asked(makeSession))
	}
}

// A prefetch, a frame, an image or a scanner neither takes the return nor uses it
// up: the visitor gets through after them.
func TestOnlyTheVisitorReturns(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	page := w.inbox().via(provider)
	address := page.returning("ida")
	w.zitadel.ResetCalls()
	for name, headers := range map[string]http.Header{
		"prefetch": {"Sec-Purpose": {"prefetch"}}, "prerender": {"Sec-Purpose": {"prefetch;prerender"}},
		"image": {"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, "frame": {"Sec-Fetch-Dest": {"iframe"}},
	} {
		page.b.header = headers
		if got := page.b.open(address); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.status)
		}
		page.b.open(strings.Replace(address, "/process", "/failure", 1)).with(http.StatusForbidden)
	}
	page.b.header = http.Header{}
	response := page.b.do(http.MethodHead, address, nil)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("HEAD: %d", response.StatusCode)
	}
	newBrowser(t).open(address).with(http.StatusGone) // a scanner
	back := page.b.open(address).at("/idp/" + provider + "/process")
	for range 3 {
		back = page.b.open(back.url.String()).with(http.StatusOK)
	}
	page.b.header = http.Header{"Origin": {w.app}, "Sec-Fetch-Site": {"same-site"}}
	method, action, form := back.form(nil)
	page.b.navigate(method, action, form).with(http.StatusForbidden) // another site's form
	page.b.header = http.Header{}
	if calls := w.calls(); w.asked(retrieveIntent)+w.asked(makeSession) != 0 {
		t.Errorf("ZITADEL was asked: %v", calls)
	}
	back.fill(nil).at("/inbox")
}

// Switched off between the visit and its return, or by policy.
func TestProviderSwitchedOffMeanwhile(t *testing.T) {
	for name, off := range map[string]func(*world, string){
		"the provider":  func(w *world, id string) { w.zitadel.DeactivateIdentityProvider(id) },
		"by the policy": func(w *world, _ string) { w.policy(func(s *zitadeltest.LoginSettings) { s.AllowExternalIDP = false }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			provider := w.addProvider()
			w.addIda(provider)
			page := w.inbox().via(provider).there("ida")
			off(w, provider)
			w.zitadel.Advance(2 * minute) // settings are believed for a minute
			page = page.back(provider).at("/loginname").with(http.StatusOK).saying("Example ID cannot be used here right now")
			w.isNobody(t, page.b)
		})
	}
	t.Run("after the sign-in", func(t *testing.T) {
		w := newWorld(t)
		provider := w.addProvider()
		w.addIda(provider)
		b := w.inbox().visits(provider).at("/inbox").b
		b.open(w.authorized(nil)).at("/cb")
		w.zitadel.DeactivateIdentityProvider(provider)
		w.zitadel.Advance(2 * minute)
		b.open(w.authorized(nil)).with(http.StatusForbidden).saying("You cannot sign in here")
	})
}

// The client asks for users of an organization, and the provider brings another's.
func TestProviderBringsAnotherOrganization(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	acme := w.zitadel.AddOrganization("Acme")
	w.addIda(provider, func(u *zitadeltest.UserSeed) { u.OrganizationID = acme })
	page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox&organization=" + w.zitadel.DefaultOrganization())
	page = page.visits(provider).with(http.StatusForbidden).saying("belongs elsewhere")
	w.isNobody(t, page.b)
	w.inbox().visits(provider).at("/inbox")
}

// The user's own organization has not got the provider, or has been closed.
func TestProviderOfAnotherOrganization(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider(func(p *zitadeltest.ProviderSeed) { p.OrganizationID = w.zitadel.DefaultOrganization() })
	acme := w.zitadel.AddOrganization("Acme")
	w.addIda(provider, func(u *zitadeltest.UserSeed) { u.OrganizationID = acme })
	page := w.inbox().visits(provider).with(http.StatusForbidden).saying("You cannot sign in here")
	w.isNobody(t, page.b)
}

func TestProviderBringsSomebodyWhoMayNot(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*world, string)
		says  string
	}{
		"locked":                {func(w *world, id string) { w.zitadel.LockUser(id) }, "not active"},
		"deactivated":           {func(w *world, id string) { w.zitadel.DeactivateUser(id) }, "not active"},
		"a closed organization": {func(w *world, _ string) { w.zitadel.DeactivateOrganization(w.zitadel.DefaultOrganization()) }, "organization is not active"},
	} {
		for _, hidden := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				w.policy(func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = hidden })
				provider := w.addProvider()
				id := w.addIda(provider)
				page := w.inbox().via(provider).there("ida")
				test.spoil(w, id)
				w.zitadel.Advance(2 * minute)
				page = page.back(provider).with(http.StatusForbidden).saying(test.says)
				w.isNobody(t, page.b)
			})
		}
	}
}

// Who said that they are somebody else is not signed in as whom the provider names.
func TestProviderBringsSomebodyElse(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	w.zitadel.LinkIdentity(w.alice, provider, zitadeltest.UpstreamUser{ID: "alice"})
	page := w.atAppAs("alice").at("/password").follow("provider-link").visits(provider)
	page.at("/password").with(http.StatusOK).saying("belongs to somebody else here")
	w.isNobody(t, page.b)
	page.b.open(page.url.String()).typePassword(password).at("/inbox")

	// An identity that is nobody's is not added to whom the visitor names.
	w.zitadel.AddUpstreamUser(provider, zitadeltest.UpstreamUser{ID: "stranger", Email: "alice@example.com", EmailVerified: true})
	page = w.atAppAs("alice").at("/password").follow("provider-link").via(provider).there("stranger").back(provider)
	page.at("/password").with(http.StatusOK).saying("does not belong to this one")
	w.isNobody(t, page.b)
}

// Many visits are slowed down by the address that they come from, and many returns.
func TestVisitsToProvidersAreLimited(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	leave := func() *page {
		b := newBrowser(t)
		b.stays = true
		return b.open(w.auth + "/loginname").via(provider)
	}
	begun := 0
	for page := leave(); page.url.Path == "/idp/"+provider; page = leave() {
		page.saying("Taking you to Example ID")
		if begun++; begun > 200 {
			t.Fatal("two hundred visits, and no end")
		}
	}
	leave().at("/idp").saying("You sign in there and come back here")
	if n := w.asked(startIntent); n != begun || n < 60 { // a slow machine earns a few more
		t.Errorf("%d visits begun, %d asked of ZITADEL", begun, n)
	}
}
