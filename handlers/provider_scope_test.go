package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// byProvider begins a sign-in of the shop, which asks for users of one provider.
func (w *world) byProvider(b *browser, provider string, more url.Values) *page {
	w.t.Helper()
	asked := url.Values{"scope": {"openid profile urn:zitadel:iam:org:idp:id:" + provider}}
	for name, values := range more {
		asked[name] = values
	}
	return b.open(w.authorized(asked))
}

func TestScopeLeadsToTheProvider(t *testing.T) {
	w := newWorld(t)
	provider, other := w.addProvider(), w.addProvider()
	w.addIda(provider)
	page := w.byProvider(newBrowser(t), provider, nil).at("/idp").with(http.StatusOK)
	if page.testid("provider-"+other) != nil || page.find("form", nil) == nil || !has(page.find("form", nil), "data-go") {
		t.Errorf("the page does not lead to the one provider by itself:\n%s", page.body)
	}
	page = page.via(provider).at("/authorize").fill(nil, "cancel").at("/idp").saying("did not sign you in")
	if has(page.find("form", nil), "data-go") {
		t.Error("who was refused is sent there again unasked")
	}
	page.visits(provider).at("/cb")
}

// Only who comes by that provider may finish: not with a password, nor by another
// one, nor by an account that this browser remembers.
func TestScopeAdmitsOnlyTheProvider(t *testing.T) {
	w := newWorld(t)
	provider, other := w.addProvider(), w.addProvider()
	id := w.addIda(provider, func(u *zitadeltest.UserSeed) { u.Password = password })
	w.zitadel.LinkIdentity(id, other, ida)

	b := newBrowser(t)
	w.signIn(b) // alice, whom no provider knows
	page := w.byProvider(b, provider, nil).at("/idp")
	page = b.open(w.auth + "/loginname?a=" + page.url.Query().Get("a")).at("/loginname")
	page.fill(map[string]string{"loginName": "alice"}).with(http.StatusForbidden).saying("You cannot sign in here")

	b = w.atAppAs("ida").typePassword(password).at("/inbox").b
	page = w.byProvider(b, provider, nil).at("/idp")
	page = b.open(w.auth + "/password?a=" + page.url.Query().Get("a")).at("/idp") // typed, it opens nothing
	page.visits(provider).at("/cb")

	b = w.inbox().visits(other).at("/inbox").b
	w.byProvider(b, provider, nil).at("/idp").visits(provider).at("/cb")
	w.byProvider(b, provider, nil).at("/cb") // the session has its word by now
	b.open(w.authorized(nil)).at("/cb")
}

func TestScopeOfAProviderThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	acmes := w.addProvider(func(p *zitadeltest.ProviderSeed) { p.OrganizationID = w.zitadel.AddOrganization("Acme") })
	for name, test := range map[string]struct {
		scope  string
		status int
	}{
		"unknown":                     {"urn:zitadel:iam:org:idp:id:400000000000000000", http.StatusForbidden},
		"another organization's":      {"urn:zitadel:iam:org:idp:id:" + acmes, http.StatusForbidden},
		"no id":                       {"urn:zitadel:iam:org:idp:id:x", http.StatusBadRequest},
		"nothing":                     {"urn:zitadel:iam:org:idp:id:", http.StatusBadRequest},
		"two":                         {"urn:zitadel:iam:org:idp:id:" + provider + " urn:zitadel:iam:org:idp:id:" + acmes, http.StatusBadRequest},
		"the same twice is one alone": {"urn:zitadel:iam:org:idp:id:" + provider + " urn:zitadel:iam:org:idp:id:" + provider, http.StatusOK},
	} {
		page := newBrowser(t).open(w.authorized(url.Values{"scope": {"openid " + test.scope}}))
		if page.status != test.status {
			t.Errorf("%s: %d at %s", name, page.status, page.url)
		}
	}
}

func TestScopeWithPrompts(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	b := newBrowser(t)
	page := w.byProvider(b, provider, url.Values{"prompt": {"none"}}).at("/cb")
	if page.url.Query().Get("error") != "login_required" {
		t.Errorf("answered %s", page.url)
	}
	w.byProvider(b, provider, url.Values{"prompt": {"create"}}).at("/idp").visits(provider).at("/cb")
	w.byProvider(b, provider, url.Values{"prompt": {"login"}}).at("/idp").visits(provider).at("/cb")
	b.open(w.auth+"/login?return_to="+w.app+"/inbox&prompt=select_account").at("/accounts").fill(nil, "add-button").at("/loginname").
		fill(map[string]string{"loginName": "alice"}).typePassword(password).at("/inbox")
	accounts := w.byProvider(b, provider, url.Values{"prompt": {"select_account"}}).at("/accounts")
	if accounts.saying("Ida Here"); strings.Contains(accounts.text(), "Alice") {
		t.Error("an account is offered that did not come by the provider")
	}
	accounts.fill(nil, "account-button").at("/cb")
}
