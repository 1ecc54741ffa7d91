package handlers_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"torhaus/handlers"
	"torhaus/web"
)

// proxies are the kinds of proxies that may ask.
var proxies = []string{"nginx", "traefik", "caddy", "envoy"}

// peer is who sends the question, unless a test says otherwise: a proxy on this
// machine.
const peer = "127.0.0.1:4711"

// question is a visitor's request as a proxy asks about it. Whatever a proxy adds
// is added as that kind of proxy does; the header is the visitor's own.
type question struct {
	rule   string // default "default"
	method string // default GET
	host   string // default the app's
	uri    string // default /inbox?a=1
	header http.Header
	raw    http.Header // arrives as it is, whatever the proxy sets
	from   string      // default peer
}

// navigation is what a browser that goes to a page sends of itself.
func navigation() http.Header {
	return http.Header{
		"Accept":         {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"},
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"},
	}
}

// fetched is what a script's fetch sends.
func fetched() http.Header {
	return http.Header{"Accept": {"*/*"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
}

// ask sends the question as this kind of proxy does, with a browser's cookies.
func (w *world) ask(kind string, b *browser, q question) *http.Response {
	w.t.Helper()
	return serve(w.last.ForwardAuth(), w.questionOf(kind, b, q))
}

func (w *world) questionOf(kind string, b *browser, q question) *http.Request {
	w.t.Helper()
	for _, fallback := range []struct {
		value    *string
		standard string
	}{{&q.rule, "default"}, {&q.method, "GET"}, {&q.host, strings.TrimPrefix(w.app, "http://")}, {&q.uri, "/inbox?a=1"}, {&q.from, peer}} {
		if *fallback.value == "" {
			*fallback.value = fallback.standard
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/auth/"+kind+"/"+q.rule, nil)
	r.RemoteAddr = q.from
	for name, values := range q.header {
		r.Header[name] = slices.Clone(values)
	}
	if b != nil {
		u, err := url.Parse(w.app)
		w.must(err)
		for _, c := range b.jar.Cookies(u) {
			r.AddCookie(c)
		}
	}
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	switch kind {
	case "nginx":
		r.Header.Set("X-Original-URL", "http://"+q.host+q.uri)
		r.Header.Set("X-Original-Method", q.method)
	case "traefik", "caddy":
		r.Header.Set("X-Forwarded-Method", q.method)
		r.Header.Set("X-Forwarded-Proto", "http")
		r.Header.Set("X-Forwarded-Host", q.host)
		r.Header.Set("X-Forwarded-Uri", q.uri)
	case "envoy":
		r.Method, r.Host = q.method, q.host
		r.RequestURI += q.uri
	}
	maps.Copy(r.Header, q.raw)
	return r
}

// spoofed are names by which an app could be told who somebody is: those of other
// products in every spelling, our own, and what reads the same to an app that takes
// everything but letters and digits for an underscore, as behind CGI, WSGI or PHP.
func spoofed(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadFile("testdata/identity_header_names.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := append(strings.Fields(string(list)), "Forwarded", "X-Auth-Subject", "X-Auth-Organization", "X-Auth-Assertion")
	for _, name := range []string{"X-Auth-Subject", "X-Auth-Roles", "Remote-User", "X-Forwarded-User"} {
		for _, odd := range "_!#$%&'*+.^`|~" {
			names = append(names, strings.ReplaceAll(name, "-", string(odd)), strings.Replace(name, "-", string(odd), 1))
		}
	}
	if len(names) < 350 {
		t.Fatalf("only %d names", len(names))
	}
	return names
}

// identity are the headers by which an app is told who it is.
var identity = []string{"X-Auth-Subject", "X-Auth-Name", "X-Auth-Email", "X-Auth-Organization", "X-Auth-Roles", "X-Auth-Assertion", "Authorization", "Cookie"}

// lawful holds an answer to what holds for all of them: never cached, no cookie;
// whoever may pass is named in full, whoever may not is not named at all.
func lawful(t *testing.T, response *http.Response) {
	t.Helper()
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control is %q", response.Status, got)
	}
	if cookies := response.Header["Set-Cookie"]; len(cookies) > 0 {
		t.Errorf("%s: sets cookies", response.Status)
	}
	passes := response.StatusCode == http.StatusOK
	if !passes && response.StatusCode < 300 {
		t.Errorf("%s: neither a yes nor a no", response.Status)
	}
	for _, name := range identity {
		if values := response.Header[name]; passes && len(values) != 1 || !passes && len(values) != 0 {
			t.Errorf("%s: %s is %q", response.Status, name, values)
		}
	}
	if response.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Cookie realm=") {
		t.Errorf("401 with the challenge %q", response.Header.Get("WWW-Authenticate"))
	}
}

// rules writes rules into a world's configuration.
func rules(t *testing.T, text string) func(*world, *handlers.Config) {
	return func(_ *world, cfg *handlers.Config) {
		parsed, err := handlers.ParseRules(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Rules = parsed
	}
}

// loginURL is where a visitor is sent to, by a redirect or by what nginx makes one
// of; "" is nowhere.
func loginURL(t *testing.T, response *http.Response) *url.URL {
	t.Helper()
	raw := response.Header.Get("Location") + response.Header.Get("X-Auth-Login")
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serve has a handler answer a request.
func serve(handler http.Handler, r *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

// networks are those that an operator trusts.
func networks(t *testing.T, list string) []netip.Prefix {
	t.Helper()
	trusted, err := web.ParseTrustedProxies(list)
	if err != nil {
		t.Fatal(err)
	}
	return trusted
}
