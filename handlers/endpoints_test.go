package handlers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"torhaus/handlers"
)

// answer is what a script got.
type answer struct {
	status int
	header http.Header
	body   string
}

// script asks as the app's page does.
func (w *world) script(b *browser, method, path string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.auth+path, nil)
	w.must(err)
	r.Header.Set("Origin", w.app)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Site", "same-site")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	response, err := b.client.Do(r)
	w.must(err)
	defer response.Body.Close()
	auditCookies(w.t, response)
	body, err := io.ReadAll(response.Body)
	w.must(err)
	return answer{response.StatusCode, response.Header, string(body)}
}

// problem fails unless the answer is a problem document of this status, whose id
// is in the log.
func (a answer) problem(w *world, status int) {
	w.t.Helper()
	var body struct {
		Type, Title string
		Status      int
		ErrorID     string `json:"error_id"`
	}
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &body) != nil {
		w.t.Errorf("%d %v %s; want a problem of status %d", a.status, a.header, a.body, status)
		return
	}
	if body.Status != status || body.Title == "" || body.Type == "" || len(body.ErrorID) < 8 || !strings.Contains(w.log(), `"error_id":"`+body.ErrorID+`"`) {
		w.t.Errorf("problem %s, and its id is not in the log", a.body)
	}
}

// endpoint is a route that apps' scripts call.
type endpoint struct{ method, path string }

// endpoints are all of them. What would stream is asked for its headers.
var endpoints = []endpoint{
	{"GET", "/session"}, {"HEAD", "/session"}, {"HEAD", "/session/events"},
	{"GET", "/sessions"}, {"DELETE", "/sessions"}, {"DELETE", "/sessions/none"}, {"POST", "/session/refresh"},
}

func (e endpoint) writes() bool { return e.method != "GET" && e.method != "HEAD" }

// Whoever is not signed in is told so in one way, by every endpoint, and only to
// the apps.
func TestEndpointsToNobody(t *testing.T) {
	w := newWorld(t)
	for _, e := range endpoints {
		for _, origin := range []string{w.app, "", "null", "*", "https://evil.example.org", "http://evil.example.localhost", w.app + "0", strings.ToUpper(w.app)} {
			got := w.script(newBrowser(t), e.method, e.path, "Origin", origin)
			want := http.StatusUnauthorized
			if e.writes() && origin != w.app {
				want = http.StatusForbidden
			}
			switch {
			case e.method == "HEAD" && got.status != want:
				t.Errorf("%s %s from %q: %d", e.method, e.path, origin, got.status)
			case e.method != "HEAD":
				got.problem(w, want)
			}
			if want == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", e.method, e.path)
			}
			if got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s sets a cookie", e.method, e.path)
			}
			w.readable(e, origin, got)
		}
	}
}

// readable holds an answer to who may read it, and who may keep it.
func (w *world) readable(e endpoint, origin string, got answer) {
	w.t.Helper()
	want := map[string]string{
		"Vary": "Origin, Cookie", "Access-Control-Allow-Origin": "", "Access-Control-Allow-Credentials": "", "Cross-Origin-Resource-Policy": "same-origin",
	}
	if origin == w.app {
		want["Access-Control-Allow-Origin"], want["Access-Control-Allow-Credentials"] = w.app, "true"
		want["Cross-Origin-Resource-Policy"] = "cross-origin"
	}
	for name, value := range want {
		if sent := strings.Join(got.header.Values(name), ", "); sent != value {
			w.t.Errorf("%s %s from %q: %s is %q, want %q", e.method, e.path, origin, name, sent, value)
		}
	}
	if !strings.HasPrefix(got.header.Get("Cache-Control"), "no-store") {
		w.t.Errorf("%s %s may be stored: %q", e.method, e.path, got.header.Get("Cache-Control"))
	}
}

// What every endpoint answers to whom it serves has the same marks.
func TestEndpointsToTheApp(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, e := range endpoints {
		got := w.script(b, e.method, e.path)
		if got.status != http.StatusOK && got.status != http.StatusNoContent && got.status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", e.method, e.path, got.status, got.body)
		}
		w.readable(e, w.app, got)
	}
}

// A preflight is granted for what a route can do, and for nothing else.
func TestPreflights(t *testing.T) {
	w := newWorld(t)
	granted := map[string][]string{
		"/session": {"GET", "HEAD"}, "/session/events": {"GET", "HEAD"}, "/sessions": {"GET", "HEAD", "DELETE"}, "/sessions/none": {"DELETE"},
		"/session/refresh": {"POST"},
	}
	for path, methods := range granted {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "*"} {
			for _, origin := range []string{w.app, "http://evil.example.localhost"} {
				for _, headers := range []string{"", "if-none-match", "content-type", "x-csrf", "authorization"} {
					got := w.script(newBrowser(t), "OPTIONS", path, "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
					want := origin == w.app && slices.Contains(methods, method) && slices.Contains([]string{"", "if-none-match", "content-type"}, headers)
					if status := map[bool]int{true: 204, false: 403}[want]; got.status != status || (got.header.Get("Access-Control-Allow-Origin") == w.app) != want {
						t.Errorf("%s %s with %q from %s: %d %v", method, path, headers, origin, got.status, got.header)
					}
				}
			}
		}
	}
	if got := w.script(newBrowser(t), "OPTIONS", "/backchannel-logout", "Access-Control-Request-Method", "POST"); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("ZITADEL's own call is granted to scripts: %v", got.header)
	}
}

// Every row of the corpus about where a request comes from, at every endpoint
// that changes something: only an Origin that is listed gets through, whatever
// else is said.
func TestWritesByOrigin(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	from := strings.NewReplacer("https://example.com", w.auth, "https://trusted.example", w.app, "https://app.example.com", w.app,
		"http://app.example.com", strings.Replace(w.app, "http:", "https:", 1), "https://evil.example.com", "http://evil.example.localhost")
	for _, e := range endpoints {
		if !e.writes() {
			continue
		}
		passed := 0
		for _, row := range corpus(t, "testdata/csrf_sec_fetch.tsv") {
			site, origin, note := row[1], from.Replace(row[2]), row[4]
			if note == "own: unknown Sec-Fetch-Site value" {
				origin = w.auth
			}
			got := w.script(b, e.method, e.path, "Origin", origin, "Sec-Fetch-Site", site)
			// The rows that a form would pass without an Origin are no script's.
			allowed := row[3] == strconv.Itoa(http.StatusOK) && (origin == w.app || origin == w.auth)
			if refused := got.status == http.StatusForbidden; refused == allowed {
				t.Errorf("%s %s, %s: site=%q origin=%q: %d", e.method, e.path, note, site, origin, got.status)
			}
			if allowed {
				passed++
			}
		}
		if passed < 3 {
			t.Errorf("%s %s: only %d rows get through, so this test proves little", e.method, e.path, passed)
		}
	}
	if status, _ := w.session(b); status != http.StatusOK {
		t.Errorf("the session has gone: %d", status)
	}
	// No reading is a crime, from wherever: without CORS it is of no use.
	if got := w.script(b, "GET", "/sessions", "Origin", "http://evil.example.localhost", "Sec-Fetch-Site", "cross-site"); got.status != http.StatusOK || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("GET from elsewhere: %d %v", got.status, got.header)
	}
}

// Every Cookie line of the corpus, at every endpoint and in both modes: somebody or
// nobody, as the corpus says, never a fault, and no cookie is set or cleared.
func TestEndpointsCookieCorpus(t *testing.T) {
	inBothModes(t, func(t *testing.T, w *world, cookie string) {
		for _, c := range w.cookieCases(cookie) {
			w.zitadel.Advance(30 * second) // none of this is about limits
			for _, e := range endpoints {
				r := httptest.NewRequest(e.method, w.auth+e.path, nil)
				r.Header.Set("Origin", w.app)
				r.Header["Cookie"] = []string{c.line}
				recorder := httptest.NewRecorder()
				w.server.Config.Handler.ServeHTTP(recorder, r)
				got := recorder.Code
				if got == http.StatusNoContent || got == http.StatusNotFound {
					got = http.StatusOK // somebody is served
				}
				if !slices.Contains(c.allowed, got) {
					t.Errorf("%s %s with %.80q: %d, want one of %d", e.method, e.path, c.row, got, c.allowed)
				}
				if recorder.Header().Get("Set-Cookie") != "" {
					t.Errorf("%s %s with %.80q touches a cookie", e.method, e.path, c.row)
				}
			}
		}
	})
}

// A store that is down is 503 with a time, everywhere, and signs nobody out.
func TestEndpointsWhileTheStoreIsDown(t *testing.T) {
	w, broken := newBreakableWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	broken.broken = true
	for _, e := range endpoints {
		got := w.script(b, e.method, e.path)
		if e.method != "HEAD" {
			got.problem(w, http.StatusServiceUnavailable)
		}
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: %d %v", e.method, e.path, got.status, got.header)
		}
	}
	broken.broken = false
	if status, _ := w.session(b); status != http.StatusOK {
		t.Errorf("GET /session after: %d", status)
	}
}

// Under a base path all of it moves there, the module with it, which finds the
// endpoints from where it lies.
func TestEndpointsUnderABasePath(t *testing.T) {
	w := newWorld(t, func(_ *world, c *handlers.Config) { c.BasePath = basePath(t, "/ui/v2/login") })
	for _, e := range endpoints {
		if got := w.script(newBrowser(t), e.method, e.path); got.status != http.StatusNotFound {
			t.Errorf("%s %s at the root: %d", e.method, e.path, got.status)
		}
		if got := w.script(newBrowser(t), e.method, "/ui/v2/login"+e.path); got.status != http.StatusUnauthorized {
			t.Errorf("%s %s under the base path: %d", e.method, e.path, got.status)
		}
	}
	if got := w.receive(http.MethodPost, "/ui/v2/login/backchannel-logout", "", formType); got.status != http.StatusBadRequest {
		t.Errorf("logout tokens: %d", got.status)
	}
	module := w.script(newBrowser(t), "GET", "/ui/v2/login/static/torhaus.js")
	if module.status != http.StatusOK || module.header.Get("Access-Control-Allow-Origin") != "*" || module.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
		!strings.Contains(module.body, `new URL("..", import.meta.url)`) {
		t.Errorf("the module: %d %v", module.status, module.header)
	}
}
