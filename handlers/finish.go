package handlers

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// finish hands the visitor over. The facts behind v.step were read from
// ZITADEL in this request, after its last write: this is the gate.
func (v *visit) finish() error {
	if v.step.Kind != flow.Finish || !v.fresh || v.account == nil {
		return fmt.Errorf("finish without a gate: step %q, fresh %t", v.step.Kind, v.fresh)
	}
	if err := navigated(v.r); err != nil {
		return err
	}
	if err := v.guardLoop(v.r, v.account.ZitadelSession); err != nil {
		return err
	}
	switch v.attempt.Request.Kind {
	case session.KindOwn:
		return v.finishOwn()
	case session.KindOIDC:
		return v.finishClient()
	}
	return v.finishBare()
}

// finishOwn signs in to our own apps: authorize, finalize and exchange, all in
// this request. State, nonce and verifier never leave the process.
func (v *visit) finishOwn() error {
	answer, transaction, err := v.authorize()
	if errors.Is(err, zitadelclient.AuthorizeRefused) {
		return v.authorizeInBrowser()
	}
	if err != nil {
		return v.finalizeFailed(err)
	}
	return v.redeem(answer, transaction)
}

// authorize has ZITADEL answer a request of ours with the account's session,
// server to server. Only who passed the gate gets here.
func (v *visit) authorize() (zitadelclient.AuthorizationResponse, zitadelclient.Transaction, error) {
	id, transaction, err := v.Zitadel.Authorize(v.ctx, v.authorizeParams())
	if err != nil {
		return zitadelclient.AuthorizationResponse{}, transaction, err
	}
	callback, err := v.Zitadel.Finalize(v.ctx, id, ref(*v.account))
	if err != nil {
		return zitadelclient.AuthorizationResponse{}, transaction, err
	}
	answer, err := parseCallback(callback)
	return answer, transaction, err
}

// redeem exchanges the code and starts our session. What the tokens of sessions
// that end for it could still do is ended behind the answer's back.
func (v *visit) redeem(answer zitadelclient.AuthorizationResponse, transaction zitadelclient.Transaction) error {
	tokens, err := v.exchange(answer, transaction)
	if err != nil {
		return err
	}
	target, err := v.returnTo()
	if err != nil {
		return err
	}
	replaced, err := v.Sessions.StartSession(v.ctx, v.w, v.r, v.newSession(tokens.Claims), tokenSet(tokens))
	v.keeper.Discard(replaced...)
	if err != nil {
		v.keeper.Discard(tokenSet(tokens)) // no session has them
		if errors.Is(err, session.ErrTooLarge) {
			return web.Error{Status: http.StatusForbidden, Key: "error.too_many_roles", Err: err} // later is no better
		}
		return unavailable(err)
	}
	return v.arrive(target)
}

// exchange redeems the code. The transaction is ours alone; the answer must prove
// that it belongs to it before a code is spent.
func (v *visit) exchange(answer zitadelclient.AuthorizationResponse, transaction zitadelclient.Transaction) (zitadelclient.Tokens, error) {
	if subtle.ConstantTimeCompare([]byte(answer.State), []byte(transaction.State)) != 1 {
		return zitadelclient.Tokens{}, badRequest(errors.New("authorization response with another state"))
	}
	if answer.Issuer != "" && answer.Issuer != v.Issuer.String() {
		return zitadelclient.Tokens{}, badRequest(errors.New("authorization response of another issuer")) // RFC 9207: mix-up
	}
	if answer.Error != "" {
		return zitadelclient.Tokens{}, denied(fmt.Errorf("authorization error %q", answer.Error))
	}
	tokens, err := v.Zitadel.Exchange(v.ctx, answer.Code, transaction)
	if err != nil {
		return zitadelclient.Tokens{}, err
	}
	if tokens.Claims.Subject != v.state.User.ID {
		// Whoever signed in here is not whom the tokens are for: a code of
		// somebody else's was injected.
		v.keeper.Discard(tokenSet(tokens))
		return zitadelclient.Tokens{}, denied(errors.New("tokens of another user"))
	}
	return tokens, nil
}

// denied says that the way in was refused.
func denied(err error) error {
	return web.Error{Status: http.StatusForbidden, Key: "error.denied", Err: err}
}

// newSession is what our session remembers: who it is by the user that the gate
// read, how they signed in and what they may by the claims of the ID token.
func (v *visit) newSession(c zitadelclient.IDClaims) session.Session {
	s := session.Session{
		Subject: c.Subject, Issuer: c.Issuer, Persistent: v.attempt.Persistent,
		UserAgent: clip(v.r.UserAgent(), 200), IP: web.ClientIPFrom(v.r.Context()).String(),
	}
	v.stands(&s, c)
	return s
}

// finishClient answers another client's authorization request.
func (v *visit) finishClient() error {
	id, err := zitadelclient.ParseAuthRequestID(v.attempt.Request.AuthRequestID)
	if err != nil {
		return err
	}
	callback, err := v.Zitadel.Finalize(v.ctx, id, ref(*v.account))
	if kindOf(err) == zitadelclient.GrantRequired && wantsNoPage(v.attempt.Request) {
		return v.fail(zitadelclient.AccessDenied)
	}
	if err != nil {
		return v.finalizeFailed(err)
	}
	target, err := web.ParseClientRedirect(callback, v.attempt.Request.RedirectURI)
	if err != nil {
		return err
	}
	return v.arrive(target)
}

// finalizeFailed says what became of a request that ZITADEL did not let finish.
func (v *visit) finalizeFailed(err error) error {
	switch {
	case errors.Is(err, zitadelclient.AlreadyHandled), errors.Is(err, zitadelclient.NotFound):
		return expired(err)
	}
	return err
}

// finishBare ends a sign-in that no client asked for.
func (v *visit) finishBare() error {
	if target, err := v.defaultRedirect(); err == nil {
		return v.arrive(target)
	}
	return v.arrive(v.BasePath.Page("/signedin", ""))
}

// defaultRedirect is where policy sends a sign-in that no client asked for. The
// setting is untrusted: a javascript: address in it was an XSS of the hosted
// login (CVE-2026-29192).
func (v *visit) defaultRedirect() (web.DefaultRedirect, error) {
	return web.ParseDefaultRedirect(v.state.Settings.DefaultRedirectURI, v.AppOrigins, v.Issuer)
}

// arrive ends a sign-in that passed the gate: from now on this browser may say
// whose it is.
func (v *visit) arrive(target web.Target) error {
	if err := v.offerAccount(); err != nil {
		return err
	}
	return v.leave(target)
}

// offerAccount marks the account as one that has passed the gate. It is read
// once more: another tab may have rotated its token since.
func (v *visit) offerAccount() error {
	accounts, err := v.Sessions.Accounts(v.ctx, v.r)
	if err != nil {
		return unavailable(err)
	}
	if current := accounts.BySession(v.account.ZitadelSession); current != nil {
		v.account = current
	}
	v.account.Used, v.account.Offered = v.Now(), true
	if user := v.state.User; user != nil && user.EmailVerified {
		v.account.Email = user.Email
	}
	return unavailable(v.Sessions.UpdateAccount(v.ctx, v.w, v.r, *v.account))
}

// leave ends the attempt and goes to the target. The outcome stays for a minute
// so that the second click of a double click gets the same answer.
func (v *visit) leave(target web.Target) error {
	v.dropProvisional()
	v.attempt.Outcome = &session.Outcome{Location: target.String(), Cookies: slices.Clone(v.w.Header()["Set-Cookie"])}
	if err := v.Sessions.EndAttempt(v.ctx, v.w, v.attempt); errors.Is(err, session.ErrChanged) {
		return expired(err)
	} else if err != nil {
		return unavailable(err)
	}
	web.EventFrom(v.r.Context()).Set("finished", v.attempt.Request.Kind)
	return web.Redirect(v.w, v.r, target)
}

// repeatOutcome gives the answer of an attempt that has just ended once more.
func (v *visit) repeatOutcome() error {
	outcome := v.attempt.Outcome
	target, err := v.target(outcome.Location)
	if err != nil {
		return err
	}
	for _, cookie := range outcome.Cookies {
		v.w.Header().Add("Set-Cookie", cookie)
	}
	return web.Redirect(v.w, v.r, target)
}

// target parses an address that we once chose as if we had never seen it.
func (v *visit) target(raw string) (web.Target, error) {
	switch v.attempt.Request.Kind {
	case session.KindOwn:
		return v.AppOrigins.ReturnTo(raw)
	case session.KindOIDC:
		return web.ParseClientRedirect(raw, v.attempt.Request.RedirectURI)
	}
	if target, err := web.ParseDefaultRedirect(raw, v.AppOrigins, v.Issuer); err == nil {
		return target, nil
	}
	return v.BasePath.Page("/signedin", ""), nil
}

// returnTo is where our own app asked to be sent back to. It is parsed again:
// the operator may have shortened the list since.
func (v *visit) returnTo() (web.ReturnTo, error) {
	target, err := v.AppOrigins.ReturnTo(v.attempt.Request.ReturnTo)
	if err != nil {
		return v.DefaultApp, nil
	}
	return target, nil
}

// guardLoop stops an app and us from sending a browser round and round.
func (h *Handlers) guardLoop(r *http.Request, who string) error {
	wait, err := h.Sessions.Allow(r.Context(), "loop", who, session.Rate{Burst: 5, Every: time.Second})
	if err != nil {
		return unavailable(err)
	}
	if wait > 0 {
		return web.Error{Status: http.StatusTooManyRequests, Key: "error.loop", RetryAfter: wait, Err: errors.New("five sign-ins in five seconds")}
	}
	return nil
}
