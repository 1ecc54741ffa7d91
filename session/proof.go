package session

import "time"

// Proof is that a code which was mailed to a user was redeemed in this attempt. It
// is a fact of ours: nobody can bring it along or work it out, as they could the
// hosted login's, a cookie made of the user's id and the browser's
// (CVE-2026-119128). It serves one purpose, for one user, in one browser, once, and
// is forgotten with the user.
type Proof struct {
	Purpose string    `json:"for"`
	UserID  string    `json:"user"`
	At      time.Time `json:"at"`
}

// Prove notes that a code for the attempt's user was redeemed.
func (a *Attempt) Prove(purpose string, at time.Time) {
	a.Proof = &Proof{Purpose: purpose, UserID: a.User.ID, At: at}
}

// Proven is when that was: for this purpose and the user that the attempt has now.
// Zero says that there is no proof.
func (a *Attempt) Proven(purpose string) time.Time {
	if p := a.Proof; p != nil && p.Purpose == purpose && p.UserID != "" && p.UserID == a.User.ID {
		return p.At
	}
	return time.Time{}
}

// Enrolled is the method that was set up last in this attempt. ZITADEL's list of
// methods lags behind.
type Enrolled struct {
	Method string    `json:"method"`
	At     time.Time `json:"at"`
}
