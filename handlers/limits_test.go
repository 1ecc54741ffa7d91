package handlers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// limitedWorld is a world behind a proxy, in which no bucket ever refills: how
// many tries are let through does not depend on how long they take.
func limitedWorld(t *testing.T) *world {
	t.Helper()
	began := time.Now()
	return newWorld(t, func(w *world, c *handlers.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		w.store = session.NewMemory(func() time.Time { return began })
	})
}

func (w *world) hideUsers() {
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.IgnoreUnknownUsernames = true })
}

// from is a browser at an address.
func from(t *testing.T, address string) *browser {
	t.Helper()
	b := newBrowser(t)
	b.header.Set("X-Forwarded-For", address)
	return b
}

// elsewhere is a browser at an address that nobody else of the test has.
func elsewhere(t *testing.T, i int) *browser {
	t.Helper()
	return from(t, fmt.Sprintf("203.0.113.%d", i+1))
}

// exhaust fails unless exactly so many tries are let through.
func exhaust(t *testing.T, let int, try func(i int) *page) {
	t.Helper()
	for i := range let {
		if page := try(i); page.status == http.StatusTooManyRequests {
			t.Fatalf("try %d of %d was refused", i+1, let)
		}
	}
	page := try(let)
	page.with(http.StatusTooManyRequests).saying("Too many attempts")
	if page.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}

// free fails if a try is refused.
func free(t *testing.T, what string, page *page) {
	t.Helper()
	if page.status == http.StatusTooManyRequests {
		t.Errorf("%s is refused as well", what)
	}
}

const here, there = "192.0.2.1", "192.0.2.2"

func (w *world) search(b *browser, name string) *page {
	return b.open(w.auth + "/loginname").fill(map[string]string{"loginName": name})
}

func (w *world) register(b *browser, email string) *page {
	page := b.open(w.auth + "/register").
		fill(map[string]string{"givenName": "N", "familyName": "N", "email": email, "terms": "on", "privacy": "on"})
	if page.url.Path != "/register/password" {
		return page // where users are hidden it comes behind the code
	}
	return page.fill(map[string]string{"password": password})
}

func (w *world) reset(b *browser, name string) *page {
	return w.search(b, name).at("/password").fill(nil, "reset-button")
}

// wrong is a wrong password on the password page.
func wrong(page *page) *page {
	return page.at("/password").fill(map[string]string{"password": "wrong"})
}

// miscode is a wrong code on the page that takes one.
func miscode(page *page) *page {
	return page.at("/password/set").fill(map[string]string{"code": "WRONG1", "password": "Another1!"})
}

// again tries again and again, each time on the page that came of the last try.
func again(last *page, try func(*page) *page) func(int) *page {
	return func(int) *page {
		last = try(last)
		return last
	}
}

func TestSearchesOfAClient(t *testing.T) {
	w := limitedWorld(t)
	b := from(t, here)
	exhaust(t, 60, func(i int) *page { return w.search(b, fmt.Sprint("nobody", i)) })
	free(t, "another address", w.search(from(t, there), "nobody"))
}

// One visitor owns a whole /64 of IPv6.
func TestClientOfIPv6(t *testing.T) {
	w := limitedWorld(t)
	exhaust(t, 60, func(i int) *page {
		return w.search(from(t, fmt.Sprintf("2001:db8:1:2:%x::%x", i, i)), "nobody")
	})
	free(t, "another /64", w.search(from(t, "2001:db8:1:3::1"), "nobody"))
}

// One password for many accounts is bounded by the address that tries.
func TestPasswordsOfAClient(t *testing.T) {
	w := limitedWorld(t)
	w.hideUsers()
	var word *page
	exhaust(t, 60, func(i int) *page {
		if i%10 == 0 {
			word = w.search(from(t, here), fmt.Sprint("nobody", i))
		}
		word = wrong(word)
		return word
	})
	free(t, "another address", wrong(w.search(from(t, there), "nobody60")))
}

func TestMailsOfAClient(t *testing.T) {
	w := limitedWorld(t)
	w.hideUsers()
	exhaust(t, 30, func(i int) *page { return w.reset(from(t, here), fmt.Sprint("nobody", i)) })
	free(t, "another address", w.reset(from(t, there), "somebody"))
}

func TestRegistrationsOfAClient(t *testing.T) {
	w := limitedWorld(t)
	exhaust(t, 20, func(i int) *page { return w.register(from(t, here), fmt.Sprintf("n%d@example.com", i)) })
	free(t, "another address", w.register(from(t, there), "n@example.com"))
}

// However a mailbox is spelled, sign-ups and resets together send it no more
// mails than one of them may.
func TestMailsToAMailbox(t *testing.T) {
	w := limitedWorld(t)
	spellings := []string{"bob@example.com", "bob+1@example.com", "Bob+2@Example.com", "BOB@example.com", "bob+3@example.com"}
	exhaust(t, 4, func(i int) *page { return w.register(elsewhere(t, i), spellings[i]) })
	if n := len(w.zitadel.Mails()); n != 4 {
		t.Errorf("%d mails to one box, want 4", n)
	}
	w.reset(elsewhere(t, 5), "bob@example.com").with(http.StatusTooManyRequests)
	free(t, "another mailbox", w.register(elsewhere(t, 6), "bobby@example.com"))
	free(t, "another domain's", w.register(elsewhere(t, 7), "bob@example.org"))
	for i := range 5 {
		free(t, "a name that begins with a plus", w.register(elsewhere(t, 8+i), fmt.Sprintf("+bob%d@example.com", i)))
	}
}

// The names of one user do not add up.
func TestMailsToAUser(t *testing.T) {
	w := limitedWorld(t)
	names := []string{"alice", "alice@example.com", "ALICE", "Alice@example.com", " alice "}
	exhaust(t, 4, func(i int) *page { return w.reset(elsewhere(t, i), names[i]) })
	if n := len(w.zitadel.Mails()); n != 4 {
		t.Errorf("%d mails to one user, want 4", n)
	}
}

// Nor do a user's names and sign-ups with their address, also where the page must
// not tell that they are one's.
func TestMailsToAHiddenUser(t *testing.T) {
	w := limitedWorld(t)
	w.hideUsers()
	for i, name := range []string{"alice", "alice@example.com", "alice", "alice@example.com", "alice", "alice@example.com"} {
		w.reset(elsewhere(t, i), name).at("/password/set").with(http.StatusOK)
	}
	w.register(elsewhere(t, 6), "alice@example.com").at("/verify").with(http.StatusOK)
	if n := len(w.zitadel.Mails()); n != 4 {
		t.Errorf("%d mails to one user, want 4", n)
	}
}

// A sign-up with a taken address counts for its owner, who asks by name.
func TestMailsOfATakenAddress(t *testing.T) {
	w := limitedWorld(t)
	exhaust(t, 4, func(i int) *page { return w.register(elsewhere(t, i), "alice@example.com") })
	w.reset(elsewhere(t, 5), "alice").with(http.StatusTooManyRequests)
	if n := len(w.zitadel.Mails()); n != 4 {
		t.Errorf("%d mails to one user, want 4", n)
	}
}

// What strangers have had sent to somebody does not keep them from a code once
// they have shown their password; theirs are bounded as well.
func TestStrangersDoNotUseUpTheMailsOfAUser(t *testing.T) {
	w := limitedWorld(t)
	w.addDave()
	exhaust(t, 4, func(i int) *page { return w.reset(elsewhere(t, i), "dave@example.com") })
	verify := w.search(from(t, here), "dave@example.com").fill(map[string]string{"password": password}).at("/verify")
	if n := len(w.zitadel.Mails()); n != 5 {
		t.Fatalf("%d mails, want the fifth for whoever signs in", n)
	}
	exhaust(t, 3, again(verify, func(page *page) *page { return page.at("/verify").fill(nil, "resend-button") }))
}

// addDave makes a user whose address is not verified.
func (w *world) addDave() {
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "dave", Email: "dave@example.com", Password: password})
}

func TestPasswordsOfAnAccount(t *testing.T) {
	w := limitedWorld(t)
	w.addBob()
	names := []string{"alice", "alice@example.com"}
	exhaust(t, 10, func(i int) *page { return wrong(w.search(elsewhere(t, i), names[i%2])) })
	free(t, "another account", wrong(w.search(elsewhere(t, 11), "bob")))
}

// Nor does patience get far: guesses are bounded over the hours, too.
func TestPasswordsOfAnAccountOverHours(t *testing.T) {
	w := newWorld(t)
	tried, began := 0, w.now()
	for range 30 {
		page := w.search(newBrowser(t), "alice")
		for range 20 {
			w.zitadel.Advance(15 * second)
			if page = wrong(page); page.status == http.StatusUnprocessableEntity {
				tried++
			}
		}
	}
	if most := 300 + int(w.now().Sub(began)/minute) + 1; tried < 300 || tried > most {
		t.Errorf("%d of %d guesses were tried, want at most %d", tried, 30*20, most)
	}
}

func TestCodesOfAnAccount(t *testing.T) {
	w := limitedWorld(t)
	w.addBob()
	exhaust(t, 10, again(w.reset(elsewhere(t, 0), "alice"), miscode))
	miscode(w.reset(elsewhere(t, 1), "ALICE@example.com")).with(http.StatusTooManyRequests)
	free(t, "another account", miscode(w.reset(elsewhere(t, 2), "bob")))
}

// addBob makes a second user.
func (w *world) addBob() (id string) {
	return w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
}

// Where users are hidden, a name has a bucket for all its spellings.
func TestSpellingsOfAHiddenName(t *testing.T) {
	for _, spellings := range [][]string{
		{"nobody", "NOBODY", " nobody", "noBody "},
		{"Straße", "STRAßE"},
		{"miss", "mi\u017fs", "MI\u017f\u017f"}, // ſ is an s to a search without case
		{"+4915112345678", "+49 151 12345678", "+49-151-123 45678", "+49 (151) 12345678"},
	} {
		t.Run(spellings[0], func(t *testing.T) {
			w := limitedWorld(t)
			w.hideUsers()
			exhaust(t, 10, func(i int) *page { return wrong(w.search(elsewhere(t, i), spellings[i%len(spellings)])) })
		})
	}
}

// Where users are hidden, no bucket tells that two names are one user's: what
// happens to bob's happens to the names of nobody.
func TestBucketsTellNothing(t *testing.T) {
	id := map[string]string{"noob": "123456789012345678"}
	for what, begin := range map[string]func(w *world, b *browser, name string) func(int) *page{
		"password": func(w *world, b *browser, name string) func(int) *page { return again(w.search(b, name), wrong) },
		"code":     func(w *world, b *browser, name string) func(int) *page { return again(w.reset(b, name), miscode) },
		"code of a link": func(w *world, b *browser, name string) func(int) *page {
			name, _, _ = strings.Cut(name, "@")
			return again(b.open(w.auth+"/password/set?code=WRONG1&userId="+id[name]), miscode)
		},
		"mail": func(w *world, b *browser, name string) func(int) *page {
			return func(int) *page { return w.reset(b, name) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			var answers [2][]string
			for i, name := range []string{"bob", "noob"} {
				w := limitedWorld(t)
				w.hideUsers()
				id["bob"] = w.addBob()
				for j, typed := range []string{name, name + "@example.com"} {
					try := begin(w, elsewhere(t, j), typed)
					for k := range 12 {
						page := try(k)
						answers[i] = append(answers[i], fmt.Sprint(page.status, page.header.Get("Retry-After"), page.url.Path))
					}
				}
			}
			if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
				t.Errorf("bob and nobody are told apart:\n%s", diff)
			}
			if !slices.ContainsFunc(answers[0], func(s string) bool { return strings.HasPrefix(s, "429") }) {
				t.Errorf("nothing was refused: this test proves nothing: %q", answers[0])
			}
		})
	}
}

// Nor does a bucket tell a taken address from a new one, the second time either.
func TestBucketsOfSignUpsTellNothing(t *testing.T) {
	var answers [2][]string
	for i, email := range []string{"bob@example.com", "noob@example.com"} {
		w := limitedWorld(t)
		w.addBob()
		for j := range 2 {
			try := again(w.register(elsewhere(t, j), email).at("/verify"), func(page *page) *page {
				return page.at("/verify").fill(map[string]string{"code": "WRONG1"})
			})
			for k := range 12 {
				page := try(k)
				answers[i] = append(answers[i], fmt.Sprint(page.status, page.header.Get("Retry-After"), page.url.Path))
			}
		}
	}
	if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
		t.Errorf("a taken address and a new one are told apart:\n%s", diff)
	}
	if !strings.HasPrefix(answers[0][10], "429") {
		t.Errorf("nothing was refused: this test proves nothing: %q", answers[0])
	}
}

// Strangers' wrong tries do not keep the owner out of the browser in which they
// have signed in before; and that browser is bounded, too.
func TestOwnerIsNotLockedOut(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprint("hidden ", hidden), func(t *testing.T) {
			w := limitedWorld(t)
			w.addBob()
			if hidden {
				w.hideUsers()
			}
			owner, work, bobs := from(t, here), from(t, there), from(t, there)
			w.signIn(owner) // the first of the ten
			w.signIn(work)  // the second
			w.search(bobs, "bob").fill(map[string]string{"password": password}).at("/signedin")
			exhaust(t, 8, func(i int) *page { return wrong(w.search(elsewhere(t, i), "alice@example.com")) })
			wrong(w.nameAnew(bobs, "alice@example.com")).with(http.StatusTooManyRequests)

			exhaust(t, 10, again(w.nameAnew(owner, "alice@example.com"), wrong))
			free(t, "the owner's other browser", wrong(w.nameAnew(work, "alice@example.com")))
		})
	}
}

// The owner signs in where they always do, while strangers try.
func TestOwnerSignsInDespiteStrangers(t *testing.T) {
	w := limitedWorld(t)
	owner := from(t, here)
	w.signIn(owner)
	exhaust(t, 9, func(i int) *page { return wrong(w.search(elsewhere(t, i), "alice")) })
	owner.open(w.authorizeURL("&prompt=login")).at("/password").fill(map[string]string{"password": password}).at("/cb")
	w.nameAnew(owner, "alice").fill(map[string]string{"password": password}).at("/cb")
	set := w.nameAnew(owner, "alice").fill(nil, "reset-button").at("/password/set")
	exhaust(t, 10, again(w.reset(elsewhere(t, 0), "ALICE"), miscode))
	set.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code, "password": "Another1!"}).at("/cb")
}

// nameAnew types a name in a browser that may have signed somebody in, on a page
// of an app that wants to be sure.
func (w *world) nameAnew(b *browser, name string) *page {
	page := b.open(w.authorizeURL("&prompt=select_account+login"))
	if page.url.Path == "/accounts" {
		page = page.fill(nil, "add-button")
	}
	return page.at("/loginname").fill(map[string]string{"loginName": name})
}

// A stolen password opens sessions without end, but no further tries at a code.
func TestSessionsOpenNoFurtherTriesAtACode(t *testing.T) {
	w := limitedWorld(t)
	w.addDave()
	verify := func(i int) *page {
		return w.search(elsewhere(t, i), "dave").fill(map[string]string{"password": password})
	}
	guess := func(page *page) *page { return page.at("/verify").fill(map[string]string{"code": "WRONG1"}) }
	exhaust(t, 10, again(verify(0), guess))
	guess(verify(1)).with(http.StatusTooManyRequests)
}

// A browser that holds an account in which nothing was shown is any stranger's:
// a ZITADEL session about somebody can be had without a password.
func TestAccountWithoutACredentialHasNoBucketOfItsOwn(t *testing.T) {
	w := limitedWorld(t)
	stranger := from(t, here)
	w.plantAccount(stranger, "")
	exhaust(t, 10, func(i int) *page { return wrong(w.search(elsewhere(t, i), "alice")) })
	wrong(w.nameAnew(stranger, "alice")).with(http.StatusTooManyRequests)
}

// plantAccount has a browser remember alice with another ZITADEL session, in
// which she showed this password, "" for none.
func (w *world) plantAccount(b *browser, password string) {
	w.t.Helper()
	ref, err := w.client.CreateSession(w.t.Context(), zitadelclient.NewSession{
		Checks: zitadelclient.Checks{UserID: w.alice, Password: password}, Lifetime: time.Hour,
	})
	w.must(err)
	manager, err := session.NewManager(session.Config{
		Store: w.store, Keys: session.Keys{w.key}, Environment: "test", CookieDomain: "example.localhost", Now: w.now,
	})
	w.must(err)
	address, err := url.Parse(w.auth)
	w.must(err)
	request, recorder := httptest.NewRequest(http.MethodGet, w.auth, nil), httptest.NewRecorder()
	for _, cookie := range b.jar.Cookies(address) {
		request.AddCookie(cookie)
	}
	w.must(manager.RememberAccount(w.t.Context(), recorder, request, session.Account{UserID: w.alice, ZitadelSession: ref.ID, ZitadelToken: ref.Token}, false))
	b.jar.SetCookies(address, recorder.Result().Cookies())
}

// A number gets only so many messages, however many accounts ask and however it
// is spelled: messages to some numbers pay whoever has them sent.
func TestMessagesToOneNumber(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	limited := false
	for i, spelled := range []string{"+41791234567", "+41 79 123 45 67", "+41-79-123-45-67", "+41 (79) 1234567", "+41/791234567"} {
		name := fmt.Sprintf("pump%d", i)
		w.addPerson(func(u *zitadeltest.UserSeed) { u.UserName, u.Email = name, name+"@example.com" })
		page := w.typeName(name).typePassword(password).follow("sms-link").fill(map[string]string{"phone": spelled})
		limited = page.status == http.StatusTooManyRequests
		if limited {
			page.holding("phone", spelled)
		}
	}
	if !limited {
		t.Error("the fifth account had a message sent to the same number")
	}
	if n := len(w.zitadel.SMS()); n != 4 {
		t.Errorf("%d messages, want 4", n)
	}
}

// Every key or app that is begun to be set up leaves one without an answer at
// ZITADEL: how many, is bounded.
func TestEnrolmentsOfAClient(t *testing.T) {
	w := limitedWorld(t)
	w.policy(force)
	set := w.atPassword(from(t, here)).fill(map[string]string{"password": password}).at("/mfa/set")
	exhaust(t, 60, func(i int) *page {
		if i%2 == 0 {
			return set.follow("time-based-link").beside("/mfa/set").follow("u2f-link").at("/u2f/set").fill(nil)
		}
		return set.beside("/otp/time-based/set").fill(nil)
	})
	if begun := w.called("POST /v2/users/{id}/u2f") + w.called("POST /v2/users/{id}/totp"); begun != 60 {
		t.Errorf("%d were begun, want 60", begun)
	}
}
