package zitadelclient

import "context"

// SendInvite mails a person without any way to sign in a code to set one up;
// AlreadyHandled for a user who has one. The template is a URL with {{.UserID}}
// and {{.Code}}, at most 200 characters. Without an application name the mail
// has the one of the invitation before, or says ZITADEL.
func (c *Client) SendInvite(ctx context.Context, userID, urlTemplate, applicationName string) error {
	const op = "send invitation"
	if urlTemplate == "" {
		return invalid(op, errNoTemplate)
	}
	body := map[string]any{"sendCode": sendCodeBody{urlTemplate, applicationName}}
	return c.post(ctx, op, "/v2/users/{id}/invite_code", userID, body)
}

// VerifyInvite uses up the invitation's code, which also proves the user's
// e-mail address.
func (c *Client) VerifyInvite(ctx context.Context, userID, code string) error {
	return c.verifyCode(ctx, "verify invitation", "/v2/users/{id}/invite_code/verify", userID, code)
}
