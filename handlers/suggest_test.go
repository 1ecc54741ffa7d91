package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// suggested takes the passkey that the page offers among the suggestions for its
// field, as the page's script does.
func (p *page) suggested(a *zitadeltest.Authenticator, remember string) *page {
	p.b.t.Helper()
	form := p.find("form", func(n *html.Node) bool { return attr(n, "data-ceremony") == "conditional" })
	if form == nil {
		p.b.t.Fatalf("%s suggests no passkey:\n%s", p.url, p.text())
	}
	if p.find("input", func(n *html.Node) bool { return strings.HasSuffix(attr(n, "autocomplete"), " webauthn") }) == nil {
		p.b.t.Errorf("%s: no field for the suggestions", p.url)
	}
	credential, err := a.Get(p.options(), origin(p.b.t, "http://"+p.url.Host).String())
	if err != nil {
		p.b.t.Fatal(err)
	}
	target, err := p.url.Parse(attr(form, "action"))
	if err != nil {
		p.b.t.Fatal(err)
	}
	values := map[string][]string{"credential": {string(credential)}, "remember": {remember}}
	p.b.hops = nil
	return p.b.navigate(http.MethodPost, target.String(), values)
}

func (p *page) suggests() bool {
	return p.find("form", func(n *html.Node) bool { return attr(n, "data-ceremony") == "conditional" }) != nil
}

// withPasskey gives alice one, and signs her in with it, so that the browser
// knows her; her ZITADEL session is over by then.
func (w *world) withPasskey() (*browser, *zitadeltest.Authenticator) {
	w.t.Helper()
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", a)
	page := w.atAppAs("alice").at("/passkey").key(a, w.auth, false).at("/inbox")
	page.b.open(w.auth + "/logout")
	w.zitadel.TerminateSessions(w.alice)
	w.zitadel.Advance(minute)
	return page.b, a
}

// A browser that knows alice begins with her passkey. The page does not start by
// itself, since nobody has asked for it yet, and its button need not ask again.
func TestKnownAccountBeginsWithItsPasskey(t *testing.T) {
	w := newWorld(t)
	b, a := w.withPasskey()
	page := b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/passkey")
	if page.find("form", func(n *html.Node) bool { return has(n, "data-auto") }) != nil {
		t.Error("a ceremony that nobody asked for starts by itself")
	}
	page.key(a, w.auth, false).at("/inbox")
}

// The pages with a field offer it among the suggestions: that of the name, for
// who is asked whether it is they, and that of the password.
func TestPasskeyAmongTheSuggestions(t *testing.T) {
	for _, link := range []string{"back-button", "password-link"} {
		t.Run(link, func(t *testing.T) {
			w := newWorld(t)
			b, a := w.withPasskey()
			page := b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/passkey").follow(link)
			page.suggested(a, "").at("/inbox")
		})
	}
	t.Run("of a page that was opened bare", func(t *testing.T) {
		w := newWorld(t)
		b, a := w.withPasskey()
		b.open(w.auth+"/loginname").at("/loginname").suggested(a, "").at("/signedin")
	})
}

// The box beside the field counts for a suggested passkey, ticked or not.
func TestSuggestedPasskeyIsRemembered(t *testing.T) {
	for remember, want := range map[string]bool{"on": true, "": false} {
		w := newWorld(t)
		b, a := w.withPasskey()
		b.open(w.auth+"/loginname").at("/loginname").suggested(a, remember).at("/signedin")
		w.zitadel.Advance(13 * 60 * minute) // longer than what is forgotten with the browser
		kept := b.open(w.auth+"/login").url.Path == "/passkey"
		if kept != want {
			t.Errorf("remember=%q: the account is kept: %t, want %t", remember, kept, want)
		}
	}
}

// A passkey is suggested to whoever the browser knows, and to nobody else; and
// not for another name than its owner's.
func TestNoSuggestionForStrangers(t *testing.T) {
	w := newWorld(t)
	known, _ := w.withPasskey()
	w.zitadel.ResetCalls()
	if newBrowser(t).open(w.auth + "/loginname").at("/loginname").suggests() {
		t.Error("a stranger is suggested a passkey")
	}
	if calls := w.calls(); slices.Contains(calls, "POST /v2/sessions") {
		t.Errorf("a session was made for a stranger: %q", calls)
	}
	page := known.open(w.auth + "/loginname").at("/loginname").fill(map[string]string{"loginName": "nobody"})
	if page.with(http.StatusUnprocessableEntity).suggests() {
		t.Error("alice's passkey is suggested for another name")
	}
}

// What the browser keeps under our domain may be another's, or gone at ZITADEL:
// neither is asked about there, and only the latter is the browser told to forget.
func TestKeyThatIsNotTheUsers(t *testing.T) {
	w := newWorld(t)
	alices, bobs := zitadeltest.NewAuthenticator(), zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", alices)
	bob := w.addPerson(withoutPassword)
	w.zitadel.AddPasskey(bob, "example.localhost", bobs)
	for name, test := range map[string]struct {
		claims string // to be a key of
		forget bool
	}{
		"another's": {bob, false}, "alice's, and gone": {w.alice, true},
	} {
		t.Run(name, func(t *testing.T) {
			page := w.atAppAs("alice").at("/passkey")
			own := string(page.options())
			bobs.Lie(zitadeltest.Lie{UserHandle: test.claims})
			defer bobs.Lie(zitadeltest.Lie{})
			credential, err := bobs.Get([]byte(own[:strings.Index(own, `"allowCredentials"`)]+own[strings.Index(own, `"challenge"`):]), w.auth)
			if err != nil {
				t.Fatal(err)
			}
			w.zitadel.ResetCalls()
			page = page.fill(map[string]string{"credential": string(credential)}).at("/passkey").
				with(http.StatusUnprocessableEntity).saying("does not belong to the account")
			if slices.Contains(w.calls(), "PATCH /v2/sessions/{id}") {
				t.Error("ZITADEL was asked about a key that it was not asked for")
			}
			told := page.find("form", func(n *html.Node) bool { return has(n, "data-unknown") }) != nil
			if told != test.forget {
				t.Errorf("the browser is told to forget the key: %t, want %t", told, test.forget)
			}
		})
	}
}
