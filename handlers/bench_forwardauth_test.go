package handlers_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/session/redistest"
)

// benchConnections is how many connections of proxies ask at a time, and benchTurn how
// many requests they make before it is the other handler's turn: so few that a busy
// machine is as busy in both turns of a pair.
const (
	benchConnections = 16
	benchTurn        = 320
)

// BenchmarkForwardAuth is what it costs a proxy to ask, with a real Redis: of-bare is
// how much of the rate of a bare handler that is, with the same headers, in turns in
// the same run: one that makes a plain GET of as many bytes on the same Redis, and
// where the near cache answers one that does nothing. The log is discarded. The client
// is as lean as one can be: its time counts for both. Round trips are by Redis's own
// count, and allocations those of our handler alone.
func BenchmarkForwardAuth(b *testing.B) {
	for _, test := range []struct {
		name  string
		cache time.Duration
	}{{"redis", 0}, {"near", session.MaxCache}} {
		b.Run(test.name, func(b *testing.B) {
			borrow(b.Name(), func(t *testing.T) { benchForwardAuth(b, t, test.cache) })
		})
	}
}

func benchForwardAuth(b *testing.B, t *testing.T, cache time.Duration) {
	t.Cleanup(func() {
		if t.Failed() {
			b.Fail()
		}
	})
	server := redistest.Start(t, "--appendonly", "no") // others may keep the disk busy
	w := quietOn(t, server, cache)
	visitor := newBrowser(t)
	w.signIn(visitor)
	r := w.questionOf("traefik", visitor, question{header: navigation()})
	ours := newLoad(t, w.last.ForwardAuth(), r)
	bare := newLoad(t, bareHandler(t, server, cache, serve(w.last.ForwardAuth(), r).Header), r)
	ours.turn(benchTurn) // warm
	bare.turn(benchTurn)
	b.ResetTimer()
	var spent time.Duration
	var ratios []float64
	for left := b.N; left > 0; left -= benchTurn {
		n := min(left, benchTurn)
		pair := map[*load]time.Duration{}
		for _, next := range [][]*load{{ours, bare}, {bare, ours}}[len(ratios)%2] {
			pair[next] = next.turn(n)
		}
		spent += pair[ours]
		ratios = append(ratios, float64(pair[bare])/float64(pair[ours]))
	}
	b.StopTimer()
	reportAlone(b, server, w.last.ForwardAuth(), r)
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op") // that is both, and the client
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/ask")
	b.ReportMetric(ratios[len(ratios)/2], "of-bare") // the middle one: a busy machine spoils some turns
	for name, l := range map[string]*load{"": ours, "bare-": bare} {
		b.ReportMetric(l.took(50), name+"p50-µs")
		b.ReportMetric(l.took(99), name+"p99-µs")
	}
}

// bareHandler is what a proxy could be answered by at the least.
func bareHandler(t *testing.T, server *redistest.Server, cache time.Duration, like http.Header) http.Handler {
	t.Helper()
	answer := func(rw http.ResponseWriter) {
		maps.Copy(rw.Header(), like)
		rw.WriteHeader(http.StatusOK)
	}
	if cache > 0 {
		return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { answer(rw) })
	}
	client, size := server.Client(), 0
	for _, key := range server.Do("KEYS", "test:s:*").([]any) {
		size = len(server.Do("GET", key).(string))
	}
	server.Do("SET", "bench", make([]byte, size))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := client.Get(r.Context(), "bench").Bytes(); err != nil {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answer(rw)
	})
}

// reportAlone is what one question costs without a server and a client.
func reportAlone(b *testing.B, server *redistest.Server, handler http.Handler, r *http.Request) {
	const asks = 1000
	answer := &unwritten{header: http.Header{}}
	handler.ServeHTTP(answer, r) // warm
	commands := func() (n int) {
		for name, calls := range server.Calls() {
			if name == "get" || name == "set" || strings.HasPrefix(name, "eval") {
				n += calls
			}
		}
		return n
	}
	trips := commands()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range asks {
		clear(answer.header)
		handler.ServeHTTP(answer, r)
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(commands()-trips)/asks, "trips/ask")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/asks, "allocs/ask")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/asks, "B/ask")
}

// unwritten is an answer that nobody reads.
type unwritten struct{ header http.Header }

// Header gives the header that is not sent.
func (u *unwritten) Header() http.Header         { return u.header }
func (u *unwritten) Write(p []byte) (int, error) { return len(p), nil }
func (u *unwritten) WriteHeader(int)             {}

// quietOn is a world on a real Redis, whose log goes nowhere and whose clock is the
// machine's.
func quietOn(t *testing.T, server *redistest.Server, cache time.Duration) *world {
	t.Helper()
	store := openRedis(t, server.URL())
	return newWorld(t, func(w *world, cfg *handlers.Config) {
		w.store, cfg.Logger, cfg.Now = store, slog.New(slog.DiscardHandler), time.Now
		cfg.Sessions = w.sessions(func(c *session.Config) { c.Cache, c.Now = cache, time.Now })
	})
}

// load is a server that is asked the same again and again, over connections that are
// kept.
type load struct {
	t           *testing.T
	sent        []byte
	connections [benchConnections]net.Conn
	times       []time.Duration // of each request so far
}

func newLoad(t *testing.T, handler http.Handler, r *http.Request) *load {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	l := &load{t: t, sent: asSent(r)}
	for i := range l.connections {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		l.connections[i] = connection
	}
	return l
}

// asSent is a request as it goes over the wire.
func asSent(r *http.Request) []byte {
	var wire bytes.Buffer
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\nHost: torhaus:8401\r\n", r.Method, r.RequestURI)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&wire, "%s: %s\r\n", name, strings.Join(r.Header[name], "; "))
	}
	wire.WriteString("\r\n")
	return wire.Bytes()
}

// turn sends the request so many times, and says how long all of them took.
func (l *load) turn(times int) time.Duration {
	l.t.Helper()
	var group sync.WaitGroup
	each := make([]time.Duration, times)
	began := time.Now()
	for i, connection := range l.connections {
		mine := each[i*times/benchConnections : (i+1)*times/benchConnections]
		group.Go(func() {
			if err := repeat(connection, l.sent, mine); err != nil {
				l.t.Error(err)
			}
		})
	}
	group.Wait()
	all := time.Since(began)
	if l.t.Failed() {
		l.t.FailNow() // what goes wrong is over at once: more of it would never end
	}
	l.times = append(l.times, each...)
	return all
}

// took is how long that many of a hundred requests took at most, in microseconds.
func (l *load) took(percent int) float64 {
	slices.Sort(l.times)
	return float64(l.times[len(l.times)*percent/100].Nanoseconds()) / 1000
}

// repeat sends a request over one connection, once for each time that it notes, and
// reads answers that have no body.
func repeat(connection net.Conn, sent []byte, took []time.Duration) error {
	answers := bufio.NewReader(connection)
	for i := range took {
		began := time.Now()
		if _, err := connection.Write(sent); err != nil {
			return err
		}
		for first := true; ; first = false {
			line, err := answers.ReadSlice('\n')
			if err != nil {
				return err
			}
			if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
				return fmt.Errorf("answered %q", line)
			}
			if len(line) == 2 {
				break
			}
		}
		took[i] = time.Since(began)
	}
	return nil
}
