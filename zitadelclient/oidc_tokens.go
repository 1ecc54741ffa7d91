package zitadelclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Exchange redeems the code of an authorization response. The ID token is
// verified before anything is returned. It is tried once: a code is used up.
//
// max_age and acr are not judged here: what a sign-in needs was decided from
// the ZITADEL session's factors before it was finalized. Claims.AuthTime says
// when the last factor was checked.
func (c *Client) Exchange(ctx context.Context, code string, t Transaction) (Tokens, error) {
	const op = "exchange code"
	if code == "" || t.Verifier == "" || t.Nonce == "" {
		return Tokens{}, invalid(op, "a code is redeemed with its transaction only")
	}
	answer, err := c.tokens(ctx, op, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {c.provider.client.RedirectURI},
		"code_verifier": {t.Verifier},
	})
	if err != nil {
		return Tokens{}, err
	}
	claims, err := c.verifyIDToken(ctx, answer, t.Nonce)
	if err != nil {
		c.discard(ctx, answer.RefreshToken)
		return Tokens{}, verificationError(op, err)
	}
	return c.accept(answer, claims), nil
}

// Refresh redeems a refresh token, which ZITADEL then replaces, killing the
// old access token at once. An ID token that comes with it must be about the
// same user and session as before; without one the previous claims stand. A
// refusal is InvalidGrant: used, revoked, or its user is not active any more.
func (c *Client) Refresh(ctx context.Context, refreshToken string, previous IDClaims) (Tokens, error) {
	const op = "refresh tokens"
	if refreshToken == "" || previous.Subject == "" {
		return Tokens{}, invalid(op, "needs a refresh token and the claims it came with")
	}
	answer, err := c.tokens(ctx, op, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
	if err != nil {
		return Tokens{}, err
	}
	claims := previous
	if answer.IDToken != "" {
		claims, err = c.verifyIDToken(ctx, answer, "")
		if err == nil {
			err = claims.sameAs(previous)
		}
	}
	if err != nil {
		c.discard(ctx, answer.RefreshToken)
		return Tokens{}, verificationError(op, err)
	}
	if answer.RefreshToken == "" {
		answer.RefreshToken = refreshToken // RFC 6749, 6: the old one goes on
	}
	return c.accept(answer, claims), nil
}

// discard revokes a refresh token that came with what is not believed: nobody
// will have it, and it would live on for weeks.
func (c *Client) discard(ctx context.Context, refreshToken string) {
	if refreshToken == "" {
		return
	}
	if err := c.Revoke(context.WithoutCancel(ctx), refreshToken); err != nil {
		c.config.Logger.WarnContext(ctx, "refresh token not revoked", "error", err)
	}
}

// Revoke revokes a refresh token. ZITADEL answers the same whether or not it
// knew the token.
func (c *Client) Revoke(ctx context.Context, refreshToken string) error {
	const op = "revoke token"
	found, err := c.discover(ctx)
	if err != nil {
		return err
	}
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}}
	in, err := c.postForm(ctx, op, found.revoke, form, c.authenticate)
	if err != nil {
		return err
	}
	if in.status != http.StatusOK {
		return oauthError(op, in)
	}
	return nil
}

func (c *Client) tokens(ctx context.Context, op string, form url.Values) (tokenAnswer, error) {
	in, err := c.postToken(ctx, op, form, c.authenticate)
	if err != nil {
		return tokenAnswer{}, err
	}
	return decodeTokens(op, in)
}

func (c *Client) accept(answer tokenAnswer, claims IDClaims) Tokens {
	return Tokens{
		AccessToken: answer.AccessToken, RefreshToken: answer.RefreshToken,
		Expires: c.config.Now().Add(answer.lifetime()), Claims: claims,
	}
}

// sameAs holds a refreshed identity against the one of the sign-in.
func (c IDClaims) sameAs(previous IDClaims) error {
	switch {
	case c.Subject != previous.Subject || previous.Issuer != "" && c.Issuer != previous.Issuer:
		return errors.New("the refreshed ID token is about another user")
	case previous.SessionID != "" && c.SessionID != previous.SessionID:
		return errors.New("the refreshed ID token is about another session")
	}
	return nil
}

// verificationError keeps trouble in reading the keys apart from a token that
// must not be believed.
func verificationError(op string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: InvalidToken, Op: op, Err: err}
}
