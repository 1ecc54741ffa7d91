package web

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// probe answers with all that a request could influence.
func probe(w http.ResponseWriter, r *http.Request) error {
	switch r.URL.Path {
	case "/json":
		var v struct{}
		if err := ReadJSON(r, &v); err != nil {
			return err
		}
	case "/form":
		if _, err := Form(r, 64); err != nil {
			return err
		}
	case "/signed-out":
		return Error{Status: http.StatusUnauthorized}
	case "/":
	default:
		return Error{Status: http.StatusNotFound}
	}
	_, err := fmt.Fprintf(w, "client=%s navigation=%v", ClientIPFrom(r.Context()), TopLevelNavigation(r))
	return err
}

// sent is a request of the corpus, with its answer.
type sent struct {
	t      *testing.T
	header [][2]string
	peer   string
	log    testLog
}

// do sends the row's headers to the kit.
func (s *sent) do(method, path, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := request(method, path)
	r.RemoteAddr = s.peer
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/json")
	}
	first := true
	for _, pair := range s.header {
		switch {
		case pair[0] == "Host":
			r.Host = pair[1]
		case pair[0] == "Content-Type" && first:
			r.Header.Set(pair[0], pair[1])
			first = false
		default:
			r.Header.Add(pair[0], pair[1])
		}
	}
	s.log.Reset()
	return serve(kit(s.t, &s.log, probe), r)
}

// TestForwardedCorpus sends every row of forwarded_abuse.tsv through the whole
// chain. Most headers must change nothing; the others have a check of their own.
func TestForwardedCorpus(t *testing.T) {
	checks := map[string]func(s *sent, row []string){
		"Host":             checkHost,
		"X-Forwarded-For":  checkForwardedFor,
		"X-Request-ID":     checkRequestID,
		"Origin":           func(s *sent, _ []string) { s.status("POST", "/json", "{}", 403) },
		"Content-Type":     func(s *sent, _ []string) { s.status("POST", "/json", "{}", 415) },
		"Content-Encoding": func(s *sent, _ []string) { s.status("POST", "/form", "a=b", 415); s.status("POST", "/json", "{}", 415) },
		"Accept":           func(s *sent, _ []string) { s.speaks("application/problem+json") },
		"Sec-Fetch-Mode":   checkFetchMode,
		"Purpose":          func(s *sent, _ []string) { s.body("client=192.0.2.1 navigation=false") },
		"Sec-Purpose":      func(s *sent, _ []string) { s.body("client=192.0.2.1 navigation=false") },
		"Upgrade":          func(s *sent, _ []string) { s.status("GET", "/signed-out", "", 401) },
		// net/http decides before us: TestServerSmuggling.
		"Transfer-Encoding": func(*sent, []string) {},
	}
	for _, row := range readTSV(t, "forwarded_abuse.tsv") {
		var header [][2]string
		if err := json.Unmarshal([]byte(row[0]), &header); err != nil {
			t.Fatal(err)
		}
		for _, peer := range map[string][]string{
			"untrusted": {"192.0.2.1:1"}, "trusted": {"10.0.0.5:1"}, "raw-socket": {"192.0.2.1:1"},
			"any": {"192.0.2.1:1", "10.0.0.5:1"}, "untrusted or any": {"192.0.2.1:1", "10.0.0.5:1"},
		}[row[1]] {
			s := &sent{t: t, header: header, peer: peer}
			if check, ok := checks[header[0][0]]; ok {
				check(s, row)
			} else {
				s.unchanged()
			}
		}
	}
}

// unchanged compares the answer with that to a request without the headers.
func (s *sent) unchanged() {
	s.t.Helper()
	for _, path := range []string{"/", "/signed-out", "/nowhere"} {
		got := s.do("GET", path, "")
		logged := s.log.only(s.t)
		plain := &sent{t: s.t, peer: s.peer}
		want := plain.do("GET", path, "")
		if diff := cmp.Diff(comparable(want), comparable(got)); diff != "" {
			s.t.Errorf("%v from %s at %s: (-without +with)\n%s", s.header, s.peer, path, diff)
		}
		wanted := plain.log.only(s.t)
		for key := range maps.Keys(wanted) {
			if key != "user_agent" && key != "time" && key != "request_id" && key != "error_id" && wanted[key] != logged[key] {
				s.t.Errorf("%v from %s at %s: logged %s=%v, without %v", s.header, s.peer, path, key, logged[key], wanted[key])
			}
		}
	}
}

// comparable is an answer without its random error id.
func comparable(w *httptest.ResponseRecorder) []any {
	body, _, _ := strings.Cut(w.Body.String(), "</p>")
	return []any{w.Code, w.Header(), body}
}

func (s *sent) status(method, path, body string, want int) {
	s.t.Helper()
	if w := s.do(method, path, body); w.Code != want {
		s.t.Errorf("%v from %s: %s %s: %d, want %d", s.header, s.peer, method, path, w.Code, want)
	}
}

func (s *sent) speaks(contentType string) {
	s.t.Helper()
	if w := s.do("GET", "/signed-out", ""); w.Code != 401 || w.Header().Get("Content-Type") != contentType || w.Header().Get("Location") != "" {
		s.t.Errorf("%v: %d %v", s.header, w.Code, w.Header())
	}
}

func (s *sent) body(want string) {
	s.t.Helper()
	if got := s.do("GET", "/", "").Body.String(); s.peer == "192.0.2.1:1" && got != want {
		s.t.Errorf("%v from %s: %q, want %q", s.header, s.peer, got, want)
	}
}

// checkHost: our name in any case is served, everything else is refused and not
// repeated.
func checkHost(s *sent, _ []string) {
	host := s.header[0][1]
	want := map[string]int{"evil.com": 421, "AUTH.EXAMPLE.COM": 200}[host]
	if want == 0 {
		want = 400
	}
	s.status("GET", "/", "", want)
	if w := s.do("GET", "/", ""); strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), "evil") {
		s.t.Errorf("Host %q is repeated: %s", host, w.Body)
	}
}

// checkForwardedFor: an untrusted peer's is ignored; a trusted one's is read from
// the right, and one that is no address counts for nothing.
func checkForwardedFor(s *sent, _ []string) {
	peer, _, _ := strings.Cut(s.peer, ":")
	if want := "client=" + peer + " "; s.header[0][1] != "127.0.0.1, 10.0.0.1" {
		if got := s.do("GET", "/", "").Body.String(); !strings.HasPrefix(got, want) {
			s.t.Errorf("%v from %s: %q, want %q", s.header, s.peer, got, want)
		}
		return
	}
	if got := s.do("GET", "/", "").Body.String(); !strings.HasPrefix(got, "client=127.0.0.1 ") {
		s.t.Errorf("%v from %s: %q", s.header, s.peer, got)
	}
}

func checkRequestID(s *sent, _ []string) {
	w := s.do("GET", "/", "")
	if id := s.log.only(s.t)["request_id"]; id == s.header[0][1] || strings.Contains(fmt.Sprint(w.Header()), s.header[0][1]) {
		s.t.Errorf("X-Request-ID %.20q is taken over", s.header[0][1])
	}
}

func checkFetchMode(s *sent, _ []string) {
	if s.header[0][1] == "navigate" {
		s.speaks("text/html; charset=utf-8")
		return
	}
	s.speaks("application/problem+json")
}

// oversize says how to build a row of oversize.tsv and what may answer it.
type oversize struct {
	build   func(n int) string
	fits    int // the largest n that is served; above it, refused is the answer
	refused []int
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: auth.example.com\r\n" }

func posting(path, contentType, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: " + contentType +
		"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

var oversizes = map[string]oversize{
	"request line": {func(n int) string { return get("/?x="+strings.Repeat("a", n)) + "\r\n" }, 7990, []int{414, 431}},
	"header value": {func(n int) string { return get("/") + "X-A: " + strings.Repeat("a", n) + "\r\n\r\n" }, 7990, []int{431}},
	"header count": {func(n int) string { return get("/") + numbered("X-%d: v\r\n", n) + "\r\n" }, 80, []int{431}},
	"cookie header": {func(n int) string {
		return get("/") + "Cookie: " + strings.TrimSuffix(numbered("c%d=v; ", n), "; ") + "\r\n\r\n"
	}, 400, []int{431}},
	"form body":       {func(n int) string { return posting("/form", formType, "login="+strings.Repeat("a", n)) }, 65530, []int{413}},
	"json body depth": {func(n int) string { return posting("/json", "application/json", strings.Repeat("[", n)) }, 0, []int{400, 413}},
	"json body keys": {func(n int) string {
		return posting("/json", "application/json", "{"+strings.TrimSuffix(numbered(`"k%d":1,`, n), ",")+"}")
	}, 0, []int{400, 413}},
	"form fields": {func(n int) string { return posting("/form", formType, strings.TrimSuffix(numbered("a%d=1&", n), "&")) }, 64, []int{413}},
	"multipart": {func(n int) string {
		return posting("/form", "multipart/form-data; boundary=x", strings.Repeat("--x\r\n\r\n\r\n", n)+"--x--")
	}, 0, []int{413, 415}},
	"path segments": {func(n int) string { return get(strings.Repeat("/a", n)) + "\r\n" }, 0, []int{404, 414, 431}},
	"query pairs":   {func(n int) string { return get("/?"+strings.Repeat("a=1&", n)) + "\r\n" }, 99, []int{400, 414, 431}},
}

// notOurs are the rows that other packages answer, and where the others are tested.
var notOurs = map[string]string{
	"slow headers": "TestServerTimeouts", "slow body": "TestServerTimeouts", "idle keep-alive": "TestServerIdleTimeout",
	"percent-encoding": "TestDecodedOnce", "return_to": "TestReturnToBounds", "X-Request-ID": "TestRequestID",
	"upstream JWKS": "zitadelclient", "upstream discovery": "zitadelclient", "userinfo claims": "session",
	"state cookies": "session", "sessions per user": "session",
}

func TestOversizeCorpus(t *testing.T) {
	withServer(t, kit(t, new(testLog), probe), func(t *testing.T, l *pipeListener) {
		for _, row := range readTSV(t, "oversize.tsv") {
			limit, ok := oversizes[row[0]]
			if !ok {
				if notOurs[row[0]] == "" {
					t.Errorf("%s: nobody tests this row", row[0])
				}
				continue
			}
			for size := range strings.SplitSeq(row[2], ",") {
				n, err := strconv.Atoi(size)
				if err != nil {
					t.Fatal(err)
				}
				n = min(n, 2_000_000) // larger changes nothing but the duration
				limit.check(t, l, row[0], n)
			}
			if limit.fits > 0 {
				limit.check(t, l, row[0], limit.fits)
			}
		}
	})
}

func (o oversize) check(t *testing.T, l *pipeListener, what string, n int) {
	t.Helper()
	want := o.refused
	if n <= o.fits {
		want = []int{200}
	}
	if status := exchange(t, l, o.build(n)); !slices.Contains(want, status) {
		t.Errorf("%s, %d: %d, want one of %v", what, n, status, want)
	}
}

// TestDecodedOnce: what is encoded several times is decoded once.
func TestDecodedOnce(t *testing.T) {
	encoded := "%2F"
	for level := range 10 {
		form, err := Form(post(formType, "a="+encoded), 1)
		want := strings.Replace(encoded, "%25", "%", 1)
		if level == 0 {
			want = "/"
		}
		if err != nil || form.Get("a") != want {
			t.Errorf("level %d: %q, %v, want %q", level+1, form.Get("a"), err, want)
		}
		target, err := mustOrigins(t, appOrigins).ReturnTo(appOrigins + "/" + encoded)
		if err != nil || target.String() != appOrigins+"/"+encoded {
			t.Errorf("level %d: %q, %v", level+1, target, err)
		}
		encoded = strings.Replace(encoded, "%", "%25", 1)
	}
}
