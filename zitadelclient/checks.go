package zitadelclient

import (
	"encoding/json"
	"unicode/utf8"
)

// Checks are the credentials to check. Empty fields are not checked. The user is
// named by id, or by login name where the id is too young to be found: a session
// by login name reads what was just written.
type Checks struct {
	UserID, LoginName, Password string
	// WebAuthN is what the browser made of a [Challenge], after
	// [CheckClientData]. Of it only the fields that ZITADEL needs are sent.
	WebAuthN json.RawMessage
	// Codes of an authenticator app, of messages that a challenge sent, and of
	// the user's list. ZITADEL takes a TOTP code twice, and before 2026 it
	// ignores recovery codes: the session's factors tell.
	TOTP, OTPSMS, OTPEmail, RecoveryCode string
	// Intent is an answered visit to an identity provider. The user's identity it
	// must be, and it is used up.
	Intent IntentRef
}

// What is sent.
type (
	checksBody struct {
		User         *userCheck     `json:"user,omitempty"`
		Password     *passwordCheck `json:"password,omitempty"`
		Intent       *intentCheck   `json:"idpIntent,omitempty"`
		WebAuthN     *webAuthNCheck `json:"webAuthN,omitempty"`
		TOTP         *codeCheck     `json:"totp,omitempty"`
		OTPSMS       *codeCheck     `json:"otpSms,omitempty"`
		OTPEmail     *codeCheck     `json:"otpEmail,omitempty"`
		RecoveryCode *codeCheck     `json:"recoveryCode,omitempty"`
	}
	userCheck struct {
		UserID    string `json:"userId,omitempty"`
		LoginName string `json:"loginName,omitempty"`
	}
	passwordCheck struct {
		Password string `json:"password"`
	}
	intentCheck struct {
		ID    string `json:"idpIntentId"`
		Token string `json:"idpIntentToken"`
	}
	webAuthNCheck struct {
		CredentialAssertionData credential `json:"credentialAssertionData"`
	}
	codeCheck struct {
		Code string `json:"code"`
	}
)

// body is nil when nothing is to be checked. What could not be right is refused
// here: ZITADEL would call it a malformed request, and the visitor see an error
// page instead of the form again.
func (c Checks) body(op string) (*checksBody, error) {
	body := new(checksBody)
	switch {
	case c.UserID != "":
		body.User = &userCheck{UserID: c.UserID}
	case c.LoginName != "":
		body.User = &userCheck{LoginName: c.LoginName}
	}
	if c.Password != "" {
		body.Password = &passwordCheck{c.Password}
	}
	if c.Intent != (IntentRef{}) {
		body.Intent = &intentCheck{c.Intent.ID, c.Intent.Token}
	}
	if c.WebAuthN != nil {
		assertion, err := parseCredential(op, c.WebAuthN, assertionType)
		if err != nil {
			return nil, err
		}
		body.WebAuthN = &webAuthNCheck{assertion}
	}
	for _, check := range []struct {
		code     string
		possible func(string) bool
		slot     **codeCheck
	}{
		{c.TOTP, possibleTOTP, &body.TOTP},
		{c.OTPSMS, possibleCode, &body.OTPSMS},
		{c.OTPEmail, possibleCode, &body.OTPEmail},
		{c.RecoveryCode, possibleRecoveryCode, &body.RecoveryCode},
	} {
		if check.code == "" {
			continue
		}
		if !check.possible(check.code) {
			return nil, &Error{Kind: WrongCode, Op: op}
		}
		*check.slot = &codeCheck{check.code}
	}
	if *body == (checksBody{}) {
		return nil, nil
	}
	return body, nil
}

// possibleTOTP is what an authenticator app can show.
func possibleTOTP(code string) bool {
	for _, digit := range []byte(code) {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return len(code) == 6
}

func possibleRecoveryCode(code string) bool { return utf8.RuneCountInString(code) <= 200 }
