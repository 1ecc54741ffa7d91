package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecurityHeaders(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
			"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
		"Referrer-Policy":              "same-origin",
		"X-Content-Type-Options":       "nosniff",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
		"Strict-Transport-Security":    "max-age=31536000; includeSubDomains",
	}
	for name, h := range map[string]Handler{
		"ok":       ok,
		"error":    func(http.ResponseWriter, *http.Request) error { return errors.New("x") },
		"redirect": func(w http.ResponseWriter, r *http.Request) error { return Redirect(w, r, Page("/login", "")) },
		"panic":    func(http.ResponseWriter, *http.Request) error { panic("x") },
	} {
		w := serve(kit(t, new(testLog), h), request("GET", "/"))
		got := map[string]string{}
		for header := range want {
			got[header] = w.Header().Get(header)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		permissions := w.Header().Get("Permissions-Policy")
		if !strings.HasPrefix(permissions, "publickey-credentials-get=(self), publickey-credentials-create=(self), ") ||
			strings.Count(permissions, "(self)") != 2 || strings.Contains(permissions, "*") {
			t.Errorf("%s: Permissions-Policy %q", name, permissions)
		}
	}
}

func TestSecurityHeadersPerRoute(t *testing.T) {
	w := serve(SecurityHeaders(0)(Adapt(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		return nil
	}, nil)), request("GET", "/static/app.css"))
	if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := w.Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS is off, got %q", got)
	}
}

func TestHost(t *testing.T) {
	for _, test := range []struct {
		public, host, path string
		want               int
	}{
		{"https://auth.example.com", "auth.example.com", "/", 200},
		{"https://auth.example.com", "AUTH.EXAMPLE.COM", "/", 200},
		{"https://auth.example.com", "auth.example.com:443", "/", 200},
		{"https://auth.example.com", "auth.example.com:80", "/", 421},
		{"https://auth.example.com", "auth.example.com:8443", "/", 421},
		{"https://auth.example.com", "evil.com", "/", 421},
		{"https://auth.example.com", "auth.example.com.evil.com", "/", 421},
		{"https://auth.example.com", "10.0.0.7:8080", "/", 421},
		{"https://auth.example.com", "10.0.0.7:8080", "/healthz", 200},
		{"https://auth.example.com", "10.0.0.7:8080", "/healthz/", 421},
		{"https://auth.example.com", "auth.example.com.", "/", 400},
		{"https://auth.example.com", "auth.example.com:evil", "/", 400},
		{"https://auth.example.com", "auth.example.com@evil.com", "/", 400},
		{"https://auth.example.com", "auth.example.com/evil.com", "/", 400},
		{"https://auth.example.com", "", "/", 400},
		{"http://auth.example.localhost:8080", "auth.example.localhost:8080", "/", 200},
		{"http://auth.example.localhost:8080", "auth.example.localhost", "/", 421},
	} {
		r := request("GET", test.path)
		r.Host = test.host
		w := serve(Host(mustOrigin(t, test.public), testPage, "/healthz")(Adapt(ok, nil)), r)
		if w.Code != test.want {
			t.Errorf("%s, Host %q, %s: %d, want %d", test.public, test.host, test.path, w.Code, test.want)
		}
	}
}

func TestTopLevelNavigation(t *testing.T) {
	for _, test := range []struct {
		method  string
		headers string
		want    bool
	}{
		{"GET", "", true},
		{"GET", "Sec-Fetch-Mode:navigate Sec-Fetch-Dest:document Sec-Fetch-Site:cross-site", true},
		{"GET", "Sec-Fetch-Mode:navigate", true},
		{"HEAD", "", false},
		{"POST", "Sec-Fetch-Mode:navigate Sec-Fetch-Dest:document", false},
		{"GET", "Sec-Fetch-Mode:cors", false},
		{"GET", "Sec-Fetch-Mode:no-cors Sec-Fetch-Dest:image", false},
		{"GET", "Sec-Fetch-Mode:nested-navigate", false},
		{"GET", "Sec-Fetch-Mode:navigate Sec-Fetch-Dest:iframe", false},
		{"GET", "Sec-Fetch-Mode:navigate Sec-Fetch-Dest:embed", false},
		{"GET", "Sec-Fetch-Dest:empty", false},
		{"GET", "Sec-Fetch-Mode:navigate Sec-Fetch-Dest:document Sec-Purpose:prefetch", false},
		{"GET", "Sec-Purpose:prefetch;prerender", false},
		{"GET", "Sec-Purpose:Prefetch;anonymous-client-ip", false},
		{"GET", "Purpose:prefetch", false},
		{"GET", "X-Moz:prefetch", false},
		{"GET", "X-Purpose:preview", false},
	} {
		r := request(test.method, "/login")
		for _, header := range strings.Fields(test.headers) {
			name, value, _ := strings.Cut(header, ":")
			r.Header.Set(name, value)
		}
		if got := TopLevelNavigation(r); got != test.want {
			t.Errorf("%s %s: %v", test.method, test.headers, got)
		}
	}
}

func TestMaxInFlight(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := MaxInFlight(1, testPage)(Adapt(func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		return ok(w, r)
	}, nil))
	done := make(chan int)
	go func() { done <- serve(h, request("GET", "/slow")).Code }()
	<-entered
	if w := serve(h, request("GET", "/")); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("over the limit: %d %v", w.Code, w.Header())
	}
	close(leave)
	if code := <-done; code != 200 {
		t.Errorf("the slow one: %d", code)
	}
	if w := serve(h, request("GET", "/")); w.Code != 200 {
		t.Errorf("after it: %d", w.Code)
	}
}

func TestMaxBody(t *testing.T) {
	reads := Adapt(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		return ok(w, r)
	}, testPage)
	ignores := Adapt(ok, testPage)
	for _, test := range []struct {
		name    string
		handler http.Handler
		size    int
		length  int64 // what Content-Length says, -1 for chunked
		want    int
	}{
		{"fits", reads, MaxBodyBytes, MaxBodyBytes, 200},
		{"fits, chunked", reads, MaxBodyBytes, -1, 200},
		{"says too much", reads, 1, MaxBodyBytes + 1, 413},
		{"says too much, not read", ignores, 1, MaxBodyBytes + 1, 413},
		{"is too much, chunked", reads, MaxBodyBytes + 1, -1, 413},
	} {
		r := request("POST", "/")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("a", test.size))), test.length
		w := serve(MaxBody(MaxBodyBytes, testPage)(test.handler), r)
		if w.Code != test.want || (w.Code == 413) != (w.Header().Get("Connection") == "close") {
			t.Errorf("%s: %d, Connection %q, want %d", test.name, w.Code, w.Header().Get("Connection"), test.want)
		}
	}
	r := request("POST", "/", "Content-Encoding", "gzip")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1
	if w := serve(MaxBody(MaxBodyBytes, testPage)(reads), r); w.Code != 415 {
		t.Errorf("gzip: %d", w.Code)
	}
}

func TestLimits(t *testing.T) {
	h := Limits(testPage)(Adapt(ok, nil))
	repeat := strings.Repeat
	for _, test := range []struct {
		name string
		r    *http.Request
		want int
	}{
		{"plain", request("GET", "/login?return_to=https://app.example.com/"), 200},
		{"URI at the limit", request("GET", "/login?x="+repeat("a", MaxURIBytes-len("https://auth.example.com/login?x="))), 200},
		{"URI over", request("GET", "/login?x="+repeat("a", MaxURIBytes)), 414},
		{"path over", request("GET", repeat("/a", MaxURIBytes/2+1)), 414},
		{"query fields at the limit", request("GET", "/?"+repeat("a=1&", MaxQueryFields-1)), 200},
		{"query fields over", request("GET", "/?"+repeat("a=1&", MaxQueryFields)), 400},
		{"cookies at the limit", request("GET", "/", "Cookie", repeat("a=1; ", MaxCookies-1)+"a=1"), 200},
		{"cookies over", request("GET", "/", "Cookie", repeat("a=1; ", MaxCookies)+"a=1"), 431},
		{"cookies over in two lines", request("GET", "/", "Cookie", repeat("a=1; ", MaxCookies/2), "Cookie", repeat("a=1; ", MaxCookies/2)), 431},
		{"cookies of siblings", request("GET", "/", "Cookie", "a="+repeat("a", MaxHeaderLineBytes)+"; b="+repeat("b", MaxHeaderLineBytes)), 200},
		{"header line over", request("GET", "/", "X-A", repeat("a", MaxHeaderLineBytes)), 431},
		{"header lines", func() *http.Request {
			r := request("GET", "/")
			r.Header["X-A"] = make([]string, MaxHeaderLines+1)
			return r
		}(), 431},
	} {
		if w := serve(h, test.r); w.Code != test.want {
			t.Errorf("%s: %d, want %d", test.name, w.Code, test.want)
		}
	}
}
