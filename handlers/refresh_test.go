package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"torhaus/session"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// A hundred requests over two replicas, while ZITADEL takes its time and gives
// another refresh token: one call, and everybody is answered meanwhile, since the
// access token is still good.
func TestOneRefreshForAHundredRequests(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.zitadel.Advance(refreshDue)
		held, letGo := f.holdRefresh()
		answers := f.crowd(t.Context(), 100)
		held()
		if got := answers(); got[http.StatusOK] != 100 { // though nothing has been let go
			t.Errorf("answers %v", got)
		}
		letGo()
		f.settle()
		if got := f.refreshes(); !slices.Equal(got, []int{200}) {
			t.Errorf("refreshes answered with %v, want one 200", got)
		}
		f.goesOn()
	})
}

// The same when the access token has ended: everybody waits for the one call.
func TestEverybodyWaitsForTheRefresh(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.zitadel.Advance(tokensEnded)
		held, letGo := f.holdRefresh()
		answers := f.crowd(t.Context(), 100)
		held()
		letGo()
		if got := answers(); got[http.StatusOK] != 100 {
			t.Errorf("answers %v", got)
		}
		f.settle()
		if got := f.refreshes(); !slices.Equal(got, []int{200}) {
			t.Errorf("refreshes answered with %v, want one 200", got)
		}
		f.goesOn()
	})
}

// The same when every browser drops the connection in the middle: what ZITADEL
// answers is kept all the same.
func TestRefreshOutlivesTheBrowsers(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.zitadel.Advance(tokensEnded)
		held, letGo := f.holdRefresh()
		ctx, leave := context.WithCancel(t.Context())
		answers := f.crowd(ctx, 100)
		held()
		leave()
		if got := answers(); len(got) != 0 {
			t.Errorf("answers %v before there were tokens", got)
		}
		letGo()
		f.settle()
		if got := f.refreshes(); !slices.Equal(got, []int{200}) {
			t.Errorf("refreshes answered with %v, want one 200", got)
		}
		f.goesOn()
	})
}

// goesOn fails unless both replicas know the session, and go on with tokens that
// ZITADEL takes: nothing is refreshed, and nothing had to be healed.
func (f *fleet) goesOn() {
	f.t.Helper()
	before := len(f.refreshes())
	f.ask(f.a, http.StatusOK)
	f.ask(f.b, http.StatusOK)
	f.settle()
	if n := len(f.refreshes()); n != before {
		f.t.Errorf("%d more refreshes", n-before)
	}
	if n := f.route("POST /v2/oidc/auth_requests/{id}"); n != 0 {
		f.t.Errorf("tokens were minted anew %d times", n)
	}
	f.holdsGoodTokens()
}

// holdsGoodTokens fails unless the one refresh token that ZITADEL would take is
// the one that is stored.
func (f *fleet) holdsGoodTokens() {
	f.t.Helper()
	if n := f.zitadel.RefreshTokens(f.alice); n != 1 {
		f.t.Errorf("%d refresh tokens of alice could be used, want 1", n)
	}
	f.storedTokensWork()
}

// storedTokensWork uses the stored refresh token up.
func (f *fleet) storedTokensWork() {
	f.t.Helper()
	own, tokens := f.stored()
	_, err := f.client.Refresh(f.t.Context(), tokens.RefreshToken, zitadelclient.IDClaims{Subject: own.Subject, SessionID: own.ZitadelSession})
	if err != nil {
		f.t.Errorf("the stored refresh token: %v", err)
	}
}

// stored reads the session and its tokens.
func (f *fleet) stored() (*session.Session, session.TokenSet) {
	f.t.Helper()
	manager := f.manager()
	own, err := manager.Peek(f.t.Context(), f.request(f.t.Context()))
	f.must(err)
	tokens, err := manager.Tokens(f.t.Context(), own)
	f.must(err)
	return own, tokens
}

// manager sees what the replicas see.
func (w *world) manager() *session.Manager {
	w.t.Helper()
	manager, err := session.NewManager(session.Config{
		Store: w.store, Keys: session.Keys{w.key}, Environment: "test", CookieDomain: "example.localhost", Now: w.now,
	})
	w.must(err)
	return manager
}

// The replica that refreshes is killed between ZITADEL's answer and the store. The
// refresh token that is stored was used up by it; the session goes on all the
// same, by the account, although the request that finds out has no accounts cookie.
func TestReplicaDiesInTheMiddle(t *testing.T) {
	for name, age := range map[string]time.Duration{"with a good access token": refreshDue, "with none": tokensEnded} {
		t.Run(name, func(t *testing.T) {
			overStores(t, func(t *testing.T, f *fleet) {
				f.zitadel.Advance(age)
				f.a.store.diesAt, f.a.store.briefLocks = []string{"t"}, true
				f.dies(f.a)
				f.zitadel.Advance(second)
				f.ask(f.b, http.StatusOK)
				for len(f.refreshes()) < 2 { // it waits for the dead one's lock
					f.must(t.Context().Err())
					runtime.Gosched()
				}
				f.a = f.b // whoever is killed does not answer
				f.settle()
				if got := f.refreshes(); !slices.Equal(got, []int{200, 400}) {
					t.Errorf("refreshes answered with %v, want one by each replica", got)
				}
				f.zitadel.ResetCalls()
				f.ask(f.a, http.StatusOK)
				f.ask(f.b, http.StatusOK)
				if calls := f.calls(); len(calls) > 0 {
					t.Errorf("after the healing: %v", calls)
				}
				own, tokens := f.stored()
				if tokens.Expires.Before(f.now().Add(11*time.Hour)) || own.TokensEnd != tokens.Expires {
					t.Errorf("tokens until %v, said to end %v", tokens.Expires, own.TokensEnd)
				}
			})
		})
	}
}

// A replica that is killed a moment later, with the tokens stored and not yet
// noted: the next finds them, and refreshes nothing.
func TestReplicaDiesAfterTheTokens(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.zitadel.Advance(tokensEnded)
		f.a.store.diesAt, f.a.store.briefLocks = []string{"s", "t", "s"}, true // first the check
		f.dies(f.a)
		f.zitadel.Advance(second)
		f.a = f.b
		f.goesOn()
		if got := f.refreshes(); !slices.Equal(got, []int{200, 200}) { // one by goesOn
			t.Errorf("refreshes answered with %v", got)
		}
	})
}

// A replica that is slower than its lock finds its refresh token used up by
// another, and takes what that one has stored.
func TestSlowerThanTheLock(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		f.zitadel.Advance(tokensEnded)
		f.a.store.briefLocks = true
		held, letGo := f.hold(zitadeltest.Fault{Grant: "refresh_token", Times: 1})
		slow := make(chan int)
		go func() {
			answer := httptest.NewRecorder()
			f.a.ServeHTTP(answer, f.request(t.Context()))
			slow <- answer.Code
		}()
		held()
		f.zitadel.Advance(second)
		f.ask(f.b, http.StatusOK)
		letGo()
		if status := <-slow; status != http.StatusOK {
			t.Errorf("the slow one: %d", status)
		}
		if got := f.refreshes(); !slices.Equal(got, []int{200, 400}) {
			t.Errorf("refreshes answered with %v", got)
		}
		f.goesOn()
	})
}

// A store that fails between ZITADEL's answer and the write is tried again, whether
// or not it has done what it did not say.
func TestStoreFailsInTheMiddle(t *testing.T) {
	for name, fails := range map[string][]bool{"not done": {false, false}, "done and not told": {true}} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, nil)
			f.zitadel.Advance(tokensEnded)
			f.a.store.fails = fails
			f.ask(f.a, http.StatusOK)
			f.goesOn()
		})
	}
}

// dies asks a replica that is killed on the way, and stops asking.
func (f *fleet) dies(r *replica) {
	f.t.Helper()
	ctx, leave := context.WithCancel(f.t.Context())
	defer leave()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		r.ServeHTTP(httptest.NewRecorder(), f.request(ctx))
	}()
	for !r.store.dead.Load() {
		f.must(f.t.Context().Err())
		time.Sleep(time.Millisecond) // polling a process, not waiting for consistency
	}
	leave()
	<-answered
}

// The gate is asked before a session is healed: nobody goes on with less than a
// sign-in of now would take.
func TestHealingAsksTheGate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*fleet)
		want   int
	}{
		"nothing has changed":          {func(*fleet) {}, http.StatusOK},
		"a second factor is there now": {func(f *fleet) { f.zitadel.AddTOTP(f.alice) }, http.StatusUnauthorized},
		"policy forces one": {func(f *fleet) {
			f.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
		}, http.StatusUnauthorized},
		"the check of the password is too old": {func(f *fleet) {
			f.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.PasswordCheckLifetime = time.Hour })
		}, http.StatusUnauthorized},
		"a factor is merely offered": {func(f *fleet) {
			f.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = time.Hour })
		}, http.StatusOK},
		"the account was taken off the browser": {func(f *fleet) {
			b := *f.browser
			cookies := b.jar.Cookies(f.request(f.t.Context()).URL)
			r := httptest.NewRequest(http.MethodGet, f.auth, nil)
			for _, c := range cookies {
				r.AddCookie(c)
			}
			own, _ := f.stored()
			f.must(f.manager().ForgetAccount(f.t.Context(), httptest.NewRecorder(), r, own.ZitadelSession))
		}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, nil)
			f.zitadel.Advance(tokensEnded)
			f.loseRotation()
			test.change(f)
			f.ask(f.a, test.want)
			f.ask(f.b, test.want)
		})
	}
}

// loseRotation uses up the stored refresh token, as a replica does that is killed.
func (f *fleet) loseRotation() {
	f.t.Helper()
	own, tokens := f.stored()
	_, err := f.client.Refresh(f.t.Context(), tokens.RefreshToken, zitadelclient.IDClaims{Subject: own.Subject, SessionID: own.ZitadelSession})
	f.must(err)
}

// The accounts of a browser move at every sign-in, to another client as well. A
// session finds them where they are.
func TestHealingFollowsTheAccounts(t *testing.T) {
	overStores(t, func(t *testing.T, f *fleet) {
		for range 3 {
			f.browser.open(f.authorizeURL("&prompt=login")).at("/password").
				fill(map[string]string{"password": password, "remember": "on"}).at("/cb")
			f.zitadel.Advance(2 * minute) // what the old cookie led to is gone
		}
		f.zitadel.Advance(tokensEnded)
		f.loseRotation()
		f.ask(f.a, http.StatusOK)
		f.storedTokensWork()
	})
}

// Whatever ZITADEL's trouble is, nobody is signed out: with good tokens nothing
// shows, without it is 503, and when it is over the session goes on.
func TestTroubleSignsNobodyOut(t *testing.T) {
	all := func(f zitadeltest.Fault) []zitadeltest.Fault {
		token := f
		token.Grant = "refresh_token"
		return []zitadeltest.Fault{f, token}
	}
	for name, faults := range map[string][]zitadeltest.Fault{
		"down":               all(zitadeltest.Fault{Drop: true}),
		"failing":            all(zitadeltest.Fault{Status: 500, Body: `{"error":"server_error"}`}),
		"starting":           all(zitadeltest.Fault{Status: 503, Body: `{"code":14}`}),
		"throttling":         all(zitadeltest.Fault{Status: 429, Body: `{"code":8}`}),
		"hanging":            all(zitadeltest.Fault{Delay: endless, Status: 504}),
		"garbage":            all(zitadeltest.Fault{Garbage: true}),
		"HTML":               all(zitadeltest.Fault{Status: 400, Body: "<html>bad request"}),
		"another client":     {{Grant: "refresh_token", Status: 400, Body: `{"error":"invalid_client"}`}},
		"unauthorized":       {{Grant: "refresh_token", Status: 401, Body: `{"error":"invalid_client"}`}},
		"a wrong scope":      {{Grant: "refresh_token", Status: 400, Body: `{"error":"invalid_scope"}`}},
		"losing its answers": {{Grant: "refresh_token", Lost: true}},
		"answering too late": {{Grant: "refresh_token", Late: true, Until: make(chan struct{})}},
		"a lost role":        {{Path: "/v2/", Status: 404, Body: `{"code":5,"details":[{"id":"AUTHZ-cdgFk"}]}`}},
		"a lost host":        {{Path: "/v2/", Status: 404, Body: `{"code":5}`}},
	} {
		for _, fault := range faults {
			t.Run(name+" "+fault.Grant, func(t *testing.T) {
				f := newFleet(t, nil)
				f.hasty()
				f.zitadel.Advance(refreshDue)
				f.zitadel.Fault(fault)
				f.ask(f.a, http.StatusOK)
				f.zitadel.Advance(tokensEnded - refreshDue)
				f.ask(f.a, http.StatusServiceUnavailable)
				f.ask(f.b, http.StatusServiceUnavailable) // not even another try: it is too early
				f.zitadel.ClearFaults()
				f.a, f.b = f.replica(), f.replica() // no hurry any more
				f.zitadel.Advance(minute)
				f.ask(f.b, http.StatusOK)
				f.ask(f.a, http.StatusOK)
			})
		}
	}
}

// A try that came to nothing is followed by the next after twice the time, once
// for all replicas: an outage is not made worse by those who wait for its end.
func TestTriesBackOff(t *testing.T) {
	f := newFleet(t, nil)
	f.zitadel.Advance(tokensEnded)
	f.zitadel.Fault(zitadeltest.Fault{Grant: "refresh_token", Status: 503})
	var tries []int
	for range 6 { // minutes
		before := len(f.refreshes())
		for range 60 {
			f.crowd(t.Context(), 4)()
			f.zitadel.Advance(second)
		}
		tries = append(tries, len(f.refreshes())-before)
	}
	if tries[0] < 3 || tries[0] > 6 || slices.Max(tries[1:]) > 3 || slices.Min(tries[1:]) < 1 {
		t.Errorf("tries in each minute: %v", tries)
	}
}

// An answer that does not say what it is about signs nobody in as somebody else,
// and nobody out: its tokens are revoked, and the account gets others.
func TestRefreshedForSomebodyElse(t *testing.T) {
	for _, claim := range []string{"sub", "sid", "iss"} {
		t.Run(claim, func(t *testing.T) {
			f := newFleet(t, nil)
			f.zitadel.Advance(tokensEnded)
			f.zitadel.TamperIDTokens(func(claims map[string]any) { claims[claim] = "400000000000000000" })
			f.ask(f.a, http.StatusServiceUnavailable)
			if n := f.zitadel.RefreshTokens(f.alice); n != 0 {
				t.Errorf("%d refresh tokens are left that nobody has", n)
			}
			f.zitadel.TamperIDTokens(nil)
			f.zitadel.Advance(minute)
			f.ask(f.b, http.StatusOK)
			f.holdsGoodTokens()
		})
	}
}

// A sign-out does not wait for a refresh, and what the refresh brings is revoked:
// the session stays ended, also where ZITADEL has given new tokens already and the
// sign-out cannot know them.
func TestSignOutDuringARefresh(t *testing.T) {
	for name, late := range map[string]bool{"before ZITADEL looks at it": false, "while the answer is on its way": true} {
		t.Run(name, func(t *testing.T) {
			overStores(t, func(t *testing.T, f *fleet) {
				f.zitadel.Advance(tokensEnded)
				held, letGo := f.hold(zitadeltest.Fault{Grant: "refresh_token", Late: late})
				answers := f.crowd(t.Context(), 10)
				held()
				f.browser.open(f.auth + "/logout").fill(nil).at("/logout/done")
				if f.zitadel.Held() == 0 {
					t.Error("the sign-out waited for the refresh")
				}
				f.ask(f.a, http.StatusUnauthorized)
				letGo()
				if got := answers(); got[http.StatusUnauthorized] != 10 {
					t.Errorf("answers %v, want 401 for all", got)
				}
				f.settle()
				f.ask(f.a, http.StatusUnauthorized)
				f.ask(f.b, http.StatusUnauthorized)
				if n := f.zitadel.RefreshTokens(f.alice); n != 0 {
					t.Errorf("%d refresh tokens could still be used", n)
				}
			})
		})
	}
}

// A sign-in that takes the place of a session ends what that one held.
func TestReplacedTokensAreRevoked(t *testing.T) {
	f := newFleet(t, nil)
	f.browser.open(f.auth + "/login?prompt=login&return_to=" + f.app + "/again").at("/password").
		fill(map[string]string{"password": password}).at("/again")
	f.must(f.first.Close()) // what is told ZITADEL after the answer
	if n := f.zitadel.RefreshTokens(f.alice); n != 1 {
		t.Errorf("%d refresh tokens could be used, want that of the new session", n)
	}
	f.ask(f.a, http.StatusUnauthorized)
}

// Roles are those of the newest ID token.
func TestRefreshBringsRoles(t *testing.T) {
	w := newWorld(t, askingForRoles)
	b := newBrowser(t)
	w.signInRemembered(b)
	w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", "editor")
	w.zitadel.Advance(tokensEnded)
	if _, answer := w.session(b); !slices.Equal(answer["roles"].([]any), []any{"editor"}) {
		t.Errorf("roles %v", answer["roles"])
	}
}

// The app is told when the session ends, and when torhaus refreshes next.
func TestSessionTellsTheNextRefresh(t *testing.T) {
	f := newFleet(t, nil)
	own, _ := f.stored()
	var answer struct {
		RefreshAt time.Time `json:"refresh_at"`
	}
	f.must(json.Unmarshal(f.ask(f.a, http.StatusOK).Body.Bytes(), &answer))
	if !answer.RefreshAt.Equal(own.Refresh) || answer.RefreshAt.Before(f.now().Add(9*time.Hour)) {
		t.Errorf("refresh at %v, want %v", answer.RefreshAt, own.Refresh)
	}
}

// Nothing due costs ZITADEL nothing.
func TestNothingDueAsksNothing(t *testing.T) {
	f := newFleet(t, nil)
	f.zitadel.Advance(9 * minute)
	f.crowd(t.Context(), 20)()
	if calls := f.calls(); len(calls) > 0 {
		t.Errorf("calls %v", calls)
	}
}
