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
	answer := f.visits(near, http.MethodGet, "/login?return_to="+url.QueryEscape(f.app+"/inbox"))
	if location := answer.Header().Get("Location"); !strings.HasPrefix(location, "/loginname") {
		t.Errorf("a sign-in that rests on the cache goes to %q", location)
	}
	now = now.Add(session.MaxCache)
	f.ask(near, http.StatusUnauthorized)

	f.browser.open(f.auth + "/login?return_to=" + f.app + "/inbox").at("/inbox")
	f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
	f.ask(near, http.StatusOK)
	if answer := f.visits(near, http.MethodPost, "/logout"); answer.Code != http.StatusSeeOther {
		t.Fatalf("POST /logout: %d", answer.Code)
	}
	f.ask(near, http.StatusUnauthorized)
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
