package handlers_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"torhaus/handlers"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// asked is what an endpoint says of the session.
func (a answer) asked(w *world) map[string]any {
	w.t.Helper()
	var said map[string]any
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &said) != nil {
		w.t.Fatalf("%d %s", a.status, a.body)
	}
	return said
}

// An app that has changed something has it take effect at once, in all its pages.
func TestRefreshNow(t *testing.T) {
	w := newWorld(t, askingForRoles)
	b, other := newBrowser(t), w.twoReplicas()
	w.signIn(b)
	before := w.script(b, "GET", "/session").asked(w)
	s := w.listen(b)
	w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", "editor")
	w.zitadel.Rename(w.alice, "Alice Renamed")
	if said := w.script(b, "GET", "/session").asked(w); said["name"] != before["name"] {
		t.Fatalf("it has taken effect by itself, so this test proves nothing: %v", said)
	}
	other()
	w.zitadel.Advance(minute)
	said := w.script(b, "POST", "/session/refresh").asked(w)
	if roles, _ := said["roles"].([]any); said["name"] != "Alice Renamed" || len(roles) != 1 || roles[0] != "editor" || said["refresh_at"] == before["refresh_at"] {
		t.Errorf("refreshed: %v", said)
	}
	if event := s.next(); event != "refreshed" {
		t.Errorf("told %q", event)
	}
	other()
	if again := w.script(b, "GET", "/session").asked(w); asJSON(t, again["roles"]) != asJSON(t, said["roles"]) {
		t.Errorf("the other replica says %v", again)
	}
	if n := w.zitadel.RefreshTokens(w.alice); n != 1 {
		t.Errorf("%d refresh tokens could be used", n)
	}
}

// Who may not go on is told so: 401, and the session has ended.
func TestRefreshNowOfTheLocked(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.LockUser(w.alice)
	got := w.script(b, "POST", "/session/refresh")
	got.problem(w, http.StatusUnauthorized)
	if got.header.Get("WWW-Authenticate") == "" || got.header.Get("Set-Cookie") != "" {
		t.Errorf("%v", got.header)
	}
	w.zitadel.ReactivateUser(w.alice)
	w.alone(nil, map[string]*browser{"alice": b})
}

// A ZITADEL that is down signs nobody out, and is no success.
func TestRefreshNowWhileZitadelIsDown(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Fault(zitadeltest.Fault{Drop: true})
	got := w.script(b, "POST", "/session/refresh")
	got.problem(w, http.StatusServiceUnavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("503 without a time")
	}
	w.alone(map[string]*browser{"alice": b}, nil)
	w.zitadel.ClearFaults()
	w.script(b, "POST", "/session/refresh").asked(w)
}

// Asked for again and again, or by many pages at once, it costs ZITADEL little.
func TestRefreshNowIsBounded(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.ResetCalls()
	statuses := map[int]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			got := w.script(b.twin(), "POST", "/session/refresh")
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	group.Wait()
	if statuses[http.StatusOK] != 5 || statuses[http.StatusTooManyRequests] != 15 {
		t.Errorf("answered %v, want five of twenty served", statuses)
	}
	refreshes := 0
	for _, call := range w.calls() {
		if call == "POST /oauth/v2/token" {
			refreshes++
		}
	}
	if refreshes < 1 || refreshes > 5 {
		t.Errorf("%d token calls", refreshes)
	}
	got := w.script(b, "POST", "/session/refresh")
	got.problem(w, http.StatusTooManyRequests)
	if got.header.Get("Retry-After") == "" {
		t.Error("429 without a time")
	}
	w.alone(map[string]*browser{"alice": b}, nil)
	if n := w.zitadel.RefreshTokens(w.alice); n != 1 {
		t.Errorf("%d refresh tokens could be used", n)
	}
}

// A session without a refresh token is checked, and that is all.
func TestRefreshNowWithoutARefreshToken(t *testing.T) {
	w := newWorld(t, func(w *world, c *handlers.Config) {
		c.Zitadel = w.clientWith(func(c *zitadelclient.Config) { c.OIDC.Scopes = []string{"openid", "profile", "email"} })
	})
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Rename(w.alice, "Alice Renamed")
	if said := w.script(b, "POST", "/session/refresh").asked(w); said["name"] != "Alice Renamed" || said["refresh_at"] != nil {
		t.Errorf("refreshed: %v", said)
	}
	w.zitadel.LockUser(w.alice)
	w.script(b, "POST", "/session/refresh").problem(w, http.StatusUnauthorized)
}
