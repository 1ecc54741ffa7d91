package handlers_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"torhaus/handlers"
	"torhaus/web"
	"torhaus/zitadelclient/zitadeltest"
)

// sendBody asks an endpoint as the app's page does, with a body. A length of -1 sends it
// in chunks.
func (w *world) sendBody(b *browser, e endpoint, contentType, body string, length int64, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequest(e.method, w.auth+e.path, io.NopCloser(strings.NewReader(body)))
	r.ContentLength = length
	r.Header.Set("Origin", w.app)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range b.jar.Cookies(w.parse(w.auth)) {
		r.AddCookie(c)
	}
	response := serve(w.server.Config.Handler, r)
	return answer{response.StatusCode, response.Header, w.text(response)}
}

func (w *world) text(response *http.Response) string { return body(w.t, response) }

// The endpoints of scripts take JSON or nothing: what a form of another site can send
// without asking the browser is 415, what is packed as well, what is too large 413, each
// in a document and without an effect.
func TestEndpointsTakeJSONAlone(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	large := strings.Repeat(" ", web.MaxBodyBytes+1)
	for _, e := range endpoints {
		if !e.writes() {
			continue
		}
		for _, test := range []struct {
			contentType, body string
			want              int
		}{
			{"text/plain", `{"a":1}`, 415}, {"text/plain;charset=UTF-8", "", 415}, {formType, "a=1", 415}, {formType, "", 415}, {"", "{}", 415},
			{"multipart/form-data; boundary=x", "--x\r\n\r\n\r\n--x--", 415}, {"application/json, text/plain", "{}", 415},
			{"application/json; charset=utf-16", "{}", 415}, {"application/jsonp", "{}", 415}, {"application/json", large, 413},
		} {
			for _, length := range []int64{int64(len(test.body)), -1} {
				w.sendBody(b, e, test.contentType, test.body, length).problem(w, test.want)
			}
		}
		w.sendBody(b, e, "application/json", "{}", 2, "Content-Encoding", "gzip").problem(w, http.StatusUnsupportedMediaType)
		w.alone(map[string]*browser{"here": b}, nil)
	}
	for _, e := range endpoints {
		if !e.writes() {
			continue
		}
		for contentType, body := range map[string]string{"": "", "application/json": "", "application/json; charset=UTF-8": "{}"} {
			w.zitadel.Advance(minute) // none of this is about limits
			if got := w.sendBody(b, e, contentType, body, int64(len(body))); got.status >= 400 && got.status != http.StatusNotFound {
				t.Errorf("%s %s with %q: %d %s", e.method, e.path, contentType, got.status, got.body)
			}
		}
	}
}

// What is refused before anybody knows for whom it was is a document all the same,
// where no person ever comes: ZITADEL says nothing of what it can read.
func TestEarlyRefusalsOfEndpoints(t *testing.T) {
	w := newWorld(t)
	everything := append([]endpoint{{"POST", "/backchannel-logout"}}, endpoints...)
	for _, e := range everything {
		for name, test := range map[string]struct {
			spoil func(*http.Request)
			want  int
		}{
			"a long address": {func(r *http.Request) { r.URL.RawQuery = strings.Repeat("a", web.MaxURIBytes) }, 414},
			"many cookies":   {func(r *http.Request) { r.Header.Set("Cookie", strings.Repeat("a=1; ", web.MaxCookies+1)) }, 431},
			"another host":   {func(r *http.Request) { r.Host = "evil.example.org" }, 421},
			"a large body":   {func(r *http.Request) { r.ContentLength = web.MaxBodyBytes + 1 }, 413},
		} {
			r := httptest.NewRequest(e.method, w.auth+e.path, strings.NewReader("a"))
			test.spoil(r)
			response := serve(w.server.Config.Handler, r)
			got := answer{response.StatusCode, response.Header, w.text(response)}
			if got.problem(w, test.want); t.Failed() {
				t.Fatalf("%s %s with %s", e.method, e.path, name)
			}
		}
	}
	// A person's address is answered for people.
	r := httptest.NewRequest(http.MethodPost, w.auth+"/sessionless", strings.NewReader("a"))
	r.ContentLength = web.MaxBodyBytes + 1
	if got := serve(w.server.Config.Handler, r).Header.Get("Content-Type"); !strings.HasPrefix(got, "text/html") {
		t.Errorf("a page is refused as %s", got)
	}
}

// More than can be worked on is 503 at once, in the words of who asks, and signs nobody
// out; health checks, streams and who sends slowly take nobody's place, and each
// listener has its own.
func TestOverload(t *testing.T) {
	w := newWorld(t, func(_ *world, c *handlers.Config) { c.MaxInFlight = 2 })
	b := newBrowser(t)
	w.signIn(b)
	slow, sender := io.Pipe() // a client that never gets to the end of its body
	sending, settled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(settled)
		r := httptest.NewRequest(http.MethodPost, w.auth+"/loginname", onRead{slow, func() { close(sending) }})
		r.Header.Set("Content-Type", formType)
		serve(w.server.Config.Handler, r)
	}()
	<-sending
	held := w.holdTwo()
	got := w.script(b, "GET", "/session")
	got.problem(w, http.StatusServiceUnavailable)
	w.readable(endpoint{"GET", "/session"}, w.app, got)
	page := b.open(w.auth + "/logout").with(http.StatusServiceUnavailable)
	if got.header.Get("Retry-After") == "" || page.header.Get("Retry-After") == "" || b.cookie(w.auth, "__Secure-torhaus") == "" {
		t.Errorf("503 without a time, or with the cookie's end: %v", page.header)
	}
	for _, path := range []string{"/healthz", "/static/torhaus.js", "/session/events"} {
		if got := w.script(b, map[bool]string{true: "HEAD", false: "GET"}[path == "/session/events"], path); got.status != http.StatusOK {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if response := w.ask("nginx", b, question{}); response.StatusCode != http.StatusOK {
		t.Errorf("the other listener: %s", response.Status)
	}
	held()
	w.alone(map[string]*browser{"here": b}, nil)
	w.must(sender.Close())
	<-settled
}

// onRead tells when somebody begins to read.
type onRead struct {
	io.Reader
	begins func()
}

func (o onRead) Read(p []byte) (int, error) {
	if o.begins != nil {
		o.begins()
	}
	return o.Reader.Read(p)
}

// holdTwo has two visitors wait for ZITADEL. What it returns lets them go.
func (w *world) holdTwo() (letGo func()) {
	w.t.Helper()
	pages := []*page{w.typeName("alice"), w.typeName("alice")}
	until := make(chan struct{})
	w.zitadel.Fault(zitadeltest.Fault{Method: "POST", Path: "/v2/sessions", Until: until})
	done := make(chan int, len(pages))
	for _, p := range pages {
		go func() { done <- p.fill(map[string]string{"password": password}).status }()
	}
	for w.zitadel.Held() < len(pages) {
		w.must(w.t.Context().Err())
	}
	return func() {
		close(until)
		for range pages {
			if status := <-done; status != http.StatusOK {
				w.t.Errorf("who was waited for: %d", status)
			}
		}
	}
}

// A proxy is told the same on its listener, and lets nobody pass for it.
func TestOverloadBehindAProxy(t *testing.T) {
	store := &hookedStore{before: func(context.Context) error { return nil }}
	busy, leave := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(w *world, c *handlers.Config) {
		c.MaxInFlight = 1
		store.Store, w.store = w.store, store
	})
	b := newBrowser(t)
	w.signIn(b)
	wait := sync.OnceFunc(func() { busy <- struct{}{}; <-leave })
	store.before = func(context.Context) error {
		wait()
		return nil
	}
	done, listener := make(chan int), w.last.ForwardAuth()
	go func() { done <- serve(listener, w.questionOf("nginx", b, question{})).StatusCode }()
	<-busy
	for _, kind := range proxies {
		response := serve(listener, w.questionOf(kind, b, question{}))
		lawful(t, response)
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", kind, response.Status, response.Header)
		}
	}
	close(leave)
	if status := <-done; status != http.StatusOK {
		t.Errorf("who was first: %d", status)
	}
}
