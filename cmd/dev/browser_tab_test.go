package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The tests named TestBrowser… drive the whole product in a real Chromium, with
// JavaScript and without: what the journeys of handlers cannot see, such as
// policies that a browser enforces, focus, layout, caches and cookies' reach.

// patience bounds every wait. It is for machines that do something else, too:
// nothing passes or fails by being fast.
const patience = 30 * time.Second

// chromium is the browser of this test binary, started by the first test that
// wants one.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

var errNoChromium = errors.New("no chromium here: install Debian's package chromium")

// TestMain ends the browser that the tests have started.
func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(code)
}

// startChromium starts the browser in a profile of its own. It resolves
// *.localhost alone, so that a page which asks a third party for something
// fails here, even on a machine without a network.
func startChromium() {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		chromium.err = errNoChromium
		return
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.Flag("headless", "new"),
		chromedp.NoSandbox, // CI runs as root
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 800),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-features", "Translate"),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE *.localhost"),
		chromedp.WSURLReadTimeout(patience),
	)
	ctx, stop := chromedp.NewContext(allocator)
	chromium.ctx = ctx
	chromium.stop = func() {
		// Gracefully, or the browser would leave its temporary files behind.
		bounded, cancel := context.WithTimeout(ctx, patience)
		if err := chromedp.Cancel(bounded); err != nil {
			fmt.Fprintln(os.Stderr, "chromium did not end well:", err)
		}
		cancel()
		stop()
		stopAllocator()
	}
	chromium.err = chromedp.Do(ctx)
}

// tab is a visitor: a browser profile without a past, and one open page.
type tab struct {
	*product
	t      *testing.T
	ctx    context.Context
	script bool // JavaScript is on
	seen   *watch
	shots  int // screenshots taken
	left   int // pages left, see leave
}

// openTab opens an empty page, or skips the test where there is no Chromium.
// When the test ends, whatever the browser complained about fails it.
func openTab(t *testing.T, p *product, script bool) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no real browser")
	}
	chromium.once.Do(startChromium)
	if errors.Is(chromium.err, errNoChromium) {
		t.Skip(chromium.err)
	}
	if chromium.err != nil {
		t.Fatalf("chromium: %v", chromium.err)
	}
	seen := &watch{}
	ctx, closeTab := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(seen.note))
	b := &tab{product: p, t: t, ctx: ctx, script: script, seen: seen}
	t.Cleanup(func() {
		closeTab()
		b.seen.judge(t)
	})
	// The first call makes the tab, which lives as long as that call's context.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("new tab: %v", err)
	}
	tell(b, audits.Enable, cdp.Empty{})
	// A page in the background would have no focus.
	tell(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
	b.prefer("light")
	return b
}

// withAndWithoutScript runs a journey twice, in worlds of their own.
func withAndWithoutScript(t *testing.T, journey func(b *tab), changes ...func(*product)) {
	t.Helper()
	t.Run("script", func(t *testing.T) { journey(openTab(t, startProduct(t, changes...), true)) })
	t.Run("no script", func(t *testing.T) { journey(openTab(t, startProduct(t, changes...), false)) })
}

// tell sends a command of the DevTools protocol to the tab.
func tell[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", command.Method, err, b.describe())
	}
	return result
}

// ask has the page evaluate an expression. Chromium does so for its tools even
// where pages may not run scripts.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", expression, err, b.describe())
	}
	return answer
}

// until waits for the page to say yes. Questions that a page cannot answer
// because it is about to be replaced are asked again.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	b.wait(what, func(ctx context.Context) bool {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && yes
	})
}

// wait asks again and again until the answer is yes.
func (b *tab) wait(what string, yes func(context.Context) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	again := time.NewTicker(15 * time.Millisecond)
	defer again.Stop()
	for !yes(ctx) {
		select {
		case <-again.C:
		case <-ctx.Done():
			b.t.Fatalf("waited in vain for %s\n%s", what, b.describe())
		}
	}
}

// describe is the page for a person who reads a failure.
func (b *tab) describe() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	page, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[location.href, document.title, document.body?.innerText].join("\n")`))
	if err != nil {
		page = err.Error()
	}
	return "at " + page + "\ndocuments: " + strings.Join(b.seen.documents(), " → ") + "\ncomplaints: " + strings.Join(b.seen.complaints(), "; ")
}
