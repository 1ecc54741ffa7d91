package main

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// newChromium starts a headless Chromium, or skips where there is none.
func newChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here: make test installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab); err != nil { // starts it, so that a time-out later ends one step and not the browser
		t.Fatalf("start chromium: %v", err)
	}
	return tab
}

// text is the visible text of an element, once there is one.
func text(t *testing.T, tab context.Context, selector string) string {
	t.Helper()
	got, err := chromedp.Run(tab, chromedp.Text(selector))
	if err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
	return got
}

// do runs steps that together must not take longer than a patient person waits.
func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// TestBrowserDemoApp signs in and out of the demo app as a person does. It
// proves what no HTTP client can: that a real browser stores and shares the
// cookies on *.localhost, lets the last form end at another origin, and gives
// the app's script an answer but no cookie.
func TestBrowserDemoApp(t *testing.T) {
	tab := newChromium(t)
	p := startProduct(t)
	do(t, tab,
		chromedp.Navigate(p.app.url()),
		chromedp.Click(`a[data-path="/login"]`),
		chromedp.SendKeys(`[data-testid="username-text-input"]`, "alice\r"),
		chromedp.SendKeys(`[data-testid="password-text-input"]`, password+"\r"),
		chromedp.WaitVisible(`dd[data-email]`),
	)
	if got := text(t, tab, `h1`); got != "Hello, Alice Example" {
		t.Errorf("the app greets with %q", got)
	}
	if got := text(t, tab, `dd[data-email]`); got != "alice@example.com" {
		t.Errorf("the app knows the address %q", got)
	}
	cookies, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.cookie`))
	if err != nil || cookies != "" {
		t.Errorf("the app's script reads cookies: %q, %v", cookies, err)
	}
	do(t, tab, chromedp.Click(`form button`), chromedp.WaitVisible(`a[data-path="/login"]`))
	if got := text(t, tab, `h1`); got != "You are not signed in" {
		t.Errorf("after the sign-out the app says %q", got)
	}
}
