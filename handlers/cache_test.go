package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
)

// cached gives a replica a near cache, and sessions a clock that stands still but
// for the test.
func cached(now *time.Time) func(*world, *handlers.Config) {
	return func(w *world, c *handlers.Config) {
		c.Sessions = w.sessions(func(s *session.Config) {
			s.Cache, s.Now = session.MaxCache, func() time.Time { return *now }
		})
	}
}

// With a near cache an app may be told for a second who was there. No sign-in rests
// on it, and whoever signs out at the same replica is out when that is answered.
func TestNearCache(t *testing.T) {
	f := newFleet(t, nil)
	now := f.now()
	near := f.replica(cached(&now))
	f.ask(near, http.StatusOK)
	_, err := f.manager().EndSessions(t.Context(), f.alice)
	f.must(err)
	f.ask(f.b, http.StatusUnauthorized)
	f.ask(near, http.StatusOK)
	f.passes(near, http.StatusOK)
	now = now.Add(session.MaxCache - 1)
	f.passes(near, http.StatusOK)
	answer := f.visits(near, http.MethodGet, "/login?return_to="+url.QueryEscape(f.app+"/inbox"))
	if location := answer.Header().Get("Location"); !strings.HasPrefix(location, "/loginname") {
		t.Errorf("a sign-in that rests on the cache goes to %q", location)
	}
	f.gone(near) // which that sign-in has found out

	f.browser.open(f.auth + "/login?return_to=" + f.app + "/inbox").at("/inbox")
	f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
	f.ask(near, http.StatusOK)
	_, err = f.manager().EndSessions(t.Context(), f.alice)
	f.must(err)
	f.ask(near, http.StatusOK)
	now = now.Add(session.MaxCache)
	f.gone(near)
}

// Whichever way a session ends at a replica, that replica says so from when this is
// answered, to apps and to proxies.
func TestNearCacheForgetsAtOnce(t *testing.T) {
	for name, end := range map[string]func(f *fleet, near *replica, own, other string) (status, want int){
		"sign-out": func(f *fleet, near *replica, _, _ string) (int, int) {
			return f.visits(near, http.MethodPost, "/logout").Code, http.StatusSeeOther
		},
		"back-channel logout": func(f *fleet, near *replica, _, _ string) (int, int) {
			held, _ := f.stored()
			return f.delivers(near, f.token(held.ZitadelSession)).Code, http.StatusOK
		},
		"here": func(f *fleet, near *replica, own, _ string) (int, int) {
			return f.sends(near, f.cookie, http.MethodDelete, "/sessions/"+own).Code, http.StatusNoContent
		},
		"from another place": func(f *fleet, near *replica, own, other string) (int, int) {
			return f.sends(near, other, http.MethodDelete, "/sessions/"+own).Code, http.StatusNoContent
		},
		"everywhere else": func(f *fleet, near *replica, _, other string) (int, int) {
			return f.sends(near, other, http.MethodDelete, "/sessions").Code, http.StatusNoContent
		},
		"a refresh that is refused": func(f *fleet, near *replica, _, _ string) (int, int) {
			f.zitadel.LockUser(f.alice)
			return f.sends(near, f.cookie, http.MethodPost, "/session/refresh").Code, http.StatusUnauthorized
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, nil)
			now := f.now()
			near := f.replica(cached(&now))
			held, _ := f.stored()
			elsewhere := newBrowser(t)
			f.signIn(elsewhere)
			f.ask(near, http.StatusOK)
			f.passes(near, http.StatusOK)
			if status, want := end(f, near, held.Handle, elsewhere.cookie(f.auth, "__Secure-torhaus")); status != want {
				t.Fatalf("it was answered by %d, want %d", status, want)
			}
			f.gone(near)
		})
	}
}

// What a refresh brings is what the same replica tells, from when it is answered.
func TestNearCacheTellsWhatIsRefreshed(t *testing.T) {
	f := newFleet(t, nil)
	now := f.now()
	near := f.replica(cached(&now))
	tells := func(when, name, encoded string) {
		t.Helper()
		if body := f.ask(near, http.StatusOK).Body.String(); !strings.Contains(body, `"name":"`+name+`"`) {
			t.Errorf("%s: GET /session: %s", when, body)
		}
		if got := f.passes(near, http.StatusOK).Header.Get("X-Auth-Name"); got != encoded {
			t.Errorf("%s: a proxy is told of %q", when, got)
		}
	}
	tells("before", "Alice Example", "Alice Example")
	f.zitadel.Rename(f.alice, "Alice Renamed")
	tells("renamed", "Alice Example", "Alice Example")
	if answer := f.sends(near, f.cookie, http.MethodPost, "/session/refresh"); answer.Code != http.StatusOK {
		t.Fatalf("POST /session/refresh: %d %s", answer.Code, answer.Body)
	}
	tells("refreshed", "Alice Renamed", "Alice Renamed")
}

// gone fails unless a replica says to an app and to a proxy that nobody is there.
func (f *fleet) gone(r *replica) {
	f.t.Helper()
	f.ask(r, http.StatusUnauthorized)
	f.passes(r, http.StatusUnauthorized)
}

// passes is a proxy's question to a replica, with the session's cookie alone.
func (f *fleet) passes(r *replica, want int) *http.Response {
	f.t.Helper()
	q := f.questionOf("caddy", nil, question{header: fetched()})
	q.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: f.cookie})
	response := serve(r.h.ForwardAuth(), q)
	lawful(f.t, response)
	if response.StatusCode != want {
		f.t.Errorf("/auth: %d, want %d", response.StatusCode, want)
	}
	return response
}

// sends is an app's script that calls an endpoint of a replica.
func (f *fleet) sends(r *replica, cookie, method, path string) *httptest.ResponseRecorder {
	f.t.Helper()
	request := httptest.NewRequestWithContext(f.t.Context(), method, f.auth+path, nil)
	request.Header.Set("Origin", f.app)
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Site", "same-site")
	request.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: cookie})
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, request)
	return answer
}

// delivers sends a logout token to a replica.
func (f *fleet) delivers(r *replica, token string) *httptest.ResponseRecorder {
	f.t.Helper()
	form := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	request := httptest.NewRequestWithContext(f.t.Context(), http.MethodPost, f.auth+"/backchannel-logout", form)
	request.Header.Set("Content-Type", formType)
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, request)
	return answer
}

// visits navigates to a page of a replica, with the session's cookie alone.
func (f *fleet) visits(r *replica, method, path string) *httptest.ResponseRecorder {
	f.t.Helper()
	request := httptest.NewRequestWithContext(f.t.Context(), method, f.auth+path, nil)
	request.Header.Set("Origin", f.auth)
	request.Header.Set("Sec-Fetch-Mode", "navigate")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: f.cookie})
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, request)
	return answer
}
