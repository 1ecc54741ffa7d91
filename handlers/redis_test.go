package handlers_test

import (
	"net/http"
	"testing"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/session/redistest"
)

// onRedis puts a world's sessions into a Redis.
func onRedis(url string) func(*world, *handlers.Config) {
	return func(w *world, _ *handlers.Config) { w.store = openRedis(w.t, url) }
}

func openRedis(t *testing.T, url string) session.Store {
	t.Helper()
	store, err := session.NewRedis(session.RedisConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// What is wrong with Redis, and what visitors see of it: who is signed in, and who
// wants to. Nobody is signed out but by what is no more there or cannot be read,
// and nothing needs a restart of ours.
func TestRedisTrouble(t *testing.T) {
	type seen struct{ session, signIn int }
	const fine, unknown, nobody = http.StatusOK, http.StatusServiceUnavailable, http.StatusUnauthorized
	for name, test := range map[string]struct {
		begin, end    func(*redistest.Server)
		during, after seen
	}{
		"gone, then restarted": {(*redistest.Server).Kill, (*redistest.Server).Restart, seen{unknown, unknown}, seen{fine, fine}},
		"paused":               {(*redistest.Server).Freeze, (*redistest.Server).Thaw, seen{unknown, unknown}, seen{fine, fine}},
		"full": {
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") },
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "0") },
			seen{fine, unknown}, seen{fine, fine},
		},
		"a replica": {
			func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") },
			func(s *redistest.Server) { s.Do("REPLICAOF", "NO", "ONE") },
			seen{fine, unknown}, seen{fine, fine},
		},
		"under another password": {
			func(s *redistest.Server) {
				s.Do("ACL", "SETUSER", "somebody", "on", "nopass", "~*", "+@all")
				s.Do("ACL", "SETUSER", "default", "-@all", "+acl")
			},
			func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "+@all") },
			seen{unknown, unknown}, seen{fine, fine},
		},
		"flushed": {func(s *redistest.Server) { s.Do("FLUSHALL") }, nothing, seen{nobody, fine}, seen{nobody, fine}},
		"full of junk": {func(s *redistest.Server) {
			s.Spoil(func(string) []any { return []any{"SET", "\x01junk\x00\xff{}"} })
		}, nothing, seen{nobody, fine}, seen{nobody, fine}},
		"full of other types": {func(s *redistest.Server) {
			s.Spoil(func(string) []any { return []any{"RPUSH", "x", "y"} })
		}, nothing, seen{nobody, fine}, seen{nobody, fine}},
		"cut short": {func(s *redistest.Server) {
			s.Spoil(func(value string) []any { return []any{"SET", value[:len(value)/2]} })
		}, nothing, seen{nobody, fine}, seen{nobody, fine}},
		"of another release": {func(s *redistest.Server) {
			s.Spoil(func(value string) []any { return []any{"SET", "\x07" + value[min(len(value), 1):]} })
		}, nothing, seen{nobody, fine}, seen{nobody, fine}},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			w := newWorld(t, onRedis(server.URL()))
			b := newBrowser(t)
			w.signIn(b)
			look := func() seen {
				answer, _ := w.whoIs(b)
				if len(answer.Header["Set-Cookie"]) > 0 || (answer.StatusCode == unknown) != (answer.Header.Get("Retry-After") != "") {
					t.Errorf("GET /session: %d %v", answer.StatusCode, answer.Header)
				}
				proxy, took := w.mayPass(b)
				if proxy.StatusCode == unknown {
					calm(t, "/auth", proxy, took)
				}
				if again, _ := w.whoIs(b); again.StatusCode == answer.StatusCode && proxy.StatusCode != answer.StatusCode {
					t.Errorf("a proxy is told %d, an app %d", proxy.StatusCode, answer.StatusCode)
				}
				page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox")
				if page.status == unknown {
					page.saying("does not answer right now")
				}
				return seen{answer.StatusCode, page.status}
			}
			form := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
			test.begin(server)
			typed := form.fill(map[string]string{"loginName": "alice"})
			if got := look(); got != test.during {
				t.Errorf("meanwhile %+v, want %+v", got, test.during)
			}
			test.end(server)
			redistest.Until(t, "all to be well again", func() bool { return look() == test.after })
			if test.during.signIn == unknown { // what was typed is sent by a button
				typed.with(unknown).fill(nil, "submit-button").at("/password")
			}
			if test.after.session == fine {
				b = newBrowser(t)
			}
			w.signIn(b)
			if status, _ := w.session(b); status != fine {
				t.Errorf("GET /session after signing in: %d", status)
			}
		})
	}
}

func nothing(*redistest.Server) {}

// A Redis that is full takes nothing, and gives up what it has: whoever wants to
// leave can. One that writes nothing says so, and nobody is told that they left.
func TestSignOutWhileRedisTakesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		begin []any
		leave bool
	}{
		"full":      {[]any{"CONFIG", "SET", "maxmemory", "1"}, true},
		"a replica": {[]any{"REPLICAOF", "127.0.0.1", "1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			w := newWorld(t, onRedis(server.URL()))
			b := newBrowser(t)
			w.signIn(b)
			page := b.open(w.auth + "/logout")
			server.Do(test.begin...)
			want, live := http.StatusOK, 1
			if test.leave {
				page.fill(nil).at("/logout/done")
				want, live = http.StatusUnauthorized, 0
			} else {
				page.fill(nil).with(http.StatusServiceUnavailable)
			}
			if status, _ := w.session(b); status != want {
				t.Errorf("GET /session after signing out: %d, want %d", status, want)
			}
			if n := w.live(w.alice); n != live {
				t.Errorf("%d ZITADEL sessions after, want %d", n, live)
			}
		})
	}
}
