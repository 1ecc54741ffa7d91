package handlers

import (
	"errors"

	"torhaus/session"
	"torhaus/zitadelclient"
)

// endZitadelSession ends a ZITADEL session whose token no browser has any more:
// it would live on for weeks, forgotten.
func (v *visit) endZitadelSession(account session.Account) {
	// By its id alone: a token that another tab has rotated would be refused.
	if err := v.Zitadel.DeleteSession(v.ctx, zitadelclient.SessionRef{ID: account.ZitadelSession}); err != nil {
		v.Logger.WarnContext(v.ctx, "a forgotten ZITADEL session was not ended", "error", err)
	}
}

// dropProvisional ends the session that only held a challenge.
func (v *visit) dropProvisional() {
	p := v.attempt.Provisional
	if p == nil {
		return
	}
	if !v.concealed() || v.known() {
		// Else it ends by itself in a while: one call more would tell, by its
		// time, whom it was about.
		v.endZitadelSession(session.Account{ZitadelSession: p.ID})
	}
	v.attempt.Provisional, v.attempt.ZitadelSession = nil, ""
}

// endOwnSession ends our session of this browser if it rests on this ZITADEL
// session, and revokes what it held.
func (v *visit) endOwnSession(zitadelSession string) error {
	own, err := v.Sessions.Peek(v.ctx, v.r)
	if errors.Is(err, session.ErrNotFound) || err == nil && own.ZitadelSession != zitadelSession {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	_, tokens, err := v.Sessions.EndSession(v.ctx, v.w, v.r)
	v.keeper.Discard(tokens)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return unavailable(err)
}

// endSessions ends our sessions of a user, but for one, and revokes what they
// called ZITADEL with: a refresh token outlives a password.
func (v *visit) endSessions(userID, but string) error {
	ended, err := v.Sessions.EndOtherSessions(v.ctx, userID, but)
	v.keeper.Discard(partingFrom(ended).tokens...)
	return unavailable(err)
}

// endZitadelSessions ends the ZITADEL sessions of a user, but for one: whoever
// holds one of them could go on signing in with it. again is for when the visitor has
// the session that they go on in: what is left of the others by then is ended behind
// the answer.
func (v *visit) endZitadelSessions(userID, but string) (again func()) {
	err := v.Zitadel.DeleteSessionsOf(v.ctx, userID, but)
	if err == nil {
		return func() {}
	}
	v.Logger.WarnContext(v.ctx, "older ZITADEL sessions were not all ended yet", "error", err)
	return func() { v.tellZitadel(&parting{everyOneOf: userID, but: v.attempt.ZitadelSession}) }
}

// ownSession is the public name of this browser's own session, "" for none.
func (v *visit) ownSession() string {
	s, err := v.Sessions.Peek(v.ctx, v.r)
	if err != nil {
		if !errors.Is(err, session.ErrNotFound) {
			v.Logger.WarnContext(v.ctx, "own session not read", "error", err)
		}
		return ""
	}
	return s.Handle
}
