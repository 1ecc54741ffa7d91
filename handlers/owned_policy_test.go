package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"torhaus/zitadelclient/zitadeltest"
)

// A mailbox alone opens no account that has a passkey or a provider and no password:
// no reset is mailed for it, the page looks as ever, and no code is right.
func TestResetIsForThoseWhoHaveAPassword(t *testing.T) {
	for name, set := range map[string]func(w *world, id string){
		"a passkey": func(w *world, id string) {
			w.zitadel.AddPasskey(id, "example.localhost", zitadeltest.NewAuthenticator())
		},
		"a provider": func(w *world, id string) { w.zitadel.LinkIdentity(id, w.addProvider(), ida) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.addPerson(withoutPassword)
			set(w, id)
			page := newBrowser(t).open(w.auth + "/password/set").fill(map[string]string{"loginName": "bob"})
			if len(w.zitadel.Mails()) != 0 {
				t.Errorf("mailed: %+v", w.zitadel.Mails())
			}
			// One that ZITADEL sent for somebody else's asking is worth nothing here.
			w.must(w.client.SendPasswordReset(t.Context(), id, w.auth+"/password/set?userId={{.UserID}}&code={{.Code}}"))
			link := page.b.open(w.zitadel.LastMail("bob@example.com").Link).at("/password/set")
			link.fill(map[string]string{"password": another}).at("/password/set").with(http.StatusUnprocessableEntity)
			if methods := w.methodsOf("bob"); strings.Contains(strings.Join(methods, " "), "password") {
				t.Errorf("bob has %v", methods)
			}
		})
	}
}

// The policy of the user's own organization holds for a reset, whoever else's the
// page was shown by: where users are hidden, and where the name comes with the form.
func TestResetByTheOwnOrganizationsPolicy(t *testing.T) {
	for _, hidden := range []bool{true, false} {
		w := newWorld(t)
		acme := w.zitadel.AddOrganization("Acme")
		w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = hidden })
		w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.HidePasswordReset = true })
		w.addPerson(func(u *zitadeltest.UserSeed) { u.OrganizationID = acme })
		newBrowser(t).open(w.auth + "/password/set").fill(map[string]string{"loginName": "bob"})
		if hidden {
			w.typeName("bob").fill(nil, "reset-button").at("/password/set")
		}
		if n := len(w.zitadel.Mails()); n != 0 {
			t.Errorf("hidden %t: %d mails", hidden, n)
		}
	}
}

// Nor does anybody sign in by an address where their own organization says not to.
func TestAddressesByTheOwnOrganizationsPolicy(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.DisableLoginWithEmail, s.DisableLoginWithPhone = true, true })
	w.addPerson(withPhone, func(u *zitadeltest.UserSeed) { u.OrganizationID = acme })
	for _, address := range []string{"bob@example.com", bobsPhone} {
		w.typeName(address).refused("/loginname", "User not found in the system")
	}
	w.typeName("bob").at("/password")
}

// Scopes that name no organization, or two, let in nobody; and a client that wants no
// page is told so through ZITADEL.
func TestScopesThatNameNoOrganization(t *testing.T) {
	const id, domain = "urn:zitadel:iam:org:id:", "urn:zitadel:iam:org:domain:primary:"
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	other := w.zitadel.AddOrganization("Other")
	for _, scopes := range []string{
		id, id + "x", domain, domain + "nowhere.example",
		id + other + " " + id + w.zitadel.DefaultOrganization(), id + w.zitadel.DefaultOrganization() + " " + domain + w.domainOf("other"),
	} {
		address := strings.Replace(w.authorizeURL(""), "scope=openid", "scope=openid+"+url.QueryEscape(scopes), 1)
		b.open(address).with(http.StatusBadRequest)
		if got := b.open(address + "&prompt=none").at("/cb").url.Query().Get("error"); got != "login_required" {
			t.Errorf("%q with prompt=none: %q", scopes, got)
		}
	}
	twice := url.QueryEscape(id + w.zitadel.DefaultOrganization() + " " + id + w.zitadel.DefaultOrganization())
	b.open(strings.Replace(w.authorizeURL(""), "scope=openid", "scope=openid+"+twice, 1)).at("/cb")
}

// A client that renews in a hidden frame is answered, and not with a page; nothing
// else is done in a frame, and an image is none.
func TestPromptNoneInAFrame(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for dest, want := range map[string]string{"iframe": "login_required", "image": ""} {
		for _, extra := range []string{"&prompt=none", ""} {
			b.header = http.Header{"Sec-Fetch-Dest": {dest}}
			page := b.open(w.authorizeURL(extra))
			if extra == "" || want == "" {
				page.with(http.StatusForbidden)
				continue
			}
			if got := page.at("/cb").url.Query(); got.Get("error") != want || got.Get("code") != "" {
				t.Errorf("in an %s with %q: %v", dest, extra, got)
			}
		}
	}
}

// A grant that is missing is told to a client that wants no page, too.
func TestPromptNoneWithoutAGrant(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.RequireGrant(w.other.ProjectID, true)
	if got := b.open(w.authorizeURL("&prompt=none")).at("/cb").url.Query().Get("error"); got != "access_denied" {
		t.Errorf("the client was told %q", got)
	}
}

// Where users are hidden, a password that was chosen at a sign-up cannot be tried out
// before the mailed code: it would be right for a new address alone.
func TestHiddenSignUpChoosesItsPasswordBehindTheCode(t *testing.T) {
	w := newWorld(t)
	w.hideUsers()
	var seen []string
	for _, email := range []string{"nora@example.com", "nina@example.com"} {
		if email == "nina@example.com" {
			w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "nina", Email: email, EmailVerified: true, Password: password})
		}
		typed := map[string]string{"givenName": "Nora", "familyName": "New", "email": email, "terms": "on", "privacy": "on"}
		page := newBrowser(t).open(w.auth + "/register")
		if page.testid("password-radio") != nil {
			typed["method"] = "password"
		}
		page = page.fill(typed).at("/verify")
		seen = append(seen, varying.ReplaceAllString(strings.ReplaceAll(page.body, email[:4], "NAME"), "…"))
		again := page.b.open(w.auth + "/loginname").fill(map[string]string{"loginName": email}).at("/password")
		seen = append(seen, varying.ReplaceAllString(strings.ReplaceAll(again.body, email[:4], "NAME"), "…"))
	}
	if diff := cmp.Diff(seen[:2], seen[2:]); diff != "" {
		t.Errorf("a new address is told from a taken one:\n%s", diff)
	}
	page := newBrowser(t).open(w.auth + "/register").fill(map[string]string{
		"givenName": "Olga", "familyName": "New", "email": "olga@example.com", "terms": "on", "privacy": "on", "method": "password",
	}).at("/verify")
	page.typeCode(w.mailedCode("olga@example.com")).at("/password/set").fill(map[string]string{"password": another}).signedInAs("Olga New")
}

// Wrong passwords, whoever types them, keep nobody's passkey out.
func TestWrongPasswordsKeepNoPasskeyOut(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.addPerson(), "example.localhost", a)
	stranger := w.typeName("bob").follow("password-link")
	for range 12 {
		stranger = stranger.typePassword("wrong")
	}
	stranger.with(http.StatusTooManyRequests)
	w.atAppAs("bob").at("/passkey").key(a, w.auth, false).at("/inbox")
}
