package session

import (
	"context"
	"errors"
	"time"
)

// A session knows which accounts stand behind it, although the browser's next
// request may carry its cookie alone, as one behind forward-auth does. Accounts
// get a new secret at every sign-in, and the store never learns one: so they have
// a name that stays, and an index of where what has that name was put. There is
// no second copy of anything, least of all of a token.

// AccountOf is the account of a session's user in the browser that the session
// was started in: the one that holds the token of its ZITADEL session, or else
// the one that has taken its place since. [ErrNotFound] says that there is none.
func (m *Manager) AccountOf(ctx context.Context, s *Session) (Account, error) {
	if s.browser == "" {
		return Account{}, ErrNotFound
	}
	gone := map[string]bool{}
	for range mostMoves {
		before := len(gone)
		account, exact, err := m.lookForAccount(ctx, s, gone)
		if err != nil || exact {
			return account, err
		}
		if len(gone) > before {
			continue // they may have moved since the index was read: it names the new place by now
		}
		if account.UserID == "" {
			return Account{}, ErrNotFound
		}
		return account, nil
	}
	return Account{}, unavailable("find account", errMovedTooOften)
}

// lookForAccount looks for the account of a session at all places of its browser
// that are not gone, and notes which are. exact is the one that holds the token of
// the ZITADEL session.
func (m *Manager) lookForAccount(ctx context.Context, s *Session, gone map[string]bool) (found Account, exact bool, err error) {
	indexes := m.browserIndexes(s.browser)
	hashes, err := m.members(ctx, indexes)
	if err != nil {
		return Account{}, false, err
	}
	for _, hash := range hashes {
		if gone[hash] {
			continue
		}
		accounts, err := m.accountsAt(ctx, hash, s.browser)
		switch {
		case errors.Is(err, ErrNotFound):
			gone[hash] = true
			m.cleanUp(ctx, indexes, hash)
			continue
		case err != nil:
			return Account{}, false, err
		}
		if account := accounts.BySession(s.ZitadelSession); account != nil {
			return *account, true, nil
		}
		if account, ok := accounts.byUser(s.Subject); ok && account.ZitadelSession != "" {
			found = account
		}
	}
	return found, false, nil
}

// accountsAt reads the accounts that an index names; [ErrNotFound] is a place that
// they have left or that they ended at, for good. An entry is only a hint, which
// somebody with access to the store could have planted: what counts is the name in
// the sealed record.
func (m *Manager) accountsAt(ctx context.Context, hash, browser string) (Accounts, error) {
	key := m.hashedAccountsKey(hash)
	stored, err := m.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	switch record := m.openAccounts(key, stored); {
	case record.Moved != "":
		return nil, ErrNotFound
	case record.Browser == browser:
		return record.Accounts, nil
	}
	return nil, nil
}

// bindBrowser ties a session to the accounts of its browser.
func (m *Manager) bindBrowser(ctx context.Context, s *Session, value string) error {
	at, err := m.findAccounts(ctx, value)
	if err != nil || at.browser == "" {
		return err
	}
	s.browser = at.browser
	return m.placeBrowser(ctx, at.browser, at.id, s.Expires.Sub(m.now()))
}

// placeBrowser notes where the accounts of a browser have been put. Earlier, it
// would be taken for an entry of what is gone, and cleaned away.
func (m *Manager) placeBrowser(ctx context.Context, browser string, id sealedID, ttl time.Duration) error {
	return m.store.Add(ctx, m.browserIndexes(browser)[0], accountsHash(id), ttl)
}

func (m *Manager) browserIndexes(browser string) []string { return m.names("w", browser) }
