package zitadeltest

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, for SHA-1, cut to six digits.
func TestTOTPVectors(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got, err := totpCode(secret, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("at %d: %s %v, want %s", at, got, err, want)
		}
	}
}

// factorWorld is a server with alice and calls about her.
type factorWorld struct {
	apiClient
	alice string
}

func newFactorWorld(t *testing.T, config Config) factorWorld {
	t.Helper()
	a := newAPIClient(t, config)
	return factorWorld{a, a.z.AddUser(UserSeed{
		UserName: "alice", Email: "alice@example.com", EmailVerified: true, Phone: "+41791234567", PhoneVerified: true, Password: "Password1!",
	})}
}

// check makes a session for alice with one more check, and returns the status
// and the error id.
func (w factorWorld) check(factor, code string) (int, string) {
	w.t.Helper()
	status, answer := w.call("POST", "/v2/sessions", fmt.Sprintf(`{"checks":{"user":{"userId":%q},%q:{"code":%q}}}`, w.alice, factor, code))
	return status, errorID(answer)
}

func (w factorWorld) methods(query string) []string {
	w.t.Helper()
	answer := w.want(200, "GET", "/v2/users/"+w.alice+"/authentication_methods"+query, "")
	var names []string
	list, _ := answer["authMethodTypes"].([]any)
	for _, name := range list {
		names = append(names, strings.TrimPrefix(text(name), "AUTHENTICATION_METHOD_TYPE_"))
	}
	return names
}

func TestTOTPFollowsTheClockAndIsReplayable(t *testing.T) {
	w := newFactorWorld(t, Config{})
	secret := w.z.AddTOTP(w.alice)
	code := w.z.TOTPCode(secret)
	for range 2 {
		if status, id := w.check("totp", code); status != 201 {
			t.Fatalf("%d %s", status, id)
		}
	}
	w.z.Advance(31 * time.Second)
	if status, _ := w.check("totp", code); status != 201 {
		t.Errorf("the code before: %d", status)
	}
	w.z.Advance(60 * time.Second)
	if status, id := w.check("totp", code); status != 400 || !strings.HasSuffix(id, "EVENT-8isk2") {
		t.Errorf("an old code: %d %s", status, id)
	}
	if status, _ := w.check("totp", w.z.TOTPCode(secret)); status != 201 {
		t.Errorf("the new code: %d", status)
	}
}

func TestMethodsLagBehindTheirSetUp(t *testing.T) {
	w := newFactorWorld(t, Config{Lag: 30 * time.Millisecond})
	w.z.Advance(time.Second)
	secret := text(w.want(200, "POST", "/v2/users/"+w.alice+"/totp", `{}`)["secret"])
	w.want(200, "POST", "/v2/users/"+w.alice+"/totp/verify", fmt.Sprintf(`{"code":%q}`, w.z.TOTPCode(secret)))
	if got := w.methods(""); slices.Contains(got, "TOTP") {
		t.Errorf("at once: %v", got)
	}
	if status, _ := w.check("totp", w.z.TOTPCode(secret)); status != 201 {
		t.Errorf("the check lags as well: %d", status)
	}
	w.z.Advance(30 * time.Millisecond)
	if got := w.methods(""); !slices.Equal(got, []string{"TOTP", "PASSWORD"}) {
		t.Errorf("after the lag: %v", got)
	}
}

func TestMethodsByDomain(t *testing.T) {
	w := newFactorWorld(t, Config{})
	w.z.AddTOTP(w.alice)
	w.z.AddPasskey(w.alice, "example.localhost", NewAuthenticator())
	w.z.AddU2F(w.alice, "auth.example.localhost", NewAuthenticator())
	for query, want := range map[string]string{
		"":                                      "TOTP U2F PASSKEY PASSWORD",
		"?domainQuery.domain=example.localhost": "PASSKEY PASSWORD",
		"?domainQuery.domain=auth.example.localhost":                                  "U2F PASSWORD",
		"?domainQuery.domain=other.test":                                              "PASSWORD",
		"?domainQuery.domain=example.localhost&domainQuery.includeWithoutDomain=true": "TOTP PASSKEY PASSWORD",
	} {
		if got := strings.Join(w.methods(query), " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// Codes that were sent are good once and for five minutes; wrong ones lock.
func TestSentCodes(t *testing.T) {
	w := newFactorWorld(t, Config{})
	w.z.SetLockout("", func(l *Lockout) { l.MaxOTPAttempts = 3 })
	w.z.AddOTPSMS(w.alice)
	session := w.want(201, "POST", "/v2/sessions", fmt.Sprintf(`{"checks":{"user":{"userId":%q}},"challenges":{"otpSms":{}}}`, w.alice))
	path := "/v2/sessions/" + text(session["sessionId"])
	code := w.z.LastSMS("+41791234567").Code
	if len(code) != 8 {
		t.Fatalf("code %q, want 8 digits", code)
	}
	try := func(code string) string {
		_, answer := w.call("PATCH", path, fmt.Sprintf(`{"checks":{"otpSms":{"code":%q}}}`, code))
		return errorID(answer)
	}
	if id := try("00000000"); !strings.HasSuffix(id, "CODE-woT0xc") {
		t.Errorf("wrong code: %s", id)
	}
	w.want(200, "PATCH", path, fmt.Sprintf(`{"checks":{"otpSms":{"code":%q}}}`, code))
	if id := try(code); !strings.HasSuffix(id, "COMMAND-S34gh") {
		t.Errorf("code again: %s", id)
	}
	w.want(200, "PATCH", path, `{"challenges":{"otpSms":{}}}`)
	w.z.Advance(5 * time.Minute)
	if id := try(w.z.LastSMS("+41791234567").Code); !strings.HasSuffix(id, "CODE-QvUQ4P") {
		t.Errorf("expired code: %s", id)
	}
	try("00000000")
	try("00000000")
	if id := try("00000000"); !strings.HasSuffix(id, "COMMAND-S6h4R") {
		t.Errorf("locked: %s", id)
	}
}

// A request whose challenge fails neither changes the session nor sends.
func TestFailedChallengeLeavesEverything(t *testing.T) {
	w := newFactorWorld(t, Config{})
	w.z.AddOTPEmail(w.alice)
	session := w.want(201, "POST", "/v2/sessions", fmt.Sprintf(`{"checks":{"user":{"userId":%q}}}`, w.alice))
	w.want(400, "PATCH", "/v2/sessions/"+text(session["sessionId"]),
		`{"checks":{"password":{"password":"Password1!"}},"challenges":{"otpEmail":{},"otpSms":{}}}`)
	shown := w.want(200, "GET", "/v2/sessions/"+text(session["sessionId"])+"?sessionToken="+text(session["sessionToken"]), "")
	if factors := shown["session"].(map[string]any)["factors"].(map[string]any); factors["password"] != nil {
		t.Errorf("the password counts: %v", factors)
	}
	if mails := w.z.Mails(); len(mails) != 0 {
		t.Errorf("sent %d mails", len(mails))
	}
}

func TestRecoveryCodesOnlyWhereTheyAreConfigured(t *testing.T) {
	w := newFactorWorld(t, Config{RecoveryCodes: true})
	codes := w.z.AddRecoveryCodes(w.alice)
	if status, id := w.check("recoveryCode", codes[0]); status != 201 {
		t.Fatalf("%d %s", status, id)
	}
	if status, _ := w.check("recoveryCode", codes[0]); status != 400 {
		t.Errorf("a code twice: %d", status)
	}
	if status, _ := w.check("recoveryCode", codes[1]); status != 201 {
		t.Errorf("the next one: %d", status)
	}

	var told []string
	w = newFactorWorld(t, Config{Violation: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }})
	w.check("recoveryCode", "x")
	if len(told) != 1 || !strings.Contains(told[0], "recoveryCode") {
		t.Errorf("told %q", told)
	}
}

func TestFactorsCanBeRemoved(t *testing.T) {
	w := newFactorWorld(t, Config{})
	w.z.AddOTPSMS(w.alice)
	w.z.AddOTPEmail(w.alice)
	key := w.z.AddU2F(w.alice, "example.localhost", NewAuthenticator())
	for _, path := range []string{"otp_sms", "otp_email", "u2f/" + key} {
		w.want(200, "DELETE", "/v2/users/"+w.alice+"/"+path, "")
		w.want(404, "DELETE", "/v2/users/"+w.alice+"/"+path, "")
	}
	if got := w.methods(""); !slices.Equal(got, []string{"PASSWORD"}) {
		t.Errorf("left: %v", got)
	}
	w.z.AddOTPSMS(w.alice)
	w.want(200, "DELETE", "/v2/users/"+w.alice+"/phone", "")
	if got := w.methods(""); slices.Contains(got, "OTP_SMS") {
		t.Errorf("the number is gone and its codes are not: %v", got)
	}
}

func TestSkippedSetUpIsShown(t *testing.T) {
	w := newFactorWorld(t, Config{})
	w.want(200, "POST", "/v2/users/"+w.alice+"/mfa_init_skipped", `{}`)
	human := w.want(200, "GET", "/v2/users/"+w.alice, "")["user"].(map[string]any)["human"].(map[string]any)
	if human["mfaInitSkipped"] != timestamp(fixedTime) {
		t.Errorf("mfaInitSkipped %v", human["mfaInitSkipped"])
	}
}
