package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"torhaus/session/redistest"
)

// TestStrangersCostRedisNothing: whoever has no session can ask as often as they want,
// with whatever cookie. Redis is written nothing for it, and without a cookie that
// could be one it is not even asked; a cookie is set for nobody.
func TestStrangersCostRedisNothing(t *testing.T) {
	server := redistest.Start(t)
	w := newWorld(t, onRedis(server.URL()))
	gone := newBrowser(t)
	w.signIn(gone)
	ended := "__Secure-torhaus=" + gone.cookie(w.auth, "__Secure-torhaus")
	gone.open(w.auth + "/logout").fill(nil)
	w.settle()
	ask := func(cookie string) {
		t.Helper()
		for _, e := range endpoints {
			got := w.script(newBrowser(t), e.method, e.path, "Cookie", cookie)
			if got.status != http.StatusUnauthorized || got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s with %.40q: %d %v", e.method, e.path, cookie, got.status, got.header)
			}
		}
		for _, kind := range proxies {
			q := w.questionOf(kind, nil, question{header: fetched()})
			if cookie != "" {
				q.Header.Set("Cookie", cookie)
			}
			if got := serve(w.last.ForwardAuth(), q); got.StatusCode != http.StatusUnauthorized || got.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %.40q: %d %v", kind, cookie, got.StatusCode, got.Header)
			}
		}
	}
	server.Do("CONFIG", "RESETSTAT")
	for range 50 {
		ask("")
		ask("__Secure-torhaus=")
		ask("__Secure-torhaus=v1.garbage")
		ask(ended + "; " + ended)
	}
	for command, n := range server.Calls() {
		if command == "get" || command == "set" || strings.HasPrefix(command, "eval") {
			t.Errorf("Redis was asked to %s %d times for nobody", command, n)
		}
	}
	ask(ended)
	ask("__Secure-torhaus=v1." + strings.Repeat("A", 43))
	calls := server.Calls()
	if calls["get"] == 0 {
		t.Error("Redis was not asked for a session that could be one: this test looks in the wrong place")
	}
	for _, command := range []string{"set", "del", "eval", "evalsha", "zadd", "pexpire"} {
		if n := calls[command]; n > 0 {
			t.Errorf("%s, %d times, for whoever is not signed in", command, n)
		}
	}
}
