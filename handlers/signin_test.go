package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

func TestSignInToOurApp(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Fatalf("GET /session before anything: %d, want 401", status)
	}
	w.signIn(b).with(http.StatusOK)
	for _, hop := range b.hops {
		if strings.Contains(hop, "id.example.localhost") {
			t.Errorf("the browser was sent to ZITADEL: %s", hop)
		}
	}
	status, answer := w.session(b)
	if status != http.StatusOK {
		t.Fatalf("GET /session after sign-in: %d %v", status, answer)
	}
	for key, want := range map[string]any{"subject": w.alice, "name": "Alice Example", "email": "alice@example.com"} {
		if answer[key] != want {
			t.Errorf("GET /session: %s = %v, want %v", key, answer[key], want)
		}
	}
	if methods, _ := answer["methods"].([]any); !slices.Contains(methods, any("pwd")) {
		t.Errorf("GET /session: methods = %v, want pwd among them", answer["methods"])
	}
	if b.cookie(w.auth, "__Host-attempt-") != "" {
		t.Error("the attempt's cookie is left behind")
	}
	if strings.Contains(w.log(), "alice") || strings.Contains(w.log(), password) {
		t.Errorf("the log says who signed in, or how:\n%s", w.log())
	}
}

// The budget of a sign-in, with token and settings warm (the hosted login makes
// 39 calls).
func TestSignInCostsNineCalls(t *testing.T) {
	w := newWorld(t)
	w.zitadel.StopClock()   // warm stays warm
	w.signIn(newBrowser(t)) // warms the token and the settings
	w.zitadel.ResetCalls()
	b := newBrowser(t)
	w.signIn(b)
	if calls := w.calls(); len(calls) > 9 {
		t.Errorf("a sign-in made %d calls, want at most 9:\n%s", len(calls), strings.Join(calls, "\n"))
	} else {
		t.Logf("%d calls:\n%s", len(calls), strings.Join(calls, "\n"))
	}
}

func TestSecondVisitIsSignedInAlready(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.ResetCalls()
	b.open(w.auth + "/login?return_to=" + w.app + "/again").at("/again")
	if calls := w.calls(); len(calls) > 0 {
		t.Errorf("a live session was asked about: %v", calls)
	}
}

// Another client of the instance finds the ZITADEL session, and the visitor is
// asked nothing.
func TestSingleSignOn(t *testing.T) {
	w := newWorld(t)
	w.zitadel.StopClock() // warm stays warm
	b := newBrowser(t)
	w.signIn(b)
	for _, later := range []time.Duration{0, 10 * second} { // the login policy is read anew after five
		w.zitadel.Advance(later)
		w.zitadel.ResetCalls()
		page := b.open(w.authorizeURL("")).at("/cb")
		if page.url.Query().Get("code") == "" || page.url.Query().Get("state") != "state-1" {
			t.Errorf("the client was answered with %s", page.url)
		}
		if calls := w.calls(); len(calls) > 6+1 { // and the authorize request of the browser itself
			t.Errorf("single sign-on made %d calls:\n%s", len(calls), strings.Join(calls, "\n"))
		}
	}
}

// authorizeURL is how another client of the instance starts a sign-in.
func (w *world) authorizeURL(extra string) string {
	return w.zitadel.Issuer() + "/oauth/v2/authorize?response_type=code&scope=openid&state=state-1&nonce=n&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&client_id=" +
		w.other.ClientID + "&redirect_uri=" + url.QueryEscape(w.app+"/cb") + extra
}

func TestSignInToAnotherClient(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.authorizeURL("")).at("/loginname").
		fill(map[string]string{"loginName": "alice"}).at("/password").
		fill(map[string]string{"password": password}).at("/cb")
	if page.url.Query().Get("code") == "" {
		t.Errorf("no code for the client: %s", page.url)
	}
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Errorf("a sign-in to another client also signed in to ours: %d", status)
	}
}

func TestPromptNone(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.authorizeURL("&prompt=none")).at("/cb")
	if got := page.url.Query().Get("error"); got != "login_required" {
		t.Errorf("the client was told %q, want login_required: %s", got, page.url)
	}
	page = b.open(w.auth + "/login?prompt=none&return_to=" + w.app + "/quiet").at("/quiet")
	if got := page.url.Query().Get("error"); got != "login_required" {
		t.Errorf("our app was told %q, want login_required", got)
	}
	w.signIn(b)
	if page = b.open(w.authorizeURL("&prompt=none")).at("/cb"); page.url.Query().Get("code") == "" {
		t.Errorf("signed in, and yet: %s", page.url)
	}
}

func TestPromptLoginAsksAgain(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Advance(minute)
	page := b.open(w.authorizeURL("&prompt=login")).at("/password").saying("alice")
	if page = page.fill(map[string]string{"password": password}).at("/cb"); page.url.Query().Get("code") == "" {
		t.Errorf("no code: %s", page.url)
	}
	w.zitadel.Advance(minute)
	b.open(w.authorizeURL("&max_age=30")).at("/password")
}

// Where ZITADEL does not hand an auth request to the service user, the sign-in
// takes the way through the browser and ends at /callback.
func TestFallbackThroughTheBrowser(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").
		fill(map[string]string{"loginName": "alice@example.com"})
	w.zitadel.Fault(zitadeltest.Fault{Method: "GET", Path: "/oauth/v2/authorize", Status: 302, Times: 1})
	page.fill(map[string]string{"password": password}).at("/inbox")
	if !slices.ContainsFunc(b.hops, func(hop string) bool { return strings.HasPrefix(hop, w.auth+"/callback?") }) {
		t.Errorf("did not come by /callback: %v", b.hops)
	}
	if status, _ := w.session(b); status != http.StatusOK {
		t.Errorf("GET /session: %d", status)
	}
}

func TestBareSignInEndsAtSignedIn(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.open(w.auth + "/loginname").at("/loginname").
		fill(map[string]string{"loginName": "alice@example.com "}).at("/password").
		fill(map[string]string{"password": password}).at("/signedin").saying("Alice Example")
	b.open(w.auth + "/loginname").at("/signedin")
}

func TestDefaultRedirect(t *testing.T) {
	for _, test := range []struct{ name, uri, want string }{
		{"allow-listed", "{app}/start", "/start"},
		{"a script", "javascript:alert(1)", "/signedin"},
		{"elsewhere", "https://evil.example.org/", "/signedin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) {
				s.DefaultRedirectURI = strings.ReplaceAll(test.uri, "{app}", w.app)
			})
			newBrowser(t).open(w.auth + "/loginname").
				fill(map[string]string{"loginName": "alice"}).
				fill(map[string]string{"password": password}).at(test.want)
		})
	}
}

func TestWrongLoginName(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "nobody@example.com"}).
		at("/loginname").with(http.StatusUnprocessableEntity).saying("User not found in the system")
	if got := page.value("loginName"); got != "nobody@example.com" {
		t.Errorf("what was typed is lost: %q", got)
	}
	page.fill(map[string]string{"loginName": "  "}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"loginName": strings.Repeat("a", 201)}).with(http.StatusUnprocessableEntity)
}

func TestWrongPassword(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).
		fill(map[string]string{"password": "wrong"}).at("/password").with(http.StatusUnprocessableEntity).saying("Failed to authenticate")
	if page.value("password") != "" {
		t.Error("the password came back in the page")
	}
	page.fill(map[string]string{"password": ""}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"password": password}).at("/signedin")
}

func TestLockout(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLockout("", func(l *zitadeltest.Lockout) { l.MaxPasswordAttempts = 3 })
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	page = page.fill(map[string]string{"password": "wrong 1"}).saying("1 of 3")
	page = page.fill(map[string]string{"password": "wrong 2"}).saying("2 of 3")
	page = page.fill(map[string]string{"password": "wrong 3"}).saying("locked")
	page.fill(map[string]string{"password": password}).with(http.StatusUnprocessableEntity).saying("This account is locked")
}

// ZITADEL does not say how many codes were wrong, so the page says how many may be.
func TestLockoutByCodes(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLockout("", func(l *zitadeltest.Lockout) { l.MaxOTPAttempts = 3 })
	w.zitadel.AddTOTP(w.alice)
	page := w.typeName("alice").typePassword(password).at("/otp/time-based")
	for range 2 {
		page = page.typeCode("123456").refused("/otp/time-based", "After 3 wrong codes in a row your account is locked")
	}
	page = page.typeCode("123456").refused("/otp/time-based", "the account is now locked")
	page.typeCode("123456").with(http.StatusForbidden).saying("Ask your administrator to unlock it")
}

func TestUnverifiedAddress(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "dave", Email: "dave@example.com", Password: password})
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "dave"}).
		fill(map[string]string{"password": password}).at("/verify").saying("dave@example.com")
	first := w.zitadel.LastMail("dave@example.com").Code
	if first == "" {
		t.Fatal("no mail was sent on arrival")
	}
	wrong := page.fill(map[string]string{"code": "garbage!"}).at("/verify").with(http.StatusUnprocessableEntity).saying("Could not verify email")
	if got := wrong.value("code"); got != "garbage!" {
		t.Errorf("what was typed is lost: %q", got)
	}
	page = page.fill(nil, "resend-button").at("/verify")
	second := w.zitadel.LastMail("dave@example.com").Code
	if second == first {
		t.Fatal("the resent code is the first one")
	}
	page = page.fill(map[string]string{"code": first}).with(http.StatusUnprocessableEntity).saying("Could not verify email")
	page.fill(map[string]string{"code": " " + strings.ToLower(second[:3]) + " " + second[3:]}).at("/signedin")
}

func TestDeniedPeople(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.LockUser(w.alice)
	b.open(w.authorizeURL("")).with(http.StatusForbidden).saying("This account is locked")
	w.zitadel.ReactivateUser(w.alice)
	elsewhere := strings.Replace(w.authorizeURL(""), "scope=openid", "scope=openid+urn:zitadel:iam:org:id:"+w.zitadel.AddOrganization("Other"), 1)
	b.open(elsewhere).at("/loginname")
	w.zitadel.DeactivateOrganization(w.zitadel.DefaultOrganization())
	w.zitadel.Advance(2 * minute) // the organization's state is cached for seconds
	b.open(w.authorizeURL("")).with(http.StatusForbidden)
}

func TestGrantRequired(t *testing.T) {
	w := newWorld(t)
	w.zitadel.RequireGrant(w.other.ProjectID, true)
	newBrowser(t).open(w.authorizeURL("")).
		fill(map[string]string{"loginName": "alice"}).
		fill(map[string]string{"password": password}).with(http.StatusForbidden)
}

// withBasePath serves the pages where the hosted login had them.
func TestBasePath(t *testing.T) {
	w := newWorld(t, func(_ *world, c *handlers.Config) { c.BasePath = basePath(t, "/ui/v2/login") })
	b := newBrowser(t)
	b.open(w.auth + "/ui/v2/login/login?return_to=" + w.app + "/inbox").at("/ui/v2/login/loginname").
		fill(map[string]string{"loginName": "alice"}).at("/ui/v2/login/password").
		fill(map[string]string{"password": password}).at("/inbox")
	b.open(w.auth + "/healthz").with(http.StatusOK)
	b.open(w.auth + "/login").with(http.StatusNotFound)
}
