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
// many requests they make before it is the other handler's turn.
const (
	benchConnections = 16
	benchTurn        = 1000
)

// BenchmarkForwardAuth is what it costs a proxy to ask, with a real Redis; and how much
// of the rate of a bare handler that is, with the same headers, in turns in the same
// run: one that makes a GET of as many bytes on the same Redis, and where the near
// cache answers one that does nothing. The log is discarded. The client is as lean as
// one can be: its time counts for both.
func BenchmarkForwardAuth(b *testing.B) {
	for name, cache := range map[string]time.Duration{"redis": 0, "near": session.MaxCache} {
		b.Run(name, func(b *testing.B) {
			borrow(b.Name(), func(t *testing.T) { benchForwardAuth(b, t, cache) })
		})
	}
}

func benchForwardAuth(b *testing.B, t *testing.T, cache time.Duration) {
	w, store := quietOnRedis(t, cache)
	visitor := newBrowser(t)
	w.signIn(visitor)
	r := w.questionOf("traefik", visitor, question{header: navigation()})
	like := serve(w.last.ForwardAuth(), r)
	ours := httptest.NewServer(w.last.ForwardAuth())
	defer ours.Close()
	w.must(store.Put(t.Context(), "bench", make([]byte, 400), time.Hour)) // more than a session takes
	bare := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if cache == 0 {
			if _, err := store.Get(r.Context(), "bench"); err != nil {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
		}
		maps.Copy(rw.Header(), like.Header)
		rw.WriteHeader(http.StatusOK)
	}))
	defer bare.Close()
	sent := asSent(r)
	hammer(t, ours, sent, benchTurn) // warm
	hammer(t, bare, sent, benchTurn)
	b.ReportAllocs()
	b.ResetTimer()
	var spent time.Duration
	var ratios []float64
	var answers []time.Duration
	for left := b.N; left > 0; left -= benchTurn {
		took, each := hammer(t, ours, sent, min(left, benchTurn))
		spent, answers = spent+took, append(answers, each...)
		like, _ := hammer(t, bare, sent, min(left, benchTurn))
		ratios = append(ratios, float64(like)/float64(took))
	}
	b.StopTimer()
	slices.Sort(ratios)
	slices.Sort(answers)
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/ask")
	b.ReportMetric(ratios[len(ratios)/2], "of-bare") // the middle one: a busy machine spoils some turns
	b.ReportMetric(float64(answers[len(answers)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(answers[len(answers)*99/100].Microseconds()), "p99-µs")
}

// quietOnRedis is a world on a real Redis, whose log goes nowhere.
func quietOnRedis(t *testing.T, cache time.Duration) (*world, session.Store) {
	t.Helper()
	store := openRedis(t, redistest.Start(t).URL())
	return newWorld(t, func(w *world, cfg *handlers.Config) {
		w.store, cfg.Logger = store, slog.New(slog.DiscardHandler)
		cfg.Sessions = w.sessions(func(c *session.Config) { c.Cache = cache })
	}), store
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

// hammer sends a request so many times, over kept connections, and says how long all
// of them took and each.
func hammer(t *testing.T, server *httptest.Server, sent []byte, times int) (all time.Duration, each []time.Duration) {
	t.Helper()
	var group sync.WaitGroup
	each = make([]time.Duration, times)
	began := time.Now()
	for i := range benchConnections {
		mine := each[i*times/benchConnections : (i+1)*times/benchConnections]
		group.Go(func() {
			if err := repeat(server, sent, mine); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	return time.Since(began), each
}

// repeat sends a request over one connection, once for each time that it notes, and
// reads answers that have no body.
func repeat(server *httptest.Server, sent []byte, took []time.Duration) error {
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		return err
	}
	defer connection.Close()
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
