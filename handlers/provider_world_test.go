package handlers_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// onward is where a page sends its browser by itself, "" for nowhere.
func (p *page) onward() string {
	_, target, _ := strings.Cut(p.header.Get("Refresh"), "0;url=")
	if p.b.stays {
		return ""
	}
	return target
}

// holds reports whether a form has all of these fields.
func holds(form *html.Node, values map[string]string) bool {
	for name := range values {
		found := false
		each(form, func(n *html.Node) { found = found || n.Data == "input" && attr(n, "name") == name })
		if !found {
			return false
		}
	}
	return true
}

// ida is somebody whom Example ID knows.
var ida = zitadeltest.UpstreamUser{
	ID: "ida", UserName: "ida", GivenName: "Ida", FamilyName: "Provider", Email: "ida@idp.example.com", EmailVerified: true,
}

// addProvider sets up Example ID, with a web site of its own on which Ida is known.
func (w *world) addProvider(edits ...func(*zitadeltest.ProviderSeed)) (id string) {
	w.t.Helper()
	site := httptest.NewUnstartedServer(nil)
	seed := zitadeltest.ProviderSeed{
		Name: "Example ID", URL: "http://idp.example.localhost:" + strconv.Itoa(site.Listener.Addr().(*net.TCPAddr).Port),
	}
	for _, edit := range edits {
		edit(&seed)
	}
	id = w.zitadel.AddIdentityProvider(seed)
	w.zitadel.AddUpstreamUser(id, ida)
	site.Config.Handler = w.zitadel.Upstream(id)
	site.Start()
	w.t.Cleanup(site.Close)
	return id
}

// addIda adds the user whom Ida is here: she has no password.
func (w *world) addIda(provider string, edits ...func(*zitadeltest.UserSeed)) (id string) {
	w.t.Helper()
	seed := zitadeltest.UserSeed{UserName: "ida", GivenName: "Ida", FamilyName: "Here", Email: "ida@example.com", EmailVerified: true}
	for _, edit := range edits {
		edit(&seed)
	}
	id = w.zitadel.AddUser(seed)
	w.zitadel.LinkIdentity(id, provider, ida)
	return id
}

// noTerms has sign-up ask for no agreement.
func (w *world) noTerms() {
	w.zitadel.SetLegalAndSupport("", func(l *zitadeltest.LegalAndSupport) { *l = zitadeltest.LegalAndSupport{} })
}

// policy edits the instance's login settings.
func (w *world) policy(edit func(*zitadeltest.LoginSettings)) { w.zitadel.SetLoginSettings("", edit) }

// inbox begins a sign-in of our app in a new browser.
func (w *world) inbox() *page {
	w.t.Helper()
	return newBrowser(w.t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
}

// via presses the button of a provider.
func (p *page) via(provider string) *page {
	p.b.t.Helper()
	return p.fill(nil, "provider-"+provider)
}

// there is on the provider's own pages and says who one is; back on ours, it stops
// where a script would have gone on.
func (p *page) there(person string) *page {
	p.b.t.Helper()
	return p.at("/authorize").fill(nil, "person-"+person)
}

// visits goes to a provider, is Ida there, and comes back to be signed in.
func (p *page) visits(provider string) *page {
	p.b.t.Helper()
	return p.via(provider).there("ida").back(provider)
}

// back presses the button of the page to which a provider returns.
func (p *page) back(provider string) *page {
	p.b.t.Helper()
	return p.at("/idp/" + provider + "/process").with(http.StatusOK).fill(nil)
}

// returning is on the way back: it gives the address to which ZITADEL sends the
// browser, with the token in it, without going there.
func (p *page) returning(person string) string {
	p.b.t.Helper()
	p.at("/authorize")
	method, action, form := p.form(nil, "person-"+person)
	return p.b.hop(http.MethodGet, p.b.hop(method, action, form), nil)
}

// hop makes one request and returns where it leads.
func (b *browser) hop(method, address string, form url.Values) string {
	b.t.Helper()
	response := b.do(method, address, form)
	_ = response.Body.Close()
	location := response.Header.Get("Location")
	if location == "" {
		b.t.Errorf("%s %s: %d leads nowhere", method, address, response.StatusCode)
	}
	return location
}

// together does one thing four times at once, with the cookies that the browser has
// now, and returns where each led.
func (b *browser) together(home string, act func(*browser) string) []string {
	b.t.Helper()
	u, err := url.Parse(home)
	if err != nil {
		b.t.Fatal(err)
	}
	frozen := b.freeze(u)
	locations := make([]string, 4)
	var group sync.WaitGroup
	for i := range locations {
		group.Go(func() {
			twin := frozen.twin()
			locations[i] = act(twin)
		})
	}
	group.Wait()
	return locations
}

// authorized begins a sign-in for the shop, another client of the instance.
func (w *world) authorized(asked url.Values) (address string) {
	w.t.Helper()
	id, err := w.zitadel.Authorize(w.other.ClientID, w.app+"/cb", asked)
	w.must(err)
	return w.auth + "/login?authRequest=" + id
}

// asked counts the calls of a route since the last reset.
func (w *world) asked(route string) (n int) {
	for _, call := range w.calls() {
		if call == route {
			n++
		}
	}
	return n
}

const (
	startIntent    = "POST /v2/idp_intents"
	retrieveIntent = "POST /v2/idp_intents/{id}"
	makeSession    = "POST /v2/sessions"
	makeUser       = "POST /v2/users/human"
)

// isNobody fails if the browser is signed in anywhere.
func (w *world) isNobody(t *testing.T, b *browser) {
	t.Helper()
	if status, answer := w.session(b); status != http.StatusUnauthorized {
		t.Errorf("signed in: %v", answer)
	}
	b.open(w.auth + "/signedin").at("/loginname")
}
