package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// recheckDue is a little more than the ten minutes after which a session in use is
// checked.
const recheckDue = 10*minute + second

// What ends a session at ZITADEL ends ours: at the next request after the next
// check, on every replica, tokens and all.
func TestRecheckEndsSessions(t *testing.T) {
	for name, change := range map[string]func(*fleet){
		"a terminated ZITADEL session": func(f *fleet) { f.zitadel.TerminateSessions(f.alice) },
		"an expired ZITADEL session":   func(f *fleet) { f.zitadel.ExpireSessions(f.alice) },
		"a locked user":                func(f *fleet) { f.zitadel.LockUser(f.alice) },
		"a deactivated user":           func(f *fleet) { f.zitadel.DeactivateUser(f.alice) },
		"a deleted user":               func(f *fleet) { f.zitadel.DeleteUser(f.alice) },
		"a deactivated organization": func(f *fleet) {
			f.zitadel.DeactivateOrganization(f.zitadel.DefaultOrganization())
		},
		"a changed password": func(f *fleet) { f.changePassword() },
	} {
		t.Run(name, func(t *testing.T) {
			overStores(t, func(t *testing.T, f *fleet) {
				change(f)
				f.zitadel.Advance(9 * minute)
				f.ask(f.a, http.StatusOK) // not looked at yet
				f.zitadel.Advance(recheckDue - 9*minute)
				f.ask(f.a, http.StatusUnauthorized)
				f.ask(f.b, http.StatusUnauthorized)
				f.settle()
				if n := f.zitadel.RefreshTokens(f.alice); n != 0 {
					t.Errorf("%d refresh tokens could still be used", n)
				}
				if sessions, err := f.manager().Sessions(t.Context(), f.alice); err != nil || len(sessions) != 0 {
					t.Errorf("sessions left: %v, %v", sessions, err)
				}
				if !strings.Contains(f.log(), `"session ended","reason":"session: ended: the`) {
					t.Error("the log does not say why")
				}
			})
		})
	}
}

// changePassword is done elsewhere: in ZITADEL's console, by an administrator.
func (f *fleet) changePassword() {
	f.t.Helper()
	proof, err := zitadelclient.CurrentPassword(password)
	f.must(err)
	f.must(f.client.SetPassword(f.t.Context(), f.alice, "Password2!", proof))
}

// The same at a refresh, before ZITADEL is asked for tokens: it would give some.
func TestRefreshEndsSessions(t *testing.T) {
	for name, change := range map[string]func(*fleet){
		"a terminated ZITADEL session": func(f *fleet) { f.zitadel.TerminateSessions(f.alice) },
		"a deactivated organization": func(f *fleet) {
			f.zitadel.DeactivateOrganization(f.zitadel.DefaultOrganization())
		},
		"a changed password": func(f *fleet) { f.changePassword() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, nil)
			f.neverRechecks()
			change(f)
			f.zitadel.Advance(tokensEnded)
			f.ask(f.a, http.StatusUnauthorized)
			if n := len(f.refreshes()); n != 0 {
				t.Errorf("%d refreshes", n)
			}
		})
	}
}

// neverRechecks has alice sign in where sessions are checked at refreshes alone.
func (f *fleet) neverRechecks() {
	f.t.Helper()
	manager, err := session.NewManager(session.Config{
		Store: f.store, Keys: session.Keys{f.key}, Environment: "test", CookieDomain: "example.localhost",
		Recheck: 1000 * time.Hour, Now: f.now,
	})
	f.must(err)
	rare := func(_ *world, c *handlers.Config) { c.Sessions = manager }
	f.a = f.replica(rare)
	f.server.Config.Handler.(*swapHandler).swap(f.a.Handler)
	f.browser = newBrowser(f.t)
	f.signInRemembered(f.browser)
	f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
	f.zitadel.ResetCalls()
}

// One check for a hundred requests over two replicas, and none until the next is
// due.
func TestOneCheckForAHundredRequests(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		for range 3 {
			f.zitadel.Advance(recheckDue)
			f.zitadel.ResetCalls()
			for range 2 {
				if got := f.crowd(t.Context(), 100)(); got[http.StatusOK] != 100 {
					t.Errorf("answers %v", got)
				}
			}
			for _, route := range []string{"GET /v2/sessions/{id}", "GET /v2/users/{id}", "POST /v2/organizations/_search"} {
				if n := f.route(route); n != 1 {
					t.Errorf("%s: %d times for one check", route, n)
				}
			}
		}
	})
}

// A ZITADEL that hangs costs nobody their session, and a request no more than a
// moment.
func TestCheckThatHangs(t *testing.T) {
	f := newFleet(t, nil)
	f.impatientApps()
	f.zitadel.Advance(recheckDue)
	held, letGo := f.hold(zitadeltest.Fault{})
	f.ask(f.a, http.StatusOK)
	held()
	f.ask(f.b, http.StatusOK)
	f.zitadel.ClearFaults()
	letGo()
	f.settle()
	f.ask(f.b, http.StatusOK)
}

// What the check finds is what the app is told.
func TestCheckBringsTheUser(t *testing.T) {
	f := newFleet(t, nil)
	f.zitadel.Rename(f.alice, "Alice Married")
	f.zitadel.Advance(recheckDue)
	if body := f.ask(f.a, http.StatusOK).Body.String(); !strings.Contains(body, `"name":"Alice Married"`) {
		t.Errorf("the app is told %s", body)
	}
}

// A session that began without a password cares for no password.
func TestChangedPasswordOfAPasskeyUser(t *testing.T) {
	f := newFleet(t, nil)
	a := zitadeltest.NewAuthenticator()
	f.zitadel.AddPasskey(f.alice, "example.localhost", a)
	f.browser = newBrowser(t)
	f.browser.open(f.auth+"/login?return_to="+f.app+"/inbox").fill(map[string]string{"loginName": "alice"}).at("/passkey").
		key(a, f.auth, false).at("/inbox")
	f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
	f.changePassword()
	f.zitadel.Advance(recheckDue)
	f.ask(f.a, http.StatusOK)
}

// Two tabs sign the same user in, each with a ZITADEL session of its own, and the
// second replaces the first. Our session goes on with the one that is left.
func TestReplacedZitadelSession(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.browser = newBrowser(t)
		ours, theirs := f.inTwoTabs(f.browser)
		ours()
		f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
		before, _ := f.stored()
		theirs()
		// What would be offered at a sign-in is nothing to be asked for in silence.
		f.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = time.Hour })
		f.zitadel.Advance(recheckDue)
		f.ask(f.a, http.StatusOK)
		f.ask(f.b, http.StatusOK)
		f.settle()
		own, _ := f.stored()
		if own.ZitadelSession == before.ZitadelSession || own.Handle != before.Handle {
			t.Error("the session does not stand on the ZITADEL session that is left")
		}
		if n := f.zitadel.RefreshTokens(f.alice); n != 2 {
			t.Errorf("%d refresh tokens could be used, want one of each browser", n)
		}
		_, err := f.manager().EndZitadelSession(t.Context(), own.Issuer, own.ZitadelSession)
		f.must(err)
		f.ask(f.a, http.StatusUnauthorized)
	})
}

// A password that is changed at torhaus leaves the session signed in that changed
// it, whenever it is checked, and ends the others.
func TestChangedPasswordHere(t *testing.T) {
	f := newFleet(t, nil)
	other := newBrowser(t)
	f.signInRemembered(other)
	f.browser.open(f.auth + "/password/change").at("/password/change").fill(map[string]string{
		"current": password, "password": "Password2!",
	}).at("/signedin")
	f.zitadel.Advance(recheckDue)
	f.ask(f.a, http.StatusOK)
	if status, _ := f.world.session(other); status != http.StatusUnauthorized {
		t.Errorf("the other browser: %d", status)
	}
}

// A check in the very moment between the change and the new password's first use
// waits, and signs nobody out.
func TestCheckInTheMiddleOfAChange(t *testing.T) {
	f := newFleet(t, nil)
	f.impatientApps()
	page := f.browser.open(f.auth + "/password/change").at("/password/change")
	f.zitadel.Advance(recheckDue)
	held, letGo := f.hold(zitadeltest.Fault{Method: "PATCH", Path: "/v2/sessions", Times: 1})
	changed := make(chan string)
	go func() {
		changed <- page.fill(map[string]string{"current": password, "password": "Password2!"}).url.Path
	}()
	held()
	f.ask(f.a, http.StatusOK)
	letGo()
	if path := <-changed; path != "/signedin" {
		t.Errorf("the change ended at %s", path)
	}
	f.settle()
	f.ask(f.b, http.StatusOK)
}

// A check that ends after a refresh takes nothing of it back.
func TestSlowCheckKeepsNewTokens(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.impatientApps()
		f.zitadel.Advance(recheckDue)
		held, letGo := f.hold(zitadeltest.Fault{Method: "GET", Path: "/v2/users", Times: 1})
		f.ask(f.a, http.StatusOK)
		held()
		f.zitadel.Advance(refreshDue)
		f.ask(f.a, http.StatusOK) // waits for the check no more than the last one, and refreshes
		refreshed, _ := f.stored()
		for len(f.refreshes()) == 0 || refreshed.TokensEnd.Before(f.now().Add(10*time.Hour)) {
			f.must(t.Context().Err())
			refreshed, _ = f.stored()
		}
		letGo()
		f.settle()
		own, tokens := f.stored()
		if own.TokensEnd != tokens.Expires || own.Refresh != refreshed.Refresh {
			t.Errorf("tokens until %v, said to end %v and to be refreshed %v", tokens.Expires, own.TokensEnd, own.Refresh)
		}
	})
}

// Without offline_access there is nothing to refresh: a session lives on checks,
// as long as it may.
func TestSessionWithoutRefreshToken(t *testing.T) {
	w := newWorld(t, func(w *world, c *handlers.Config) {
		c.Zitadel = w.clientWith(func(c *zitadelclient.Config) { c.OIDC.Scopes = []string{"openid"} })
	})
	b := newBrowser(t)
	w.signInRemembered(b)
	w.zitadel.Advance(2 * tokensEnded)
	status, answer := w.session(b)
	for _, when := range []string{"refresh_at", "tokens_expire_at"} {
		if at, told := answer[when]; status != http.StatusOK || !told || at != nil {
			t.Errorf("GET /session: %d, %s is %v", status, when, at)
		}
	}
	w.zitadel.LockUser(w.alice)
	w.zitadel.Advance(recheckDue)
	if status, _ := w.session(b); status != http.StatusUnauthorized {
		t.Errorf("GET /session of a locked user: %d", status)
	}
}
