package zitadeltest

// createInvite makes a code for a user without a password. Without a template
// the earlier one is used again.
func (c *call) createInvite() (any, error) {
	var request struct {
		SendCode *struct {
			URLTemplate     *string `json:"urlTemplate"`
			ApplicationName *string `json:"applicationName"`
		} `json:"sendCode"`
		ReturnCode *struct{} `json:"returnCode"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	switch {
	case u == nil:
		return nil, errUserNotFound()
	case h.password != "":
		return nil, failedPrecondition("COMMAND-EF34g", "User is already initialized")
	}
	h.inviteCode = c.newVerificationCode(emailGenerator)
	if request.SendCode != nil && request.SendCode.URLTemplate != nil {
		h.inviteTemplate = *request.SendCode.URLTemplate
	}
	c.touchCredential(u)
	if request.ReturnCode != nil {
		return object{"details": u.details(), "inviteCode": h.inviteCode.value}, nil
	}
	c.sendInvite(u)
	return object{"details": u.details()}, nil
}

// sendInvite mails the code; the default link is that of login v1.
func (c *call) sendInvite(u *user) {
	template := firstOf(u.human.inviteTemplate, c.config.Issuer+"/ui/login/user/invite?userID={{.UserID}}&loginname={{.LoginName}}&code={{.Code}}&orgID={{.OrgID}}")
	c.sendCode(u, message{kind: "invite", code: u.human.inviteCode.value, template: template})
}

func (c *call) resendInvite() (any, error) {
	if err := c.decode(&struct{}{}); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil || h.inviteCode.value == "" {
		return nil, failedPrecondition("COMMAND-Wr3gq", "Code not found")
	}
	h.inviteCode = c.newVerificationCode(emailGenerator)
	c.sendInvite(u)
	c.touchCredential(u)
	return object{"details": u.details()}, nil
}

// verifyInvite verifies the e-mail address as well.
func (c *call) verifyInvite() (any, error) {
	code, err := c.decodeCode("VerifyInviteCodeRequest")
	if err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil || !c.codeIs(h.inviteCode, code) {
		return nil, invalidArgument("COMMAND-Wgn4q", "Code is invalid")
	}
	h.inviteCode, h.emailVerified = verificationCode{}, true
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}

// startPasskey begins a registration that cannot be finished: there is no
// WebAuthN here yet. The recorder goes on with what does not need it.
func (c *call) startPasskey() (any, error) {
	var request struct {
		Domain string `json:"domain"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, _ := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	options := object{"publicKey": object{
		"challenge": newSecret(32), "rp": object{"id": request.Domain, "name": "ZITADEL"}, "user": object{"id": u.id, "name": u.userName},
	}}
	return object{"details": u.details(), "passkeyId": c.newID(), "publicKeyCredentialCreationOptions": options}, nil
}
