package handlers_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// stream is an open GET /session/events.
type stream struct {
	w      *world
	header http.Header
	lines  *bufio.Scanner
}

// listen opens a stream as an app's page does. It ends with the test.
func (w *world) listen(b *browser) *stream {
	w.t.Helper()
	return w.listenUntil(w.t.Context(), b)
}

// listenUntil is listen for somebody who leaves when ctx ends.
func (w *world) listenUntil(ctx context.Context, b *browser) *stream {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.auth+"/session/events", nil)
	w.must(err)
	r.Header.Set("Origin", w.app)
	r.Header.Set("Accept", "text/event-stream")
	response, err := b.client.Do(r)
	w.must(err)
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("GET /session/events: %d", response.StatusCode)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	return &stream{w, response.Header, bufio.NewScanner(response.Body)}
}

// next is the name of the next event; "" is the end of the stream.
func (s *stream) next() string {
	for s.lines.Scan() {
		if name, ok := strings.CutPrefix(s.lines.Text(), "event: "); ok {
			return name
		}
	}
	return ""
}

// ends fails unless the session is said to have ended, and then the stream does.
func (s *stream) ends(how string) {
	s.w.t.Helper()
	if name := s.next(); name != "ended" {
		s.w.t.Errorf("%s: told %q", how, name)
	}
	if name := s.next(); name != "" {
		s.w.t.Errorf("%s: told %q after the end", how, name)
	}
}

// An app's page is told when the session ends, however and on whichever replica.
func TestEventsOfTheEnd(t *testing.T) {
	w := newWorld(t)
	other := w.twoReplicas()
	w.zitadel.EnableBackchannelLogout()
	for name, end := range map[string]func(*browser){
		"signed out by the page": func(b *browser) { b.open(w.auth + "/logout").fill(nil) },
		"ended from elsewhere": func(b *browser) {
			handle := w.places(b)[0].Handle
			w.script(w.device(firefox), "DELETE", "/sessions/"+handle)
		},
		"ended with all others": func(*browser) { w.script(w.device(firefox), "DELETE", "/sessions") },
		"signed out everywhere": func(*browser) { w.device(firefox).open(w.auth+"/logout").fill(nil, "everywhere-button") },
		"terminated at ZITADEL": func(b *browser) {
			w.must(w.client.DeleteSession(t.Context(), zitadelclient.SessionRef{ID: w.heldFor(b).account.ZitadelSession}))
		},
		"unused for an hour": func(*browser) { w.zitadel.Advance(61 * minute) },
	} {
		b := w.device(iphone)
		s := w.listen(b)
		other() // what happens next, happens there
		end(b)
		s.ends(name)
		if status, _ := w.session(b); status != http.StatusUnauthorized {
			t.Errorf("%s: and yet GET /session says %d", name, status)
		}
		w.zitadel.Advance(61 * minute) // none of this is about limits
	}
}

// The stream can be read by the app alone, passes proxies, and is kept by nobody.
func TestEventsHeaders(t *testing.T) {
	w := newWorld(t)
	s := w.listen(w.device(firefox))
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform",
		"Access-Control-Allow-Origin": w.app, "Access-Control-Allow-Credentials": "true", "Content-Encoding": "", "Set-Cookie": "",
	} {
		if got := s.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !s.lines.Scan() || s.lines.Text() != "retry: 3000" {
		t.Errorf("it begins with %q", s.lines.Text())
	}
}

// A page that listens keeps nobody signed in, also when it comes back again and
// again.
func TestEventsAreNoUse(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	w.zitadel.Advance(30 * minute)
	s := w.listen(b)
	w.zitadel.Advance(31 * minute)
	s.ends("listened")
}

// Nine streams of a session are one too many, and it is said calmly.
func TestEventsAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	var open []*stream
	for range 8 {
		open = append(open, w.listen(b))
	}
	got := w.script(b, "GET", "/session/events")
	got.problem(w, http.StatusTooManyRequests)
	if got.header.Get("Retry-After") == "" {
		t.Error("429 without a time")
	}
	w.listen(w.device(iphone)) // another session's
	b.open(w.auth + "/logout").fill(nil)
	for _, s := range open {
		s.ends("signed out")
	}
}

// A process that is told to stop ends its streams at once, and lets nobody begin
// another: the page comes back to another replica.
func TestEventsEndWithTheProcess(t *testing.T) {
	w := newWorld(t)
	b := w.device(firefox)
	s := w.listen(b)
	w.last.Drain()
	if name := s.next(); name != "" {
		t.Errorf("told %q", name)
	}
	w.script(b, "GET", "/session/events").problem(w, http.StatusServiceUnavailable)
	if status, _ := w.session(b); status != http.StatusOK {
		t.Errorf("GET /session: %d", status)
	}
	w.restart()
	w.listen(b)
}

// Who listens does not wait for a ZITADEL that takes its time, whatever is due, and
// is told what comes of it: streams are not among the requests that are bounded.
func TestEventsWaitForNobody(t *testing.T) {
	w := newWorld(t, func(w *world, c *handlers.Config) {
		c.Patience = time.Hour
		c.Sessions = w.sessions(func(c *session.Config) { c.Idle, c.Max = 24*time.Hour, 48*time.Hour })
	})
	for name, test := range map[string]struct {
		due  time.Duration
		path string
	}{
		"a check":                {11 * minute, "/v2/sessions"},
		"tokens that have ended": {13 * time.Hour, "/oauth/v2/token"},
	} {
		b := w.device(firefox)
		w.zitadel.Advance(test.due)
		answer := make(chan struct{})
		w.zitadel.Fault(zitadeltest.Fault{Path: test.path, Until: answer})
		held := w.zitadel.Held()
		s := w.listen(b) // with a ZITADEL that does not answer, or never
		for w.zitadel.Held() == held {
			w.must(w.t.Context().Err())
		}
		w.zitadel.LockUser(w.alice)
		close(answer)
		s.ends(name)
		w.zitadel.ReactivateUser(w.alice)
		w.zitadel.ClearFaults()
	}
}
