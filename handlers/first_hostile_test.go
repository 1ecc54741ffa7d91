package handlers_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// firstPages are those that set up a first way to sign in.
var firstPages = []string{"/authenticator/set", "/passkey/set", "/password/set"}

// opensNone fails if any of the pages that set up a first way to sign in lets
// somebody near it, by its address or by a made-up form, or asks ZITADEL for
// anything about it.
func (p *page) opensNone(w *world) {
	w.t.Helper()
	w.zitadel.ResetCalls()
	query := "?a=" + p.url.Query().Get("a")
	for _, path := range firstPages {
		page := p.b.open(w.auth + path + query + "&initial=true&codeId=1&verified=true")
		if page.find("h1", func(n *html.Node) bool {
			return slices.Contains([]string{"Choose a password", "Create a passkey", "Set up your sign-in"}, nodeText(n))
		}) != nil {
			w.t.Errorf("GET %s opened %s:\n%s", path, page.url, page.text())
		}
		for _, form := range []url.Values{
			{"password": {another}, "action": {"first"}}, {"password": {another}, "turn": {"7"}}, {"action": {"challenge"}}, {"credential": {"{}"}, "name": {"Key"}},
		} {
			response := p.b.do(http.MethodPost, w.auth+path+query, form)
			_ = response.Body.Close()
			if location := response.Header.Get("Location"); strings.HasPrefix(location, path) || strings.HasPrefix(location, w.app) {
				w.t.Errorf("POST %s %v: %d %s", path, form, response.StatusCode, location)
			}
		}
	}
	for _, call := range w.calls() {
		if strings.Contains(call, "/passkeys") || strings.HasSuffix(call, "/password") || strings.HasSuffix(call, "/password_reset") || strings.HasSuffix(call, "/u2f") {
			w.t.Errorf("ZITADEL was asked for %s", call)
		}
	}
}

// The hosted login kept the proof in a cookie made of the user's id and a fingerprint
// that the browser brings itself (CVE-2026-119128). Ours is in no cookie, no address
// and no form.
func forgedVerificationCheck(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	b := newBrowser(t)
	page := w.toAppAs(b, "bob").at("/verify")
	sum := sha256.Sum256([]byte(id + ":fingerprint"))
	u, err := url.Parse(w.auth)
	w.must(err)
	for _, forged := range []string{hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:]), "true", id} {
		b.jar.SetCookies(u, []*http.Cookie{
			{Name: "verificationCheck", Value: forged, Path: "/", Secure: true}, {Name: "fingerprintId", Value: "fingerprint", Path: "/", Secure: true},
			{Name: "proof", Value: forged, Path: "/", Secure: true}, {Name: "__Host-proof", Value: forged, Path: "/", Secure: true},
		})
		page.opensNone(w)
	}
	method, action, form := page.form(map[string]string{"code": "AAAAAA"})
	for _, name := range []string{"proof", "proven", "verified", "verificationCheck", "userId"} {
		form.Set(name, id)
	}
	b.navigate(method, action, form).at("/verify").with(http.StatusUnprocessableEntity).opensNone(w)
}

// The cookie of somebody who has proven their mailbox is good for that attempt and no
// other, and cannot be moved to one.
func TestProofOfAnotherAttempt(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	owner, thief := newBrowser(t), newBrowser(t)
	proven := w.atChoice(owner)
	waiting := w.toAppAs(thief, "bob").at("/verify")
	for _, path := range firstPages {
		thief.open(w.auth + path + "?a=" + proven.url.Query().Get("a")).with(http.StatusGone)
	}
	u, err := url.Parse(w.auth)
	w.must(err)
	short := waiting.url.Query().Get("a")
	thief.jar.SetCookies(u, []*http.Cookie{{
		Name: "__Host-attempt-" + short, Value: owner.cookie(w.auth, "__Host-attempt-"+proven.url.Query().Get("a")),
		Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}})
	for _, path := range firstPages { // sealed with its name: under another it is nobody's
		thief.open(w.auth + path + "?a=" + short).with(http.StatusGone)
	}
	second := w.toAppAs(owner, "bob").at("/verify") // the same browser, another attempt
	second.opensNone(w)
}

// A session that merely names its user is no proof of anything (CVE-2026-105212):
// not that of an attempt, nor one that holds a challenge, nor one that a browser
// keeps.
func enrolmentOnAnIdentifyOnlySession(t *testing.T) {
	t.Run("a name", func(t *testing.T) {
		w := newWorld(t)
		w.addInvited()
		w.typeName("bob").at("/verify").opensNone(w)
	})
	t.Run("a challenge", func(t *testing.T) {
		w := newWorld(t)
		w.zitadel.AddPasskey(w.alice, "example.localhost", zitadeltest.NewAuthenticator())
		w.typeName("alice").at("/passkey").opensNone(w)
	})
	t.Run("a session without a check", func(t *testing.T) {
		w := newWorld(t)
		b := newBrowser(t)
		w.plantAccount(b, "")
		w.typeNameIn(b, "alice").at("/password").opensNone(w)
	})
	t.Run("hidden", func(t *testing.T) {
		w := newWorld(t)
		w.addInvited()
		w.hideUsers()
		w.typeName("bob").at("/password").opensNone(w)
	})
	t.Run("a sign-up", func(t *testing.T) {
		w := newWorld(t)
		w.signUpWithKey(newBrowser(t), "nora@example.com").at("/verify").opensNone(w)
	})
	t.Run("a link", func(t *testing.T) {
		w := newWorld(t)
		id := w.addInvited()
		newBrowser(t).open(w.auth + "/verify?invite=true&code=AAAAAA&userId=" + id).at("/verify").opensNone(w)
	})
}

func (w *world) typeNameIn(b *browser, name string) *page {
	w.t.Helper()
	return b.open(w.auth + "/loginname").fill(map[string]string{"loginName": name})
}

// A code is held against the user that it was sent to, whatever an address, a form
// or an attempt says (CVE-2026-105209); in another organization all the same.
func codeOfAnotherUser(t *testing.T) {
	w := newWorld(t)
	bob := w.addInvited()
	carl := w.addPerson(withoutPassword, func(u *zitadeltest.UserSeed) {
		u.UserName, u.Email, u.OrganizationID = "carl", "carl@example.com", w.zitadel.AddOrganization("Other")
	})
	carls := w.zitadel.Invite(carl, w.inviteLink(), "")
	here := w.typeName("bob").at("/verify").typeCode(carls).at("/verify").with(http.StatusUnprocessableEntity)
	here.opensNone(w)
	for _, link := range []string{"userId=" + bob + "&code=" + carls + "&invite=true", "userId=" + bob + "&code=" + carls} {
		page := newBrowser(t).open(w.auth + "/verify?" + link).fill(nil).at("/verify").with(http.StatusUnprocessableEntity)
		page.opensNone(w)
		method, action, form := page.form(map[string]string{"code": carls})
		form.Set("userId", carl)
		page.b.navigate(method, action, form).at("/verify").with(http.StatusUnprocessableEntity)
	}
	// Nor is a code of one kind good for another.
	w.typeName("alice").fill(nil, "reset-button")
	reset := w.mailedCode("alice@example.com")
	newBrowser(t).open(w.auth + "/verify?invite=true&userId=" + w.alice + "&code=" + reset).fill(nil).with(http.StatusUnprocessableEntity)
	newBrowser(t).open(w.auth + "/password/set?userId=" + carl + "&code=" + carls).fill(map[string]string{"password": another}).with(http.StatusUnprocessableEntity)
	page := newBrowser(t).open(w.auth + "/verify?invite=true&userId=" + carl + "&code=" + carls).fill(nil).at("/authenticator/set").saying("carl")
	if strings.Contains(page.text(), "bob") {
		t.Error("carl's code opened bob's set-up")
	}
}

// A proof is forgotten with the user: who names another gets nothing of it, and who
// comes back must prove anew.
func TestProofOfAnEarlierUser(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	w.addPerson(withoutPassword, func(u *zitadeltest.UserSeed) { u.UserName, u.Email = "carl", "carl@example.com" })
	b := newBrowser(t)
	proven := w.atChoice(b)
	word := proven.follow("password-link").at("/password/set")
	method, action, form := word.form(map[string]string{"password": another})
	key := b.open(w.auth + "/passkey/set?a=" + proven.url.Query().Get("a")).fill(nil).at("/passkey/set")
	keyMethod, keyAction, keyForm := key.form(map[string]string{"credential": w.madeKey(key)})

	delete(form, "about") // the proof holds, whatever the form says
	delete(keyForm, "about")
	name := func(name string) *page {
		return b.open(w.auth + "/loginname?a=" + proven.url.Query().Get("a")).at("/loginname").fill(map[string]string{"loginName": name})
	}
	for _, who := range []string{"carl", "bob", "alice", "bob"} {
		page := name(who)
		page.opensNone(w)
		b.navigate(method, action, maps.Clone(form))
		b.navigate(keyMethod, keyAction, maps.Clone(keyForm))
	}
	for _, who := range []string{"bob", "carl"} {
		if methods := w.methodsOf(who); len(methods) != 0 {
			t.Errorf("%s was given %v", who, methods)
		}
	}
	w.signIn(newBrowser(t)) // alice's password is hers
}

// madeKey is what a new authenticator answers to the page's ceremony.
func (w *world) madeKey(p *page) string {
	w.t.Helper()
	credential, err := zitadeltest.NewAuthenticator().Create(p.options(), w.auth)
	w.must(err)
	return string(credential)
}

// Who got a way to sign in meanwhile, by whoever, is asked for that: no form of
// before sets up another beside it.
func TestMethodThatCameMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		give func(*world, string)
		path string
	}{
		"a password": {func(w *world, id string) { w.givePassword(id) }, "/password"},
		"a passkey": {func(w *world, id string) {
			w.zitadel.AddPasskey(id, "example.localhost", zitadeltest.NewAuthenticator())
		}, "/passkey"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.addInvited()
			b := newBrowser(t)
			word := w.atChoice(b).follow("password-link").at("/password/set")
			key := b.open(w.auth + "/passkey/set?a=" + word.url.Query().Get("a")).fill(nil).at("/passkey/set")
			credential := w.madeKey(key)
			test.give(w, id)
			word.fill(map[string]string{"password": another}).at(test.path)
			key.fill(map[string]string{"credential": credential}).at(test.path)
			b.open(w.auth + "/authenticator/set?a=" + word.url.Query().Get("a")).at(test.path)
			if n := len(w.methodsOf("bob")); n != 1 {
				t.Errorf("%d methods: %v", n, w.methodsOf("bob"))
			}
		})
	}
}

// An invitation that is asked for when there is a way to sign in by now leads to it.
func TestInvitationOfSomebodyWhoNeedsNone(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	page := w.typeName("bob").at("/verify")
	w.givePassword(id)
	page = page.fill(nil, "resend-button").at("/password").typePassword(password).at("/verify")
	if mail := w.zitadel.LastMail("bob@example.com"); mail.Kind != "verify-email" {
		t.Errorf("mailed %q to somebody who has a password, and an address to prove", mail.Kind)
	}
	page.typeCode(w.mailedCode("bob@example.com")).signedInAs("Bob Builder")
}

// The same while ZITADEL's list of methods does not show it yet: the page waits, and
// asks nobody in circles.
func TestInvitationWhileTheListLags(t *testing.T) {
	w := newWorld(t)
	id := w.addInvited()
	w.zitadel.Advance(minute)
	w.zitadel.SetLag(5 * time.Second)
	a := zitadeltest.NewAuthenticator()
	made, err := w.client.RegisterPasskey(t.Context(), id, "example.localhost")
	w.must(err)
	credential, err := a.Create(made.Options, w.auth)
	w.must(err)
	w.must(w.client.VerifyPasskey(t.Context(), id, made.ID, credential, "Key"))
	w.zitadel.ResetCalls()
	page := w.typeName("bob").at("/verify").saying("We will send you")
	if n := w.called("POST /v2/users/{id}/invite_code"); n != 1 {
		t.Errorf("an invitation was asked for %d times", n)
	}
	w.zitadel.Advance(minute)
	page.fill(nil).at("/passkey").key(a, w.auth, false).at("/verify") // the address is unproven
}

// One click sends the same form many times: one password is set, and all answers
// lead to the one place.
func TestFirstPasswordSubmittedInParallel(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	b := newBrowser(t)
	word := w.atChoice(b).follow("password-link").at("/password/set")
	_, action, form := word.form(map[string]string{"password": another})
	frozen := b.freeze(word.url)
	w.zitadel.ResetCalls()
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			twin := frozen.twin()
			response := twin.do(http.MethodPost, action, form)
			_ = response.Body.Close()
			if location := response.Header.Get("Location"); location != w.app+"/inbox" {
				t.Errorf("led to %q (%d)", location, response.StatusCode)
			}
		})
	}
	group.Wait()
	if n := w.called("POST /v2/users/{id}/password"); n != 1 {
		t.Errorf("the password was set %d times", n)
	}
}

// called counts the calls of a route since the last reset.
func (w *world) called(route string) (n int) {
	for _, call := range w.calls() {
		if call == route {
			n++
		}
	}
	return n
}

// Two browsers have proven the mailbox, and both set a password at once: one of them
// is the password, and the other browser is asked for it.
func TestFirstPasswordOfTwoBrowsers(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	words := []string{"Password1!a", "Password1!b"}
	var forms []*page
	for i := range words {
		w.zitadel.Advance(time.Second)
		forms = append(forms, w.atChoice(elsewhere(t, i)).follow("password-link").at("/password/set"))
	}
	var group sync.WaitGroup
	ends := make([]string, len(words))
	for i, word := range words {
		group.Go(func() { ends[i] = forms[i].fill(map[string]string{"password": word}).url.Path })
	}
	group.Wait()
	won := 0
	for i, word := range words {
		accepted := w.typeName("bob").typePassword(word).url.Path == "/signedin"
		if accepted {
			won++
		}
		if want := map[bool]string{true: "/inbox", false: "/password"}[accepted]; ends[i] != want {
			t.Errorf("browser %d, whose password counts: %t, ended at %s", i, accepted, ends[i])
		}
	}
	if won != 1 {
		t.Errorf("%d passwords count", won)
	}
}

// Of a password and a passkey that two tabs of one attempt set up at once, one is the
// first, and the other is not set up beside it.
func TestFirstMethodOfTwoTabs(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	b := newBrowser(t)
	word := w.atChoice(b).follow("password-link").at("/password/set")
	key := b.open(w.auth + "/passkey/set?a=" + word.url.Query().Get("a")).fill(nil).at("/passkey/set")
	credential := w.madeKey(key)
	frozen := b.freeze(word.url) // both are sent before either is answered
	var group sync.WaitGroup
	for page, values := range map[*page]map[string]string{word: {"password": another}, key: {"credential": credential}} {
		method, action, form := page.form(values)
		group.Go(func() {
			twin := frozen.twin()
			response := twin.do(method, action, form)
			_ = response.Body.Close()
			if response.StatusCode >= 400 {
				t.Errorf("POST %s: %d", action, response.StatusCode)
			}
		})
	}
	group.Wait()
	if n := len(w.methodsOf("bob")); n != 1 {
		t.Errorf("%d methods: %v", n, w.methodsOf("bob"))
	}
}

// Opening the pages makes nothing: what a passkey is to sign is asked for by a form.
func TestFirstPagesDoNothingWhenOpened(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	b := newBrowser(t)
	page := w.atChoice(b)
	w.zitadel.ResetCalls()
	for _, path := range firstPages {
		b.open(w.auth + path + "?a=" + page.url.Query().Get("a")).at(path).with(http.StatusOK)
	}
	for _, call := range w.zitadel.Calls() {
		if call.Method != http.MethodGet && !strings.HasSuffix(call.Route, "_search") {
			t.Errorf("a page that was opened made the call %s", call.Route)
		}
	}
}

// Where policy stops hiding users under way, nobody is taken for somebody without a
// way to sign in because nobody had asked for theirs.
func TestPolicyStopsHidingUnderWay(t *testing.T) {
	w := newWorld(t)
	w.hideUsers()
	page := w.typeName("alice").at("/password")
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = false })
	w.zitadel.Advance(2 * minute)
	page.b.open(page.url.String()).at("/password").typePassword(password).signedInAs("Alice Example")
	if n := w.called("POST /v2/users/{id}/invite_code"); n != 0 {
		t.Errorf("%d invitations", n)
	}
}

// Where users are hidden, somebody without any way to sign in looks like nobody, at
// every page and for every form.
func TestNoMethodLooksLikeNobodyWhereHidden(t *testing.T) {
	w := newWorld(t)
	w.addInvited()
	w.hideUsers()
	var seen [2][]string
	for i, name := range []string{"bob", "bib"} {
		b := newBrowser(t)
		note := func(page *page) *page {
			seen[i] = append(seen[i], strings.ReplaceAll(nameless(page.url.Path+page.body), name, "NAME"))
			return page
		}
		w.zitadel.ResetCalls()
		page := note(w.typeNameIn(b, name).at("/password"))
		note(page.fill(map[string]string{"password": "wrong"}).with(http.StatusUnprocessableEntity))
		for _, path := range append([]string{"/verify", "/passkey"}, firstPages...) {
			note(b.open(w.auth + path + "?a=" + page.url.Query().Get("a")))
		}
		for _, call := range w.calls() {
			if strings.Contains(call, "authentication_methods") || strings.Contains(call, "invite") {
				t.Errorf("%s: the call %s tells by its time", name, call)
			}
		}
		note(b.open(page.url.String()).fill(nil, "reset-button")) // as long as the real thing takes, whoever it is
	}
	for i := range seen[0] {
		if seen[0][i] != seen[1][i] {
			t.Errorf("told apart at step %d:\n%s\n%s", i, seen[0][i], seen[1][i])
		}
	}
}

// An administrator's invitation helps where users are hidden too, in the browser
// where the name was typed: nothing shows of the user before the code is redeemed,
// and from then on their own organization says what they may set up.
func TestInvitationWhereUsersAreHidden(t *testing.T) {
	w := newWorld(t)
	other := w.zitadel.AddOrganization("Other")
	id := w.addPerson(withoutPassword, func(u *zitadeltest.UserSeed) { u.OrganizationID = other })
	w.hideUsers()
	w.zitadel.SetLoginSettings(other, func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames, s.AllowUsernamePassword = true, false })
	w.zitadel.SetBranding(other, func(b *zitadeltest.Branding) { b.Light.PrimaryColor = "#123456" })
	b := newBrowser(t)
	everybodys := w.toAppAs(b, "bob").at("/password").theme()
	w.zitadel.Invite(id, w.inviteLink(), "Example App")
	w.zitadel.ResetCalls()
	page := b.open(w.zitadel.LastMail("bob@example.com").Link).at("/verify")
	for _, call := range w.calls() {
		if strings.Contains(call, "/users/") {
			t.Errorf("a link has asked ZITADEL for %s", call)
		}
	}
	if strings.Contains(page.text(), "Bob") || page.theme() != everybodys {
		t.Errorf("the page tells of the user, or whose they are: %s\n%s", page.theme(), page.text())
	}
	a := zitadeltest.NewAuthenticator()
	page = page.fill(nil).at("/passkey/set")
	key := page.key(a, w.auth, true).at("/passkey")
	if page.theme() == everybodys || key.theme() == everybodys {
		t.Error("these are not the looks of the user's organization")
	}
	key.key(a, w.auth, false).at("/inbox")
}
