package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// swapTries bounds how often a change is tried anew because another request of
// the same browser changed the record in between.
const swapTries = 8

// Accounts are the people whom this browser has signed in. None is no error.
func (m *Manager) Accounts(ctx context.Context, r *http.Request) (Accounts, error) {
	value, _ := onlyCookie(r, accountsName)
	accounts, _, err := m.loadAccounts(ctx, value)
	return accounts, err
}

// RememberAccount adds an account to the browser's, in place of an earlier one
// of the same user, and moves them all under a new secret: whoever knew or
// planted the old cookie is left behind. The one used longest ago makes room
// for an eleventh.
//
// The cookie outlives the browser only while every account in it chose that: on
// a shared machine, nobody stays signed in because somebody else wanted to.
func (m *Manager) RememberAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, account Account, persistent bool) error {
	account.Persistent = persistent
	if account.Used.IsZero() {
		account.Used = m.now()
	}
	account.Used = account.Used.UTC().Truncate(time.Second)
	old, fresh := m.accountsCookie(w, r)
	id := newSealedID(m.now())
	if fresh {
		id, _ = m.sealer.open(accountsName, old) // made by this response: no browser has had it yet
	}
	for range swapTries {
		accounts, stored, err := m.loadAccounts(ctx, old)
		if err != nil {
			return err
		}
		accounts = accounts.with(account)
		switch err := m.moveAccounts(ctx, old, stored, id, accounts); {
		case err == nil:
			return m.setAccountsCookie(w, id, accounts)
		case !errors.Is(err, ErrChanged):
			return err
		}
	}
	return ErrChanged
}

// RefreshAccounts gives the accounts a new cookie without changing them, be there
// none. An answer that remembers nobody then looks like one that does: a sign-up
// with a taken address must not be told by the lack of a cookie.
func (m *Manager) RefreshAccounts(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	old, _ := m.accountsCookie(w, r)
	id := newSealedID(m.now())
	for range swapTries {
		accounts, stored, err := m.loadAccounts(ctx, old)
		if err != nil {
			return err
		}
		err = m.moveAccounts(ctx, old, stored, id, accounts)
		if err == nil {
			return m.setAccountsCookie(w, id, accounts)
		}
		if !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return ErrChanged
}

// moveAccounts stores accounts under id. What was stored under the old secret
// goes in the same breath, unless it has changed since it was read.
func (m *Manager) moveAccounts(ctx context.Context, old string, stored []byte, id sealedID, accounts Accounts) error {
	key, ttl := m.accountsKey(id), m.accountsLeft(accounts)
	sealed, err := m.sealAccounts(key, accounts)
	if err != nil {
		return err
	}
	oldID, ok := m.sealer.open(accountsName, old)
	if ok && oldID == id {
		return m.store.Swap(ctx, key, stored, sealed, ttl)
	}
	if err := m.store.Put(ctx, key, sealed, ttl); err != nil {
		return err
	}
	if stored == nil {
		return nil
	}
	err = m.store.Swap(ctx, m.accountsKey(oldID), stored, nil, 0)
	if err != nil {
		_ = m.store.Delete(ctx, key) // no browser gets its secret; it would end by itself
	}
	return err
}

// UpdateAccountToken stores the newest token of a ZITADEL session. ErrNotFound
// says that this browser has no account with that session.
func (m *Manager) UpdateAccountToken(ctx context.Context, r *http.Request, zitadelSession, token string) error {
	value, _ := onlyCookie(r, accountsName)
	return m.changeAccounts(ctx, value, func(accounts Accounts) (Accounts, error) {
		at := slices.IndexFunc(accounts, func(a Account) bool { return a.ZitadelSession == zitadelSession })
		if at < 0 || zitadelSession == "" {
			return nil, ErrNotFound
		}
		accounts[at].ZitadelToken = token
		return accounts, nil
	})
}

// ForgetAccount takes the account of a ZITADEL session off this browser, and
// the cookie with the last one. An account that is not there is no error.
func (m *Manager) ForgetAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, zitadelSession string) error {
	value, _ := m.accountsCookie(w, r)
	empty := false
	err := m.changeAccounts(ctx, value, func(accounts Accounts) (Accounts, error) {
		left := slices.DeleteFunc(slices.Clone(accounts), func(a Account) bool { return a.ZitadelSession == zitadelSession })
		if len(left) == len(accounts) {
			return nil, ErrNotFound
		}
		empty = len(left) == 0
		return left, nil
	})
	if err == nil && empty {
		m.clearCookie(w, accountsName)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// changeAccounts reads, changes and writes the accounts in place, again if
// another request of the browser came in between.
func (m *Manager) changeAccounts(ctx context.Context, value string, change func(Accounts) (Accounts, error)) error {
	for range swapTries {
		accounts, stored, err := m.loadAccounts(ctx, value)
		if err != nil {
			return err
		}
		if accounts, err = change(accounts); err != nil {
			return err
		}
		id, _ := m.sealer.open(accountsName, value)
		key := m.accountsKey(id)
		var sealed []byte
		if len(accounts) > 0 {
			if sealed, err = m.sealAccounts(key, accounts); err != nil {
				return err
			}
		}
		if err = m.store.Swap(ctx, key, stored, sealed, m.accountsLeft(accounts)); !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return ErrChanged
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

// loadAccounts reads the accounts behind a cookie's value, and the record as it
// is stored. A value that opens nothing has none.
func (m *Manager) loadAccounts(ctx context.Context, value string) (accounts Accounts, stored []byte, err error) {
	id, ok := m.sealer.open(accountsName, value)
	if !ok {
		return nil, nil, nil
	}
	key := m.accountsKey(id)
	stored, err = m.store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	record, err := m.accounts.Open(key, stored)
	if err != nil || decodeJSON(record, &accounts) != nil {
		// Unreadable is none. stored goes back as well, so that a change
		// replaces it.
		return nil, stored, nil
	}
	now := m.now()
	accounts = slices.DeleteFunc(accounts, func(a Account) bool { return !m.accountEnds(a).After(now) })
	return accounts, stored, nil
}

// with adds an account in place of the same user's, and keeps the ten that were
// used last.
func (a Accounts) with(account Account) Accounts {
	others := slices.DeleteFunc(slices.Clone(a), func(other Account) bool { return other.UserID == account.UserID })
	slices.SortStableFunc(others, func(x, y Account) int { return y.Used.Compare(x.Used) })
	others = others[:min(len(others), maxAccounts-1)]
	return append(Accounts{account}, others...)
}

// accountEnds is when an account is forgotten.
func (m *Manager) accountEnds(a Account) time.Time {
	if a.Persistent {
		return a.Used.Add(m.rememberMax)
	}
	return a.Used.Add(m.max)
}

// accountsLeft is how long the longest-lived account still has.
func (m *Manager) accountsLeft(accounts Accounts) time.Duration {
	if len(accounts) == 0 {
		return time.Second // for a Swap that deletes
	}
	last := slices.MaxFunc(accounts, func(a, b Account) int { return m.accountEnds(a).Compare(m.accountEnds(b)) })
	return max(m.accountEnds(last).Sub(m.now()), time.Second)
}

func (m *Manager) accountsKey(id sealedID) string { return m.key("c", id.secret.hash("accounts")) }

func (m *Manager) sealAccounts(key string, accounts Accounts) ([]byte, error) {
	record, err := encodeJSON(accounts)
	if err != nil {
		return nil, err
	}
	return m.accounts.Seal(key, record), nil
}

func (m *Manager) setAccountsCookie(w http.ResponseWriter, id sealedID, accounts Accounts) error {
	value, err := m.sealer.seal(accountsName, id)
	if err != nil {
		return fmt.Errorf("seal accounts cookie: %w", err)
	}
	maxAge := m.accountsLeft(accounts)
	if slices.ContainsFunc(accounts, func(a Account) bool { return !a.Persistent }) {
		maxAge = 0
	}
	m.setCookie(w, accountsName, value, maxAge)
	return nil
}
