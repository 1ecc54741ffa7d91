package session

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Accounts are the people whom this browser has signed in. None is no error.
func (m *Manager) Accounts(ctx context.Context, r *http.Request) (Accounts, error) {
	value, _ := onlyCookie(r, accountsName)
	at, err := m.findAccounts(ctx, value)
	return at.accounts, err
}

// RememberAccount is for a sign-in or a step-up: it adds an account to the
// browser's, in place of an earlier one of the same user, and moves them all
// under a new secret: whoever knew or planted the old cookie is left behind. The
// one used longest ago makes room for an eleventh.
//
// For a minute the old cookie still leads to the accounts, since requests that
// the browser sent with it are still on their way. Of two tabs that finish at
// once, the second one adds its account to the first one's, and both answers set
// the same cookie.
//
// The cookie outlives the browser only while every account in it chose that: on
// a shared machine, nobody stays signed in because somebody else wanted to.
func (m *Manager) RememberAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, account Account, persistent bool) error {
	_, err := m.RememberAccountReplacing(ctx, w, r, account, persistent)
	return err
}

// RememberAccountReplacing is [Manager.RememberAccount] that also says which
// accounts had to go, with the tokens that end their ZITADEL sessions: nobody
// else has them, and those sessions would live on for weeks.
func (m *Manager) RememberAccountReplacing(ctx context.Context, w http.ResponseWriter, r *http.Request, account Account, persistent bool) (displaced []Account, err error) {
	account.Persistent = persistent
	account.Used = m.used(account)
	err = m.placeAccounts(ctx, w, r, func(at accountsPlace) (Accounts, bool) {
		accounts := at.accounts.with(account)
		displaced = at.accounts.without(accounts)
		return accounts, false
	})
	if err != nil {
		return nil, err
	}
	return displaced, nil
}

// UpdateAccount puts an account in place of the same user's, such as one that
// has been used again. The cookie stays as it is where a new one gains nothing;
// a user whom this browser does not know is remembered as by
// [Manager.RememberAccount]. Whether the user chose to be remembered stays as
// it was.
func (m *Manager) UpdateAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, account Account) error {
	account.Used = m.used(account)
	return m.placeAccounts(ctx, w, r, func(at accountsPlace) (Accounts, bool) {
		account := account
		earlier, found := at.accounts.byUser(account.UserID)
		if found {
			account.Persistent = earlier.Persistent
		}
		accounts := at.accounts.with(account)
		return accounts, found && !m.cookieAges(at.id, accounts)
	})
}

// RefreshAccounts gives the accounts a new cookie without changing them, be there
// none. An answer that remembers nobody then looks like one that does: a sign-up
// with a taken address must not be told by the lack of a cookie.
func (m *Manager) RefreshAccounts(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	return m.placeAccounts(ctx, w, r, func(at accountsPlace) (Accounts, bool) { return at.accounts, false })
}

// UpdateAccountToken stores the newest token of a ZITADEL session. ErrNotFound
// says that this browser has no account with that session.
func (m *Manager) UpdateAccountToken(ctx context.Context, r *http.Request, zitadelSession, token string) error {
	value, _ := onlyCookie(r, accountsName)
	return m.editAccounts(ctx, value, func(accounts Accounts) (Accounts, error) {
		at := slices.IndexFunc(accounts, func(a Account) bool { return a.ZitadelSession == zitadelSession })
		if at < 0 || zitadelSession == "" {
			return nil, ErrNotFound
		}
		accounts[at].ZitadelToken = token
		return accounts, nil
	})
}

// ForgetAccount takes the account of a ZITADEL session off this browser, and
// the cookie with the last one: no older cookie leads to anything then. An
// account that is not there is no error.
func (m *Manager) ForgetAccount(ctx context.Context, w http.ResponseWriter, r *http.Request, zitadelSession string) error {
	value, _ := m.accountsCookie(w, r)
	empty := false
	err := m.editAccounts(ctx, value, func(accounts Accounts) (Accounts, error) {
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

// placeAccounts reads, changes and writes the accounts, and gives the browser a
// new cookie unless change says that the one it has may stay.
//
// A secret that this response or, a moment ago, another one made is new enough:
// the accounts stay under it and the answer sets it. Of answers that arrive in
// any order, each then leaves the browser with the same.
func (m *Manager) placeAccounts(ctx context.Context, w http.ResponseWriter, r *http.Request, change func(accountsPlace) (accounts Accounts, stay bool)) error {
	value, fresh := m.accountsCookie(w, r)
	return untilUnchanged(func() error {
		at, err := m.findAccounts(ctx, value)
		if err != nil {
			return err
		}
		accounts, stay := change(at)
		if stay && !at.moved {
			return m.writeAccounts(ctx, at, accounts)
		}
		to := newSealedID(m.now()) // also for another try: what is gone does not come back (cleanUp)
		if at.stored != nil && (fresh || at.moved) {
			to, err = at.id, m.writeAccounts(ctx, at, accounts)
		} else {
			err = m.moveAccounts(ctx, at, to, accounts)
		}
		if err != nil {
			return err
		}
		return m.setAccountsCookie(w, to, accounts)
	})
}

// editAccounts reads, changes and writes the accounts where they are.
func (m *Manager) editAccounts(ctx context.Context, value string, edit func(Accounts) (Accounts, error)) error {
	return untilUnchanged(func() error {
		at, err := m.findAccounts(ctx, value)
		if err != nil {
			return err
		}
		accounts, err := edit(at.accounts)
		if err != nil {
			return err
		}
		return m.writeAccounts(ctx, at, accounts)
	})
}

// used is when an account is used, in the whole seconds that records keep.
func (m *Manager) used(a Account) time.Time {
	if a.Used.IsZero() {
		a.Used = m.now()
	}
	return a.Used.UTC().Truncate(time.Second)
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
		return time.Second // of a record that nobody misses
	}
	last := slices.MaxFunc(accounts, func(a, b Account) int { return m.accountEnds(a).Compare(m.accountEnds(b)) })
	return max(m.accountEnds(last).Sub(m.now()), time.Second)
}
