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

	"torhaus/locale"
	"torhaus/templates"
	"torhaus/zitadelclient/zitadeltest"
)

// A first visit, with nothing cached: at most 5 requests and 40 KB, headers
// included. The redirect from /login to the first step is not the page's.
func TestBrowserColdPage(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	b.open(b.auth.url() + "/login?return_to=" + url.QueryEscape(b.app.url()+"/")).at(b.auth.url() + "/loginname")
	b.wait("the icon, which comes last", func(context.Context) bool { return b.seen.settled("/static/icon.") })
	requests, bytes := b.cost(0)
	t.Logf("the first page: %d requests, %d bytes", requests, bytes)
	if requests < 3 || requests > 5 {
		t.Errorf("the first page costs %d requests, want at most 5: %+v", requests, b.seen.all())
	}
	if bytes < 4_000 || bytes > 40_000 {
		t.Errorf("the first page costs %d bytes, want at most 40000: %+v", bytes, b.seen.all())
	}
	// The second page has its sheet and script already.
	before := len(b.seen.all())
	b.nameAlice()
	b.wait("the page to be whole", func(context.Context) bool { return b.seen.settled("/password") })
	requests, bytes = b.cost(before)
	t.Logf("the second page: %d requests, %d bytes", requests, bytes)
	if requests != 1 || bytes > 8_000 {
		t.Errorf("the second page costs %d requests and %d bytes, want one of at most 8000: %+v", requests, bytes, b.seen.all()[before:])
	}
}

// cost counts what the network brought since the request with this number, but
// for redirects.
func (b *tab) cost(since int) (requests, bytes int) {
	for _, r := range b.seen.all()[since:] {
		if r.finished && !r.redirect && !r.cached {
			requests, bytes = requests+1, bytes+int(r.bytes)
		}
	}
	return requests, bytes
}

// An organization that wants one scheme gets it, whatever the visitor prefers.
func TestBrowserThemeMode(t *testing.T) {
	for _, test := range []struct{ mode, prefers, want string }{
		{"THEME_MODE_DARK", "light", "dark"}, {"THEME_MODE_LIGHT", "dark", "light"},
		{"THEME_MODE_AUTO", "dark", "dark"}, {"THEME_MODE_AUTO", "light", "light"},
	} {
		t.Run(test.mode+" "+test.prefers, func(t *testing.T) {
			b := openTab(t, startProduct(t, func(p *product) {
				p.zitadel.SetBranding("", func(b *zitadeltest.Branding) { b.ThemeMode = test.mode })
			}), true)
			b.prefer(test.prefers)
			b.open(b.auth.url() + "/loginname").arrive(b.auth.url() + "/loginname")
			scheme := ask[string](b, `(() => {
				const rgb = getComputedStyle(document.querySelector("main")).backgroundColor.match(/\d+/g).map(Number);
				return Math.max(...rgb.slice(0, 3)) < 100 ? "dark" : "light";
			})()`)
			if scheme != test.want {
				t.Errorf("the page is %s, want %s", scheme, test.want)
			}
		})
	}
}

// TestBrowserWatch shows the watch what it must see, so that its silence in
// other tests means something.
func TestBrowserWatch(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "style-src 'none'; form-action 'self'")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><style>p {}</style><script>console.error("said"); setTimeout(() => { throw new Error("thrown") })</script>` +
			`<form action="http://elsewhere.localhost/" method="post"><button>Send</button></form><img src="/missing.png">`))
	}))
	t.Cleanup(server.Close)
	b.open("http://faulty.localhost" + server.URL[strings.LastIndex(server.URL, ":"):] + "/")
	b.until("the page to load", `document.readyState === "complete" && document.forms.length`)
	b.click("button")
	for _, want := range []string{"console.error", "exception: ", "style-src", "form-action", "404"} {
		b.wait("the watch to see "+want, func(context.Context) bool {
			return slices.ContainsFunc(b.seen.complaints(), func(s string) bool { return strings.Contains(s, want) })
		})
	}
	b.seen.forgive()
}

// The gallery shows each page with all that belongs to it: one state of every
// page, and every theme. With TORHAUS_SCREENSHOTS=DIR it takes pictures of every
// state in every language.
func TestBrowserGallery(t *testing.T) {
	b := openTab(t, startProduct(t), true)
	seen := map[string]bool{}
	for _, language := range locale.Languages() {
		text, _ := locale.Lookup(language.Tag)
		for i, story := range templates.Stories(text) {
			page, _, _ := strings.Cut(story.Name, "/")
			if screenshots == "" && seen[page] {
				continue
			}
			seen[page] = page != "theme"
			address := fmt.Sprintf("%s/story/%s/%d", b.gallery.url(), language.Tag, i)
			b.open(address).arrive(address)
			if screenshots != "" {
				b.shootAs("story-" + language.Tag + "-" + story.Name)
			}
		}
	}
}
