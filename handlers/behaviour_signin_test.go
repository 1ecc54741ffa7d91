package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// The tests named TestBehaviourNN hold the pages to the behaviours that people
// who come from ZITADEL's hosted login rely on, by the number that each has in
// the list of what such a suite names. They start at the bare /loginname and
// end at /signedin, whose one heading is the full name.

// another is the password that is set where one is changed.
const another = "Another1!"

// addPerson adds somebody of whom each behaviour needs something else.
func (w *world) addPerson(edit ...func(*zitadeltest.UserSeed)) (id string) {
	w.t.Helper()
	seed := zitadeltest.UserSeed{
		UserName: "bob", GivenName: "Bob", FamilyName: "Builder",
		Email: "bob@example.com", EmailVerified: true, Password: password,
	}
	for _, e := range edit {
		e(&seed)
	}
	return w.zitadel.AddUser(seed)
}

// typeName opens the first page in a new browser and says who signs in.
func (w *world) typeName(name string) *page {
	w.t.Helper()
	return newBrowser(w.t).open(w.auth + "/loginname").at("/loginname").with(http.StatusOK).
		fill(map[string]string{"loginName": name})
}

// typePassword goes past the password page.
func (p *page) typePassword(value string) *page {
	p.b.t.Helper()
	return p.at("/password").fill(map[string]string{"password": value})
}

// typeCode submits a code on whichever page asks for one.
func (p *page) typeCode(code string) *page {
	p.b.t.Helper()
	return p.fill(map[string]string{"code": code})
}

// refused fails unless the page came back with an error text.
func (p *page) refused(path, text string) *page {
	p.b.t.Helper()
	return p.at(path).with(http.StatusUnprocessableEntity).saying(text)
}

// holding fails unless a field still has what was typed.
func (p *page) holding(name, want string) *page {
	p.b.t.Helper()
	if got := p.value(name); got != want {
		p.b.t.Errorf("%s: field %s holds %q, want what was typed, %q", p.url, name, got, want)
	}
	return p
}

// signedInAs fails unless the visitor has arrived, and is called by this name.
func (p *page) signedInAs(fullName string) {
	p.b.t.Helper()
	p.at("/signedin").with(http.StatusOK)
	if got := nodeText(p.find("h1", nil)); got != fullName {
		p.b.t.Errorf("the heading is %q, want %q", got, fullName)
	}
}

// offering fails unless the page has exactly these of the elements that it might
// have.
func (p *page) offering(of []string, want ...string) *page {
	p.b.t.Helper()
	var got []string
	for _, id := range of {
		if p.testid(id) != nil {
			got = append(got, id)
		}
	}
	if !slices.Equal(got, want) {
		p.b.t.Errorf("%s offers %v, want %v", p.url, got, want)
	}
	return p
}

// byItself fails unless the page's script starts a ceremony of this kind without
// being asked.
func (p *page) byItself(kind string) *page {
	p.b.t.Helper()
	form := p.find("form", func(n *html.Node) bool { return attr(n, "data-ceremony") == kind })
	if form == nil || attr(form, "data-options") == "" || !has(form, "data-auto") {
		p.b.t.Fatalf("%s: no ceremony %q that starts by itself:\n%s", p.url, kind, p.body)
	}
	return p
}

func TestBehaviour01AdminLogin(t *testing.T) {
	w := newWorld(t)
	w.addPerson(func(u *zitadeltest.UserSeed) { // the role is ZITADEL's affair: to a login the administrator is a person
		u.UserName, u.GivenName, u.FamilyName, u.Email = "zitadel-admin@zitadel.localhost", "ZITADEL", "Admin", "admin@zitadel.localhost"
	})
	w.typeName("zitadel-admin@zitadel.localhost").typePassword(password).signedInAs("ZITADEL Admin")
}

// unverified is somebody on the page that asks for the mailed code.
func (w *world) unverified() *page {
	w.t.Helper()
	w.addPerson(func(u *zitadeltest.UserSeed) { u.EmailVerified = false })
	return w.typeName("bob").typePassword(password).at("/verify").with(http.StatusOK)
}

func (w *world) mailedCode(to string) string {
	w.t.Helper()
	code := w.zitadel.LastMail(to).Code
	if code == "" {
		w.t.Fatalf("no code was mailed to %s", to)
	}
	return code
}

// resend has another code sent, and returns the page and the first code.
func (p *page) resend(w *world, path string, newest func() string) (after *page, first string) {
	p.b.t.Helper()
	first = newest()
	w.zitadel.Advance(second)
	after = p.fill(nil, "resend-button").at(path).with(http.StatusOK)
	if newest() == first {
		p.b.t.Fatal("no new code was sent")
	}
	return after, first
}

func TestBehaviour02VerifyEmail(t *testing.T) {
	w := newWorld(t)
	w.unverified().typeCode(w.mailedCode("bob@example.com")).signedInAs("Bob Builder")
}

func TestBehaviour03VerifyEmailResent(t *testing.T) {
	w := newWorld(t)
	mailed := func() string { return w.mailedCode("bob@example.com") }
	page, _ := w.unverified().resend(w, "/verify", mailed)
	page.typeCode(mailed()).signedInAs("Bob Builder")
}

func TestBehaviour04VerifyEmailOldCode(t *testing.T) {
	w := newWorld(t)
	page, old := w.unverified().resend(w, "/verify", func() string { return w.mailedCode("bob@example.com") })
	page.typeCode(old).refused("/verify", "Could not verify email").holding("code", old)
}

func TestBehaviour05VerifyEmailWrongCode(t *testing.T) {
	w := newWorld(t)
	w.unverified().typeCode("garbage").refused("/verify", "Could not verify email").holding("code", "garbage")
}

func TestBehaviour44Password(t *testing.T) {
	w := newWorld(t)
	w.typeName("alice").typePassword(password).signedInAs("Alice Example")
}

func TestBehaviour45UnknownName(t *testing.T) {
	w := newWorld(t)
	w.typeName("unknown").refused("/loginname", "User not found in the system").holding("loginName", "unknown")
}

// The name stays; a wrong password is the one thing typed that never comes back
// in a page.
func TestBehaviour46WrongPassword(t *testing.T) {
	w := newWorld(t)
	w.typeName("alice").typePassword("wrong").refused("/password", "Failed to authenticate.").
		holding("loginName", "alice").holding("password", "")
}

// Stays on the password page, where a wrong password of a known name stays too:
// to be sent back would tell them apart.
func TestBehaviour47UnknownNameHidden(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = true })
	var said []string
	for _, name := range []string{"anobody", "alice"} {
		page := w.typeName(name).with(http.StatusOK).typePassword("wrong").refused("/password", "Failed to authenticate.")
		said = append(said, strings.ReplaceAll(page.text(), name, "NAME"))
	}
	if said[0] != said[1] {
		t.Errorf("told apart:\n%s\n%s", said[0], said[1])
	}
}

func TestBehaviour48InitialPasswordChange(t *testing.T) {
	w := newWorld(t)
	w.addPerson(func(u *zitadeltest.UserSeed) { u.ChangeRequired = true })
	page := w.typeName("bob").typePassword(password).at("/password/change").saying("Your administrator asks you")
	page.b.open(w.auth + "/signedin").at("/loginname") // not before the new one is set
	page.fill(map[string]string{"current": password, "password": another}).signedInAs("Bob Builder")
}

// loginNames sets which names beside the user name people may sign in with.
func (w *world) loginNames(email, phone bool) {
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.DisableLoginWithEmail, s.DisableLoginWithPhone = !email, !phone })
}

const bobsPhone = "+41791234567"

func withPhone(u *zitadeltest.UserSeed) { u.Phone, u.PhoneVerified = bobsPhone, true }

// addTwin adds a second user with the first's addresses.
func (w *world) addTwin() {
	w.addPerson(withPhone, func(u *zitadeltest.UserSeed) { u.UserName, u.GivenName = "rob", "Rob" })
}

func TestBehaviour53EmailLogin(t *testing.T) {
	w := newWorld(t)
	w.addPerson()
	w.loginNames(true, false)
	w.typeName(" bob@example.com ").typePassword(password).signedInAs("Bob Builder")
}

func TestBehaviour54EmailLoginDisabled(t *testing.T) {
	w := newWorld(t)
	w.addPerson()
	w.loginNames(false, true)
	w.typeName("bob@example.com").refused("/loginname", "User not found in the system").holding("loginName", "bob@example.com")
	w.typeName("bob").at("/password")
}

func TestBehaviour55EmailLoginMultipleUsers(t *testing.T) {
	w := newWorld(t)
	w.addPerson()
	w.addTwin()
	w.loginNames(true, true)
	w.typeName("bob@example.com").refused("/loginname", "User not found in the system")
	w.typeName("rob").typePassword(password).signedInAs("Rob Builder")
}

func TestBehaviour56PhoneLogin(t *testing.T) {
	w := newWorld(t)
	w.addPerson(withPhone)
	w.loginNames(false, true)
	w.typeName(bobsPhone).typePassword(password).signedInAs("Bob Builder")
}

func TestBehaviour57PhoneLoginDisabled(t *testing.T) {
	w := newWorld(t)
	w.addPerson(withPhone)
	w.loginNames(true, false)
	w.typeName(bobsPhone).refused("/loginname", "User not found in the system")
}

func TestBehaviour58PhoneLoginMultipleUsers(t *testing.T) {
	w := newWorld(t)
	w.addPerson(withPhone)
	w.addTwin()
	w.loginNames(true, true)
	w.typeName(bobsPhone).refused("/loginname", "User not found in the system")
}
