package handlers_test

import (
	"net/http"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

// A link on another site puts nobody into another of their accounts, and ends no
// session: who is signed in is asked before somebody else is.
func TestOtherSitesSwitchNoAccount(t *testing.T) {
	w := newWorld(t)
	w.addPerson()
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Advance(minute)
	b.open(w.auth + "/login?login_hint=bob@example.com&return_to=" + w.app + "/inbox").at("/loginname").fill(map[string]string{"loginName": "bob@example.com"}).at("/password").
		fill(map[string]string{"password": password}).at("/inbox")
	for query, page := range map[string]string{
		"login_hint=alice@example.com":                "/loginname",
		"login_hint=alice":                            "/loginname",
		"login_hint=alice@example.com&prompt=none":    "/inbox",
		"login_hint=alice@example.com&prompt=consent": "/loginname",
	} {
		b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
		asked := b.open(w.auth + "/login?" + query + "&return_to=" + w.app + "/inbox").at(page)
		b.header = http.Header{}
		if status, who := w.session(b); status != http.StatusOK || who["email"] != "bob@example.com" {
			t.Errorf("%s: %d, signed in as %v", query, status, who["email"])
		}
		if page == "/inbox" && asked.url.Query().Get("error") != "login_required" {
			t.Errorf("%s: the app was told %q", query, asked.url.RawQuery)
		}
	}
	// By their own click they are, without a password.
	b.open(w.auth + "/login?login_hint=alice@example.com&return_to=" + w.app + "/inbox").at("/loginname").fill(nil).at("/inbox")
	if _, who := w.session(b); who["email"] != "alice@example.com" {
		t.Errorf("signed in as %v", who["email"])
	}
}

// A password that is typed in a tab of before, and left at the code, takes nothing from
// the session that the other tab has got by both.
func TestOldTabEndsNoSession(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	secret := w.zitadel.AddTOTP(w.alice)
	first, second := w.atPassword(b), w.atPassword(b)
	first.fill(map[string]string{"password": password}).at("/otp/time-based").fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/inbox")
	w.zitadel.Advance(time.Minute)
	second.fill(map[string]string{"password": password}).at("/inbox") // what the other tab has shown counts
	w.zitadel.Advance(11 * time.Minute)                               // the next check
	if status, who := w.session(b); status != http.StatusOK {
		t.Errorf("the session is lost: %d %v", status, who)
	}
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions", n)
	}
}

// Nor does a mailed code, where that is a first factor.
func TestOldTabsCodeEndsNoSession(t *testing.T) {
	w := newWorld(t, func(_ *world, c *handlers.Config) { c.EmailCodeFirst = true })
	b := newBrowser(t)
	secret := w.zitadel.AddTOTP(w.alice)
	w.zitadel.AddOTPEmail(w.alice)
	first, second := w.atPassword(b), w.atPassword(b)
	second = second.follow("email-link").at("/otp/email").fill(nil)
	code := w.mailedCode("alice@example.com")
	first.fill(map[string]string{"password": password}).at("/otp/time-based").fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/inbox")
	w.zitadel.Advance(time.Minute)
	second.fill(map[string]string{"code": code}).at("/inbox")
	w.zitadel.Advance(11 * time.Minute)
	if status, who := w.session(b); status != http.StatusOK {
		t.Errorf("the session is lost: %d %v", status, who)
	}
}

// The shortest max_age of a rule can be met by clocks that are a minute apart.
func TestShortestMaxAgeByTwoClocks(t *testing.T) {
	w := newWorld(t, rules(t, `{"fresh": {"max_age": "2m"}}`), func(w *world, c *handlers.Config) {
		c.Now = func() time.Time { return w.now().Add(time.Minute) }
	})
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Advance(2 * time.Second) // the way to the app
	if r := w.ask("caddy", b, question{rule: "fresh", header: navigation()}); r.StatusCode != http.StatusOK {
		t.Errorf("%d, and sent to %s", r.StatusCode, r.Header.Get("Location"))
	}
}

// inTwoTabs begins two sign-ins of alice in one browser, to our app and to another
// client, by a passkey: each is challenged in a ZITADEL session of its own, and the one
// that is done last takes the other's place.
func (w *world) inTwoTabs(b *browser) (ours, theirs func() *page) {
	w.t.Helper()
	key, name := zitadeltest.NewAuthenticator(), map[string]string{"loginName": "alice", "remember": "on"}
	w.zitadel.AddPasskey(w.alice, "example.localhost", key)
	first := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(name).at("/passkey")
	second := b.open(w.authorizeURL("")).fill(name).at("/passkey")
	return func() *page { return first.key(key, w.auth, false).at("/inbox") },
		func() *page { return second.key(key, w.auth, false).at("/cb") }
}
