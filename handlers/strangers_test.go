package handlers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"torhaus/handlers"
)

// Whoever is nobody leaves nothing behind: no record, no bucket and no cookie, at any
// route, in any way, unless it is a sign-in that begins. A crawler fills no Redis.
func TestStrangersLeaveNothing(t *testing.T) {
	store := &countingStore{}
	w := newWorld(t, func(w *world, _ *handlers.Config) {
		if store.Store == nil {
			store.Store, w.store = w.store, store
		}
	})
	newBrowser(t).open(w.auth + "/loginname") // warm
	ask := func(handler http.Handler, r *http.Request) {
		t.Helper()
		store.operations = nil
		response := serve(handler, r)
		given := slices.DeleteFunc(response.Cookies(), func(c *http.Cookie) bool { return c.MaxAge < 0 }) // what a sign-out clears
		begins := len(given) == 1 && strings.HasPrefix(given[0].Name, "__Host-attempt-")
		writes := slices.DeleteFunc(store.operations, func(operation string) bool { return operation == "get" })
		if !begins && (len(writes) > 0 || len(given) > 0) {
			t.Errorf("%s %s: %v, sets %v", r.Method, r.RequestURI, writes, given)
		}
		if begins && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			t.Errorf("%s %s begins a sign-in though nobody looks at it", r.Method, r.RequestURI)
		}
	}
	for _, pattern := range w.routes() {
		path := strings.NewReplacer("{provider}", "1", "{handle}", "none", "{file}", "none.css", "*", "none.js").Replace(pattern)
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS"} {
			for _, header := range []http.Header{{}, navigation(), fetched()} {
				for _, cookie := range []string{"", "__Secure-torhaus=v1." + strings.Repeat("A", 43), "__Host-accounts=AAAA; __Host-attempt-aaaaaaaaaa=AAAA"} {
					form := map[string]string{"POST": "logout_token=eyJ.e30.x&a=b"}[method]
					r := httptest.NewRequest(method, w.auth+path, strings.NewReader(form))
					r.Header = header.Clone()
					r.Header.Set("Origin", w.auth)
					if method == "POST" {
						r.Header.Set("Content-Type", formType)
					}
					if cookie != "" {
						r.Header.Set("Cookie", cookie)
					}
					if method == "HEAD" && pattern == "/session/events" || header.Get("Sec-Fetch-Mode") == "" && method == "GET" {
						r.Header.Set("Sec-Fetch-Mode", "no-cors") // an image
					}
					ask(w.server.Config.Handler, r)
				}
			}
		}
	}
	for _, kind := range proxies {
		for _, header := range []http.Header{navigation(), fetched()} {
			ask(w.last.ForwardAuth(), w.questionOf(kind, nil, question{header: header}))
		}
	}
}

// A user has twenty sessions; who signs in once more ends the oldest, and no other.
func TestTwentyFiveSignIns(t *testing.T) {
	w := newWorld(t)
	var browsers []*browser
	for i := range 25 {
		b := newBrowser(t)
		b.header.Set("User-Agent", fmt.Sprint("browser/", i))
		w.signIn(b)
		browsers = append(browsers, b)
		w.zitadel.Advance(minute)
	}
	for i, b := range browsers {
		if status, _ := w.session(b); (status == http.StatusOK) != (i >= 5) {
			t.Errorf("the session of sign-in %d: %d", i, status)
		}
	}
	if n := len(w.places(browsers[24])); n != 20 {
		t.Errorf("%d sessions are listed", n)
	}
}

// Nothing but the form signs out: no address, image or prefetch does, and the page after
// it signs nobody in again by itself. No address holds an ID token on the way.
func TestOnlyTheFormSignsOut(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, header := range []http.Header{
		navigation(), {"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}, "Sec-Fetch-Site": {"cross-site"}}, {"Sec-Purpose": {"prefetch"}}, {},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			b.header = header
			for _, path := range []string{"/logout", "/logout?everywhere=true&action=everywhere", "/logout/done", "/logout?post_logout_redirect=" + url.QueryEscape(w.app)} {
				response := b.do(method, w.auth+path, nil)
				_ = response.Body.Close()
				if response.Header.Get("Clear-Site-Data") != "" || response.Header.Get("Set-Cookie") != "" {
					t.Errorf("%s %s: %v", method, path, response.Header)
				}
			}
		}
	}
	b.header = http.Header{}
	w.alone(map[string]*browser{"here": b}, nil)
	page := b.open(w.auth + "/logout").fill(nil).at("/logout/done")
	hops := slices.Clone(b.hops)
	if page.onward() != "" || page.header.Get("Refresh") != "" {
		t.Errorf("the page leads on to %s", page.onward())
	}
	b.open(page.url.String()).at("/logout/done")
	w.alone(nil, map[string]*browser{"here": b})
	b.open(w.auth + "/login?prompt=none&return_to=" + w.app + "/quiet").at("/quiet")
	for _, hop := range append(hops, b.hops...) {
		if strings.Contains(hop, "id_token") || strings.Contains(hop, "eyJ") || !strings.HasPrefix(hop, w.auth) && !strings.HasPrefix(hop, w.app) {
			t.Errorf("the browser was sent to %s", hop)
		}
	}
	w.alone(nil, map[string]*browser{"here": b})
}
