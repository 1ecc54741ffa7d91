package zitadeltest

import "slices"

// factorCheck runs one check on a trial copy of a session.
type factorCheck struct {
	asked bool
	run   func(*session, *user) error
}

// checkFactors runs the checks beyond user and password, in the real order.
func (c *call) checkFactors(sess *session, checks *sessionChecks) error {
	if checks.RecoveryCode != nil && !c.config.RecoveryCodes {
		c.config.Violation("zitadeltest: unknown field \"recoveryCode\", see Config.RecoveryCodes")
		checks.RecoveryCode = nil
	}
	for _, check := range []factorCheck{
		{checks.IDPIntent != nil, func(s *session, u *user) error { return c.checkIntent(s, u, checks.IDPIntent) }},
		{checks.WebAuthN != nil, func(s *session, u *user) error { return c.checkWebAuthN(s, u, checks.WebAuthN) }},
		{checks.TOTP != nil, func(s *session, u *user) error { return c.checkTOTP(s, u, checks.TOTP.Code) }},
		{checks.OTPSMS != nil, func(s *session, u *user) error { return c.checkOTP(s, u, otpBySMS, checks.OTPSMS.Code) }},
		{checks.OTPEmail != nil, func(s *session, u *user) error { return c.checkOTP(s, u, otpByEmail, checks.OTPEmail.Code) }},
		{checks.RecoveryCode != nil, func(s *session, u *user) error { return c.checkRecoveryCode(s, u, checks.RecoveryCode.Code) }},
	} {
		if !check.asked {
			continue
		}
		u, _ := c.humanOf(sess.userID)
		if u == nil {
			return errUserMissing()
		}
		if err := check.run(sess, u); err != nil {
			return err
		}
	}
	return nil
}

func errUserMissing() *apiError { return failedPrecondition("COMMAND-Sfw3f", "User ID missing") }

// checkWebAuthN verifies an assertion. A failed one leaves the challenge as it
// is, a good one uses it up.
func (c *call) checkWebAuthN(sess *session, u *user, check *checkWebAuthN) error {
	challenge := sess.challenges.webAuthN
	if challenge == nil {
		return failedPrecondition("COMMAND-Ioqu5", "Session without WebAuthN challenge")
	}
	verified, err := challenge.judge(u.id, check.CredentialAssertionData)
	if err != nil {
		return err
	}
	sess.challenges.webAuthN = nil
	sess.webAuthNChecked, sess.userVerified = c.now(), verified
	return nil
}

// checkTOTP judges a code of an authenticator app and counts wrong ones.
func (c *call) checkTOTP(sess *session, u *user, code string) error {
	t := u.human.factors.totp
	if t == nil || !t.verified {
		return errOTPNotReady("COMMAND-3Mif9s")
	}
	if u.state == userLocked {
		return failedPrecondition("COMMAND-SF3fg", "Errors.User.Locked")
	}
	if !totpMatches(t.secret, code, c.now()) {
		c.countFailure(u, &t.failed)
		return errTOTPInvalid()
	}
	t.failed, sess.totpChecked = 0, c.now()
	return nil
}

// checkOTP judges a code that was sent. A good one is used up, wrong and
// expired ones are counted.
func (c *call) checkOTP(sess *session, u *user, kind otpKind, code string) error {
	factor, waiting := *kind.slot(&u.human.factors), kind.code(&sess.challenges)
	switch {
	case factor == nil:
		return errOTPNotReady("COMMAND-d2r52")
	case waiting.value == "":
		return failedPrecondition("COMMAND-S34gh", "Code not found")
	case u.state == userLocked:
		return failedPrecondition("COMMAND-S6h4R", "Errors.User.Locked")
	}
	if err := c.judgeCode(*waiting, code); err != nil {
		c.countFailure(u, &factor.failed)
		return err
	}
	factor.failed, *waiting = 0, verificationCode{}
	if kind.sms {
		sess.otpSMSChecked = c.now()
	} else {
		sess.otpEmailChecked = c.now()
	}
	return nil
}

// checkRecoveryCode uses up one of the codes that a person keeps on paper. It
// is written after the documentation of servers of 2026: no recording has it.
func (c *call) checkRecoveryCode(sess *session, u *user, code string) error {
	r := u.human.factors.recoveryCodes
	switch {
	case r == nil || len(r.codes) == 0:
		return failedPrecondition("COMMAND-84rgg", "Errors.User.MFA.RecoveryCodes.NotReady")
	case u.state == userLocked:
		return failedPrecondition("COMMAND-2w6oa", "Errors.User.MFA.RecoveryCodes.Locked")
	}
	at := slices.Index(r.codes, code)
	if at < 0 {
		c.countFailure(u, &r.failed)
		return invalidArgument("CODE-woT0xc", "Code is invalid")
	}
	r.codes, r.failed = slices.Delete(r.codes, at, at+1), 0
	sess.recoveryCodeChecked = c.now()
	return nil
}

// countFailure counts a wrong code, and locks the user at as many as the policy
// allows. It counts although the request as a whole changes nothing.
func (c *call) countFailure(u *user, failed *int) {
	*failed++
	if most := effective(c.Server, u.orgID, lockoutPolicy).value.MaxOTPAttempts; most > 0 && *failed >= most {
		u.setState(c.Server, userLocked)
	}
}

// challenge challenges a trial copy of a session. It returns what the answer
// shows, nil when nothing was asked, and what to send once all went well.
func (c *call) challenge(sess *session, asked *requestChallenges) (object, []message, error) {
	if asked == nil {
		return nil, nil, nil
	}
	u, h := c.humanOf(sess.userID)
	if u == nil {
		return nil, nil, failedPrecondition("COMMAND-eeR2e", "User ID missing")
	}
	body, send := object{}, []message(nil)
	if w := asked.WebAuthN; w != nil {
		challenge, options, err := c.challengeWebAuthN(h, w.Domain, w.UserVerificationRequirement)
		if err != nil {
			return nil, nil, err
		}
		sess.challenges.webAuthN, body["webAuthN"] = challenge, options
	}
	if sms := asked.OTPSMS; sms != nil {
		m, err := c.challengeOTP(sess, h, otpBySMS)
		if err != nil {
			return nil, nil, err
		}
		if sms.ReturnCode {
			body["otpSms"] = m.code
		} else {
			send = append(send, m)
		}
	}
	if mail := asked.OTPEmail; mail != nil {
		m, err := c.challengeOTP(sess, h, otpByEmail)
		if err != nil {
			return nil, nil, err
		}
		m.template = firstOf(mail.template(), c.config.Issuer+defaultOTPLink)
		if mail.ReturnCode != nil {
			body["otpEmail"] = m.code
		} else {
			send = append(send, m)
		}
	}
	return body, send, nil
}

// challengeOTP makes a code for a session; an earlier one is good no more.
func (c *call) challengeOTP(sess *session, h *human, kind otpKind) (message, error) {
	if *kind.slot(&h.factors) == nil {
		return message{}, errOTPNotReady(kind.notEnrolled)
	}
	code := c.newVerificationCode(kind.generator)
	*kind.code(&sess.challenges) = code
	return message{kind: kind.messageKind, code: code.value, sessionID: sess.id, sms: kind.sms}, nil
}
