package handlers_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"torhaus/session/redistest"
)

// The law of the routes: who may open what, and what they get. Every row is
// tried by every kind of visitor.
func TestRouteLaw(t *testing.T) {
	w := newWorld(t)
	visitors := []struct {
		name   string
		arrive func() (*browser, string) // and the attempt to ask with
	}{
		{"stranger", func() (*browser, string) { return newBrowser(t), "" }},
		{"begun", func() (*browser, string) {
			page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
			return page.b, "?a=" + page.url.Query().Get("a")
		}},
		{"identified", func() (*browser, string) {
			page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/password")
			return page.b, "?a=" + page.url.Query().Get("a")
		}},
		{"signed in", func() (*browser, string) {
			b := newBrowser(t)
			w.signIn(b)
			return b, ""
		}},
	}
	for _, row := range []struct {
		method, path string
		want         [4]int
	}{
		{"GET", "/login", [4]int{303, 303, 303, 303}},
		{"GET", "/signup", [4]int{303, 303, 303, 303}},
		{"GET", "/loginname", [4]int{200, 200, 200, 303}},
		{"GET", "/password", [4]int{410, 303, 200, 410}},
		{"GET", "/password/set", [4]int{200, 200, 200, 303}},
		{"GET", "/password/change", [4]int{303, 303, 303, 200}},
		{"GET", "/register", [4]int{200, 200, 303, 200}},
		{"GET", "/register/password", [4]int{410, 303, 303, 410}},
		{"GET", "/verify", [4]int{410, 303, 303, 410}},
		{"GET", "/verify/success", [4]int{410, 303, 303, 410}},
		{"GET", "/authenticator/set", [4]int{410, 303, 303, 410}},
		{"GET", "/passkey/set", [4]int{410, 303, 303, 410}},
		{"GET", "/signedin", [4]int{303, 303, 303, 200}},
		{"GET", "/logout", [4]int{200, 200, 200, 200}},
		{"GET", "/logout/done", [4]int{200, 200, 200, 200}},
		{"GET", "/callback", [4]int{400, 400, 400, 400}},
		{"GET", "/session", [4]int{401, 401, 401, 200}},
		{"HEAD", "/session", [4]int{401, 401, 401, 200}},
		{"POST", "/session/refresh", [4]int{401, 401, 401, 200}},
		{"GET", "/session/refresh", [4]int{405, 405, 405, 405}},
		{"HEAD", "/session/events", [4]int{401, 401, 401, 200}},
		{"GET", "/sessions", [4]int{401, 401, 401, 200}},
		{"DELETE", "/sessions", [4]int{401, 401, 401, 204}},
		{"DELETE", "/sessions/none", [4]int{401, 401, 401, 404}},
		{"GET", "/sessions/none", [4]int{405, 405, 405, 405}},
		{"POST", "/sessions", [4]int{405, 405, 405, 405}},
		{"POST", "/session/events", [4]int{405, 405, 405, 405}},
		{"GET", "/backchannel-logout", [4]int{405, 405, 405, 405}},
		{"POST", "/backchannel-logout", [4]int{400, 400, 400, 400}},
		{"GET", "/healthz", [4]int{200, 200, 200, 200}},
		{"GET", "/readyz", [4]int{200, 200, 200, 200}},
		{"GET", "/.well-known/change-password", [4]int{303, 303, 303, 303}},
		{"GET", "/idp", [4]int{303, 303, 303, 303}}, // there is no provider
		{"GET", "/idp/1/process", [4]int{410, 303, 303, 410}},
		{"GET", "/idp/1/process?id=1&token=1", [4]int{410, 410, 410, 410}},
		{"GET", "/idp/1/success?id=1&token=1", [4]int{410, 410, 410, 410}},
		{"GET", "/idp/1/failure?id=1", [4]int{410, 410, 410, 410}},
		{"GET", "/idp/1/failure", [4]int{410, 410, 410, 410}},
		{"GET", "/idp/1", [4]int{410, 303, 303, 410}},
		{"GET", "/auth/nginx/default", [4]int{404, 404, 404, 404}}, // the internal listener's
		{"POST", "/.well-known/jwks.json", [4]int{405, 405, 405, 405}},
		{"GET", "/nothing", [4]int{404, 404, 404, 404}},
		{"GET", "/static/none.css", [4]int{404, 404, 404, 404}},
		{"GET", "/theme/none.css", [4]int{404, 404, 404, 404}},
		{"POST", "/login", [4]int{405, 405, 405, 405}},
		{"POST", "/callback", [4]int{405, 405, 405, 405}},
		{"POST", "/session", [4]int{405, 405, 405, 405}},
		{"POST", "/signedin", [4]int{405, 405, 405, 405}},
		{"POST", "/verify/success", [4]int{405, 405, 405, 405}},
		{"POST", "/authenticator/set", [4]int{405, 405, 405, 405}},
		{"POST", "/passkey/set", [4]int{410, 303, 303, 410}},
		{"POST", "/password/set", [4]int{410, 422, 422, 410}},
		{"POST", "/loginname", [4]int{410, 422, 422, 410}},
		{"POST", "/password", [4]int{410, 303, 422, 410}},
		{"POST", "/password/change", [4]int{410, 303, 303, 410}},
		{"POST", "/register/password", [4]int{410, 303, 303, 410}},
		{"POST", "/verify", [4]int{410, 303, 303, 410}},
		{"POST", "/idp", [4]int{410, 303, 303, 410}},
		{"POST", "/idp/1/process", [4]int{410, 303, 303, 410}},
		{"POST", "/idp/1/success", [4]int{405, 405, 405, 405}},
		{"POST", "/idp/1/failure", [4]int{405, 405, 405, 405}},
		{"HEAD", "/idp/1/process?id=1&token=1", [4]int{403, 403, 403, 403}},
		{"HEAD", "/idp/1/failure?id=1", [4]int{403, 403, 403, 403}},
		{"PUT", "/loginname", [4]int{405, 405, 405, 405}},
		{"DELETE", "/session", [4]int{405, 405, 405, 405}},
		{"HEAD", "/login", [4]int{403, 403, 403, 403}},
	} {
		for i, visitor := range visitors {
			w.zitadel.Advance(minute) // none of this is about limits
			b, query := visitor.arrive()
			var form url.Values
			if row.method != "GET" && row.method != "HEAD" {
				form = url.Values{}
			}
			if strings.HasPrefix(row.path, "/session") {
				b.header.Set("Content-Type", "application/json") // as scripts ask
			}
			if strings.Contains(row.path, "?") {
				query = strings.Replace(query, "?", "&", 1)
			}
			response := b.do(row.method, w.auth+row.path+query, form)
			_ = response.Body.Close()
			if response.StatusCode != row.want[i] {
				t.Errorf("%s %s as %s: %d %s, want %d", row.method, row.path, visitor.name, response.StatusCode, response.Header.Get("Location"), row.want[i])
			}
			lawfulHeaders(t, response)
		}
	}
}

// The same law for who has no way to sign in: before a mailed code was redeemed, as
// the result of their name, of a sign-up and of a link, and after.
func TestRouteLawWithoutAMethod(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	visitors := []struct {
		name   string
		arrive func() *page
	}{
		{"named", func() *page { return w.typeName("bob").at("/verify") }},
		{"signing up", func() *page { return w.signUpWithKey(newBrowser(t), rand.Text()+"@example.com").at("/verify") }},
		{"by a link", func() *page {
			return newBrowser(t).open(w.auth + "/verify?invite=true&code=AAAAAA&userId=" + id).at("/verify")
		}},
		{"proven", func() *page { return w.atChoice(newBrowser(t)) }},
		{"proven by a link", func() *page {
			w.zitadel.Invite(id, w.inviteLink(), "")
			return newBrowser(t).open(w.zitadel.LastMail("bob@example.com").Link).fill(nil).at("/authenticator/set")
		}},
	}
	for _, row := range []struct {
		method, path string
		want         [5]int
	}{
		{"GET", "/verify", [5]int{200, 200, 200, 303, 303}},
		{"GET", "/authenticator/set", [5]int{303, 303, 303, 200, 200}},
		{"GET", "/passkey/set", [5]int{303, 303, 303, 200, 200}},
		{"GET", "/password/set", [5]int{303, 303, 303, 200, 200}},
		{"GET", "/verify/success", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/loginname", [5]int{200, 200, 200, 200, 200}},
		{"GET", "/password", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/passkey", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/mfa/set", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/u2f/set", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/otp/time-based/set", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/password/change", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/register", [5]int{303, 303, 303, 303, 303}},
		{"GET", "/session", [5]int{401, 401, 401, 401, 401}},
		{"POST", "/verify", [5]int{422, 422, 422, 303, 303}},
		{"POST", "/authenticator/set", [5]int{405, 405, 405, 405, 405}},
		{"POST", "/passkey/set", [5]int{303, 303, 303, 303, 303}},
		{"POST", "/password/set", [5]int{303, 303, 303, 422, 422}},
		{"POST", "/password", [5]int{303, 303, 303, 303, 303}},
		{"POST", "/u2f/set", [5]int{303, 303, 303, 303, 303}},
		{"POST", "/register", [5]int{303, 303, 303, 303, 303}},
		{"POST", "/register/password", [5]int{303, 303, 303, 303, 303}},
		{"PUT", "/authenticator/set", [5]int{405, 405, 405, 405, 405}},
	} {
		for i, visitor := range visitors {
			w.zitadel.Advance(10 * minute) // none of this is about limits
			page := visitor.arrive()
			var form url.Values
			if row.method != "GET" {
				form = url.Values{}
			}
			response := page.b.do(row.method, w.auth+row.path+"?a="+page.url.Query().Get("a"), form)
			_ = response.Body.Close()
			if response.StatusCode != row.want[i] {
				t.Errorf("%s %s as %s: %d %s, want %d", row.method, row.path, visitor.name, response.StatusCode, response.Header.Get("Location"), row.want[i])
			}
			lawfulHeaders(t, response)
		}
	}
	if methods := w.methodsOf("bob"); len(methods) != 0 {
		t.Errorf("bob was given %v", methods)
	}
}

var attemptParam = regexp.MustCompile(`[?&]a=[a-z2-7]{10}`)

// lawfulHeaders holds each answer to the headers of SECURITY.md, spelled out
// here so that a slip in the code's own constants shows.
func lawfulHeaders(t *testing.T, response *http.Response) {
	t.Helper()
	want := map[string]string{
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "same-origin",

		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	}
	for name, value := range want {
		if got := response.Header.Get(name); got != value {
			t.Errorf("%s %s: %s is %q, want %q", response.Request.Method, response.Request.URL.Path, name, got, value)
		}
	}
	csp := response.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, directive) {
			t.Errorf("%s %s: no %s in %q", response.Request.Method, response.Request.URL.Path, directive, csp)
		}
	}
	if policy := response.Header.Get("Permissions-Policy"); !strings.Contains(policy, "camera=()") || !strings.Contains(policy, "publickey-credentials-get=(self)") {
		t.Errorf("%s %s: Permissions-Policy is %q", response.Request.Method, response.Request.URL.Path, policy)
	}
	// Nothing but text of our own: a picture or file that somebody has put up would be
	// served with the origin's rights (CVE-2024-29891).
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if !slices.Contains([]string{"", "text/html", "application/json", "application/problem+json", "text/event-stream", "text/plain"}, kind) {
		t.Errorf("%s %s: Content-Type is %q", response.Request.Method, response.Request.URL.Path, kind)
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("unsafe: %q", csp)
	}
	if cache := response.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		t.Errorf("%s %s: Cache-Control is %q", response.Request.Method, response.Request.URL.Path, cache)
	}
	// The attempt's public name is random, and may well spell something.
	if location := attemptParam.ReplaceAllString(response.Header.Get("Location"), ""); strings.Contains(location, "alice") || strings.Contains(location, "code=") {
		t.Errorf("a redirect carries what it must not: %s", location)
	}
}

// newlines is what HTML makes of them.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Every string of the corpus as a login name: a calm page, kept as typed, and
// one bucket for all spellings of one name.
func TestLoginNameCorpus(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/loginname")
	for _, row := range corpus(t, "testdata/login_names.tsv") {
		method, action, form := page.form(map[string]string{"loginName": row[0]})
		answer := b.navigate(method, action, form)
		switch {
		case answer.status >= 500:
			t.Errorf("%q: %d", row[0], answer.status)
		case answer.status == http.StatusBadRequest: // not text: NUL, broken UTF-8
		case answer.url.Path == "/password":
			page = b.open(w.auth + "/loginname?a=" + answer.url.Query().Get("a"))
		case answer.status == http.StatusUnprocessableEntity:
			if got := answer.value("loginName"); got != strings.TrimSpace(newlines.Replace(row[0])) && len([]rune(row[0])) <= 200 {
				t.Errorf("%q came back as %q", row[0], got)
			}
		case answer.status == http.StatusTooManyRequests:
		default:
			t.Errorf("%q: %d at %s", row[0], answer.status, answer.url)
		}
		w.zitadel.Advance(2 * second)
	}
}

// Every password of the corpus: what sign-up accepts, sign-in accepts, byte for
// byte, and nothing is ever shown or cut.
func TestPasswordCorpus(t *testing.T) {
	w := newWorld(t)
	for i, row := range corpus(t, "testdata/passwords.tsv") {
		secret := row[0] + "aA1!" // meets the policy, keeps the odd part
		if len(secret) > 20_000 {
			continue // over the limit of a body, percent-encoded: that limit's own test has it
		}
		w.zitadel.Advance(10 * minute)
		b := newBrowser(t)
		email := "p" + strings.Repeat("x", i) + "@example.com"
		page := b.open(w.auth + "/register").
			fill(map[string]string{"givenName": "P", "familyName": "P", "email": email, "terms": "on", "privacy": "on"}).at("/register/password")
		answer := page.fill(map[string]string{"password": secret})
		if strings.Contains(answer.body, secret) && len(secret) > 6 {
			t.Errorf("row %d is shown in the page", i)
		}
		switch {
		case answer.status >= 500:
			t.Errorf("%q: %d", secret, answer.status)
		case answer.url.Path != "/verify":
			if answer.status != http.StatusUnprocessableEntity && answer.status != http.StatusBadRequest {
				t.Errorf("%q: %d", secret, answer.status)
			}
			continue
		}
		again := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": email})
		again.fill(map[string]string{"password": secret}).at("/verify")
		w.zitadel.Advance(minute)
		if len(secret) > 8 {
			cut := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": email})
			cut.fill(map[string]string{"password": secret[:len(secret)-1]}).with(http.StatusUnprocessableEntity)
		}
	}
}

// Sign-in on a real Redis, and a restart in the middle of it.
func TestSignInOnRedis(t *testing.T) {
	w := newWorld(t, onRedis(redistest.Start(t).URL()))
	b := newBrowser(t)
	word := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	w.restart()
	word.fill(map[string]string{"password": password}).at("/inbox")
	w.restart()
	if status, answer := w.session(b); status != http.StatusOK || answer["subject"] != w.alice {
		t.Errorf("GET /session after a restart: %d %v", status, answer)
	}
}
