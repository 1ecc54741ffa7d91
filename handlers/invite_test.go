package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// inviteLink is the link that this torhaus asks for in invitations, and that
// administrators give to ZITADEL for theirs.
func (w *world) inviteLink() string {
	return w.auth + "/verify?userId={{.UserID}}&code={{.Code}}&invite=true"
}

// addInvited makes somebody who has no way to sign in, and whose address nobody has
// proven.
func (w *world) addInvited() (id string) {
	return w.addPerson(withoutPassword, func(u *zitadeltest.UserSeed) { u.EmailVerified = false })
}

// toAppAs begins a sign-in of our app in a browser, with a name.
func (w *world) toAppAs(b *browser, name string) *page {
	w.t.Helper()
	return b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname").fill(map[string]string{"loginName": name})
}

// atChoice is bob, who has just proven his mailbox, before the ways to sign in.
func (w *world) atChoice(b *browser) *page {
	w.t.Helper()
	return w.toAppAs(b, "bob").at("/verify").typeCode(w.mailedCode("bob@example.com")).at("/authenticator/set")
}

// Somebody without any way to sign in types their name, and what is mailed to them
// lets them choose a password. From then on it is their password.
func TestNoMethodChoosesAPassword(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	b := newBrowser(t)
	page := w.toAppAs(b, "bob").at("/verify").with(http.StatusOK).saying("no way to sign in yet")
	if strings.Contains(page.text(), "bob@example.com") {
		t.Error("the address is told to whoever knows the name")
	}
	mail := w.zitadel.LastMail("bob@example.com")
	if mail.Kind != "invite" || !strings.HasPrefix(mail.Link, w.auth+"/verify?") || !strings.Contains(mail.Subject, "app.example.localhost") {
		t.Fatalf("mailed: %+v", mail)
	}
	page = page.fill(map[string]string{"code": "WRONG1"}).at("/verify").with(http.StatusUnprocessableEntity).holding("code", "WRONG1")
	page = page.typeCode(mail.Code).at("/authenticator/set").saying("bob").follow("password-link").at("/password/set")
	for _, weak := range weakPasswords {
		page = page.fill(map[string]string{"password": weak}).at("/password/set").with(http.StatusUnprocessableEntity).holding("password", "")
	}
	page.listsRules().fill(map[string]string{"password": another}).at("/inbox")
	if _, answer := w.session(b); answer["email"] != "bob@example.com" {
		t.Errorf("signed in as %v", answer)
	}
	w.typeName("bob").typePassword(another).signedInAs("Bob Builder")
	if n := len(w.zitadel.Mails()); n != 1 {
		t.Errorf("%d mails, want the invitation alone", n)
	}
	if strings.Contains(w.log(), "bob") || strings.Contains(w.log(), mail.Code) {
		t.Errorf("the log says who, or with which code:\n%s", w.log())
	}
}

// The same with a passkey, which is then shown like any other.
func TestNoMethodChoosesAPasskey(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	a := zitadeltest.NewAuthenticator()
	page := w.atChoice(newBrowser(t)).follow("passkey-link").at("/passkey/set").fill(nil).at("/passkey/set").byItself("create")
	page.key(a, w.auth, true).at("/passkey").saying("Your passkey is ready").byItself("get").key(a, w.auth, false).at("/inbox")
	if w.zitadel.PasskeysOf(id) != 1 {
		t.Errorf("%d passkeys", w.zitadel.PasskeysOf(id))
	}
	w.typeName("bob").at("/passkey").key(a, w.auth, false).signedInAs("Bob Builder")
}

// Where policy leaves one way, nobody is asked to choose, and the ceremony of a
// passkey begins by itself.
func TestNoMethodWhereThereIsOneWay(t *testing.T) {
	for name, test := range map[string]struct {
		policy func(*zitadeltest.LoginSettings)
		path   string
	}{
		"passwords": {func(s *zitadeltest.LoginSettings) { s.PasskeysAllowed = false }, "/password/set"},
		"passkeys":  {func(s *zitadeltest.LoginSettings) { s.AllowUsernamePassword = false }, "/passkey/set"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.addInvited()
			w.zitadel.SetLoginSettings("", test.policy)
			page := w.typeName("bob").at("/verify").typeCode(w.mailedCode("bob@example.com")).at(test.path)
			if test.path == "/passkey/set" {
				a := zitadeltest.NewAuthenticator()
				page.byItself("create").key(a, w.auth, true).at("/passkey").key(a, w.auth, false).signedInAs("Bob Builder")
				return
			}
			page.fill(map[string]string{"password": another}).signedInAs("Bob Builder")
		})
	}
}

// What policy demands beyond the first way is asked for as ever.
func TestNoMethodWhereASecondFactorIsForced(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	w.zitadel.SetLoginSettings("", force)
	page := w.atChoice(newBrowser(t)).follow("password-link").fill(map[string]string{"password": another}).at("/mfa/set").
		follow("time-based-link").at("/otp/time-based/set").fill(nil)
	secret := strings.ReplaceAll(nodeText(page.testid("secret")), " ", "")
	page.typeCode(w.zitadel.TOTPCode(secret)).at("/inbox")
}

// The other way stays open until one is set up.
func TestNoMethodChangesTheirMind(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	page := w.atChoice(newBrowser(t)).follow("passkey-link").at("/passkey/set").fill(nil).at("/passkey/set")
	page = page.fill(nil).at("/passkey/set").with(http.StatusUnprocessableEntity) // cancelled
	page = page.follow("password-link").at("/password/set").fill(map[string]string{"password": "weak"}).with(http.StatusUnprocessableEntity)
	page.follow("passkey-link").at("/passkey/set").follow("password-link").at("/password/set").fill(map[string]string{"password": another}).at("/inbox")
}

// The link of the mail goes on with what was begun in this browser.
func TestInvitationLinkInTheSameBrowser(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	b := newBrowser(t)
	w.toAppAs(b, "bob").at("/verify")
	page := b.open(w.zitadel.LastMail("bob@example.com").Link).at("/verify")
	if strings.Contains(page.url.RawQuery, "code") {
		t.Errorf("the code stays in the address: %s", page.url)
	}
	page.fill(nil).at("/authenticator/set").follow("password-link").fill(map[string]string{"password": another}).at("/inbox")
}

// An administrator's invitation, in a browser that began nothing: whoever merely
// opens it changes nothing and learns nothing; whoever presses the button has the
// mailbox, sets up a way to sign in, and signs in with it. That ends nobody's
// sign-in but their own.
func TestInvitationLinkInAnotherBrowser(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	w.zitadel.Invite(id, w.inviteLink(), "Example App")
	link := w.zitadel.LastMail("bob@example.com").Link
	w.zitadel.ResetCalls()
	newBrowser(t).open(link) // a scanner
	page := newBrowser(t).open(link + "&organization=1&loginName=alice").at("/verify").saying("Accept your invitation")
	if strings.Contains(page.text(), "bob") || strings.Contains(page.url.RawQuery, "code") {
		t.Errorf("a link tells whose it is: %s\n%s", page.url, page.text())
	}
	for _, call := range w.calls() {
		if strings.Contains(call, "/users/") {
			t.Errorf("opening a link asked ZITADEL for %s", call)
		}
	}
	page.fill(nil).at("/authenticator/set").saying("bob").follow("password-link").at("/password/set").
		fill(map[string]string{"password": another}).signedInAs("Bob Builder")
	newBrowser(t).open(link).fill(nil).at("/verify").with(http.StatusUnprocessableEntity).saying("already used").
		follow("back-button").at("/loginname")
}

// Typed elsewhere or pressed elsewhere, a code is good for the browser in which it
// was redeemed. The one that waits is none the wiser.
func TestRedeemedElsewhereProvesNothingHere(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	here, there := newBrowser(t), newBrowser(t)
	waiting := w.toAppAs(here, "bob").at("/verify")
	link := w.zitadel.LastMail("bob@example.com").Link
	there.open(link).fill(nil).at("/authenticator/set")
	for _, path := range []string{"/authenticator/set", "/passkey/set", "/password/set", "/verify"} {
		here.open(w.auth + path + "?a=" + waiting.url.Query().Get("a")).at("/verify")
	}
	again := here.open(waiting.url.String()).fill(nil, "resend-button").at("/verify").saying("another e-mail")
	again.typeCode(w.mailedCode("bob@example.com")).at("/authenticator/set")
}

// Pressed for somebody who got a way to sign in meanwhile, it is a proof of the
// address and nothing more.
func TestInvitationOfSomebodyWhoHasAPassword(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	w.zitadel.Invite(id, w.inviteLink(), "")
	link := w.zitadel.LastMail("bob@example.com").Link
	b := newBrowser(t)
	page := b.open(link).at("/verify")
	w.givePassword(id)
	page.fill(nil).at("/verify/success")
	for _, path := range []string{"/authenticator/set", "/passkey/set", "/password/set"} {
		b.open(w.auth + path + "?a=" + page.url.Query().Get("a")).at("/verify/success")
	}
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Error("signed in")
	}
}

// givePassword has an administrator set one.
func (w *world) givePassword(id string) {
	w.t.Helper()
	proof, err := w.client.ProveFirstPassword(w.t.Context(), id)
	w.must(err)
	w.must(w.client.SetPassword(w.t.Context(), id, password, proof))
}

// A mail goes out as the result of a form, and of no other request; the page that
// was never sent one offers it.
func TestInvitationIsSentByAForm(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	page := w.typeName("bob").at("/verify")
	for range 3 {
		page = page.b.open(page.url.String()).at("/verify")
	}
	if n := len(w.zitadel.Mails()); n != 1 {
		t.Errorf("%d mails for one form", n)
	}
	method, action, form := page.form(nil, "resend-button")
	page.b.navigate(method, action, form).at("/verify")
	page.b.navigate(method, action, form).at("/verify")
	if n := len(w.zitadel.Mails()); n != 2 {
		t.Errorf("%d mails after one button was pressed twice", n)
	}
}

// Mails to somebody without a way to sign in are bounded like all others, whoever
// asks for them; the page then offers to send one later.
func TestInvitationsAreBounded(t *testing.T) {
	w := limitedWorld(t)
	w.addInvited()
	for i := range 4 {
		w.search(elsewhere(t, i), "bob").at("/verify").saying("We sent you")
	}
	page := w.search(elsewhere(t, 4), "bob@example.com").at("/verify").saying("We will send you")
	page.fill(nil).at("/verify").with(http.StatusTooManyRequests)
	w.register(elsewhere(t, 5), "bob@example.com").at("/verify") // as a taken address, silently
	if n := len(w.zitadel.Mails()); n != 4 {
		t.Errorf("%d mails to one box, want 4", n)
	}
}

// Wrong codes are counted over all browsers.
func TestInvitationCodesAreBounded(t *testing.T) {
	w := limitedWorld(t)
	id := w.addInvited()
	try := func(page *page) *page { return page.at("/verify").fill(map[string]string{"code": "WRONG1"}) }
	exhaust(t, 10, again(w.search(elsewhere(t, 0), "bob"), try))
	link := newBrowser(t).open(w.auth + "/verify?invite=true&code=WRONG1&userId=" + id)
	link.fill(nil).with(http.StatusTooManyRequests)
}

// The proof lasts a quarter of an hour; then a new code is asked for, by a form.
func TestProofOfTheMailboxRunsOut(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	b := newBrowser(t)
	page := w.atChoice(b)
	form := page.follow("password-link").at("/password/set")
	w.zitadel.Advance(16 * minute)
	late := form.fill(map[string]string{"password": another}).at("/verify")
	if w.zitadel.PasskeysOf(w.alice) != 0 || len(w.methodsOf("bob")) != 0 {
		t.Errorf("a method was set up with a proof that had run out: %v", w.methodsOf("bob"))
	}
	late.typeCode(w.mailedCode("bob@example.com")).at("/authenticator/set")
}

// methodsOf are the ways in which somebody can sign in.
func (w *world) methodsOf(name string) (list []string) {
	w.t.Helper()
	methods, err := w.client.AuthMethods(w.t.Context(), w.idOf(name))
	w.must(err)
	for _, m := range methods {
		list = append(list, string(m))
	}
	return list
}

func (w *world) idOf(name string) string {
	w.t.Helper()
	found, err := w.client.SearchUsers(w.t.Context(), zitadelclient.UserQuery{LoginName: name})
	w.must(err)
	if len(found) != 1 {
		w.t.Fatalf("%d users are called %s", len(found), name)
	}
	return found[0].ID
}

// ZITADEL's list of methods lags behind: nobody is sent back to the mailbox by that.
func TestFirstMethodThatIsNotListedYet(t *testing.T) {
	for _, way := range []string{"password-link", "passkey-link"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			w.addInvited()
			a := zitadeltest.NewAuthenticator()
			page := w.atChoice(newBrowser(t)).follow(way)
			w.zitadel.Advance(minute) // the user is not that young
			w.zitadel.SetLag(5 * time.Second)
			if way == "password-link" {
				page.fill(map[string]string{"password": another}).at("/inbox")
				return
			}
			page = page.fill(nil).key(a, w.auth, true).at("/passkey")
			if slices.Contains(w.methodsOf("bob"), "passkey") {
				t.Fatal("the list does not lag: this test proves nothing")
			}
			page.b.open(page.url.String()).at("/passkey").key(a, w.auth, false).at("/inbox")
		})
	}
}

// Who cannot be let in by any factor is not let near setting one up.
func TestNoMethodAndNotActive(t *testing.T) {
	for name, test := range map[string]struct {
		make func(*world, string)
		says string
	}{
		"locked":      {func(w *world, id string) { w.zitadel.LockUser(id) }, "is locked"},
		"deactivated": {func(w *world, id string) { w.zitadel.DeactivateUser(id) }, "not active"},
		"initial":     {func(w *world, id string) { w.zitadel.MakeInitial(id) }, "not set up yet"},
		"closed":      {func(w *world, _ string) { w.zitadel.DeactivateOrganization(w.zitadel.DefaultOrganization()) }, "organization is not active"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.addInvited()
			chosen := w.atChoice(newBrowser(t)).follow("password-link").at("/password/set")
			w.zitadel.Advance(2 * minute) // whether an organization is open may be a minute old
			test.make(w, id)
			w.typeName("bob").with(http.StatusForbidden).saying(test.says)
			chosen.fill(map[string]string{"password": another}).with(http.StatusForbidden).saying(test.says)
			if methods := w.methodsOf("bob"); len(methods) != 0 {
				t.Errorf("a way in was set up: %v", methods)
			}
		})
	}
}
