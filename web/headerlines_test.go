package web

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What is too many lines is refused while it comes; a body may have as many as it likes,
// and each request of a connection is counted anew.
func TestServerHeaderLines(t *testing.T) {
	takes := Adapt(func(w http.ResponseWriter, r *http.Request) error {
		if body, err := io.ReadAll(r.Body); err != nil || len(body) != int(max(r.ContentLength, 0)) {
			t.Errorf("%d bytes, %v", len(body), err)
		}
		return ok(w, r)
	}, nil)
	lines := func(n int) string { return get("/") + strings.Repeat("a:\r\n", n-3) + "\r\n" } // with the first two and the last
	withServer(t, takes, func(t *testing.T, l *pipeListener) {
		for name, test := range map[string]struct {
			raw  string
			want []int
		}{
			"at the limit":        {lines(maxHeaderLines), []int{200}},
			"over":                {lines(maxHeaderLines + 1), []int{431}},
			"over, by bare lines": {strings.ReplaceAll(lines(maxHeaderLines+1), "\r", ""), []int{431}},
			"without an end":      {strings.TrimSuffix(lines(10*maxHeaderLines), "\r\n"), []int{431}},
			"a body of lines":     {posting("/", formType, strings.Repeat("\n", 20*maxHeaderLines)), []int{200}},
			"one after the other": {lines(900) + lines(900) + posting("/", formType, strings.Repeat("\n", 5000)) + lines(900), []int{200, 200, 200, 200}},
			"at last too many":    {posting("/", formType, "a=b") + lines(900) + lines(6*maxHeaderLines), []int{200, 200, 431}},
		} {
			conn, err := l.dial()
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, test.raw) }() // the server may stop reading at any byte
			in := bufio.NewReader(conn)
			for i, want := range test.want {
				response, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Errorf("%s: answer %d: %v", name, i, err)
					break
				}
				_, _ = io.Copy(io.Discard, response.Body)
				if response.StatusCode != want {
					t.Errorf("%s: answer %d is %s, want %d", name, i, response.Status, want)
				}
			}
			_ = conn.Close()
		}
	})
}
