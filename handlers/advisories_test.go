package handlers_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// The published holes of ZITADEL and its hosted login that a login can have, each
// tried here as it was exploited there.
func TestAdvisories(t *testing.T) {
	for name, regression := range map[string]func(*testing.T){
		"CVE-2025-67494 the upstream is taken from a header":                                                         upstreamFromAHeader,
		"CVE-2026-29067 CVE-2023-49097 CVE-2025-64101 GHSA-93m4-mfpg-c3xf the host in a mail is taken from a header": mailHostFromAHeader,
		"CVE-2025-67495 any target after a sign-out":                                                                 anyTargetAfterSignOut,
		"CVE-2026-29191 any action of a form that is posted on":                                                      anyFormAction,
		"CVE-2026-29192 GHSA-5wcj-9wj4-j65h a script as the default redirect":                                        scriptAsDefaultRedirect,
		"CVE-2026-29193 a policy that only hides the page":                                                           policyOfThePageAlone,
		"CVE-2026-23511 users told by the id in a link":                                                              usersToldByTheirID,
		"CVE-2026-105206 methods of other organizations' users":                                                      methodsOfOthersUsers,
		"GHSA-g2pf-ww5m-2r9m the organization is not held":                                                           anyOrganization,
		"CVE-2025-64102 passwords without a limit":                                                                   passwordsWithoutALimit,
		"CVE-2024-32868 codes without a limit":                                                                       codesWithoutALimit,
		"CVE-2025-64103 the second factor is skipped":                                                                secondFactorSkipped,
		"GHSA-9993-rfwp-rhwf a session is used again without MFA":                                                    sessionWithoutTheNewFactor,
		"CVE-2026-105211 the code is returned to who asks":                                                           codeReturned,
		"CVE-2026-109373 sessions by their ids":                                                                      sessionsByTheirIDs,
		"CVE-2026-105213 users of a deactivated organization":                                                        usersOfADeactivatedOrganization,
		"CVE-2026-54693 CVE-2026-27946 an address that proves itself":                                                addressProvesItself,
		"CVE-2026-55672 a code without PKCE":                                                                         codeWithoutPKCE,
		"CVE-2024-28197 GHSA-mq4x-r2w3-j7mr a planted cookie":                                                        plantedCookie,
		"CVE-2026-105207 an identity is linked silently":                                                             silentLink,
		"CVE-2026-105208 the return of another":                                                                      returnOfAnother,
		"CVE-2026-119128 a verification check that is made up":                                                       forgedVerificationCheck,
		"CVE-2026-105212 enrolment by a session without a factor":                                                    enrolmentOnAnIdentifyOnlySession,
		"CVE-2026-105209 a code of another user":                                                                     codeOfAnotherUser,
		"CVE-2025-46815 an intent is used again":                                                                     intentReplay,
		"GHSA-x4c7-fpcx-w9q6 an intent of another provider":                                                          intentOfAnotherProvider,
	} {
		t.Run(name, regression)
	}
}

func upstreamFromAHeader(t *testing.T) {
	var stolen atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
	defer evil.Close()
	w := newWorld(t)
	b := newBrowser(t)
	for _, name := range []string{"X-Zitadel-Forward-Host", "X-Zitadel-Public-Host", "X-Zitadel-Instance-Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Host"} {
		b.header.Set(name, strings.TrimPrefix(evil.URL, "http://"))
	}
	w.signIn(b)
	if n := stolen.Load(); n != 0 {
		t.Errorf("%d requests went where a header said", n)
	}
}

func mailHostFromAHeader(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.header.Set("X-Forwarded-Host", "evil.example.org")
	b.header.Set("Forwarded", "host=evil.example.org")
	b.open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).fill(nil, "reset-button").at("/password/set")
	if link := w.zitadel.LastMail("alice@example.com").Link; !strings.HasPrefix(link, w.auth+"/password/set?") {
		t.Errorf("the mail leads to %s", link)
	}
}

func anyTargetAfterSignOut(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{"javascript:alert(1)", "https://evil.example.org/", "//evil.example.org"} {
		b := newBrowser(t)
		w.signIn(b)
		page := b.open(w.auth + "/logout?post_logout_redirect=" + url.QueryEscape(target)).at("/logout")
		page.fill(nil).at("/logout/done")
	}
}

func anyFormAction(t *testing.T) {
	w := newWorld(t)
	const script = "javascript:alert(1)"
	for _, path := range []string{"/saml-post?id=1&url=", "/login?samlRequest=", "/idp?url=", "/loginname?requestId="} {
		page := newBrowser(t).open(w.auth + path + url.QueryEscape(script))
		if page.status < 400 && strings.Contains(page.body, script) {
			t.Errorf("%s: the page holds the script:\n%s", path, page.body)
		}
	}
}

func scriptAsDefaultRedirect(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{"javascript:alert(1)//https://app.example.com", "data:text/html,x", "https://evil.example.org/"} {
		w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.DefaultRedirectURI = target })
		w.zitadel.Advance(time.Hour)
		w.typeName("alice").typePassword(password).at("/signedin")
	}
}

// Each form is sent as it was before policy closed the door.
func policyOfThePageAlone(t *testing.T) {
	for name, test := range map[string]struct {
		policy func(*zitadeltest.LoginSettings)
		begin  func(w *world) *page
		typed  map[string]string
		harm   string // the call that must not be made
	}{
		"sign-up": {
			func(s *zitadeltest.LoginSettings) { s.AllowRegister = false },
			func(w *world) *page { return w.atNewPassword() }, map[string]string{"password": password}, "POST /v2/users/human",
		},
		"password": {
			func(s *zitadeltest.LoginSettings) { s.AllowUsernamePassword = false },
			func(w *world) *page { return w.typeName("alice").at("/password") }, map[string]string{"password": password}, "POST /v2/sessions",
		},
		"reset": {
			func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true },
			func(w *world) *page { return w.forgotten() }, map[string]string{"code": "ABC123", "password": "Another1!"}, "POST /v2/users/{id}/password",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			page := test.begin(w)
			w.zitadel.SetLoginSettings("", test.policy)
			w.zitadel.Advance(2 * minute) // settings are cached for seconds
			w.zitadel.ResetCalls()
			page.fill(test.typed)
			if slices.Contains(w.calls(), test.harm) {
				t.Errorf("policy says no, and %s was called", test.harm)
			}
		})
	}
}

func usersToldByTheirID(t *testing.T) {
	w := newWorld(t, (&stoppedClock{}).wind)
	w.hideUsers()
	ids := map[string]string{"nobody": "123456789012345678"[:len(w.alice)], "a machine": w.zitadel.AddServiceUser("machine").ID}
	for _, name := range hiddenPeople(w)[1:] {
		ids[name] = w.zitadel.UserID(name)
	}
	for _, path := range []string{"/password/set?code=WRONG1&userId=", "/verify?code=WRONG1&userId=", "/verify?invite=true&code=WRONG1&userId="} {
		typed := map[string]string{}
		if strings.HasPrefix(path, "/password") {
			typed["password"] = another
		}
		answers := map[string]string{}
		for who, id := range ids {
			w.zitadel.Advance(time.Hour) // none of this is about limits
			page := newBrowser(t).open(w.auth + path + id)
			answers[who] = varying.ReplaceAllString(page.body+page.fill(typed).with(http.StatusUnprocessableEntity).body, "…")
		}
		for who, answer := range answers {
			if diff := cmp.Diff(answers["nobody"], answer); diff != "" {
				t.Errorf("%s tells %s from nobody:\n%s", path, who, diff)
			}
		}
	}
}

// What a user of any organization can sign in with is not said to who has shown nothing.
func methodsOfOthersUsers(t *testing.T) {
	w := newWorld(t)
	w.hideUsers()
	acme := w.zitadel.AddOrganization("Acme")
	w.zitadel.AddPasskey(w.addPerson(withoutPassword, func(u *zitadeltest.UserSeed) { u.OrganizationID = acme }), "example.localhost", zitadeltest.NewAuthenticator())
	everybodys := w.typeName("nobody").offered()
	for _, name := range []string{"alice", "bob", "bob@example.com"} {
		if offered := w.typeName(name).offered(); !slices.Equal(offered, everybodys) {
			t.Errorf("%s is offered %v, nobody %v", name, offered, everybodys)
		}
	}
}

// offered are all that the page has to press or follow.
func (p *page) offered() (list []string) {
	each(p.root, func(n *html.Node) {
		if id := attr(n, "data-testid"); id != "" {
			list = append(list, id)
		}
	})
	return append(list, p.url.Path)
}

func anyOrganization(t *testing.T) {
	w := newWorld(t)
	other := w.zitadel.AddOrganization("Other")
	b := newBrowser(t)
	w.signIn(b)
	for _, scope := range []string{"urn:zitadel:iam:org:id:" + other, "urn:zitadel:iam:org:domain:primary:" + w.domainOf("other")} {
		address := strings.Replace(w.authorizeURL(""), "scope=openid", "scope=openid+"+url.QueryEscape(scope), 1)
		b.open(address).at("/loginname").fill(map[string]string{"loginName": "alice"}).refused("/loginname", "User not found")
	}
}

// domainOf is the primary domain of an organization by its name.
func (w *world) domainOf(name string) string {
	return name + "." + w.parse(w.zitadel.Issuer()).Hostname()
}

func (w *world) parse(address string) *url.URL {
	u, err := url.Parse(address)
	w.must(err)
	return u
}

func passwordsWithoutALimit(t *testing.T) {
	w := newWorld(t)
	w.zitadel.StopClock() // no bucket refills
	page := w.typeName("alice").at("/password")
	w.zitadel.ResetCalls()
	for range 30 {
		page = page.typePassword("wrong")
	}
	page.with(http.StatusTooManyRequests)
	if checks := len(w.calls()); checks > 11 {
		t.Errorf("ZITADEL was asked %d times", checks)
	}
}

func codesWithoutALimit(t *testing.T) {
	w := newWorld(t)
	w.zitadel.StopClock() // no bucket refills
	w.zitadel.AddTOTP(w.alice)
	checks := 0
	for range 4 { // a new session brings no new tries
		page := w.typeName("alice").typePassword(password).at("/otp/time-based")
		w.zitadel.ResetCalls()
		for range 10 {
			page = page.typeCode("123456")
		}
		checks += strings.Count(strings.Join(w.calls(), "\n"), "PATCH")
	}
	if checks > 12 {
		t.Errorf("%d codes were tried", checks)
	}
}

func secondFactorSkipped(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddTOTP(w.alice)
	page := w.atAppAs("alice").typePassword(password).at("/otp/time-based")
	w.zitadel.ResetCalls()
	for _, path := range []string{"/signedin", "/login", "/loginname", "/password", "/password/change", "/mfa/set", "/passkey/set", "/u2f/set", "/otp/time-based/set", "/otp/email/set", "/authenticator/set", "/accounts", "/callback"} {
		page.beside(path)
		if status, _ := w.session(page.b); status != http.StatusUnauthorized {
			t.Fatalf("%s signed in by the password alone", path)
		}
	}
	page.b.open(w.authorizeURL("")).at("/loginname")
	for _, call := range w.calls() {
		if strings.HasPrefix(call, "POST /v2/oidc/auth_requests/") || strings.Contains(call, "/totp") {
			t.Errorf("%s was called for a session with a password alone", call)
		}
	}
}

func sessionWithoutTheNewFactor(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	secret := w.zitadel.AddTOTP(w.alice) // after the session was made, and nothing forces it
	b.open(w.authorizeURL("")).at("/otp/time-based").typeCode(w.zitadel.TOTPCode(secret)).at("/cb")
}

func codeReturned(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddOTPEmail(w.alice)
	page := w.typeName("alice").typePassword(password).at("/otp/email")
	method, action, form := page.form(nil, "resend-button")
	for _, name := range []string{"returnCode", "challenges", "challenges.otpEmail.returnCode", "otpEmail[returnCode]"} {
		form.Set(name, "true")
	}
	page = page.b.navigate(method, action, form)
	code := w.mailedCode("alice@example.com")
	if strings.Contains(page.body, code) {
		t.Errorf("the page holds the code:\n%s", page.body)
	}
	for name, values := range page.header {
		if strings.Contains(strings.Join(values, ""), code) {
			t.Errorf("%s holds the code", name)
		}
	}
}

// The hosted login believed a cookie that listed ids, and ids in an address; and
// ZITADEL an empty token.
func sessionsByTheirIDs(t *testing.T) {
	w := newWorld(t)
	victim := newBrowser(t)
	w.signIn(victim)
	ids := w.zitadel.Sessions(w.alice)
	if len(ids) != 1 {
		t.Fatalf("alice has %d ZITADEL sessions", len(ids))
	}
	for _, c := range victim.jar.Cookies(w.parse(w.auth)) {
		for _, raw := range []string{c.Value, decoded(c.Value)} {
			if strings.Contains(raw, ids[0]) || strings.Contains(raw, w.alice) {
				t.Errorf("%s tells an id", c.Name)
			}
		}
	}
	attacker := newBrowser(t)
	listed := `[{"id":"` + ids[0] + `","token":"","loginName":"alice"}]`
	attacker.header.Set("Cookie", "sessions="+url.QueryEscape(listed)+"; __Host-accounts="+ids[0]+"; __Secure-torhaus="+ids[0])
	for _, path := range []string{"/login", "/accounts", "/signedin", "/mfa/set", "/password/change", "/passkey/set"} {
		page := attacker.open(w.auth + path + "?sessionId=" + ids[0] + "&userId=" + w.alice + "&return_to=" + url.QueryEscape(w.app+"/inbox"))
		if page.url.Path == "/inbox" || strings.Contains(page.text(), "Alice") {
			t.Errorf("%s let in whoever knows an id: %s", path, page.text())
		}
	}
}

func decoded(value string) string {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	return string(raw)
}

func usersOfADeactivatedOrganization(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.DeactivateOrganization(w.zitadel.DefaultOrganization())
	w.zitadel.Advance(2 * minute) // the organization's state is cached for seconds
	b.open(w.authorizeURL("")).with(http.StatusForbidden)
	w.typeName("alice").with(http.StatusForbidden)
}

func addressProvesItself(t *testing.T) {
	w := newWorld(t)
	start := newBrowser(t).open(w.auth + "/register").at("/register")
	method, action, form := start.form(newcomer)
	for _, name := range []string{"isVerified", "email.isVerified", "email[isVerified]", "emailVerified", "verified"} {
		form.Set(name, "true")
	}
	start.b.navigate(method, action, form).at("/register/password").fill(map[string]string{"password": password}).at("/verify")
}

func codeWithoutPKCE(t *testing.T) {
	w := newWorld(t)
	state, code := w.waitForCallback(newBrowser(t))
	if _, err := w.zitadel.Redeem(w.auth+"/callback?code="+url.QueryEscape(code)+"&state="+state, "not the verifier"); err == nil {
		t.Error("the code was redeemed without its verifier")
	}
}

// A sibling can set the shared cookie. What it planted is not what a sign-in goes
// on with, and is worth nothing after it.
func plantedCookie(t *testing.T) {
	w := newWorld(t)
	attacker := newBrowser(t)
	w.signIn(attacker)
	planted := attacker.cookie(w.auth, "__Secure-torhaus")
	victim := newBrowser(t)
	shared := &http.Cookie{Name: "__Secure-torhaus", Value: planted, Domain: "example.localhost", Path: "/", Secure: true}
	victim.jar.SetCookies(w.parse(w.auth), []*http.Cookie{shared})
	w.addPerson()
	victim.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").at("/loginname").
		fill(map[string]string{"loginName": "bob"}).typePassword(password).at("/inbox")
	if got := victim.cookie(w.auth, "__Secure-torhaus"); got == planted || got == "" {
		t.Error("the sign-in went on with the planted cookie")
	}
	if status, _ := w.session(attacker); status != http.StatusUnauthorized {
		t.Errorf("the planted session is alive after the sign-in: %d", status)
	}
}
