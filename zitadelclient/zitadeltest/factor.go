package zitadeltest

import (
	"slices"
	"time"
)

// factors are what a person can sign in with besides the password.
type factors struct {
	totp          *totpFactor
	otpSMS        *otpFactor
	otpEmail      *otpFactor
	credentials   []*credential
	passkeyLinks  map[string]verificationCode // by the id of the code
	recoveryCodes *recoveryFactor
	setUpSkipped  time.Time // when the person last declined to set one up
}

// totpFactor is a shared secret with an authenticator app.
type totpFactor struct {
	secret   string
	verified bool
	failed   int
	visible  time.Time
}

// otpFactor is a code by SMS or e-mail. It has no secret of its own.
type otpFactor struct {
	failed  int
	visible time.Time
}

// recoveryFactor is a list of codes, each good for once.
type recoveryFactor struct {
	codes  []string
	failed int
}

// factorChecks are the times at which a session's factors were checked. The
// password's is with the session itself.
type factorChecks struct {
	intentChecked       time.Time
	webAuthNChecked     time.Time
	userVerified        bool // by the authenticator: a passkey, not merely a key
	totpChecked         time.Time
	otpSMSChecked       time.Time
	otpEmailChecked     time.Time
	recoveryCodeChecked time.Time
}

// sessionChallenges are what a session was challenged with and waits for.
type sessionChallenges struct {
	webAuthN         *webAuthNChallenge
	intent           *intent // that the checks which are under way use up
	otpSMS, otpEmail verificationCode
}

// body shows the checks as reads of a session do.
func (f factorChecks) body() object {
	body := object{}
	for name, at := range map[string]time.Time{
		"intent": f.intentChecked, "webAuthN": f.webAuthNChecked, "totp": f.totpChecked, "otpSms": f.otpSMSChecked,
		"otpEmail": f.otpEmailChecked, "recoveryCode": f.recoveryCodeChecked,
	} {
		if !at.IsZero() {
			body[name] = object{"verifiedAt": timestamp(at)}
		}
	}
	if shown, ok := body["webAuthN"].(object); ok && f.userVerified {
		shown["userVerified"] = true
	}
	return body
}

// authentication is what a ZITADEL session proves: the methods (amr) and the
// latest time a factor was checked. A session of which only the user was named
// proves nothing; one that is older than a password change still counts.
func (s *session) authentication() (methods []string, at time.Time) {
	count := 0
	add := func(method string, checked time.Time, weight int) {
		if checked.IsZero() {
			return
		}
		count += weight
		if method != "" && !slices.Contains(methods, method) {
			methods = append(methods, method)
		}
		if checked.After(at) {
			at = checked
		}
	}
	// A passkey is something held and something known: it is worth two.
	webAuthN := 1
	if s.userVerified {
		webAuthN = 2
	}
	add("pwd", s.passwordChecked, 1)
	add("", s.intentChecked, 1) // counts, and has no method of its own
	add("user", s.webAuthNChecked, webAuthN)
	for _, checked := range []time.Time{s.totpChecked, s.otpSMSChecked, s.otpEmailChecked, s.recoveryCodeChecked} {
		add("otp", checked, 1)
	}
	if count > 1 {
		methods = append(methods, "mfa")
	}
	return methods, at
}

// factorRoutes are what sets up, lists and removes factors.
func (s *Server) factorRoutes() []route {
	const user = "/v2/users/{id}/"
	return []route{
		{
			pattern: "GET " + user + "authentication_methods", api: (*call).authenticationMethods,
			query: []string{"domainQuery.domain", "domainQuery.includeWithoutDomain"},
		},
		{pattern: "POST " + user + "authentication_factors/_search", api: (*call).searchFactors},
		{pattern: "POST " + user + "mfa_init_skipped", api: (*call).skipMFA},
		{pattern: "POST " + user + "totp", api: (*call).registerTOTP},
		{pattern: "POST " + user + "totp/verify", api: (*call).verifyTOTP},
		{pattern: "DELETE " + user + "totp", api: (*call).removeTOTP},
		{pattern: "POST " + user + "otp_sms", api: addOTP(otpBySMS)},
		{pattern: "DELETE " + user + "otp_sms", api: removeOTP(otpBySMS)},
		{pattern: "POST " + user + "otp_email", api: addOTP(otpByEmail)},
		{pattern: "DELETE " + user + "otp_email", api: removeOTP(otpByEmail)},
		{pattern: "POST " + user + "passkeys/registration_link", api: (*call).createPasskeyLink},
		{pattern: "POST " + user + "passkeys", api: (*call).registerPasskey},
		{pattern: "POST " + user + "passkeys/{credential}", api: verifyCredential(passkey)},
		{pattern: "POST " + user + "passkeys/_search", api: (*call).searchPasskeys},
		{pattern: "DELETE " + user + "passkeys/{credential}", api: removeCredential(passkey)},
		{pattern: "POST " + user + "u2f", api: (*call).registerSecurityKey},
		{pattern: "POST " + user + "u2f/{credential}", api: verifyCredential(securityKey)},
		{pattern: "DELETE " + user + "u2f/{credential}", api: removeCredential(securityKey)},
	}
}

// method is one way to sign in, as the list of authentication methods has it.
type method struct {
	name    string
	domain  string    // RP ID, of WebAuthn credentials
	visible time.Time // the list shows it from then on: it lags
}

// methods are all ways to sign in, in the order that the real server lists them.
func (h *human) methods() []method {
	var all []method
	if t := h.factors.totp; t != nil && t.verified {
		all = append(all, method{"TOTP", "", t.visible})
	}
	for _, kind := range []credentialKind{securityKey, passkey} {
		for _, c := range h.factors.ready(kind, "") {
			all = append(all, method{kind.method, c.rpID, c.visible})
		}
	}
	if h.factors.otpSMS != nil {
		all = append(all, method{"OTP_SMS", "", h.factors.otpSMS.visible})
	}
	if h.factors.otpEmail != nil {
		all = append(all, method{"OTP_EMAIL", "", h.factors.otpEmail.visible})
	}
	if r := h.factors.recoveryCodes; r != nil && len(r.codes) > 0 {
		all = append(all, method{name: "RECOVERY_CODE"})
	}
	return all
}

// authenticationMethods lists what the user can sign in with. A domainQuery
// counts the WebAuthn credentials of that very RP ID alone, and what is of no
// domain only when that is asked for; the password it always counts.
func (c *call) authenticationMethods() (any, error) {
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userRead, u.id); err != nil {
		return nil, err
	}
	query := c.request.URL.Query()
	domain, withoutDomain := query.Get("domainQuery.domain"), query.Get("domainQuery.includeWithoutDomain") == "true"
	listed := []string{}
	for _, m := range h.methods() {
		name := "AUTHENTICATION_METHOD_TYPE_" + m.name
		counts := domain == "" || m.domain == domain || m.domain == "" && withoutDomain
		if counts && !slices.Contains(listed, name) && !c.now().Before(m.visible) {
			listed = append(listed, name)
		}
	}
	if h.password != "" {
		listed = append(listed, "AUTHENTICATION_METHOD_TYPE_PASSWORD")
	}
	if len(h.links) > 0 {
		listed = append(listed, "AUTHENTICATION_METHOD_TYPE_IDP")
	}
	return compact(object{"details": c.listDetails(len(listed)), "authMethodTypes": listed}), nil
}

// searchFactors lists second factors, also those whose set-up is not finished.
func (c *call) searchFactors() (any, error) {
	var request struct {
		AuthFactors []string `json:"authFactors"`
		States      []string `json:"states"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userRead, u.id); err != nil {
		return nil, err
	}
	result := []object{}
	add := func(kind string, ready bool, name string, shown object) {
		state := "AUTH_FACTOR_STATE_READY"
		if !ready {
			state = "AUTH_FACTOR_STATE_NOT_READY"
		}
		if (len(request.AuthFactors) == 0 || slices.Contains(request.AuthFactors, kind)) &&
			(len(request.States) == 0 || slices.Contains(request.States, state)) {
			result = append(result, object{"state": state, name: shown})
		}
	}
	if t := h.factors.totp; t != nil {
		add("OTP", t.verified, "otp", object{})
	}
	for _, key := range h.factors.credentials {
		if key.kind == securityKey {
			add("U2F", key.publicKey != nil, "u2f", compact(object{"id": key.id, "name": key.name}))
		}
	}
	if h.factors.otpSMS != nil {
		add("OTP_SMS", true, "otpSms", object{})
	}
	if h.factors.otpEmail != nil {
		add("OTP_EMAIL", true, "otpEmail", object{})
	}
	return compact(object{"result": result}), nil
}

// skipMFA notes that the person declined to set up a second factor.
func (c *call) skipMFA() (any, error) {
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	h.factors.setUpSkipped = c.now()
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}
