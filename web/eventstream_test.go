package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestEventStream: events arrive one by one, long after the time in which other
// requests are read and answered, and the handler learns when the client leaves.
func TestEventStream(t *testing.T) {
	var log testLog
	var events chan string // made on the fake clock's side
	var left chan error
	stream := func(w http.ResponseWriter, r *http.Request) error {
		s, err := NewEventStream(w, "3000")
		for err == nil {
			select {
			case name := <-events:
				if name == "" {
					err = s.Ping()
				} else {
					err = s.Send(name, "{}")
				}
			case <-r.Context().Done():
				err = r.Context().Err()
			}
		}
		left <- err
		return nil
	}
	withServer(t, kit(t, &log, stream), func(t *testing.T, l *pipeListener) {
		events, left = make(chan string), make(chan error, 1)
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, "GET /session/events HTTP/1.1\r\nHost: auth.example.com\r\n\r\n") }()
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform", "Content-Length": "",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		read := func(want string) {
			t.Helper()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != want {
				t.Errorf("read %q, %v; want %q", got, err, want)
			}
		}
		read("retry: 3000\n\n")
		for range 10 {
			time.Sleep(time.Minute) // of the fake clock
			events <- ""
			read(":\n\n")
		}
		events <- "ended"
		read("event: ended\ndata: {}\n\n")
		_ = conn.Close()
		if err := <-left; err == nil {
			t.Error("the handler was not told that its client left")
		}
	})
}

// TestEventStreamToNobody: a client that stays and does not read loses its
// stream, as nothing else would tell.
func TestEventStreamToNobody(t *testing.T) {
	var left chan error
	h := Adapt(func(w http.ResponseWriter, _ *http.Request) error {
		s, err := NewEventStream(w, "1")
		for err == nil {
			err = s.Ping()
		}
		left <- err
		return nil
	}, nil)
	withServer(t, h, func(t *testing.T, l *pipeListener) {
		left = make(chan error, 1)
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: auth.example.com\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var timeout net.Error
		if err := <-left; !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("the stream ends with %v", err)
		}
		if took := time.Since(began); took != streamWrite {
			t.Errorf("it ends after %v", took)
		}
	})
}

// TestEventStreamWithoutDeadlines: a writer that knows no deadlines serves.
func TestEventStreamWithoutDeadlines(t *testing.T) {
	w := httptest.NewRecorder()
	s, err := NewEventStream(w, "1")
	if err != nil || s.Send("ended", "{}") != nil || !w.Flushed || !strings.HasSuffix(w.Body.String(), "event: ended\ndata: {}\n\n") {
		t.Errorf("%v: %q", err, w.Body)
	}
}
