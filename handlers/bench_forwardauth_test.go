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
// of the rate of a bare handler that is, which makes one GET of as many bytes on the
// same Redis and answers with the same headers, in turns in the same run. The log is
// discarded. The client is as lean as one can be: its time counts for both.
func BenchmarkForwardAuth(b *testing.B) {
	testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: b.Name(), F: func(t *testing.T) {
		w, store := quietOnRedis(t)
		visitor := newBrowser(t)
		w.signIn(visitor)
		r := w.questionOf("traefik", visitor, question{header: navigation()})
		like := serve(w.last.ForwardAuth(), r)
		ours := httptest.NewServer(w.last.ForwardAuth())
		defer ours.Close()
		w.must(store.Put(t.Context(), "bench", make([]byte, 400), time.Hour)) // more than a session takes
		bare := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if _, err := store.Get(r.Context(), "bench"); err != nil {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
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
		for left := b.N; left > 0; left -= benchTurn {
			took := hammer(t, ours, sent, min(left, benchTurn))
			spent += took
			ratios = append(ratios, float64(hammer(t, bare, sent, min(left, benchTurn)))/float64(took))
		}
		b.StopTimer()
		slices.Sort(ratios)
		b.ReportMetric(0, "ns/op") // of both handlers together
		b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/ask")
		b.ReportMetric(ratios[len(ratios)/2], "of-bare") // the middle one: a busy machine spoils some turns
	}}})
}

// quietOnRedis is a world on a real Redis, whose log goes nowhere.
func quietOnRedis(t *testing.T) (*world, session.Store) {
	t.Helper()
	store := openRedis(t, redistest.Start(t).URL())
	return newWorld(t, func(w *world, cfg *handlers.Config) {
		w.store, cfg.Logger = store, slog.New(slog.DiscardHandler)
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

// hammer sends a request so many times, over kept connections.
func hammer(t *testing.T, server *httptest.Server, sent []byte, times int) time.Duration {
	t.Helper()
	var group sync.WaitGroup
	began := time.Now()
	for i := range benchConnections {
		n := (times + i) / benchConnections
		group.Go(func() {
			if err := repeat(server, sent, n); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	return time.Since(began)
}

// repeat sends a request over one connection, and reads answers that have no body.
func repeat(server *httptest.Server, sent []byte, times int) error {
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		return err
	}
	defer connection.Close()
	answers := bufio.NewReader(connection)
	for range times {
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
	}
	return nil
}
