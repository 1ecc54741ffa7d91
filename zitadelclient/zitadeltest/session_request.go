package zitadeltest

import (
	"encoding/json"
	"strings"
	"time"
)

// sessionRequest creates or changes a session.
type sessionRequest struct {
	SessionToken string             `json:"sessionToken"`
	Checks       *sessionChecks     `json:"checks"`
	Challenges   *requestChallenges `json:"challenges"`
	Metadata     map[string]string  `json:"metadata"`
	Lifetime     *string            `json:"lifetime"`
	UserAgent    *userAgent         `json:"userAgent"`
}

type sessionChecks struct {
	User *struct {
		UserID    *string `json:"userId"`
		LoginName *string `json:"loginName"`
	} `json:"user"`
	Password *struct {
		Password string `json:"password"`
	} `json:"password"`
	IDPIntent    *checkIntent   `json:"idpIntent"`
	WebAuthN     *checkWebAuthN `json:"webAuthN"`
	TOTP         *checkCode     `json:"totp"`
	OTPSMS       *checkCode     `json:"otpSms"`
	OTPEmail     *checkCode     `json:"otpEmail"`
	RecoveryCode *checkCode     `json:"recoveryCode"`
}

type checkWebAuthN struct {
	CredentialAssertionData json.RawMessage `json:"credentialAssertionData"`
}

type checkIntent struct {
	IDPIntentID    string `json:"idpIntentId"`
	IDPIntentToken string `json:"idpIntentToken"`
}

type checkCode struct {
	Code string `json:"code"`
}

// requestChallenges ask for something to be checked by a later request.
type requestChallenges struct {
	WebAuthN *struct {
		Domain                      string `json:"domain"`
		UserVerificationRequirement string `json:"userVerificationRequirement"`
	} `json:"webAuthN"`
	OTPSMS *struct {
		ReturnCode bool `json:"returnCode"`
	} `json:"otpSms"`
	OTPEmail *delivery `json:"otpEmail"`
}

const (
	embeddedFailed = ": embedded message failed validation | caused by: invalid "
	lengthTo200    = ": value length must be between 1 and 200 runes, inclusive"
)

// validate is what the API checks before it looks at any state.
func (r *sessionRequest) validate(message string) (lifetime time.Duration, err error) {
	if r.Checks != nil {
		if problem := r.Checks.problem(); problem != "" {
			return 0, badRequest("invalid " + message + ".Checks" + embeddedFailed + "Checks." + problem)
		}
	}
	if r.Challenges != nil {
		if err := r.Challenges.validate(message); err != nil {
			return 0, err
		}
	}
	if r.Lifetime == nil {
		return 0, nil
	}
	lifetime, err = time.ParseDuration(*r.Lifetime)
	if err != nil || !strings.HasSuffix(*r.Lifetime, "s") {
		return 0, badRequest(`proto: invalid value for google.protobuf.Duration type: "` + *r.Lifetime + `"`)
	}
	if lifetime <= 0 {
		return 0, badRequest("invalid " + message + ".Lifetime: value must be greater than 0s")
	}
	return lifetime, nil
}

// problem is the first thing that is wrong with the form of the checks, "" for none.
func (c *sessionChecks) problem() string {
	if u := c.User; u != nil {
		caused := "User" + embeddedFailed + "CheckUser."
		switch {
		case u.UserID == nil && u.LoginName == nil:
			return caused + "Search: value is required"
		case u.LoginName != nil && !lengthBetween(*u.LoginName, 1, 200):
			return caused + "LoginName" + lengthTo200
		case u.UserID != nil && !lengthBetween(*u.UserID, 1, 200):
			return caused + "UserId" + lengthTo200
		}
	}
	switch {
	case c.Password != nil && !lengthBetween(c.Password.Password, 1, 200):
		return "Password" + embeddedFailed + "CheckPassword.Password" + lengthTo200
	case c.WebAuthN != nil && len(c.WebAuthN.CredentialAssertionData) == 0:
		return "WebAuthN" + embeddedFailed + "CheckWebAuthN.CredentialAssertionData: value is required"
	case c.TOTP != nil && !lengthBetween(c.TOTP.Code, 6, 6):
		return "Totp" + embeddedFailed + "CheckTOTP.Code: value length must be 6 runes"
	case c.OTPSMS != nil && c.OTPSMS.Code == "":
		return "OtpSms" + embeddedFailed + "CheckOTP.Code: value length must be at least 1 runes"
	case c.OTPEmail != nil && c.OTPEmail.Code == "":
		return "OtpEmail" + embeddedFailed + "CheckOTP.Code: value length must be at least 1 runes"
	}
	return ""
}

// validate refuses a challenge that does not say whether the user is to be
// verified, and a link template that is too long or does not parse.
func (c *requestChallenges) validate(message string) error {
	challenges := message + ".Challenges" + embeddedFailed + "RequestChallenges."
	if w := c.WebAuthN; w != nil {
		switch w.UserVerificationRequirement {
		case "USER_VERIFICATION_REQUIREMENT_REQUIRED", "USER_VERIFICATION_REQUIREMENT_PREFERRED", "USER_VERIFICATION_REQUIREMENT_DISCOURAGED":
		default:
			return badRequest("invalid " + challenges + "WebAuthN" + embeddedFailed +
				"RequestChallenges_WebAuthN.UserVerificationRequirement: value must not be in list [USER_VERIFICATION_REQUIREMENT_UNSPECIFIED]")
		}
	}
	if c.OTPEmail == nil || c.OTPEmail.SendCode == nil || c.OTPEmail.SendCode.URLTemplate == nil {
		return nil
	}
	if err := checkLength(challenges+"OtpEmail", c.OTPEmail.template()); err != nil {
		return err
	}
	_, err := renderLink(c.OTPEmail.template(), otpLinkData{})
	return err
}

// checkLength is the rule for every urlTemplate.
func checkLength(message, template string) error {
	if lengthBetween(template, 1, 200) {
		return nil
	}
	return badRequest("invalid " + message + embeddedFailed + "UrlTemplate" + lengthTo200)
}
