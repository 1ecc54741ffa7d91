package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener accepts in-memory connections, so that a server runs on the fake
// clock of testing/synctest: time-outs are tested to the second and cost nothing.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dial connects, or says that nobody accepts any more.
func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// withServer runs f against a server of ours under a fake clock.
func withServer(t *testing.T, h http.Handler, f func(t *testing.T, l *pipeListener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		server := NewServer("", h)
		go func() { done <- Serve(ctx, server, l) }()
		f(t, l)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// exchange sends raw bytes and returns the status of the answer, 0 for none.
func exchange(t *testing.T, l *pipeListener, raw string) int {
	t.Helper()
	conn, err := l.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, raw) }() // the server may stop reading at any byte
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// drip sends a byte a second until the server hangs up, and says when it did.
func drip(t *testing.T, l *pipeListener, head string) time.Duration {
	t.Helper()
	conn, err := l.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	start := time.Now()
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	for b := []byte(head); ; b = []byte("a") {
		if _, err := conn.Write(b); err != nil {
			return time.Since(start)
		}
		if time.Since(start) > 5*time.Minute {
			t.Fatal("the server never hangs up")
		}
		time.Sleep(time.Second)
	}
}

func TestServerTimeouts(t *testing.T) {
	reads := Adapt(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return Error{Status: 400, Err: err}
		}
		return ok(w, r)
	}, nil)
	withServer(t, reads, func(t *testing.T, l *pipeListener) {
		for _, test := range []struct {
			name, head string
			max        time.Duration
		}{
			{"slow request line", "G", 6 * time.Second},
			{"slow headers", "GET / HTTP/1.1\r\nHost: a\r\nX-A: ", 6 * time.Second},
			{"slow body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", 12 * time.Second},
		} {
			if took := drip(t, l, test.head); took > test.max || took < time.Second {
				t.Errorf("%s: closed after %v, want at most %v", test.name, took, test.max)
			}
		}
	})
}

func TestServerIdleTimeout(t *testing.T) {
	withServer(t, Adapt(ok, nil), func(t *testing.T, l *pipeListener) {
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }()
		in := bufio.NewReader(conn)
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		start := time.Now()
		if _, err := in.ReadByte(); !errors.Is(err, io.EOF) || time.Since(start) != 60*time.Second {
			t.Errorf("idle: %v after %v", err, time.Since(start))
		}
	})
}

// TestServerSlowUpstream: the read time-out is for the client. A handler that
// has read its request may wait longer for others, and its context lives.
func TestServerSlowUpstream(t *testing.T) {
	slow := Adapt(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Second): // ZITADEL takes its time
			return ok(w, r)
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}, nil)
	withServer(t, slow, func(t *testing.T, l *pipeListener) {
		for _, raw := range []string{
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b",
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
		} {
			if status := exchange(t, l, raw); status != 200 {
				t.Errorf("%.20q: %d", raw, status)
			}
		}
	})
}

// TestServerClientLeaves: a client that hangs up ends the request's context.
func TestServerClientLeaves(t *testing.T) {
	gone := make(chan error, 1)
	waits := Adapt(func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		gone <- r.Context().Err()
		return r.Context().Err()
	}, nil)
	withServer(t, waits, func(t *testing.T, l *pipeListener) {
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		conn.Close()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestServerStreams: an endless answer outlives the write time-out by moving it on.
func TestServerStreams(t *testing.T) {
	events := Adapt(func(w http.ResponseWriter, r *http.Request) error {
		control := http.NewResponseController(w)
		for range 10 {
			if err := control.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
				return err
			}
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
				return err
			}
			if err := control.Flush(); err != nil {
				return err
			}
			time.Sleep(10 * time.Second)
		}
		return nil
	}, nil)
	var log testLog
	withServer(t, RequestLog(log.logger(), time.Now)(events), func(t *testing.T, l *pipeListener) {
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || bytes.Count(body, []byte("data")) != 10 {
			t.Errorf("got %d events, %v", bytes.Count(body, []byte("data")), err)
		}
	})
	if line := log.only(t); line["ms"] != 100_000.0 || line["bytes"] != 90.0 {
		t.Errorf("logged %v", line)
	}
}

// TestServerHeaderBytes: as much as a proxy passes on is taken, in a line of cookies as
// well as in several; and no more.
func TestServerHeaderBytes(t *testing.T) {
	withServer(t, kit(t, new(testLog), ok), func(t *testing.T, l *pipeListener) {
		for kib, want := range map[int]int{64: 200, 70: 200, 80: 431, 1000: 431} {
			for _, lines := range []int{1, 8} {
				cookies := strings.Repeat("Cookie: a="+strings.Repeat("a", kib<<10/lines-len("Cookie: a=\r\n"))+"\r\n", lines)
				if status := exchange(t, l, get("/")+cookies+"\r\n"); status != want {
					t.Errorf("%d KiB in %d lines: %d, want %d", kib, lines, status, want)
				}
			}
		}
	})
}

func TestServeDrains(t *testing.T) {
	for name, test := range map[string]struct {
		takes   time.Duration
		drained bool
	}{
		"in time":  {20 * time.Second, true},
		"too late": {29 * time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipeListener()
			ctx, cancel := context.WithCancel(t.Context())
			server := NewServer("", Adapt(func(w http.ResponseWriter, r *http.Request) error {
				time.Sleep(test.takes)
				return ok(w, r)
			}, nil))
			done := make(chan error)
			go func() { done <- Serve(ctx, server, l) }()
			status := make(chan int)
			go func() { status <- exchange(t, l, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }()
			synctest.Wait()
			start := time.Now()
			cancel()
			synctest.Wait()
			if _, err := l.dial(); err == nil {
				t.Errorf("%s: a new connection after the end was announced", name)
			}
			got := <-status
			if (got == 200) != test.drained {
				t.Errorf("%s: answer %d", name, got)
			}
			if err := <-done; (err == nil) != test.drained || time.Since(start) > drainTimeout+time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			time.Sleep(time.Minute) // let the handler end, too
		})
	}
}

func TestServeFails(t *testing.T) {
	l := newPipeListener()
	_ = l.Close()
	if err := Serve(t.Context(), NewServer("", nil), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestServerSmuggling: what two servers in a row could read as different requests
// is refused or ends the connection.
func TestServerSmuggling(t *testing.T) {
	const host = "Host: auth.example.com\r\n"
	withServer(t, kit(t, new(testLog), ok), func(t *testing.T, l *pipeListener) {
		for name, raw := range map[string]string{
			"two lengths":           "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
			"signed length":         "POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\na",
			"unknown encoding":      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
			"space before colon":    "GET / HTTP/1.1\r\n" + host + "X-A : b\r\n\r\n",
			"folded header":         "GET / HTTP/1.1\r\n" + host + " X-A: b\r\n\r\n",
			"two hosts":             "GET / HTTP/1.1\r\n" + host + "Host: evil.com\r\n\r\n",
			"no host":               "GET / HTTP/1.1\r\n\r\n",
			"control in the header": "GET / HTTP/1.1\r\n" + host + "User-Agent: x\x00y\r\n\r\n",
			"bare CR in the header": "GET / HTTP/1.1\r\n" + host + "User-Agent: x\rlevel=error\r\n\r\n",
		} {
			if status := exchange(t, l, raw); status < 400 || status > 499 && status != 501 {
				t.Errorf("%s: %d", name, status)
			}
		}
		raw := "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" + host + "\r\n"
		conn, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, raw) }()
		answers, _ := io.ReadAll(conn)
		if n := strings.Count(string(answers), "HTTP/1.1 "); n != 1 {
			t.Errorf("TE and CL: %d answers, want one and a closed connection", n)
		}
	})
}
