package handlers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/session/redistest"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// replica is one process of several over one store. A test can kill it.
type replica struct {
	http.Handler
	h     *handlers.Handlers
	store *mortal
}

// mortal is the way of one replica to the store that all have in common.
type mortal struct {
	session.Store
	dead atomic.Bool
	// diesAt are the kinds of keys that the replica still writes to, one after the
	// other; at the last one it is killed.
	diesAt []string
	// fails are what becomes of the next writes to tokens: true does them and says
	// that they failed, false does nothing and says so.
	fails []bool
	// briefLocks has its locks end soon, as if the time had passed: the clock of a
	// real Redis cannot be moved.
	briefLocks bool
}

// Swap writes, and is where a replica dies: the goroutine ends as in a process
// that was killed, deferred calls find a dead store, and nobody is told.
func (m *mortal) Swap(ctx context.Context, key string, from, to []byte, ttl time.Duration) error {
	if m.dead.Load() {
		return session.ErrUnavailable
	}
	if len(m.diesAt) > 0 && strings.HasPrefix(key, "test:"+m.diesAt[0]+":") {
		if m.diesAt = m.diesAt[1:]; len(m.diesAt) == 0 {
			m.dead.Store(true)
			runtime.Goexit()
		}
	}
	if len(m.fails) > 0 && strings.HasPrefix(key, "test:t:") {
		done := m.fails[0]
		if m.fails = m.fails[1:]; done {
			_ = m.Store.Swap(ctx, key, from, to, ttl)
		}
		return session.ErrUnavailable
	}
	if m.briefLocks && strings.HasPrefix(key, "test:l:") && to != nil {
		ttl = 50 * time.Millisecond
	}
	return m.Store.Swap(ctx, key, from, to, ttl)
}

// Get reads, unless the replica is dead.
func (m *mortal) Get(ctx context.Context, key string) ([]byte, error) {
	if m.dead.Load() {
		return nil, session.ErrUnavailable
	}
	return m.Store.Get(ctx, key)
}

// overStores runs a test with two replicas over the memory store, and again over
// a real Redis. Alice is signed in and remembered in the browser.
func overStores(t *testing.T, test func(*testing.T, *fleet)) {
	t.Run("memory", func(t *testing.T) { test(t, newFleet(t, nil)) })
	t.Run("Redis", func(t *testing.T) { test(t, newFleet(t, openRedis(t, redistest.Start(t).URL()))) })
}

// fleet is a world with two replicas over one store, and a browser that is signed
// in and has nothing but its session cookie.
type fleet struct {
	*world
	a, b    *replica
	first   *handlers.Handlers // of the process that browsers reach
	browser *browser
	cookie  string
}

func newFleet(t *testing.T, store session.Store) *fleet {
	t.Helper()
	f := &fleet{browser: newBrowser(t)}
	f.world = newWorld(t, func(w *world, _ *handlers.Config) {
		if store != nil {
			w.store = store
		}
	})
	f.first = f.last
	f.a, f.b = f.replica(), f.replica()
	f.signInRemembered(f.browser)
	f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
	f.ask(f.a, http.StatusOK)
	f.zitadel.ResetCalls()
	return f
}

// replica starts another process over the same store.
func (f *fleet) replica(options ...func(*world, *handlers.Config)) *replica {
	f.t.Helper()
	shared := f.store
	r := &replica{store: &mortal{Store: shared}}
	f.store = r.store // which handler makes the manager of
	r.Handler = f.handler(options...)
	r.h = f.last
	f.store = shared
	return r
}

// hasty replaces the replicas by ones that do not wait long for ZITADEL.
func (f *fleet) hasty() {
	f.t.Helper()
	client := f.clientWith(func(c *zitadelclient.Config) { c.CallTimeout = impatience })
	hasty := func(_ *world, c *handlers.Config) { c.Zitadel = client }
	f.a, f.b = f.replica(hasty), f.replica(hasty)
}

// impatientApps replaces the replicas by ones where no app's request waits for a
// check.
func (f *fleet) impatientApps() {
	f.t.Helper()
	impatient := func(_ *world, c *handlers.Config) { c.Patience = time.Millisecond }
	f.a, f.b = f.replica(impatient), f.replica(impatient)
}

// signInRemembered signs alice in to the app, to stay signed in.
func (w *world) signInRemembered(b *browser) *page {
	w.t.Helper()
	return b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname").
		fill(map[string]string{"loginName": "alice@example.com", "remember": "on"}).at("/password").
		fill(map[string]string{"password": password, "remember": "on"}).at("/inbox")
}

// request is the app's question, with the session cookie and nothing else.
func (f *fleet) request(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, f.auth+"/session", nil)
	r.Header.Set("Origin", f.app)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: f.cookie})
	return r
}

// ask asks a replica who is signed in.
func (f *fleet) ask(r *replica, want int) *httptest.ResponseRecorder {
	f.t.Helper()
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, f.request(f.t.Context()))
	if answer.Code != want {
		f.t.Errorf("GET /session: %d, want %d: %s", answer.Code, want, answer.Body)
	}
	if cookies := answer.Header()["Set-Cookie"]; len(cookies) > 0 {
		f.t.Errorf("GET /session sets %v", cookies)
	}
	if want == http.StatusServiceUnavailable && answer.Header().Get("Retry-After") == "" {
		f.t.Error("503 without Retry-After")
	}
	return answer
}

// crowd has many ask both replicas at once. What it returns waits for them, and
// counts the answers by status.
func (f *fleet) crowd(ctx context.Context, n int) (answers func() map[int]int) {
	var group sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	for i := range n {
		group.Go(func() {
			answer := httptest.NewRecorder()
			[]*replica{f.a, f.b}[i%2].ServeHTTP(answer, f.request(ctx))
			mu.Lock()
			defer mu.Unlock()
			if answer.Body.Len() > 0 { // nothing is written for a browser that has left
				counts[answer.Code]++
			}
		})
	}
	return func() map[int]int {
		group.Wait()
		return counts
	}
}

// holdRefresh has the next refresh wait until let go: as with a ZITADEL that is
// slow. held returns when one is waiting.
func (f *fleet) holdRefresh() (held, letGo func()) {
	return f.hold(zitadeltest.Fault{Grant: "refresh_token"})
}

// hold has what the fault matches wait until let go.
func (w *world) hold(fault zitadeltest.Fault) (held, letGo func()) {
	until := make(chan struct{})
	fault.Until = until
	w.zitadel.Fault(fault)
	letGo = sync.OnceFunc(func() { close(until) })
	w.t.Cleanup(letGo)
	return func() {
		w.t.Helper()
		for w.zitadel.Held() == 0 {
			w.must(w.t.Context().Err())
			runtime.Gosched()
		}
	}, letGo
}

// settle waits until nothing is under way on the replicas that live.
func (f *fleet) settle() {
	f.t.Helper()
	f.must(f.first.Close())
	for _, r := range []*replica{f.a, f.b} {
		f.must(r.h.Close())
	}
	f.a, f.b = f.replica(), f.replica()
}

// refreshes are the answers that refreshes were given since the last reset.
func (f *fleet) refreshes() (statuses []int) {
	for _, call := range f.zitadel.Calls() {
		if call.Grant == "refresh_token" {
			statuses = append(statuses, call.Status)
		}
	}
	return statuses
}

// route counts the calls of one route since the last reset.
func (f *fleet) route(route string) (n int) {
	for _, call := range f.zitadel.Calls() {
		if call.Route == route {
			n++
		}
	}
	return n
}

// Access tokens live for twelve hours.
const (
	refreshDue  = 11 * time.Hour
	tokensEnded = 13 * time.Hour
)
