package zitadelclient

import (
	"context"
	"net/http"
	"net/url"
)

// AuthMethod is a way to authenticate that a user has set up, or a policy
// allows.
type AuthMethod string

// The methods.
const (
	MethodPassword     AuthMethod = "password"
	MethodPasskey      AuthMethod = "passkey"
	MethodIDP          AuthMethod = "idp"
	MethodTOTP         AuthMethod = "totp"
	MethodU2F          AuthMethod = "u2f"
	MethodOTPSMS       AuthMethod = "otp_sms"
	MethodOTPEmail     AuthMethod = "otp_email"
	MethodRecoveryCode AuthMethod = "recovery_code"
)

// AuthMethods lists what the user has set up, never from a cache. It lags
// behind writes by some milliseconds.
func (c *Client) AuthMethods(ctx context.Context, userID string) ([]AuthMethod, error) {
	return c.authMethods(ctx, userID, nil)
}

// AuthMethodsFor lists like [Client.AuthMethods], but passkeys and security
// keys only of exactly this RP ID: a challenge for any other finds no key, and
// asking for it would show the visitor a dialog that cannot succeed.
func (c *Client) AuthMethodsFor(ctx context.Context, userID, rpID string) ([]AuthMethod, error) {
	if rpID == "" {
		return nil, invalid(opAuthMethods, errNoRPID)
	}
	// With the domain alone ZITADEL leaves out what has none: codes by app, SMS
	// and e-mail. A second factor that is not listed would not be asked for.
	return c.authMethods(ctx, userID, url.Values{"domainQuery.domain": {rpID}, "domainQuery.includeWithoutDomain": {"true"}})
}

const (
	opAuthMethods = "list authentication methods"
	errNoRPID     = "without an RP ID ZITADEL takes its own host, where no key of ours works"
)

func (c *Client) authMethods(ctx context.Context, userID string, query url.Values) ([]AuthMethod, error) {
	var answer struct{ AuthMethodTypes []string }
	err := c.call(ctx, request{op: opAuthMethods, method: http.MethodGet, path: "/v2/users/{id}/authentication_methods", id: userID, query: query}, &answer)
	if err != nil {
		return nil, err
	}
	methods := make([]AuthMethod, len(answer.AuthMethodTypes))
	for i, m := range answer.AuthMethodTypes {
		methods[i] = AuthMethod(enum("AUTHENTICATION_METHOD_TYPE_", m))
	}
	return methods, nil
}

// SkipMFAInit remembers that the user was asked to set up a second factor and
// said no, so that the question rests for as long as the policy says.
func (c *Client) SkipMFAInit(ctx context.Context, userID string) error {
	return c.post(ctx, "skip second factor", "/v2/users/{id}/mfa_init_skipped", userID, struct{}{})
}

// post makes a call about a user whose answer says nothing.
func (c *Client) post(ctx context.Context, op, path, userID string, body any) error {
	return c.call(ctx, request{op: op, method: http.MethodPost, path: path, id: userID, body: body}, nil)
}
