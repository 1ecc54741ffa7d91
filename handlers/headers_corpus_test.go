package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"torhaus/handlers"
)

// trustingTen has the proxies of the corpora be trusted.
func trustingTen(w *world, c *handlers.Config) { c.TrustedProxies = networks(w.t, "10.0.0.0/8") }

// forged is a request to the public listener with headers of somebody's choice.
type forged struct {
	method, path string // default GET
	peer         string
	visitor      *browser // nil: a stranger
	pairs        [][2]string
	body         string // of a form
}

// forge sends it through the whole chain. A page is asked for as a browser goes to one.
func (w *world) forge(f forged) *http.Response {
	w.t.Helper()
	if f.method == "" {
		f.method = http.MethodGet
	}
	r := httptest.NewRequest(f.method, w.auth+f.path, strings.NewReader(f.body))
	r.RemoteAddr = f.peer
	if !strings.HasPrefix(f.path, "/session") {
		r.Header = navigation()
	}
	if f.method != http.MethodGet {
		r.Header.Set("Origin", w.auth)
		r.Header.Set("Content-Type", map[bool]string{true: "application/json", false: formType}[f.body == ""])
	}
	if f.visitor != nil {
		for _, c := range f.visitor.jar.Cookies(w.parse(w.auth)) {
			r.AddCookie(c)
		}
	}
	replaced := map[string]bool{}
	for _, pair := range f.pairs {
		if name := http.CanonicalHeaderKey(pair[0]); name == "Host" {
			r.Host = pair[1]
		} else {
			if !replaced[name] {
				delete(r.Header, name)
			}
			replaced[name] = true
			r.Header[name] = append(r.Header[name], pair[1])
		}
	}
	response := serve(w.server.Config.Handler, r)
	response.Request = r
	auditCookies(w.t, response)
	return response
}

// randomly is what differs between two answers to the same request.
var randomly = regexp.MustCompile(`attempt-[a-z2-7]+=[^;]+|a=[a-z2-7]{10}|"error_id":"\w+"|(Error id|Fehler-ID).{0,40}?[A-Z2-7]{10}|name="(turn|a)" value="\w+"|[A-Z2-7]{10}`)

// answerTo is all of an answer but what is random.
func (w *world) answerTo(response *http.Response) string {
	w.t.Helper()
	return randomly.ReplaceAllString(fmt.Sprint(response.StatusCode, response.Header, body(w.t, response)), "…")
}

// triedAt are the addresses that headers are tried at.
func (w *world) triedAt() []string {
	return []string{"/session?slide=false", "/login?return_to=" + url.QueryEscape(w.app+"/inbox"), "/logout", "/nowhere"}
}

// Every header of the corpus at pages and endpoints, from a stranger's address and from
// a proxy's, signed in and not: the answer is what it is without them. The others have
// a check of their own; nothing of what is sent is ever repeated.
func TestForwardedCorpus(t *testing.T) {
	checks := map[string]func(*world, forged, string){
		"Host":             checkHost,
		"X-Forwarded-For":  checkForwardedFor,
		"X-Request-Id":     checkRequestID,
		"Origin":           func(w *world, f forged, _ string) { w.refusesWrites(f, http.StatusForbidden) },
		"Content-Type":     func(w *world, f forged, _ string) { w.refusesWrites(f, http.StatusUnsupportedMediaType) },
		"Content-Encoding": func(w *world, f forged, _ string) { w.refusesWrites(f, http.StatusUnsupportedMediaType) },
		"Accept":           checkScript,
		"Sec-Fetch-Mode":   checkScript,
		"Upgrade":          checkScript,
		"Purpose":          checkPrefetch,
		"Sec-Purpose":      checkPrefetch,
		// On the wire it is no header: web.TestServerSmuggling.
		"Transfer-Encoding": func(*world, forged, string) {},
	}
	w := newWorld(t, trustingTen)
	alice := newBrowser(t)
	w.signIn(alice)
	rows := 0
	for _, row := range corpus(t, "testdata/forwarded_abuse.tsv") {
		peers := map[string][]string{"untrusted": {"192.0.2.1:1"}, "trusted": {"10.0.0.5:1"}, "raw-socket": {"192.0.2.1:1"}}[row[1]]
		if strings.HasSuffix(row[1], "any") {
			peers = []string{"192.0.2.1:1", "10.0.0.5:1"}
		}
		for _, peer := range peers {
			for _, visitor := range []*browser{nil, alice} {
				rows++
				f := forged{peer: peer, visitor: visitor, pairs: pairs(t, row[0])}
				if check := checks[http.CanonicalHeaderKey(f.pairs[0][0])]; check != nil {
					check(w, f, row[0])
				} else {
					w.unchanged(f)
				}
			}
		}
	}
	if rows < 180 {
		t.Errorf("only %d tries", rows)
	}
	w.alone(map[string]*browser{"alice": alice}, nil)
	for line := range strings.Lines(w.log()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a header has written into the log: %s", line)
		}
	}
}

// unchanged fails where the headers make a difference.
func (w *world) unchanged(f forged) {
	w.t.Helper()
	for _, f.path = range w.triedAt() {
		plain := f
		plain.pairs = nil
		w.zitadel.Advance(2 * second) // none of this is about limits
		got, want := w.answerTo(w.forge(f)), w.answerTo(w.forge(plain))
		if got != want {
			w.t.Errorf("%s with %.80q from %s, signed in %t:\n%s\nwithout:\n%s", f.path, f.pairs, f.peer, f.visitor != nil, got, want)
		}
	}
}

// checkHost: our own name in any case is served, every other is refused and not repeated.
func checkHost(w *world, f forged, _ string) {
	name, port, _ := strings.Cut(strings.TrimPrefix(w.auth, "http://"), ":")
	host := f.pairs[0][1]
	want, known := map[string]int{
		"evil.com": 421, "auth.example.com:evil": 400, "auth.example.com@evil.com": 400, "": 400, "AUTH.EXAMPLE.COM": 200, "auth.example.com.": 400,
	}[host]
	if !known {
		w.t.Errorf("nothing is known of the host %q", host)
	}
	switch host {
	case "auth.example.com.":
		host = name + ".:" + port
	case "AUTH.EXAMPLE.COM":
		host = strings.ToUpper(name) + ":" + port
	default:
		host = strings.Replace(host, "auth.example.com", name, 1)
	}
	f.pairs = [][2]string{{"Host", host}}
	if want == http.StatusOK {
		w.unchanged(f)
		return
	}
	for _, f.path = range w.triedAt() {
		response := w.forge(f)
		if got := w.answerTo(response); response.StatusCode != want || strings.Contains(got, "evil") || response.Header.Get("Set-Cookie") != "" {
			w.t.Errorf("%s at host %q: %s, want %d", f.path, host, got, want)
		}
	}
}

// checkForwardedFor: an untrusted peer's is ignored, a trusted one's is read from the
// right, and one that is no address counts for nothing.
func checkForwardedFor(w *world, f forged, _ string) {
	w.unchanged(f)
	want, _, _ := strings.Cut(f.peer, ":")
	if f.pairs[0][1] == "127.0.0.1, 10.0.0.1" {
		want = "127.0.0.1"
	}
	if got := w.clientOf(f); got != want {
		w.t.Errorf("%v from %s: the client is %s, want %s", f.pairs, f.peer, got, want)
	}
}

// clientOf is whom the log, and so each limit, takes for the client.
func (w *world) clientOf(f forged) string { return w.lineOf(f, "client_ip") }

// lineOf is a field of the line that a request leaves in the log.
func (w *world) lineOf(f forged, field string) string {
	w.t.Helper()
	f.path = "/nowhere"
	before := len(w.log())
	w.forge(f)
	var line map[string]any
	w.must(json.Unmarshal([]byte(w.log()[before:]), &line))
	text, _ := line[field].(string)
	return text
}

func checkRequestID(w *world, f forged, _ string) {
	w.unchanged(f)
	if got := w.lineOf(f, "request_id"); got == "" || got == f.pairs[0][1] {
		w.t.Errorf("the request id is %.30q", got)
	}
}

// refusesWrites tries everything that changes something.
func (w *world) refusesWrites(f forged, want int) {
	w.t.Helper()
	for _, write := range []forged{{method: "POST", path: "/session/refresh"}, {method: "DELETE", path: "/sessions"}, {method: "POST", path: "/logout", body: "a=b"}, {method: "POST", path: "/loginname", body: "a=b"}} {
		f.method, f.path, f.body = write.method, write.path, write.body
		if f.pairs[0][0] == "Content-Encoding" && f.body == "" {
			f.body = "{}" // there is something to unpack
			f.pairs = append(f.pairs, [2]string{"Content-Type", "application/json"})
		}
		if f.pairs[0][0] == "Content-Type" && f.body == "a=b" {
			f.visitor = nil // who has an attempt is told the same, but only then
		}
		if response := w.forge(f); response.StatusCode != want && !(f.path == "/loginname" && response.StatusCode == http.StatusGone) {
			w.t.Errorf("%s %s with %q: %s, want %d", f.method, f.path, f.pairs, response.Status, want)
		}
	}
}

// checkScript: whoever says that it is no navigation is told in a document, never
// redirected to a page; and a navigation gets one.
func checkScript(w *world, f forged, _ string) {
	for _, f.path = range []string{"/session", "/nowhere", "/sessions"} {
		response := w.forge(f)
		person := strings.Contains(fmt.Sprint(f.pairs), "navigate") || f.pairs[0][0] == "Upgrade"
		script := strings.HasPrefix(f.path, "/session") || !person && f.pairs[0][0] != "Accept"
		if script && strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") || response.Header.Get("Location") != "" {
			w.t.Errorf("%s with %q: %s %v", f.path, f.pairs, response.Status, response.Header)
		}
		if f.visitor == nil && f.path != "/nowhere" && response.StatusCode != http.StatusUnauthorized {
			w.t.Errorf("%s with %q: %s", f.path, f.pairs, response.Status)
		}
	}
}

// checkPrefetch: what nobody looks at begins no sign-in, and ends none.
func checkPrefetch(w *world, f forged, _ string) {
	for _, f.path = range []string{"/logout", w.triedAt()[1]} {
		response := w.forge(f)
		if response.Header.Get("Set-Cookie") != "" || response.Header.Get("Clear-Site-Data") != "" || f.path != "/logout" && response.StatusCode != http.StatusForbidden {
			w.t.Errorf("%s with %q: %s %v", f.path, f.pairs, response.Status, response.Header)
		}
	}
}

// Every row of the corpus of X-Forwarded-For, as the log and so each limit has it.
func TestClientAddressCorpus(t *testing.T) {
	trusting, alone := newWorld(t, trustingTen), newWorld(t)
	for _, row := range corpus(t, "testdata/xff_parsing.tsv") {
		w := map[string]*world{"none": alone, "10.0.0.0/8": trusting}[row[3]]
		f := forged{peer: row[1] + ":1234", pairs: [][2]string{{"X-Forwarded-For", row[0]}}}
		if row[0] == "" {
			f.pairs = nil
		}
		if len(row[0]) > 7000 {
			continue // over the limit of a header: 431
		}
		if got := w.clientOf(f); got != row[2] {
			t.Errorf("%.60q from %s: %s, want %s (%s)", row[0], row[1], got, row[2], row[4])
		}
	}
}

// No name by which an app is told who somebody is makes a visitor anybody: not at our
// own pages, nor at a proxy's question.
func TestIdentityHeadersChangeNothing(t *testing.T) {
	w := newWorld(t, trustingTen)
	alice := newBrowser(t)
	w.signIn(alice)
	names := slices.DeleteFunc(spoofed(t), func(name string) bool { return strings.EqualFold(name, "cookie") })
	for some := range slices.Chunk(names, 60) {
		for _, peer := range []string{"192.0.2.1:1", "10.0.0.5:1"} {
			for _, visitor := range []*browser{nil, alice} {
				f := forged{peer: peer, visitor: visitor}
				header := http.Header{}
				for _, name := range some {
					f.pairs = append(f.pairs, [2]string{name, "1"})
					header[name] = []string{"1"}
				}
				w.unchanged(f)
				for _, kind := range proxies {
					response := w.ask(kind, visitor, question{header: header})
					lawful(t, response)
					if passes := response.StatusCode == http.StatusOK; passes != (visitor != nil) || passes && response.Header.Get("X-Auth-Subject") != w.alice {
						t.Errorf("%s, signed in %t: %s %v with %v", kind, visitor != nil, response.Status, response.Header, some)
					}
				}
			}
		}
	}
}
