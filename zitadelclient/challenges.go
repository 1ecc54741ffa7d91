package zitadelclient

import (
	"context"
	"encoding/json"
	"time"
)

// Challenges are what ZITADEL shall ask the user of a session for. Making them
// sends the message, so they are made by a POST and never by a page view.
type Challenges struct {
	WebAuthN         *WebAuthNChallenge
	OTPSMS           bool   // an SMS to the verified phone
	OTPEmailTemplate string // a mail with this link: URL with {{.Code}} and {{.SessionID}}, at most 200 characters; "": none
}

// WebAuthNChallenge asks for an assertion by a key of exactly this RP ID.
type WebAuthNChallenge struct {
	RPID             string
	UserVerification bool // true: a passkey, verification required; false: a security key, verification discouraged
}

// Challenge is what the browser has to answer.
type Challenge struct {
	// WebAuthN are the publicKeyCredentialRequestOptions as ZITADEL answers
	// them, with their publicKey member; nil when none were asked for.
	WebAuthN json.RawMessage
}

// CreateChallengedSession makes a session that waits for the answer to a
// challenge, which a session needs to have its user for. With only the user
// checked it authenticates nobody and counts for nothing: whoever knows a login
// name gets as far.
func (c *Client) CreateChallengedSession(ctx context.Context, n NewSession, asked Challenges) (SessionRef, Challenge, error) {
	if err := asked.check("create session"); err != nil {
		return SessionRef{}, Challenge{}, err
	}
	return c.createSession(ctx, n, asked)
}

// ChallengeSession challenges the user of a session that exists, and returns it
// with its newest token. A challenge replaces the one of its kind before it. A
// lifetime of zero leaves the session's as it is.
func (c *Client) ChallengeSession(ctx context.Context, ref SessionRef, asked Challenges, lifetime time.Duration) (SessionRef, Challenge, error) {
	if err := asked.check("update session"); err != nil {
		return SessionRef{}, Challenge{}, err
	}
	return c.updateSession(ctx, ref, SessionUpdate{Lifetime: lifetime}, asked)
}

// What is sent and answered.
type (
	challengesBody struct {
		WebAuthN *webAuthNChallengeBody `json:"webAuthN,omitempty"`
		OTPSMS   *struct{}              `json:"otpSms,omitempty"`
		OTPEmail *otpEmailChallengeBody `json:"otpEmail,omitempty"`
	}
	webAuthNChallengeBody struct {
		Domain                      string `json:"domain"`
		UserVerificationRequirement string `json:"userVerificationRequirement"`
	}
	otpEmailChallengeBody struct {
		SendCode sendCodeBody `json:"sendCode"`
	}
	sendCodeBody struct {
		URLTemplate     string `json:"urlTemplate,omitempty"`
		ApplicationName string `json:"applicationName,omitempty"`
	}
	challengesAnswer struct {
		WebAuthN struct {
			PublicKeyCredentialRequestOptions json.RawMessage
		}
	}
)

func (asked Challenges) check(op string) error {
	switch {
	case asked == Challenges{}:
		return invalid(op, "no challenge")
	case asked.WebAuthN != nil && asked.WebAuthN.RPID == "":
		return invalid(op, errNoRPID)
	}
	return nil
}

func (asked Challenges) body() *challengesBody {
	if asked == (Challenges{}) {
		return nil
	}
	body := new(challengesBody)
	if asked.WebAuthN != nil {
		requirement := "USER_VERIFICATION_REQUIREMENT_DISCOURAGED"
		if asked.WebAuthN.UserVerification {
			requirement = "USER_VERIFICATION_REQUIREMENT_REQUIRED"
		}
		body.WebAuthN = &webAuthNChallengeBody{asked.WebAuthN.RPID, requirement}
	}
	if asked.OTPSMS {
		body.OTPSMS = new(struct{})
	}
	if asked.OTPEmailTemplate != "" {
		body.OTPEmail = &otpEmailChallengeBody{sendCodeBody{URLTemplate: asked.OTPEmailTemplate}}
	}
	return body
}

// read holds the answer against what was asked: options of another RP ID would
// have the browser use other keys than the caller believes.
func (asked Challenges) read(op string, answer challengesAnswer) (Challenge, error) {
	if asked.WebAuthN == nil {
		return Challenge{}, nil
	}
	var options struct {
		PublicKey struct{ Challenge, RPID string }
	}
	raw := answer.WebAuthN.PublicKeyCredentialRequestOptions
	err := json.Unmarshal(raw, &options)
	if err != nil || options.PublicKey.Challenge == "" || options.PublicKey.RPID != asked.WebAuthN.RPID {
		return Challenge{}, unavailable(op, errIncomplete)
	}
	return Challenge{WebAuthN: raw}, nil
}
