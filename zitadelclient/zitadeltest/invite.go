package zitadeltest

// inviteRoutes are invitations: codes for users that cannot sign in yet.
func (s *Server) inviteRoutes() []route {
	const invite = "POST /v2/users/{id}/invite_code"
	return []route{
		{pattern: invite, api: (*call).createInvite},
		{pattern: invite + "/resend", api: (*call).resendInvite},
		{pattern: invite + "/verify", api: (*call).verifyInvite},
	}
}

// createInvite makes a code for a user without a password and without a
// passkey. Without a template or an application's name the earlier ones are
// used again.
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
	if send := request.SendCode; send != nil && send.URLTemplate != nil {
		if err := checkLength("CreateInviteCodeRequest.SendCode", *send.URLTemplate); err != nil {
			return nil, err
		}
		if _, err := renderLink(*send.URLTemplate, linkData{}); err != nil {
			return nil, err
		}
	}
	u, h, err := c.factorOwner()
	if err != nil {
		return nil, err
	}
	if h.password != "" || len(h.factors.ready(passkey, "")) > 0 {
		return nil, failedPrecondition("COMMAND-EF34g", "User is already initialized")
	}
	h.inviteCode = c.newVerificationCode(inviteGenerator)
	if send := request.SendCode; send != nil {
		if send.URLTemplate != nil {
			h.inviteTemplate = *send.URLTemplate
		}
		if send.ApplicationName != nil {
			h.inviteApplication = *send.ApplicationName
		}
	}
	c.touchCredential(u)
	if request.ReturnCode != nil {
		return object{"details": u.details(), "inviteCode": h.inviteCode.value}, nil
	}
	c.sendInvite(u)
	return object{"details": u.details()}, nil
}

// sendInvite mails the code; the default link is that of login v1.
func (s *Server) sendInvite(u *user) {
	template := firstOf(u.human.inviteTemplate, s.config.Issuer+defaultInviteLink)
	s.sendCode(u, message{kind: "invite", code: u.human.inviteCode.value, template: template})
}

func (c *call) resendInvite() (any, error) {
	if err := c.decode(&struct{}{}); err != nil {
		return nil, err
	}
	u, h, err := c.factorOwner()
	if err != nil {
		return nil, err
	}
	if h.inviteCode.value == "" {
		return nil, failedPrecondition("COMMAND-Wr3gq", "Code not found")
	}
	h.inviteCode = c.newVerificationCode(inviteGenerator)
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
