package session

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Account is a person whom this browser has signed in, or is signing in.
type Account struct {
	UserID         string    `json:"user"`
	OrganizationID string    `json:"org,omitempty"`
	LoginName      string    `json:"name,omitempty"`
	Email          string    `json:"email,omitempty"` // proven, as of the last sign-in that passed the gate
	DisplayName    string    `json:"display,omitempty"`
	GivenName      string    `json:"given,omitempty"`
	FamilyName     string    `json:"family,omitempty"`
	ZitadelSession string    `json:"session,omitempty"`
	ZitadelToken   string    `json:"token,omitempty"` // the one copy of it
	Used           time.Time `json:"used,omitzero"`
	Persistent     bool      `json:"persistent,omitempty"` // chose to be remembered; set by [Manager.RememberAccount]
	// Offered is true once a sign-in of the user has passed the gate. Until then
	// somebody has merely begun one, which is no reason to show a name.
	Offered bool `json:"offered,omitempty"`
	// Provider is the identity provider whose word stands in the ZITADEL session,
	// "" for none: ZITADEL does not say which it was.
	Provider string `json:"provider,omitempty"`

	read string // the token as [Manager.Accounts] gave it; "" for an account made anew
}

// Called reports whether a login hint names the account: clients know people by what
// they type, or by the address that their tokens say.
func (a Account) Called(hint string) bool {
	return strings.EqualFold(hint, a.LoginName) || a.Email != "" && strings.EqualFold(hint, a.Email)
}

// inPlaceOf is what becomes of an account where the browser has one of the same
// user. A sign-in that is begun again does not hide who has been signed in; and
// an account that was read, and brings no newer token, leaves the one that
// another request may have stored since: the older is worth nothing any more.
func (a Account) inPlaceOf(earlier Account) Account {
	a.Offered, a.Email = a.Offered || earlier.Offered, cmp.Or(a.Email, earlier.Email)
	if a.read != "" && a.read == a.ZitadelToken {
		a.ZitadelSession, a.ZitadelToken, a.Provider = earlier.ZitadelSession, earlier.ZitadelToken, earlier.Provider
	}
	return a
}

// Accounts are the accounts of one browser, in no particular order.
type Accounts []Account

// BySession is the account that holds the token of a ZITADEL session, nil when
// this browser has none.
func (a Accounts) BySession(zitadelSession string) *Account {
	if zitadelSession == "" {
		return nil
	}
	for _, account := range a {
		if account.ZitadelSession == zitadelSession {
			return &account
		}
	}
	return nil
}

// ByUse lists the accounts, the one used last first.
func (a Accounts) ByUse() []Account {
	return slices.SortedStableFunc(slices.Values(a), func(x, y Account) int { return y.Used.Compare(x.Used) })
}

// byUser is the account of a user.
func (a Accounts) byUser(userID string) (account Account, found bool) {
	for _, account := range a {
		if account.UserID == userID {
			return account, true
		}
	}
	return Account{}, false
}

// with adds an account in place of the same user's, and keeps the ten that were
// used last.
func (a Accounts) with(account Account) Accounts {
	if earlier, found := a.byUser(account.UserID); found {
		account = account.inPlaceOf(earlier)
	}
	others := slices.DeleteFunc(a.ByUse(), func(other Account) bool { return other.UserID == account.UserID })
	others = others[:min(len(others), maxAccounts-1)]
	return append(Accounts{account}, others...)
}

// without are the accounts whose ZITADEL session is none of the others'.
func (a Accounts) without(others Accounts) (left []Account) {
	for _, account := range a {
		if account.ZitadelSession != "" && others.BySession(account.ZitadelSession) == nil {
			left = append(left, account)
		}
	}
	return left
}
