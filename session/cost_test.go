package session

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// cost is what was said to Redis: each command is one write, and waits for one
// answer.
type cost struct{ trips, sent, received int64 }

// meter counts on the wire.
type meter struct{ trips, sent, received atomic.Int64 }

func (m *meter) read() cost { return cost{m.trips.Load(), m.sent.Load(), m.received.Load()} }

func (c cost) since(before cost) cost {
	return cost{c.trips - before.trips, c.sent - before.sent, c.received - before.received}
}

type meteredConn struct {
	net.Conn
	meter *meter
}

func (c meteredConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.meter.trips.Add(1)
	c.meter.sent.Add(int64(n))
	return n, err
}

func (c meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.meter.received.Add(int64(n))
	return n, err
}

// openMetered is a store whose connections are counted.
func openMetered(t testing.TB, server *redistest.Server) (*Redis, *meter) {
	t.Helper()
	options, err := redisOptions(RedisConfig{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{}
	options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, address)
		return meteredConn{conn, m}, err
	}
	store := newRedis(options, time.Minute)
	t.Cleanup(func() { _ = store.Close() })
	return store, m
}

// member is somebody's session, as long as anybody else's.
func member(i int) (Session, TokenSet) {
	s, tokens := alice()
	s.Subject, s.ZitadelSession = fmt.Sprintf("3465%014d", i), fmt.Sprintf("3466%014d", i)
	tokens.Expires = time.Now().Add(12 * time.Hour)
	return s, tokens
}

// begins starts somebody's session in a browser of its own.
func begins(t testing.TB, m *Manager, i int) *browser {
	t.Helper()
	b, w := newBrowser(), httptest.NewRecorder()
	s, tokens := member(i)
	if _, err := m.StartSession(context.Background(), w, b.request(), s, tokens); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	return b
}

// populate signs others in, up to a number.
func populate(t testing.TB, m *Manager, from, to int) {
	t.Helper()
	var all sync.WaitGroup
	for part := range 8 {
		all.Go(func() {
			for i := from + part; i < to; i += 8 {
				begins(t, m, i)
			}
		})
	}
	all.Wait()
}

// TestCost: a check of a session is one round trip, and with the near cache none.
// What anything costs is the same among a hundred sessions as among ten thousand.
func TestCost(t *testing.T) {
	server := redistest.Start(t)
	store, meter := openMetered(t, server)
	now, operator := time.Now(), testKeys(t, 1)
	with := func(store Store, cache time.Duration) *Manager {
		return testManager(t, store, func(c *Config) {
			c.Keys, c.Cache, c.Now = operator, cache, func() time.Time { return now } // nothing gets old
		})
	}
	m, others := with(store, 0), with(openPatient(t, server.URL(), nil), 0)
	exact, near := testKeeper(t, m), testKeeper(t, with(store, MaxCache))
	// Redis knows the scripts by now, and there is a connection.
	if _, _, err := m.EndSession(t.Context(), httptest.NewRecorder(), begins(t, m, 999_999_999).request()); err != nil {
		t.Fatal(err)
	}
	costs := map[int]map[string]cost{}
	sizes := []int{100, 10_000}
	for i, size := range sizes {
		populate(t, others, 100*i, size)
		costs[size] = map[string]cost{}
		measure := func(what string, do func() error) {
			before := meter.read()
			if err := do(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			costs[size][what] = meter.read().since(before)
		}
		var b *browser
		measure("sign-in", func() error { b = begins(t, m, 1_000_000+size); return nil })
		ask := func(k *Keeper, read func(*Keeper, context.Context, *http.Request, bool) (*Session, error)) func() error {
			return func() error { _, err := read(k, t.Context(), b.request(), true); return err }
		}
		measure("check", ask(exact, (*Keeper).Session))
		measure("check, not yet near", ask(near, (*Keeper).Recent))
		measure("check, near", ask(near, (*Keeper).Recent))
		measure("sign-out", func() error {
			_, _, err := m.EndSession(t.Context(), httptest.NewRecorder(), b.request())
			return err
		})
	}
	for what, few := range costs[sizes[0]] {
		if many := costs[sizes[1]][what]; many != few {
			t.Errorf("%s costs %+v among %d sessions, and %+v among %d", what, few, sizes[0], many, sizes[1])
		}
		t.Logf("%-20s %d round trips, %d bytes there and %d back", what, few.trips, few.sent, few.received)
	}
	for what, want := range map[string]int64{"check": 1, "check, not yet near": 1, "check, near": 0} {
		if got := costs[sizes[0]][what]; got.trips != want {
			t.Errorf("%s: %d round trips, want %d", what, got.trips, want)
		}
	}
}

// TestCheckAllocatesLittle: on the way to Redis and back.
func TestCheckAllocatesLittle(t *testing.T) {
	store := openPatient(t, redistest.Start(t).URL(), nil)
	for name, test := range map[string]struct {
		cache time.Duration
		most  float64
	}{"exact": {0, 32}, "near": {MaxCache, 14}} {
		now := time.Now()
		m := testManager(t, store, func(c *Config) { c.Cache, c.Now = test.cache, func() time.Time { return now } })
		k, r := testKeeper(t, m), begins(t, m, 1).request()
		got := testing.AllocsPerRun(200, func() {
			if _, err := k.Recent(t.Context(), r, true); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %v allocations", name, got)
		if got > test.most {
			t.Errorf("%s: %v allocations, want %v at most", name, got, test.most)
		}
	}
}

// BenchmarkSessionRedis is a session check in process on a real Redis, and as a
// ratio to a client that does nothing but read as many bytes.
func BenchmarkSessionRedis(b *testing.B) {
	server := redistest.Start(b)
	store := openRedis(b, server.URL())
	m := testManager(b, store, nil)
	k, r := testKeeper(b, m), begins(b, m, 1).request()
	key := m.sessionKey(m.sessionHash(r))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Session(b.Context(), r, true); err != nil {
			b.Fatal(err)
		}
	}
	spent, began := b.Elapsed(), time.Now()
	for range b.N {
		if err := store.client.Get(b.Context(), key).Err(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(spent)/float64(time.Since(began)), "×GET")
}

// BenchmarkSessionNear is the same with the near cache.
func BenchmarkSessionNear(b *testing.B) {
	m := testManager(b, openRedis(b, redistest.Start(b).URL()), func(c *Config) { c.Cache = MaxCache })
	k, r := testKeeper(b, m), begins(b, m, 1).request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Recent(b.Context(), r, true); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSessionsInMemory is what a process weighs that holds a hundred thousand
// sessions in the memory store: as many as it takes.
func BenchmarkSessionsInMemory(b *testing.B) {
	for b.Loop() {
		before := resident(b)
		store := NewMemory(nil)
		m := testManager(b, store, nil)
		populate(b, m, 0, memoryRecords/2)
		after := resident(b)
		b.ReportMetric(after, "MB-RSS")
		b.ReportMetric((after-before)*(1<<20)/(memoryRecords/2), "bytes/session")
		runtime.KeepAlive(store)
	}
}

// resident is the memory that this process has, in megabytes, when nothing in it
// is garbage.
func resident(b *testing.B) float64 {
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
