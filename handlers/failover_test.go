package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session/redistest"
)

// bearable bounds how long anybody waits for a Redis that hangs. The second that is
// promised is what is waited for Redis itself; the rest is for a machine that does
// something else, too.
const bearable = 3 * time.Second

// calm fails unless an answer says, within a second, that nobody can tell: with
// when to come back, and no word about a cookie.
func calm(t *testing.T, what string, answer *http.Response, took time.Duration) {
	t.Helper()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || len(answer.Header["Set-Cookie"]) > 0 {
		t.Errorf("%s: %d %v", what, answer.StatusCode, answer.Header)
	}
	if took > bearable {
		t.Errorf("%s: answered after %v", what, took)
	}
}

// whoIs is a page of the app that asks who is there, timed.
func (w *world) whoIs(b *browser) (answer *http.Response, took time.Duration) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.auth+"/session", nil)
	w.must(err)
	r.Header.Set("Origin", w.app)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	began := time.Now()
	answer, err = b.client.Do(r)
	w.must(err)
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer, time.Since(began)
}

// mayPass is a proxy's question for a browser, timed.
func (w *world) mayPass(b *browser) (answer *http.Response, took time.Duration) {
	w.t.Helper()
	q := w.questionOf("caddy", b, question{header: fetched()})
	began := time.Now()
	answer = serve(w.last.ForwardAuth(), q)
	lawful(w.t, answer)
	return answer, time.Since(began)
}

// A Redis that hangs costs each of a crowd of visitors less than a second, and
// leaves nothing of them behind. When it goes on, everybody is still signed in.
func TestFailoverHang(t *testing.T) {
	server := redistest.Start(t)
	w := newWorld(t, onRedis(server.URL()))
	b := newBrowser(t)
	w.signIn(b)
	before := runtime.NumGoroutine()
	server.Freeze()
	var crowd sync.WaitGroup
	for range 200 {
		crowd.Go(func() {
			answer, took := w.whoIs(b)
			calm(t, "GET /session", answer, took)
		})
		crowd.Go(func() {
			answer, took := w.mayPass(b)
			calm(t, "/auth", answer, took)
		})
	}
	crowd.Wait()
	redistest.Until(t, "the requests to leave nothing behind", func() bool { return runtime.NumGoroutine() <= before+20 })
	began := time.Now()
	answer := b.do(http.MethodGet, w.auth+"/readyz", nil)
	_ = answer.Body.Close()
	if took := time.Since(began); answer.StatusCode != http.StatusServiceUnavailable || took > bearable {
		t.Errorf("GET /readyz: %d after %v", answer.StatusCode, took)
	}
	server.Thaw()
	redistest.Until(t, "Redis to answer", func() bool {
		answer, _ := w.whoIs(b)
		return answer.StatusCode == http.StatusOK
	})
	redistest.Until(t, "proxies to be told", func() bool {
		answer, _ := w.mayPass(b)
		return answer.StatusCode == http.StatusOK
	})
}

// Whoever waits for new tokens when Redis begins to hang is told as soon as anybody
// else, and not when ZITADEL has answered. The tokens are kept, and nobody is signed
// out.
func TestFailoverHangDuringARefresh(t *testing.T) {
	for name, ask := range map[string]func(*world, *browser) (*http.Response, time.Duration){
		"GET /session": (*world).whoIs, "/auth": (*world).mayPass,
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			f := newFleet(t, openRedis(t, server.URL()))
			f.zitadel.Advance(tokensEnded)
			held, letGo := f.holdRefresh()
			told := make(chan struct{})
			go func() {
				defer close(told)
				answer, _ := ask(f.world, f.browser)
				calm(t, name, answer, 0)
			}()
			held()
			server.Freeze()
			<-told // though nothing has been let go
			letGo()
			server.Thaw()
			redistest.Until(t, "everybody to be known again", func() bool {
				answer, _ := ask(f.world, f.browser)
				return answer.StatusCode == http.StatusOK
			})
			f.settle()
			if got := f.refreshes(); !slices.Equal(got, []int{200}) {
				t.Errorf("refreshes answered with %v, want one 200", got)
			}
		})
	}
}

// hanging is a Redis that begins to hang at a certain operation.
type hanging struct {
	*redistest.Server
	left  atomic.Int32 // operations until then; 0 for never
	waits atomic.Int32 // operations that were waited for as long as it is done at most
}

// longWait tells an operation that was waited for from one that was given up soon.
const longWait = 250 * time.Millisecond

// newHangingWorld is a world on a Redis that hangs when it is told to.
func newHangingWorld(t *testing.T, options ...func(*world, *handlers.Config)) (*world, *hanging) {
	h := &hanging{Server: redistest.Start(t)}
	hangs := func(w *world, _ *handlers.Config) {
		w.store = &brokenStore{Store: w.store, before: func() {
			if h.left.Load() > 0 && h.left.Add(-1) == 0 {
				h.Freeze()
			}
		}, after: func(took time.Duration) {
			if took > longWait {
				h.waits.Add(1)
			}
		}}
	}
	return newWorld(t, append([]func(*world, *handlers.Config){onRedis(h.URL()), hangs}, options...)...), h
}

// A proxy's question that needs Redis twice after it began to hang (a use to be
// noted, and the tokens) waits for it once. Waiting twice takes a second at least;
// a machine that does something else may take that, too, but not every time.
func TestFailoverHangBehindAProxy(t *testing.T) {
	w, redis := newHangingWorld(t, rules(t, `{"token": {"token": true}}`))
	b := newBrowser(t)
	w.signIn(b)
	var took time.Duration
	for range 5 {
		w.zitadel.Advance(recheckDue)
		redistest.Until(t, "Redis to answer", func() bool {
			return w.ask("caddy", b, question{rule: "token", header: fetched()}).StatusCode == http.StatusOK
		})
		w.zitadel.Advance(7 * minute) // a use is to be noted
		redis.left.Store(2)
		began := time.Now()
		answer := w.ask("caddy", b, question{rule: "token", header: fetched()})
		took = time.Since(began)
		if redis.left.Load() != 0 {
			t.Fatal("no use was to be noted, so this test proves nothing")
		}
		calm(t, "/auth", answer, took)
		lawful(t, answer)
		redis.Thaw()
		if took < time.Second {
			return
		}
	}
	t.Errorf("a proxy waits for %v, however often it asks", took)
}

// follow goes where an answer leads.
func (w *world) follow(b *browser, answer *http.Response) *page {
	w.t.Helper()
	target, err := answer.Location()
	w.must(err)
	return b.open(target.String())
}

// Wherever in a request Redis begins to hang, the visitor waits for it once, less
// than a second; and when it goes on, the same form leads to where it leads.
func TestFailoverHangInTheMiddle(t *testing.T) {
	for name, test := range map[string]struct {
		begin func(*world, *browser) *page
		form  map[string]string
		end   string
	}{
		"login name": {func(w *world, b *browser) *page {
			return b.open(w.auth + "/login?return_to=" + w.app + "/inbox")
		}, map[string]string{"loginName": "alice"}, "/password"},
		"password": {func(w *world, b *browser) *page {
			return b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/password")
		}, map[string]string{"password": password}, "/inbox"},
		"sign-out": {func(w *world, b *browser) *page {
			w.signIn(b)
			return b.open(w.auth + "/logout")
		}, nil, "/logout/done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, redis := newHangingWorld(t)
			for operation := int32(1); ; operation++ {
				redis.Do("FLUSHALL") // no limit is used up, and nobody is signed in
				page := test.begin(w, newBrowser(t))
				method, action, form := page.form(test.form)
				redis.waits.Store(0)
				redis.left.Store(operation)
				began := time.Now()
				answer := page.b.do(method, action, form)
				took := time.Since(began)
				_ = answer.Body.Close()
				if redis.left.Load() > 0 { // it never did
					w.follow(page.b, answer).at(test.end)
					t.Logf("%d operations", operation-redis.left.Load())
					return
				}
				if waits := redis.waits.Load(); waits > 1 {
					t.Errorf("Redis hangs at operation %d: it is waited for %d times", operation, waits)
				}
				if took > bearable || answer.StatusCode >= 500 && answer.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("Redis hangs at operation %d: %d after %v", operation, answer.StatusCode, took)
				}
				redis.Thaw()
				if answer.StatusCode == http.StatusSeeOther { // done before
					w.follow(page.b, answer).at(test.end)
					continue
				}
				page.fill(test.form).at(test.end)
			}
		})
	}
}

// A master that is lost is asked in vain until another has taken its place, and
// nobody is signed out meanwhile or afterwards.
func TestFailoverToAnotherMaster(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (url string, lose func() (found func())){
		"sentinel": func(t *testing.T) (string, func() func()) {
			servers := redistest.StartSentinels(t)
			return servers.URL(), func() func() {
				servers.WaitInSync()
				master := servers.Master()
				master.Kill()
				return func() { servers.WaitForOther(master) }
			}
		},
		"cluster": func(t *testing.T) (string, func() func()) {
			cluster := redistest.StartCluster(t, 3, true)
			return cluster.URL(), func() func() {
				cluster.WaitReady()
				master := cluster.Servers[0]
				for _, other := range cluster.Servers[:3] {
					if len(other.Do("KEYS", "test:s:*").([]any)) > 0 {
						master = other
					}
				}
				master.Kill()
				return func() { cluster.WaitForOther(master) }
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, lose := start(t)
			w := newWorld(t, onRedis(url))
			browsers := make([]*browser, 6)
			for i := range browsers {
				browsers[i] = newBrowser(t)
				w.signIn(browsers[i])
			}
			look := func() (unknown int) {
				for i, b := range browsers {
					answer, took := w.whoIs(b)
					if answer.StatusCode != http.StatusOK {
						unknown++
						calm(t, fmt.Sprintf("GET /session of browser %d", i), answer, took)
					}
				}
				return unknown
			}
			found := lose()
			if look() == 0 {
				t.Error("nobody was on the master that is gone")
			}
			// Most sessions of a cluster are well, and no other process is any better.
			ready := browsers[0].do(http.MethodGet, w.auth+"/readyz", nil)
			_ = ready.Body.Close()
			if name == "cluster" && ready.StatusCode != http.StatusOK {
				t.Errorf("GET /readyz: %d", ready.StatusCode)
			}
			found()
			redistest.Until(t, "everybody to be back", func() bool { return look() == 0 })
			w.signIn(newBrowser(t))
		})
	}
}
