package handlers_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// ofAcme adds an organization and fills in the sign-up of somebody whose address
// is of its domain.
func (w *world) ofAcme() (organization string, typed map[string]string) {
	w.t.Helper()
	issuer, err := url.Parse(w.zitadel.Issuer())
	if err != nil {
		w.t.Fatal(err)
	}
	domain := "acme." + issuer.Hostname()
	return w.zitadel.AddOrganization("Acme"), map[string]string{
		"givenName": "Nora", "familyName": "New", "email": "nora@" + domain, "terms": "on", "privacy": "on",
	}
}

func TestSignUpFindsTheOrganizationByDomain(t *testing.T) {
	for name, test := range map[string]struct {
		named  bool // the application names the default organization
		policy func(*zitadeltest.LoginSettings)
		joins  bool
	}{
		"allowed":                       {joins: true, policy: func(s *zitadeltest.LoginSettings) { s.AllowDomainDiscovery = true }},
		"not allowed":                   {policy: func(s *zitadeltest.LoginSettings) { s.AllowDomainDiscovery = false }},
		"another organization is named": {named: true, policy: func(s *zitadeltest.LoginSettings) { s.AllowDomainDiscovery = true }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			acme, typed := w.ofAcme()
			w.zitadel.SetLoginSettings(acme, test.policy)
			entry := w.auth + "/signup?return_to=" + w.app + "/"
			if test.named {
				entry += "&organization=" + w.zitadel.DefaultOrganization()
			}
			b := newBrowser(t)
			b.open(entry).fill(typed).at("/register/password").
				fill(map[string]string{"password": password}).at("/verify").
				fill(map[string]string{"code": w.zitadel.LastMail(typed["email"]).Code}).at("/")
			want := w.zitadel.DefaultOrganization()
			if test.joins {
				want = acme
			}
			if _, answer := w.session(b); answer["organization"] != want {
				t.Errorf("a member of %v, want %s", answer["organization"], want)
			}
		})
	}
}

// An organization that makes its users' accounts itself is not joined, nor got
// around, by the form of another.
func TestSignUpClosedByTheDomainsOrganization(t *testing.T) {
	w := newWorld(t)
	acme, typed := w.ofAcme()
	w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.AllowRegister = false })
	page := newBrowser(t).open(w.auth + "/register").fill(typed).at("/register").with(http.StatusUnprocessableEntity)
	page.saying("Accounts cannot be created here").holding("email", typed["email"])
	typed["email"] = "nora@example.com"
	page.fill(typed).at("/register/password")
}

// Whoever agreed to the terms of one organization has not agreed to another's.
func TestTermsOfTheDomainsOrganization(t *testing.T) {
	w := newWorld(t)
	acme, typed := w.ofAcme()
	w.zitadel.SetLegalAndSupport(acme, func(l *zitadeltest.LegalAndSupport) { l.TOSLink = "https://acme.example/terms" })
	page := newBrowser(t).open(w.auth + "/register").fill(typed).at("/register").with(http.StatusUnprocessableEntity)
	page.saying("Agree to the terms")
	misspelled := maps.Clone(typed)
	misspelled["givenName"] = ""
	page = page.fill(misspelled).at("/register").with(http.StatusUnprocessableEntity)
	if strings.Contains(page.text(), "Agree to the terms") {
		t.Error("what was agreed to is asked again for a name that is missing")
	}
	page.fill(typed).at("/register/password")
}

// An address that nobody has leads to the sign-up of the organization that owns
// its domain, and tells so; unless that organization makes its accounts itself,
// does not want to be found, or hides who its users are.
func TestUnknownAddressLeadsToTheSignUpOfItsDomain(t *testing.T) {
	finds := func(s *zitadeltest.LoginSettings) { s.AllowDomainDiscovery = true }
	for name, test := range map[string]struct {
		policy func(*zitadeltest.LoginSettings)
		leads  bool
	}{
		"allowed":             {func(*zitadeltest.LoginSettings) {}, true},
		"not to be found":     {func(s *zitadeltest.LoginSettings) { s.AllowDomainDiscovery = false }, false},
		"sign-up closed":      {func(s *zitadeltest.LoginSettings) { s.AllowRegister = false }, false},
		"users are hidden":    {func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = true }, false},
		"no way to sign in":   {func(s *zitadeltest.LoginSettings) { s.AllowUsernamePassword, s.PasskeysAllowed = false, false }, false},
		"everything is other": {func(s *zitadeltest.LoginSettings) { *s = zitadeltest.LoginSettings{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			acme, typed := w.ofAcme()
			w.zitadel.SetLoginSettings(acme, finds)
			w.zitadel.SetLoginSettings(acme, test.policy)
			page := w.atAppAs(typed["email"])
			if !test.leads {
				page.refused("/loginname", "User not found in the system")
				return
			}
			page.at("/register").saying("no account with this address yet").holding("email", typed["email"])
			page.fill(typed).at("/register/password").fill(map[string]string{"password": password}).at("/verify").
				fill(map[string]string{"code": w.zitadel.LastMail(typed["email"]).Code}).at("/inbox")
			if _, answer := w.session(page.b); answer["organization"] != acme {
				t.Errorf("a member of %v, want %s", answer["organization"], acme)
			}
		})
	}
	t.Run("of no organization's domain", func(t *testing.T) {
		w := newWorld(t)
		w.atAppAs("nora@nowhere.example").refused("/loginname", "User not found in the system")
	})
}

// An organization whose people come by its provider alone is found by its domain, too:
// the address leads to that provider, and not to those of other organizations.
func TestUnknownAddressLeadsToTheProviderOfItsDomain(t *testing.T) {
	for name, test := range map[string]struct {
		provider func(*zitadeltest.ProviderSeed)
		leads    bool
	}{
		"allowed":            {func(*zitadeltest.ProviderSeed) {}, true},
		"makes no accounts":  {func(s *zitadeltest.ProviderSeed) { s.NoCreation = true }, false},
		"of another of them": {func(s *zitadeltest.ProviderSeed) { s.OrganizationID = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.noTerms()
			acme, typed := w.ofAcme()
			w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) {
				s.AllowDomainDiscovery, s.AllowUsernamePassword, s.PasskeysAllowed = true, false, false
			})
			other := w.zitadel.AddOrganization("Other")
			provider := w.addProvider(func(s *zitadeltest.ProviderSeed) {
				s.OrganizationID = acme
				test.provider(s)
				if s.OrganizationID == "" {
					s.OrganizationID = other
				}
			})
			w.zitadel.AddUpstreamUser(provider, zitadeltest.UpstreamUser{ID: "nora", GivenName: "Nora", FamilyName: "New", Email: typed["email"], EmailVerified: true})
			page := w.atAppAs(typed["email"])
			if !test.leads {
				page.refused("/loginname", "User not found in the system")
				return
			}
			page = page.there("nora").back(provider).at("/register").holding("email", typed["email"]).fill(nil).at("/inbox")
			if who := w.userOf(typed["email"]); who.OrganizationID != acme {
				t.Errorf("made in %s, want %s", who.OrganizationID, acme)
			}
			// By another address, whoever has an account comes in by the same way.
			w.atAppAs("n." + typed["email"]).there("nora").back(provider).at("/inbox")
		})
	}
}

// Whom their domain led to a provider that knows them is nobody new.
func TestKnownPersonOfADomain(t *testing.T) {
	w := newWorld(t)
	acme, typed := w.ofAcme()
	w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) {
		s.AllowDomainDiscovery, s.AllowUsernamePassword, s.PasskeysAllowed = true, false, false
	})
	provider := w.addProvider(func(s *zitadeltest.ProviderSeed) { s.OrganizationID = acme })
	w.addIda(provider, func(u *zitadeltest.UserSeed) { u.OrganizationID, u.EmailVerified = acme, false })
	w.atAppAs(typed["email"]).there("ida").back(provider).at("/verify").saying("ida@example.com")
}
