package zitadelclient

import (
	"context"
	"net/http"
)

// TOTPRegistration is the secret that an authenticator app and ZITADEL share
// from now on. It prints as "[redacted]".
type TOTPRegistration struct {
	URI    string // otpauth://totp/…, for a QR code
	Secret string // base32, to be typed
}

// RegisterTOTP begins the set-up of an authenticator app; AlreadyEnrolled where
// the user has one. Until [Client.VerifyTOTP] it does not count, and beginning
// again replaces the secret.
func (c *Client) RegisterTOTP(ctx context.Context, userID string) (TOTPRegistration, error) {
	const op = "register TOTP"
	var answer struct{ URI, Secret string }
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/{id}/totp", id: userID, body: struct{}{}}, &answer)
	if err != nil {
		return TOTPRegistration{}, err
	}
	if answer.URI == "" || answer.Secret == "" {
		return TOTPRegistration{}, unavailable(op, errIncomplete)
	}
	return TOTPRegistration(answer), nil
}

// VerifyTOTP ends the set-up with a code that the app shows.
func (c *Client) VerifyTOTP(ctx context.Context, userID, code string) error {
	const op = "verify TOTP"
	if !possibleTOTP(code) {
		return &Error{Kind: WrongCode, Op: op}
	}
	return c.post(ctx, op, "/v2/users/{id}/totp/verify", userID, codeCheck{code})
}
