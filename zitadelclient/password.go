package zitadelclient

import (
	"context"
	"unicode/utf8"
)

// maxPassword is how many characters ZITADEL takes; nobody's password has more.
const maxPassword = 200

// Proof shows that a password may be set: the current one, or a code that was
// mailed to the user. ZITADEL would let the service user set anyone's password
// without; this package does not, so a Proof is never empty.
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
