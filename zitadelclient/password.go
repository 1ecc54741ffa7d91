package zitadelclient

import (
	"context"
	"net/http"
	"unicode/utf8"
)

// maxPassword is how many characters ZITADEL takes; nobody's password has more.
const maxPassword = 200

// Proof shows that a password may be set: the current one, a code that was
// mailed to the user, or, where there is no way to sign in at all, that there is
// none. ZITADEL would let the service user set anyone's password without; this
// package does not, so a Proof is never empty.
type Proof struct{ field, value string }

// CurrentPassword is the proof of a user who knows the password.
func CurrentPassword(password string) (Proof, error) {
	if password == "" || utf8.RuneCountInString(password) > maxPassword {
		return Proof{}, &Error{Kind: WrongPassword, Op: "prove a password"}
	}
	return Proof{"currentPassword", password}, nil
}

// VerificationCode is the proof of a user who read the mail.
func VerificationCode(code string) (Proof, error) {
	if !possibleCode(code) {
		return Proof{}, &Error{Kind: WrongCode, Op: "prove a code"}
	}
	return Proof{"verificationCode", code}, nil
}

// ProveFirstPassword is the proof for the first password of a user who has no way
// to sign in, and for nobody else: AlreadyHandled for whoever has one. ZITADEL hands
// the code to us and mails nothing; it never leaves this process.
//
// Only for whoever has just redeemed a code that was mailed to this user: the
// rule of [Client.RegisterPasskey].
func (c *Client) ProveFirstPassword(ctx context.Context, userID string) (Proof, error) {
	const op = "prove a first password"
	// The code comes before the look at the methods: a password that somebody
	// sets in between uses it up, whatever the list, which lags, then says.
	var answer struct{ VerificationCode string }
	body := map[string]any{"returnCode": struct{}{}}
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/{id}/password_reset", id: userID, body: body}, &answer)
	if err != nil {
		return Proof{}, err
	}
	methods, err := c.AuthMethods(ctx, userID)
	if err != nil {
		return Proof{}, err
	}
	if len(methods) > 0 {
		return Proof{}, &Error{Kind: AlreadyHandled, Op: op}
	}
	if !possibleCode(answer.VerificationCode) {
		return Proof{}, unavailable(op, errIncomplete)
	}
	return Proof{"verificationCode", answer.VerificationCode}, nil
}

// SetPassword sets a password, given a proof. It ends nothing: sessions that
// were made with the old one lose the factor, but refresh tokens live on.
func (c *Client) SetPassword(ctx context.Context, userID, newPassword string, proof Proof) error {
	const op = "set password"
	if proof.value == "" {
		return invalid(op, "a password is not set without a proof")
	}
	body := map[string]any{
		"newPassword": map[string]any{"password": newPassword, "changeRequired": false},
		proof.field:   proof.value,
	}
	return c.post(ctx, op, "/v2/users/{id}/password", userID, body)
}

// SendPasswordReset mails a code that sets a new password. The template is a
// URL with {{.UserID}} and {{.Code}}, at most 200 characters.
func (c *Client) SendPasswordReset(ctx context.Context, userID, urlTemplate string) error {
	return c.sendPasswordReset(ctx, userID, "NOTIFICATION_TYPE_Email", urlTemplate)
}

// SendPasswordResetSMS sends the code by SMS. For a user without a phone
// ZITADEL answers with success, and sends nothing.
func (c *Client) SendPasswordResetSMS(ctx context.Context, userID, urlTemplate string) error {
	return c.sendPasswordReset(ctx, userID, "NOTIFICATION_TYPE_SMS", urlTemplate)
}

func (c *Client) sendPasswordReset(ctx context.Context, userID, notification, urlTemplate string) error {
	const op = "send password reset"
	if urlTemplate == "" {
		return invalid(op, errNoTemplate)
	}
	body := map[string]any{"sendLink": map[string]string{"notificationType": notification, "urlTemplate": urlTemplate}}
	return c.post(ctx, op, "/v2/users/{id}/password_reset", userID, body)
}
