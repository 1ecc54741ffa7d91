package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"torhaus/templates"
)

// Selectors of what our pages are operated by.
const (
	submitButton = `[data-testid="submit-button"]`
	resetButton  = `[data-testid="reset-button"]`
	summary      = `.summary`
	reveal       = `.reveal`
)

// open types an address.
func (b *tab) open(address string) *tab {
	b.t.Helper()
	b.leave()
	if answer := tell(b, page.Navigate, page.NavigateParams{URL: address}); answer.ErrorText != "" {
		b.t.Fatalf("%s: %s", address, answer.ErrorText)
	}
	return b
}

// back presses the browser's back button.
func (b *tab) back() *tab {
	b.t.Helper()
	b.leave()
	history := tell(b, page.GetNavigationHistory, cdp.Empty{})
	entry := history.Entries[history.CurrentIndex-1]
	tell(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: entry.ID})
	return b
}

// leave marks the page that is about to be left, so that arriving is told from
// not having left yet, even where the next page has the same address.
func (b *tab) leave() {
	b.t.Helper()
	b.left++ // another mark each time, for a page may come back as it was left
	ask[int](b, fmt.Sprintf("(document.documentElement.dataset.left = %d)", b.left))
}

// at waits for the next page, which must have this address, and looks it over.
func (b *tab) at(address string) *tab {
	b.t.Helper()
	b.arrive(address)
	b.until("a heading", `document.querySelector("h1")`) // the app's script writes its own
	b.audit()
	b.shoot()
	return b
}

// arrive waits for the next page and no more.
func (b *tab) arrive(address string) {
	b.t.Helper()
	b.until("a page to load", fmt.Sprintf(`document.readyState === "complete" && location.protocol === "http:" && document.documentElement.dataset.left !== "%d"`, b.left))
	if got := ask[string](b, "location.origin + location.pathname"); got != address {
		b.t.Fatalf("arrived elsewhere, want %s\n%s", address, b.describe())
	}
	// Focus comes with the first frame that is drawn, after the page has loaded.
	b.until("the first field to have the focus", `[null, document.activeElement].includes(document.querySelector("[autofocus]"))`)
}

// point is a place in the window.
type point [2]float64

// find is where an element can be clicked. What is covered by something else
// cannot, as in life.
func (b *tab) find(selector string) point {
	b.t.Helper()
	b.until(selector+" to be visible", element(selector)+"?.checkVisibility()")
	middle := ask[[]float64](b, `(() => {
		const e = `+element(selector)+`;
		e.scrollIntoView({ block: "nearest", behavior: "instant" });
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})()`)
	if len(middle) == 0 {
		b.t.Fatalf("%s is covered\n%s", selector, b.describe())
	}
	return point(middle)
}

// click presses and releases the mouse in the middle of an element.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.clickAt(b.find(selector))
}

// clickAt clicks a place. Unlike find it may be called while a page is on its
// way: Chromium then keeps questions to the old page waiting, but not the mouse.
func (b *tab) clickAt(place point) {
	b.t.Helper()
	for _, kind := range []input.DispatchMouseEventType{chromedp.MousePressed, chromedp.MouseReleased} {
		tell(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: place[0], Y: place[1], Button: input.MouseButtonLeft, ClickCount: 1,
		})
	}
}

// press clicks what leads to another page.
func (b *tab) press(selector string) *tab {
	b.t.Helper()
	b.leave()
	b.click(selector)
	return b
}

// key presses keys of the keyboard.
func (b *tab) key(keys string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatalf("key %q: %v", keys, err)
	}
}

// fill writes into fields by name, in place of what stands there.
func (b *tab) fill(values map[string]string) *tab {
	b.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := fmt.Sprintf("input[name=%q]", name)
		b.click(field)
		ask[bool](b, element(field)+".select() ?? true")
		tell(b, input.InsertText, input.InsertTextParams{Text: values[name]})
		if got := b.value(name); got != values[name] {
			b.t.Fatalf("%s holds %q after typing %q", name, got, values[name])
		}
	}
	return b
}

// value is what stands in a field.
func (b *tab) value(name string) string {
	b.t.Helper()
	return ask[string](b, element(fmt.Sprintf("input[name=%q]", name))+".value")
}

// text is what an element says, "" if there is none.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return ask[string](b, element(selector)+`?.textContent.trim() ?? ""`)
}

// visible says whether an element is there to be seen.
func (b *tab) visible(selector string) bool {
	b.t.Helper()
	return ask[bool](b, element(selector)+"?.checkVisibility() ?? false")
}

// element is the script that finds an element.
func element(selector string) string {
	quoted, err := json.Marshal(selector)
	if err != nil {
		panic(err) // a string always encodes
	}
	return "document.querySelector(" + string(quoted) + ")"
}

// here is the page's own address.
func (b *tab) here() string {
	b.t.Helper()
	return ask[string](b, "location.href")
}

// cookies are those that would be sent to an address.
func (b *tab) cookies(address string) map[string]*network.Cookie {
	b.t.Helper()
	all := map[string]*network.Cookie{}
	for _, c := range tell(b, network.GetCookies, network.GetCookiesParams{URLs: []string{address}}).Cookies {
		all[c.Name] = c
	}
	return all
}

// startSignIn goes from the demo app to the page that asks for the login name.
func (b *tab) startSignIn() *tab {
	b.t.Helper()
	b.open(b.app.url() + "/").at(b.app.url() + "/")
	if b.script {
		b.until("the app to know that nobody is signed in", `document.querySelector("a[data-path='/login']")`)
		b.press("a[data-path='/login']")
	} else {
		b.press("noscript a")
	}
	return b.at(b.auth.url() + "/loginname")
}

// nameAlice goes on to the page that asks for the password.
func (b *tab) nameAlice() *tab {
	b.t.Helper()
	return b.fill(map[string]string{templates.FieldLoginName: "alice@example.com"}).press(submitButton).at(b.auth.url() + "/password")
}

// signIn signs alice in to the demo app.
func (b *tab) signIn() *tab {
	b.t.Helper()
	b.startSignIn().nameAlice().fill(map[string]string{templates.FieldPassword: password}).press(submitButton)
	return b.home("Alice Example")
}

// home expects the demo app, and that it knows who is there: by its own script
// or, where that may not run, by torhaus's answer to it.
func (b *tab) home(name string) *tab {
	b.t.Helper()
	b.at(b.app.url() + "/")
	if b.script {
		b.until("the app to greet "+name, fmt.Sprintf(`document.querySelector("h1")?.textContent === "Hello, %s"`, name))
		return b
	}
	if got := b.session(); !strings.Contains(got, name) {
		b.t.Errorf("the app is told %s, want %s", got, name)
	}
	return b
}

// session is what torhaus says about this browser, read as a page; then the
// visitor goes back to the app.
func (b *tab) session() string {
	b.t.Helper()
	b.open(b.auth.url() + "/session").arrive(b.auth.url() + "/session")
	answer := ask[string](b, "document.body.innerText")
	b.open(b.app.url() + "/").arrive(b.app.url() + "/")
	return answer
}
