package handlers_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient/zitadeltest"
)

// What goes wrong behind us is said calmly: 503, when to come back, an id that
// is also in the log, and nothing lost.
func TestZitadelTrouble(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault zitadeltest.Fault
	}{
		{"down", zitadeltest.Fault{Drop: true}},
		{"failing", zitadeltest.Fault{Status: 500, Body: `{"code":13,"message":"internal"}`}},
		{"starting", zitadeltest.Fault{Status: 503, Body: `{"code":14,"message":"unavailable"}`}},
		{"answering garbage", zitadeltest.Fault{Status: 200, Garbage: true}},
		{"throttling", zitadeltest.Fault{Status: 429, Body: `{"code":8,"message":"slow down"}`}},
		{"behind a proxy that says HTML", zitadeltest.Fault{Status: 502, Body: "<html>Bad gateway</html>"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			b := newBrowser(t)
			w.signIn(newBrowser(t)) // warm
			page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
			w.zitadel.Fault(test.fault)
			failed := page.fill(map[string]string{"loginName": "alice"}).with(http.StatusServiceUnavailable)
			failed.saying("unavailable")
			if failed.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			w.isLogged(failed)
			b.open(w.authorizeless("V2_1")).with(http.StatusServiceUnavailable)
			w.zitadel.ClearFaults()
			word := page.fill(map[string]string{"loginName": "alice"}).at("/password")
			w.zitadel.Fault(test.fault)
			word.fill(map[string]string{"password": password}).with(http.StatusServiceUnavailable)
			w.zitadel.ClearFaults()
			word.fill(map[string]string{"password": password}).at("/inbox")
		})
	}
}

// authorizeless is an entry with an auth request that needs ZITADEL to be read.
func (w *world) authorizeless(id string) string { return w.auth + "/login?authRequest=" + id }

// isLogged fails unless the error id that the page shows is in the log.
func (w *world) isLogged(p *page) {
	w.t.Helper()
	for _, line := range strings.Split(w.log(), "\n") {
		_, rest, found := strings.Cut(line, `"error_id":"`)
		if id, _, _ := strings.Cut(rest, `"`); found && strings.Contains(p.text(), id) {
			return
		}
	}
	w.t.Errorf("the page shows no error id that is in the log:\n%s", p.text())
}

// A ZITADEL that breaks between the password and the hand-over: the visitor is
// signed in there, and goes on without typing the password again.
func TestZitadelTroubleAtTheEnd(t *testing.T) {
	for _, path := range []string{"/oauth/v2/authorize", "/v2/oidc/auth_requests", "/oauth/v2/token"} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(newBrowser(t)) // warm
			b := newBrowser(t)
			word := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
			w.zitadel.Fault(zitadeltest.Fault{Path: path, Status: 503})
			word.fill(map[string]string{"password": password}).with(http.StatusServiceUnavailable)
			if status, _ := w.session(b); status != http.StatusUnauthorized {
				t.Fatal("signed in without tokens")
			}
			w.zitadel.ClearFaults()
			b.open(word.url.String()).at("/inbox")
		})
	}
}

// A slow ZITADEL is waited for no longer than the call's own limit, and the
// browser may leave meanwhile: what was begun is finished.
func TestBrowserLeavesInTheMiddle(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	word := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	_, action, form := word.form(map[string]string{"password": password})
	w.zitadel.Fault(zitadeltest.Fault{Method: "POST", Path: "/v2/sessions", Delay: 300 * time.Millisecond, Times: 1})
	ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, action, strings.NewReader(form.Encode()))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", w.auth)
	if response, err := b.client.Do(r); err == nil {
		_ = response.Body.Close()
		t.Fatalf("the browser was answered before it left: %d", response.StatusCode)
	}
	// Pressing the button again gives the outcome of the first press.
	word.b.navigate(http.MethodPost, action, form).at("/inbox")
	checks := 0
	for _, call := range w.zitadel.Calls() {
		if call.Method == http.MethodPost && strings.HasSuffix(call.Route, "/v2/sessions") {
			checks++
		}
	}
	if checks != 1 {
		t.Errorf("the password was checked %d times", checks)
	}
}

// brokenStore stands for a store that does not answer; it is the real memory
// store until it is told to break. That Redis's troubles read as ErrUnavailable is
// proven where Redis is: in the session package.
type brokenStore struct {
	session.Store
	broken bool
	before func()              // each operation; nil for nothing
	after  func(time.Duration) // what an operation took; nil for nothing
}

func (s *brokenStore) do(operation func() error) error {
	if s.before != nil {
		s.before()
	}
	if s.broken {
		return session.ErrUnavailable
	}
	began := time.Now()
	err := operation()
	if s.after != nil {
		s.after(time.Since(began))
	}
	return err
}

func (s *brokenStore) Get(ctx context.Context, key string) (value []byte, err error) {
	err = s.do(func() error { value, err = s.Store.Get(ctx, key); return err })
	return value, err
}

func (s *brokenStore) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.do(func() error { return s.Store.Put(ctx, key, value, ttl) })
}

func (s *brokenStore) Swap(ctx context.Context, key string, from, to []byte, ttl time.Duration) error {
	return s.do(func() error { return s.Store.Swap(ctx, key, from, to, ttl) })
}

func (s *brokenStore) Delete(ctx context.Context, keys ...string) error {
	return s.do(func() error { return s.Store.Delete(ctx, keys...) })
}

func (s *brokenStore) Add(ctx context.Context, index, member string, ttl time.Duration) error {
	return s.do(func() error { return s.Store.Add(ctx, index, member, ttl) })
}

func (s *brokenStore) Remove(ctx context.Context, index, member string) error {
	return s.do(func() error { return s.Store.Remove(ctx, index, member) })
}

func (s *brokenStore) Members(ctx context.Context, index string) (members []string, err error) {
	err = s.do(func() error { members, err = s.Store.Members(ctx, index); return err })
	return members, err
}

func (s *brokenStore) Take(ctx context.Context, bucket string, rate session.Rate) (wait time.Duration, err error) {
	err = s.do(func() error { wait, err = s.Store.Take(ctx, bucket, rate); return err })
	return wait, err
}

func (s *brokenStore) Ping(ctx context.Context) error {
	return s.do(func() error { return s.Store.Ping(ctx) })
}

func newBreakableWorld(t *testing.T) (*world, *brokenStore) {
	broken := &brokenStore{}
	return newWorld(t, func(w *world, _ *handlers.Config) {
		if broken.Store == nil {
			broken.Store, w.store = w.store, broken
		}
	}), broken
}

// What was typed while the store was down is sent by the button of the page that
// says so; nobody types a sign-up twice.
func TestStoreTroubleLosesNothingTyped(t *testing.T) {
	w, broken := newBreakableWorld(t)
	page := newBrowser(t).open(w.auth + "/signup?return_to=" + w.app + "/")
	broken.broken = true
	page = page.fill(newcomer).with(http.StatusServiceUnavailable)
	page = page.fill(nil, "submit-button").with(http.StatusServiceUnavailable)
	broken.broken = false
	page = page.fill(nil, "submit-button").at("/register/password").saying("Signing in as nora")
	broken.broken = true
	page = page.fill(map[string]string{"password": password}).with(http.StatusServiceUnavailable)
	if page.find("form", nil) != nil || strings.Contains(page.body, password) {
		t.Error("a page keeps a password")
	}
	broken.broken = false
	page.follow("submit-button").at("/register/password").fill(map[string]string{"password": password}).at("/verify")
}

// Whatever was wrong with an address, its page leads on.
func TestErrorPagesLeadOn(t *testing.T) {
	w := newWorld(t)
	for path, status := range map[string]int{
		"/nowhere":                       http.StatusNotFound,
		"/callback?state=1&state=2":      http.StatusBadRequest,
		"/login?return_to=1&return_to=2": http.StatusBadRequest,
		"/password?a=none":               http.StatusGone,
	} {
		newBrowser(t).open(w.auth + path).with(status).follow("submit-button").at("/loginname")
	}
}

// A fallback whose code could not be redeemed goes on by the page's own button,
// and ends where it was to end. The address itself is spent.
func TestTroubleAtTheCallback(t *testing.T) {
	for name, answer := range map[string]string{
		"a token endpoint that is down": "code={code}&state={state}&iss={iss}",
		"a code that is nobody's":       "code=INJECTED&state={state}&iss={iss}",
		"a refusal":                     "error=server_error&state={state}&iss={iss}",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := newBrowser(t)
			state, code := w.waitForCallback(b)
			if strings.Contains(answer, "{code}") {
				w.zitadel.Fault(zitadeltest.Fault{Path: "/oauth/v2/token", Status: 500, Times: 1})
			}
			query := strings.NewReplacer("{code}", url.QueryEscape(code), "{state}", url.QueryEscape(state),
				"{iss}", url.QueryEscape(w.zitadel.Issuer())).Replace(answer)
			page := b.open(w.auth + "/callback?" + query)
			if page.status < 400 {
				t.Fatalf("the callback answered %d", page.status)
			}
			if status, _ := w.session(b); status != http.StatusUnauthorized {
				t.Fatal("signed in")
			}
			page.follow("submit-button").at("/inbox")
		})
	}
}

// A store that is down is 503, and no cookie is touched: everybody is still
// signed in when it comes back.
func TestStoreTrouble(t *testing.T) {
	w, broken := newBreakableWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	waiting := newBrowser(t).open(w.auth + "/loginname").at("/loginname")
	broken.broken = true
	for _, path := range []string{"/session", "/signedin", "/login?return_to=" + w.app, "/readyz"} {
		response := b.do(http.MethodGet, w.auth+path, nil)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Set-Cookie") != "" {
			t.Errorf("GET %s: %d %v, want 503 and no cookie", path, response.StatusCode, response.Header["Set-Cookie"])
		}
	}
	b.open(w.auth + "/healthz").with(http.StatusOK)
	waiting.b.open(waiting.url.String()).with(http.StatusServiceUnavailable)
	waiting.fill(map[string]string{"loginName": "alice"}).with(http.StatusServiceUnavailable).saying("unavailable")
	broken.broken = false
	if status, _ := w.session(b); status != http.StatusOK {
		t.Errorf("GET /session after the store came back: %d", status)
	}
	waiting.fill(map[string]string{"loginName": "alice"}).at("/password").fill(map[string]string{"password": password}).at("/signedin")
}

// torhaus restarted in the middle, or another replica: the sign-in goes on. The
// store is what both have in common.
func TestRestartInTheMiddle(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	word := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	w.restart()
	word.fill(map[string]string{"password": password}).at("/inbox")
	w.restart()
	if status, _ := w.session(b); status != http.StatusOK {
		t.Errorf("GET /session after a restart: %d", status)
	}
}

// restart replaces the process behind the address, but for its store.
func (w *world) restart() {
	w.t.Helper()
	w.server.Config.Handler.(*swapHandler).swap(w.handler())
}

// A start while ZITADEL is down: torhaus lives, says so, and recovers.
func TestStartWhileZitadelIsDown(t *testing.T) {
	w := newWorld(t)
	w.zitadel.Fault(zitadeltest.Fault{Drop: true})
	w.restart()
	b := newBrowser(t)
	b.open(w.auth + "/healthz").with(http.StatusOK)
	b.open(w.auth + "/login?return_to=" + w.app + "/inbox").with(http.StatusServiceUnavailable)
	w.zitadel.ClearFaults()
	w.signIn(b)
}

// Nothing that anybody types, and nothing that opens anything, is in the log.
func TestLogHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.signUp(newBrowser(t), "nora@example.com").fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code})
	newBrowser(t).open(w.zitadel.LastMail("nora@example.com").Link)
	newBrowser(t).open(w.auth + "/login?authRequest=V2_123456789&login_hint=hintedname")
	planted := []string{
		"alice", "nora", "hintedname", password, w.zitadel.LastMail("nora@example.com").Code,
		b.cookie(w.auth, "__Secure-torhaus"), b.cookie(w.auth, "__Host-accounts"), "V2_123456789",
	}
	logged := w.log()
	for _, secret := range planted {
		if secret == "" {
			t.Fatal("nothing planted: this test proves nothing")
		}
		if strings.Contains(logged, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if !strings.Contains(logged, `"route":"/password"`) {
		t.Errorf("the log does not say which route was asked for:\n%s", logged)
	}
}

// The cold first page: few requests, few bytes, nobody else's.
func TestColdPageBudget(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
	requests, total := 1, gzipped(t, []byte(page.body))
	for _, asset := range page.assets() {
		target, err := page.url.Parse(asset)
		w.must(err)
		if target.Host != page.url.Host {
			t.Errorf("the page loads from elsewhere: %s", target)
		}
		response := b.do(http.MethodGet, target.String(), nil)
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		w.must(err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %s", target.Path, response.StatusCode, response.Header.Get("Cache-Control"))
		}
		requests++
		total += gzipped(t, body.Bytes())
	}
	t.Logf("%d requests, %d bytes", requests, total)
	if requests > 5 || requests < 3 || total > 40<<10 {
		t.Errorf("%d requests and %d bytes, want at most 5 and 40 KB", requests, total)
	}
}

// A request for a host that is not ours is refused, whoever forwards it.
func TestForeignHost(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, "http://evil.example.org/login", nil)
	r.Header.Set("X-Forwarded-Host", strings.TrimPrefix(w.auth, "http://"))
	recorder := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusMisdirectedRequest {
		t.Errorf("another host: %d, want 421", recorder.Code)
	}
}
