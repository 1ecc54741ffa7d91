package handlers

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// authorizeParams carries the demands of the request on to ZITADEL, each from
// a closed list; nothing of the browser's query is passed through.
func (v *visit) authorizeParams() zitadelclient.AuthorizeParams {
	return zitadelclient.AuthorizeParams{
		MaxAge:         v.attempt.Request.MaxAge,
		UILocales:      v.attempt.Request.UILocales,
		OrganizationID: v.attempt.Organization,
	}
}

// authorizeInBrowser is the fallback where the server-side authorize call is
// refused: the browser goes to ZITADEL, comes back to /login with an auth
// request, is signed in already, and ends at /callback.
func (v *visit) authorizeInBrowser() error {
	target, transaction, err := v.Zitadel.AuthorizeURL(v.ctx, v.authorizeParams())
	if err != nil {
		return err
	}
	v.attempt.Transaction = &session.Transaction{State: transaction.State, Nonce: transaction.Nonce, Verifier: transaction.Verifier}
	if err := v.save(); err != nil {
		return err
	}
	// Passed the gate: the second entry, by the auth request, finds it again.
	if err := v.offerAccount(); err != nil {
		return err
	}
	issuer, err := web.Origins{v.Issuer}.ReturnTo(target)
	if err != nil {
		return err
	}
	return web.Redirect(v.w, v.r, issuer)
}

// callback is our redirect URI: it takes the code of the fallback.
func (h *Handlers) callback(w http.ResponseWriter, r *http.Request) error {
	if err := navigated(r); err != nil {
		return err
	}
	answer, err := zitadelclient.ParseAuthorizationResponse(r.URL.RawQuery)
	if err != nil {
		return badRequest(err)
	}
	v := &visit{Handlers: h, w: w, r: r, ctx: r.Context()}
	if v.attempt, err = h.awaiting(r, answer.State); err != nil {
		return err
	}
	if err := v.decide(); err != nil {
		return err
	}
	// Consumed before the token call, so that fifty copies of one callback make
	// one token call (RFC 9700, 4.5).
	t := v.attempt.Transaction
	v.attempt.Transaction = nil
	if err := v.save(); err != nil {
		return err
	}
	if v.step.Kind != flow.Finish {
		return v.proceed() // what let them through at ZITADEL no longer holds
	}
	err = v.redeem(answer, zitadelclient.Transaction{State: t.State, Nonce: t.Nonce, Verifier: t.Verifier})
	return v.goingOn(err)
}

// goingOn gives the page of a failure the way back into this sign-in, which still
// knows where it leads. The address of the failed request is of no use: its code
// is spent.
func (v *visit) goingOn(err error) error {
	failed := web.Error{}
	if err = translate(err); errors.As(err, &failed) && v.attempt.Outcome == nil {
		failed.Next = v.path(passwordStep.path)
		return failed
	}
	return err
}

// parseCallback reads the answer that ZITADEL put into a callback URL for us.
func parseCallback(callback string) (zitadelclient.AuthorizationResponse, error) {
	u, err := url.Parse(callback)
	if err != nil {
		return zitadelclient.AuthorizationResponse{}, errors.New("callback URL is not a URL")
	}
	return zitadelclient.ParseAuthorizationResponse(u.RawQuery)
}

// awaiting finds the attempt of this browser that sent the state. A response
// for another browser's request finds none (login CSRF).
func (h *Handlers) awaiting(r *http.Request, state string) (*session.Attempt, error) {
	attempts, err := h.Sessions.Attempts(r.Context(), r)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, a := range attempts {
		if a.Transaction != nil && subtle.ConstantTimeCompare([]byte(a.Transaction.State), []byte(state)) == 1 {
			return a, nil
		}
	}
	return nil, expired(errors.New("authorization response that no attempt of this browser waits for"))
}
