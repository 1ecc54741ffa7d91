package session

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// jar is what the rows of the corpus of Cookie headers talk about.
type jar struct {
	m                                 *Manager
	valid, other, expired, deleted    string // values of the session cookie
	foreign                           string // of another environment with the same keys
	attemptName, attemptValue, handle string
}

func newJar(t *testing.T, domain string) jar {
	t.Helper()
	c := newClock()
	store := NewMemory(c.Now)
	operator := testKeys(t, 1)
	in := func(environment string) *Manager {
		return testManager(t, store, func(cfg *Config) {
			cfg.Keys, cfg.Environment, cfg.CookieDomain, cfg.Now = operator, environment, domain, c.Now
		})
	}
	m := in("test")
	value := func(m *Manager) string {
		b := newBrowser()
		signIn(t, m, b)
		return b.cookies[m.cookieName]
	}
	j := jar{m: m, expired: value(m)}
	c.advance(12 * time.Hour)
	j.valid, j.other, j.deleted, j.foreign = value(m), value(m), value(m), value(in("staging"))
	if _, _, err := m.EndSession(t.Context(), httptest.NewRecorder(), requestWith(m.cookieName+"="+j.deleted)); err != nil {
		t.Fatal(err)
	}
	b := newBrowser()
	a := startAttempt(t, m, b, Attempt{})
	j.attemptName = attemptPrefix + a.Short
	j.attemptValue = b.cookies[j.attemptName]
	s, err := m.Peek(t.Context(), requestWith(m.cookieName+"="+j.valid))
	if err != nil {
		t.Fatal(err)
	}
	j.handle = s.Handle
	return j
}

// requestWith is a request with one Cookie line, sent as it is.
func requestWith(line string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://auth.example.com/", nil)
	r.Header["Cookie"] = []string{line}
	return r
}

// bareName is the name sid where it stands alone.
var bareName = regexp.MustCompile(`(^|[ ;,=])sid( ?=)`)

// line puts our names and live values into a row. In rows about prefixes a bare
// sid is a name without one; elsewhere it is our session cookie.
func (j jar) line(row string) string {
	bare := j.m.cookieName
	if strings.Contains(strings.ToLower(row), "__host-sid") {
		bare = "torhaus"
	}
	row = bareName.ReplaceAllString(row, "${1}"+bare+"${2}")
	return strings.NewReplacer(
		"__Host-sid", hostOnlySession, "__host-sid", strings.ToLower(hostOnlySession), "__Secure-sid", sharedSession,
		"SID=", strings.ToUpper(j.m.cookieName)+"=", "<state cookie value>", j.attemptValue, "valid-of-deleted-session", j.deleted,
		"VALID-of-other-environment", j.foreign, "VALID", j.valid, "OTHER", j.other, "EXPIRED", j.expired,
	).Replace(row)
}

// TestCookieHeaders runs each row of the corpus in both modes, looks at who is
// signed in, and that a sign-out of such a request never fails with more than
// "nobody".
func TestCookieHeaders(t *testing.T) {
	for mode, domain := range map[string]string{"shared": "example.com", "host-only": ""} {
		j := newJar(t, domain)
		for _, row := range readCorpus(t, "cookie_header_abuse.tsv") {
			name := fmt.Sprintf("%s/%.40q", mode, row[0])
			switch header, expected := row[0], row[1]; {
			case header == "sid=VALID-with-one-bit-flipped":
				t.Run(name, j.flipEveryByte)
			case header == "state=<sid cookie value>":
				t.Run(name, j.sessionAsAttempt)
			case strings.Contains(header, "__Host-sid=VALID") && domain != "":
				continue // says what host-only mode does
			default:
				t.Run(name, func(t *testing.T) { j.try(t, j.line(header), expected) })
			}
		}
	}
}

// try sends a line and compares with what the row expects. Where the row leaves
// a choice, either is right, but nothing else.
func (j jar) try(t *testing.T, line, expected string) {
	t.Helper()
	s, err := j.m.Session(t.Context(), requestWith(line))
	anonymous := errors.Is(err, ErrNotFound)
	if err != nil && !anonymous {
		t.Fatalf("error %v", err)
	}
	if s != nil && s.Handle != j.handle {
		t.Fatalf("signed in as somebody else")
	}
	switch {
	case strings.Contains(expected, "or VALID"), strings.Contains(expected, "or same as VALID"):
		if again, _ := j.m.Session(t.Context(), requestWith(line)); (again == nil) != (s == nil) {
			t.Error("answered differently the second time")
		}
	case strings.HasPrefix(expected, "200"), expected == "host cookie wins":
		if anonymous {
			t.Error("nobody is signed in")
		}
	case !anonymous:
		t.Error("somebody is signed in")
	}
	if _, err := j.m.Accounts(t.Context(), requestWith(line)); err != nil {
		t.Errorf("accounts: %v", err)
	}
	if _, err := j.m.Attempts(t.Context(), requestWith(line)); err != nil {
		t.Errorf("attempts: %v", err)
	}
	if anonymous {
		w := httptest.NewRecorder()
		if _, _, err := j.m.EndSession(t.Context(), w, requestWith(line)); !errors.Is(err, ErrNotFound) {
			t.Errorf("sign-out: %v", err)
		}
		if got := len(w.Result().Cookies()); got > 1 || strings.Count(line, j.m.cookieName+"=") > 1 && !strings.Contains(line, ",") && got > 0 {
			t.Errorf("%d cookies cleared", got)
		}
	}
}

func (j jar) flipEveryByte(t *testing.T) {
	for at := range len(j.valid) {
		for bit := range 8 {
			flipped := []byte(j.valid)
			flipped[at] ^= 1 << bit
			if s, err := j.m.Session(t.Context(), requestWith(j.m.cookieName+"="+string(flipped))); !errors.Is(err, ErrNotFound) {
				t.Errorf("byte %d bit %d: %v, %v", at, bit, s, err)
			}
		}
	}
	accepted := oneSpelling(j.valid, len(j.valid)-1, func(value string) bool {
		_, err := j.m.Session(t.Context(), requestWith(j.m.cookieName+"="+value))
		return err == nil
	})
	if accepted != 1 {
		t.Errorf("%d spellings are accepted", accepted)
	}
}

// oneSpelling counts the letters at a place with which a value is accepted: the
// last one carries bits that a lenient base64 does not look at.
func oneSpelling(value string, at int, accept func(string) bool) (accepted int) {
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if accept(value[:at] + string(letter) + value[at+1:]) {
			accepted++
		}
	}
	return accepted
}

func (j jar) sessionAsAttempt(t *testing.T) {
	for _, name := range []string{j.attemptName, attemptPrefix + "aaaaaaaaaa"} {
		if a, err := j.m.Attempt(t.Context(), requestWith(name+"="+j.valid), ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	if found, err := j.m.Accounts(t.Context(), requestWith(accountsName+"="+j.valid)); err != nil || len(found) != 0 {
		t.Errorf("accounts: %v, %v", found, err)
	}
}

// TestSealedCookies: an attempt's or accounts' cookie works under its own name,
// once, unchanged, and in no other way; the store is not even asked.
func TestSealedCookies(t *testing.T) {
	store := &spy{Store: NewMemory(nil)}
	operator := testKeys(t, 1)
	m := testManager(t, store, func(c *Config) { c.Keys = operator })
	staging := testManager(t, store, func(c *Config) { c.Keys, c.Environment = operator, "staging" })
	b := newBrowser()
	a := startAttempt(t, m, b, Attempt{})
	other := startAttempt(t, m, b, Attempt{})
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	attempt, accounts := b.cookies[attemptPrefix+a.Short], b.cookies[accountsName]

	refused := map[string]string{
		"another attempt's name":  attemptPrefix + other.Short + "=" + attempt,
		"a new name":              attemptPrefix + "aaaaaaaaaa=" + attempt,
		"accounts as attempt":     attemptPrefix + a.Short + "=" + accounts,
		"attempt as accounts":     accountsName + "=" + attempt,
		"attempt twice":           attemptPrefix + a.Short + "=" + attempt + "; " + attemptPrefix + a.Short + "=" + attempt,
		"accounts twice":          accountsName + "=" + accounts + "; " + accountsName + "=x",
		"quoted":                  attemptPrefix + a.Short + `="` + attempt + `"; ` + accountsName + `="` + accounts + `"`,
		"another case":            strings.ToLower(attemptPrefix) + a.Short + "=" + attempt,
		"nameless":                "=" + attemptPrefix + a.Short + "=" + attempt,
		"longer":                  attemptPrefix + a.Short + "=" + attempt + "AAAA; " + accountsName + "=" + accounts + "AAAA",
		"much longer":             attemptPrefix + a.Short + "=" + strings.Repeat(attempt, 50),
		"empty":                   attemptPrefix + a.Short + "=; " + accountsName + "=",
		"a name that is too long": attemptPrefix + strings.Repeat("a", 500) + "=" + attempt,
	}
	for _, cookie := range [][2]string{{attemptPrefix + a.Short, attempt}, {accountsName, accounts}} {
		for at := range len(cookie[1]) {
			flipped := []byte(cookie[1])
			flipped[at] ^= 1
			refused[fmt.Sprintf("%s with byte %d flipped", cookie[0], at)] = cookie[0] + "=" + string(flipped)
		}
	}
	store.reads = 0
	check := func(name string, m *Manager, line string) {
		t.Helper()
		for _, short := range []string{"", a.Short, other.Short} {
			if got, err := m.Attempt(t.Context(), requestWith(line), short); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: attempt %v, %v", name, got, err)
			}
		}
		if got, err := m.Accounts(t.Context(), requestWith(line)); err != nil || len(got) != 0 {
			t.Errorf("%s: accounts %v, %v", name, got, err)
		}
	}
	for name, line := range refused {
		check(name, m, line)
	}
	whole := attemptPrefix + a.Short + "=" + attempt + "; " + accountsName + "=" + accounts
	check("another environment", staging, whole)
	if store.reads != 0 {
		t.Errorf("the store was asked %d times", store.reads)
	}
	accepted := oneSpelling(attempt, len(strings.TrimRight(attempt, "="))-1, func(value string) bool {
		_, err := m.Attempt(t.Context(), requestWith(attemptPrefix+a.Short+"="+value), a.Short)
		return err == nil
	})
	if accepted != 1 {
		t.Errorf("%d spellings are accepted", accepted)
	}
	if _, err := m.Attempt(t.Context(), requestWith(whole), a.Short); err != nil {
		t.Errorf("the cookie itself: %v", err)
	}
	if got, err := m.Accounts(t.Context(), requestWith(whole)); err != nil || len(got) != 1 {
		t.Errorf("the accounts cookie itself: %v, %v", got, err)
	}
}

// TestDuplicatesOfAnAttempt: the attempt whose name came twice is not found; one
// whose name came once still is.
func TestDuplicatesOfAnAttempt(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	older := startAttempt(t, m, b, Attempt{})
	c.advance(time.Second)
	newer := startAttempt(t, m, b, Attempt{})
	line := b.request().Header.Get("Cookie") + "; " + attemptPrefix + newer.Short + "=planted"
	if _, err := m.Attempt(t.Context(), requestWith(line), newer.Short); !errors.Is(err, ErrNotFound) {
		t.Errorf("the one that came twice: %v", err)
	}
	if a, err := m.Attempt(t.Context(), requestWith(line), ""); err != nil || a.Short != older.Short {
		t.Errorf("newest of the rest: %v, %v", a, err)
	}
}

// TestDuplicatesClearNothing: clearing would leave the planted one.
func TestDuplicatesClearNothing(t *testing.T) {
	for _, domain := range []string{"example.com", ""} {
		j := newJar(t, domain)
		for _, pair := range [][2]string{{j.valid, j.other}, {j.other, j.valid}, {j.valid, j.valid}, {j.valid, "x"}, {"", j.valid}} {
			line := j.m.cookieName + "=" + pair[0] + "; " + j.m.cookieName + "=" + pair[1]
			w := httptest.NewRecorder()
			if _, _, err := j.m.EndSession(t.Context(), w, requestWith(line)); !errors.Is(err, ErrNotFound) || len(w.Header()) != 0 {
				t.Errorf("sign-out: %v, %v", err, w.Header())
			}
			if _, err := j.m.Session(t.Context(), requestWith(line)); !errors.Is(err, ErrNotFound) {
				t.Errorf("session: %v", err)
			}
		}
		// In two Cookie lines, as HTTP/2 may send them.
		r := requestWith(j.m.cookieName + "=" + j.valid)
		r.Header.Add("Cookie", j.m.cookieName+"="+j.other)
		if _, err := j.m.Session(t.Context(), r); !errors.Is(err, ErrNotFound) {
			t.Errorf("two lines: %v", err)
		}
		if _, err := j.m.Session(t.Context(), requestWith(j.m.cookieName+"="+j.valid)); err != nil {
			t.Errorf("the session was ended: %v", err)
		}
	}
}

// TestConflicting: two cookies of a name are told apart from none and from two
// of somebody else's.
func TestConflicting(t *testing.T) {
	shared, hostOnly := testManager(t, NewMemory(nil), nil), testManager(t, NewMemory(nil), func(c *Config) { c.CookieDomain = "" })
	for _, test := range []struct {
		lines            []string
		shared, hostOnly bool
	}{
		{lines: []string{""}},
		{lines: []string{"__Secure-torhaus=a; __Host-torhaus=b; __Host-accounts=c"}},
		{lines: []string{"__Secure-torhaus=a; __Secure-torhaus=b"}, shared: true},
		{lines: []string{"__Secure-torhaus=a; __Secure-torhaus=a"}, shared: true},
		{lines: []string{"__Secure-torhaus=; x=y; __Secure-torhaus=\"a\""}, shared: true},
		{lines: []string{"__Secure-torhaus=a", "__Secure-torhaus=b"}, shared: true},
		{lines: []string{"__Host-torhaus=a; __Host-torhaus=b"}, hostOnly: true},
		{lines: []string{"__Host-accounts=a; __Host-accounts=b"}, shared: true, hostOnly: true},
		{lines: []string{"theirs=a; theirs=b; __host-accounts=a; __Host-accounts=b"}},
		{lines: []string{"__Host-attempt-aaaaaaaaaa=a; __Host-attempt-aaaaaaaaaa=b"}}, // that attempt is not found; a new one helps
	} {
		r := httptest.NewRequest(http.MethodGet, "https://auth.example.com/", nil)
		r.Header["Cookie"] = test.lines
		if got := shared.Conflicting(r); got != test.shared {
			t.Errorf("%q, shared: %t", test.lines, got)
		}
		if got := hostOnly.Conflicting(r); got != test.hostOnly {
			t.Errorf("%q, host-only: %t", test.lines, got)
		}
	}
}

// TestCookieNames: the name says what the browser holds it to, and a cookie of
// one mode or domain is nobody's in another.
func TestCookieNames(t *testing.T) {
	c := newClock()
	store, operator := NewMemory(c.Now), testKeys(t, 1)
	browsers := map[string]*browser{}
	managers := map[string]*Manager{}
	for domain, want := range map[string]string{
		"":                  "__Host-torhaus=; Path=/; HttpOnly; Secure; SameSite=Lax",
		"example.com":       "__Secure-torhaus=; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax",
		".Example.ORG":      "__Secure-torhaus=; Path=/; Domain=example.org; HttpOnly; Secure; SameSite=Lax",
		"example.localhost": "__Secure-torhaus=; Path=/; Domain=example.localhost; HttpOnly; Secure; SameSite=Lax",
	} {
		m := testManager(t, store, func(cfg *Config) { cfg.Keys, cfg.CookieDomain, cfg.Now = operator, domain, c.Now })
		b, w := newBrowser(), httptest.NewRecorder()
		if _, err := m.StartSession(t.Context(), w, b.request(), Session{Subject: "1"}, TokenSet{}); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		line := w.Header().Get("Set-Cookie")
		if got := strings.Replace(line, b.cookies[m.cookieName], "", 1); got != want {
			t.Errorf("%q: %s", domain, got)
		}
		browsers[domain], managers[domain] = b, m
	}
	for made, b := range browsers {
		for used, m := range managers {
			value := b.cookies[managers[made].cookieName]
			_, err := m.Session(t.Context(), requestWith(m.cookieName+"="+value))
			if made != used && !errors.Is(err, ErrNotFound) || made == used && err != nil {
				t.Errorf("made for %q, used at %q: %v", made, used, err)
			}
		}
	}
}

// TestCookiesShowNothing holds each cookie to set_cookie_rules.tsv: no token,
// address or name is in one, also once decoded.
func TestCookiesShowNothing(t *testing.T) {
	if len(readCorpus(t, "set_cookie_rules.tsv")) == 0 {
		t.Fatal("no rules")
	}
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	fillOther(t, m, b)
	s, tokens := alice()
	values := strings.Join(mapValues(b.cookies), " ")
	for _, value := range mapValues(b.cookies) {
		values += " " + decoded(value)
	}
	for _, secret := range []string{s.Subject, s.Email, s.Name, s.Roles[0], tokens.AccessToken[:10], s.ZitadelSession} {
		if strings.Contains(values, secret) {
			t.Errorf("a cookie shows %q", secret)
		}
	}
}

func mapValues(m map[string]string) (values []string) {
	for value := range maps.Values(m) {
		values = append(values, value)
	}
	return values
}
