package handlers_test

import (
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// newWorld takes a *testing.T; a benchmark borrows one for its set-up.
func benchmarkWorld(b *testing.B, run func(*testing.T, *world)) {
	b.Helper()
	borrow(b.Name(), func(t *testing.T) { run(t, newWorld(t)) })
}

// borrow runs something that wants a *testing.T where there is none, in a benchmark or
// a fuzz target, once, whatever -run, -skip and -count say.
func borrow(name string, run func(*testing.T)) {
	skip := flag.Lookup("test.skip").Value.String()
	every := func(pattern, _ string) (bool, error) {
		return skip == "" || !strings.Contains(skip, pattern), nil // -skip is asked in parts
	}
	ran := false
	testing.RunTests(every, []testing.InternalTest{{Name: name, F: func(t *testing.T) {
		if !ran {
			ran = true
			run(t)
		}
	}}})
}

// BenchmarkSession is what an app's page costs that asks who is signed in, with
// the memory store, over one kept connection; and as a ratio to a handler that
// answers as many bytes and does nothing else, in the same run.
func BenchmarkSession(b *testing.B) {
	benchmarkWorld(b, func(t *testing.T, w *world) {
		visitor := newBrowser(t)
		w.signIn(visitor)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.auth+"/session", nil)
		w.must(err)
		request.Header.Set("Origin", w.app)
		request.Header.Set("Cookie", "__Secure-torhaus="+visitor.cookie(w.auth, "__Secure-torhaus"))
		answer := make([]byte, 400)
		bare := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(answer) }))
		defer bare.Close()
		control, err := http.NewRequestWithContext(t.Context(), http.MethodGet, bare.URL, nil)
		w.must(err)
		b.ReportAllocs()
		b.ResetTimer()
		spent := ask(b, request, b.N)
		b.StopTimer()
		b.ReportMetric(float64(spent)/float64(ask(b, control, b.N)), "×bare")
	})
}

// ask makes the same request again and again.
func ask(b *testing.B, request *http.Request, times int) time.Duration {
	client := &http.Client{Transport: &http.Transport{DialContext: dialLoopback}}
	began := time.Now()
	for range times {
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			b.Fatal(response.Status)
		}
	}
	return time.Since(began)
}

// BenchmarkSignIn is a whole password sign-in from /login to the app: three
// pages, two forms and nine calls to an emulated ZITADEL that hashes nothing, so
// that what is left is our own time and its.
func BenchmarkSignIn(b *testing.B) {
	benchmarkWorld(b, func(t *testing.T, w *world) {
		w.signIn(newBrowser(t)) // warm
		b.ResetTimer()
		for range b.N {
			w.zitadel.Advance(minute) // none of this is about limits
			w.signIn(newBrowser(t))
		}
	})
}
