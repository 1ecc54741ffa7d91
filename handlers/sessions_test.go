package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

// place is an entry of GET /sessions.
type place struct {
	Handle, Browser, System, Address                string
	Current                                         bool
	CreatedAt, LastUsedAt, ExpiresAt, IdleExpiresAt time.Time
}

// places asks where the user is signed in.
func (w *world) places(b *browser) []place {
	w.t.Helper()
	got := w.script(b, "GET", "/sessions")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		w.t.Fatalf("GET /sessions: %d %v %s", got.status, got.header, got.body)
	}
	var body struct{ Sessions []map[string]any }
	w.must(json.Unmarshal([]byte(got.body), &body))
	var all []place
	for _, entry := range body.Sessions {
		text := func(name string) string { value, _ := entry[name].(string); return value }
		at := func(name string) time.Time {
			parsed, err := time.Parse(time.RFC3339, text(name))
			w.must(err)
			return parsed
		}
		current, _ := entry["current"].(bool)
		all = append(all, place{
			text("handle"), text("browser"), text("system"), text("address"), current,
			at("created_at"), at("last_used_at"), at("expires_at"), at("idle_expires_at"),
		})
		if len(entry) != 9 {
			w.t.Errorf("an entry tells more, or less, than it should: %v", entry)
		}
	}
	return all
}

// device is a browser that says it is something, and is signed in as alice.
func (w *world) device(userAgent string) *browser {
	w.t.Helper()
	b := newBrowser(w.t)
	b.header.Set("User-Agent", userAgent)
	w.signIn(b)
	w.zitadel.Advance(minute)
	return b
}

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

// alone fails unless exactly these browsers are signed in.
func (w *world) alone(signedIn map[string]*browser, out map[string]*browser) {
	w.t.Helper()
	for name, b := range signedIn {
		if status, _ := w.session(b); status != http.StatusOK {
			w.t.Errorf("%s: %d, want signed in", name, status)
		}
	}
	for name, b := range out {
		if status, _ := w.session(b); status != http.StatusUnauthorized {
			w.t.Errorf("%s: %d, want signed out", name, status)
		}
	}
}

// twoReplicas puts two processes behind the address, and returns what lets the
// next request go to the other one.
func (w *world) twoReplicas() (other func()) {
	front := w.server.Config.Handler.(*swapHandler)
	here, there := front.current, w.handler()
	return func() {
		here, there = there, here
		front.swap(here)
	}
}

// A user sees where they are signed in, by words that they know, and nobody else's.
func TestSessionsOfAUser(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	laptop := w.device(firefox)
	phone := w.device(iphone)
	bob := newBrowser(t)
	bob.open(w.auth + "/login?return_to=" + w.app + "/").fill(map[string]string{"loginName": "bob"}).fill(map[string]string{"password": password})

	of := w.places(laptop)
	if len(of) != 2 {
		t.Fatalf("alice is told of %d sessions: %v", len(of), of)
	}
	newest, oldest := of[0], of[1]
	if newest.Browser != "Safari" || newest.System != "iPhone" || newest.Current {
		t.Errorf("the phone: %+v", newest)
	}
	if oldest.Browser != "Firefox" || oldest.System != "Linux" || !oldest.Current || oldest.Address != "127.0.0.1" {
		t.Errorf("the laptop: %+v", oldest)
	}
	if !newest.CreatedAt.After(oldest.CreatedAt) || oldest.LastUsedAt.Before(oldest.CreatedAt) ||
		oldest.ExpiresAt.Sub(oldest.CreatedAt) != 12*time.Hour || !oldest.IdleExpiresAt.Before(oldest.ExpiresAt) {
		t.Errorf("times: %+v", oldest)
	}
	if of := w.places(bob); len(of) != 1 || of[0].Handle == newest.Handle || of[0].Handle == oldest.Handle {
		t.Errorf("bob is told of %v", of)
	}
	body := w.script(laptop, "GET", "/sessions").body
	for name, secret := range w.heldFor(laptop).secrets {
		if strings.Contains(body, secret) {
			t.Errorf("the list holds the %s", name)
		}
	}
	// A poll keeps nobody signed in.
	w.zitadel.Advance(30 * minute)
	polled := w.script(laptop, "GET", "/sessions?slide=false")
	w.zitadel.Advance(31 * minute)
	w.alone(nil, map[string]*browser{"laptop": laptop, "phone": phone})
	if polled.status != http.StatusOK {
		t.Errorf("the poll: %d", polled.status)
	}
}

// One place is signed out from another: at once on all replicas, with what could
// sign in again there, and nobody else.
func TestEndOneSession(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	laptop, phone := w.device(firefox), w.device(iphone)
	bob := newBrowser(t)
	bob.open(w.auth + "/login?return_to=" + w.app + "/").fill(map[string]string{"loginName": "bob"}).fill(map[string]string{"password": password})
	other := w.twoReplicas()
	lost, theirs := w.places(phone)[0].Handle, w.places(bob)[0].Handle
	for _, handle := range []string{theirs, "none", lost + "x", strings.ToUpper(lost), "%00", "*"} {
		w.script(laptop, "DELETE", "/sessions/"+handle).problem(w, http.StatusNotFound)
	}
	w.alone(map[string]*browser{"laptop": laptop, "phone": phone, "bob": bob}, nil)
	w.zitadel.ResetCalls()
	if got := w.script(laptop, "DELETE", "/sessions/"+lost); got.status != http.StatusNoContent || got.body != "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	other()
	w.alone(map[string]*browser{"laptop": laptop, "bob": bob}, map[string]*browser{"phone": phone})
	w.told(revoked, deleted)
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions, want the laptop's", n)
	}
	// Whoever has the phone has to type a password again.
	phone.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/password")
	w.script(laptop, "DELETE", "/sessions/"+lost).problem(w, http.StatusNotFound)
}

// To end one's own session is to sign out.
func TestEndOwnSession(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	w.zitadel.ResetCalls()
	got := w.script(b, "DELETE", "/sessions/"+w.places(b)[0].Handle)
	if got.status != http.StatusNoContent || got.header.Get("Clear-Site-Data") != `"cache", "storage"` || b.cookie(w.auth, "__Secure-torhaus") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	w.told(revoked, deleted)
	if n := w.live(w.alice); n != 0 {
		t.Errorf("%d ZITADEL sessions", n)
	}
	b.open(w.authorizeURL("")).at("/loginname")
}

// A ZITADEL session is kept while another session of the user rests on it: a
// browser that lost one cookie of two still has it.
func TestEndOneOfTwoOnOneZitadelSession(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	lost := w.places(b)[0].Handle
	w.loseSessionCookie(b)
	b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/inbox")
	if n := len(w.places(b)); n != 2 || w.live(w.alice) != 1 {
		t.Fatalf("%d sessions on %d ZITADEL sessions: this test proves nothing", n, w.live(w.alice))
	}
	w.zitadel.ResetCalls()
	if got := w.script(b, "DELETE", "/sessions/"+lost); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.told(revoked)
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions, want the one that is in use", n)
	}
	w.alone(map[string]*browser{"here": b}, nil)
}

// loseSessionCookie has the browser forget the session's cookie, and no other.
func (w *world) loseSessionCookie(b *browser) {
	w.t.Helper()
	u, err := url.Parse(w.auth)
	w.must(err)
	b.jar.SetCookies(u, []*http.Cookie{{Name: "__Secure-torhaus", Path: "/", Domain: "example.localhost", MaxAge: -1, Secure: true}})
	if b.cookie(w.auth, "__Secure-torhaus") != "" {
		w.t.Fatal("the cookie is still there")
	}
}

// Everywhere else: all other places, and what other clients were signed in with.
func TestEndOtherSessions(t *testing.T) {
	w := newWorld(t)
	laptop, phone := w.device(firefox), w.device(iphone)
	elsewhere := newBrowser(t)
	elsewhere.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
	if n := w.live(w.alice); n != 3 {
		t.Fatalf("%d ZITADEL sessions before", n)
	}
	other := w.twoReplicas()
	w.zitadel.ResetCalls()
	if got := w.script(laptop, "DELETE", "/sessions"); got.status != http.StatusNoContent {
		t.Fatalf("%d %s", got.status, got.body)
	}
	other()
	w.alone(map[string]*browser{"laptop": laptop}, map[string]*browser{"phone": phone})
	w.told(revoked, deleted)
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions after, want the laptop's", n)
	}
	elsewhere.open(w.authorizeURL("")).at("/password")
	if of := w.places(laptop); len(of) != 1 || !of[0].Current {
		t.Errorf("left: %v", of)
	}
}

// Whoever ends the others keeps the ZITADEL session that their own rests on, also
// if that has been replaced and nobody has noticed yet.
func TestEndOtherSessionsAfterAReplacement(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	ours, theirs := w.inTwoTabs(b)
	ours()
	before := w.sid(b)
	theirs()
	if w.sid(b) == before {
		t.Fatal("the ZITADEL session was not replaced, so this test proves nothing")
	}
	if got := w.script(b, "DELETE", "/sessions"); got.status != http.StatusNoContent {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.zitadel.Advance(11 * minute)
	w.alone(map[string]*browser{"here": b}, nil)
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions, want the one that is in use", n)
	}
}

// ZITADEL may be down: here it ends all the same, and soon enough.
func TestEndSessionsWhileZitadelFails(t *testing.T) {
	for name, fault := range map[string]zitadeltest.Fault{"down": {Drop: true}, "hanging": {Delay: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			laptop, phone := w.device(firefox), w.device(iphone)
			w.zitadel.Fault(fault)
			if got := w.script(laptop, "DELETE", "/sessions"); got.status != http.StatusNoContent {
				t.Errorf("%d %s", got.status, got.body)
			}
			w.settle() // before it is back: it is told behind the answer's back
			w.zitadel.ClearFaults()
			w.alone(map[string]*browser{"laptop": laptop}, map[string]*browser{"phone": phone})
			if !strings.Contains(w.log(), "ZITADEL was not told of an end") {
				t.Error("the log does not say so")
			}
		})
	}
}

// Words for devices: what most people use is named, the rest is not guessed at.
func TestDevices(t *testing.T) {
	w := newWorld(t)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                                 "Chrome, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0":                   "Edge, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                           "Safari, macOS",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":             "Samsung Internet, Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0.7204.119 Mobile/15E148 Safari/604.1": "Chrome, iPhone",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                                  "Chrome, ChromeOS",
		"curl/8.14.1":            "curl, ",
		"":                       ", ",
		strings.Repeat("x", 300): ", ",
	} {
		w.zitadel.Advance(10 * minute)
		b := w.device(agent)
		found := false
		for _, p := range w.places(b) {
			if p.Current {
				found = true
				if got := p.Browser + ", " + p.System; got != want {
					t.Errorf("%.60q: %q, want %q", agent, got, want)
				}
			}
		}
		if !found {
			t.Errorf("%.60q: the current one is not listed", agent)
		}
	}
}
