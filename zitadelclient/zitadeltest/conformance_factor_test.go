package zitadeltest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

func init() {
	scenarios = append(scenarios,
		scenario{"authenticator app", playTOTP},
		scenario{"authenticator app, lockout", playTOTPLockout},
		scenario{"codes by e-mail", playOTPEmail},
		scenario{"codes by SMS", playOTPSMS},
		scenario{"forced second factor", playForcedMFA},
	)
}

// codesAt binds the recorded codes of an authenticator app to those of a secret
// here: the current one and one of two minutes ago.
func (r *replay) codesAt(secret string) {
	r.bind("815385", r.z.TOTPCode(secret))
	old, err := totpCode(secret, r.z.Now().Add(-4*totpPeriod))
	if err != nil {
		r.t.Fatal(err)
	}
	r.bind("530198", old)
}

func playTOTP(r *replay) {
	uid := r.user("totp-r6b0297ab", "400700446919887910")
	r.codesAt(text(r.step("totp-register")["secret"]))
	r.steps(
		"totp-session-not-ready", "totp-verify-wrong", "totp-verify-ok", "totp-verify-again", "totp-register-again", "totp-register-nobody",
		"totp-verify-without-registration",
	)
	session := r.signedIn(uid, "Password1!")
	r.bind("400700448798936102", session.id)
	r.bind("<SESSION_TOKEN_32>", session.token)
	r.steps("session-totp-wrong", "session-totp-short")
	session.token = text(r.step("session-totp-ok")["sessionToken"])
	r.steps("session-totp-replay", "session-totp-old-code", "session-get-totp", "user-authmethods-totp", "user-authfactors-totp")
	r.codeFor("token-amr-mfa", "app_pkce", session, nil)
	r.tokenStep("token-amr-mfa")
	r.steps("session-totp-no-totp-user", "totp-remove", "totp-remove-again")
	r.user("none-r6b0297ab", "400700402661592102")
	r.step("user-authfactors-empty")
}

func playTOTPLockout(r *replay) {
	uid := r.user("totplock-r6b0297ab", "400700450610875430", func(u *UserSeed) { u.OrganizationID = r.state["lockout_org"] })
	r.z.AddTOTP(uid)
	r.steps("session-totp-lockout-1", "session-totp-lockout-2", "session-totp-lockout-3", "session-totp-lockout-4")
}

// withPhone is the edit that the recorder's people with a phone have.
func withPhone(number string) func(*UserSeed) {
	return func(u *UserSeed) { u.Phone, u.PhoneVerified = number, true }
}

// challenged is the code in the answer to a challenge.
func challenged(answer map[string]any, kind string) string {
	challenges, _ := answer["challenges"].(map[string]any)
	return text(challenges[kind])
}

func playOTPEmail(r *replay) {
	uid := r.user("otp-r6b0297ab", "400700452473146406", withPhone("+41791234567"))
	r.user("otpu-r6b0297ab", "400700454150868006", unverified)
	r.steps("otpemail-challenge-not-enrolled", "otpemail-add", "otpemail-add-again", "otpemail-add-unverified")
	r.bind("27440222", challenged(r.step("otpemail-challenge-returncode"), "otpEmail"))
	r.steps(
		"otpemail-check-wrong", "otpemail-check-ok", "otpemail-check-reuse", "otpemail-check-no-challenge", "session-get-otpemail",
		"otpemail-challenge-bad-template", "otpemail-challenge-send", "otpemail-challenge-default",
	)
	expiring := r.do("POST", "/v2/sessions", object{
		"checks": object{"user": object{"userId": uid}}, "challenges": object{"otpEmail": object{"returnCode": object{}}},
	})
	r.bind("400700459637017638", text(expiring["sessionId"]))
	r.bind("<SESSION_TOKEN_39>", text(expiring["sessionToken"]))
	r.bind("14436753", challenged(expiring, "otpEmail"))
	r.z.Advance(5*time.Minute + time.Second)
	r.step("otpemail-check-expired")
	r.z.AddOTPEmail(r.user("msg-r6b029ec1", "400703428348611622", withoutPassword))
	r.step("otpemail-create-session-template")
}

func playOTPSMS(r *replay) {
	r.z.AddOTPEmail(r.user("otp-r6b0297ab", "400700452473146406", withPhone("+41791234567")))
	r.steps("otpsms-add", "otpsms-add-no-phone")
	r.bind("28626334", challenged(r.step("otpsms-challenge-returncode"), "otpSms"))
	r.steps("otpsms-check-ok", "otpsms-challenge-send", "user-authmethods-otp")
	r.z.AddOTPSMS(r.user("msg-r6b029ec1", "400703428348611622", withoutPassword, withPhone("+41785333825")))
	r.step("otpsms-create-session")
}

func playForcedMFA(r *replay) {
	r.z.SetLoginSettings("", func(s *LoginSettings) {
		s.ForceMFA, s.IgnoreUnknownUsernames, s.AllowRegister, s.DisableLoginWithEmail = true, true, false, true
	})
	r.step("settings-login-force-mfa")
}

// with replaces a value in the body of a recorded request: no recorded
// credential fits the challenges of this server. The path has dots.
func with(path string, value json.RawMessage) option {
	return func(r *replay, request *http.Request) {
		raw, err := io.ReadAll(request.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(raw, &body); err != nil {
			r.t.Fatal(err)
		}
		names := strings.Split(path, ".")
		at := body
		for _, name := range names[:len(names)-1] {
			at = at[name].(map[string]any)
		}
		at[names[len(names)-1]] = value
		request.Body = io.NopCloser(bytes.NewReader(mustJSON(body)))
	}
}
