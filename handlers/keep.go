package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/zitadelclient"
)

// provider is ZITADEL as the sessions of our apps see it while they live: who
// says whether one may go on, and gives it new tokens.
type provider struct{ *Handlers }

// ended says that a session must not go on, and why.
func ended(why string) error { return fmt.Errorf("%w: %s", session.ErrEnded, why) }

// Check reads what must still be as it was. ZITADEL tells nobody of most of it: a
// refresh token outlives its session, the password, and the organization.
func (p provider) Check(ctx context.Context, s *session.Session) error {
	if err := p.checkZitadelSession(ctx, s); err != nil {
		return err
	}
	user, err := p.Zitadel.User(ctx, s.Subject)
	switch {
	case errors.Is(err, zitadelclient.NotFound):
		return ended("the user is gone")
	case err != nil:
		return err
	case !user.Human || user.State != zitadelclient.UserActive:
		return ended("the user is not active")
	}
	if err := p.checkFactors(ctx, s); err != nil {
		return err
	}
	open, err := p.organizationOpen(ctx, user.OrganizationID)
	if err != nil {
		return err
	}
	if !open {
		return ended("the organization is deactivated")
	}
	s.Name, s.Email, s.OrganizationID = user.DisplayName, user.Email, user.OrganizationID
	return nil
}

// checkZitadelSession holds the ZITADEL session to what it was when it let the
// user in.
func (p provider) checkZitadelSession(ctx context.Context, s *session.Session) error {
	found, err := p.Zitadel.GrantedSession(ctx, s.ZitadelSession)
	switch {
	case errors.Is(err, zitadelclient.SessionEnded), errors.Is(err, zitadelclient.NotFound):
		return p.terminated(ctx, s)
	case err != nil:
		return err
	case !found.Expires.IsZero() && !found.Expires.After(p.Now()):
		return ended("the ZITADEL session has expired")
	case found.Factors.User.ID != s.Subject:
		return ended("the ZITADEL session is of another user")
	case s.ByPassword && found.Factors.Password.IsZero():
		return p.passwordChanged(ctx, s)
	}
	return nil
}

// passwordChanged says so of a ZITADEL session that has lost its password factor:
// ZITADEL takes it from every one that is older than a change. Whoever changes it
// here shows the new one at once, so that is waited for.
func (p provider) passwordChanged(ctx context.Context, s *session.Session) error {
	unlock, err := p.Sessions.Lock(ctx, changeLock(s.ZitadelSession), submitTime)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := p.Zitadel.GrantedSession(ctx, s.ZitadelSession)
	if err == nil && found.Factors.Password.IsZero() {
		return ended("the password was changed")
	}
	return err
}

// checkFactors ends a session that was let in by a factor which its user has no more.
// Whoever removes one, of a phone that was lost, means those who have the phone, and
// ZITADEL goes on counting it as shown (ASVS 7.4.3). The ZITADEL session goes, too: it
// would sign the same browser in again, asking nothing. Of several keys of one kind
// nobody says which it was; there the last one counts.
func (p provider) checkFactors(ctx context.Context, s *session.Session) error {
	if len(s.Factors) == 0 || p.Now().Sub(s.Created) < settling {
		return nil // nothing to lose, or not yet listed
	}
	has, err := p.Zitadel.AuthMethods(ctx, s.Subject)
	if err != nil {
		return err
	}
	for _, factor := range s.Factors {
		if !slices.Contains(has, zitadelclient.AuthMethod(factor)) {
			p.tellZitadel(&parting{sessions: map[string]bool{s.ZitadelSession: true}})
			return ended("the factor was removed")
		}
	}
	return nil
}

// changeLock is held from the change of a password until the new one was shown.
func changeLock(zitadelSession string) string { return "password:" + zitadelSession }

// terminated tells a ZITADEL session that somebody ended from one that a later
// sign-in of the same user in the same browser has replaced: then that one stands
// behind the session, if the gate says so.
func (p provider) terminated(ctx context.Context, s *session.Session) error {
	account, err := p.Sessions.AccountOf(ctx, s)
	if errors.Is(err, session.ErrNotFound) || err == nil && account.ZitadelSession == s.ZitadelSession {
		return ended("the ZITADEL session was terminated")
	}
	if err != nil {
		return err
	}
	return session.ErrRefused
}

// Refresh gets new tokens for a session.
func (p provider) Refresh(ctx context.Context, s *session.Session, held session.TokenSet) (session.TokenSet, error) {
	if held.RefreshToken == "" {
		return p.mint(ctx, s)
	}
	tokens, err := p.Zitadel.Refresh(ctx, held.RefreshToken, zitadelclient.IDClaims{
		Issuer: s.Issuer, Subject: s.Subject, SessionID: s.ZitadelSession, Roles: s.Roles,
	})
	if errors.Is(err, zitadelclient.InvalidGrant) {
		return session.TokenSet{}, fmt.Errorf("%w: %w", session.ErrRefused, err)
	}
	if err != nil {
		return session.TokenSet{}, err
	}
	s.Roles = tokens.Claims.Roles
	return tokenSet(tokens), nil
}

// Revoke ends a refresh token.
func (p provider) Revoke(ctx context.Context, refreshToken string) error {
	return p.Zitadel.Revoke(ctx, refreshToken)
}

// mint signs the user in once more, silently and without the browser: by the
// account that stands behind the session. It is a sign-in as any other, and the
// gate is asked the same question.
func (p provider) mint(ctx context.Context, s *session.Session) (session.TokenSet, error) {
	account, err := p.Sessions.AccountOf(ctx, s)
	if errors.Is(err, session.ErrNotFound) {
		return session.TokenSet{}, ended("no account stands behind it")
	}
	if err != nil {
		return session.TokenSet{}, err
	}
	// Whoever is adding a factor in another tab rotates the token: the newest is
	// known when they are done.
	unlock, err := p.Sessions.Lock(ctx, "zitadel:"+account.ZitadelSession, submitTime)
	if err != nil {
		return session.TokenSet{}, err
	}
	defer unlock()
	if account, err = p.Sessions.AccountOf(ctx, s); err != nil {
		return session.TokenSet{}, err
	}
	v := &visit{Handlers: p.Handlers, ctx: ctx, attempt: silentAttempt(account), renewed: &account}
	tokens, err := v.silentTokens()
	if err != nil {
		return session.TokenSet{}, endedBy(err)
	}
	v.stands(s, tokens.Claims)
	return tokenSet(tokens), nil
}

// silentAttempt is a sign-in in which nobody can be asked for anything. What would
// only be offered is not.
func silentAttempt(account session.Account) *session.Attempt {
	return &session.Attempt{
		Request:        session.Request{Kind: session.KindOwn, Prompts: []string{string(zitadelclient.PromptNone)}},
		User:           session.UserSnapshot{ID: account.UserID},
		ZitadelSession: account.ZitadelSession, Skipped: true,
	}
}

// silentTokens gets tokens behind the gate, on facts that are read now.
func (v *visit) silentTokens() (zitadelclient.Tokens, error) {
	if err := v.ask(); err != nil {
		return zitadelclient.Tokens{}, err
	}
	if v.step.Kind != flow.Finish {
		return zitadelclient.Tokens{}, ended("the gate asks for more")
	}
	answer, transaction, err := v.authorize()
	if err != nil {
		return zitadelclient.Tokens{}, err
	}
	return v.exchange(answer, transaction)
}

// endedBy tells what ends a session from what passes. Here nobody can be sent to
// the browser's way in, or asked again.
func endedBy(err error) error {
	for _, no := range []zitadelclient.Kind{
		zitadelclient.AuthorizeRefused, zitadelclient.SessionEnded, zitadelclient.NotFound, zitadelclient.NotActive,
		zitadelclient.GrantRequired, zitadelclient.InvalidGrant,
	} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", session.ErrEnded, err)
		}
	}
	return err
}

// stands notes what stands behind a session by what the gate has just read.
func (v *visit) stands(s *session.Session, claims zitadelclient.IDClaims) {
	user := v.state.User
	s.Name, s.Email, s.OrganizationID = user.DisplayName, user.Email, user.OrganizationID
	s.ZitadelSession, s.Roles, s.AuthTime = claims.SessionID, claims.Roles, claims.AuthTime
	s.Methods = shownMethods(claims.Methods, v.state.MultiFactor())
	s.ByPassword, s.Factors = !v.state.Session.Factors.Password.IsZero(), nil
	for _, method := range v.state.Stands() {
		s.Factors = append(s.Factors, string(method))
	}
}

// tokenSet is what a session keeps of tokens.
func tokenSet(tokens zitadelclient.Tokens) session.TokenSet {
	return session.TokenSet{AccessToken: tokens.AccessToken, RefreshToken: tokens.RefreshToken, Expires: tokens.Expires}
}
