package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// atPassword goes up to the password of a sign-in to our app.
func (w *world) atPassword(b *browser) *page {
	w.t.Helper()
	return b.open(w.auth + "/login?return_to=" + w.app + "/inbox").
		fill(map[string]string{"loginName": "alice"}).at("/password")
}

func TestTOTP(t *testing.T) {
	w := newWorld(t)
	secret := w.zitadel.AddTOTP(w.alice)
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/otp/time-based")
	page = page.fill(map[string]string{"code": "000000"}).at("/otp/time-based").with(http.StatusUnprocessableEntity).saying("Could not verify OTP code")
	if page.value("code") != "000000" {
		t.Error("the code is lost")
	}
	code := w.zitadel.TOTPCode(secret)
	page.fill(map[string]string{"code": code[:3] + " " + code[3:]}).at("/inbox")
	if _, answer := w.session(b); !strings.Contains(strings.Join(texts(answer["methods"]), " "), "otp") {
		t.Errorf("methods: %v", answer["methods"])
	}

	// ZITADEL would take the same code again; whoever looked over a shoulder
	// must not get in with it.
	thief := newBrowser(t)
	w.atPassword(thief).fill(map[string]string{"password": password}).at("/otp/time-based").
		fill(map[string]string{"code": code}).with(http.StatusUnprocessableEntity)
	w.zitadel.Advance(30 * second)
	thief.open(w.auth + "/otp/time-based").fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/inbox")
}

func texts(list any) (out []string) {
	values, _ := list.([]any)
	for _, value := range values {
		text, _ := value.(string)
		out = append(out, text)
	}
	return out
}

// A second factor is not skipped by an address, nor by another client's request.
func TestSecondFactorIsNotSkipped(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddTOTP(w.alice)
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/otp/time-based")
	short := "?a=" + page.url.Query().Get("a")
	for _, path := range []string{"/password/change", "/verify", "/mfa/set", "/otp/time-based/set", "/passkey/set", "/otp/sms", "/signedin"} {
		if got := b.open(w.auth + path + short); got.url.Path != "/otp/time-based" && got.url.Path != "/loginname" {
			t.Errorf("%s led to %s", path, got.url)
		}
	}
	b.open(w.authorizeURL("")).at("/loginname")
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Error("signed in with a password alone")
	}
}

func TestOTPByMail(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddOTPEmail(w.alice)
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/otp/email").saying("a•••@e•••.com")
	first := w.zitadel.LastMail("alice@example.com")
	if first.Kind != "otp-email" {
		t.Fatalf("mailed %q", first.Kind)
	}
	page.b.open(page.url.String())
	if n := len(w.zitadel.Mails()); n != 1 {
		t.Errorf("a reload had %d mails sent", n)
	}
	w.zitadel.Advance(second)
	page = page.fill(nil, "resend-button").at("/otp/email")
	page.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code}).at("/inbox")
}

func TestSwitchBetweenFactors(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddTOTP(w.alice)
	w.zitadel.AddOTPEmail(w.alice)
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/otp/time-based")
	if page.testid("sms-link") != nil {
		t.Error("a factor is offered that the user does not have")
	}
	page = page.follow("email-link").at("/otp/email")
	if len(w.zitadel.Mails()) != 0 {
		t.Error("opening the page sent a mail")
	}
	page = page.fill(nil).at("/otp/email")
	page.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code}).at("/inbox")
}

func TestOTPBySMS(t *testing.T) {
	w := newWorld(t)
	id := w.zitadel.AddUser(zitadeltest.UserSeed{
		UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password, Phone: "+41791234567", PhoneVerified: true,
	})
	w.zitadel.AddOTPSMS(id)
	page := newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "+41 79 123 45 67"}).
		fill(map[string]string{"password": password}).at("/otp/sms").saying("•••67")
	page.fill(map[string]string{"code": w.zitadel.LastSMS("+41791234567").Code}).at("/signedin")
}

// Forced, and none enrolled: one must be set up, and shown, before anything else.
func TestForcedSetUpOfTOTP(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/mfa/set")
	if page.testid("reset-button") != nil {
		t.Error("a forced factor may be skipped")
	}
	page = page.follow("time-based-link").at("/otp/time-based/set").fill(nil).at("/otp/time-based/set")
	secret := strings.ReplaceAll(nodeText(page.testid("secret")), " ", "")
	page = page.fill(map[string]string{"code": "000000"}).with(http.StatusUnprocessableEntity)
	page.fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/inbox")
}

func TestForcedSetUpOfOTPByMail(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFALocalOnly = true })
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/mfa/set").
		follow("email-link").at("/otp/email/set").fill(nil).at("/otp/email")
	page.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code}).at("/inbox")
}

func TestForcedSetUpOfOTPBySMS(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).
		follow("sms-link").at("/otp/sms/set")
	page = page.fill(map[string]string{"phone": "garbage"}).with(http.StatusUnprocessableEntity)
	page = page.fill(map[string]string{"phone": "+41 79 123 45 67"}).at("/otp/sms/set")
	page = page.fill(map[string]string{"code": "pasted!"}).with(http.StatusUnprocessableEntity).holding("code", "pasted!")
	page = page.fill(map[string]string{"code": w.zitadel.LastSMS("+41791234567").Code}).at("/otp/sms")
	page.fill(map[string]string{"code": w.zitadel.LastSMS("+41791234567").Code}).at("/inbox")
}

// A made-up form skips nothing that is forced.
func TestForcedIsNotSkipped(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 30 * 24 * time.Hour })
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/mfa/set")
	method, action, form := page.form(nil, "reset-button")
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	w.zitadel.Advance(2 * minute)
	b.navigate(method, action, form).at("/mfa/set")
}

func TestOfferedFactorIsSkippedForAWhile(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 30 * 24 * time.Hour })
	w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/mfa/set").fill(nil, "reset-button").at("/inbox")
	w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/inbox")
	w.zitadel.Advance(31 * 24 * time.Hour)
	w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/mfa/set")
}

// key runs the ceremony that the page's script would run.
func (p *page) key(a *zitadeltest.Authenticator, origin string, create bool) *page {
	p.b.t.Helper()
	run := a.Get
	if create {
		run = a.Create
	}
	credential, err := run(p.options(), origin)
	if err != nil {
		p.b.t.Fatal(err)
	}
	return p.fill(map[string]string{"credential": string(credential)})
}

// options are those of the page's ceremony.
func (p *page) options() []byte {
	p.b.t.Helper()
	form := p.find("form", func(n *html.Node) bool { return has(n, "data-options") })
	if form == nil {
		p.b.t.Fatalf("no ceremony on %s:\n%s", p.url, p.text())
	}
	return []byte(attr(form, "data-options"))
}

func TestPasskey(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", a)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/passkey")
	page.key(a, w.auth, false).at("/inbox")
	w.zitadel.AddTOTP(w.alice) // a passkey is both factors
	b.open(w.authorizeURL("")).at("/cb")
}

func TestPasskeyOrPassword(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddPasskey(w.alice, "example.localhost", zitadeltest.NewAuthenticator())
	page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/passkey")
	page = page.fill(nil).at("/passkey").with(http.StatusUnprocessableEntity) // cancelled
	page.follow("password-link").at("/password").fill(map[string]string{"password": password}).at("/inbox")
}

// ZITADEL takes the origin from the client's own words. We do not.
func TestLyingAuthenticators(t *testing.T) {
	for name, lie := range map[string]zitadeltest.Lie{
		"a sibling's page": {Origin: "http://evil.example.localhost"}, "a registration": {Type: "webauthn.create"},
		"in a frame": {CrossOrigin: true}, "another key": {OtherKey: true}, "another challenge": {Challenge: "AAAA"}, "garbled": {Garbled: true},
		"another domain": {RPID: "evil.localhost"}, "another user": {UserHandle: "1"}, "nobody there": {Absent: true}, "not verified": {Unverified: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := zitadeltest.NewAuthenticator()
			w.zitadel.AddPasskey(w.alice, "example.localhost", a)
			b := newBrowser(t)
			page := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/passkey")
			a.Lie(lie)
			page.key(a, w.auth, false).at("/passkey").with(http.StatusUnprocessableEntity)
			if status, _ := w.session(b); status != http.StatusUnauthorized {
				t.Error("signed in")
			}
		})
	}
}

// A challenge is signed once, and in the browser that asked for it.
func TestCeremonyIsNotReplayed(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", a)
	here, there := newBrowser(t), newBrowser(t)
	mine := here.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).at("/passkey")
	form := mine.find("form", func(n *html.Node) bool { return has(n, "data-options") })
	credential, err := a.Get([]byte(attr(form, "data-options")), w.auth)
	w.must(err)
	theirs := there.open(w.auth + "/loginname").fill(map[string]string{"loginName": "alice"}).at("/passkey")
	theirs.fill(map[string]string{"credential": string(credential)}).with(http.StatusUnprocessableEntity)
	mine.fill(map[string]string{"credential": string(credential)}).at("/signedin")
}

func TestSecurityKey(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddU2F(w.alice, "example.localhost", a)
	page := w.atPassword(newBrowser(t)).fill(map[string]string{"password": password}).at("/u2f")
	page.key(a, w.auth, false).at("/inbox")
}

func TestSetUpOfAPasskey(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	a := zitadeltest.NewAuthenticator()
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/mfa/set").
		follow("passkey-link").at("/passkey/set").fill(nil).at("/passkey/set")
	credential, err := a.Create(page.options(), w.auth)
	w.must(err)
	page = page.fill(map[string]string{"credential": string(credential), "name": "My phone"})
	if names := w.zitadel.KeyNames(w.alice); !slices.Equal(names, []string{"My phone"}) {
		t.Fatalf("the keys are %v: at %s\n%s", names, page.url, page.text())
	}
}

func TestAccountChooser(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", GivenName: "Bob", FamilyName: "Builder", Email: "bob@example.com", EmailVerified: true, Password: password})
	b := newBrowser(t)
	w.signIn(b)
	page := b.open(w.authorizeURL("&prompt=select_account")).at("/accounts").saying("Alice Example")
	page.fill(nil, "add-button").at("/loginname").fill(map[string]string{"loginName": "bob"}).
		fill(map[string]string{"password": password}).at("/cb")
	page = b.open(w.authorizeURL("&prompt=select_account")).at("/accounts").saying("Alice Example").saying("Bob Builder")
	page = page.fill(nil, "remove-button").at("/accounts") // the newest: bob
	if strings.Contains(page.text(), "Bob Builder") {
		t.Error("still listed")
	}
	page.fill(nil, "account-button").at("/cb")
}

func TestRememberMe(t *testing.T) {
	w := newWorld(t)
	for _, remember := range []bool{false, true} {
		b := newBrowser(t)
		page := w.atPassword(b)
		values := map[string]string{"password": password}
		if remember {
			values["remember"] = "on"
		}
		method, action, form := page.form(values)
		response := b.do(method, action, form)
		_ = response.Body.Close()
		for _, c := range response.Cookies() {
			if strings.HasPrefix(c.Name, "__Host-attempt") {
				continue
			}
			if persistent := c.MaxAge > 0; persistent != remember {
				t.Errorf("remember %t: %s is persistent: %t", remember, c.Name, persistent)
			}
		}
	}
}
