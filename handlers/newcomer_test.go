package handlers_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// agreed are the boxes of the form that a provider has filled in.
var agreed = map[string]string{"terms": "on", "privacy": "on"}

// atNewcomersForm comes by a provider that nobody here is known to.
func (w *world) atNewcomersForm(provider string) *page {
	w.t.Helper()
	return w.inbox().visits(provider).at("/register").with(http.StatusOK)
}

// owners are the users that have an address.
func (w *world) owners(address string) []zitadelclient.User {
	w.t.Helper()
	found, err := w.client.SearchUsers(w.t.Context(), zitadelclient.UserQuery{Email: address})
	w.must(err)
	return found
}

// userOf is the one user that has an address.
func (w *world) userOf(address string) zitadelclient.User {
	w.t.Helper()
	found := w.owners(address)
	if len(found) != 1 {
		w.t.Fatalf("%d users have %s", len(found), address)
	}
	return found[0]
}

// isUnlinked fails if a provider knows the user.
func (w *world) isUnlinked(id string) {
	w.t.Helper()
	links, err := w.client.IdentityLinks(w.t.Context(), id)
	w.must(err)
	if len(links) != 0 {
		w.t.Errorf("linked to %d identities", len(links))
	}
}

func TestNewcomerCompletesTheForm(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	page := w.atNewcomersForm(provider).saying("Example ID gave us these details").
		holding("givenName", "Ida").holding("familyName", "Provider").holding("email", "ida@idp.example.com")
	page = page.fill(nil).refused("/register", "Agree to the terms").holding("givenName", "Ida")
	page.fill(maps.Clone(agreed)).at("/inbox") // the address is proven: the provider says so
	who := w.userOf("ida@idp.example.com")
	if status, answer := w.session(page.b); status != http.StatusOK || answer["subject"] != who.ID || answer["name"] != "Ida Provider" {
		t.Errorf("GET /session: %d %v", status, answer)
	}
	if !who.EmailVerified || who.UserName != "ida@idp.example.com" || who.OrganizationID != w.zitadel.DefaultOrganization() || len(w.zitadel.Mails()) != 0 {
		t.Errorf("made %+v, mails %v", who, w.zitadel.Mails())
	}
	w.inbox().visits(provider).at("/inbox") // known from now on
	if n := w.asked(makeUser); n != 1 {
		t.Errorf("%d users made", n)
	}
}

// Where the provider is set so and everything is known, nothing is asked.
func TestNewcomerIsMadeAtOnce(t *testing.T) {
	w := newWorld(t)
	w.noTerms()
	provider := w.addProvider(func(p *zitadeltest.ProviderSeed) { p.AutoCreation = true })
	page := w.inbox().visits(provider).at("/inbox")
	if _, answer := w.session(page.b); answer["subject"] != w.userOf("ida@idp.example.com").ID {
		t.Errorf("signed in as %v", answer)
	}
}

// What is missing is asked for, however the provider is set.
func TestNewcomerIsAskedForWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		person zitadeltest.UpstreamUser
		terms  bool
		typed  map[string]string
	}{
		"terms":       {ida, true, agreed},
		"last name":   {zitadeltest.UpstreamUser{ID: "ida", GivenName: "Ida", Email: ida.Email, EmailVerified: true}, false, map[string]string{"familyName": "Typed"}},
		"address":     {zitadeltest.UpstreamUser{ID: "ida", GivenName: "Ida", FamilyName: "Provider"}, false, map[string]string{"email": "ida@example.org"}},
		"everything":  {zitadeltest.UpstreamUser{ID: "ida"}, false, map[string]string{"givenName": "I", "familyName": "P", "email": "ida@example.org"}},
		"no address":  {zitadeltest.UpstreamUser{ID: "ida", GivenName: "Ida", FamilyName: "Provider", Email: "not an address"}, false, map[string]string{"email": "ida@example.org"}},
		"a long name": {zitadeltest.UpstreamUser{ID: "ida", GivenName: strings.Repeat("I", 201), FamilyName: "P", Email: ida.Email, EmailVerified: true}, false, map[string]string{"givenName": "Ida"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if !test.terms {
				w.noTerms()
			}
			provider := w.zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost", AutoCreation: true})
			page := w.comingAs(provider, test.person).at("/register").with(http.StatusOK)
			if n := w.asked(makeUser); n != 0 {
				t.Errorf("%d users made before anything was asked", n)
			}
			page = page.fill(maps.Clone(test.typed))
			if page.url.Path == "/verify" { // what was typed is proven like any address
				page = page.typeCode(w.mailedCode(test.typed["email"]))
			}
			page.at("/inbox")
		})
	}
}

// comingAs goes to a provider that has no web site, and is somebody there.
func (w *world) comingAs(provider string, person zitadeltest.UpstreamUser) *page {
	w.t.Helper()
	page := w.inbox()
	page.b.stays = true
	leaving := page.via(provider).at("/idp/" + provider)
	page.b.stays = false
	address, err := url.Parse(attr(leaving.testid("submit-button"), "href"))
	w.must(err)
	answer := url.Values{"state": {address.Query().Get("state")}, "code": {w.zitadel.UpstreamCode(provider, person)}}
	return page.b.open(w.zitadel.Issuer() + "/idps/callback?" + answer.Encode()).back(provider)
}

// An address that the provider does not vouch for is proven by a code, also one
// that was typed in place of the provider's.
func TestNewcomersAddressIsProven(t *testing.T) {
	unproven := ida
	unproven.EmailVerified = false
	for name, test := range map[string]struct {
		person zitadeltest.UpstreamUser
		typed  string
	}{
		"not vouched for":                 {unproven, ida.Email},
		"another than the provider's":     {ida, "somebody@example.org"},
		"the provider's in another case":  {ida, strings.ToUpper(ida.Email)},
		"the provider's with a tag to it": {ida, "ida+1@idp.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			provider := w.zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost"})
			typed := map[string]string{"email": test.typed, "terms": "on", "privacy": "on"}
			page := w.comingAs(provider, test.person).at("/register").fill(typed).at("/verify")
			w.isNobody(t, page.b)
			if who := w.userOf(test.typed); who.EmailVerified {
				t.Error("the address counts as proven")
			}
			page.b.open(page.url.String()).typeCode(w.mailedCode(test.typed)).at("/inbox")
		})
	}
}

// An account is there with the address that a provider gives. Nobody is signed in
// to it, and the identity is not added to it (CVE-2026-105207).
func silentLink(t *testing.T) {
	alices := zitadeltest.UpstreamUser{ID: "not-alice", GivenName: "Not", FamilyName: "Alice", Email: "alice@example.com", EmailVerified: true}
	unproven := alices
	unproven.EmailVerified = false
	for name, test := range map[string]struct {
		person       zitadeltest.UpstreamUser
		auto, hidden bool
		twin         bool // the account has the address and another name
		lands        string
	}{
		"vouched for":                     {person: alices, lands: "/loginname"},
		"vouched for, made at once":       {person: alices, auto: true, lands: "/loginname"},
		"not vouched for":                 {person: unproven, lands: "/loginname"},
		"vouched for, users hidden":       {person: alices, hidden: true, lands: "/loginname"},
		"not vouched for, hidden":         {person: unproven, hidden: true, lands: "/register"},
		"not vouched for, hidden, auto":   {person: unproven, hidden: true, auto: true, lands: "/register"},
		"the address under another name":  {person: alices, twin: true, lands: "/loginname"},
		"the address in another spelling": {person: spelled(alices, "ALICE@example.com"), lands: "/loginname"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.noTerms()
			w.policy(func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = test.hidden })
			if test.twin {
				w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "twin", Email: "twin@example.com", EmailVerified: true})
				test.person = spelled(test.person, "twin@example.com")
			}
			provider := w.zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost", AutoCreation: test.auto})
			page := w.comingAs(provider, test.person)
			if !test.auto {
				page = page.at("/register").fill(nil)
			}
			page.at(test.lands)
			if test.lands == "/loginname" {
				page.saying("Sign in as you did before").holding("loginName", test.person.Email)
			}
			w.isNobody(t, page.b)
			if w.asked(makeSession) != 0 || w.asked(makeUser) != 0 {
				t.Errorf("ZITADEL was asked %v", w.calls())
			}
			w.isUnlinked(w.userOf(test.person.Email).ID)
			if test.lands == "/loginname" && !test.twin {
				page.b.open(page.url.String()).fill(map[string]string{"loginName": "alice"}).typePassword(password).at("/inbox")
			}
		})
	}
}

func spelled(u zitadeltest.UpstreamUser, address string) zitadeltest.UpstreamUser {
	u.Email = address
	return u
}

// Where policy hides users, somebody who comes with an address that the provider does
// not vouch for cannot tell whether it has an account: whatever it is, no account is
// made of it. One that was made would show at the next return.
func TestNewcomerLearnsNothingOfAnAddress(t *testing.T) {
	w := newWorld(t)
	w.noTerms()
	w.policy(func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = true })
	provider := w.zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost"})
	come := func(id, address string) string {
		person := zitadeltest.UpstreamUser{ID: id, GivenName: "Some", FamilyName: "Body", Email: address}
		page := w.comingAs(provider, person).at("/register").fill(nil).refused("/register", "does not confirm this address").holding("email", address)
		return varying.ReplaceAllString(strings.ReplaceAll(page.body, address, "ADDRESS"), "…")
	}
	taken, free := come("1", "alice@example.com"), come("2", "frank@example.com")
	if taken != free {
		t.Errorf("a taken address:\n%s\na free one:\n%s", taken, free)
	}
	if w.asked(makeUser) != 0 || len(w.zitadel.Mails()) != 0 {
		t.Errorf("an account was made, or a mail sent: %v", w.zitadel.Mails())
	}
}

// Nobody new comes in where that is closed, by the provider or by policy.
func TestNewcomerWhereClosed(t *testing.T) {
	for name, test := range map[string]struct {
		seed   func(*zitadeltest.ProviderSeed)
		policy func(*zitadeltest.LoginSettings)
	}{
		"the provider makes nobody":  {seed: func(p *zitadeltest.ProviderSeed) { p.NoCreation, p.AutoCreation = true, true }},
		"nobody may register":        {policy: func(s *zitadeltest.LoginSettings) { s.AllowRegister = false }},
		"neither, and users hidden":  {policy: func(s *zitadeltest.LoginSettings) { s.AllowRegister, s.IgnoreUnknownUsernames = false, true }},
		"made at once, but not here": {seed: func(p *zitadeltest.ProviderSeed) { p.AutoCreation = true }, policy: func(s *zitadeltest.LoginSettings) { s.AllowRegister = false }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var seeds []func(*zitadeltest.ProviderSeed)
			if test.seed != nil {
				seeds = append(seeds, test.seed)
			}
			if test.policy != nil {
				w.policy(test.policy)
			}
			provider := w.addProvider(seeds...)
			page := w.inbox().visits(provider).at("/loginname").with(http.StatusOK).saying("Nobody here has your account at Example ID")
			if n := w.asked(makeUser); n != 0 {
				t.Errorf("%d users made", n)
			}
			w.isNobody(t, page.b)
		})
	}
}

// Closed while the form was open.
func TestNewcomersFormIsClosedMeanwhile(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	page := w.atNewcomersForm(provider)
	w.zitadel.EditIdentityProvider(provider, func(p *zitadeltest.ProviderSeed) { p.NoCreation = true })
	w.zitadel.Advance(2 * minute)
	page.fill(maps.Clone(agreed)).with(http.StatusForbidden).saying("Accounts cannot be created here")
	if n := w.asked(makeUser); n != 0 {
		t.Errorf("%d users made", n)
	}
}

// The form is sent too late: the account is made, and the provider is asked anew.
func TestNewcomersIntentRunsOut(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	page := w.atNewcomersForm(provider)
	w.zitadel.Fault(zitadeltest.Fault{Method: "POST", Path: "/v2/sessions", Times: 1, Status: 400,
		Body: `{"code":9,"message":"Intent has not succeeded (COMMAND-Df4bw)","details":[{"id":"COMMAND-Df4bw"}]}`})
	page = page.fill(maps.Clone(agreed)).at("/idp").saying("Example ID did not sign you in")
	page.visits(provider).at("/inbox")
}

// Where policy has neither passwords nor passkeys, sign-up is by a provider alone.
func TestSignUpWithProvidersAlone(t *testing.T) {
	w := newWorld(t)
	w.noTerms()
	w.policy(func(s *zitadeltest.LoginSettings) {
		s.AllowUsernamePassword, s.PasskeysAllowed = false, false
	})
	provider := w.addProvider()
	b := newBrowser(t)
	page := b.open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/idp")
	page.visits(provider).at("/register").fill(nil).at("/welcome")
}

// A domain's organization takes its users by a provider, or not at all.
func TestNewcomerOfADomain(t *testing.T) {
	for name, test := range map[string]struct {
		policy func(*zitadeltest.LoginSettings)
		only   bool // the provider is the default organization's alone
		joins  bool
	}{
		"taken in":           {joins: true},
		"registers nobody":   {policy: func(s *zitadeltest.LoginSettings) { s.AllowRegister = false }},
		"wants no providers": {policy: func(s *zitadeltest.LoginSettings) { s.AllowExternalIDP = false }},
		"has not got it":     {only: true},
		"has no passwords":   {joins: true, policy: func(s *zitadeltest.LoginSettings) { s.AllowUsernamePassword = false }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.noTerms()
			acme, typed := w.ofAcme()
			if test.policy != nil {
				w.zitadel.SetLoginSettings(acme, test.policy)
			}
			seed := zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost", AutoCreation: true}
			if test.only {
				seed.OrganizationID = w.zitadel.DefaultOrganization()
				w.zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Acme ID", OrganizationID: acme, URL: seed.URL})
			}
			provider := w.zitadel.AddIdentityProvider(seed)
			person := zitadeltest.UpstreamUser{ID: "nora", GivenName: "Nora", FamilyName: "New", Email: typed["email"], EmailVerified: true}
			page := w.comingAs(provider, person)
			if !test.joins {
				page = page.at("/register").fill(nil).refused("/register", "Accounts cannot be created here")
				if n := w.asked(makeUser); n != 0 {
					t.Errorf("%d users made", n)
				}
				// What is refused is the address: with another they go on.
				page.fill(map[string]string{"email": "nora@example.org"}).at("/verify")
				return
			}
			page.at("/inbox")
			if who := w.userOf(typed["email"]); who.OrganizationID != acme {
				t.Errorf("made in %s, want %s", who.OrganizationID, acme)
			}
		})
	}
}

// The same person comes in two browsers at once: one account, and the other is told.
func TestNewcomerTwice(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	first, second := w.atNewcomersForm(provider), w.atNewcomersForm(provider)
	first.fill(maps.Clone(agreed)).at("/inbox")
	page := second.fill(maps.Clone(agreed)).at("/loginname").saying("already an account with this e-mail address")
	page.visits(provider).at("/inbox")
	if n := len(w.owners(ida.Email)); n != 1 {
		t.Errorf("%d users", n)
	}
}

// Clicking twice makes one account.
func TestNewcomersDoubleClick(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	page := w.atNewcomersForm(provider)
	method, action, form := page.form(maps.Clone(agreed))
	for _, location := range page.b.together(w.auth, func(b *browser) string { return b.hop(method, action, form) }) {
		if location != w.app+"/inbox" {
			t.Errorf("a click led to %q", location)
		}
	}
	if n := w.asked(makeUser); n != 1 {
		t.Errorf("%d users made", n)
	}
}

// A newcomer who changes their mind signs in as somebody who is there: nothing of
// the provider's goes with them.
func TestNewcomerSignsInInstead(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	page := w.atNewcomersForm(provider).follow("back-button").at("/loginname")
	page.fill(map[string]string{"loginName": "alice"}).typePassword(password).at("/inbox")
	w.isUnlinked(w.alice)
}
