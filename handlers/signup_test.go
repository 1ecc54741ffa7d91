package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

// signUp fills in the forms of a sign-up up to the page that asks for the code.
func (w *world) signUp(b *browser, email string) *page {
	w.t.Helper()
	return b.open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/register").
		fill(map[string]string{"givenName": "Nora", "familyName": "New", "email": email, "terms": "on", "privacy": "on"}).at("/register/password").
		fill(map[string]string{"password": password}).at("/verify")
}

func TestSignUpWithTheMailedCode(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := w.signUp(b, "nora@example.com").saying("nora@example.com")
	if n := len(w.zitadel.Mails()); n != 1 {
		t.Fatalf("%d mails for one sign-up, want 1", n)
	}
	page.fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/welcome")
	if _, answer := w.session(b); answer["email"] != "nora@example.com" || answer["name"] != "Nora New" {
		t.Errorf("signed in as %v", answer)
	}
	if strings.Contains(w.log(), "nora") {
		t.Errorf("the log says who signed up:\n%s", w.log())
	}
}

// The link of the mail, in the browser that signs up, goes on with the sign-in.
func TestSignUpWithTheMailedLink(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signUp(b, "nora@example.com")
	page := b.open(w.zitadel.LastMail("nora@example.com").Link).at("/verify")
	if strings.Contains(page.url.RawQuery, "code") {
		t.Errorf("the code stays in the URL: %s", page.url)
	}
	page.fill(nil).at("/welcome")
}

// The same link in another browser proves the address and signs nobody in. A
// mail scanner that merely opens it does nothing at all.
func TestVerificationLinkInAnotherBrowser(t *testing.T) {
	w := newWorld(t)
	here, there := newBrowser(t), newBrowser(t)
	waiting := w.signUp(here, "nora@example.com")
	link := w.zitadel.LastMail("nora@example.com").Link
	newBrowser(t).open(link) // the scanner
	there.open(link).at("/verify").fill(nil).at("/verify/success")
	if status, _ := w.session(there); status != http.StatusUnauthorized {
		t.Error("the other browser was signed in")
	}
	there.open(w.auth + "/signedin").at("/loginname")
	here.open(waiting.url.String()).at("/welcome") // the waiting tab goes on
}

// A taken address looks like a new one, on every page and in every header; the
// owner is told by mail.
func TestSignUpWithATakenAddress(t *testing.T) {
	w := newWorld(t, (&stoppedClock{}).wind)
	fresh, taken := newBrowser(t), newBrowser(t)
	free := w.signUp(fresh, "alicf@example.com")
	known := w.signUp(taken, "alice@example.com")
	same := func(p *page) string {
		return strings.NewReplacer("alicf", "NAME", "alice", "NAME").Replace(p.text())
	}
	if same(free) != same(known) {
		t.Errorf("told apart:\n%s\n%s", same(free), same(known))
	}
	if (fresh.cookie(w.auth, "__Host-accounts") == "") != (taken.cookie(w.auth, "__Host-accounts") == "") {
		t.Error("told apart by a cookie")
	}
	if mail := w.zitadel.LastMail("alice@example.com"); mail.Kind != "password-reset" {
		t.Errorf("the owner got %q, want a reset mail", mail.Kind)
	}
	if len(w.waits) == 0 || slices.Max(w.waits) < 100*time.Millisecond {
		t.Errorf("the clock was asked for %v: a sign-up takes longer", w.waits)
	}
	known.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code}).
		at("/verify").with(http.StatusUnprocessableEntity)
}

func TestSignUpRefusals(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/register").at("/register")
	good := map[string]string{"givenName": "Nora", "familyName": "New", "email": "nora@example.com", "terms": "on", "privacy": "on"}
	for field, bad := range map[string][]string{
		"givenName":  {"", " ", strings.Repeat("x", 201)},
		"familyName": {"", strings.Repeat("x", 201)},
		"email":      {"", "nora", "nora@", "@example.com", "Nora <nora@example.com>", "a@b@c", "a b@example.com", strings.Repeat("x", 200) + "@example.com"},
	} {
		for _, value := range bad {
			typed := map[string]string{"givenName": good["givenName"], "familyName": good["familyName"], "email": good["email"], "terms": "on", "privacy": "on"}
			typed[field] = value
			page = w.refusedHere(page, typed)
			if got := page.value("familyName"); field != "familyName" && got != "New" {
				t.Errorf("what was typed is lost: %q", got)
			}
		}
	}
	page = page.fill(good).at("/register/password")
	for _, weak := range weakPasswords {
		page = w.refusedHere(page, map[string]string{"password": weak})
	}
	newBrowser(t).open(w.auth + "/register").fill(map[string]string{"givenName": "", "familyName": "", "email": "x"}).
		saying("first name").saying("last name").saying("e-mail address").saying("terms").saying("privacy")
	if mails := w.zitadel.Mails(); len(mails) != 0 {
		t.Errorf("refused forms sent %d mails", len(mails))
	}
	page = page.fill(map[string]string{"password": password}).at("/verify")
	for _, code := range noCodes {
		page = w.refusedHere(page, map[string]string{"code": code}, signedInReads...)
	}
	page.fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/signedin")
}

// Policy is held by each handler, not by what a page shows: ZITADEL itself
// creates users whatever its setting says (CVE-2026-29193).
func TestSignUpClosed(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/register").at("/register")
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.AllowRegister = false })
	w.zitadel.Advance(2 * minute)
	page.fill(map[string]string{"givenName": "N", "familyName": "N", "email": "n@example.com", "terms": "on", "privacy": "on"}).with(http.StatusForbidden)
	b.open(w.auth + "/signup").with(http.StatusForbidden)
	if page := b.open(w.auth + "/loginname"); page.testid("register-button") != nil {
		t.Error("the page offers what the policy forbids")
	}
}

// Nobody gets an account that they could not sign in with: not of an organization that
// was deactivated before they came, nor of one that was meanwhile.
func TestSignUpWithAClosedOrganization(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	b := newBrowser(t)
	address := w.auth + "/signup?organization=" + acme + "&return_to=" + w.app + "/inbox"
	page := b.open(address).at("/register").fill(newcomer).at("/register/password")
	w.zitadel.DeactivateOrganization(acme)
	w.zitadel.Advance(2 * minute)
	w.zitadel.ResetCalls()
	page.fill(map[string]string{"password": password}).with(http.StatusForbidden).saying("This organization is not active")
	b.open(address).with(http.StatusForbidden).saying("This organization is not active")
	b.open(w.auth + "/signup?organization=123456789").with(http.StatusForbidden)
	if slices.Contains(w.calls(), "POST /v2/users/human") {
		t.Error("an account was made that nobody can sign in with")
	}
}

func TestLegalLinksMustBeAgreedTo(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLegalAndSupport("", func(l *zitadeltest.LegalAndSupport) { l.TOSLink = "https://example.com/terms/{{.Lang}}" })
	typed := map[string]string{"givenName": "Nora", "familyName": "New", "email": "nora@example.com"}
	page := newBrowser(t).open(w.auth + "/register").fill(typed).at("/register").with(http.StatusUnprocessableEntity)
	typed["terms"], typed["privacy"] = "on", "on"
	page.fill(typed).at("/register/password")
}

func TestResetWithTheMailedCode(t *testing.T) {
	w := newWorld(t)
	elsewhere := newBrowser(t)
	w.signIn(elsewhere)
	b := newBrowser(t)
	page := b.open(w.auth+"/login?return_to="+w.app+"/inbox").fill(map[string]string{"loginName": "alice"}).
		fill(nil, "reset-button").at("/password/set")
	code := w.zitadel.LastMail("alice@example.com").Code
	page = page.fill(map[string]string{"code": "WRONG1", "password": "Another1!"}).with(http.StatusUnprocessableEntity)
	if page.value("code") != "WRONG1" || page.value("password") != "" {
		t.Error("the code is lost, or the password came back")
	}
	page = page.fill(map[string]string{"code": code, "password": "weak"}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"code": code, "password": "Another1!"}).at("/inbox")
	if status, _ := w.session(elsewhere); status != http.StatusUnauthorized {
		t.Error("a session that the old password had opened lives on")
	}
	newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).
		fill(map[string]string{"password": "Another1!"}).at("/signedin")
}

// One session that ZITADEL does not end at once keeps none of the others alive after a
// reset, and is ended behind the answer; the one that was just begun stays.
func TestResetThoughASessionIsNotEnded(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.signIn(newBrowser(t))
	}
	page := newBrowser(t).open(w.auth+"/login?return_to="+w.app+"/inbox").fill(map[string]string{"loginName": "alice"}).
		fill(nil, "reset-button").at("/password/set")
	w.zitadel.Fault(zitadeltest.Fault{Method: http.MethodDelete, Path: "/v2/sessions/", Status: http.StatusInternalServerError, Body: "{}", Times: 1})
	page = page.fill(map[string]string{"code": w.mailedCode("alice@example.com"), "password": "Another1!"}).at("/inbox")
	w.settle()
	if left := w.zitadel.Sessions(w.alice); len(left) != 1 {
		t.Errorf("%d sessions are left, want the new one alone", len(left))
	}
	page.b.open(w.authorizeURL("&prompt=none")).at("/cb").with(http.StatusOK)
}

// A link that is opened in another browser sets the password, and then asks for
// it.
func TestResetLinkInAnotherBrowser(t *testing.T) {
	w := newWorld(t)
	newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).fill(nil, "reset-button")
	there := newBrowser(t)
	page := there.open(w.zitadel.LastMail("alice@example.com").Link).at("/password/set")
	if strings.Contains(page.body, "alice") {
		t.Error("the link tells whose account it is")
	}
	page = page.fill(map[string]string{"password": "Another1!"}).at("/loginname")
	page.fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": "Another1!"}).at("/signedin")
}

func TestResetTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = true })
	var seen string
	for _, name := range []string{"alice", "anobody"} {
		page := newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": name}).
			fill(nil, "reset-button").at("/password/set")
		page = page.fill(map[string]string{"code": "WRONG1", "password": "Another1!"}).with(http.StatusUnprocessableEntity)
		text := strings.ReplaceAll(page.text(), name, "NAME")
		if seen != "" && seen != text {
			t.Errorf("told apart:\n%s\n%s", seen, text)
		}
		seen = text
	}
}

func TestResetHidden(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"})
	method, action, form := page.form(nil, "reset-button")
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true })
	w.zitadel.Advance(2 * minute)
	page.b.navigate(method, action, form).at("/password")
	if len(w.zitadel.Mails()) != 0 {
		t.Error("the policy hides the reset, and a mail was sent")
	}
}

func TestChangeRequired(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "carol", Email: "carol@example.com", EmailVerified: true, Password: password, ChangeRequired: true})
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "carol"}).
		fill(map[string]string{"password": password}).at("/password/change")
	b.open(w.authorizeURL("")).at("/loginname") // no way around it: nobody has passed the gate
	page = page.fill(map[string]string{"current": "wrong", "password": "Another1!"}).with(http.StatusUnprocessableEntity).saying("current password")
	page = page.fill(map[string]string{"current": password, "password": password}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"current": password, "password": "Another1!"}).at("/inbox")
}

func TestChangeByChoice(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.open(w.auth + "/password/change?loginName=alice").at("/loginname").
		fill(map[string]string{"loginName": "alice"}).at("/password").
		fill(map[string]string{"password": password}).at("/password/change").
		fill(map[string]string{"current": password, "password": "Another1!"}).at("/signedin")
	b.open(w.auth + "/password/change").at("/password/change")
	b.open(w.auth + "/.well-known/change-password").at("/password/change")
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	ask := b.open(w.auth + "/logout?post_logout_redirect_uri=" + url.QueryEscape(w.app+"/bye")).at("/logout").saying("Alice Example")
	if status, _ := w.session(b); status != http.StatusOK {
		t.Fatal("GET /logout signed out")
	}
	w.zitadel.ResetCalls()
	ask.fill(nil).at("/bye")
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Error("still signed in")
	}
	w.settle()
	calls := strings.Join(w.calls(), "\n")
	if !strings.Contains(calls, "/oauth/v2/revoke") || !strings.Contains(calls, "DELETE") {
		t.Errorf("ZITADEL was not told:\n%s", calls)
	}
	b.open(w.authorizeURL("")).at("/loginname")
	w.signIn(b)
	b.open(w.auth + "/logout?post_logout_redirect=https://evil.example.org/").fill(nil).at("/logout/done")
}

// A forgotten password without a name typed before: the page asks for it.
func TestResetFromTheStart(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").follow("reset-button").at("/password/set")
	page = page.fill(map[string]string{"loginName": "nobody"}).with(http.StatusUnprocessableEntity).saying("not found")
	page = page.fill(map[string]string{"loginName": "alice"}).at("/password/set")
	page.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code, "password": "Another1!"}).at("/signedin")
}

// Where login names end in the organization's domain, the new account has
// another one than its address.
func TestSignUpWithSuffixedLoginNames(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetDomainSettings("", func(d *zitadeltest.DomainSettings) { d.LoginNameIncludesDomain = true })
	b := newBrowser(t)
	w.signUp(b, "nora@example.com").fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/welcome")
}

// The language picked in the footer keeps the step, and is remembered.
func TestLanguageKeepsTheStep(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).at("/password")
	page = b.open(page.url.String() + "&lang=de").at("/password").saying("Passwort")
	page.fill(map[string]string{"password": password}).at("/signedin").saying("angemeldet")
	b.open(w.auth + "/logout?lang=en&post_logout_redirect=" + url.QueryEscape(w.app+"/bye")).saying("Sign out").fill(nil).at("/bye")
}

// The code by SMS, for whoever has a proven phone; nobody else is offered it.
func TestResetBySMS(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{
		UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password, Phone: "+41791234567", PhoneVerified: true,
	})
	page := newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": "bob"}).fill(nil, "reset-button")
	page = page.fill(nil, "sms-button").at("/password/set")
	page.fill(map[string]string{"code": w.zitadel.LastSMS("+41791234567").Code, "password": "Another1!"}).at("/signedin")
	page = newBrowser(t).open(w.auth+"/loginname").fill(map[string]string{"loginName": "alice"}).fill(nil, "reset-button")
	if page.testid("sms-button") != nil {
		t.Error("offered to somebody without a phone")
	}
}

// The answer to the second click of a double click is the one that is seen: it
// names all that is wrong, as the first did.
func TestSecondClickNamesAllThatIsWrong(t *testing.T) {
	w := newWorld(t)
	empty := newBrowser(t).open(w.auth + "/signup?return_to=" + w.app + "/").at("/register")
	first := empty.fill(nil).with(http.StatusUnprocessableEntity)
	second := empty.fill(nil).with(http.StatusUnprocessableEntity)
	if first.text() != second.text() || !strings.Contains(second.text(), "e-mail address") {
		t.Errorf("the second answer says\n%s\nand the first said\n%s", second.text(), first.text())
	}
}
