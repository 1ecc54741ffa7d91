package web

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// readTSV returns the rows of a file in testdata, without its heading. Each field
// is the body of a JSON string.
func readTSV(t testing.TB, name string) [][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")[1:] {
		var row []string
		for field := range strings.SplitSeq(line, "\t") {
			var s string
			if err := json.Unmarshal([]byte(`"`+field+`"`), &s); err != nil {
				t.Fatalf("%s: field %q: %v", name, field, err)
			}
			row = append(row, s)
		}
		rows = append(rows, row)
	}
	if len(rows) < 20 {
		t.Fatalf("%s: only %d rows", name, len(rows))
	}
	return rows
}

func mustOrigin(t testing.TB, s string) Origin {
	t.Helper()
	origin, err := ParseOrigin(s)
	if err != nil {
		t.Fatal(err)
	}
	return origin
}

func mustOrigins(t testing.TB, s string) Origins {
	t.Helper()
	origins, err := ParseOrigins(s)
	if err != nil {
		t.Fatal(err)
	}
	return origins
}

// testPage is an ErrorPage that shows all that a page may show.
func testPage(w http.ResponseWriter, _ *http.Request, e Error, errorID string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(e.Status)
	_, _ = io.WriteString(w, "<h1>"+http.StatusText(e.Status)+"</h1><p>"+e.Key+"</p><p>"+errorID+"</p>")
}

var testProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}

// testLog is a log to look at.
type testLog struct{ bytes.Buffer }

func (l *testLog) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// lines decodes what was logged.
func (l *testLog) lines(t testing.TB) []map[string]any {
	t.Helper()
	var lines []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(l.Bytes()))
	for decoder.More() {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// only returns the one line that was logged.
func (l *testLog) only(t testing.TB) map[string]any {
	t.Helper()
	lines := l.lines(t)
	if len(lines) != 1 {
		t.Fatalf("got %d log lines, want 1:\n%s", len(lines), l)
	}
	return lines[0]
}

// tick is a clock that moves 7 ms each time it is read.
func tick() func() time.Time {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		now = now.Add(7 * time.Millisecond)
		return now
	}
}

// kit puts a handler behind the whole chain, in the documented order.
func kit(t testing.TB, log *testLog, h Handler) http.Handler {
	public := mustOrigin(t, "https://auth.example.com")
	chain := []Middleware{
		RequestLog(log.logger(), tick()),
		ClientIP(testProxies),
		Recover(testPage),
		SecurityHeaders(365 * 24 * time.Hour),
		Limits(testPage),
		Host(public, testPage, "/healthz"),
		MaxBody(MaxBodyBytes, testPage),
		CrossOrigin(public, nil, testPage),
	}
	handler := http.Handler(Adapt(h, testPage))
	for i := range chain {
		handler = chain[len(chain)-1-i](handler)
	}
	return handler
}

// serve answers r with h.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// request returns a request to the public host.
func request(method, path string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://auth.example.com"+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func ok(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "ok")
	return err
}
