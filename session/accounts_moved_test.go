package session

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// copyOf is the browser as it is now, which misses all later answers.
func copyOf(b *browser) *browser { return &browser{cookies: maps.Clone(b.cookies)} }

// users are the ids of accounts, in order.
func users(found Accounts) string {
	var ids []string
	for _, account := range found {
		ids = append(ids, account.UserID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// accountsID is the secret that a browser's accounts cookie holds.
func accountsID(t *testing.T, m *Manager, b *browser) sealedID {
	t.Helper()
	id, ok := m.sealer.open(accountsName, b.cookies[accountsName])
	if !ok {
		t.Fatalf("cookie %q", b.cookies[accountsName])
	}
	return id
}

// TestParallelSignIns: tabs of one browser that finish at once lose nobody,
// whichever answer arrives last, whether the cookie they sent had accounts or a
// record that has ended.
func TestParallelSignIns(t *testing.T) {
	onEachStore(t, func(t *testing.T, m *Manager) {
		for name, before := range map[string]func(*browser){
			"with accounts": func(b *browser) { remember(t, m, b, Account{UserID: "0", ZitadelSession: "0"}, false) },
			"with an ended record": func(b *browser) {
				remember(t, m, b, Account{UserID: "0", ZitadelSession: "0"}, false)
				if err := m.ForgetAccount(t.Context(), httptest.NewRecorder(), b.request(), "0"); err != nil {
					t.Fatal(err)
				}
			},
		} {
			b := newBrowser()
			before(b)
			all := signInAtOnce(t, m, b, 9)
			want := strings.TrimSpace(users(accounts(t, m, b)))
			if !strings.HasSuffix(want, "1 2 3 4 5 6 7 8 9") || strings.HasPrefix(want, "0") != (name == "with accounts") {
				t.Errorf("%s: the old cookie knows %q", name, want)
			}
			for i, tab := range all {
				found := accounts(t, m, tab)
				if users(found) != want || accountsID(t, m, tab) != accountsID(t, m, all[0]) {
					t.Errorf("%s: answer %d leads to %q", name, i, users(found))
				}
				for _, account := range found {
					if account.UserID != "0" && account.ZitadelToken != "token "+account.UserID {
						t.Errorf("%s: token of %s is lost", name, account.UserID)
					}
				}
			}
		}
	})
}

// signInAtOnce signs n users in with one and the same cookie. It returns what
// the browser would be if the answer to each were the last.
func signInAtOnce(t *testing.T, m *Manager, b *browser, n int) []*browser {
	t.Helper()
	tabs := make([]*browser, n)
	var all sync.WaitGroup
	for i := range tabs {
		tabs[i] = copyOf(b)
		user := strconv.Itoa(i + 1)
		all.Go(func() {
			w := httptest.NewRecorder()
			account := Account{UserID: user, ZitadelSession: user, ZitadelToken: "token " + user}
			if err := m.RememberAccount(t.Context(), w, tabs[i].request(), account, false); err != nil {
				t.Error(err)
				return
			}
			tabs[i].take(t, w)
		})
	}
	all.Wait()
	return tabs
}

// TestOldCookie: for a minute, whatever a request with an older cookie reads and
// writes is the current record, however often it has moved.
func TestOldCookie(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	old := copyOf(b)
	for _, user := range []string{"2", "3"} {
		remember(t, m, b, Account{UserID: user, ZitadelSession: user}, false)
	}
	c.advance(movedTTL - time.Second)
	writes := map[string]func(w *httptest.ResponseRecorder, late *browser) error{
		"remember": func(w *httptest.ResponseRecorder, late *browser) error {
			return m.RememberAccount(t.Context(), w, late.request(), Account{UserID: "4", ZitadelSession: "4"}, false)
		},
		"update": func(w *httptest.ResponseRecorder, late *browser) error {
			return m.UpdateAccount(t.Context(), w, late.request(), Account{UserID: "1", ZitadelSession: "1", ZitadelToken: "updated"})
		},
		"refresh": func(w *httptest.ResponseRecorder, late *browser) error {
			return m.RefreshAccounts(t.Context(), w, late.request())
		},
	}
	for name, write := range writes {
		late, w := copyOf(old), httptest.NewRecorder()
		if err := write(w, late); err != nil {
			t.Fatal(err)
		}
		late.take(t, w)
		// The browser that missed an answer has the current cookie again.
		if accountsID(t, m, late) != accountsID(t, m, b) {
			t.Errorf("%s: the answer sets another cookie than the current one", name)
		}
	}
	if err := m.UpdateAccountToken(t.Context(), old.request(), "2", "newest"); err != nil {
		t.Fatal(err)
	}
	if err := m.ForgetAccount(t.Context(), httptest.NewRecorder(), old.request(), "3"); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]*browser{"old": old, "current": b} {
		found := accounts(t, m, at)
		if users(found) != "1 2 4" || found.BySession("1").ZitadelToken != "updated" || found.BySession("2").ZitadelToken != "newest" {
			t.Errorf("the %s cookie leads to %q", name, users(found))
		}
	}
	c.advance(time.Second)
	if found := accounts(t, m, old); len(found) != 0 {
		t.Errorf("after a minute the old cookie leads to %q", users(found))
	}
	if found := accounts(t, m, b); users(found) != "1 2 4" {
		t.Errorf("after a minute the current cookie leads to %q", users(found))
	}
}

// TestTombstoneEnds: on a real Redis as well, an old secret has an end.
func TestTombstoneEnds(t *testing.T) {
	server := redistest.Start(t)
	m := testManager(t, openPatient(t, server.URL(), nil), nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	key := m.accountsKey(accountsID(t, m, b))
	remember(t, m, b, Account{UserID: "2", ZitadelSession: "2"}, false)
	if left := server.Client().PTTL(t.Context(), key).Val(); left <= 0 || left > movedTTL {
		t.Errorf("the tombstone ends in %v", left)
	}
}

// TestMovesAreBounded: a cookie that is too far behind is trouble, not a browser
// without accounts: a sign-out must not believe that there is nothing to end.
func TestMovesAreBounded(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	old := copyOf(b)
	for range mostMoves - 1 {
		remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	}
	if found := accounts(t, m, old); users(found) != "1" {
		t.Errorf("within the bound: %q", users(found))
	}
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	w := httptest.NewRecorder()
	_, err := m.Accounts(t.Context(), old.request())
	for op, err := range map[string]error{
		"read": err, "forget": m.ForgetAccount(t.Context(), w, old.request(), "1"),
		"remember": m.RememberAccount(t.Context(), w, old.request(), Account{UserID: "2"}, false),
	} {
		if !errors.Is(err, errMovedTooOften) || !errors.Is(err, ErrUnavailable) || len(w.Header()) > 0 {
			t.Errorf("%s: %v, headers %v", op, err, w.Header())
		}
	}
	c.advance(movedTTL)
	if found := accounts(t, m, old); len(found) != 0 {
		t.Errorf("after a minute: %q", users(found))
	}
}

// TestSignOutEndsOldCookies: with the last account nothing is left, by whichever
// cookie the sign-out came and whichever one somebody noted.
func TestSignOutEndsOldCookies(t *testing.T) {
	onEachStore(t, func(t *testing.T, m *Manager) {
		for _, by := range []int{0, 1, 2} {
			b := newBrowser()
			var all []*browser
			for range 3 {
				remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
				all = append(all, copyOf(b))
			}
			w := httptest.NewRecorder()
			if err := m.ForgetAccount(t.Context(), w, all[by].request(), "1"); err != nil {
				t.Fatal(err)
			}
			if cookies := w.Result().Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
				t.Errorf("signed out by cookie %d: %v", by, cookies)
			}
			b.take(t, w)
			// A request that comes too late begins anew: under a secret that was
			// ended, nobody is signed in again.
			late := copyOf(all[0])
			remember(t, m, late, Account{UserID: "3", ZitadelSession: "3"}, false)
			if accountsID(t, m, late) == accountsID(t, m, all[2]) || users(accounts(t, m, late)) != "3" {
				t.Errorf("signed out by cookie %d: a late sign-in revives the ended secret", by)
			}
			if err := m.ForgetAccount(t.Context(), httptest.NewRecorder(), late.request(), "3"); err != nil {
				t.Fatal(err)
			}
			// The next sign-in of the browser starts from nothing.
			remember(t, m, b, Account{UserID: "2", ZitadelSession: "2"}, false)
			for i, noted := range all {
				if found := accounts(t, m, noted); len(found) != 0 {
					t.Errorf("signed out by cookie %d: cookie %d leads to %q", by, i, users(found))
				}
			}
		}
	})
}

// TestSignOutDuringMove: an account that is forgotten while another tab signs in
// stays forgotten.
func TestSignOutDuringMove(t *testing.T) {
	store := &interrupted{Memory: NewMemory(nil)}
	m := testManager(t, store, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	r := b.request()
	store.onPut = func() {
		store.onPut = nil
		if err := m.ForgetAccount(t.Context(), httptest.NewRecorder(), r, "1"); err != nil {
			t.Error(err)
		}
	}
	remember(t, m, b, Account{UserID: "2", ZitadelSession: "2"}, false)
	if found := accounts(t, m, b); users(found) != "2" {
		t.Errorf("accounts %q", users(found))
	}
	if records := len(store.records); records != 2 {
		t.Errorf("%d records, not the accounts and a tombstone", records)
	}
}

// TestMoveThatLoses: a tab whose move comes second adds to the first one's, and
// leaves no copy of the tokens behind.
func TestMoveThatLoses(t *testing.T) {
	store := &interrupted{Memory: NewMemory(nil)}
	m := testManager(t, store, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	first := copyOf(b)
	store.onPut = func() {
		store.onPut = nil
		remember(t, m, first, Account{UserID: "2", ZitadelSession: "2"}, false)
	}
	remember(t, m, b, Account{UserID: "3", ZitadelSession: "3"}, false)
	if found := accounts(t, m, first); users(found) != "1 2 3" {
		t.Errorf("accounts %q", users(found))
	}
	if records := len(store.records); records != 2 {
		t.Errorf("%d records, not the accounts and a tombstone", records)
	}
}

// lossy does what it is asked to and says that it could not.
type lossy struct {
	*Memory
	lost bool
}

func (s *lossy) Swap(ctx context.Context, key string, old, new []byte, ttl time.Duration) error {
	err := s.Memory.Swap(ctx, key, old, new, ttl)
	if s.lost && err == nil {
		return unavailable("swap", context.DeadlineExceeded)
	}
	return err
}

// TestMoveWithLostAnswer: when the store moves the accounts but its answer is
// lost, the browser, which gets no new cookie, still has them.
func TestMoveWithLostAnswer(t *testing.T) {
	store := &lossy{Memory: NewMemory(nil)}
	m := testManager(t, store, nil)
	b := newBrowser()
	remember(t, m, b, Account{UserID: "1", ZitadelSession: "1"}, false)
	w := httptest.NewRecorder()
	store.lost = true
	if err := m.RememberAccount(t.Context(), w, b.request(), Account{UserID: "2", ZitadelSession: "2"}, false); !errors.Is(err, ErrUnavailable) || len(w.Header()) > 0 {
		t.Fatalf("error %v, headers %v", err, w.Header())
	}
	store.lost = false
	if found := accounts(t, m, b); users(found) != "1 2" {
		t.Errorf("accounts %q", users(found))
	}
}
