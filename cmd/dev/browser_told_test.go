package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"torhaus/templates"
	"torhaus/zitadelclient"
)

// secondTab opens another tab of the same visitor.
func (b *tab) secondTab() *tab {
	b.t.Helper()
	seen := &watch{}
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithListener(seen.note))
	second := &tab{product: b.product, t: b.t, ctx: ctx, script: b.script, seen: seen}
	b.t.Cleanup(func() {
		closeTab()
		seen.judge(b.t)
	})
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("second tab: %v", err)
	}
	tell(second, audits.Enable, cdp.Empty{})
	tell(second, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return second
}

// told waits for the page to know, by itself, that nobody is signed in.
func (b *tab) told() {
	b.t.Helper()
	b.until("the page to be told of the end", `document.querySelector("h1")?.textContent === "You are not signed in"`)
	if n := b.seen.count("GET " + b.app.url() + "/"); n == 0 {
		b.t.Errorf("the page was never opened: %v", b.seen.documents())
	}
}

// streams are how often the tab has begun to listen.
func (b *tab) streams() (n int) {
	for _, r := range b.seen.all() {
		if strings.HasSuffix(r.url, "/session/events") {
			n++
		}
	}
	return n
}

// listening waits until the tab listens, or its only tab does.
func (b *tab) listening() *tab {
	b.t.Helper()
	b.wait("the page to listen", func(context.Context) bool { return b.streams() > 0 })
	return b
}

// Signed out in one tab, every other tab knows, and one of all listened for them.
func TestBrowserToldOfAnotherTab(t *testing.T) {
	first := openTab(t, startProduct(t), true)
	first.signIn().listening()
	second := first.secondTab()
	second.open(first.app.url() + "/").home("Alice Example")
	second.press("button").at(first.app.url() + "/")
	first.told()
	second.told()
	if n := first.streams() + second.streams(); n != 1 {
		t.Errorf("two tabs listen %d times", n)
	}
}

// The tab that listens is closed: another goes on.
func TestBrowserListensInTurn(t *testing.T) {
	first := openTab(t, startProduct(t), true)
	first.signIn().listening()
	second := first.secondTab()
	second.open(first.app.url() + "/").home("Alice Example")
	if n := second.streams(); n != 0 {
		t.Fatalf("the second tab listens, too: %d", n)
	}
	first.open(first.auth.url() + "/healthz").arrive(first.auth.url() + "/healthz")
	second.listening()
	elsewhere(t, first.product, http.MethodDelete, "/sessions")
	second.told()
}

// Ended, and signed in again in the tab that does not listen: the one that does goes on
// where it stopped, and both are told of the next end.
func TestBrowserListensAgain(t *testing.T) {
	first := openTab(t, startProduct(t), true)
	first.signIn().listening()
	second := first.secondTab()
	second.open(first.app.url() + "/").home("Alice Example")
	for round := 1; ; round++ {
		elsewhere(t, first.product, http.MethodDelete, "/sessions")
		first.told()
		second.told()
		if round == 2 {
			break
		}
		second.press("a[data-path='/login']").at(second.auth.url() + "/password").
			fill(map[string]string{templates.FieldPassword: password}).press(submitButton).home("Alice Example")
		first.until("the page to be told of the sign-in", `document.querySelector("h1")?.textContent === "Hello, Alice Example"`)
		first.wait("the page to listen again", func(context.Context) bool { return first.streams() == 2 })
	}
	if n := second.streams(); n != 0 {
		t.Errorf("the second tab listens, too: %d", n)
	}
}

// elsewhere signs alice in on another device, whose app asks something.
func elsewhere(t *testing.T, p *product, method, path string) {
	t.Helper()
	device := newBrowser(t)
	signIn(t, p, device, "alice")
	r, err := http.NewRequestWithContext(t.Context(), method, p.auth.url()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", p.app.url())
	answer, err := device.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s", method, path, answer.Status, body)
	}
}

// A session that is ended on another device, or at ZITADEL, ends in the page that
// shows it, while nobody touches it.
func TestBrowserToldOfTheEnd(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, p *product){
		"on another device": func(t *testing.T, p *product) { elsewhere(t, p, http.MethodDelete, "/sessions") },
		"at ZITADEL": func(t *testing.T, p *product) {
			found, err := p.client.SearchSessions(t.Context(), zitadelclient.SessionQuery{UserID: alicesID(t, p)})
			if err != nil || len(found) != 1 {
				t.Fatalf("%d ZITADEL sessions, %v", len(found), err)
			}
			if err := p.client.DeleteSession(t.Context(), zitadelclient.SessionRef{ID: found[0].ID}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := openTab(t, startProduct(t), true)
			b.signIn().listening()
			end(t, b.product)
			b.told()
		})
	}
}

// alicesID is her id at ZITADEL.
func alicesID(t *testing.T, p *product) string {
	t.Helper()
	users, err := p.client.SearchUsers(t.Context(), zitadelclient.UserQuery{LoginName: "alice"})
	if err != nil || len(users) != 1 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	return users[0].ID
}

// Signed out everywhere in one browser, the page in another one knows.
func TestBrowserSignOutEverywhere(t *testing.T) {
	p := startProduct(t)
	here, there := openTab(t, p, true), openTab(t, p, true)
	there.signIn().listening()
	here.signIn()
	here.press("button[value=everywhere]").at(p.app.url() + "/")
	here.told()
	there.told()
}
