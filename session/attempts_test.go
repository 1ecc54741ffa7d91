package session

import (
	"errors"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var plainAttempt = cmpopts.IgnoreUnexported(Attempt{})

// full is an attempt with something in every field.
func full() Attempt {
	age := time.Duration(0) // a demand that must not be lost: sign in now
	return Attempt{
		Request: Request{
			Kind: KindOIDC, AuthRequestID: "V2_1", ReturnTo: "https://app.example.com/?a=1&b=<>", ClientID: "2", RedirectURI: "com.example.app:/cb",
			LoginHint: "alice", HintUserID: "3", Prompts: []string{"login"}, UILocales: []string{"de"}, Scopes: []string{"openid"},
			MaxAge: &age, Created: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC), Create: true,
		},
		Organization: "4", LoginName: "alice ä \u202e", Hidden: true, ZitadelSession: "5", Code: "ABC123", Invited: true,
		Proof:        &Proof{Purpose: "first", UserID: "7", At: time.Date(2026, 11, 22, 7, 1, 0, 0, time.UTC)},
		Enrolled:     &Enrolled{Method: "passkey", At: time.Date(2026, 11, 22, 7, 2, 0, 0, time.UTC)},
		User:         UserSnapshot{ID: "7", OrganizationID: "4", DisplayName: "Alice", LoginName: "alice@example.com", State: "active", Methods: []string{"password"}},
		Registration: &Registration{GivenName: "A", FamilyName: "B", Email: "c@example.com", Method: "passkey", Terms: true, Complete: true, Taken: true, Sent: true},
		VerifySent:   true, Resetting: true, Verifying: true, Verified: true, Changing: true, FromLink: true,
		Transaction: &Transaction{"s", "n", "v"}, Intent: &Intent{Provider: "5", Name: "Example ID", ID: "6", Token: "t", Newcomer: &Newcomer{ID: "ida", EmailVerified: true}},
		Notice: "notice.reset_sent", NoticeArgs: []string{"Example ID"}, Turn: 2, LastForm: "mark", LastCookies: []string{"a=b"},
		LastProblem: &Problem{Key: "problem.attempts", Args: []any{2, "x", 1.5}, Field: "password", Status: 422},
	}
}

func TestAttemptComesBack(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	started := startAttempt(t, m, b, full())
	if !validShort(started.Short) || len(b.cookies) != 1 {
		t.Errorf("short %q, cookies %v", started.Short, b.cookies)
	}
	for _, short := range []string{started.Short, ""} {
		got, err := m.Attempt(t.Context(), b.request(), short)
		if err != nil {
			t.Fatal(err)
		}
		want := full()
		want.Short, want.Created = started.Short, m.now()
		if diff := cmp.Diff(want, *got, plainAttempt); diff != "" {
			t.Errorf("attempt %q (-want +got):\n%s", short, diff)
		}
		if got.Fingerprint([]byte("form")) != started.Fingerprint([]byte("form")) {
			t.Error("a form is not recognised")
		}
	}
	other := startAttempt(t, m, newBrowser(), full())
	if other.Fingerprint([]byte("form")) == started.Fingerprint([]byte("form")) {
		t.Error("two attempts have one fingerprint for a form, so a password could be compared")
	}
}

func TestAttemptIsOneBrowsers(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	a := startAttempt(t, m, b, Attempt{})
	for _, short := range []string{"", a.Short, "../../etc", "*", "aaaaaaaaaa", a.Short + "\x00", "AAAAAAAAAA"} {
		if _, err := m.Attempt(t.Context(), newBrowser().request(), short); !errors.Is(err, ErrNotFound) {
			t.Errorf("another browser with %q: %v", short, err)
		}
	}
	c.advance(30*time.Minute - 1)
	if _, err := m.Attempt(t.Context(), b.request(), ""); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	if err := m.SaveAttempt(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	c.advance(1)
	if _, err := m.Attempt(t.Context(), b.request(), a.Short); !errors.Is(err, ErrNotFound) {
		t.Errorf("saving it made it live longer: %v", err)
	}
	if err := m.SaveAttempt(t.Context(), a); !errors.Is(err, ErrChanged) {
		t.Errorf("save after the end: %v", err)
	}
}

// TestEightAttempts: a ninth drops the oldest, cookie and record.
func TestEightAttempts(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	var started []*Attempt
	for range 20 {
		started = append(started, startAttempt(t, m, b, Attempt{}))
		c.advance(time.Second)
	}
	want := []string{}
	for _, a := range started[12:] {
		want = append(want, a.Short)
	}
	got := b.shorts()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("cookies of %v, want %v", got, want)
	}
	if records := len(m.store.(*Memory).records); records != 8 {
		t.Errorf("%d records", records)
	}
	attempts, err := m.Attempts(t.Context(), b.request())
	if err != nil || len(attempts) != 8 || attempts[0].Short != started[19].Short || attempts[7].Short != started[12].Short {
		t.Errorf("attempts %v, %v", attempts, err)
	}
	if size := len(b.request().Header.Get("Cookie")); size > 8<<10 {
		t.Errorf("Cookie header of %d bytes", size)
	}
	newest, err := m.Attempt(t.Context(), b.request(), "")
	if err != nil || newest.Short != started[19].Short {
		t.Errorf("newest %v, %v", newest, err)
	}
	// When the newest record is gone, the one before it is.
	if err := m.EndAttempt(t.Context(), httptest.NewRecorder(), newest); err != nil {
		t.Fatal(err)
	}
	if next, err := m.Attempt(t.Context(), b.request(), ""); err != nil || next.Short != started[18].Short {
		t.Errorf("newest of the rest %v, %v", next, err)
	}
}

// TestPlantedAttempts: cookies that nobody here made give way first.
func TestPlantedAttempts(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	mine := startAttempt(t, m, b, Attempt{})
	for _, letter := range "abcdefghijklmnopqrstuvwxyz" {
		b.cookies[attemptPrefix+"planted"+string(letter)] = "forged"
	}
	w := httptest.NewRecorder()
	if _, err := m.StartAttempt(t.Context(), w, b.request(), Attempt{}); err != nil {
		t.Fatal(err)
	}
	if lines := len(w.Result().Cookies()); lines > 1+mostCleared {
		t.Errorf("%d Set-Cookie lines", lines)
	}
	b.take(t, w)
	if _, err := m.Attempt(t.Context(), b.request(), mine.Short); err != nil {
		t.Errorf("planted cookies pushed out a real one: %v", err)
	}
}

func TestSaveAttemptComparesAndSets(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b := newBrowser()
	short := startAttempt(t, m, b, Attempt{}).Short
	read := func() *Attempt {
		t.Helper()
		a, err := m.Attempt(t.Context(), b.request(), short)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first, second := read(), read()
	first.Notice, second.Notice = "first", "second"
	for range 2 { // again and again by the one who holds the newest
		if err := m.SaveAttempt(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.SaveAttempt(t.Context(), second); !errors.Is(err, ErrChanged) {
		t.Errorf("the loser: %v", err)
	}
	if got := read().Notice; got != "first" {
		t.Errorf("notice %q", got)
	}
}

// TestEndAttemptOnce: of fifty copies of one request, one ends the attempt, on
// either store, whether an outcome is kept or not.
func TestEndAttemptOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, m *Manager) {
		endOnce(t, m, nil)
		endOnce(t, m, &Outcome{Location: "https://app.example.com/"})
	})
}

func endOnce(t *testing.T, m *Manager, outcome *Outcome) {
	b := newBrowser()
	short := startAttempt(t, m, b, Attempt{}).Short
	var ended, cleared atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a, err := m.Attempt(t.Context(), b.request(), short)
			if errors.Is(err, ErrNotFound) {
				return // it was over before this one looked
			}
			if err != nil {
				t.Error(err)
				return
			}
			a.Outcome = outcome
			w := httptest.NewRecorder()
			if err := m.EndAttempt(t.Context(), w, a); err == nil {
				ended.Add(1)
			} else if !errors.Is(err, ErrChanged) {
				t.Error(err)
			}
			cleared.Add(int32(len(w.Result().Cookies())))
		})
	}
	all.Wait()
	if ended.Load() != 1 || cleared.Load() != 1 {
		t.Errorf("%d ended it, %d cleared its cookie", ended.Load(), cleared.Load())
	}
}

// TestOutcome: for a minute an ended attempt repeats its answer and nothing else.
func TestOutcome(t *testing.T) {
	m, c := memoryWorld(t, nil)
	b := newBrowser()
	a := startAttempt(t, m, b, Attempt{})
	want := &Outcome{Location: "https://app.example.com/", Cookies: []string{"a=b"}}
	a.Outcome = want
	if err := m.EndAttempt(t.Context(), httptest.NewRecorder(), a); err != nil {
		t.Fatal(err)
	}
	again, err := m.Attempt(t.Context(), b.request(), a.Short)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again.Outcome); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	w := httptest.NewRecorder()
	for op, err := range map[string]error{
		"save": m.SaveAttempt(t.Context(), again),
		"end":  m.EndAttempt(t.Context(), w, again), "end twice": m.EndAttempt(t.Context(), w, a),
	} {
		if !errors.Is(err, ErrChanged) {
			t.Errorf("%s of an ended attempt: %v", op, err)
		}
	}
	c.advance(time.Minute)
	if _, err := m.Attempt(t.Context(), b.request(), a.Short); !errors.Is(err, ErrNotFound) {
		t.Errorf("after a minute: %v", err)
	}
}

func TestForgetUserForgetsEverythingFound(t *testing.T) {
	a := full()
	a.ForgetUser()
	want := full()
	want.LoginName, want.User, want.Hidden, want.ZitadelSession = "", UserSnapshot{}, false, ""
	want.Code, want.Registration, want.VerifySent, want.Transaction, want.Intent = "", nil, false, nil, nil
	want.Invited, want.Proof, want.Enrolled = false, nil, nil
	want.Resetting, want.Verifying, want.Verified, want.FromLink = false, false, false, false
	if diff := cmp.Diff(want, a, plainAttempt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a.User.ID = "7"
	a.Prove("first", time.Now())
	a.Recall(Account{UserID: "7", OrganizationID: "9", LoginName: "bob", DisplayName: "Bob", ZitadelSession: "8", ZitadelToken: "t"})
	want.LoginName, want.ZitadelSession, want.Recalled = "bob", "8", true
	want.User = UserSnapshot{ID: "7", OrganizationID: "9", LoginName: "bob", DisplayName: "Bob"}
	if diff := cmp.Diff(want, a, plainAttempt); diff != "" {
		t.Errorf("recalled (-want +got):\n%s", diff)
	}
}

// A proof counts for its purpose and its user, and for no other.
func TestProofIsBound(t *testing.T) {
	at := time.Date(2026, 11, 22, 7, 1, 0, 0, time.UTC)
	proven := func() Attempt {
		a := Attempt{User: UserSnapshot{ID: "7"}}
		a.Prove("first", at)
		return a
	}
	for name, test := range map[string]struct {
		change  func(*Attempt)
		purpose string
		want    time.Time
	}{
		"as it was made":        {func(*Attempt) {}, "first", at},
		"another purpose":       {func(*Attempt) {}, "second", time.Time{}},
		"no purpose":            {func(*Attempt) {}, "", time.Time{}},
		"another user":          {func(a *Attempt) { a.User.ID = "8" }, "first", time.Time{}},
		"nobody":                {func(a *Attempt) { a.User = UserSnapshot{} }, "first", time.Time{}},
		"a proof of nobody":     {func(a *Attempt) { a.User = UserSnapshot{}; a.Prove("first", at) }, "first", time.Time{}},
		"forgotten":             {(*Attempt).ForgetUser, "first", time.Time{}},
		"forgotten, same again": {func(a *Attempt) { a.ForgetUser(); a.User.ID = "7" }, "first", time.Time{}},
		"another account":       {func(a *Attempt) { a.Recall(Account{UserID: "7"}) }, "first", time.Time{}},
		"used up":               {func(a *Attempt) { a.Proof = nil }, "first", time.Time{}},
	} {
		a := proven()
		test.change(&a)
		if got := a.Proven(test.purpose); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestLoginHint(t *testing.T) {
	for hint, want := range map[string]string{
		"alice@example.com": "alice@example.com", "  alice ": "alice", "": "", "a\x00b": "", "a\nb": "", "\xff": "",
		string(make([]byte, 300)): "", "ä" + string(slices.Repeat([]rune("ä"), 199)): string(slices.Repeat([]rune("ä"), 200)),
		string(slices.Repeat([]rune("ä"), 201)): "",
	} {
		var a Attempt
		if a.LoginHint(hint); a.LoginName != want || a.Request.LoginHint != want {
			t.Errorf("%q: login name %q", hint, a.LoginName)
		}
	}
}
