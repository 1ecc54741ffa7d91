package session

import (
	"slices"
	"time"
)

// Account is a person whom this browser has signed in.
type Account struct {
	UserID         string    `json:"user"`
	OrganizationID string    `json:"org,omitempty"`
	LoginName      string    `json:"name,omitempty"`
	DisplayName    string    `json:"display,omitempty"`
	GivenName      string    `json:"given,omitempty"`
	FamilyName     string    `json:"family,omitempty"`
	ZitadelSession string    `json:"session,omitempty"`
	ZitadelToken   string    `json:"token,omitempty"` // the one copy of it
	Used           time.Time `json:"used,omitzero"`
	Persistent     bool      `json:"persistent,omitempty"` // chose to be remembered; set by [Manager.RememberAccount]
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
