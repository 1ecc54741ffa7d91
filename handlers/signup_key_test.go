package handlers_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"torhaus/zitadelclient/zitadeltest"
)

// signUpWithKey fills in the form of a sign-up that is to end in a passkey.
func (w *world) signUpWithKey(b *browser, email string) *page {
	w.t.Helper()
	typed := withKey()
	typed["email"] = email
	return b.open(w.auth + "/signup?return_to=" + w.app + "/welcome").at("/register").fill(typed)
}

func onlyPasskeys(s *zitadeltest.LoginSettings)  { s.AllowUsernamePassword = false }
func onlyPasswords(s *zitadeltest.LoginSettings) { s.PasskeysAllowed = false }

// Where there are no passwords, sign-up is open all the same, with a passkey alone.
func TestSignUpWithPasskeysAlone(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", onlyPasskeys)
	a := zitadeltest.NewAuthenticator()
	b := newBrowser(t)
	form := b.open(w.auth + "/loginname").follow("register-button").at("/register")
	if form.testid("password-radio") != nil || form.testid("passkey-radio") == nil {
		t.Errorf("offered is what policy forbids, or not what it allows:\n%s", form.text())
	}
	form.fill(maps.Clone(newcomer)).at("/verify").typeCode(w.mailedCode("nora@example.com")).at("/passkey/set").
		key(a, w.auth, true).at("/passkey").key(a, w.auth, false).signedInAs("Nora New")
}

// Policy is held by the handler, not by the choices on the page (CVE-2026-29193).
func TestSignUpMethodsOfPolicy(t *testing.T) {
	for name, test := range map[string]struct {
		policy func(*zitadeltest.LoginSettings)
		method string
		says   string
	}{
		"a passkey where there are none":  {onlyPasswords, "passkey", "Passkeys are not available here"},
		"a password where there are none": {onlyPasskeys, "password", "Passwords are not available here"},
		"neither":                         {func(*zitadeltest.LoginSettings) {}, "", "Choose how you want to sign in"},
		"something else":                  {func(*zitadeltest.LoginSettings) {}, "totp", "Choose how you want to sign in"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			page := newBrowser(t).open(w.auth + "/register").at("/register")
			method, action, form := page.form(withKey())
			form.Set("method", test.method)
			w.zitadel.SetLoginSettings("", test.policy)
			w.zitadel.Advance(2 * minute)
			page = page.b.navigate(method, action, form).refused("/register", test.says).holding("email", "nora@example.com")
			if n := len(w.zitadel.Mails()); n != 0 {
				t.Errorf("%d mails", n)
			}
			page.fill(nil) // what is left may be taken as it stands
		})
	}
}

// The second page of a sign-up with a password is closed where passwords are off.
func TestSignUpPasswordsSwitchedOff(t *testing.T) {
	w := newWorld(t)
	word := w.atNewPassword()
	w.zitadel.SetLoginSettings("", onlyPasskeys)
	w.zitadel.Advance(2 * minute)
	word.fill(map[string]string{"password": password}).at("/register")
	if n := len(w.zitadel.Mails()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// The organization that the domain of the address belongs to says which ways there
// are, whatever the one says that was asked first.
func TestSignUpMethodsOfTheDiscoveredOrganization(t *testing.T) {
	w := newWorld(t)
	acme, typed := w.ofAcme()
	w.zitadel.SetLoginSettings(acme, func(s *zitadeltest.LoginSettings) { s.AllowDomainDiscovery, s.PasskeysAllowed = true, false })
	typed["method"] = "passkey"
	page := newBrowser(t).open(w.auth+"/register").fill(typed).refused("/register", "Passkeys are not available here")
	if page.testid("passkey-radio") != nil {
		t.Error("what the organization does not allow is offered again")
	}
	page.fill(nil).at("/register/password")
}

// twoSignUps are the pages, answers and waits of a sign-up with an address that
// nobody has, and of one with alice's.
func twoSignUps(t *testing.T, steps func(w *world, b *browser, email string) []string) (free, taken []string) {
	t.Helper()
	w := newWorld(t)
	for i, email := range []string{"alicf@example.com", "alice@example.com"} {
		seen := steps(w, newBrowser(t), email)
		for j := range seen {
			seen[j] = strings.NewReplacer("alicf", "NAME", "alice", "NAME").Replace(seen[j])
		}
		if i == 0 {
			free = seen
		} else {
			taken = seen
		}
	}
	return free, taken
}

// everythingOf is all of an answer that somebody can tell from another: status,
// redirect, headers, the names and attributes of its cookies, and the text.
func everythingOf(b *browser, response *http.Response) string {
	page := b.read(response)
	headers := response.Header.Clone()
	for _, name := range []string{"Date", "Content-Length", "X-Request-Id", "Set-Cookie"} {
		headers.Del(name)
	}
	var cookies []string
	for _, c := range response.Cookies() {
		c.Name, c.Value = nameless(c.Name), ""
		cookies = append(cookies, c.String())
	}
	return nameless(fmt.Sprint(response.StatusCode, headers, cookies, page.body))
}

var shortName = regexp.MustCompile(`(__Host-attempt-|[?&]a=|name="a" value=")[a-z2-7]{10}|(name="about" value=")[\w-]{12}`)

// nameless has no name of an attempt in it.
func nameless(text string) string { return shortName.ReplaceAllString(text, "$1$2…") }

// A taken address looks like a new one: every answer, up to and including every
// wrong code and every new mail, in status, headers, cookies, number of redirects,
// words, and in the waits that make its time the same.
func TestSignUpWithAPasskeyAndATakenAddress(t *testing.T) {
	free, taken := twoSignUps(t, func(w *world, b *browser, email string) (seen []string) {
		submit := func(page *page, values map[string]string, testid ...string) *page {
			method, action, form := page.form(values, testid...)
			response := b.do(method, action, form)
			for range 3 {
				seen = append(seen, everythingOf(b, response))
				location, err := response.Location()
				if err != nil {
					break
				}
				action = location.String()
				response = b.do(http.MethodGet, action, nil)
			}
			target, err := url.Parse(action)
			w.must(err)
			return b.open(w.auth + target.Path + "?" + target.RawQuery)
		}
		typed := withKey()
		typed["email"] = email
		page := submit(b.open(w.auth+"/signup?return_to="+w.app+"/welcome").at("/register"), typed).at("/verify")
		for _, code := range []string{"", "WRONG1", "!", strings.Repeat("A", 40), "WRONG2"} {
			page = submit(page, map[string]string{"code": code}).at("/verify")
		}
		page = submit(page, nil, "resend-button").at("/verify")
		page = submit(page, map[string]string{"code": "WRONG3"}).at("/verify")
		for _, path := range []string{"/authenticator/set", "/passkey/set", "/password/set", "/register", "/register/password", "/passkey", "/password", "/verify/success"} {
			response := b.do(http.MethodGet, w.auth+path+"?a="+page.url.Query().Get("a"), nil)
			seen = append(seen, everythingOf(b, response))
		}
		return append(seen, b.names(w.auth)...)
	})
	if diff := cmp.Diff(free, taken); diff != "" {
		t.Errorf("told apart (-new +taken):\n%s", diff)
	}
	if len(free) < 15 || !strings.HasPrefix(free[0], "303 ") {
		t.Errorf("little was seen: %q", free)
	}
}

// names are those of the cookies that would be sent to an address.
func (b *browser) names(address string) (names []string) {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		names = append(names, nameless(c.Name))
	}
	slices.Sort(names)
	return names
}

// The time of it is made the same, too: whatever needed fewer or other calls waits
// as long as the real thing takes, at the form, at a code and at a new mail.
func TestSignUpWithAPasskeyIsPaced(t *testing.T) {
	w := newWorld(t, (&stoppedClock{}).wind)
	took := func(email string) (waits [][]time.Duration) {
		b := newBrowser(t)
		since := func(page *page) *page {
			w.mu.Lock()
			waits, w.waits = append(waits, slices.Clone(w.waits)), nil
			w.mu.Unlock()
			return page
		}
		page := since(w.signUpWithKey(b, email).at("/verify"))
		page = since(page.fill(map[string]string{"code": "WRONG1"}))
		since(page.fill(nil, "resend-button"))
		return waits
	}
	for name, email := range map[string]string{"a new address": "nora@example.com", "a taken address": "alice@example.com"} {
		waits := took(email)
		if len(waits[0]) != 1 || waits[0][0] < 10*time.Millisecond {
			t.Errorf("%s: the form waited %v", name, waits[0])
		}
		if taken := email == "alice@example.com"; taken && (len(waits[1]) != 1 || len(waits[2]) != 1) || !taken && len(waits[1])+len(waits[2]) != 0 {
			t.Errorf("%s: a code and a mail waited %v", name, waits[1:])
		}
	}
}

// The owner of a taken address is told: with what resets the password or, where
// there is no way to sign in yet, with what sets one up.
func TestOwnerOfATakenAddressIsTold(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	w.signUpWithKey(newBrowser(t), "alice@example.com").at("/verify")
	w.signUpWithKey(newBrowser(t), "bob@example.com").at("/verify")
	if kind := w.zitadel.LastMail("alice@example.com").Kind; kind != "password-reset" {
		t.Errorf("alice got %q", kind)
	}
	if kind := w.zitadel.LastMail("bob@example.com").Kind; kind != "invite" {
		t.Errorf("bob, who has no way to sign in, got %q", kind)
	}
	newBrowser(t).open(w.zitadel.LastMail("bob@example.com").Link).fill(nil).at("/authenticator/set")
}

// A sign-up that was left in the middle is picked up later, wherever it was left:
// nobody has an account that they cannot use.
func TestSignUpLeftInTheMiddle(t *testing.T) {
	for name, leave := range map[string]func(*world, *page){
		"before the code": func(*world, *page) {},
		"after it":        func(w *world, p *page) { p.typeCode(w.mailedCode("nora@example.com")).at("/passkey/set") },
		"in the ceremony": func(w *world, p *page) {
			p.typeCode(w.mailedCode("nora@example.com")).at("/passkey/set").fill(nil).with(http.StatusUnprocessableEntity)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			leave(w, w.signUpWithKey(newBrowser(t), "nora@example.com").at("/verify"))
			w.zitadel.Advance(24 * time.Hour)
			a := zitadeltest.NewAuthenticator()
			page := w.typeName("nora@example.com").at("/verify").saying("no way to sign in yet")
			page = page.typeCode(w.mailedCode("nora@example.com")).at("/authenticator/set").follow("passkey-link").at("/passkey/set").fill(nil)
			page.key(a, w.auth, true).at("/passkey").key(a, w.auth, false).signedInAs("Nora New")
		})
	}
}

// The link of the mail goes on with the sign-up in its own browser, with what was
// chosen there.
func TestSignUpWithAPasskeyByTheLink(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	b := newBrowser(t)
	w.signUpWithKey(b, "nora@example.com").at("/verify")
	b.open(w.zitadel.LastMail("nora@example.com").Link).at("/verify").fill(nil).at("/passkey/set").byItself("create").
		key(a, w.auth, true).at("/passkey").key(a, w.auth, false).at("/welcome")
}

// In another browser, such as a phone's, whoever reads the mail goes on there; the
// one that waits then finds somebody who has a passkey, or asks for another mail.
func TestSignUpWithAPasskeyByTheLinkElsewhere(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	desk, phone := newBrowser(t), newBrowser(t)
	waiting := w.signUpWithKey(desk, "nora@example.com").at("/verify")
	choice := phone.open(w.zitadel.LastMail("nora@example.com").Link).at("/verify").fill(nil).at("/authenticator/set")
	if status, _ := w.session(phone); status != http.StatusUnauthorized {
		t.Error("signed in by a link")
	}
	// Left there: the desk has a mail sent, which now is an invitation.
	waiting = desk.open(waiting.url.String()).at("/verify").fill(nil, "resend-button").at("/verify")
	if kind := w.zitadel.LastMail("nora@example.com").Kind; kind != "invite" {
		t.Errorf("mailed %q to somebody whose address is proven", kind)
	}
	// Or gone on with: then there is a passkey to ask for.
	choice.follow("passkey-link").fill(nil).key(a, w.auth, true).at("/passkey").key(a, w.auth, false).at("/signedin")
	waiting.fill(nil, "resend-button").at("/passkey").key(a, w.auth, false).at("/welcome")
}

// Where users are hidden, a newcomer gets in with the passkey that was just made.
func TestSignUpWithAPasskeyWhereUsersAreHidden(t *testing.T) {
	w := newWorld(t)
	w.hideUsers()
	a := zitadeltest.NewAuthenticator()
	w.signUpWithKey(newBrowser(t), "nora@example.com").at("/verify").typeCode(w.mailedCode("nora@example.com")).at("/passkey/set").
		key(a, w.auth, true).at("/passkey").key(a, w.auth, false).at("/welcome")
}

// A sign-up whose passkey page could not be prepared goes on from that page.
func TestSignUpWithAPasskeyHiccup(t *testing.T) {
	w := newWorld(t)
	a := zitadeltest.NewAuthenticator()
	b := newBrowser(t)
	page := w.signUpWithKey(b, "nora@example.com").at("/verify")
	w.zitadel.Fault(zitadeltest.Fault{Method: "POST", Path: "/v2/users/" + w.idOf("nora@example.com") + "/passkeys", Status: 503})
	page.typeCode(w.mailedCode("nora@example.com")).with(http.StatusServiceUnavailable)
	w.zitadel.ClearFaults()
	b.open(page.url.String()).at("/passkey/set").fill(nil).at("/passkey/set").byItself("create").
		key(a, w.auth, true).at("/passkey").key(a, w.auth, false).at("/welcome")
}
