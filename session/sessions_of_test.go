package session

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTwentySessions(t *testing.T) {
	m, c := memoryWorld(t, nil)
	var browsers []*browser
	for range 25 {
		b := newBrowser()
		browsers = append(browsers, b)
		signIn(t, m, b)
		c.advance(time.Second)
	}
	for i, b := range browsers {
		if _, err := m.Peek(t.Context(), b.request()); (err == nil) != (i >= 5) {
			t.Errorf("sign-in %d: %v", i, err)
		}
	}
	s, _ := alice()
	if sessions, err := m.Sessions(t.Context(), s.Subject); err != nil || len(sessions) != 20 || sessions[0].Created.Before(sessions[19].Created) {
		t.Errorf("sessions %v, %v", sessions, err)
	}
	// All in one second: the newest is never the one to go.
	for range 30 {
		signIn(t, m, newBrowser()) // fails the test if it cannot be read back
	}
}

// TestIdleSessionsMakeRoom: sessions that ended by themselves do not count, and
// do not push out live ones.
func TestIdleSessionsMakeRoom(t *testing.T) {
	m, c := memoryWorld(t, nil)
	kept := newBrowser()
	signIn(t, m, kept)
	others := func(n int) {
		for range n {
			signIn(t, m, newBrowser())
		}
	}
	isKept := func() bool {
		_, err := m.Session(t.Context(), kept.request())
		return err == nil
	}
	others(19)
	for range 7 {
		c.advance(10 * time.Minute)
		if !isKept() {
			t.Fatal("ended though it was used")
		}
	}
	if others(19); !isKept() {
		t.Error("pushed out by sessions that had ended")
	}
	if others(1); isKept() {
		t.Error("the oldest of 21 live ones was kept")
	}
}

func TestEndMany(t *testing.T) {
	m, c := memoryWorld(t, nil)
	start := func(subject, zitadelSession string) (*browser, *Session) {
		t.Helper()
		b, w := newBrowser(), httptest.NewRecorder()
		s := Session{Subject: subject, Issuer: "https://id.example.com", ZitadelSession: zitadelSession}
		if _, err := m.StartSession(t.Context(), w, b.request(), s, TokenSet{RefreshToken: subject + zitadelSession}); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Second)
		b.take(t, w)
		got, err := m.Peek(t.Context(), b.request())
		if err != nil {
			t.Fatal(err)
		}
		return b, got
	}
	live := func(b *browser) bool {
		_, err := m.Peek(t.Context(), b.request())
		return err == nil
	}
	phone, atPhone := start("alice", "1")
	laptop, _ := start("alice", "2")
	other, atOther := start("bob", "3")
	shared, _ := start("carol", "2")

	if _, err := m.EndSessionByHandle(t.Context(), "alice", atOther.Handle); !errors.Is(err, ErrNotFound) || !live(other) {
		t.Errorf("alice ends bob's: %v", err)
	}
	if _, err := m.EndZitadelSession(t.Context(), "https://evil.example.com", "2"); err != nil || !live(laptop) {
		t.Errorf("another issuer's logout: %v", err)
	}
	held, err := m.EndOtherSessions(t.Context(), "alice", atPhone.Handle)
	if err != nil || !live(phone) || live(laptop) || !live(other) {
		t.Errorf("end others: %v; phone %t laptop %t other %t", err, live(phone), live(laptop), live(other))
	}
	if !slices.Equal(refreshTokens(held), []string{"alice2"}) {
		t.Errorf("the others held %d sets of tokens, not the laptop's", len(held))
	}
	if held, err := m.EndSessionByHandle(t.Context(), "alice", atPhone.Handle); err != nil || live(phone) || !slices.Equal(refreshTokens(held), []string{"alice1"}) {
		t.Errorf("end by handle: %v, %v", held, err)
	}
	first, _ := start("alice", "2")
	second, _ := start("alice", "2")
	held, err = m.EndZitadelSession(t.Context(), "https://id.example.com", "2")
	if err != nil || live(first) || live(second) || live(shared) || !live(other) || len(held) != 3 {
		t.Errorf("end of a ZITADEL session: %v, %v", held, err)
	}
	second, _ = start("bob", "4")
	held, err = m.EndSessions(t.Context(), "bob")
	if err != nil || live(other) || live(second) {
		t.Errorf("end all: %v", err)
	}
	if !slices.Equal(refreshTokens(held), []string{"bob4", "bob3"}) {
		t.Errorf("bob held %d sets of tokens, not his two", len(held))
	}
	if held, err := m.EndSessions(t.Context(), "nobody"); err != nil || len(held) != 0 {
		t.Errorf("end all of nobody: %v, %d sets of tokens", err, len(held))
	}
	if store := m.store.(*Memory); len(store.records)+len(store.indexes) != 0 {
		t.Errorf("left in the store: %d records, %d indexes", len(store.records), len(store.indexes))
	}
}

// refreshTokens are what is to be revoked of sessions that have ended.
func refreshTokens(ended []Ended) (tokens []string) {
	for _, e := range ended {
		tokens = append(tokens, e.Tokens.RefreshToken)
	}
	return tokens
}

// TestEndTakesNewestTokens: a refresh that stores its tokens while the session
// ends does not leave a refresh token that nobody revokes.
func TestEndTakesNewestTokens(t *testing.T) {
	c := newClock()
	store := &interrupted{Memory: NewMemory(c.Now)}
	m := testManager(t, store, func(cfg *Config) { cfg.Now = c.Now })
	for name, end := range map[string]func(*browser) ([]Ended, error){
		"everywhere": func(*browser) ([]Ended, error) {
			s, _ := alice()
			return m.EndSessions(t.Context(), s.Subject)
		},
		"here": func(b *browser) ([]Ended, error) {
			s, tokens, err := m.EndSession(t.Context(), httptest.NewRecorder(), b.request())
			return []Ended{{s, tokens}}, err
		},
	} {
		b := newBrowser()
		s := signIn(t, m, b)
		if _, err := m.Tokens(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		store.onSwap = func() {
			store.onSwap = nil
			if err := m.SaveTokens(t.Context(), s, TokenSet{RefreshToken: "newest"}); err != nil {
				t.Error(err)
			}
		}
		held, err := end(b)
		if err != nil || !slices.Equal(refreshTokens(held), []string{"newest"}) {
			t.Errorf("%s: %d sets of tokens, not the newest: %v", name, len(held), err)
		}
		if len(store.records) != 0 {
			t.Errorf("%s: %d records are left", name, len(store.records))
		}
	}
}

// TestPlantedIndexEntry: somebody who can write to the store, but not seal, puts
// bob's session into alice's index. It does not become hers.
func TestPlantedIndexEntry(t *testing.T) {
	m, _ := memoryWorld(t, nil)
	b, w := newBrowser(), httptest.NewRecorder()
	if _, err := m.StartSession(t.Context(), w, b.request(), Session{Subject: "bob"}, TokenSet{}); err != nil {
		t.Fatal(err)
	}
	b.take(t, w)
	s, err := m.Peek(t.Context(), b.request())
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{s.hash, "", "../../x", "{", strings.Repeat("A", 43) + "}"} {
		if err := m.store.Add(t.Context(), m.userIndexes("alice")[0], member, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if sessions, err := m.Sessions(t.Context(), "alice"); err != nil || len(sessions) != 0 {
		t.Errorf("alice's sessions: %v, %v", sessions, err)
	}
	if _, err := m.EndSessions(t.Context(), "alice"); err != nil {
		t.Error(err)
	}
	if _, err := m.Peek(t.Context(), b.request()); err != nil {
		t.Errorf("bob was signed out: %v", err)
	}
}
