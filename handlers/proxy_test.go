package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

func TestProxyNginx(t *testing.T) { proveDeployed(t, behindNginx) }
func TestProxyCaddy(t *testing.T) { proveDeployed(t, behindCaddy) }

// proveDeployed drives everything that the files of deploy promise, through a real
// proxy to an app that says what reached it.
func proveDeployed(t *testing.T, start func(*deployed)) {
	for _, proof := range []struct {
		name  string
		prove func(*deployed)
	}{
		{"sign-in, a request, sign-out", (*deployed).proveJourney},
		{"strangers reach nothing", (*deployed).proveStrangers},
		{"spoofed identity does not pass", (*deployed).proveNoSpoofing},
		{"Connection strips nothing", (*deployed).proveConnection},
		{"cookies", (*deployed).proveCookies},
		{"large requests", (*deployed).proveLarge},
		{"a name in another script", (*deployed).proveNames},
		{"a rule of its own, step-up, token and assertion", (*deployed).proveStepUp},
		{"refresh", (*deployed).proveRefresh},
		{"not allowed", (*deployed).proveDenied},
		{"bodies and methods", (*deployed).proveBodies},
		{"WebSocket", (*deployed).proveWebSocket},
		{"events", (*deployed).proveEvents},
		{"the store is down", (*deployed).proveStoreDown},
		{"torhaus is gone", (*deployed).proveTorhausGone},
		{"paths and hosts", (*deployed).provePaths},
		{"the client's address", (*deployed).proveClientAddress},
	} {
		t.Run(proof.name, func(t *testing.T) { proof.prove(deploy(t, start)) })
	}
}

// reach asks for a page of the app as a script or a browser would, and gives the
// answer and what of it reached the app.
func (d *deployed) reach(b *browser, method, address string, header http.Header) (*http.Response, *echoed) {
	d.t.Helper()
	d.behind.last()
	r, err := http.NewRequestWithContext(d.t.Context(), method, address, nil)
	d.must(err)
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := b.client.Do(r)
	d.must(err)
	for _, name := range identity {
		if values := response.Header[name]; len(values) > 0 {
			d.t.Errorf("%s %s: the visitor is told %s: %q", method, address, name, values)
		}
	}
	return response, d.behind.last()
}

// proveJourney: from a page of the app to the sign-in and back to that page, and out
// again.
func (d *deployed) proveJourney() {
	b := newBrowser(d.t)
	page := b.open(d.app + "/inbox?folder=a%2Fb&x=1").at("/loginname").
		fill(map[string]string{"loginName": "alice@example.com"}).at("/password").
		fill(map[string]string{"password": password}).at("/inbox")
	got := d.behind.last()
	if got == nil || got.URI != "/inbox?folder=a%2Fb&x=1" || got.Host != strings.TrimPrefix(d.app, "http://") || page.url.RawQuery != "folder=a%2Fb&x=1" {
		d.t.Fatalf("the app was asked for %+v", got)
	}
	want := map[string]string{
		"X-Auth-Subject": d.alice, "X-Auth-Name": "Alice Example", "X-Auth-Email": "alice@example.com", "X-Auth-Organization": d.zitadel.DefaultOrganization(),
		"X-Auth-Roles": "", "X-Auth-Assertion": "", "Authorization": "", "Cookie": "",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			d.t.Errorf("the app is told %s: %q, want %q", name, got.Header.Get(name), value)
		}
	}
	b.open(d.auth + "/logout").fill(nil).at("/logout/done")
	b.open(d.app + "/inbox").at("/loginname")
	if got := d.behind.last(); got != nil {
		d.t.Errorf("after the sign-out the app was asked for %+v", got)
	}
}

// proveStrangers: a page leads to the sign-in, everything else is told, and none of
// it reaches the app.
func (d *deployed) proveStrangers() {
	b := newBrowser(d.t)
	for name, header := range map[string]http.Header{
		"a fetch": fetched(), "an API client": {"Accept": {"application/json"}}, "curl": {"Accept": {"*/*"}}, "a health check": {"User-Agent": {"GoogleHC/1.0"}},
		"a probe": {"User-Agent": {"kube-probe/1.30"}}, "a forged header": {"X-Auth-Subject": {d.alice}, "Authorization": {"Bearer x"}},
		"a forged cookie": {"Cookie": {"__Secure-torhaus=v1." + strings.Repeat("A", 43)}}, "a broken cookie": {"Cookie": {"__Secure-torhaus=%"}},
		"another original address": {"X-Original-URL": {"https://x/healthz"}, "X-Original-URI": {"/public"}, "X-Forwarded-Uri": {"/healthz"}, "X-Forwarded-Host": {"evil.example.org"}, "X-Rewrite-URL": {"/healthz"}},
		"a login of their own":     {"X-Auth-Login": {"https://evil.example.org/"}, "Accept": {"application/json"}},
		"Connection":               {"Connection": {"close, Cookie, X-Original-URL, X-Forwarded-Uri, X-Forwarded-Host, X-Forwarded-Method"}},
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
			response, got := d.reach(b, method, d.app+"/", header)
			if response.StatusCode != http.StatusUnauthorized || got != nil {
				d.t.Errorf("%s, %s: %s, and the app got %+v", name, method, response.Status, got)
			}
			if challenge := response.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Cookie realm=") {
				d.t.Errorf("%s, %s: the challenge is %q", name, method, challenge)
			}
			if cache := response.Header.Get("Cache-Control"); cache != "no-store" {
				d.t.Errorf("%s, %s: Cache-Control is %q", name, method, cache)
			}
			d.tells(response, "urn:torhaus:error.unauthorized", d.auth+"/login")
		}
	}
	for name, header := range map[string]http.Header{"a page": navigation(), "a page with a login of its own": with(navigation(), "X-Auth-Login", "https://evil.example.org/"), "an original address of its own": with(navigation(), "X-Original-URL", "https://evil.example.org/")} {
		response, got := d.reach(b, "GET", d.app+"/a?b", header)
		location, err := response.Location()
		if err != nil || got != nil || response.StatusCode != http.StatusSeeOther || response.Header.Get("Cache-Control") != "no-store" {
			d.t.Errorf("%s: %s, %v", name, response.Status, got)
			continue
		}
		if query := location.Query(); !strings.HasPrefix(location.String(), d.auth+"/login?") || query.Get("return_to") != d.app+"/a?b" {
			d.t.Errorf("%s: led to %s", name, location)
		}
	}
}

// proveNoSpoofing: every header by which an app could be told who somebody is, in
// every spelling, and none of it reaches the app (CVE-2025-64484, CVE-2026-39858).
func (d *deployed) proveNoSpoofing() {
	b := newBrowser(d.t)
	d.signIn(b)
	cookie := "__Secure-torhaus=" + b.cookie(d.auth, "__Secure-torhaus")
	for _, name := range spoofed(d.t) {
		d.behind.last()
		if strings.EqualFold(name, "Cookie") {
			continue // proveCookies
		}
		line := d.raw("GET / HTTP/1.1\r\nHost: " + strings.TrimPrefix(d.app, "http://") + "\r\nCookie: " + cookie + "\r\n" + name + ": forged\r\n" + name + ": forged again\r\nConnection: close\r\n\r\n")
		got := d.behind.last()
		if got == nil {
			if !strings.Contains(line, " 400 ") {
				d.t.Errorf("%s: the answer is %q, and nothing reached the app", name, line)
			}
			continue
		}
		for sent, values := range got.Header {
			if strings.Contains(strings.Join(values, " "), "forged") {
				d.t.Errorf("%s reaches the app as %s: %q", name, sent, values)
			}
		}
		if got.Header.Get("X-Auth-Subject") != d.alice {
			d.t.Errorf("with %s the app is told %q", name, got.Header.Get("X-Auth-Subject"))
		}
	}
}

// proveConnection: a visitor cannot have headers taken out that the proxy sets
// (CVE-2024-45410): an app that is told nothing might take them for somebody else.
func (d *deployed) proveConnection() {
	b := newBrowser(d.t)
	d.signIn(b)
	for _, tokens := range []string{
		"X-Auth-Subject, X-Auth-Roles", "close, X-Auth-Subject", "keep-alive, X-Auth-Email", "Upgrade, X-Auth-Subject", "X-Forwarded-For, X-Forwarded-Host", "Authorization", "Host", "te, x-auth-subject",
	} {
		response, got := d.reach(b, "GET", d.app+"/", http.Header{"Connection": {tokens}, "X-Test": {"kept"}})
		if response.StatusCode != http.StatusOK || got == nil || got.Header.Get("X-Auth-Subject") != d.alice || got.Header.Get("X-Auth-Email") == "" || got.Header.Get("X-Forwarded-Host") == "" {
			d.t.Errorf("Connection: %s: %s, and the app got %+v", tokens, response.Status, got)
		}
	}
	response, got := d.reach(newBrowser(d.t), "GET", d.app+"/", http.Header{"Connection": {"Cookie"}, "Cookie": {"__Secure-torhaus=" + b.cookie(d.auth, "__Secure-torhaus")}})
	if response.StatusCode == http.StatusOK && got.Header.Get("X-Auth-Subject") != d.alice {
		d.t.Errorf("Connection: Cookie: %s as %v", response.Status, got)
	}
}

// proveCookies: the app gets its own cookies and none of ours, in however many lines
// they come.
func (d *deployed) proveCookies() {
	b := newBrowser(d.t)
	d.signIn(b)
	value := b.cookie(d.auth, "__Secure-torhaus")
	ours := "__Secure-torhaus=" + value
	for sent, want := range map[string]string{
		ours: "", ours + "; theme=dark": "theme=dark", "theme=dark; " + ours: "theme=dark", "a=1;" + ours + ";b=2": "a=1; b=2",
		"a=1; " + ours + "; __Host-accounts=x; __Host-attempt-abc=y; b=2": "a=1; b=2", "a=__Secure-torhaus; " + ours: "a=__Secure-torhaus",
	} {
		_, got := d.reach(newBrowser(d.t), "GET", d.app+"/", http.Header{"Cookie": {sent}})
		if got == nil || got.Header.Get("Cookie") != want {
			d.t.Errorf("of %q the app got %v, want %q", sent, got, want)
		}
	}
	line := d.raw("GET / HTTP/1.1\r\nHost: " + strings.TrimPrefix(d.app, "http://") + "\r\nCookie: a=1\r\ncookie: " + ours + "\r\nCOOKIE: b=2\r\nConnection: close\r\n\r\n")
	if got := d.behind.last(); got == nil || strings.Contains(fmt.Sprint(got.Header), value) || !strings.Contains(got.Header.Get("Cookie"), "a=1") {
		d.t.Errorf("three lines: %s, and the app got %v", line, got)
	}
	twice, got := d.reach(newBrowser(d.t), "GET", d.app+"/", http.Header{"Cookie": {ours + "; __Secure-torhaus=v1." + strings.Repeat("A", 43)}})
	if twice.StatusCode != http.StatusUnauthorized || got != nil {
		d.t.Errorf("two session cookies: %s", twice.Status)
	}
}

// proveNames: a name survives the proxy's own rules of what a header is.
func (d *deployed) proveNames() {
	b := newBrowser(d.t)
	d.signInAs(b, "Jürgen\r\nX-Auth-Roles: admin", "李, \"Dr\" %41")
	_, got := d.reach(b, "GET", d.app+"/", nil)
	want := "J%C3%BCrgen%0D%0AX-Auth-Roles%3A admin %E6%9D%8E%2C %22Dr%22 %2541"
	if got == nil || got.Header.Get("X-Auth-Name") != want || got.Header.Get("X-Auth-Roles") != "" {
		d.t.Errorf("the app got %v, want the name %q", got, want)
	}
}

// proveStepUp: the app with a rule of its own is reached by the missing factor alone,
// and is given what the rule says.
func (d *deployed) proveStepUp() {
	b := newBrowser(d.t)
	d.signIn(b)
	secret := d.zitadel.AddTOTP(d.alice)
	response, got := d.reach(b, "GET", d.admin+"/vault", fetched())
	if response.StatusCode != http.StatusUnauthorized || got != nil {
		d.t.Errorf("a fetch without the factor: %s", response.Status)
	}
	d.tells(response, "urn:torhaus:error.step_up", d.auth+"/login?mfa=true")
	page := b.open(d.admin + "/vault?x").at("/otp/time-based")
	page.fill(map[string]string{"code": d.zitadel.TOTPCode(secret)}).at("/vault")
	got = d.behind.last()
	if got == nil || got.URI != "/vault?x" || got.Host != strings.TrimPrefix(d.admin, "http://") {
		d.t.Fatalf("the app was asked for %+v", got)
	}
	if token := got.Header.Get("Authorization"); !strings.HasPrefix(token, "Bearer ") || len(token) < 30 {
		d.t.Errorf("the app got the token %q", token)
	}
	if parts := strings.Split(got.Header.Get("X-Auth-Assertion"), "."); len(parts) != 3 {
		d.t.Errorf("the app got the assertion %q", got.Header.Get("X-Auth-Assertion"))
	}
	if _, got := d.reach(b, "GET", d.app+"/", nil); got == nil || got.Header.Get("Authorization") != "" || got.Header.Get("X-Auth-Assertion") != "" {
		d.t.Errorf("the other app got %v", got)
	}
}

// proveRefresh: the app gets a new access token when the old one is about to end, and
// the visitor notices nothing.
func (d *deployed) proveRefresh() {
	d.restart(`{"default": {"token": true}}`)
	b := newBrowser(d.t)
	d.signInRemembered(b)
	given := func() string {
		response, got := d.reach(b, "GET", d.app+"/", nil)
		if response.StatusCode != http.StatusOK || got == nil {
			d.t.Fatalf("somebody who is signed in: %s, and the app got %v", response.Status, got)
		}
		return got.Header.Get("Authorization")
	}
	first := given()
	d.zitadel.Advance(refreshDue)
	if second := given(); !strings.HasPrefix(second, "Bearer ") || second == first {
		d.t.Errorf("the app got %q, and later %q", first, second)
	}
}

// proveDenied: whoever is signed in and lacks a role is told so, and goes nowhere.
func (d *deployed) proveDenied() {
	b := newBrowser(d.t)
	d.signIn(b)
	d.restart(`{"default": {"any_role": ["nobody"]}}`)
	for name, header := range map[string]http.Header{"a page": navigation(), "a fetch": fetched()} {
		response, got := d.reach(b, "GET", d.app+"/", header)
		if response.StatusCode != http.StatusForbidden || got != nil || response.Header.Get("Location") != "" {
			d.t.Errorf("%s: %s, and the app got %v", name, response.Status, got)
		}
	}
	// "staff" is no rule any more: a proxy that names it lets nobody pass.
	if response, got := d.reach(b, "GET", d.admin+"/", navigation()); response.StatusCode < 400 || got != nil {
		d.t.Errorf("a rule that is none: %s", response.Status)
	}
}

// proveBodies: what is sent to the app arrives, and torhaus never waits for it.
func (d *deployed) proveBodies() {
	b := newBrowser(d.t)
	d.signIn(b)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		d.behind.last()
		r, err := http.NewRequestWithContext(d.t.Context(), method, d.app+"/form", strings.NewReader("a=b&c=d"))
		d.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := b.client.Do(r)
		d.must(err)
		_ = response.Body.Close()
		if got := d.behind.last(); response.StatusCode != http.StatusOK || got == nil || got.Method != method || got.Body != "a=b&c=d" {
			d.t.Errorf("%s: %s, and the app got %+v", method, response.Status, got)
		}
	}
	r, err := http.NewRequestWithContext(d.t.Context(), "POST", d.app+"/form", io.MultiReader(strings.NewReader("in "), strings.NewReader("chunks")))
	d.must(err)
	r.Header.Set("Content-Encoding", "gzip")
	response, err := b.client.Do(r)
	d.must(err)
	if got := d.behind.last(); response.StatusCode != http.StatusOK || got == nil || got.Body != "in chunks" {
		d.t.Errorf("chunks: %s, and the app got %+v", response.Status, got)
	}
}

// proveWebSocket: an upgrade of somebody who is signed in reaches the app, anybody
// else's is 401 and no redirect.
func (d *deployed) proveWebSocket() {
	b := newBrowser(d.t)
	d.signIn(b)
	for cookie, want := range map[string]string{"": " 401 ", "__Secure-torhaus=" + b.cookie(d.auth, "__Secure-torhaus"): " 101 "} {
		d.behind.last()
		line := d.raw("GET /socket HTTP/1.1\r\nHost: " + strings.TrimPrefix(d.app, "http://") + "\r\nCookie: " + cookie +
			"\r\nConnection: Upgrade, X-Auth-Subject\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\nAccept: text/html\r\n\r\n")
		got := d.behind.last()
		if !strings.Contains(line, want) || (got != nil) != (cookie != "") || got != nil && got.Header.Get("X-Auth-Subject") != d.alice {
			d.t.Errorf("with the cookie %q: %q, want%s; the app got %+v", cookie, line, want, got)
		}
	}
}

// proveStoreDown: while the store does not answer nobody passes, nobody is signed out,
// and it is said when to come back.
func (d *deployed) proveStoreDown() {
	b := newBrowser(d.t)
	d.signIn(b)
	d.broken.broken = true
	for name, header := range map[string]http.Header{"a page": navigation(), "a fetch": fetched()} {
		response, got := d.reach(b, "GET", d.app+"/", header)
		if response.StatusCode != http.StatusServiceUnavailable || got != nil || response.Header.Get("Retry-After") != "5" || len(response.Cookies()) > 0 {
			d.t.Errorf("%s: %s %v, and the app got %v", name, response.Status, response.Header, got)
		}
	}
	d.broken.broken = false
	if response, got := d.reach(b, "GET", d.app+"/", nil); response.StatusCode != http.StatusOK || got == nil {
		d.t.Errorf("after the outage: %s", response.Status)
	}
}

// proveTorhausGone: without torhaus nobody passes; when it is back, the same cookie
// is good.
func (d *deployed) proveTorhausGone() {
	b := newBrowser(d.t)
	d.signIn(b)
	hang := &swapHandler{current: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}
	alive := d.internal.Config.Handler.(*swapHandler).current
	d.internal.Config.Handler.(*swapHandler).swap(hang)
	for name, visitor := range map[string]*browser{"signed in": b, "a stranger": newBrowser(d.t)} {
		for _, header := range []http.Header{navigation(), fetched()} {
			response, got := d.reach(visitor, "GET", d.app+"/", header)
			if response.StatusCode < 500 || got != nil {
				d.t.Errorf("cut off, %s: %s, and the app got %v", name, response.Status, got)
			}
		}
	}
	d.internal.Config.Handler.(*swapHandler).swap(alive)
	if response, got := d.reach(b, "GET", d.app+"/", nil); response.StatusCode != http.StatusOK || got == nil {
		d.t.Errorf("when it is back: %s", response.Status)
	}
	d.internal.Close()
	response, got := d.reach(b, "GET", d.app+"/", nil)
	if response.StatusCode < 500 || got != nil {
		d.t.Errorf("gone: %s, and the app got %v", response.Status, got)
	}
}

// provePaths: however an address is spelled, a stranger reaches nothing by it, and the
// proxy's own check is nobody's to ask.
func (d *deployed) provePaths() {
	b := newBrowser(d.t)
	d.signIn(b)
	host := strings.TrimPrefix(d.app, "http://")
	for _, path := range []string{
		"/", "//", "/a/../b", "/..", "/%2e%2e/", "/a%2fb", "/a;b", "/%00", "/.torhaus/check", "//.torhaus/check", "/.torhaus/check/", "/.TORHAUS/check", "/@torhaus_login", "/healthz",
		"http://" + host + "/abs", "/?a#b", "/\\", "/" + strings.Repeat("a", 4000),
	} {
		d.behind.last()
		line := d.raw("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: */*\r\nConnection: close\r\n\r\n")
		if got := d.behind.last(); got != nil || strings.Contains(line, " 200 ") {
			d.t.Errorf("%.60s: a stranger is answered %q, and the app got %v", path, line, got)
		}
	}
	for _, path := range []string{"/.torhaus/check", "/.torhaus/check?x", "//.torhaus/check", "/auth/nginx/staff"} {
		d.reach(b, "GET", d.app+path, nil) // says nothing of what is for the app
	}
	cookie := "__Secure-torhaus=" + b.cookie(d.auth, "__Secure-torhaus")
	for _, request := range []string{"GET http://evil.example.org/abs HTTP/1.1\r\nHost: " + host, "GET http://" + host + "/abs HTTP/1.1\r\nHost: evil.example.org"} {
		d.behind.last()
		line := d.raw(request + "\r\nConnection: close\r\n\r\n")
		if got := d.behind.last(); got != nil {
			d.t.Errorf("%q: a stranger is answered %q, and the app got %v", request, line, got)
		}
	}
	for sent, passes := range map[string]bool{
		host: true, strings.ToUpper(host): true, strings.Replace(host, ":", ".:", 1): false, "evil.example.org": false, host + "evil": false, "": false,
	} {
		d.behind.last()
		line := d.raw("GET / HTTP/1.1\r\nHost: " + sent + "\r\nCookie: " + cookie + "\r\nConnection: close\r\n\r\n")
		if got := d.behind.last(); got != nil && !passes && got.Header.Get("X-Auth-Subject") != "" || passes && got == nil {
			d.t.Errorf("host %q: %q, and the app got %v", sent, line, got)
		}
	}
	if got := d.raw("TRACE / HTTP/1.1\r\nHost: " + host + "\r\nCookie: " + cookie + "\r\nConnection: close\r\n\r\n"); strings.Contains(got, " 200 ") {
		d.t.Errorf("TRACE: %q", got)
	}
}

// proveClientAddress: torhaus sees the visitor's address as the proxy saw it, not as
// the visitor wrote it.
func (d *deployed) proveClientAddress() {
	b := newBrowser(d.t)
	d.signIn(b)
	if response, _ := d.reach(b, "GET", d.app+"/", http.Header{"X-Forwarded-For": {"203.0.113.66"}, "X-Real-Ip": {"203.0.113.67"}}); response.StatusCode != http.StatusOK {
		d.t.Fatal(response.Status)
	}
	b.header.Set("X-Forwarded-For", "203.0.113.68")
	b.open(d.auth + "/logout")
	asked := 0
	for line := range strings.Lines(d.log()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil || fields["msg"] != "request" {
			continue
		}
		asked++
		if address := fmt.Sprint(fields["client_ip"]); address != "127.0.0.1" {
			d.t.Errorf("%v came from %s", fields["route"], address)
		}
	}
	if asked < 4 {
		d.t.Errorf("only %d requests in the log", asked)
	}
}

// signIn signs alice in through the proxy.
func (d *deployed) signIn(b *browser) {
	d.t.Helper()
	d.world.signIn(b)
	d.behind.last()
}

// signInAs signs in somebody of this name.
func (d *deployed) signInAs(b *browser, given, family string) {
	d.t.Helper()
	d.zitadel.AddUser(zitadeltest.UserSeed{UserName: "named", GivenName: given, FamilyName: family, Email: "named@example.com", EmailVerified: true, Password: password})
	b.open(d.app + "/inbox").at("/loginname").fill(map[string]string{"loginName": "named"}).fill(map[string]string{"password": password}).at("/inbox")
	d.behind.last()
}
