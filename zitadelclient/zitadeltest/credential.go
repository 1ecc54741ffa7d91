package zitadeltest

import "strings"

// credentialRoutes are what proves and verifies: addresses, passwords, secrets.
func (s *Server) credentialRoutes() []route {
	const user = "/v2/users/{id}/"
	return []route{
		{pattern: "POST " + user + "email", api: (*call).setEmail},
		{pattern: "POST " + user + "email/send", api: (*call).resendEmailCode},
		{pattern: "POST " + user + "email/resend", api: (*call).resendEmailCode},
		{pattern: "POST " + user + "email/verify", api: (*call).verifyEmail},
		{pattern: "POST " + user + "phone", api: (*call).setPhone},
		{pattern: "DELETE " + user + "phone", api: (*call).removePhone},
		{pattern: "POST " + user + "phone/resend", api: (*call).resendPhoneCode},
		{pattern: "POST " + user + "phone/verify", api: (*call).verifyPhone},
		{pattern: "POST " + user + "password", api: (*call).changePassword},
		{pattern: "POST " + user + "password_reset", api: (*call).resetPassword},
		{pattern: "POST " + user + "secret", api: (*call).addSecret},
		{pattern: "DELETE " + user + "secret", api: (*call).removeSecret},
	}
}

// codeIs says whether a code is the expected one and still good.
func (c *call) codeIs(expected verificationCode, given string) bool {
	return expected.value != "" && expected.value == given && c.now().Before(expected.expires)
}

// decodeCode reads the body of the verify calls.
func (c *call) decodeCode(message string) (string, error) {
	var request struct {
		VerificationCode string `json:"verificationCode"`
	}
	if err := c.decode(&request); err != nil {
		return "", err
	}
	if !lengthBetween(request.VerificationCode, 1, 20) {
		return "", badRequest("invalid " + message + ".VerificationCode: value length must be between 1 and 20 runes, inclusive")
	}
	return request.VerificationCode, nil
}

func errCodeInvalid() *apiError { return invalidArgument("COMMAND-eis9R", "Code is invalid") }

// deliverEmailCode makes a code for the address; the result is it when it is
// to be returned, "" when it was sent.
func (s *Server) deliverEmailCode(u *user, d delivery) string {
	u.human.emailCode = s.newVerificationCode(emailGenerator)
	if d.ReturnCode != nil {
		return u.human.emailCode.value
	}
	s.sendCode(u, message{kind: "verify-email", code: u.human.emailCode.value, template: d.template(), page: "verify"})
	return ""
}

// deliverPhoneCode is deliverEmailCode by SMS.
func (s *Server) deliverPhoneCode(u *user, d delivery) string {
	u.human.phoneCode = s.newVerificationCode(phoneGenerator)
	if d.ReturnCode != nil {
		return u.human.phoneCode.value
	}
	s.sendCode(u, message{kind: "verify-phone", code: u.human.phoneCode.value, sms: true})
	return ""
}

func (c *call) setEmail() (any, error) {
	var request struct {
		Email string `json:"email"`
		delivery
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if err := validateEmail(request.Email); err != nil {
		return nil, badRequest("invalid SetEmailRequest.Email: " + err.Error())
	}
	if err := checkTemplate("SetEmailRequest", request.delivery); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errEmailNotFound()
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	if h.email == request.Email {
		return nil, failedPrecondition("COMMAND-Uch5e", "Email not changed")
	}
	h.email, h.emailVerified = request.Email, request.IsVerified
	body := object{}
	if !request.IsVerified {
		body["verificationCode"] = c.deliverEmailCode(u, request.delivery)
	}
	c.touch(&u.record)
	body["details"] = u.details()
	return compact(body), nil
}

func errEmailNotFound() *apiError { return notFound("COMMAND-ieJ2e", "Email not found") }

// resendEmailCode makes a new code as long as the address is not verified.
func (c *call) resendEmailCode() (any, error) {
	var request delivery
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if err := checkTemplate("ResendEmailCodeRequest", request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errEmailNotFound()
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	// Only resend wants that a code was made before.
	if h.emailCode.value == "" && strings.HasSuffix(c.request.URL.Path, "/resend") {
		return nil, failedPrecondition("EMAIL-5w5ilin4yt", "Code is empty")
	}
	code := c.deliverEmailCode(u, request)
	c.touchCredential(u)
	return compact(object{"details": u.details(), "verificationCode": code}), nil
}

func (c *call) verifyEmail() (any, error) {
	code, err := c.decodeCode("VerifyEmailRequest")
	if err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errEmailNotFound()
	}
	// An expired code is an invalid one here. Wrong tries are not counted.
	if !c.codeIs(h.emailCode, code) {
		return nil, errCodeInvalid()
	}
	h.emailVerified, h.emailCode = true, verificationCode{}
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}

func (c *call) setPhone() (any, error) {
	var request struct {
		Phone string `json:"phone"`
		delivery
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	number := strings.ReplaceAll(request.Phone, " ", "")
	if digits, ok := strings.CutPrefix(number, "+"); !ok || len(digits) < 6 || strings.Trim(digits, "0123456789") != "" {
		return nil, invalidArgument("PHONE-so0wa", "Phone is invalid")
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	h.phone, h.phoneVerified = number, request.IsVerified
	body := object{}
	if !request.IsVerified {
		body["verificationCode"] = c.deliverPhoneCode(u, request.delivery)
	}
	c.touch(&u.record)
	body["details"] = u.details()
	return compact(body), nil
}

func (c *call) removePhone() (any, error) {
	u, h := c.humanOf(c.id())
	if u == nil || h.phone == "" {
		return nil, failedPrecondition("COMMAND-ieJ2e", "Phone not found")
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	h.phone, h.phoneVerified, h.phoneCode, h.factors.otpSMS = "", false, verificationCode{}, nil
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}

func (c *call) resendPhoneCode() (any, error) {
	var request delivery
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil || h.phoneCode.value == "" {
		return nil, failedPrecondition("PHONE-5xrra88eq8", "Code is empty")
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	code := c.deliverPhoneCode(u, request)
	c.touchCredential(u)
	return compact(object{"details": u.details(), "verificationCode": code}), nil
}

func (c *call) verifyPhone() (any, error) {
	code, err := c.decodeCode("VerifyPhoneRequest")
	if err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil || !c.codeIs(h.phoneCode, code) {
		return nil, errCodeInvalid()
	}
	h.phoneVerified, h.phoneCode = true, verificationCode{}
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}

// addSecret makes a client secret. For a human it is refused, unless that was
// locked once: then ZITADEL takes it for a machine, with a secret that is of no use.
func (c *call) addSecret() (any, error) {
	if err := c.decode(&struct{}{}); err != nil {
		return nil, err
	}
	if err := c.require(userWrite); err != nil {
		return nil, err
	}
	u := c.users[c.id()]
	if u == nil || u.machine == nil && !u.wasLocked {
		return nil, failedPrecondition("COMMAND-x8910n", "Errors.User.NotExisting")
	}
	secret := newCode(64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
	if u.machine != nil {
		u.machine.secret = secret
	}
	c.touch(&u.record)
	return object{"creationDate": timestamp(u.changed), "clientSecret": secret}, nil
}

func (c *call) removeSecret() (any, error) {
	if err := c.require(userWrite); err != nil {
		return nil, err
	}
	u := c.users[c.id()]
	if u == nil || u.machine == nil || u.machine.secret == "" {
		return nil, failedPrecondition("COMMAND-x0zzdw", "Errors.User.Machine.Secret.NotExisting")
	}
	u.machine.secret = ""
	c.touch(&u.record)
	return object{"deletionDate": timestamp(u.changed)}, nil
}
