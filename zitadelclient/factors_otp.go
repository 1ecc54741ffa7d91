package zitadelclient

import "context"

// AddOTPSMS makes codes by SMS a second factor of the user, whose phone must be
// verified (else NotVerified); AlreadyEnrolled where it is one.
func (c *Client) AddOTPSMS(ctx context.Context, userID string) error {
	return c.post(ctx, "add OTP SMS", "/v2/users/{id}/otp_sms", userID, struct{}{})
}

// AddOTPEmail makes codes by mail a second factor of the user, whose address
// must be verified (else NotVerified); AlreadyEnrolled where it is one.
func (c *Client) AddOTPEmail(ctx context.Context, userID string) error {
	return c.post(ctx, "add OTP e-mail", "/v2/users/{id}/otp_email", userID, struct{}{})
}
