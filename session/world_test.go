package session

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// browser keeps cookies as a browser does, by name.
type browser struct{ cookies map[string]string }

func newBrowser() *browser { return &browser{cookies: map[string]string{}} }

// request is the browser's next request.
func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://auth.example.com/", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36")
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		r.AddCookie(&http.Cookie{Name: name, Value: b.cookies[name]})
	}
	return r
}

// take does what a response says, and fails the test when a cookie is set twice
// or lacks an attribute that all of ours have.
func (b *browser) take(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range w.Result().Cookies() {
		if seen[c.Name] {
			t.Errorf("%s is set twice in one response", c.Name)
		}
		seen[c.Name] = true
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
			t.Errorf("attributes of %q", c.Raw)
		}
		if strings.HasPrefix(c.Name, "__Host-") && c.Domain != "" {
			t.Errorf("a __Host- cookie with a domain: %q", c.Raw)
		}
		if len(c.Raw) > 400 {
			t.Errorf("%s takes %d bytes", c.Name, len(c.Raw))
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
}

// shorts are the names of the attempts that the browser has a cookie of.
func (b *browser) shorts() (shorts []string) {
	for name := range b.cookies {
		if short, ok := strings.CutPrefix(name, attemptPrefix); ok {
			shorts = append(shorts, short)
		}
	}
	return shorts
}

// testKeys are keys that differ from test to test only where asked for.
func testKeys(t testing.TB, n int) Keys {
	t.Helper()
	var keys Keys
	for range n {
		keys = append(keys, GenerateKey())
	}
	return keys
}

// testManager makes a manager on a store. change may be nil.
func testManager(t testing.TB, store Store, change func(*Config)) *Manager {
	t.Helper()
	cfg := Config{Store: store, Keys: testKeys(t, 1), Environment: "test", CookieDomain: "example.com"}
	if change != nil {
		change(&cfg)
	}
	m, err := NewManager(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// memoryWorld is a manager on the embedded store, with a clock for both.
func memoryWorld(t *testing.T, change func(*Config)) (*Manager, *clock) {
	t.Helper()
	c := newClock()
	return testManager(t, NewMemory(c.Now), func(cfg *Config) {
		cfg.Now = c.Now
		if change != nil {
			change(cfg)
		}
	}), c
}

// alice is a session as a sign-in makes it, with everything of usual length.
func alice() (Session, TokenSet) {
	return Session{
			Subject: "346511890217304067", Name: "Alice Wonderland", Email: "alice@planted.example.com",
			OrganizationID: "346511889965776899", Roles: []string{"editor", "viewer"}, Methods: []string{"pwd"},
			AuthTime: time.Date(2026, 11, 22, 7, 59, 0, 0, time.UTC), ZitadelSession: "346511903119245315",
			Issuer: "https://id.example.com", IP: "203.0.113.77",
		}, TokenSet{
			AccessToken:  "planted-access-" + strings.Repeat("a", 80),
			RefreshToken: "planted-refresh-" + strings.Repeat("r", 80),
			Expires:      time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC),
		}
}

// signIn starts alice's session in a browser and returns it as read back.
func signIn(t testing.TB, m *Manager, b *browser) *Session {
	t.Helper()
	s, tokens := alice()
	w := httptest.NewRecorder()
	if _, err := m.StartSession(t.Context(), w, b.request(), s, tokens); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	got, err := m.Peek(t.Context(), b.request())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// startAttempt starts an attempt in a browser.
func startAttempt(t *testing.T, m *Manager, b *browser, a Attempt) *Attempt {
	t.Helper()
	w := httptest.NewRecorder()
	started, err := m.StartAttempt(t.Context(), w, b.request(), a)
	if err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	return started
}

// remember adds an account to a browser.
func remember(t *testing.T, m *Manager, b *browser, a Account, persistent bool) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := m.RememberAccount(t.Context(), w, b.request(), a, persistent); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	return w
}

// accounts are the browser's accounts.
func accounts(t *testing.T, m *Manager, b *browser) Accounts {
	t.Helper()
	found, err := m.Accounts(t.Context(), b.request())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// live counts the records that have not ended.
func live(m *Manager) (records int) {
	for _, record := range m.store.(*Memory).records {
		if record.ends > m.now().UnixNano() {
			records++
		}
	}
	return records
}

// readCorpus reads a file of testdata: fields between tabs, each the body of a
// JSON string, behind one line of column names.
func readCorpus(t *testing.T, name string) (rows [][]string) {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") || lines.Text() == "" {
			continue
		}
		var row []string
		for _, field := range strings.Split(lines.Text(), "\t") {
			var text string
			if err := json.Unmarshal([]byte(`"`+field+`"`), &text); err != nil {
				t.Fatalf("%s: field %q: %v", name, field, err)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return rows
}
