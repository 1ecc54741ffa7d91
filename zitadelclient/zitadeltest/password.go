package zitadeltest

import (
	"time"
	"unicode"
	"unicode/utf8"
)

// setPassword sets the password and forgets code and failures.
func (h *human) setPassword(password string, changeRequired bool, now time.Time) {
	h.passwordChangedBefore = h.passwordChanged
	h.password, h.passwordChangeRequired, h.passwordChanged = password, changeRequired, now
	h.passwordCode, h.failedPasswords = verificationCode{}, 0
}

// checkPassword judges a password in a session, and counts failures: too many
// lock the user where the policy says so.
func (c *call) checkPassword(userID, password string) error {
	u, h := c.humanOf(userID)
	if h == nil || h.password == "" {
		return failedPrecondition("COMMAND-3nJ4t", "User has not set a password")
	}
	if u.state != userActive {
		return failedPrecondition("COMMAND-JLK35", "Errors.User.Locked")
	}
	c.takeTime(c.config.PasswordDelay)
	if h.password == password {
		h.failedPasswords = 0
		return nil
	}
	h.failedPasswords++
	if most := effective(c.Server, u.orgID, lockoutPolicy).value.MaxPasswordAttempts; most > 0 && h.failedPasswords >= most {
		attempts := h.failedPasswords
		u.setState(c.Server, userLocked)
		return wrongPassword(attempts)
	}
	return wrongPassword(h.failedPasswords)
}

// takeTime passes time, without holding up the other requests, as long as the
// client waits.
func (c *call) takeTime(d time.Duration) {
	if d <= 0 {
		return
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.request.Context().Done():
	}
}

// checkComplexity refuses a password that the organization's policy does. The
// ids begin differently on creation and on change.
func (s *Server) checkComplexity(prefix, org, password string) error {
	policy := effective(s, org, complexityPolicy).value
	var lower, upper, number, symbol bool
	for _, r := range password {
		switch {
		case unicode.IsLower(r):
			lower = true
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsNumber(r):
			number = true
		default:
			symbol = true
		}
	}
	switch {
	case utf8.RuneCountInString(password) < policy.MinLength:
		return invalidArgument(prefix+"-HuJf6", "Password is too short")
	case policy.RequiresLowercase && !lower:
		return invalidArgument(prefix+"-co3Xw", "Password must contain lower case")
	case policy.RequiresUppercase && !upper:
		return invalidArgument(prefix+"-VoaRj", "Password must contain upper case")
	case policy.RequiresNumber && !number:
		return invalidArgument(prefix+"-ZBv4H", "Password must contain number")
	case policy.RequiresSymbol && !symbol:
		return invalidArgument(prefix+"-ZDLwA", "Password must contain symbol")
	}
	return nil
}

// changePassword sets a new password: with a code, with the current one, or,
// weakly, with the permission alone.
func (c *call) changePassword() (any, error) {
	var request struct {
		NewPassword      *passwordRequest `json:"newPassword"`
		CurrentPassword  *string          `json:"currentPassword"`
		VerificationCode *string          `json:"verificationCode"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	const invalid = "invalid SetPasswordRequest."
	switch {
	case request.NewPassword == nil || !lengthBetween(request.NewPassword.Password, 1, 200):
		return nil, badRequest(invalid + "NewPassword: embedded message failed validation | caused by: invalid Password.Password: value length must be between 1 and 200 runes, inclusive")
	case request.CurrentPassword != nil && !lengthBetween(*request.CurrentPassword, 1, 200):
		return nil, badRequest(invalid + "CurrentPassword: value length must be between 1 and 200 runes, inclusive")
	case request.VerificationCode != nil && !lengthBetween(*request.VerificationCode, 1, 20):
		return nil, badRequest(invalid + "VerificationCode: value length must be between 1 and 20 runes, inclusive")
	}
	u, h := c.humanOf(c.id())
	if err := c.provePassword(u, h, request.CurrentPassword, request.VerificationCode); err != nil {
		return nil, err
	}
	wanted := *request.NewPassword
	if err := c.checkComplexity("DOMAIN", u.orgID, wanted.Password); err != nil {
		return nil, err
	}
	if request.CurrentPassword != nil && *request.CurrentPassword == wanted.Password {
		return nil, failedPrecondition("COMMAND-Aesh5", "New password cannot be the same as your current password")
	}
	h.setPassword(wanted.Password, wanted.ChangeRequired, c.now())
	c.forgetPasswordFactor(u.id)
	c.touchCredential(u)
	return object{"details": u.details()}, nil
}

// provePassword is what entitles the caller to set the password.
func (c *call) provePassword(u *user, h *human, current, code *string) error {
	switch {
	case h == nil:
		return failedPrecondition("COMMAND-G8dh3", "Password not found")
	case code != nil:
		return c.proveCode(h, *code)
	case current != nil:
		if h.password == "" {
			return failedPrecondition("COMMAND-3nJ4t", "User has not set a password")
		}
		c.takeTime(c.config.PasswordDelay)
		if h.password != *current {
			// Unlike in a session there is no count.
			return invalidArgument("COMMAND-3M0fs", "Password is invalid")
		}
		return nil
	}
	// Users may not set their own without the current one, which is right;
	// that the service token may set anyone's is the real server's.
	return c.require(userCredentialWrite)
}

func (c *call) proveCode(h *human, code string) error {
	if h.passwordCode.value == "" {
		return failedPrecondition("COMMAND-2M9fs", "Code not found")
	}
	return c.judgeCode(h.passwordCode, code)
}

// judgeCode compares a code with the one that was made, and says what is wrong.
func (c *call) judgeCode(expected verificationCode, given string) error {
	switch {
	case !c.now().Before(expected.expires):
		return failedPrecondition("CODE-QvUQ4P", "Code is expired")
	case expected.value != given:
		return invalidArgument("CODE-woT0xc", "Code is invalid")
	}
	return nil
}

// forgetPasswordFactor: after a change reads of older sessions show no
// password factor any more. Their tokens stay good.
func (s *Server) forgetPasswordFactor(userID string) {
	for _, sess := range s.sessions {
		if sess.userID == userID {
			sess.passwordForgotten = true
		}
	}
}

// touchCredential counts a change that leaves the change date that reads show.
func (s *Server) touchCredential(u *user) { u.sequence++ }

// resetPassword makes a code and returns it or sends it by mail or SMS. It
// does not ask whether the address is verified or the user locked.
func (c *call) resetPassword() (any, error) {
	var request struct {
		SendLink *struct {
			NotificationType string  `json:"notificationType"`
			URLTemplate      *string `json:"urlTemplate"`
		} `json:"sendLink"`
		ReturnCode *struct{} `json:"returnCode"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	template, bySMS := "", false
	if link := request.SendLink; link != nil {
		bySMS = link.NotificationType == "NOTIFICATION_TYPE_SMS"
		if link.URLTemplate != nil {
			template = *link.URLTemplate
			if !lengthBetween(template, 1, 200) {
				return nil, badRequest("invalid PasswordResetRequest.SendLink: embedded message failed validation | caused by: invalid SendPasswordResetLink.UrlTemplate: value length must be between 1 and 200 runes, inclusive")
			}
			if _, err := renderLink(template, linkData{}); err != nil {
				return nil, err
			}
		}
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, notFound("COMMAND-SAF4f", "User could not be found")
	}
	if err := c.requireOrSelf(userCredentialWrite, u.id); err != nil {
		return nil, err
	}
	h.passwordCode = c.newVerificationCode(passwordGenerator)
	c.touchCredential(u)
	if request.ReturnCode != nil {
		return object{"details": u.details(), "verificationCode": h.passwordCode.value}, nil
	}
	c.sendCode(u, message{kind: "password-reset", code: h.passwordCode.value, template: template, page: "password/set", sms: bySMS})
	return object{"details": u.details()}, nil
}
