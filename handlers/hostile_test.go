package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// Whatever is put into an entry's query, the answer is a page with a status
// below 500, nobody is redirected off the list, and garbage costs ZITADEL
// nothing.
func TestHostileEntries(t *testing.T) {
	w := newWorld(t)
	w.signIn(newBrowser(t)) // warm
	newBrowser(t).open(w.auth + "/logout/done")
	w.zitadel.ResetCalls()
	long := strings.Repeat("A", 3000)
	for _, query := range []string{
		"authRequest=", "authRequest=garbage", "authRequest=V2_", "authRequest=V2_1&authRequest=V2_2", "authRequest=V2_" + strings.Repeat("1", 200),
		"authRequest=V2_1%00", "authRequest=../../v2/users", "authRequest=" + long, "requestId=oidc_garbage", "requestId=saml_V2_1", "requestId=device_1", "requestId=x",
		"samlRequest=V2_1", "return_to=a&return_to=b", "return_to=" + long, "return_to=%ff", "return_to=%00", "prompt=none+login", "prompt=garbage", "max_age=-1",
		"max_age=abc", "max_age=99999999999999", "organization=%27%20OR%201", "login_hint=" + long, "login_hint=%0d%0aSet-Cookie:a=b", "%zz", "ui_locales=" + strings.Repeat("de+", 500),
		"a=1&a=2", "a=unknown", "a=" + long,
	} {
		for _, path := range []string{"/login?", "/signup?", "/loginname?", "/password?", "/verify?", "/password/set?", "/register?", "/logout?"} {
			b := newBrowser(t)
			page := b.open(w.auth + path + query)
			if page.status >= 500 {
				t.Errorf("GET %s%.60s: %d", path, query, page.status)
			}
			if page.url.Host != strings.TrimPrefix(w.auth, "http://") {
				t.Errorf("GET %s%.60s: led to %s", path, query, page.url)
			}
			if page.status >= 400 && (page.testid("error") == nil && page.find("h1", nil) == nil) {
				t.Errorf("GET %s%.60s: no page:\n%s", path, query, page.body)
			}
		}
	}
	if calls := w.calls(); len(calls) > 0 {
		t.Errorf("garbage was sent on to ZITADEL: %v", calls)
	}
}

// Every return target of the corpus, signed in and not: the visitor ends at the
// app, wherever they were to be lured.
func TestReturnToCorpus(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, row := range corpus(t, "testdata/own.return_to.tsv") {
		target := strings.NewReplacer("app.example.com", strings.TrimPrefix(w.app, "http://"), "https://", "http://").Replace(row[0])
		for _, raw := range []string{row[0], target} {
			response := b.do(http.MethodGet, w.auth+"/login?return_to="+url.QueryEscape(raw), nil)
			_ = response.Body.Close()
			if response.StatusCode == http.StatusTooManyRequests {
				w.zitadel.Advance(minute)
				continue
			}
			location := response.Header.Get("Location")
			if response.StatusCode >= 500 {
				t.Errorf("%q: %d", raw, response.StatusCode)
			}
			if location != "" && !strings.HasPrefix(location, w.app+"/") && !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") {
				t.Errorf("%q led to %q", raw, location)
			}
			w.zitadel.Advance(2 * second)
		}
	}
}

func TestCallbackAbuse(t *testing.T) {
	w := newWorld(t)
	b, other := newBrowser(t), newBrowser(t)
	state, code := w.waitForCallback(b)
	w.zitadel.ResetCalls()
	for _, query := range []string{
		"", "code=&state=", "code=x", "state=" + state, "code=x&state=OTHER", "code=x&code=y&state=" + state, "code=x&state=" + state + "&state=y",
		"error=access_denied", "code=" + strings.Repeat("A", 5000) + "&state=x", "code=%00&state=x", "code=a%0d%0ab&state=x", "error=<script>alert(1)</script>&state=x",
	} {
		page := b.open(w.auth + "/callback?" + query)
		if page.status < 400 || page.status >= 500 || strings.Contains(page.body, "<script>alert") {
			t.Errorf("GET /callback?%.60s: %d", query, page.status)
		}
	}
	answer := "code=" + url.QueryEscape(code) + "&state=" + state
	other.open(w.auth + "/callback?" + answer).with(http.StatusGone) // login CSRF: another browser's state
	response := b.do(http.MethodHead, w.auth+"/callback?"+answer, nil)
	if response.StatusCode < 400 {
		t.Errorf("HEAD /callback: %d", response.StatusCode)
	}
	if response = b.do(http.MethodPost, w.auth+"/callback", url.Values{"code": {code}, "state": {state}}); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /callback: %d, want 405", response.StatusCode)
	}
	for _, call := range w.calls() {
		if strings.Contains(call, "/oauth/v2/token") {
			t.Error("abuse made a token call")
		}
	}
	if page := b.open(w.auth + "/callback?" + answer + "&iss=https://evil.example.org"); page.status != http.StatusBadRequest {
		t.Errorf("another issuer's response: %d, want 400", page.status)
	}
}

// Fifty copies of one callback make one token call and one session.
func TestCallbackIsRedeemedOnce(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	state, code := w.waitForCallback(b)
	w.zitadel.ResetCalls()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			twin := b.twin()
			response := twin.do(http.MethodGet, w.auth+"/callback?code="+url.QueryEscape(code)+"&state="+state, nil)
			_ = response.Body.Close()
			if response.StatusCode >= 500 {
				t.Errorf("one of the copies: %d", response.StatusCode)
			}
		})
	}
	group.Wait()
	tokens := 0
	for _, call := range w.calls() {
		if strings.HasSuffix(call, "/oauth/v2/token") {
			tokens++
		}
	}
	if tokens != 1 {
		t.Errorf("%d token calls for one code", tokens)
	}
}

// waitForCallback signs in by the fallback, up to the moment when the browser
// would open /callback.
func (w *world) waitForCallback(b *browser) (state, code string) {
	w.t.Helper()
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	w.zitadel.Fault(zitadeltest.Fault{Method: "GET", Path: "/oauth/v2/authorize", Status: 302, Times: 1})
	method, address, form := page.form(map[string]string{"password": password})
	for range 8 {
		response := b.do(method, address, form)
		_ = response.Body.Close()
		location, err := response.Location()
		if err != nil {
			w.t.Fatalf("%s: %d, no redirect", address, response.StatusCode)
		}
		if location.Path == "/callback" {
			return location.Query().Get("state"), location.Query().Get("code")
		}
		method, address, form = http.MethodGet, location.String(), nil
	}
	w.t.Fatal("never came to /callback")
	return "", ""
}

// A form from elsewhere, or from a sibling subdomain, changes nothing.
func TestForeignForms(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	_, action, form := page.form(map[string]string{"password": password})
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example.org"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"http://evil.example.localhost"}, "Sec-Fetch-Site": {"same-site"}},
		{"Origin": {w.app}, "Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
	} {
		b.header = header
		response := b.do(http.MethodPost, action, form)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("a form from %v: %d, want 403", header, response.StatusCode)
		}
	}
}

// Two clicks on one button: the browser drops the first answer and waits for
// the second. The password is checked once, and the visitor arrives.
func TestDoubleSubmit(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	_, action, form := page.form(map[string]string{"password": password})
	frozen := b.freeze(page.url)
	w.zitadel.ResetCalls()
	var group sync.WaitGroup
	locations := make([]string, 6)
	for i := range locations {
		group.Go(func() {
			twin := frozen.twin()
			response := twin.do(http.MethodPost, action, form)
			_ = response.Body.Close()
			locations[i] = response.Header.Get("Location")
			if len(response.Cookies()) == 0 {
				t.Errorf("click %d brings no cookie", i)
			}
		})
	}
	group.Wait()
	for i, location := range locations {
		if location != w.app+"/inbox" {
			t.Errorf("click %d led to %q", i, location)
		}
	}
	checks := 0
	for _, call := range w.zitadel.Calls() {
		if call.Method == http.MethodPost && strings.HasSuffix(call.Route, "/v2/sessions") {
			checks++
		}
	}
	if checks != 1 {
		t.Errorf("the password was checked %d times for one form", checks)
	}
}

// frozenJar sends what the browser had when the button was pressed.
type frozenJar struct {
	http.CookieJar
	cookies []*http.Cookie
	of      *browser
}

// freeze keeps what the browser would send to an address now.
func (b *browser) freeze(u *url.URL) *frozenJar { return &frozenJar{b.jar, b.jar.Cookies(u), b} }

// twin is the browser as it was then.
func (j *frozenJar) twin() *browser {
	twin := j.of.twin()
	twin.client = &http.Client{Jar: j, Transport: j.of.client.Transport, CheckRedirect: j.of.client.CheckRedirect}
	return twin
}

func (j *frozenJar) Cookies(*url.URL) []*http.Cookie     { return j.cookies }
func (j *frozenJar) SetCookies(*url.URL, []*http.Cookie) {}

func TestDoubleSubmitOfAWrongPasswordCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLockout("", func(l *zitadeltest.Lockout) { l.MaxPasswordAttempts = 3 })
	b := newBrowser(t)
	page := b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	method, action, form := page.form(map[string]string{"password": "wrong"})
	b.navigate(method, action, form).saying("1 of 3")
	b.navigate(method, action, form).saying("1 of 3") // the same form again
	b.navigate(method, action, form).saying("1 of 3").
		fill(map[string]string{"password": "wrong"}).saying("2 of 3") // the same words in a new one
}

// Each tab has an attempt of its own.
func TestTwoTabs(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	one := b.open(w.auth + "/login?return_to=" + w.app + "/one").fill(map[string]string{"loginName": "alice"})
	two := b.open(w.auth + "/login?return_to=" + w.app + "/two").fill(map[string]string{"loginName": "alice"})
	one.fill(map[string]string{"password": password}).at("/one")
	two.fill(map[string]string{"password": password}).at("/two")
}

// Nine attempts: the oldest is gone, calmly, and can be begun anew.
func TestManyTabs(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	first := b.open(w.auth + "/login?return_to=" + w.app + "/first")
	for range 8 {
		b.open(w.auth + "/login?return_to=" + w.app + "/more")
	}
	first.fill(map[string]string{"loginName": "alice"}).with(http.StatusGone).saying("expired")
}

// Back after the end, an old tab, a step by its address: never further than the
// facts allow, never a bare error.
func TestOutOfOrder(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	name := b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
	for _, path := range []string{"/password/change", "/register/password", "/verify", "/verify/success", "/password"} {
		b.open(w.auth + path + "?a=" + name.url.Query().Get("a")).at("/loginname")
	}
	word := name.fill(map[string]string{"loginName": "alice"})
	b.open(name.url.String()).at("/loginname") // "Not you?"
	word.fill(map[string]string{"password": password}).at("/inbox")
	b.open(word.url.String()).with(http.StatusGone).saying("expired")
	for _, path := range []string{"/password", "/verify", "/register/password"} {
		newBrowser(t).open(w.auth + path).with(http.StatusGone)
	}
}

// An attempt belongs to the browser that began it.
func TestAttemptOfAnotherBrowser(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	newBrowser(t).open(page.url.String()).with(http.StatusGone)
}

func TestExpiredAttempt(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	w.zitadel.Advance(31 * minute)
	gone := page.fill(map[string]string{"password": password}).with(http.StatusGone).saying("expired")
	link := gone.testid("submit-button")
	if link == nil {
		t.Fatalf("no way on:\n%s", gone.body)
	}
	again := b.open(w.auth + attr(link, "href")).at("/loginname")
	if got := again.value("loginName"); got != "alice" {
		t.Errorf("the login name is lost: %q", got)
	}
	again.fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/inbox")
}

// A sign-up that was left open goes on as one, in the organization that was named.
func TestExpiredSignUp(t *testing.T) {
	w := newWorld(t)
	organization := w.zitadel.AddOrganization("Second")
	b := newBrowser(t)
	page := b.open(w.auth + "/signup?return_to=" + w.app + "/inbox&organization=" + organization)
	w.zitadel.Advance(31 * minute)
	again := page.fill(newcomer).with(http.StatusGone).follow("submit-button").at("/register").holding("email", newcomer["email"])
	again.fill(newcomer).at("/register/password").fill(map[string]string{"password": password}).at("/verify").
		fill(map[string]string{"code": w.zitadel.LastMail(newcomer["email"]).Code}).at("/inbox")
	if _, answer := w.session(b); answer["organization"] != organization {
		t.Errorf("a member of %v, want %s", answer["organization"], organization)
	}
}

// The same for another client's request, as long as ZITADEL knows it.
func TestExpiredAttemptOfAnotherClient(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"})
	w.zitadel.Advance(31 * minute)
	gone := page.fill(map[string]string{"password": password}).with(http.StatusGone)
	b.open(w.auth + attr(gone.testid("submit-button"), "href")).at("/loginname").
		fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
}

// The first limits: after so many tries there is a pause, said calmly and in a
// header, and what was typed is kept.
func TestTooManyTries(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	limited := false
	for range 15 {
		page = page.fill(map[string]string{"password": "wrong"})
		if page.status == http.StatusTooManyRequests {
			limited = true
			if page.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			page.at("/password").saying("Too many attempts")
			break
		}
	}
	if !limited {
		t.Fatal("fifteen wrong passwords in a row, and no pause")
	}
	variant := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": " ALICE "})
	variant.fill(map[string]string{"password": "wrong"}).with(http.StatusTooManyRequests)
	w.zitadel.Advance(5 * minute)
	page.fill(map[string]string{"password": password}).at("/signedin")
}

// Nobody can fill a mailbox by asking again and again.
func TestMailIsBounded(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).fill(nil, "reset-button")
	}
	if n := len(w.zitadel.Mails()); n > 5 {
		t.Errorf("%d mails to one box", n)
	}
}

// A cookie of one name twice is somebody's trick: anonymous, and nothing is
// cleared, since clearing would leave the planted one.
func TestTwoSessionCookies(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	value := b.cookie(w.auth, "__Secure-torhaus")
	for _, header := range []string{
		"__Secure-torhaus=" + value + "; __Secure-torhaus=planted", "__Secure-torhaus=planted; __Secure-torhaus=" + value,
		"__Secure-torhaus=", "__Secure-torhaus=%", "__Secure-torhaus=\"" + value + "\"x", "__secure-torhaus=" + value,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.auth+"/session", nil)
		w.must(err)
		r.Header.Set("Cookie", header)
		response, err := b.client.Transport.RoundTrip(r)
		w.must(err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized || response.Header.Get("Set-Cookie") != "" {
			t.Errorf("Cookie: %.40s…: %d %v", header, response.StatusCode, response.Header["Set-Cookie"])
		}
	}
}

// A stolen secret of one cookie opens nothing in another.
func TestSwappedCookies(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	accounts := b.cookie(w.auth, "__Host-accounts")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.auth+"/session", nil)
	w.must(err)
	r.Header.Set("Cookie", "__Secure-torhaus="+accounts)
	response, err := b.client.Transport.RoundTrip(r)
	w.must(err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the accounts cookie as a session: %d", response.StatusCode)
	}
}

// The sign-in page explains what the app cannot: signing in once more would not
// help while two cookies of a name arrive.
func TestTwoCookiesAreExplained(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.auth+"/login?return_to="+w.app, nil)
	w.must(err)
	r.Header.Set("Cookie", "__Secure-torhaus=a; __Secure-torhaus=b")
	response, err := newBrowser(t).client.Transport.RoundTrip(r)
	w.must(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest || len(response.Header["Set-Cookie"]) != 0 {
		t.Errorf("GET /login: %d %v", response.StatusCode, response.Header["Set-Cookie"])
	}
}
