package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	// movedTTL is how long an old accounts cookie leads to the new place: longer
	// than any request that was sent with it is on its way.
	movedTTL = time.Minute

	// mostMoves bounds how many moves are followed. Only a browser that signs in
	// more than thirty times within movedTTL has an older cookie that far behind.
	mostMoves = 32

	// changeTries bounds how often a change is tried anew because another request
	// of the same browser came in between: each try that fails is another's
	// success, and more than ten at once do not fit in a record.
	changeTries = 16
)

// errMovedTooOften says that an old cookie is not followed any further.
var errMovedTooOften = errors.New("accounts have moved too often")

// accountsRecord is what is stored under a secret: the accounts, or a tombstone
// that says where they have moved. A tombstone holds a cookie's value as the
// browser was given it; like everything in a store it is sealed.
type accountsRecord struct {
	Accounts Accounts `json:"accounts,omitempty"`
	Moved    string   `json:"moved,omitempty"`
	Browser  string   `json:"browser,omitempty"` // stays the same wherever they move
}

// accountsPlace is where a browser's accounts were found.
type accountsPlace struct {
	id       sealedID
	known    bool   // there is an id: the cookie is one of ours
	moved    bool   // … but not the cookie's own: that has led here
	stored   []byte // the record as it is stored, nil for none
	browser  string
	accounts Accounts
}

// findAccounts reads the accounts that a cookie's value leads to. A value that
// opens nothing, and one whose record cannot be read, has none.
func (m *Manager) findAccounts(ctx context.Context, value string) (at accountsPlace, err error) {
	for move := range mostMoves {
		id, ok := m.sealer.open(accountsName, value)
		if !ok {
			return at, nil
		}
		at = accountsPlace{id: id, known: true, moved: move > 0}
		key := m.accountsKey(id)
		stored, err := m.store.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return at, nil
		}
		if err != nil {
			return accountsPlace{}, err
		}
		at.stored = stored // of what cannot be read as well, so that a change replaces it
		record := m.openAccounts(key, stored)
		if record.Moved == "" {
			at.accounts, at.browser = record.Accounts, record.Browser
			return at, nil
		}
		value = record.Moved
	}
	return accountsPlace{}, unavailable("find accounts", errMovedTooOften)
}

// openAccounts unseals a record, without the accounts that have ended.
func (m *Manager) openAccounts(key string, stored []byte) (record accountsRecord) {
	plain, err := m.accounts.Open(key, stored)
	if err != nil || decodeJSON(plain, &record) != nil {
		return accountsRecord{}
	}
	now := m.now()
	record.Accounts = slices.DeleteFunc(record.Accounts, func(a Account) bool { return !m.accountEnds(a).After(now) })
	for i := range record.Accounts {
		record.Accounts[i].read = record.Accounts[i].ZitadelToken
	}
	return record
}

// writeAccounts replaces what was found; no accounts at all delete the record.
func (m *Manager) writeAccounts(ctx context.Context, at accountsPlace, accounts Accounts) error {
	key := m.accountsKey(at.id)
	var sealed []byte
	if len(accounts) > 0 {
		var err error
		if sealed, err = m.sealAccounts(key, accountsRecord{Accounts: accounts, Browser: at.browser}); err != nil {
			return err
		}
	}
	return m.store.Swap(ctx, key, at.stored, sealed, m.accountsLeft(accounts))
}

// moveAccounts stores accounts under a new id and leaves a tombstone where they
// were, be it nothing: a request that is on its way with the same cookie must
// find them. Written in this order, a tombstone never leads to nothing, nor does
// an entry of the index but to what has moved on or ended.
func (m *Manager) moveAccounts(ctx context.Context, at accountsPlace, to sealedID, accounts Accounts) error {
	browser := at.browser
	if browser == "" {
		browser = rand.Text()
	}
	key := m.accountsKey(to)
	sealed, err := m.sealAccounts(key, accountsRecord{Accounts: accounts, Browser: browser})
	if err != nil {
		return err
	}
	if err := m.store.Put(ctx, key, sealed, m.accountsLeft(accounts)); err != nil {
		return err
	}
	if err := m.placeBrowser(ctx, browser, to, max(m.max, m.rememberMax)); err != nil {
		_ = m.store.Delete(ctx, key) // nothing leads there
		return err
	}
	if !at.known {
		return nil
	}
	err = m.leaveTombstone(ctx, at, to)
	if errors.Is(err, ErrChanged) {
		// No browser has its secret. After other trouble it stays: the tombstone
		// may have been written though the answer was lost.
		_ = m.store.Delete(ctx, key)
	}
	return err
}

// leaveTombstone replaces what was found by the way to the new place.
func (m *Manager) leaveTombstone(ctx context.Context, at accountsPlace, to sealedID) error {
	value, err := m.sealer.seal(accountsName, to)
	if err != nil {
		return fmt.Errorf("seal accounts cookie: %w", err)
	}
	key := m.accountsKey(at.id)
	sealed, err := m.sealAccounts(key, accountsRecord{Moved: value})
	if err != nil {
		return err
	}
	return m.store.Swap(ctx, key, at.stored, sealed, movedTTL)
}

// untilUnchanged tries a change until no other request comes in between.
func untilUnchanged(try func() error) error {
	for range changeTries {
		if err := try(); !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return ErrChanged
}

func (m *Manager) accountsKey(id sealedID) string { return m.hashedAccountsKey(accountsHash(id)) }

func (m *Manager) hashedAccountsKey(hash string) string { return m.key("c", hash) }

func accountsHash(id sealedID) string { return id.secret.hash("accounts") }

func (m *Manager) sealAccounts(key string, record accountsRecord) ([]byte, error) {
	plain, err := encodeJSON(record)
	if err != nil {
		return nil, err
	}
	return m.accounts.Seal(key, plain), nil
}

// accountsCookie is the value that the browser will send next: what this
// response sets already (fresh), or else what the request brought.
func (m *Manager) accountsCookie(w http.ResponseWriter, r *http.Request) (value string, fresh bool) {
	if value, ok := pendingCookie(w, accountsName); ok {
		return value, value != ""
	}
	value, _ = onlyCookie(r, accountsName)
	return value, false
}

func (m *Manager) setAccountsCookie(w http.ResponseWriter, id sealedID, accounts Accounts) error {
	value, err := m.sealer.seal(accountsName, id)
	if err != nil {
		return fmt.Errorf("seal accounts cookie: %w", err)
	}
	var maxAge time.Duration
	if outlivesBrowser(accounts) {
		maxAge = m.accountsLeft(accounts)
	}
	m.setCookie(w, accountsName, value, maxAge)
	return nil
}

// outlivesBrowser is true while every account chose to be remembered. With none
// the cookie looks as it does for somebody who did not.
func outlivesBrowser(accounts Accounts) bool {
	return len(accounts) > 0 && !slices.ContainsFunc(accounts, func(a Account) bool { return !a.Persistent })
}

// cookieAges is true when a cookie that outlives the browser has used up a tenth
// of its life: only a new one lasts as long as the accounts.
func (m *Manager) cookieAges(id sealedID, accounts Accounts) bool {
	return outlivesBrowser(accounts) && m.now().Sub(id.created) > m.rememberMax/touchParts
}

// AccountsCookie is the sealed value that a request carries, "" for none: good for
// telling whether the browser has moved on, and for nothing else.
func AccountsCookie(r *http.Request) string {
	value, _ := onlyCookie(r, accountsName)
	return value
}
