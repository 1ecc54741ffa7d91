package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// A sign-in that asks for a new check gets one, however recent the last is.
func TestPromptLoginRightAfterASignIn(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, extra := range []string{"&prompt=login", "&max_age=0"} {
		page := b.open(w.authorizeURL(extra)).at("/password")
		page.fill(map[string]string{"password": password}).at("/cb")
	}
	page := b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/password")
	page.fill(map[string]string{"password": password}).at("/inbox")
}

func TestMaxAgeOfOurOwnSession(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Advance(10 * minute)
	b.open(w.auth + "/login?max_age=900&return_to=" + w.app + "/young").at("/young")
	b.open(w.auth + "/login?max_age=300&return_to=" + w.app + "/old").at("/password")
}

// A live session is of whom it is: another name or organization is asked for.
func TestHintsBeatALiveSession(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	b.open(w.auth + "/login?login_hint=alice@example.com&return_to=" + w.app + "/same").at("/same")
	b.open(w.auth + "/login?login_hint=bob@example.com&return_to=" + w.app + "/other").at("/loginname")
	b.open(w.auth + "/login?organization=" + w.zitadel.AddOrganization("Other") + "&return_to=" + w.app + "/other").at("/loginname")
	b.open(w.auth + "/login?organization=acme.com&return_to=" + w.app + "/other").with(http.StatusBadRequest)
}

// Nothing but a navigation that somebody looks at completes a sign-in.
func TestOnlyNavigationsComplete(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	waiting := w.signUp(b, "nora@example.com")
	there := newBrowser(t)
	there.open(w.zitadel.LastMail("nora@example.com").Link).fill(nil).at("/verify/success")
	for _, try := range []struct {
		method string
		header http.Header
	}{
		{http.MethodHead, nil},
		{http.MethodGet, http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}},
		{http.MethodGet, http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}},
		{http.MethodGet, http.Header{"Sec-Purpose": {"prefetch"}}},
	} {
		b.header = try.header
		if b.header == nil {
			b.header = http.Header{}
		}
		response := b.do(try.method, waiting.url.String(), nil)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden || b.cookie(w.auth, "__Secure-torhaus") != "" {
			t.Errorf("%s %v: %d, and signed in: %t", try.method, try.header, response.StatusCode, b.cookie(w.auth, "__Secure-torhaus") != "")
		}
	}
	b.header = http.Header{}
	b.open(waiting.url.String()).at("/welcome")
}

// Links in images push nobody's sign-in out of the browser.
func TestMailLinksNeedANavigation(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/loginname")
	b.header = http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}
	for range 9 {
		response := b.do(http.MethodGet, w.auth+"/verify?userId=1&code=AAAAAA", nil)
		_ = response.Body.Close()
	}
	b.header = http.Header{}
	page.fill(map[string]string{"loginName": "alice"}).at("/password")
}

// Policies are the organization's in which things happen, not the instance's.
func TestPoliciesOfTheOrganization(t *testing.T) {
	t.Run("sign-up", func(t *testing.T) {
		w := newWorld(t)
		w.zitadel.SetLoginSettings(w.zitadel.DefaultOrganization(), func(s *zitadeltest.LoginSettings) { s.AllowRegister = false })
		newBrowser(t).open(w.auth + "/signup").with(http.StatusForbidden)
	})
	t.Run("reset by a made-up link", func(t *testing.T) {
		w := newWorld(t)
		strict := w.zitadel.AddOrganization("Strict")
		w.zitadel.SetLoginSettings(strict, func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true })
		bob := w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password, OrganizationID: strict})
		page := newBrowser(t).open(w.auth + "/password/set?userId=" + bob + "&code=AAAAAA").at("/password/set")
		method, action, form := page.form(map[string]string{"password": "Another1!"})
		form.Set("action", "resend")
		page.b.navigate(method, action, form)
		if n := len(w.zitadel.Mails()); n != 0 {
			t.Errorf("a link had %d mails sent", n)
		}
		w.zitadel.ResetCalls()
		page.b.open(page.url.String()).fill(map[string]string{"password": "Another1!"}).with(http.StatusUnprocessableEntity)
		for _, call := range w.calls() {
			if strings.HasSuffix(call, "/password") {
				t.Error("a password was tried to be set where policy hides the reset")
			}
		}
		page.b.open(w.auth + "/password?a=" + page.url.Query().Get("a")).at("/password/set")
	})
}

// Whatever is typed, and whatever ZITADEL says to it in its ordinary words, is
// no fault of ours.
func TestNoFiveHundreds(t *testing.T) {
	w := newWorld(t)
	reset := newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).fill(nil, "reset-button")
	for _, code := range []string{strings.Repeat("A", 19), strings.Repeat("A", 20), strings.Repeat("A", 25), strings.Repeat("A", 33)} {
		reset = reset.fill(map[string]string{"code": code, "password": "Another1!"}).with(http.StatusUnprocessableEntity)
	}
	invalid := `{"code":3,"message":"invalid"}`
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		run                      func(*browser) *page
	}{
		{"user creation", "POST", "/v2/users/human", invalid, 400, func(b *browser) *page {
			return b.open(w.auth + "/register").
				fill(map[string]string{"givenName": "N", "familyName": "N", "email": "n1@example.com", "terms": "on", "privacy": "on"}).
				fill(map[string]string{"password": password})
		}},
		{"session creation", "POST", "/v2/sessions", invalid, 400, func(b *browser) *page {
			return b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password})
		}},
		{"authorize", "GET", "/oauth/v2/authorize", `{"error":"invalid_request"}`, 400, func(b *browser) *page {
			return b.open(w.auth + "/login").fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password})
		}},
		{"finalize to a script", "POST", "/v2/oidc/auth_requests", `{"callbackUrl":"javascript:alert(1)"}`, 200, func(b *browser) *page {
			return b.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password})
		}},
		{"finalize to elsewhere", "POST", "/v2/oidc/auth_requests", `{"callbackUrl":"https://evil.example.org/cb?code=x"}`, 200, func(b *browser) *page {
			return b.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w.zitadel.ClearFaults()
			w.zitadel.Fault(zitadeltest.Fault{Method: test.method, Path: test.path, Status: test.status, Body: test.body})
			b := newBrowser(t)
			answer := test.run(b)
			if answer.status == http.StatusInternalServerError {
				t.Errorf("500 at %s:\n%s", answer.url, answer.text())
			}
			if strings.Contains(answer.url.Host, "evil") {
				t.Errorf("led to %s", answer.url)
			}
			w.zitadel.ClearFaults()
			w.zitadel.Advance(minute)
		})
	}
}

// The ID token must be ours, for this request, about whom the gate let in.
func TestTamperedIDTokens(t *testing.T) {
	for claim, value := range map[string]any{"nonce": "planted", "sub": "400700000000000001", "aud": []string{"1"}, "iss": "https://evil.example.org"} {
		t.Run(claim, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(newBrowser(t)) // warm
			w.zitadel.TamperIDTokens(func(claims map[string]any) { claims[claim] = value })
			b := newBrowser(t)
			page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").
				fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password})
			if page.status < 400 || page.status == http.StatusInternalServerError {
				t.Errorf("%d at %s", page.status, page.url)
			}
			if status, _ := w.session(b); status != http.StatusUnauthorized {
				t.Error("signed in")
			}
		})
	}
}

// Forgotten, and then remembered: the way on is open.
func TestPasswordRemembered(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	word := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	word.fill(nil, "reset-button").at("/password/set")
	b.open(word.url.String()).at("/password").fill(map[string]string{"password": password}).at("/inbox")
}

// A sign-up whose first session fails goes on with the password, and does not
// find its own address taken.
func TestSignUpHiccup(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/signup?return_to=" + w.app + "/welcome").
		fill(map[string]string{"givenName": "Nora", "familyName": "New", "email": "nora@example.com", "terms": "on", "privacy": "on"}).at("/register/password")
	w.zitadel.Fault(zitadeltest.Fault{Method: "POST", Path: "/v2/sessions", Status: 503, Times: 2})
	page = page.fill(map[string]string{"password": password}).at("/password")
	w.zitadel.ClearFaults()
	page.fill(map[string]string{"password": password}).at("/verify").
		fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/welcome")
}

// The page of someone who may not offers to go on as somebody else.
func TestDeniedIsNoDeadEnd(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	w.signIn(b)
	w.zitadel.LockUser(w.alice)
	page := b.open(w.authorizeURL("")).with(http.StatusForbidden)
	link := page.find("a", func(n *html.Node) bool { return strings.Contains(attr(n, "href"), "/loginname?a=") })
	if link == nil {
		t.Fatalf("no way on:\n%s", page.body)
	}
	b.open(w.auth + attr(link, "href")).at("/loginname").
		fill(map[string]string{"loginName": "bob"}).fill(map[string]string{"password": password}).at("/cb")
}

// A form that ZITADEL's trouble cut off comes back as typed.
func TestTypedSurvivesTrouble(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/register")
	w.signIn(newBrowser(t)) // warm
	typed := map[string]string{"givenName": "Nora", "familyName": "New", "email": "nora@example.com", "terms": "on", "privacy": "on"}
	again := page.fill(typed).at("/register/password")
	w.zitadel.Fault(zitadeltest.Fault{Drop: true})
	again.fill(map[string]string{"password": password}).with(http.StatusServiceUnavailable)
	name := newBrowser(t)
	w.zitadel.ClearFaults()
	start := name.open(w.auth + "/loginname")
	w.zitadel.Fault(zitadeltest.Fault{Method: "POST", Path: "/v2/users", Status: 503})
	start.fill(map[string]string{"loginName": "alice"}).with(http.StatusServiceUnavailable)
	w.zitadel.ClearFaults()
	if got := name.open(start.url.String()).value("loginName"); got != "alice" {
		t.Errorf("the login name is lost: %q", got)
	}
	if got := b.open(w.auth + "/register?a=" + page.url.Query().Get("a")).value("email"); got != "nora@example.com" {
		t.Errorf("the address is lost: %q", got)
	}
}

// An attempt that has just ended ends every later form of it the same way.
func TestEditedSecondPress(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	word := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"})
	frozen := b.freeze(word.url)
	_, action, form := word.form(map[string]string{"password": password})
	word.fill(map[string]string{"password": password}).at("/inbox")
	twin := frozen.twin()
	form.Set("password", "edited")
	response := twin.do(http.MethodPost, action, form)
	_ = response.Body.Close()
	if got := response.Header.Get("Location"); got != w.app+"/inbox" {
		t.Errorf("the second press led to %q (%d)", got, response.StatusCode)
	}
}

// Chromium holds form-action against the whole chain of redirects.
func TestFormActionNamesTheTarget(t *testing.T) {
	w := newWorld(t)
	for name, address := range map[string]string{
		"our app": w.auth + "/login?return_to=" + w.app + "/inbox", "another client": w.authorizeURL(""),
	} {
		if csp := newBrowser(t).open(address).header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self'") || !strings.Contains(csp, w.app) {
			t.Errorf("%s: %s", name, csp)
		}
	}
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.DefaultRedirectURI = w.app + "/start" })
	w.zitadel.Advance(2 * minute)
	if csp := newBrowser(t).open(w.auth + "/loginname").header.Get("Content-Security-Policy"); !strings.Contains(csp, w.app) {
		t.Errorf("the policy's default redirect: %s", csp)
	}
}

// Too many, asked again when the time is up, is no longer too many.
func TestLimitEnds(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	for page.status != http.StatusTooManyRequests {
		page = page.fill(map[string]string{"password": "wrong"})
	}
	method, action, form := page.form(map[string]string{"password": password})
	page.b.navigate(method, action, form).with(http.StatusTooManyRequests)
	w.zitadel.Advance(10 * minute)
	page.b.navigate(method, action, form).at("/signedin")
}

// What a link began does not follow whoever signs in next in the same tab.
func TestLinkForgottenByNotYou(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "dave", Email: "dave@example.com", Password: password})
	w.signUp(newBrowser(t), "nora@example.com")
	b := newBrowser(t)
	link := b.open(w.zitadel.LastMail("nora@example.com").Link).at("/verify")
	page := b.open(w.auth + "/loginname?a=" + link.url.Query().Get("a")).at("/loginname").
		fill(map[string]string{"loginName": "dave"}).fill(map[string]string{"password": password}).at("/verify")
	page.fill(map[string]string{"code": w.zitadel.LastMail("dave@example.com").Code}).at("/signedin")
}

// A bookmark is not led astray by a tab that somebody forgot.
func TestChangePasswordBesideAnOldTab(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	b.open(w.auth + "/login?prompt=select_account&return_to=" + w.app + "/inbox").at("/accounts")
	b.open(w.auth + "/.well-known/change-password").at("/password/change")
}

// A new password ends the sessions that the old one had opened, but for one's own.
func TestChangeEndsOtherSessions(t *testing.T) {
	w := newWorld(t)
	here, there := newBrowser(t), newBrowser(t)
	w.signIn(here)
	w.signIn(there)
	w.zitadel.ResetCalls()
	here.open(w.auth + "/password/change").fill(map[string]string{"current": password, "password": "Another1!"}).at("/signedin")
	if status, _ := w.session(here); status != http.StatusOK {
		t.Errorf("here: %d", status)
	}
	if status, _ := w.session(there); status != http.StatusUnauthorized {
		t.Errorf("there: %d", status)
	}
	w.settle()
	if calls := strings.Join(w.calls(), "\n"); !strings.Contains(calls, "/oauth/v2/revoke") {
		t.Errorf("what the other session held was not revoked:\n%s", calls)
	}
}

// Login V2's addresses carry a client's request to any of its pages.
func TestRequestIDOnAPage(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	response := b.do(http.MethodGet, w.authorizeURL(""), nil)
	_ = response.Body.Close()
	location, err := response.Location()
	w.must(err)
	id := location.Query().Get("authRequest")
	b.open(w.auth + "/loginname?requestId=oidc_" + url.QueryEscape(id)).at("/loginname").
		fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
}

func TestLoopGuard(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for i := range 6 {
		page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
		if limited := page.status == http.StatusTooManyRequests; limited != (i == 5) {
			t.Errorf("visit %d: %d", i+1, page.status)
		}
	}
	w.zitadel.Advance(10 * second)
	for i := range 6 {
		page := b.open(w.authorizeURL(""))
		if limited := page.status == http.StatusTooManyRequests; limited != (i == 5) {
			t.Errorf("single sign-on %d: %d", i+1, page.status)
		}
	}
}

// A session that nobody has the token of any more is ended, not forgotten.
func TestNoSessionIsLeftBehind(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for range 4 {
		b.open(w.auth+"/login?prompt=select_account&return_to="+w.app+"/inbox").at("/accounts").
			fill(nil, "account-button").at("/inbox")
		b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/password").
			fill(map[string]string{"password": password}).at("/inbox")
		w.zitadel.Advance(minute)
	}
	if live := w.zitadel.Sessions(w.alice); len(live) != 1 {
		t.Errorf("%d ZITADEL sessions of one browser", len(live))
	}
}
