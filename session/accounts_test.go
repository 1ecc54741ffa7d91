package session

import (
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var plainAccount = cmpopts.IgnoreUnexported(Account{})

func TestAccountsComeBack(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	if found := accounts(t, m, b); found != nil {
		t.Errorf("accounts of nobody: %v", found)
	}
	alice := Account{UserID: "1", OrganizationID: "2", LoginName: "alice", DisplayName: "Alice", GivenName: "A", FamilyName: "B", ZitadelSession: "11", ZitadelToken: "old"}
	bob := Account{UserID: "3", ZitadelSession: "33", ZitadelToken: "bob's"}
	remember(t, m, b, alice, false)
	c.advance(time.Second)
	remember(t, m, b, bob, false)
	c.advance(time.Second)
	alice.ZitadelSession, alice.ZitadelToken = "12", "new"
	remember(t, m, b, alice, false)
	found := accounts(t, m, b)
	alice.Used, bob.Used = m.now(), m.now().Add(-time.Second)
	if diff := cmp.Diff([]Account{alice, bob}, found.ByUse(), plainAccount); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	if got := found.BySession("12"); got == nil || got.ZitadelToken != "new" {
		t.Errorf("by session: %v", got)
	}
	for _, unknown := range []string{"", "11", "99"} {
		if got := found.BySession(unknown); got != nil {
			t.Errorf("by session %q: %v", unknown, got)
		}
	}
}

// TestAccountsRotate: a planted or noted cookie knows nothing a minute after a
// sign-in, however often it was used in that minute.
func TestAccountsRotate(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	planted := &browser{cookies: maps.Clone(b.cookies)}
	remember(t, m, b, Account{UserID: "2", ZitadelSession: "2"}, false)
	if b.cookies[accountsName] == planted.cookies[accountsName] {
		t.Error("the cookie is the same")
	}
	for range 59 {
		c.advance(time.Second)
		if err := m.UpdateAccountToken(t.Context(), planted.request(), "1", "token"); err != nil {
			t.Fatal(err)
		}
	}
	c.advance(time.Second)
	if found := accounts(t, m, planted); len(found) != 0 {
		t.Errorf("the old cookie knows %v", found)
	}
	if found := accounts(t, m, b); len(found) != 2 {
		t.Errorf("the new cookie knows %v", found)
	}
	if records := live(m); records != 1 {
		t.Errorf("%d records", records)
	}
}

// TestAccountsTwiceInOneResponse: the second call goes on from what the first
// one sets, not from what the browser sent; and no name is set twice.
func TestAccountsTwiceInOneResponse(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	w, r := httptest.NewRecorder(), b.request()
	var moved []string
	for _, token := range []string{"first", "second"} {
		if err := m.RememberAccount(t.Context(), w, r, Account{UserID: "2", ZitadelSession: "2", ZitadelToken: token}, false); err != nil {
			t.Fatal(err)
		}
		value, _ := pendingCookie(w, accountsName)
		id, ok := m.sealer.open(accountsName, value)
		if !ok {
			t.Fatalf("cookie %q", value)
		}
		moved = append(moved, m.accountsKey(id))
	}
	if moved[0] != moved[1] {
		t.Error("moved again, though no browser has had the first cookie yet")
	}
	b.take(t, w)
	found := accounts(t, m, b)
	if len(found) != 2 || found.BySession("2").ZitadelToken != "second" {
		t.Errorf("accounts %v", found)
	}
	c.advance(movedTTL)
	if records := live(m); records != 1 {
		t.Errorf("%d records", records)
	}
	w, r = httptest.NewRecorder(), b.request()
	if err := m.RememberAccount(t.Context(), w, r, Account{UserID: "3", ZitadelSession: "3"}, false); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"1", "2", "3"} {
		if err := m.ForgetAccount(t.Context(), w, r, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.RememberAccount(t.Context(), w, r, Account{UserID: "4", ZitadelSession: "4"}, false); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	if found := accounts(t, m, b); len(found) != 1 || found[0].UserID != "4" {
		t.Errorf("after forgetting all and one more: %v", found)
	}
}

func TestTenAccounts(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	for i := range 13 {
		remember(t, m, b, Account{UserID: strconv.Itoa(i), ZitadelSession: strconv.Itoa(i)}, false)
		c.advance(time.Second)
	}
	found := accounts(t, m, b)
	if len(found) != 10 || found.BySession("2") != nil || found.BySession("3") == nil || found.BySession("12") == nil {
		t.Errorf("accounts %v", found)
	}
}

// TestAccountsPersistence: the cookie outlives the browser only while everybody
// in it wanted that.
func TestAccountsPersistence(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	for _, step := range []struct {
		user       string
		persistent bool
		maxAge     int
	}{
		{"1", true, 30 * 24 * 3600},
		{"2", false, 0},
		{"1", true, 0},
		{"2", true, 30 * 24 * 3600},
	} {
		w := remember(t, m, b, Account{UserID: step.user, ZitadelSession: step.user}, step.persistent)
		if got := w.Result().Cookies()[0].MaxAge; got != step.maxAge {
			t.Errorf("%v: Max-Age %d", step, got)
		}
	}
	remember(t, m, b, Account{UserID: "3", ZitadelSession: "3"}, false)
	c.advance(12 * time.Hour)
	if found := accounts(t, m, b); len(found) != 2 || found.BySession("3") != nil {
		t.Errorf("after half a day: %v", found)
	}
	c.advance(30 * 24 * time.Hour)
	if found := accounts(t, m, b); len(found) != 0 {
		t.Errorf("after a month: %v", found)
	}
}

func TestUpdateAccountToken(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	for op, err := range map[string]error{
		"no cookie": m.UpdateAccountToken(t.Context(), b.request(), "1", "x"),
		"another session": func() error {
			remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
			return m.UpdateAccountToken(t.Context(), b.request(), "2", "x")
		}(),
		"no session": m.UpdateAccountToken(t.Context(), b.request(), "", "x"),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if err := m.UpdateAccountToken(t.Context(), b.request(), "1", "newest"); err != nil {
		t.Fatal(err)
	}
	if got := accounts(t, m, b).BySession("1").ZitadelToken; got != "newest" {
		t.Errorf("token %q", got)
	}
}

// TestAccountsInParallel: changes of different accounts at once all count.
func TestAccountsInParallel(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	for i := range 4 {
		remember(t, m, b, Account{UserID: strconv.Itoa(i), ZitadelSession: strconv.Itoa(i)}, false)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if err := m.UpdateAccountToken(t.Context(), b.request(), strconv.Itoa(i), fmt.Sprint("token ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 4 {
		if got := accounts(t, m, b).BySession(strconv.Itoa(i)).ZitadelToken; got != fmt.Sprint("token ", i) {
			t.Errorf("token of %d: %q", i, got)
		}
	}
}

// TestRememberKeepsNewestToken: a token that was stored while the accounts moved
// to a new cookie moves with them.
func TestRememberKeepsNewestToken(t *testing.T) {
	c := newClock()
	store := &interrupted{Memory: NewMemory(c.Now)}
	m := testManager(t, store, func(cfg *Config) { cfg.Now = c.Now })
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1", ZitadelToken: "old"}, false)
	r := b.request()
	store.onPut = func() {
		store.onPut = nil
		if err := m.UpdateAccountToken(t.Context(), r, "1", "newest"); err != nil {
			t.Error(err)
		}
	}
	remember(t, m, b, Account{UserID: "2", ZitadelSession: "2"}, false)
	if got := accounts(t, m, b).BySession("1").ZitadelToken; got != "newest" {
		t.Errorf("token %q", got)
	}
}

func TestForgetAccount(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	forget := func(session string) *httptest.ResponseRecorder {
		t.Helper()
		w := httptest.NewRecorder()
		if err := m.ForgetAccount(t.Context(), w, b.request(), session); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		return w
	}
	forget("1") // nobody is remembered
	set := remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false).Result().Cookies()[0].Raw
	remember(t, m, b, Account{UserID: "2", ZitadelSession: "2"}, false)
	forget("unknown")
	if len(forget("1").Result().Cookies()) != 0 {
		t.Error("the cookie is touched while somebody is left")
	}
	if found := accounts(t, m, b); len(found) != 1 || found[0].UserID != "2" {
		t.Errorf("left: %v", found)
	}
	cleared := forget("2").Result().Cookies()
	c.advance(movedTTL)
	if len(cleared) != 1 || len(b.cookies) != 0 || live(m) != 0 {
		t.Errorf("after the last: cookies %v, %d records", b.cookies, live(m))
	}
	sameAttributes(t, set, cleared[0].Raw)
}

// sameAttributes compares a Set-Cookie line that clears with the one that set.
func sameAttributes(t *testing.T, set, cleared string) {
	t.Helper()
	attributes := func(line string) []string {
		parts := strings.Split(line, "; ")
		parts[0], _, _ = strings.Cut(parts[0], "=")
		return slices.DeleteFunc(parts, func(p string) bool { return strings.HasPrefix(p, "Max-Age=") })
	}
	if diff := cmp.Diff(attributes(set), attributes(cleared)); diff != "" {
		t.Errorf("cleared with other attributes than set (-set +cleared):\n%s", diff)
	}
	if !strings.Contains(cleared, "Max-Age=0") {
		t.Errorf("not cleared: %q", cleared)
	}
}
