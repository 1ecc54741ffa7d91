package templates

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"torhaus/locale"
	"torhaus/static"
)

// stage serves the stories under a strict content security policy, and counts
// the forms that arrive.
type stage struct {
	*httptest.Server
	posts atomic.Int32
	form  atomic.Pointer[url.Values] // the last one
	path  atomic.Pointer[string]     // where it went
	shown atomic.Pointer[Page]       // what is at /page
}

func newStage(t *testing.T) *stage {
	t.Helper()
	r := renderer(t)
	s := &stage{}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", static.Handler(static.Config{}))
	mux.HandleFunc("GET /story/{language}/{page}/{state}", func(w http.ResponseWriter, req *http.Request) {
		text, _ := locale.Lookup(req.PathValue("language"))
		for _, story := range Stories(text) {
			if story.Name == req.PathValue("page")+"/"+req.PathValue("state") {
				s.show(t, w, r, story.Page)
				return
			}
		}
		http.NotFound(w, req)
	})
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) { s.show(t, w, r, *s.shown.Load()) })
	mux.HandleFunc("POST /complaint", func(_ http.ResponseWriter, req *http.Request) {
		report, err := io.ReadAll(req.Body)
		t.Errorf("the content security policy was broken: %s %v", report, err)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
		s.posts.Add(1)
		s.form.Store(&req.PostForm)
		s.path.Store(&req.URL.Path)
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>Next</title><p id=next>next"))
	})
	mux.HandleFunc("GET /theme/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 60" width="300" height="60"/>`))
	})
	mux.HandleFunc("GET /favicon.ico", http.NotFound)
	mux.HandleFunc("GET /ui/", func(w http.ResponseWriter, req *http.Request) { static.Handler(static.Config{}).ServeHTTP(w, req) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *stage) show(t *testing.T, w http.ResponseWriter, r *Renderer, p Page) {
	var b bytes.Buffer
	if err := r.Render(&b, p); err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; report-uri /complaint")
	b.WriteTo(w)
}

// browser is a tab in a Chromium, or the test is skipped.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs Chromium: not found on this machine")
	}
	if testing.Short() {
		t.Skip("needs Chromium: skipped with -short")
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path), chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(time.Minute))
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	do(t, tab, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
	// A bound for what hangs, not a measure of speed.
	limited, cancel := context.WithTimeout(tab, 5*time.Minute)
	t.Cleanup(cancel)
	return limited
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates a script in the page. It works where the page's own are off.
func ask[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// await waits until the condition holds. The time-out is for what never will.
func await(t *testing.T, ctx context.Context, condition string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		if err == nil && holds {
			return
		}
		// A page that is just being left answers with an error.
		if time.Now().After(deadline) {
			t.Fatalf("%s never came true: %v", condition, err)
		}
	}
}

// TestBrowserEveryPageFits opens every story in a window of 320 px, the width of WCAG's
// reflow: nothing scrolls sideways, nothing that can be pressed is smaller than
// it may be, and the content security policy has nothing to say.
func TestBrowserEveryPageFits(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx, chromedp.EmulateViewport(320, 640, chromedp.EmulateMobile))
	for _, language := range locale.Languages() {
		text, _ := locale.Lookup(language.Tag)
		for _, story := range Stories(text) {
			do(t, ctx, chromedp.Navigate(s.URL+"/story/"+language.Tag+"/"+story.Name))
			for _, misfit := range ask[[]string](t, ctx, misfits) {
				t.Errorf("%s %s: %s", language.Tag, story.Name, misfit)
			}
		}
	}
}

// misfits lists what is wrong with the layout: sideways scrolling, boxes that
// leave the page, and targets under WCAG 2.5.8's 24 px. Links within a sentence
// are exempt there, as here.
const misfits = `(() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("scrolls sideways: " + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll("main *, footer *")) {
    const box = e.getBoundingClientRect();
    if (e.closest(".vh, svg") || !box.width || getComputedStyle(e).opacity === "0") continue;
    if (box.left < 0 || box.right > innerWidth + 0.5) wrong.push(e.tagName + " leaves the page: " + e.textContent);
    const sentence = e.tagName === "A" && e.matches("label a, .summary a");
    if (e.matches("a, button, input, select") && !sentence && !(e.labels?.length && e.matches("[type=checkbox], [type=radio]"))
        && (box.height < 24 || box.width < 24)) wrong.push(e.tagName + " is small: " + e.textContent + " " + box.width + "×" + box.height);
  }
  return wrong;
})()`

// button is what can be seen of the show button, and of its input.
const button = `(() => { const b = document.querySelector(".reveal");
  return [document.querySelector("#password").type, b.ariaLabel, b.textContent, String(b.hidden)].join() })()`

func TestBrowserShowPassword(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx, chromedp.Navigate(s.URL+"/story/en/password/empty"), chromedp.SendKeys(chromedp.CSS("#password"), "secret"))
	for _, want := range []string{
		"password,Show password,Show,false", "text,Hide password,Hide,false", "password,Show password,Show,false",
	} {
		if got := ask[string](t, ctx, button); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		do(t, ctx, chromedp.Click(chromedp.CSS(".reveal")))
	}
}

// TestBrowserSubmitOnce presses three times before any answer can come.
func TestBrowserSubmitOnce(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx,
		chromedp.Navigate(s.URL+"/story/en/password/empty"),
		chromedp.SendKeys(chromedp.CSS("#password"), "secret"),
		chromedp.Click(chromedp.CSS(".reveal")))
	got := ask[string](t, ctx, `(() => {
		const main = document.querySelector("[data-testid=submit-button]");
		for (let i = 0; i < 3; i++) main.click();
		return main.getAttribute("aria-disabled") + "," + `+button+`;
	})()`)
	if got != "true,password,Show password,Show,false" {
		t.Errorf("not busy, or a shown password was sent as text, which browsers keep: %s", got)
	}
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#next")))
	if got := s.posts.Load(); got != 1 {
		t.Errorf("%d forms arrived, want 1", got)
	}
}

// TestBrowserBackFromCache: a page that comes out of the back/forward cache is as it
// was left, busy; it must be freed.
func TestBrowserBackFromCache(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx, chromedp.Navigate(s.URL+"/story/en/password/empty"))
	got := ask[[]int](t, ctx, `(() => {
		const busy = () => document.querySelectorAll("[data-busy], [aria-disabled]").length;
		const form = document.querySelector("form[method=post]");
		form.addEventListener("submit", (event) => event.preventDefault()); // stay here
		form.requestSubmit();
		const seen = [busy()];
		for (const persisted of [false, true]) {
			dispatchEvent(new PageTransitionEvent("pageshow", { persisted }));
			seen.push(busy());
		}
		return seen;
	})()`)
	if want := []int{2, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("busy marks %v, want %v", got, want)
	}
}

func TestBrowserRulesAsTyped(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	const list = `[...document.querySelectorAll("[data-rule]")].map((e) => e.dataset.rule + e.lastElementChild.textContent).join(", ")`
	do(t, ctx, chromedp.Navigate(s.URL+"/story/en/password-set/sent"))
	for _, step := range []struct{ typed, want string }{
		{"", "length (Doesn't match), symbol (Doesn't match), number (Doesn't match), uppercase (Doesn't match), lowercase (Doesn't match)"},
		{"Ab1", "length (Doesn't match), symbol (Doesn't match), number (Matches), uppercase (Matches), lowercase (Matches)"},
		{" üüüü", "length (Matches), symbol (Matches), number (Matches), uppercase (Matches), lowercase (Matches)"},
	} {
		do(t, ctx, chromedp.SendKeys(chromedp.CSS("#password"), step.typed))
		if got := ask[string](t, ctx, list); got != step.want {
			t.Errorf("after %q: %s", step.typed, got)
		}
	}
}

// TestBrowserFocus: the field that a page is about has it, or what went wrong.
func TestBrowserFocus(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	for story, want := range map[string]string{
		"loginname/empty": "#loginName", "password/empty": "#password", "verify/sent": "#code",
		"password-set/link": "#password", "password-change/own": "#current", "register/empty": "#givenName",
		"code/app": "#code", "code-set/phone": "#phone", "passkey/refused": ".summary",
		"loginname/unknown": ".summary", "password/wrong": ".summary",
	} {
		do(t, ctx, chromedp.Navigate(s.URL+"/story/en/"+story))
		await(t, ctx, `document.activeElement.matches("`+want+`")`)
	}
}

// TestBrowserLanguageButton: hidden while there is nothing to change, there for the
// keyboard, and shown once another language is chosen. No script takes part.
func TestBrowserLanguageButton(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}), chromedp.Navigate(s.URL+"/story/en/loginname/empty"))
	const opacity = `getComputedStyle(document.querySelector(".language button")).opacity`
	for _, step := range []struct{ act, want string }{
		{`1`, "0"},
		{`document.querySelector(".language button").focus()`, "1"},
		{`document.activeElement.blur()`, "0"},
		{`document.querySelector("#lang").value = "de"`, "1"},
	} {
		if got := ask[string](t, ctx, step.act+";"+opacity); got != step.want {
			t.Errorf("after %s the opacity is %s, want %s", step.act, got, step.want)
		}
	}
}
