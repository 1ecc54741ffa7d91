package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// routes are the patterns of the public listener, as the router knows them.
func (w *world) routes() (patterns []string) {
	w.t.Helper()
	w.must(chi.Walk(w.last.Public().(chi.Routes), func(_, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
		return nil
	}))
	slices.Sort(patterns)
	return patterns
}

// The whole of what browsers reach. Whoever adds a route adds its law (TestRouteLaw)
// and its line here; what is not here is not there: nothing that users have put up, no
// sign-out by a session's bare id, nothing for operators.
func TestRoutes(t *testing.T) {
	want := strings.Fields(`
		/.well-known/change-password /.well-known/jwks.json /accounts /authenticator/set /backchannel-logout /callback /healthz /idp /idp/{provider}
		/idp/{provider}/failure /idp/{provider}/process /idp/{provider}/success /login /loginname /logout /logout/done /mfa /mfa/set /otp/email
		/otp/email/set /otp/sms /otp/sms/set /otp/time-based /otp/time-based/set /passkey /passkey/set /password /password/change /password/set
		/readyz /recovery-code /register /register/password /session /session/events /session/refresh /sessions /sessions/{handle} /signedin
		/signup /static/* /theme/{file} /u2f /u2f/set /verify /verify/success`)
	w := newWorld(t)
	if got := w.routes(); !slices.Equal(got, want) {
		t.Errorf("the routes are\n%s\nwant\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
	b := newBrowser(t)
	w.signIn(b)
	for _, path := range []string{
		"/frontchannel-logout?sid=1", "/frontchannel-logout?iss=1&sid=1", "/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/auth/nginx/default", "/auth/",
		"/avatar", "/uploads/logo.svg", "/assets/v1/users/me/avatar", "/proxy", "/api/auth", "/static/", "/static/../session",
	} {
		b.header.Set("User-Agent", "kube-probe/1.30")
		response := b.do(http.MethodGet, w.auth+path, nil)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s", path, response.Status)
		}
	}
	w.alone(map[string]*browser{"here": b}, nil)
}

// write is a request that changes something.
type write struct{ method, path string }

// script says that it is one that apps' scripts make.
func (c write) script() bool { return strings.HasPrefix(c.path, "/session") }

// writes are all that some route answers with another word than that it knows no such
// method.
func (w *world) writes() (all []write) {
	w.t.Helper()
	for _, pattern := range w.routes() {
		path := strings.NewReplacer("{provider}", "1", "{handle}", "none", "{file}", "none.css", "*", "none.js").Replace(pattern)
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			c := write{method, path}
			if status := w.from(c, nil, "same-origin", w.auth); status != http.StatusMethodNotAllowed && status != http.StatusNotFound || path == "/sessions/none" && method == "DELETE" {
				all = append(all, c)
			}
		}
	}
	return all
}

// from is what becomes of a write that comes from somewhere.
func (w *world) from(c write, visitor *browser, site, origin string) int {
	w.t.Helper()
	w.zitadel.Advance(second) // none of this is about limits
	body, contentType := "a=b", formType
	if c.script() {
		body, contentType = "", "application/json"
	}
	r := httptest.NewRequest(c.method, w.auth+c.path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	for name, value := range map[string]string{"Sec-Fetch-Site": site, "Origin": origin} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if visitor != nil {
		for _, cookie := range visitor.jar.Cookies(w.parse(w.auth)) {
			r.AddCookie(cookie)
		}
	}
	return serve(w.server.Config.Handler, r).StatusCode
}

// Every row of the corpus about where a request comes from, at everything that changes
// something: forms may come from our own pages alone, but for the one that signs out; a
// script must say that it is an app's. A sibling subdomain is as foreign as anybody.
func TestWritesByOriginOfEveryRoute(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	named := strings.NewReplacer("https://example.com", w.auth, "https://trusted.example", w.app, "https://app.example.com", w.app,
		"http://app.example.com", strings.Replace(w.app, "http:", "https:", 1), "https://evil.example.com", "http://evil.example.localhost")
	writes := w.writes()
	if len(writes) < 25 {
		t.Fatalf("only %d writes: %v", len(writes), writes)
	}
	for _, c := range writes {
		passed := 0
		for _, row := range corpus(t, "testdata/csrf_sec_fetch.tsv") {
			asked, site, origin := c, row[1], named.Replace(row[2])
			allowed := row[3] == strconv.Itoa(http.StatusOK)
			switch {
			case slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, row[0]):
				// Safe, or no method of the route: what it must not do is change anything.
				asked.method = row[0]
				if status := w.from(asked, b, site, origin); status >= 500 {
					t.Errorf("%s %s: %d", row[0], c.path, status)
				}
				continue
			case c.script():
				allowed = allowed && (origin == w.app || origin == w.auth)
			case origin == w.app:
				allowed = allowed && c.path == "/logout"
			}
			visitor := b // whose session is still there in the end
			if allowed {
				passed, visitor = passed+1, nil
			}
			if status := w.from(c, visitor, site, origin); (status == http.StatusForbidden) == allowed {
				t.Errorf("%s %s, %s: site=%q origin=%q: %d, want it allowed: %t", c.method, c.path, row[4], site, origin, status, allowed)
			}
		}
		if passed < 3 {
			t.Errorf("%s %s: only %d rows get through, so this test proves little", c.method, c.path, passed)
		}
	}
	w.alone(map[string]*browser{"here": b}, nil)
}
