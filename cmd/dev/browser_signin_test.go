package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"torhaus/templates"
	"torhaus/zitadelclient/zitadeltest"
)

func TestBrowserSignIn(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.signIn()
		for _, document := range b.seen.documents() {
			if strings.Contains(document, b.id.url()) {
				b.t.Errorf("the browser was sent to ZITADEL: %s", document)
			}
		}
	})
}

// The session's cookie reaches the app's server, and nothing that runs in the
// app's page.
func TestBrowserSessionCookie(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.signIn()
		if got := ask[string](b, "document.cookie"); got != "" {
			b.t.Errorf("the app's script reads cookies: %s", got)
		}
		cookies := b.cookies(b.app.url() + "/")
		c := cookies["__Secure-torhaus"]
		switch {
		case len(cookies) != 1 || c == nil:
			b.t.Fatalf("%d cookies reach the app, want the session's: %v", len(cookies), cookies)
		case !c.HTTPOnly, !c.Secure, c.SameSite != "Lax", c.Path != "/", c.Domain != ".example.localhost":
			b.t.Errorf("the session's cookie lacks an attribute: %+v", *c)
		}
		for name, c := range b.cookies(b.auth.url() + "/") {
			if !c.HTTPOnly || !c.Secure || c.SameSite != "Lax" {
				b.t.Errorf("a cookie of torhaus's lacks an attribute: %s %+v", name, *c)
			}
		}
	})
}

func TestBrowserWrongPassword(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().nameAlice()
		page := b.auth.url() + "/password"
		b.fill(map[string]string{templates.FieldPassword: "wrong"}).press(submitButton).arrive(page)
		b.expectSummary("Failed to authenticate")
		b.at(page)
		if got := b.value(templates.FieldPassword); got != "" {
			b.t.Errorf("the password came back in the page")
		}
		if got := b.text(".who-name bdi"); got != "alice@example.com" {
			b.t.Errorf("who is signing in is lost: %q", got)
		}
		b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).home("Alice Example")
	})
}

// A login name that nobody has is told, kept, and put right without typing it
// all again.
func TestBrowserWrongLoginName(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn()
		page := b.auth.url() + "/loginname"
		b.fill(map[string]string{templates.FieldLoginName: "nobody@example.com"}).press(submitButton).arrive(page)
		b.expectSummary("User not found in the system")
		b.at(page)
		if got := b.value(templates.FieldLoginName); got != "nobody@example.com" {
			b.t.Errorf("what was typed is lost: %q", got)
		}
		// The problem's link leads to its field.
		b.click(summary + " a")
		b.until("the link to lead to its field", `document.activeElement.name === "loginName"`)
		b.nameAlice()
	})
}

// expectSummary expects the page to begin with a problem, which a screen reader
// then says first: with script because it has the focus, without because the
// title and the order of the page say so.
func (b *tab) expectSummary(problem string) {
	b.t.Helper()
	if got := b.text(summary); !strings.Contains(got, problem) {
		b.t.Fatalf("the summary says %q, want %q", got, problem)
	}
	if title := ask[string](b, "document.title"); !strings.HasPrefix(title, "Error: ") {
		b.t.Errorf("the title does not say that something is wrong: %q", title)
	}
	if focused := ask[bool](b, "document.activeElement === "+element(summary)); b.script && !focused {
		b.t.Errorf("the summary has not the focus, but %s", ask[string](b, "document.activeElement.outerHTML"))
	}
}

// gate holds requests up until it is opened.
type gate struct {
	arrived, open chan struct{}
}

// before puts the gate before one of ZITADEL's routes.
func (g gate) before(route string) func(*product) {
	return func(p *product) {
		zitadel := p.id.handler
		mux := http.NewServeMux()
		mux.Handle("/", zitadel)
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			g.arrived <- struct{}{}
			<-g.open
			zitadel.ServeHTTP(w, r)
		})
		p.id.handler = mux
	}
}

// A visitor who clicks twice signs in once. With script the second click does
// nothing; without it the browser sends the form twice and drops the first
// answer, and still the visitor arrives.
func TestBrowserDoubleClick(t *testing.T) {
	for _, test := range []struct {
		name   string
		script bool
		posts  int
	}{{"script", true, 1}, {"no script", false, 2}} {
		t.Run(test.name, func(t *testing.T) {
			g := gate{arrived: make(chan struct{}, 8), open: make(chan struct{})}
			b := openTab(t, startProduct(t, g.before("POST /v2/sessions")), test.script)
			b.startSignIn().nameAlice().fill(map[string]string{templates.FieldPassword: password})
			posts := func() int { return b.seen.count("POST " + b.auth.url() + "/password") }
			func() {
				defer close(g.open) // whatever happens, or the server would wait
				button := b.find(submitButton)
				b.leave()
				b.clickAt(button)
				<-g.arrived // the password is being checked
				b.clickAt(button)
				b.wait("the form to be sent", func(context.Context) bool { return posts() >= test.posts })
			}()
			b.home("Alice Example")
			if posts() != test.posts {
				t.Errorf("the form was sent %d times, want %d", posts(), test.posts)
			}
			sessions := 0
			for _, call := range b.zitadel.Calls() {
				if call.Route == "POST /v2/sessions" {
					sessions++
				}
			}
			if sessions != 1 {
				t.Errorf("two clicks signed in %d times", sessions)
			}
		})
	}
}

// The back button after a sign-in leads to no form that would ask somebody who
// is signed in for a password, and from there it is one click home.
func TestBrowserBackAfterSignIn(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().nameAlice().fill(map[string]string{templates.FieldPassword: password})
		b.press(submitButton).at(b.app.url() + "/")
		b.back().at(b.auth.url() + "/password")
		if b.visible("input") {
			b.t.Errorf("a form is shown again\n%s", b.describe())
		}
		b.press(submitButton).home("Alice Example")
	})
}

// Where ZITADEL does not hand an auth request to torhaus, the browser fetches
// it: one form, and a chain of redirects over two origins to a third.
func TestBrowserFallback(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().nameAlice()
		b.zitadel.Fault(zitadeltest.Fault{Method: "GET", Path: "/oauth/v2/authorize", Status: http.StatusFound, Times: 1})
		b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).home("Alice Example")
		for _, hop := range []string{b.id.url() + "/oauth/v2/authorize?", b.auth.url() + "/callback?"} {
			if !slices.ContainsFunc(b.seen.documents(), func(d string) bool { return strings.HasPrefix(d, "GET "+hop) }) {
				b.t.Errorf("did not come by %s: %v", hop, b.seen.documents())
			}
		}
	})
}

// Another client of the instance: the last form ends at its origin, which the
// page's policy must let through and nothing wider.
func TestBrowserOtherClient(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		shop := startShop(b)
		b.open(shop + "/").arrive(shop + "/")
		b.press("a").at(b.auth.url() + "/loginname").nameAlice()
		b.fill(map[string]string{templates.FieldPassword: password}).press(submitButton).arrive(shop + "/welcome")
		// Signed in to the shop is not signed in to our apps.
		if got := b.session(); !strings.Contains(got, "401") {
			b.t.Errorf("the demo app is told %s", got)
		}
	})
}

// startShop serves an app of somebody else's, which keeps to OIDC: a link to
// ZITADEL, and a callback that goes on within its own origin.
func startShop(b *tab) string {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	b.t.Cleanup(server.Close)
	origin := "http://shop.localhost" + server.URL[strings.LastIndex(server.URL, ":"):]
	client := b.zitadel.AddApp(zitadeltest.AppSeed{Name: "shop", RedirectURIs: []string{origin + "/cb"}})
	ask := b.id.url() + "/oauth/v2/authorize?" + url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "client_id": {client.ClientID}, "redirect_uri": {origin + "/cb"},
		"state": {"state-1"}, "code_challenge_method": {"S256"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
	}.Encode()
	say := func(html string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">%s`, html)
		}
	}
	mux.HandleFunc("GET /{$}", say(fmt.Sprintf("<h1>Shop</h1><a href=%q>Sign in</a>", ask)))
	mux.HandleFunc("GET /welcome", say("<h1>Welcome</h1>"))
	mux.HandleFunc("GET /cb", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("code") == "" || r.URL.Query().Get("state") != "state-1" {
			b.t.Errorf("the shop was answered with %s", r.URL)
		}
		http.Redirect(w, r, "/welcome", http.StatusSeeOther)
	})
	return origin
}

func TestBrowserSignOut(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.signIn()
		if b.script {
			b.press("button")
		} else {
			ask := b.auth.url() + "/logout"
			b.open(ask + "?post_logout_redirect=" + url.QueryEscape(b.app.url()+"/")).at(ask)
			b.press(submitButton)
		}
		b.at(b.app.url() + "/")
		if b.script {
			b.until("the app to know", `document.querySelector("h1").textContent === "You are not signed in"`)
		}
		if cookies := b.cookies(b.app.url() + "/"); len(cookies) != 0 {
			b.t.Errorf("cookies are left: %v", cookies)
		}
		if got := b.session(); !strings.Contains(got, "401") {
			b.t.Errorf("torhaus still says %s", got)
		}
		// The back button shows nothing of it, and a new sign-in asks again.
		b.startSignIn()
	})
}
