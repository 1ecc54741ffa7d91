package zitadelclient

import "context"

// SetPhone gives the user a phone number, in international form (+41791112233;
// Invalid for anything else), and sends a code to it by SMS. It replaces a
// number that was verified.
func (c *Client) SetPhone(ctx context.Context, userID, phone string) error {
	body := map[string]any{"phone": phone, "sendCode": struct{}{}}
	return c.post(ctx, "set phone", "/v2/users/{id}/phone", userID, body)
}

// ResendPhoneCode sends a new code to the number that waits for its
// verification; AlreadyHandled when none does.
func (c *Client) ResendPhoneCode(ctx context.Context, userID string) error {
	body := map[string]any{"sendCode": struct{}{}}
	return c.post(ctx, "resend phone code", "/v2/users/{id}/phone/resend", userID, body)
}

// VerifyPhone proves the user's number with the code that was sent.
func (c *Client) VerifyPhone(ctx context.Context, userID, code string) error {
	return c.verifyCode(ctx, "verify phone", "/v2/users/{id}/phone/verify", userID, code)
}
