package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/web"
)

// Every Cookie line of the corpus, through every kind of proxy and in both modes:
// whoever it is for is told apart, everybody else is nobody, and nothing fails
// (CVE-2026-25748).
func TestForwardAuthCookieCorpus(t *testing.T) {
	inBothModes(t, func(t *testing.T, w *world, cookie string) {
		for _, c := range w.cookieCases(cookie) {
			for _, kind := range proxies {
				response := w.ask(kind, nil, question{header: http.Header{"Cookie": {c.line}}})
				lawful(t, response)
				if !slices.Contains(c.allowed, response.StatusCode) {
					t.Errorf("%s: %.60q: %s, want one of %d", kind, c.row, response.Status, c.allowed)
				}
				if response.StatusCode == http.StatusOK && (response.Header.Get("X-Auth-Subject") != w.alice || strings.Contains(response.Header.Get("Cookie"), c.valid)) {
					t.Errorf("%s: %.60q: passes as %v", kind, c.row, response.Header)
				}
			}
		}
	})
}

// flipped is a value with one bit changed.
func flipped(value string) string { return value[:10] + string(value[10]^1) + value[11:] }

// startedSession is the cookie of a session that this manager has started.
func startedSession(t *testing.T, m *session.Manager) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://auth.example.localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := m.StartSession(t.Context(), w, r, session.Session{Subject: "1"}, session.TokenSet{}); err != nil {
			t.Error(err)
		}
	}), r)
	return response.Cookies()[0].Value
}

// Every header of the corpus, sent by a visitor through a proxy that sets its own:
// the answer is what it is without them, but for what says which client it is.
func TestForwardAuthHeaderCorpus(t *testing.T) {
	w := newWorld(t, func(_ *world, cfg *handlers.Config) { cfg.TrustedProxies = networks(t, "10.0.0.0/8") })
	alice := newBrowser(t)
	w.signIn(alice)
	for _, row := range corpus(t, "testdata/forwarded_abuse.tsv") {
		header := http.Header{}
		for _, pair := range pairs(t, row[0]) {
			header.Add(pair[0], pair[1])
		}
		if header.Get("Host") != "" || row[1] == "raw-socket" || header.Get("Transfer-Encoding") != "" {
			continue // decided by net/http, or another test's
		}
		for _, kind := range proxies {
			for _, visitor := range []*browser{nil, alice} {
				visited := navigation()
				for name, values := range header {
					visited[name] = values
				}
				got, want := w.ask(kind, visitor, question{header: visited}), w.ask(kind, visitor, question{header: navigation()})
				lawful(t, got)
				if saysWhatClient(header) && visitor == nil {
					if got.StatusCode != http.StatusUnauthorized && loginURL(t, got) == nil {
						t.Errorf("%s: %s: %s", kind, row[0], got.Status)
					}
					continue
				}
				if len(row[0]) < 2000 && described(t, got) != described(t, want) {
					t.Errorf("%s, signed in %t: %s\nwith it: %s\nwithout: %s", kind, visitor != nil, row[0], described(t, got), described(t, want))
				}
			}
		}
	}
}

// saysWhatClient is true of headers by which a visitor's client says what it is: they
// choose between a redirect and a 401, and nothing else.
func saysWhatClient(header http.Header) bool {
	for _, name := range []string{"Accept", "Sec-Fetch-Mode", "Upgrade", "Purpose", "Sec-Purpose", "X-Requested-With"} {
		if header.Get(name) != "" {
			return true
		}
	}
	return false
}

// The same headers as if the proxy itself had sent them, which it does when it is set
// up wrongly: nobody passes who is not signed in, nobody is led off the list, and who
// is signed in is themselves.
func TestForwardAuthMisledProxy(t *testing.T) {
	w := newWorld(t, func(_ *world, cfg *handlers.Config) { cfg.TrustedProxies = networks(t, "10.0.0.0/8") })
	alice := newBrowser(t)
	w.signIn(alice)
	for _, row := range corpus(t, "testdata/forwarded_abuse.tsv") {
		raw, host := http.Header{}, ""
		for _, pair := range pairs(t, row[0]) {
			if pair[0] == "Host" {
				host = pair[1]
				continue
			}
			raw[http.CanonicalHeaderKey(pair[0])] = append(raw[http.CanonicalHeaderKey(pair[0])], pair[1])
		}
		for _, kind := range proxies {
			for _, from := range []string{"10.0.0.5:1", "192.0.2.1:1"} {
				for _, visitor := range []*browser{nil, alice} {
					response := w.ask(kind, visitor, question{header: navigation(), raw: raw, host: host, from: from})
					lawful(t, response)
					passes := response.StatusCode == http.StatusOK
					if passes && (visitor == nil || from != "10.0.0.5:1" || response.Header.Get("X-Auth-Subject") != w.alice || response.Header.Get("Authorization") != "") {
						t.Errorf("%s from %s, signed in %t: %s passes: %v", kind, from, visitor != nil, row[0], response.Header)
					}
					if response.StatusCode >= 500 {
						t.Errorf("%s: %s: %s", kind, row[0], response.Status)
					}
					if to := loginURL(t, response); to != nil && (!strings.HasPrefix(to.String(), w.auth+"/login?") || !strings.HasPrefix(to.Query().Get("return_to"), w.app+"/")) {
						t.Errorf("%s: %s leads to %s", kind, row[0], to)
					}
				}
			}
		}
	}
}

// Headers that a proxy has to set, missing, empty, or given twice: 400, so that a
// proxy that is set up wrongly shows at once, and lets nobody pass.
func TestForwardAuthWantsOneOfEach(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for kind, names := range map[string][]string{
		"nginx":   {"X-Original-Url", "X-Original-Method"},
		"traefik": {"X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"},
		"caddy":   {"X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"},
	} {
		for _, name := range names {
			sent := w.questionOf(kind, b, question{}).Header[name]
			for what, values := range map[string][]string{"missing": nil, "empty": {""}, "given twice": {sent[0], sent[0]}, "joined": {sent[0] + ", " + sent[0]}} {
				response := w.ask(kind, b, question{raw: http.Header{name: values}})
				// A joined address is an odd one of the same app.
				if want := response.StatusCode; want != http.StatusBadRequest && !(what == "joined" && (name == "X-Forwarded-Uri" || name == "X-Original-Url")) {
					t.Errorf("%s: %s %s: %s", kind, name, what, response.Status)
				}
				lawful(t, response)
			}
		}
	}
}

// What is asked about is decided by session and rule alone: no path, query, fragment
// or spelling of one makes a difference (CVE-2026-40575, CVE-2026-41059,
// GHSA-7rh7-c77v-6434, GHSA-6jwx-7vp4-9847, CVE-2021-32637).
func TestForwardAuthLooksAtNoPath(t *testing.T) {
	w := newWorld(t, rules(t, `{"staff": {"any_role": ["staff"]}}`))
	b := newBrowser(t)
	w.signIn(b)
	for _, uri := range []string{
		"/healthz", "/readyz", "/public", "/public/../admin", "/private?path=/public", "/foo/secret%23/bar", "/foo#/public", "//public", "/%2e%2e/public", "/a%2fb", "/a;x=/public",
		"/%00", "/\\public", "/.well-known/acme-challenge/x", "/robots.txt", "/auth/nginx/default", "/login", "/favicon.ico", "/\x7f", "/%zz", "?", "", "/" + strings.Repeat("../", 500),
	} {
		for _, kind := range proxies {
			if uri == "" && kind != "nginx" {
				continue // no request that such a proxy makes
			}
			for name, answers := range map[string][2]int{"default": {401, 200}, "staff": {401, 403}} {
				for i, visitor := range []*browser{nil, b} {
					q := question{rule: name, uri: uri}
					if uri == "" {
						q.uri = "/"
					}
					if got := w.ask(kind, visitor, q).StatusCode; got != answers[i] {
						t.Errorf("%s: %q by %q, signed in %t: %d, want %d", kind, uri, name, visitor != nil, got, answers[i])
					}
				}
			}
		}
	}
}

// The app's host in capitals is the app (CVE-2026-48794), with a dot at its end, a
// port of its own or a neighbour's it is not.
func TestForwardAuthHosts(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	app := strings.TrimPrefix(w.app, "http://")
	name, port, _ := strings.Cut(app, ":")
	for host, want := range map[string]int{
		app: 200, strings.ToUpper(app): 200, name + ".:" + port: 400, name: 403, name + ":1": 403, name + ":0" + port: 400, name + ":evil": 400,
		"evil." + app: 403, "evil" + app: 403, app + ".evil.example.org": 400, app + "@evil.example.org": 400, "user@" + app: 400, "[::1]:" + port: 403,
		strings.TrimPrefix(w.auth, "http://"): 403, "app.example.localhost\u200b": 400, "ａpp.example.localhost:" + port: 400, "localhost": 403,
	} {
		for _, kind := range proxies {
			if got := w.ask(kind, b, question{host: host}).StatusCode; got != want {
				t.Errorf("%s: host %q: %d, want %d", kind, host, got, want)
			}
		}
	}
}

// More cookies than a browser keeps are refused before anybody looks at them.
func TestForwardAuthOversize(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, kind := range proxies {
		response := w.ask(kind, b, question{header: http.Header{"Cookie": {strings.Repeat("a=1; ", web.MaxCookies)}}})
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: %s", kind, response.Status)
		}
		lawful(t, response)
	}
}

// What an app and its siblings make a browser send is theirs to limit: it keeps nobody
// out who is signed in, and nobody who is not in.
func TestForwardAuthTakesLargeRequests(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, kind := range proxies {
		for name, q := range large() {
			response := w.ask(kind, b, q)
			if response.StatusCode != http.StatusOK || response.Header.Get("X-Auth-Subject") != w.alice {
				t.Errorf("%s: %s: %s", kind, name, response.Status)
			}
			lawful(t, response)
			response = w.ask(kind, nil, q)
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %s: a stranger is told %s", kind, name, response.Status)
			}
			lawful(t, response)
		}
	}
}

// An app's address is the app's to limit: Envoy, which asks at ours with the visitor's
// behind it, passes on whatever the app takes. A stranger comes back to the first page.
func TestForwardAuthTakesAnyAddress(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for name, uri := range map[string]string{
		"many fields":  "/inbox?" + strings.Repeat("a=1&", 1000),
		"a long query": "/inbox?q=" + strings.Repeat("a", 60_000),
		"a long path":  "/" + strings.Repeat("a", 60_000),
	} {
		ask := func(b *browser) *http.Response {
			header := w.questionOf("envoy", b, question{header: navigation()}).Header
			return w.askAt("http://torhaus/auth/envoy/default", http.MethodGet, uri, strings.TrimPrefix(w.app, "http://"), header)
		}
		response := ask(b)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, response.Status)
		}
		lawful(t, response)
		response = ask(nil)
		if to := loginURL(t, response); to == nil || to.Query().Get("return_to") != w.app+"/" {
			t.Errorf("%s: a stranger is sent to %v: %s", name, to, response.Status)
		}
		lawful(t, response)
	}
}

// Whatever stands in what proxies send, there is an answer: no stranger passes, and
// nobody is sent elsewhere.
func FuzzForwardAuthOriginal(f *testing.F) {
	for _, row := range corpus(f, "testdata/own.return_to.tsv") {
		f.Add("app.example.localhost", row[0], "GET")
	}
	f.Add("app.example.localhost:8500", "/a?b#c", "POST")
	f.Add("evil.example.org", "//evil.example.org/\\", "get")
	var w *world
	borrow("world", func(t *testing.T) { w = newWorld(t) })
	f.Fuzz(func(t *testing.T, host, uri, method string) {
		for _, kind := range proxies {
			r := w.questionOf(kind, nil, question{header: navigation()})
			switch kind {
			case "nginx":
				r.Header["X-Original-Url"], r.Header["X-Original-Method"] = []string{"https://" + host + uri}, []string{method}
			case "envoy":
				r.Method, r.Host = method, host
				r.RequestURI = "/auth/envoy/default" + uri
			default:
				r.Header["X-Forwarded-Host"], r.Header["X-Forwarded-Uri"], r.Header["X-Forwarded-Method"] = []string{host}, []string{uri}, []string{method}
			}
			response := serve(w.last.ForwardAuth(), r)
			if response.StatusCode < 300 || response.StatusCode >= 500 {
				t.Errorf("%s: host %q, address %q, method %q: %s", kind, host, uri, method, response.Status)
			}
			if to := loginURL(t, response); to != nil && (!strings.HasPrefix(to.String(), w.auth+"/login?") || !strings.HasPrefix(to.Query().Get("return_to"), w.app+"/")) {
				t.Errorf("%s: host %q, address %q leads to %s", kind, host, uri, to)
			}
		}
	})
}

// pairs reads the headers of a row.
func pairs(t *testing.T, raw string) (list [][2]string) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// described is an answer without its random error id.
func described(t *testing.T, response *http.Response) string {
	t.Helper()
	header := response.Header.Clone()
	text, _, _ := strings.Cut(body(t, response), "Error id")
	response.Body = http.NoBody
	if strings.Contains(text, "error_id") {
		var problem map[string]any
		if err := json.Unmarshal([]byte(text), &problem); err != nil {
			t.Fatal(err)
		}
		delete(problem, "error_id")
		text = asJSON(t, problem)
	}
	return fmt.Sprint(response.StatusCode, header, text)
}

// The published holes of forward authentication, one a row, as they were exploited
// elsewhere: what a stranger sends, what somebody without the role sends, and that
// neither passes; and what of it alice's own requests carry on to her app.
func TestForwardAuthAdvisories(t *testing.T) {
	w := newWorld(t, rules(t, `{"staff": {"any_role": ["staff"]}}`))
	alice := newBrowser(t)
	w.signIn(alice)
	for name, header := range map[string]http.Header{
		"CVE-2026-40575, GHSA-7x63: an address that needs no sign-in": {"X-Forwarded-Uri": {"/healthz"}},
		"GHSA-5wcc: an original address that the proxy does not set":  {"X-Original-Uri": {"/public"}, "X-Rewrite-Url": {"/public"}},
		"CVE-2026-34457, GHSA-5hvv: the name of a health check":       {"User-Agent": {"GoogleHC/1.0"}},
		"GHSA-6384: a prefix of the visitor's":                        {"X-Forwarded-Prefix": {"/public"}},
		"CVE-2026-39858, GHSA-5m6w: underscores for dashes":           {"X_forwarded_uri": {"/public"}, "X_forwarded_host": {"evil.example.org"}, "X_auth_subject": {"1"}},
		"CVE-2025-64484, GHSA-vjrc: identity with underscores":        {"X_auth_subject": {"1"}, "X_auth_roles": {"staff"}},
		"CVE-2026-30851, GHSA-7r4p: identity that is not overwritten": {"X-Auth-Subject": {"1"}, "X-Auth-Roles": {"staff"}, "X-Auth-Assertion": {"x"}, "Authorization": {"Bearer x"}},
		"CVE-2024-45410, CVE-2025-48865: headers taken out":           {"Connection": {"X-Forwarded-Host, X-Forwarded-Uri, X-Forwarded-For, X-Original-Url, X-Auth-Subject"}},
		"CVE-2023-36456: an address of the visitor's choice":          {"X-Real-Ip": {"127.0.0.1"}, "Cf-Connecting-Ip": {"127.0.0.1"}, "Forwarded": {"for=127.0.0.1;host=evil.example.org"}},
		"CVE-2024-47070: an address that is none":                     {"X-Forwarded-For": {"a"}, "X-Real-Ip": {"[::1"}},
		"a method of the visitor's choice":                            {"X-Http-Method-Override": {"OPTIONS"}, "X-Forwarded-Method-Override": {"GET"}},
	} {
		for _, kind := range proxies {
			for _, test := range []struct {
				who  *browser
				rule string
				want int
			}{{nil, "", 401}, {nil, "staff", 401}, {alice, "staff", 403}, {alice, "", 200}} {
				visitor := header.Clone()
				response := w.ask(kind, test.who, question{rule: test.rule, header: visitor})
				lawful(t, response)
				if response.StatusCode != test.want {
					t.Errorf("%s: %s, signed in %t, rule %q: %s", name, kind, test.who != nil, test.rule, response.Status)
				}
				if test.want == 200 && (response.Header.Get("X-Auth-Subject") != w.alice || response.Header.Get("X-Auth-Roles") != "" || response.Header.Get("Authorization") != "") {
					t.Errorf("%s: %s tells the app %v", name, kind, response.Header)
				}
			}
		}
	}
}
