package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// shortLength makes names that do not collide within a browser; they are
	// public and nothing is proven by knowing one.
	shortLength  = 10
	shortLetters = "abcdefghijklmnopqrstuvwxyz234567"

	// outcomeTTL is how long an ended attempt can repeat its answer: as long as
	// a browser needs to send a form twice.
	outcomeTTL = time.Minute

	// mostCleared bounds how many cookies one response clears, so that a browser
	// full of planted ones does not make headers that no proxy lets pass.
	mostCleared = 16
)

// attemptCookie is one cookie of an attempt that a browser sent. An invalid one
// is forged, sealed under a dropped key, or there are two of the name.
type attemptCookie struct {
	short string
	id    sealedID
	valid bool
}

// attemptCookies lists the attempts that a browser knows, the newest first and
// the invalid ones last.
func (m *Manager) attemptCookies(r *http.Request) []attemptCookie {
	var found []attemptCookie
	seen := map[string]int{} // short → position in found
	for _, c := range r.Cookies() {
		short, ours := strings.CutPrefix(c.Name, attemptPrefix)
		if !ours || !validShort(short) {
			continue
		}
		if at, again := seen[short]; again {
			found[at] = attemptCookie{short: short}
			continue
		}
		seen[short] = len(found)
		cookie := attemptCookie{short: short}
		if !c.Quoted {
			cookie.id, cookie.valid = m.sealer.open(c.Name, c.Value)
		}
		found = append(found, cookie)
	}
	// An invalid one has no time, so it counts as the oldest.
	slices.SortStableFunc(found, func(a, b attemptCookie) int { return b.id.created.Compare(a.id.created) })
	return found
}

// validShort keeps what a URL or a cookie's name says to what we make.
func validShort(short string) bool {
	return len(short) >= 8 && len(short) <= 32 && strings.Trim(short, shortLetters) == ""
}

// StartAttempt remembers a new attempt and gives the browser its cookie. A
// browser keeps eight; the oldest is dropped for a ninth, cookie and record, so
// that abandoned sign-ins never fill the Cookie header beyond what servers take.
func (m *Manager) StartAttempt(ctx context.Context, w http.ResponseWriter, r *http.Request, start Attempt) (*Attempt, error) {
	a := start
	a.id = newSealedID(m.now())
	a.Created = a.id.created
	a.Short = strings.ToLower(rand.Text()[:shortLength])
	key, ttl := m.attemptKey(a.id), m.attemptLeft(&a)
	var err error
	if a.stored, err = m.sealAttempt(&a); err != nil {
		return nil, err
	}
	if err := m.store.Put(ctx, key, a.stored, ttl); err != nil {
		return nil, err
	}
	if err := m.setAttemptCookie(w, &a); err != nil {
		return nil, err
	}
	m.dropAttempts(ctx, w, r)
	return &a, nil
}

// dropAttempts makes room for one more attempt. A record that cannot be deleted
// ends by itself: the visitor is not to wait for it.
func (m *Manager) dropAttempts(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	known := m.attemptCookies(r)
	if len(known) < maxAttempts {
		return
	}
	oldest := known[maxAttempts-1:]
	for i, c := range slices.Backward(oldest) {
		if len(oldest)-i > mostCleared {
			return
		}
		m.clearCookie(w, attemptPrefix+c.short)
		if c.valid {
			_ = m.store.Delete(ctx, m.attemptKey(c.id))
		}
	}
}

// Attempt is the browser's attempt of that name, or its newest when the name is
// empty. [ErrNotFound] also stands for forged, expired, and two cookies of the
// name.
func (m *Manager) Attempt(ctx context.Context, r *http.Request, short string) (*Attempt, error) {
	if short != "" && !validShort(short) {
		return nil, ErrNotFound
	}
	for _, c := range m.attemptCookies(r) {
		if !c.valid || short != "" && c.short != short {
			continue
		}
		a, err := m.loadAttempt(ctx, c)
		if short == "" && errors.Is(err, ErrNotFound) {
			continue
		}
		return a, err
	}
	return nil, ErrNotFound
}

// Attempts are all attempts of this browser, the newest first.
func (m *Manager) Attempts(ctx context.Context, r *http.Request) ([]*Attempt, error) {
	var attempts []*Attempt
	for _, c := range m.attemptCookies(r) {
		if !c.valid || len(attempts) == maxAttempts {
			break // only invalid ones follow, or more than we ever set
		}
		a, err := m.loadAttempt(ctx, c)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		attempts = append(attempts, a)
	}
	return attempts, nil
}

func (m *Manager) loadAttempt(ctx context.Context, c attemptCookie) (*Attempt, error) {
	a := &Attempt{Short: c.short, id: c.id}
	key := m.attemptKey(a.id)
	stored, err := m.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	record, err := m.attempts.Open(key, stored)
	if err != nil {
		return nil, err
	}
	if err := decodeJSON(record, a); err != nil {
		return nil, err
	}
	if m.attemptLeft(a) <= 0 {
		return nil, ErrNotFound
	}
	if a.Outcome == nil {
		a.stored = stored
	}
	return a, nil
}

// SaveAttempt stores what has become of an attempt, if nobody else has changed
// it since it was read: [ErrChanged] says that another request of the same
// attempt won, or that it has ended.
func (m *Manager) SaveAttempt(ctx context.Context, a *Attempt) error {
	ttl := m.attemptLeft(a)
	if a.stored == nil || ttl <= 0 {
		return ErrChanged
	}
	sealed, err := m.sealAttempt(a)
	if err != nil {
		return err
	}
	if err := m.store.Swap(ctx, m.attemptKey(a.id), a.stored, sealed, ttl); err != nil {
		return err
	}
	a.stored = sealed
	return nil
}

// EndAttempt ends an attempt for the one caller that gets no error; all others
// get [ErrChanged]. With an Outcome it stays readable for a minute.
func (m *Manager) EndAttempt(ctx context.Context, w http.ResponseWriter, a *Attempt) error {
	if a.stored == nil {
		return ErrChanged
	}
	var last []byte
	if a.Outcome != nil {
		var err error
		if last, err = m.sealAttempt(a); err != nil {
			return err
		}
	}
	if err := m.store.Swap(ctx, m.attemptKey(a.id), a.stored, last, outcomeTTL); err != nil {
		return err
	}
	a.stored = nil
	m.clearCookie(w, attemptPrefix+a.Short)
	return nil
}

func (m *Manager) attemptKey(id sealedID) string { return m.key("a", id.secret.hash("attempt")) }

// attemptLeft is how long an attempt still has. Nothing extends it.
func (m *Manager) attemptLeft(a *Attempt) time.Duration {
	return a.Created.Add(m.attemptTTL).Sub(m.now())
}

func (m *Manager) setAttemptCookie(w http.ResponseWriter, a *Attempt) error {
	name := attemptPrefix + a.Short
	value, err := m.sealer.seal(name, a.id)
	if err != nil {
		return fmt.Errorf("seal attempt cookie: %w", err)
	}
	m.setCookie(w, name, value, m.attemptLeft(a))
	return nil
}

func (m *Manager) sealAttempt(a *Attempt) ([]byte, error) {
	record, err := encodeJSON(a)
	if err != nil {
		return nil, err
	}
	return m.attempts.Seal(m.attemptKey(a.id), record), nil
}

// encodeJSON lays out a record that is read by people's clicks rather than at
// every request: JSON behind the number of its schema.
func encodeJSON(record any) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append([]byte{schema}, text...), nil
}

func decodeJSON(record []byte, into any) error {
	if len(record) == 0 || record[0] != schema {
		return fmt.Errorf("%w: record of another layout", ErrNotFound)
	}
	if json.Unmarshal(record[1:], into) != nil {
		return fmt.Errorf("%w: record cannot be read", ErrNotFound) // the cause would quote the record
	}
	return nil
}
