package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

type redacted struct{ token string }

func (redacted) String() string { return "[redacted]" }

func TestRequestLog(t *testing.T) {
	var log testLog
	r := request("POST", "/password?code=PLANTED&a=ab2", "Cookie", "__Host-accounts=PLANTED", "Authorization", "Bearer PLANTED",
		"User-Agent", "test/1", "Referer", "https://auth.example.com/?code=PLANTED")
	r.Body = http.NoBody
	serve(kit(t, &log, func(w http.ResponseWriter, r *http.Request) error {
		event := EventFrom(r.Context())
		event.Set("route", "/password")
		event.Set("user_id", "123")
		event.Set("user_id", "456")
		event.Set("token", secret("PLANTED"))
		event.Set("account", redacted{"PLANTED"})
		event.Set("waited", 3*time.Millisecond)
		event.Set("attempts", 2)
		return ok(w, r)
	}), r)
	if strings.Contains(log.String(), "PLANTED") {
		t.Errorf("a secret is in the log: %s", &log)
	}
	line := log.only(t)
	for key, want := range map[string]any{
		"msg": "request", "level": "INFO", "method": "POST", "route": "/password", "status": 200.0, "ms": 7.0, "bytes": 2.0,
		"user_id": "456", "token": "[redacted]", "account": "[redacted]", "attempts": 2.0, "client_ip": "192.0.2.1", "user_agent": "test/1",
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if id, _ := line["request_id"].(string); len(id) != 16 {
		t.Errorf("request id %v", line["request_id"])
	}
}

// TestLogInjection: no visitor writes log lines, or to the terminal of who reads them.
func TestLogInjection(t *testing.T) {
	for _, hostile := range []string{
		"x\r\nlevel=error msg=\"forged\"", "x\u2028forged", "x\u2029forged", "\x1b[31mred", "\u009b31m", "a\x00b", "\u202eevil",
		"\x7f", "bad\xff\xfeutf8", "\ufeffbom", "\u00adsoft", "tab\there",
	} {
		var log testLog
		r := request("GET", "/")
		r.Header["User-Agent"] = []string{hostile}
		r.Method = "GET" + hostile
		serve(RequestLog(log.logger(), tick())(Adapt(func(_ http.ResponseWriter, r *http.Request) error {
			EventFrom(r.Context()).Set("typed", hostile)
			return errors.New(hostile)
		}, nil)), r)
		line := log.only(t)
		for key, value := range line {
			text := fmt.Sprint(value)
			if strings.ContainsFunc(text, func(r rune) bool {
				return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\u202e' || r == '\ufeff' || r == '\u00ad' || r == '\ufffd'
			}) {
				t.Errorf("%s = %q", key, text)
			}
		}
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%q: more than one line: %q", hostile, log.String())
		}
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain text, ümläut, 日本", 100, "plain text, ümläut, 日本"},
		{"a\nb\x1b[0m", 100, `a\u000ab\u001b[0m`},
		{"\xff\xc0", 100, `\xff\xc0`},
		{"abcdefghij", 10, "abcdefghij"},
		{"abcdefghijk", 10, "abcdefghij…"},
		{"abcdefghiü", 10, "abcdefghiü"},
		{"abcdefghiüx", 10, "abcdefghiü…"},
	} {
		if got := clean(test.in, test.limit); got != test.want {
			t.Errorf("clean(%q, %d) = %q, want %q", test.in, test.limit, got, test.want)
		}
	}
}

func TestEventIsBounded(t *testing.T) {
	var log testLog
	serve(RequestLog(log.logger(), tick())(Adapt(func(_ http.ResponseWriter, r *http.Request) error {
		for i := range 1000 {
			EventFrom(r.Context()).Set(fmt.Sprintf("key%d", i), strings.Repeat("x", 10_000))
		}
		return nil
	}, nil)), request("GET", "/"))
	if log.Len() > 48*600+1000 {
		t.Errorf("line of %d bytes", log.Len())
	}
}

// TestEventFromNowhere: code that sets a field also runs outside of requests.
func TestEventFromNowhere(t *testing.T) {
	EventFrom(t.Context()).Set("key", "value")
	if EventFrom(t.Context()) == nil || ClientIPFrom(t.Context()).IsValid() {
		t.Error("want an event that nobody writes")
	}
}

func TestRequestID(t *testing.T) {
	const good = "0123abcd-XYZ_.9"
	for _, test := range []struct {
		peer string
		sent []string
		want bool
	}{
		{"10.0.0.5:1", []string{good}, true},
		{"10.0.0.5:1", []string{strings.Repeat("a", 64)}, true},
		{"198.51.100.9:1", []string{good}, false},
		{"10.0.0.5:1", []string{good, good}, false},
		{"10.0.0.5:1", []string{"short"}, false},
		{"10.0.0.5:1", []string{strings.Repeat("a", 65)}, false},
		{"10.0.0.5:1", []string{"<script>alert"}, false},
		{"10.0.0.5:1", []string{"aaaaaaaa\r\nb"}, false},
		{"10.0.0.5:1", []string{"aaaa aaaa"}, false},
	} {
		var log testLog
		r := request("GET", "/")
		r.RemoteAddr, r.Header["X-Request-Id"] = test.peer, test.sent
		serve(kit(t, &log, ok), r)
		if got := log.only(t)["request_id"] == test.sent[0]; got != test.want {
			t.Errorf("%s %q: taken %v", test.peer, test.sent, got)
		}
	}
}

func TestRecover(t *testing.T) {
	var log testLog
	h := kit(t, &log, func(http.ResponseWriter, *http.Request) error { panic("index out of range") })
	w := serve(h, request("GET", "/"))
	line := log.only(t)
	if w.Code != 500 || line["status"] != 500.0 || line["level"] != "ERROR" {
		t.Errorf("got %d, logged %v", w.Code, line)
	}
	if line["error"] != "500 Internal Server Error: panic: index out of range" || !strings.Contains(fmt.Sprint(line["panic_at"]), "log_test.go") {
		t.Errorf("logged %v", line)
	}
	if body := w.Body.String(); strings.Contains(body, "index") || strings.Contains(body, ".go") || !strings.Contains(body, fmt.Sprint(line["error_id"])) {
		t.Errorf("shown: %s", body)
	}
	if w.Header().Get("Content-Security-Policy") == "" {
		t.Error("the error page lacks the security headers")
	}
	// And a panic with an error as its value.
	log.Reset()
	if w := serve(kit(t, &log, func(http.ResponseWriter, *http.Request) error { panic(errors.New("boom")) }), request("GET", "/")); w.Code != 500 {
		t.Errorf("got %d", w.Code)
	}
}

// TestRecoverAborts: http.ErrAbortHandler passes, and an answer that was half
// written is cut off, not passed off as complete. Both are logged.
func TestRecoverAborts(t *testing.T) {
	for name, h := range map[string]Handler{
		"abort": func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) },
		"half":  func(w http.ResponseWriter, r *http.Request) error { _ = ok(w, r); panic("late") },
	} {
		var log testLog
		handler := kit(t, &log, h)
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("%s: recovered %v", name, v)
				}
			}()
			serve(handler, request("GET", "/"))
		}()
		if line := log.only(t); line["aborted"] != true {
			t.Errorf("%s: logged %v", name, line)
		}
	}
}
