package zitadelclient

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// logoutEvent is what a logout token says has happened.
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// maxLogoutToken is far more than a logout token takes, in bytes.
	maxLogoutToken = 8 << 10
	// maxLogoutTokenAge is how long after it was issued one is taken. ZITADEL's
	// end a little earlier.
	maxLogoutTokenAge = 20 * time.Minute
)

// LogoutToken is a verified logout token: whoever it is about has been signed out
// at ZITADEL.
type LogoutToken struct {
	ID                 string // no two have the same
	Subject, SessionID string // one of them may be empty
	// Until is when the token will be taken no more. Whoever acts on a token
	// remembers its ID as long, or it could be sent again.
	Until time.Time
}

// VerifyLogoutToken does what OpenID Connect Back-Channel Logout 1.0, 2.6 asks
// for, but for the comparison of the ID with earlier ones. Anybody can send one:
// what is not addressed to us costs no look at the keys.
//
// The type may be JWT, as ZITADEL says, where the standard recommends logout+jwt.
// No ID token passes all the same: it tells of no event.
func (c *Client) VerifyLogoutToken(ctx context.Context, token string) (LogoutToken, error) {
	const op = "verify logout token"
	verified, err := c.verifyLogoutToken(ctx, token)
	if err != nil {
		return LogoutToken{}, verificationError(op, err)
	}
	return verified, nil
}

func (c *Client) verifyLogoutToken(ctx context.Context, token string) (LogoutToken, error) {
	if len(token) > maxLogoutToken {
		return LogoutToken{}, errors.New("the token is too large")
	}
	signed, err := parseToken(token, "JWT", "logout+jwt")
	if err != nil {
		return LogoutToken{}, err
	}
	claims, err := c.logoutClaims(signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return LogoutToken{}, err
	}
	if _, err := c.verifySignature(ctx, signed); err != nil { // of the same payload
		return LogoutToken{}, err
	}
	return LogoutToken{ID: claims.ID, Subject: claims.Subject, SessionID: claims.SessionID, Until: claims.until()}, nil
}

// logoutTokenClaims is a logout token as it is signed.
type logoutTokenClaims struct {
	Issuer     string                    `json:"iss"`
	Subject    string                    `json:"sub"`
	Audience   audience                  `json:"aud"`
	Expiration timestamp                 `json:"exp"`
	IssuedAt   timestamp                 `json:"iat"`
	ID         string                    `json:"jti"`
	SessionID  string                    `json:"sid"`
	Events     map[string]map[string]any `json:"events"`
	Nonce      json.RawMessage           `json:"nonce"`
}

func (c *Client) logoutClaims(payload []byte) (*logoutTokenClaims, error) {
	var claims logoutTokenClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, errors.New("the claims of the logout token have no proper form")
	}
	return &claims, claims.check(c.config.Issuer, c.provider.client.ClientID, c.config.Now())
}

func (c *logoutTokenClaims) check(issuer, clientID string, now time.Time) error {
	switch {
	case c.Issuer != issuer:
		return errors.New("the logout token is another issuer's")
	case !slices.Equal(c.Audience, audience{clientID}):
		return errors.New("the logout token is not for us alone")
	case c.IssuedAt.IsZero() || c.Expiration.IsZero():
		return errors.New("the logout token does not say when it was issued or expires")
	case c.IssuedAt.After(now.Add(maxClockSkew)):
		return errors.New("the logout token was issued in the future: compare the clocks")
	case !now.Before(c.until()):
		return errors.New("the logout token has expired")
	case len(c.Events) != 1 || c.Events[logoutEvent] == nil:
		return errors.New("the logout token does not tell of a logout, or not of that alone")
	case c.Nonce != nil:
		return errors.New("the logout token has a nonce: it may have been meant as an ID token")
	case c.ID == "":
		return errors.New("the logout token has no ID")
	case c.Subject == "" && c.SessionID == "":
		return errors.New("the logout token is about nobody")
	}
	for _, text := range []string{c.ID, c.Subject, c.SessionID} {
		if deceptive(text) {
			return errors.New("a claim of the logout token holds control characters")
		}
	}
	return nil
}

// until is when the token is taken no more, whatever it says itself.
func (c *logoutTokenClaims) until() time.Time {
	oldest := c.IssuedAt.Add(maxLogoutTokenAge)
	if c.Expiration.Before(oldest) {
		return c.Expiration.Time
	}
	return oldest
}
