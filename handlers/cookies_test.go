package handlers_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/web"
)

// hostOnly has no cookie reach any server but torhaus's own, on whose host the app is
// served, too.
func hostOnly(w *world, c *handlers.Config) {
	apps, err := web.ParseOrigins(w.app + "," + w.auth)
	w.must(err)
	c.AppOrigins = apps
	c.Sessions = w.sessions(func(s *session.Config) { s.CookieDomain = "" })
}

// shared is how worlds are made otherwise.
func shared(*world, *handlers.Config) {}

// modes are the two ways to set the session's cookie, by its name.
var modes = map[string]func(*world, *handlers.Config){"__Secure-torhaus": shared, "__Host-torhaus": hostOnly}

// inBothModes runs a test with either session cookie.
func inBothModes(t *testing.T, test func(t *testing.T, w *world, cookie string)) {
	for cookie, mode := range modes {
		t.Run(cookie, func(t *testing.T) { test(t, newWorld(t, mode), cookie) })
	}
}

// noting keeps what torhaus answers to a browser.
type noting struct {
	http.RoundTripper
	host    string
	answers []*http.Response
}

func (n *noting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.RoundTripper.RoundTrip(r)
	if err == nil && r.URL.Host == n.host {
		n.answers = append(n.answers, response)
	}
	return response, err
}

// noted is a browser whose answers are kept.
func (w *world) noted() (*browser, *noting) {
	b := newBrowser(w.t)
	n := &noting{RoundTripper: b.client.Transport, host: w.parse(w.auth).Host}
	b.client.Transport = n
	return b, n
}

// cookies are those that were set, and those that were cleared.
func (n *noting) cookies() (set, cleared []*http.Cookie) {
	for _, answer := range n.answers {
		for _, c := range answer.Cookies() {
			if c.MaxAge < 0 {
				cleared = append(cleared, c)
			} else {
				set = append(set, c)
			}
		}
	}
	return set, cleared
}

// named are the cookies whose names begin so.
func named(cookies []*http.Cookie, prefix string) []*http.Cookie {
	return slices.DeleteFunc(slices.Clone(cookies), func(c *http.Cookie) bool { return !strings.HasPrefix(c.Name, prefix) })
}

// everyCookie is a browser that has been given every cookie that there is: signed in,
// remembered, signed in once more with a second factor, in another language, come to the
// callback, sent back with an error, and signed out.
func (w *world) everyCookie() (*browser, *noting) {
	w.t.Helper()
	b, n := w.noted()
	w.signInRemembered(b)
	secret := w.zitadel.AddTOTP(w.alice)
	b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/otp/time-based").
		fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/vault")
	b.open(w.auth + "/loginname?lang=de")
	b.open(w.auth + "/login?prompt=none&max_age=0&return_to=" + w.app + "/quiet")
	b.open(w.auth + "/logout").fill(nil).at("/logout/done")
	return b, n
}

// sessionCookieRule: its attributes are the same in both modes but for the Domain, and
// the name says which it is.
func sessionCookieRule(t *testing.T, w *world, cookie string) {
	_, n := w.everyCookie()
	plain, notedPlain := w.noted()
	w.atPassword(plain)
	set, _ := n.cookies()
	domain := map[string]string{"__Secure-torhaus": "example.localhost", "__Host-torhaus": ""}[cookie]
	found := named(set, cookie)
	if other, _ := notedPlain.cookies(); len(found) < 2 || len(named(set, "__Secure-")) != len(named(found, "__Secure-")) || len(named(other, cookie)) != 0 {
		t.Fatalf("set were %v", set)
	}
	for _, c := range found {
		if c.Name != cookie || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != domain || c.MaxAge < 0 {
			t.Errorf("%s", c.Raw)
		}
		if len(c.Value) > 100 || len(decodedLayers(c.Value)) < 32 {
			t.Errorf("%d bytes, of which %d decode", len(c.Value), len(decodedLayers(c.Value)))
		}
	}
}

// attemptCookieRule: one an attempt, for half an hour, gone when the attempt is,
// whether it ended well or not.
func attemptCookieRule(t *testing.T, w *world, _ string) {
	const name = "__Host-attempt-"
	b, n := w.noted()
	w.signIn(b)
	if left := named(b.jar.Cookies(w.parse(w.auth)), name); len(left) != 0 {
		t.Errorf("after a sign-in there is %v", left)
	}
	b.open(w.auth + "/login?prompt=none&max_age=0&return_to=" + w.app + "/quiet").at("/quiet")
	newcomer, noted := w.noted()
	newcomer.open(w.authorizeURL("&prompt=none")).at("/cb")
	for _, b := range []*browser{b, newcomer} {
		if left := named(b.jar.Cookies(w.parse(w.auth)), name); len(left) != 0 {
			t.Errorf("after a refusal there is %v", left)
		}
	}
	b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/1")
	b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/2")
	n.answers = append(n.answers, noted.answers...)
	set, _ := n.cookies()
	names := map[string]bool{}
	for _, c := range named(set, name) {
		names[c.Name] = true
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 || c.MaxAge > 1800 {
			t.Errorf("%s", c.Raw)
		}
	}
	if len(names) < 3 {
		t.Errorf("attempts share a cookie: %v", names)
	}
}

// sizeRule: no cookie is larger than a browser keeps.
func sizeRule(t *testing.T, w *world, _ string) {
	_, n := w.everyCookie()
	set, cleared := n.cookies()
	for _, c := range append(set, cleared...) {
		if len(c.Raw) > 4096 || len(c.Name)+len(c.Value) > 300 {
			t.Errorf("%d bytes: %s", len(c.Raw), c.Name)
		}
	}
}

// headerSizeRule: twenty sign-ins that were left do not add up to more than servers read.
func headerSizeRule(t *testing.T, w *world, _ string) {
	b := newBrowser(t)
	w.signInRemembered(b)
	for range 20 {
		b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/left")
	}
	r := httptest.NewRequest(http.MethodGet, w.auth, nil)
	for _, c := range b.jar.Cookies(w.parse(w.auth)) {
		r.AddCookie(c)
	}
	if line := r.Header.Get("Cookie"); len(line) > 8<<10 || len(r.Header["Cookie"]) != 1 {
		t.Errorf("the header has %d bytes", len(line))
	}
	b.open(w.auth + "/login?prompt=login&return_to=" + w.app + "/inbox").with(http.StatusOK)
}

// deletionRule: what is cleared has the name and attributes of what was set, or it
// would stay.
func deletionRule(t *testing.T, w *world, cookie string) {
	b, n := w.everyCookie()
	set, cleared := n.cookies()
	for _, prefix := range []string{cookie, "__Host-accounts", "__Host-attempt-"} {
		if len(named(cleared, prefix)) == 0 {
			t.Errorf("no %s was cleared: %v", prefix, cleared)
		}
	}
	for _, c := range cleared {
		before := slices.IndexFunc(set, func(s *http.Cookie) bool {
			// An attempt that ends with the request that began it was never set.
			return s.Name == c.Name || strings.HasPrefix(s.Name, "__Host-attempt-") && strings.HasPrefix(c.Name, "__Host-attempt-")
		})
		if before < 0 {
			t.Errorf("%s was never set", c.Raw)
			continue
		}
		was := set[before]
		if c.Domain != was.Domain || c.Path != was.Path || c.Secure != was.Secure || c.HttpOnly != was.HttpOnly || c.SameSite != was.SameSite || !strings.Contains(c.Raw, "Max-Age=0") || c.Value != "" {
			t.Errorf("%s was set as %s", c.Raw, was.Raw)
		}
	}
	for _, c := range b.jar.Cookies(w.parse(w.auth)) {
		if c.Name != "__Host-locale" {
			t.Errorf("%s is left in the browser", c.Name)
		}
	}
}

// troubleRule: trouble with the store is no word on who is signed in, anywhere.
func troubleRule(t *testing.T, w *world, _ string) {
	b := newBrowser(t)
	w.signIn(b)
	broken := &brokenStore{Store: w.store, broken: true}
	for cookie, mode := range modes {
		if b.cookie(w.auth, cookie) != "" {
			w.store = broken
			w.server.Config.Handler.(*swapHandler).swap(w.handler(mode))
		}
	}
	for _, e := range append(endpoints, endpoint{"GET", "/login?prompt=login"}, endpoint{"GET", "/logout"}, endpoint{"GET", "/signedin"}, endpoint{"GET", "/accounts"}) {
		if got := w.script(b, e.method, e.path, "Sec-Fetch-Mode", map[bool]string{true: "cors", false: "navigate"}[strings.HasPrefix(e.path, "/session")]); got.status != http.StatusServiceUnavailable || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: %d %v", e.method, e.path, got.status, got.header["Set-Cookie"])
		}
	}
	page := b.do(http.MethodPost, w.auth+"/logout", url.Values{})
	_ = page.Body.Close()
	if page.StatusCode != http.StatusServiceUnavailable || page.Header.Get("Set-Cookie") != "" {
		t.Errorf("POST /logout: %d %v", page.StatusCode, page.Header["Set-Cookie"])
	}
	broken.broken = false
	w.alone(map[string]*browser{"here": b}, nil)
}

// cacheRule: no cache gives one visitor's cookie to another.
func cacheRule(t *testing.T, w *world, _ string) {
	_, n := w.everyCookie()
	setting := 0
	for _, answer := range n.answers {
		if len(answer.Cookies()) == 0 {
			continue
		}
		if setting++; answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", answer.Request.URL.Path, answer.Header)
		}
	}
	if setting < 6 {
		t.Errorf("only %d answers set a cookie", setting)
	}
}

// opaqueRule: nothing can be read in a cookie, however it is decoded.
func opaqueRule(t *testing.T, w *world, cookie string) {
	b, n := w.noted()
	w.signInRemembered(b)
	planted := []string{"alice", "Alice", "example.com", w.alice, "editor", "{", "eyJ"}
	if cookie == "__Secure-torhaus" {
		for name, secret := range w.heldFor(b).secrets {
			if !strings.HasPrefix(name, "cookie ") {
				planted = append(planted, secret)
			}
		}
	}
	set, _ := n.cookies()
	for _, c := range set {
		for _, secret := range planted {
			if text := c.Value + " " + decodedLayers(c.Value); len(secret) > 3 && strings.Contains(text, secret) || strings.Contains(c.Value, secret) {
				t.Errorf("%s shows %q", c.Name, secret)
			}
		}
	}
	if len(set) < 3 {
		t.Errorf("only %v", set)
	}
}

var base64ish = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`)

// decodedLayers is what base64 hides in a value, a few layers deep.
func decodedLayers(value string) (all string) {
	for range 3 {
		var next strings.Builder
		for _, part := range base64ish.FindAllString(value, -1) {
			for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
				raw, _ := encoding.DecodeString(part[:len(part)/4*4])
				next.Write(raw)
				next.WriteByte(' ')
			}
		}
		value = next.String()
		all += value
	}
	return all
}

// cookieRules are the rows of the corpus, by the cookie and how its rule begins.
var cookieRules = map[string]func(*testing.T, *world, string){
	"session: Secure; HttpOnly; SameSite=Lax|Strict":                sessionCookieRule,
	"login transaction / state: __Host- prefix":                     attemptCookieRule,
	"any: name+value <= 4096 bytes":                                 sizeRule,
	"any: total Cookie header <= 8 KB after 20":                     headerSizeRule,
	"deletion: same Name, Domain, Path, Secure":                     deletionRule,
	"any on 401 due to Redis error: NO deletion":                    troubleRule,
	"any: never set by a cacheable response":                        cacheRule,
	"any: no token, email, name or role readable after base64-deco": opaqueRule,
}

// Every rule of the corpus, on real answers, with either session cookie.
func TestSetCookieRules(t *testing.T) {
	held := 0
	for _, row := range corpusOf(t, "testdata/set_cookie_rules.tsv", 8) {
		for rule, hold := range cookieRules {
			if strings.HasPrefix(row[0]+": "+row[1], rule) {
				held++
				t.Run(rule, func(t *testing.T) { inBothModes(t, func(t *testing.T, w *world, cookie string) { hold(t, w, cookie) }) })
			}
		}
	}
	if held != len(cookieRules) || held < 8 {
		t.Errorf("%d rules are held to of %d", held, len(cookieRules))
	}
}

// Host-only: the app's own servers and siblings are sent nothing, and all else is as
// with a shared cookie: sign-in, step-up, refresh, proxies, sign-out.
func TestHostOnlyCookie(t *testing.T) {
	w := newWorld(t, hostOnly)
	b := newBrowser(t)
	w.signIn(b)
	value := b.cookie(w.auth, "__Host-torhaus")
	if value == "" || b.cookie(w.auth, "__Secure-") != "" {
		t.Fatalf("the browser has %v", b.jar.Cookies(w.parse(w.auth)))
	}
	if others := b.jar.Cookies(w.parse(w.app)); len(others) != 0 {
		t.Errorf("the app's host is sent %v", others)
	}
	for _, e := range endpoints {
		if e.method != "DELETE" {
			if got := w.script(b, e.method, e.path); got.status != http.StatusOK {
				t.Errorf("%s %s: %d %s", e.method, e.path, got.status, got.body)
			}
		}
	}
	for _, kind := range proxies {
		for cookies, want := range map[string]int{
			"__Host-torhaus=" + value + "; theme=dark": 200, "__Secure-torhaus=" + value: 401, "__Host-torhaus=" + value + "; __Host-torhaus=x": 401,
			"__Host-torhaus=" + value + "; __Secure-torhaus=x; __Secure-torhaus=y": 200, "__host-torhaus=" + value: 401, "=__Host-torhaus=" + value: 401, "": 401,
		} {
			response := w.ask(kind, nil, question{host: strings.TrimPrefix(w.auth, "http://"), header: http.Header{"Cookie": {cookies}}})
			lawful(t, response)
			if response.StatusCode != want || strings.Contains(response.Header.Get("Cookie"), value) {
				t.Errorf("%s with %.40s: %s, to the app %q", kind, cookies, response.Status, response.Header.Get("Cookie"))
			}
		}
	}
	secret := w.zitadel.AddTOTP(w.alice)
	b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/otp/time-based").
		fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/vault")
	stepped := b.cookie(w.auth, "__Host-torhaus")
	w.nobody("__Host-torhaus="+value, "the id from before the step-up")
	b.open(w.auth + "/logout").fill(nil).at("/logout/done")
	w.nobody("__Host-torhaus="+stepped, "after the sign-out")
	if left := b.cookie(w.auth, "__Host-torhaus"); left != "" || stepped == value {
		t.Errorf("the browser keeps %q", left)
	}
}

// nobody fails unless a Cookie line is nobody's, and touches no cookie.
func (w *world) nobody(line, why string) {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, w.auth+"/session", nil)
	r.Header.Set("Cookie", line)
	if response := serve(w.server.Config.Handler, r); response.StatusCode != http.StatusUnauthorized || response.Header.Get("Set-Cookie") != "" {
		w.t.Errorf("%s: %s %v", why, response.Status, response.Header["Set-Cookie"])
	}
}

// A session is of the domain that it was made for: on the same store, with the same
// keys, its value is nobody's under another domain, nor in the other mode.
func TestSessionOfAnotherDomain(t *testing.T) {
	w := newWorld(t)
	values := map[string]string{}
	domains := []string{"example.localhost", "auth.example.localhost", ""}
	handler := map[string]http.Handler{}
	for _, domain := range domains {
		handler[domain] = w.handler(func(w *world, c *handlers.Config) {
			c.Sessions = w.sessions(func(s *session.Config) { s.CookieDomain = domain })
		})
		w.server.Config.Handler.(*swapHandler).swap(handler[domain])
		b := newBrowser(t)
		w.signIn(b)
		values[domain] = b.cookie(w.auth, "__Secure-torhaus") + b.cookie(w.auth, "__Host-torhaus")
	}
	for made, value := range values {
		for used, h := range handler {
			r := httptest.NewRequest(http.MethodGet, w.auth+"/session", nil)
			name := map[bool]string{true: "__Host-torhaus", false: "__Secure-torhaus"}[used == ""]
			r.AddCookie(&http.Cookie{Name: name, Value: value})
			want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[made == used]
			if got := serve(h, r).StatusCode; got != want {
				t.Errorf("made for %q, used at %q: %d, want %d", made, used, got, want)
			}
		}
	}
}

// Another key in front ends no session, and a key that is dropped ends those that it
// sealed, and no others.
func TestCookieKeysRotate(t *testing.T) {
	w := newWorld(t)
	old, next := w.key, session.GenerateKey()
	with := func(keys ...session.Key) {
		w.server.Config.Handler.(*swapHandler).swap(w.handler(func(w *world, c *handlers.Config) {
			c.Sessions = w.sessions(func(s *session.Config) { s.Keys = keys })
		}))
	}
	before, after := newBrowser(t), newBrowser(t)
	w.signIn(before)
	begun := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).at("/password")
	with(old, next)
	w.alone(map[string]*browser{"before": before}, nil)
	with(next, old)
	w.signIn(after)
	begun.typePassword(password).at("/inbox")
	w.alone(map[string]*browser{"before": before, "after": after, "begun before": begun.b}, nil)
	with(next)
	w.alone(map[string]*browser{"after": after, "begun before": begun.b}, map[string]*browser{"before": before})
}

// A value is good as what it was set as, letter for letter, and as nothing else.
func TestCookieValuesAreGoodOnceOver(t *testing.T) {
	inBothModes(t, func(t *testing.T, w *world, cookie string) {
		b := newBrowser(t)
		w.signIn(b)
		begun := newBrowser(t)
		begun.open(w.auth + "/login?return_to=" + w.app + "/inbox")
		var attempt string
		for _, c := range begun.jar.Cookies(w.parse(w.auth)) {
			attempt = c.Name
		}
		value, accounts := b.cookie(w.auth, cookie), b.cookie(w.auth, "__Host-accounts")
		for at := range len(value) {
			for bit := range 7 {
				flipped := value[:at] + string(value[at]^1<<bit) + value[at+1:]
				w.nobody(cookie+"="+flipped, "flipped")
			}
		}
		for why, line := range map[string]string{
			"accounts as a session": cookie + "=" + accounts, "an attempt as a session": cookie + "=" + begun.cookie(w.auth, attempt),
			"a session as accounts": "__Host-accounts=" + value, "a session as an attempt": attempt + "=" + value,
		} {
			w.nobody(line, why)
		}
		for _, line := range []string{"__Host-accounts=" + value, attempt + "=" + value, attempt + "=" + accounts, "__Host-accounts=" + begun.cookie(w.auth, attempt)} {
			for _, path := range []string{"/accounts", "/signedin", "/password/change", "/loginname?a=" + strings.TrimPrefix(attempt, "__Host-attempt-")} {
				r := httptest.NewRequest(http.MethodGet, w.auth+path, nil)
				r.Header = navigation()
				r.Header.Set("Cookie", line)
				response := serve(w.server.Config.Handler, r)
				if text := body(t, response); response.StatusCode >= 500 || strings.Contains(text, "Alice") {
					t.Errorf("%s with %.30s…: %s\n%s", path, line, response.Status, text)
				}
			}
		}
		w.alone(map[string]*browser{"the value itself": b}, nil)
		w.zitadel.Advance(13 * time.Hour)
		w.alone(nil, map[string]*browser{"when its time is over": b})
	})
}
