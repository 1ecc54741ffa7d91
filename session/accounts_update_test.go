package session

import (
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// update is UpdateAccount of a browser.
func update(t *testing.T, m *Manager, b *browser, a Account) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := m.UpdateAccount(t.Context(), w, b.request(), a); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	return w
}

// TestUpdateAccount: an account that is used again stays under its cookie; one
// that is new to the browser gets another.
func TestUpdateAccount(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "11", ZitadelToken: "first"}, false)
	remember(t, m, b, Account{UserID: "2", ZitadelSession: "22"}, false)
	c.advance(time.Hour)
	want := Account{UserID: "1", DisplayName: "Alice", ZitadelSession: "12", ZitadelToken: "second", Offered: true}
	id := accountsID(t, m, b)
	if w := update(t, m, b, want); len(w.Header()) > 0 {
		t.Errorf("headers %v", w.Header())
	}
	want.Used = m.now()
	if diff := cmp.Diff(&want, accounts(t, m, b).BySession("12"), plainAccount); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	c.advance(11*time.Hour + time.Minute) // beyond the first use
	if found := accounts(t, m, b); users(found) != "1" {
		t.Errorf("accounts %q", users(found))
	}
	update(t, m, b, Account{UserID: "3", ZitadelSession: "33"})
	if found := accounts(t, m, b); users(found) != "1 3" || accountsID(t, m, b) == id {
		t.Errorf("accounts %q, the same cookie: %t", users(found), accountsID(t, m, b) == id)
	}
	stranger := newBrowser()
	update(t, m, stranger, Account{UserID: "3", ZitadelSession: "34"})
	if found := accounts(t, m, stranger); users(found) != "3" {
		t.Errorf("a browser without a cookie: %q", users(found))
	}
}

// TestUpdateAccountPersistence: what the user chose stays, and a cookie that
// outlives the browser is renewed before it ends, though not at each use.
func TestUpdateAccountPersistence(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, true)
	for _, step := range []struct {
		after  time.Duration
		maxAge int // 0: the cookie stays
	}{
		{72 * time.Hour, 0}, {time.Hour, 30 * 24 * 3600}, {time.Hour, 0}, {29 * 24 * time.Hour, 30 * 24 * 3600},
	} {
		c.advance(step.after)
		cookies := update(t, m, b, Account{UserID: "1", ZitadelSession: "1"}).Result().Cookies()
		if step.maxAge == 0 && len(cookies) > 0 || step.maxAge > 0 && (len(cookies) != 1 || cookies[0].MaxAge != step.maxAge) {
			t.Errorf("%v later: cookies %v", step.after, cookies)
		}
	}
	if found := accounts(t, m, b); len(found) != 1 || !found[0].Persistent {
		t.Errorf("accounts %v", found)
	}
}

// TestUpdateKeepsNewestToken: a tab that finishes with what it read at its
// beginning does not bring back a token that another has replaced since.
func TestUpdateKeepsNewestToken(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	for name, test := range map[string]struct {
		meanwhile func()
		change    func(*Account)
		want      Account
	}{
		"nothing happened": {func() {}, func(*Account) {}, Account{ZitadelSession: "1", ZitadelToken: "old"}},
		"another token": {
			func() {
				if err := m.UpdateAccountToken(t.Context(), b.request(), "1", "newest"); err != nil {
					t.Fatal(err)
				}
			}, func(*Account) {}, Account{ZitadelSession: "1", ZitadelToken: "newest"},
		},
		"another session": {
			func() {
				remember(t, m, b, Account{UserID: "1", ZitadelSession: "2", ZitadelToken: "its", Provider: "5"}, false)
			},
			func(*Account) {}, Account{ZitadelSession: "2", ZitadelToken: "its", Provider: "5"},
		},
		"both have another token, and the later one is right": {
			func() {
				if err := m.UpdateAccountToken(t.Context(), b.request(), "1", "newer"); err != nil {
					t.Fatal(err)
				}
			}, func(a *Account) { a.ZitadelToken = "newest" }, Account{ZitadelSession: "1", ZitadelToken: "newest"},
		},
	} {
		remember(t, m, b, Account{UserID: "1", ZitadelSession: "1", ZitadelToken: "old"}, false)
		read := *accounts(t, m, b).BySession("1")
		test.meanwhile()
		test.change(&read)
		read.DisplayName = name
		update(t, m, b, read)
		got := accounts(t, m, b)[0]
		if got.ZitadelSession != test.want.ZitadelSession || got.ZitadelToken != test.want.ZitadelToken || got.Provider != test.want.Provider || got.DisplayName != name {
			t.Errorf("%s: token %q of session %s, %q", name, got.ZitadelToken, got.ZitadelSession, got.DisplayName)
		}
	}
}

// TestDisplacedAccounts: whatever leaves the record is handed back with its
// token, for it is the only copy.
func TestDisplacedAccounts(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	replace := func(a Account) (tokens []string) {
		t.Helper()
		w := httptest.NewRecorder()
		displaced, err := m.RememberAccountReplacing(t.Context(), w, b.request(), a, false)
		if err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		c.advance(time.Second)
		for _, account := range displaced {
			tokens = append(tokens, account.ZitadelToken)
		}
		return tokens
	}
	for i := range 10 {
		id := strconv.Itoa(i)
		if got := replace(Account{UserID: id, ZitadelSession: id, ZitadelToken: "token " + id}); got != nil {
			t.Errorf("account %d displaces %q", i, got)
		}
	}
	for _, test := range []struct {
		name    string
		account Account
		want    []string
	}{
		{"the same session", Account{UserID: "5", ZitadelSession: "5", ZitadelToken: "newer"}, nil},
		{"another session of a user", Account{UserID: "5", ZitadelSession: "55", ZitadelToken: "token 55"}, []string{"newer"}},
		{"an eleventh user", Account{UserID: "10"}, []string{"token 0"}},
		{"in place of one that had no session", Account{UserID: "10", ZitadelSession: "10"}, nil},
	} {
		if got := replace(test.account); !slices.Equal(got, test.want) {
			t.Errorf("%s displaces %q, want %q", test.name, got, test.want)
		}
	}
}

// TestOffered: an account is offered once it has passed the gate, and a sign-in
// of the same user that is begun again does not take that back.
func TestOffered(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	for _, step := range []struct {
		name  string
		do    func()
		wants bool
	}{
		{"begun", func() { remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false) }, false},
		{"finished", func() { update(t, m, b, Account{UserID: "1", ZitadelSession: "1", Offered: true}) }, true},
		{"begun again", func() { remember(t, m, b, Account{UserID: "1", ZitadelSession: "2"}, false) }, true},
		{"updated", func() { update(t, m, b, Account{UserID: "1", ZitadelSession: "2"}) }, true},
		{"another user's is begun", func() { remember(t, m, b, Account{UserID: "2", ZitadelSession: "3"}, false) }, true},
	} {
		step.do()
		account, _ := accounts(t, m, b).byUser("1")
		if account.Offered != step.wants {
			t.Errorf("%s: offered %t", step.name, account.Offered)
		}
	}
	if account, _ := accounts(t, m, b).byUser("1"); account.ZitadelSession != "2" {
		t.Errorf("offered with session %q, not with the one begun last", account.ZitadelSession)
	}
	if other, _ := accounts(t, m, b).byUser("2"); other.Offered {
		t.Error("a user who has finished nothing is offered")
	}
}

// TestRefreshLooksLikeRemember: by its cookie, an answer that remembers nobody
// cannot be told from one that remembers somebody.
func TestRefreshLooksLikeRemember(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	known := newBrowser()
	remember(t, m, known, Account{UserID: "1", ZitadelSession: "1"}, false)
	gone := copyOf(known)
	if err := m.ForgetAccount(t.Context(), httptest.NewRecorder(), gone.request(), "1"); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*browser{"without a cookie": newBrowser(), "with a dead one": gone} {
		shape := func(line string, b *browser) string {
			value := b.cookies[accountsName]
			return strconv.Itoa(len(value)) + line[len(accountsName)+1+len(value):]
		}
		other := copyOf(b)
		w := httptest.NewRecorder()
		if err := m.RefreshAccounts(t.Context(), w, b.request()); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		remembered := remember(t, m, other, Account{UserID: "2", ZitadelSession: "2"}, false)
		if got, want := shape(w.Header().Get("Set-Cookie"), b), shape(remembered.Header().Get("Set-Cookie"), other); got != want {
			t.Errorf("%s: %q, and with an account %q", name, got, want)
		}
		if found := accounts(t, m, b); name == "without a cookie" && len(found) != 0 {
			t.Errorf("%s: accounts %q", name, users(found))
		}
	}
}
