package handlers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// settle waits until ZITADEL was told all that it shall be. What the processes have
// to tell it after that they tell before they answer.
func (w *world) settle() {
	w.t.Helper()
	for _, h := range w.all {
		w.must(h.Close())
	}
}

// live counts a user's ZITADEL sessions, when it has been told of those that ended.
func (w *world) live(userID string) int {
	w.t.Helper()
	w.settle()
	found, err := w.client.SearchSessions(w.t.Context(), zitadelclient.SessionQuery{UserID: userID})
	w.must(err)
	return len(found)
}

// told fails unless ZITADEL was told these things.
func (w *world) told(things ...string) {
	w.t.Helper()
	w.settle()
	calls := strings.Join(w.calls(), "\n")
	for _, thing := range things {
		if !strings.Contains(calls, thing) {
			w.t.Errorf("ZITADEL was not told %q:\n%s", thing, calls)
		}
	}
}

const revoked, deleted = "POST /oauth/v2/revoke", "DELETE /v2/sessions/"

// Another sign-in has put a second ZITADEL session of the user in the place of
// the one that ours came from: signing out ends both.
func TestSignOutEndsEverySessionOfTheUser(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.plantAccount(b, password)
	if n := w.live(w.alice); n != 2 {
		t.Fatalf("%d ZITADEL sessions before: this test proves nothing", n)
	}
	b.open(w.auth + "/logout").fill(nil).at("/logout/done")
	if n := w.live(w.alice); n != 0 {
		t.Errorf("%d ZITADEL sessions after", n)
	}
	b.open(w.authorizeURL("")).at("/loginname")
}

// Somebody else in the same browser stays signed in, and is not who is asked.
func TestSignOutLeavesOthers(t *testing.T) {
	w := newWorld(t)
	bob := w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Advance(minute)
	w.nameAnew(b, "bob").at("/password").fill(map[string]string{"password": password}).at("/cb")
	b.open(w.auth + "/logout").saying("Alice Example").fill(nil).at("/logout/done")
	if alice, bob := w.live(w.alice), w.live(bob); alice != 0 || bob != 1 {
		t.Errorf("ZITADEL sessions: alice has %d, bob %d, want 0 and 1", alice, bob)
	}
	b.open(w.authorizeURL("")).at("/cb")
}

// A visitor who signed in to other clients alone signs out of those.
func TestSignOutWithoutASessionOfOurs(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
	b.open(w.auth + "/logout").saying("Alice Example").fill(nil).at("/logout/done")
	if n := w.live(w.alice); n != 0 {
		t.Errorf("%d ZITADEL sessions after", n)
	}
}

// Signing out waits for nothing that ZITADEL has to say: it is done while ZITADEL holds
// every call back, and what was to be told arrives when it lets go.
func TestSignOutDoesNotWaitForZitadel(t *testing.T) {
	for _, action := range []string{"", "everywhere-button"} {
		f := newFleet(t, nil)
		ask := f.browser.open(f.auth + "/logout").at("/logout")
		f.zitadel.ResetCalls()
		_, letGo := f.hold(zitadeltest.Fault{})
		var button []string
		if action != "" {
			button = append(button, action)
		}
		ask.fill(nil, button...).at("/logout/done")
		f.ask(f.a, http.StatusUnauthorized)
		letGo()
		f.told(revoked, deleted)
		if n := f.live(f.alice); n != 0 || f.zitadel.RefreshTokens(f.alice) != 0 {
			t.Errorf("%q: %d ZITADEL sessions and %d refresh tokens after", action, n, f.zitadel.RefreshTokens(f.alice))
		}
	}
}

// Signing out is complete here, whatever ZITADEL does; what it can still be told
// it is told.
func TestSignOutWhileZitadelFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []zitadeltest.Fault
		told   []string
	}{
		{"down", []zitadeltest.Fault{{Drop: true}}, nil},
		{"failing", []zitadeltest.Fault{{Status: 500, Body: `{"code":13,"message":"internal"}`}}, nil},
		{"revocation hangs", []zitadeltest.Fault{{Path: "/oauth/v2/revoke", Delay: time.Hour}}, []string{deleted}},
		{"deletion hangs", []zitadeltest.Fault{{Method: "DELETE", Delay: time.Hour}}, []string{revoked}},
		{"all hangs", []zitadeltest.Fault{{Delay: time.Hour}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := newBrowser(t)
			w.signIn(b)
			ask := b.open(w.auth + "/logout").at("/logout")
			method, action, form := ask.form(nil)
			for _, fault := range test.faults {
				w.zitadel.Fault(fault)
			}
			w.zitadel.ResetCalls()
			response := b.do(method, action, form)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/logout/done" {
				t.Errorf("POST /logout: %d to %q", response.StatusCode, response.Header.Get("Location"))
			}
			w.told(test.told...)
			w.zitadel.ClearFaults()
			if status, _ := w.session(b); status != http.StatusUnauthorized {
				t.Errorf("GET /session afterwards: %d", status)
			}
			b.open(w.authorizeURL("")).at("/loginname")
		})
	}
}

// endingStore tells when something was deleted for the first time, and refuses
// whoever has left, as a store across a network does.
type endingStore struct {
	session.Store
	ended  func()
	broken bool
}

func (s *endingStore) Delete(ctx context.Context, keys ...string) error {
	if err := s.Store.Delete(ctx, keys...); err != nil || s.ended == nil {
		return err
	}
	s.ended()
	s.ended = nil
	return nil
}

func (s *endingStore) Get(ctx context.Context, key string) ([]byte, error) {
	switch {
	case s.broken:
		return nil, session.ErrUnavailable
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return s.Store.Get(ctx, key)
}

// endingWorld has somebody on the page that asks whether to sign out.
func endingWorld(t *testing.T) (*world, *endingStore, *page) {
	t.Helper()
	store := &endingStore{}
	w := newWorld(t, func(w *world, _ *handlers.Config) {
		store.Store = w.store
		w.store = store
	})
	b := newBrowser(t)
	w.signIn(b)
	ask := b.open(w.auth + "/logout").at("/logout")
	w.zitadel.ResetCalls()
	return w, store, ask
}

// A browser that leaves in the middle has signed out all the same: of us, and at
// ZITADEL.
func TestSignOutOfABrowserThatLeaves(t *testing.T) {
	w, store, ask := endingWorld(t)
	method, action, form := ask.form(nil)
	ctx, leave := context.WithCancel(t.Context())
	store.ended = leave
	r := httptest.NewRequestWithContext(ctx, method, action, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range ask.b.jar.Cookies(ask.url) {
		r.AddCookie(cookie)
	}
	w.server.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
	if ctx.Err() == nil {
		t.Fatal("the browser has not left: this test proves nothing")
	}
	w.told(revoked, deleted)
	if n := w.live(w.alice); n != 0 {
		t.Errorf("%d ZITADEL sessions after", n)
	}
	ask.b.open(w.authorizeURL("")).at("/loginname") // the account is forgotten, though no cookie was cleared
}

// A store that fails after our session has ended does not keep its refresh token
// alive.
func TestSignOutWhileTheStoreFails(t *testing.T) {
	w, store, ask := endingWorld(t)
	store.ended = func() { store.broken = true }
	ask.fill(nil).with(http.StatusServiceUnavailable)
	w.told(revoked, deleted)
	store.broken = false
	if status, _ := w.session(ask.b); status != http.StatusUnauthorized {
		t.Errorf("GET /session afterwards: %d", status)
	}
	if n := w.live(w.alice); n != 0 {
		t.Errorf("%d ZITADEL sessions after", n)
	}
}

// A stranger is not told that they are signed in, and has nothing to press.
func TestNobodyToSignOut(t *testing.T) {
	w := newWorld(t)
	for query, back := range map[string]string{
		"": w.app + "/",
		"?post_logout_redirect_uri=" + url.QueryEscape(w.app+"/bye"):                   w.app + "/bye",
		"?post_logout_redirect=" + url.QueryEscape("https://evil.example.org/"):        w.app + "/",
		"?post_logout_redirect_uri=" + url.QueryEscape("javascript:alert(document.x)"): w.app + "/",
	} {
		page := newBrowser(t).open(w.auth + "/logout" + query).with(http.StatusOK).saying("You are signed out")
		if !strings.Contains(page.body, `href="`+back+`"`) {
			t.Errorf("GET /logout%s: no way back to %s:\n%s", query, back, page.body)
		}
		if strings.Contains(page.body, "evil") || strings.Contains(page.body, "javascript:") {
			t.Errorf("GET /logout%s: the page has it:\n%s", query, page.body)
		}
	}
}

// Both spellings lead where the operator allows, and nowhere else.
func TestPostLogoutTargets(t *testing.T) {
	const listed = "https://bye.example.com"
	w := newWorld(t, func(_ *world, c *handlers.Config) { c.LogoutOrigins = append(c.LogoutOrigins, origin(t, listed)) })
	b := newBrowser(t)
	const done = "/logout/done"
	for _, test := range []struct{ target, want string }{
		{w.app + "/bye", w.app + "/bye"},
		{w.app + "/bye?a=b", w.app + "/bye?a=b"},
		{listed + "/done", listed + "/done"},
		{"", done},
		{"https://evil.example.org/", done},
		{"//evil.example.org/", done},
		{"/\\evil.example.org/", done},
		{"https:evil.example.org", done},
		{listed + ".evil.example.org/", done},
		{listed + ":8443/", done},
		{"http://bye.example.com/", done},
		{"https://bye.example.com@evil.example.org/", done},
		{"https://evil.example.org\\@bye.example.com/", done},
		{"javascript:alert(1)//" + listed, done},
		{" javascript:alert(1)", done},
		{"JaVaScRiPt:alert(1)", done},
		{"data:text/html,<script>alert(1)</script>", done},
		{"vbscript:x", done},
		{"blob:" + listed + "/x", done},
		{"file:///etc/passwd", done},
		{listed + "/\r\nSet-Cookie: a=b", done},
		{"bye", done},
		{"/bye", done},
	} {
		for _, spelling := range []string{"post_logout_redirect_uri", "post_logout_redirect"} {
			response := b.do(http.MethodPost, w.auth+"/logout", url.Values{spelling: {test.target}})
			_ = response.Body.Close()
			if got := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || got != test.want {
				t.Errorf("%s=%q: %d to %q, want %q", spelling, test.target, response.StatusCode, got, test.want)
			}
			if got := response.Header.Get("Clear-Site-Data"); got != `"cache", "storage"` {
				t.Errorf("Clear-Site-Data: %q", got)
			}
		}
	}
}

// With two cookies of a name it cannot be said who is signed in, nor that nobody
// is any more.
func TestSignOutWithTwoCookies(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	value := b.cookie(w.auth, "__Secure-torhaus")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, w.auth+"/logout", strings.NewReader(""))
		w.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Cookie", "__Secure-torhaus="+value+"; __Secure-torhaus=planted")
		response, err := b.client.Transport.RoundTrip(r)
		w.must(err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest || response.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s /logout: %d %v", method, response.StatusCode, response.Header["Set-Cookie"])
		}
	}
}
