package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// The law of forward authentication: who asks for what, and what a proxy is told.
// Every row is tried by every kind of proxy.
func TestForwardAuthLaw(t *testing.T) {
	w := newWorld(t, rules(t, `{"staff": {"any_role": ["staff"]}, "elsewhere": {"organization": "1"}, "vault": {"mfa": true}}`))
	stranger, alice := newBrowser(t), newBrowser(t)
	w.signIn(alice)
	for _, row := range []struct {
		name   string
		q      question
		nobody int // 303 stands for being sent to sign in, by 401 where nginx asks
		alice  int
	}{
		{"a page", question{header: navigation()}, 303, 200},
		{"a page of an old browser", question{header: http.Header{"Accept": {"text/html"}}}, 303, 200},
		{"a client that says nothing", question{}, 401, 200},
		{"curl", question{header: http.Header{"Accept": {"*/*"}}}, 401, 200},
		{"an API client", question{header: http.Header{"Accept": {"application/json"}}}, 401, 200},
		{"a fetch", question{header: fetched()}, 401, 200},
		{"XMLHttpRequest of old", question{header: http.Header{"Accept": {"text/html"}, "X-Requested-With": {"XMLHttpRequest"}}}, 401, 200},
		{"an image", question{header: http.Header{"Accept": {"image/*"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}}, 401, 200},
		{"a frame", question{header: http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}}, 401, 200},
		{"a prefetch", question{header: with(navigation(), "Sec-Purpose", "prefetch")}, 401, 200},
		{"a form", question{method: "POST", header: navigation()}, 401, 200},
		{"a PUT", question{method: "PUT", header: fetched()}, 401, 200},
		{"HEAD", question{method: "HEAD", header: navigation()}, 401, 200},
		{"a preflight", question{method: "OPTIONS", header: http.Header{"Access-Control-Request-Method": {"PUT"}, "Origin": {w.app}}}, 401, 200},
		{"WebDAV", question{method: "VERSION-CONTROL"}, 401, 200},
		{"a WebSocket", question{header: http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Key": {"x"}, "Accept": {"text/html"}}}, 401, 200},
		{"a WebSocket whose Upgrade the proxy keeps", question{header: http.Header{"Sec-Websocket-Key": {"x"}, "Accept": {"text/html"}}}, 401, 200},
		{"a health check", question{header: http.Header{"User-Agent": {"GoogleHC/1.0"}}}, 401, 200},
		{"a probe", question{uri: "/healthz", header: http.Header{"User-Agent": {"kube-probe/1.30"}}}, 401, 200},
		{"TRACE", question{method: "TRACE"}, 400, 400},
		{"CONNECT", question{method: "CONNECT"}, 400, 400},
		{"no method", question{method: "get"}, 400, 400},
		{"another host", question{host: "evil.example.org", header: navigation()}, 403, 403},
		{"a host without form", question{host: "app.example.localhost@evil.example.org", header: navigation()}, 400, 400},
		{"a role that is lacking", question{rule: "staff", header: navigation()}, 303, 403},
		{"another organization", question{rule: "elsewhere", header: navigation()}, 303, 403},
		{"a factor that is lacking", question{rule: "vault", header: navigation()}, 303, 303},
		{"a factor that is lacking, to a fetch", question{rule: "vault", header: fetched()}, 401, 401},
		{"no such rule", question{rule: "nothing", header: navigation()}, 404, 404},
		{"no rule", question{rule: "%20"}, 404, 404},
		{"a rule spelled otherwise", question{rule: "DEFAULT"}, 404, 404},
		{"a rule, escaped", question{rule: "def%61ult"}, 404, 404},
	} {
		for _, kind := range proxies {
			for visitor, want := range map[*browser]int{stranger: row.nobody, alice: row.alice} {
				response := w.ask(kind, visitor, row.q)
				redirected := want == 303
				if redirected && kind == "nginx" {
					want = 401
				}
				if response.StatusCode != want {
					t.Errorf("%s: %s, signed in %t: %d, want %d", kind, row.name, visitor == alice, response.StatusCode, want)
				}
				if to := loginURL(t, response); (to != nil) != redirected {
					t.Errorf("%s: %s, signed in %t: sent to %v", kind, row.name, visitor == alice, to)
				}
				lawful(t, response)
			}
		}
	}
}

// with adds a header.
func with(header http.Header, name, value string) http.Header {
	header.Set(name, value)
	return header
}

// An address that is none of a kind of proxy and a rule is nobody's.
func TestForwardAuthAddresses(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, path := range []string{
		"/auth", "/auth/", "/auth/nginx", "/auth/nginx/", "/auth/nginx/default/", "/auth/nginx/default/more", "/auth/nginx//default", "/auth/haproxy/default",
		"/auth/NGINX/default", "/auth/nginx/../nginx/default", "/auth/traefik/default/..", "/auth/envoy", "/auth/envoy/", "/auth//default", "/auth/envoy/defaultpath",
		"/auth/envoy/%2e%2e/default", "/auth/nginx/default%2f..", "/auth/nginx/default%00", "/auth/nginx/default;x",
	} {
		for _, kind := range proxies {
			r := w.questionOf(kind, b, question{header: navigation()})
			r.RequestURI = path
			if response := serve(w.last.ForwardAuth(), r); response.StatusCode != http.StatusNotFound {
				t.Errorf("%s as %s: %d, want 404", path, kind, response.StatusCode)
			}
		}
	}
	// On the listener that browsers reach there is none of it.
	b.open(w.auth + "/auth/nginx/default").with(http.StatusNotFound)
}

// What a proxy is told of whoever may pass: everything there is to know, spelled so
// that it survives, and an empty header where there is nothing (CVE-2026-30851).
func TestForwardAuthIdentity(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	_, who := w.session(b)
	for _, kind := range proxies {
		response := w.ask(kind, b, question{header: http.Header{"Authorization": {"Bearer forged"}, "X-Auth-Roles": {"admin"}}})
		lawful(t, response)
		for name, want := range map[string]any{
			"X-Auth-Subject": w.alice, "X-Auth-Name": "Alice Example", "X-Auth-Email": "alice@example.com",
			"X-Auth-Organization": who["organization"], "X-Auth-Roles": "", "X-Auth-Assertion": "", "Authorization": "", "Cookie": "",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", kind, name, got, want)
			}
		}
		if text := body(t, response); text != "" || response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s with the body %q", kind, response.Status, text)
		}
	}
}

// Names are in any script, and in a header nonetheless: no byte of them ends it.
func TestForwardAuthEncodesIdentity(t *testing.T) {
	w := newWorld(t)
	for i, name := range []struct{ given, family, want string }{
		{"Jürgen", "Groß, Dr.", "J%C3%BCrgen Gro%C3%9F%2C Dr."},
		{"李", "小龍", "%E6%9D%8E %E5%B0%8F%E9%BE%8D"},
		{"Robert\r\nX-Auth-Roles: admin", "T;100%", "Robert%0D%0AX-Auth-Roles%3A admin T%3B100%25"},
		{"a+b", "o'neil\u2028", "a%2Bb o%27neil%E2%80%A8"},
	} {
		login := string(rune('a'+i)) + "user"
		w.zitadel.AddUser(zitadeltest.UserSeed{UserName: login, GivenName: name.given, FamilyName: name.family, Email: login + "@example.com", EmailVerified: true, Password: password})
		b := newBrowser(t)
		b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": login}).fill(map[string]string{"password": password}).at("/inbox")
		response := w.ask("traefik", b, question{})
		lawful(t, response)
		if got := response.Header.Get("X-Auth-Name"); got != name.want {
			t.Errorf("X-Auth-Name is %q, want %q", got, name.want)
		}
	}
}

// Whoever is not signed in is sent to sign in for all that the rule asks for, and
// back to where they wanted to go; at an absolute address of ours.
func TestForwardAuthSendsToLogin(t *testing.T) {
	w := newWorld(t, rules(t, `{"all": {"mfa": true, "max_age": "15m", "organization": "34", "any_role": ["x"]}}`))
	for _, kind := range proxies {
		for _, test := range []struct{ uri, back string }{
			{"/inbox?a=1&b=%20", "/inbox?a=1&b=%20"},
			{"/", "/"},
			{"//evil.example.org/", "//evil.example.org/"}, // of the app's own host
			{"/a/../b;c=d//e%2f", "/a/../b;c=d//e%2f"},
			{"/ü", "/%C3%BC"},
			{"/a\\b", "/"}, // browsers take it for a slash
			{"/" + strings.Repeat("a", 3000), "/"},
		} {
			to := loginURL(t, w.ask(kind, nil, question{rule: "all", uri: test.uri, header: navigation()}))
			if to == nil {
				t.Fatalf("%s: %q: sent nowhere", kind, test.uri)
			}
			query := to.Query()
			if got := to.Scheme + "://" + to.Host + to.Path; got != w.auth+"/login" {
				t.Errorf("%s: sent to %s", kind, to)
			}
			if got := query.Get("return_to"); got != w.app+test.back {
				t.Errorf("%s: %q leads back to %q, want %q", kind, test.uri, got, test.back)
			}
			if query.Get("mfa") != "true" || query.Get("max_age") != "900" || query.Get("organization") != "34" || len(query) != 4 {
				t.Errorf("%s: asked for %v", kind, query)
			}
		}
	}
}

// A script is told in a document, and where to sign in; where to come back to is
// for it to add.
func TestForwardAuthTellsScripts(t *testing.T) {
	w := newWorld(t, rules(t, `{"vault": {"mfa": true}}`))
	b := newBrowser(t)
	w.signIn(b)
	for _, kind := range proxies {
		for kindOfProblem, q := range map[string]question{
			"urn:torhaus:error.unauthorized": {header: fetched()},
			"urn:torhaus:error.step_up":      {rule: "vault", header: fetched()},
		} {
			who, next := (*browser)(nil), w.auth+"/login"
			if q.rule != "" {
				who, next = b, w.auth+"/login?mfa=true"
			}
			response := w.ask(kind, who, q)
			var problem map[string]any
			if err := json.Unmarshal([]byte(body(t, response)), &problem); err != nil {
				t.Fatal(err)
			}
			if problem["type"] != kindOfProblem || problem["status"] != 401.0 || problem["next"] != next || response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %v", kind, problem)
			}
			if kind != "nginx" { // which passes no answer on
				kindOfProblem, next = "", ""
			}
			if header := response.Header; header.Get("X-Auth-Problem") != kindOfProblem || header.Get("X-Auth-Next") != next || header.Get("X-Auth-Login") != "" {
				t.Errorf("%s: told by headers: %v", kind, header)
			}
		}
	}
	challenge := w.ask("caddy", b, question{rule: "vault", header: fetched()}).Header.Get("WWW-Authenticate")
	if !strings.Contains(challenge, `error="insufficient_user_authentication"`) {
		t.Errorf("the challenge of a step-up is %q", challenge)
	}
}

// A person whose proxy passes our answer on reads a few lines, in their language.
func TestForwardAuthTellsPeople(t *testing.T) {
	w, broken := newBreakableWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	broken.broken = true
	response := w.ask("traefik", b, question{header: with(navigation(), "Accept-Language", "de")})
	text := body(t, response)
	if response.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") || !strings.Contains(text, "nicht") {
		t.Errorf("%s: %s", response.Status, text)
	}
}

// Trouble with the store is 503 with Retry-After, never a yes and never "not signed
// in"; when it is over, the same cookie is good.
func TestForwardAuthStoreTrouble(t *testing.T) {
	w, broken := newBreakableWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	broken.broken = true
	for _, kind := range proxies {
		for _, header := range []http.Header{navigation(), fetched()} {
			response := w.ask(kind, b, question{header: header})
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || loginURL(t, response) != nil {
				t.Errorf("%s: %s %v", kind, response.Status, response.Header)
			}
			lawful(t, response)
		}
	}
	broken.broken = false
	if response := w.ask("nginx", b, question{}); response.StatusCode != http.StatusOK {
		t.Errorf("after the trouble: %s", response.Status)
	}
}

// A session that has ended lets nobody pass: signed out, idle, or over.
func TestForwardAuthEndedSession(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(*browser){
		"signed out": func(b *browser) { b.open(w.auth + "/logout").fill(nil) },
		"idle":       func(*browser) { w.zitadel.Advance(61 * minute) },
		"used until its end": func(b *browser) {
			for range 24 {
				w.zitadel.Advance(31 * minute)
				w.ask("nginx", b, question{})
			}
		},
	} {
		b, cookie := newBrowser(t), newBrowser(t)
		w.signIn(b)
		cookie.header.Set("Cookie", "__Secure-torhaus="+b.cookie(w.auth, "__Secure-torhaus"))
		if response := w.ask("nginx", nil, question{header: cookie.header}); response.StatusCode != http.StatusOK {
			t.Fatalf("%s: before it %s", name, response.Status)
		}
		end(b)
		for _, kind := range proxies {
			if response := w.ask(kind, nil, question{header: cookie.header}); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %s: %s", name, kind, response.Status)
			}
		}
	}
}

// A request that a proxy asks about is a use of the session.
func TestForwardAuthKeepsTheSessionAlive(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for range 5 {
		w.zitadel.Advance(40 * minute)
		if response := w.ask("caddy", b, question{}); response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
	}
}
