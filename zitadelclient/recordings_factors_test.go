package zitadelclient

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	rpID       = "auth.example.localhost"
	lifetime   = `"lifetime":"3600s","userAgent":{}`
	inviteLink = "http://auth.example.localhost:8400/verify?userId={{.UserID}}&code={{.Code}}&organization={{.OrgID}}&invite=true"
	resetLink  = "http://auth.example.localhost:8400/password/set?userId={{.UserID}}&code={{.Code}}"
	otpLink    = "http://auth.example.localhost:8400/otp/verify?code={{.Code}}&userId={{.UserID}}&loginName={{.LoginName}}&sessionId={{.SessionID}}"
)

// madeIn is the credential that a browser made in a recorded request.
func madeIn(t *testing.T, name string) json.RawMessage {
	t.Helper()
	var body struct {
		PublicKeyCredential json.RawMessage
		Checks              struct {
			WebAuthN struct{ CredentialAssertionData json.RawMessage }
		}
	}
	if err := json.Unmarshal(readRecording(t, name).Request.Body, &body); err != nil {
		t.Fatal(err)
	}
	if body.PublicKeyCredential != nil {
		return body.PublicKeyCredential
	}
	return body.Checks.WebAuthN.CredentialAssertionData
}

// What we say of factors is what the real one was told, and what it answers
// arrives.
func TestFactorCallsAreAsRecorded(t *testing.T) {
	ctx := t.Context()
	ref := func(id, token string) SessionRef { return SessionRef{ID: id, Token: token} }
	check := func(r SessionRef, checks Checks) func(*Client) (any, error) {
		return func(c *Client) (any, error) {
			r, err := c.UpdateSession(ctx, r, SessionUpdate{Checks: checks})
			return r.Token, err
		}
	}
	done := func(call func(*Client) error) func(*Client) (any, error) {
		return func(c *Client) (any, error) { return nil, call(c) }
	}
	challenge := func(checks Checks, asked Challenges) func(*Client) (any, error) {
		return func(c *Client) (any, error) {
			ref, challenge, err := c.CreateChallengedSession(ctx, NewSession{Checks: checks, Lifetime: time.Hour}, asked)
			return ref.Token + " " + publicKey(challenge.WebAuthN)["challenge"], err
		}
	}
	passkey := &WebAuthNChallenge{RPID: rpID, UserVerification: true}
	for _, test := range []struct {
		recording, add string
		call           func(*Client) (any, error)
		want           any
	}{
		{"349-totp-register", "", func(c *Client) (any, error) { return c.RegisterTOTP(ctx, "400700446919887910") }, TOTPRegistration{
			"otpauth://totp/ZITADEL:totp-r6b0297ab?algorithm=SHA1&digits=6&issuer=ZITADEL&period=30&secret=<TOTP_SECRET_1>", "<TOTP_SECRET_1>"}},
		{"352-totp-verify-ok", "", done(func(c *Client) error { return c.VerifyTOTP(ctx, "400700446919887910", "815385") }), nil},
		{"359-session-totp-ok", "", check(ref("400700448798936102", "<SESSION_TOKEN_32>"), Checks{TOTP: "815385"}), "<SESSION_TOKEN_33>"},
		{"374-otpemail-add", "", done(func(c *Client) error { return c.AddOTPEmail(ctx, "400700452473146406") }), nil},
		{"389-otpsms-add", "", done(func(c *Client) error { return c.AddOTPSMS(ctx, "400700452473146406") }), nil},
		{"393-otpsms-challenge-send", `{` + lifetime + `}`, challenge(Checks{UserID: "400700452473146406"}, Challenges{OTPSMS: true}), "<SESSION_TOKEN_42> "},
		{"384-otpemail-challenge-send", `{"sessionToken":"t","lifetime":"60s"}`, func(c *Client) (any, error) {
			r, challenge, err := c.ChallengeSession(ctx, ref("400700455828589606", "t"), Challenges{OTPEmailTemplate: otpLink}, time.Minute)
			return []any{r.Token, len(challenge.WebAuthN)}, err
		}, []any{"<SESSION_TOKEN_37>", 0}},
		{"392-otpsms-check-ok", "", check(ref("400700462237486118", "<SESSION_TOKEN_40>"), Checks{OTPSMS: "28626334"}), "<SESSION_TOKEN_41>"},
		{"379-otpemail-check-ok", "", check(ref("400700455828589606", "<SESSION_TOKEN_35>"), Checks{OTPEmail: "27440222"}), "<SESSION_TOKEN_36>"},
		{"413-session-webauthn-challenge", `{` + lifetime + `}`, challenge(Checks{UserID: "400700469032258598"}, Challenges{WebAuthN: passkey}),
			"<SESSION_TOKEN_43> OYqiOgxW0eg85wejpJByHA0Dmhjm9xWvQ1V61nIecAA"},
		{"428-session-u2f-challenge", `{` + lifetime + `}`, challenge(Checks{UserID: "400700469032258598", Password: "Password1!"}, Challenges{WebAuthN: &WebAuthNChallenge{RPID: rpID}}),
			"<SESSION_TOKEN_45> Vls55ey1iBy9kwxzWMmJE1yv_8W-VReeRuCQw4Ysggs"},
		{"416-session-webauthn-ok", "", check(ref("400700470928084006", "<SESSION_TOKEN_43>"), Checks{WebAuthN: madeIn(t, "416-session-webauthn-ok")}), "<SESSION_TOKEN_44>"},
		{"429-session-u2f-ok", "", check(ref("400700471280405542", "<SESSION_TOKEN_45>"), Checks{WebAuthN: madeIn(t, "429-session-u2f-ok")}), "<SESSION_TOKEN_46>"},
		{"426-u2f-register", "", func(c *Client) (any, error) {
			r, err := c.RegisterU2F(ctx, "400700469032258598", rpID)
			return []string{r.ID, publicKey(r.Options)["challenge"]}, err
		}, []string{"400700471246851110", "Esz7vxdKccSE4195HwS4xF_3Vpd3_U1hIjrWZMNMC3Q"}},
		{"427-u2f-verify-ok", "", done(func(c *Client) error {
			return c.VerifyU2F(ctx, "400700469032258598", "400700471246851110", madeIn(t, "427-u2f-verify-ok"), "u2f")
		}), nil},
		{"410-passkey-verify-ok", "", done(func(c *Client) error {
			return c.VerifyPasskey(ctx, "400700469032258598", "400700470793866278", madeIn(t, "410-passkey-verify-ok"), " my key ")
		}), nil},
		{"317-user-mfa-skip", "", done(func(c *Client) error { return c.SkipMFAInit(ctx, "400700402661592102") }), nil},
		{"740-invite-sendcode-template", "", done(func(c *Client) error {
			return c.SendInvite(ctx, "400703429623680038", inviteLink, "Example App")
		}), nil},
		{"323-invite-verify-ok", "", done(func(c *Client) error { return c.VerifyInvite(ctx, "400700423968656422", "T7GA7L") }), nil},
		{"726-phone-set-sendcode", "", done(func(c *Client) error { return c.SetPhone(ctx, "400703428617047078", "+41785333826") }), nil},
		{"398-phone-verify-ok", "", done(func(c *Client) error { return c.VerifyPhone(ctx, "400700467337759782", "MXU12I") }), nil},
		{"721-password-reset-sms", "", done(func(c *Client) error { return c.SendPasswordResetSMS(ctx, "400703428348611622", resetLink) }), nil},
	} {
		t.Run(test.recording, func(t *testing.T) {
			got, err := test.call(expecting(t, readRecording(t, test.recording), test.add))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %#v\nwant %#v", got, test.want)
			}
		})
	}
}

// publicKey are the strings at the top of options.
func publicKey(options json.RawMessage) map[string]string {
	var parsed struct{ PublicKey map[string]any }
	_ = json.Unmarshal(options, &parsed)
	found := map[string]string{}
	for name, value := range parsed.PublicKey {
		if s, ok := value.(string); ok {
			found[name] = s
		}
	}
	return found
}

// The registration of a passkey asks for a code and uses it. The options are
// ZITADEL's but for one wish each.
func TestRegisterPasskey(t *testing.T) {
	recorded := []recording{readRecording(t, "400-passkey-link"), readRecording(t, "406-passkey-register-ok")}
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		recorded[0].hold(t, w, r, "")
		recorded = recorded[1:]
	})
	got, err := c.RegisterPasskey(t.Context(), "400700469032258598", rpID)
	if err != nil || got.ID != "400700470793866278" || len(recorded) != 0 {
		t.Fatalf("got %s, %v; %d calls missing", got.ID, err, len(recorded))
	}
	diffOptions(t, "406-passkey-register-ok", got.Options, map[string]any{"userVerification": "required", "residentKey": "preferred"})

	got, err = replay(t, readRecording(t, "426-u2f-register")).RegisterU2F(t.Context(), "400700469032258598", rpID)
	if err != nil {
		t.Fatal(err)
	}
	diffOptions(t, "426-u2f-register", got.Options, map[string]any{"userVerification": "discouraged"})
}

func diffOptions(t *testing.T, recorded string, options json.RawMessage, selection map[string]any) {
	t.Helper()
	var answer, got map[string]any
	if err := json.Unmarshal(readRecording(t, recorded).Response.Body, &answer); err != nil {
		t.Fatal(err)
	}
	want, _ := answer["publicKeyCredentialCreationOptions"].(map[string]any)
	want["publicKey"].(map[string]any)["authenticatorSelection"] = selection
	if err := json.Unmarshal(options, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-wanted +got):\n%s", diff)
	}
}

// The id of a registration stays within its part of the path, and a key has a
// name that a list can show.
func TestRegistrationsAreNamed(t *testing.T) {
	made := madeIn(t, "410-passkey-verify-ok")
	for _, test := range []struct {
		id, name, path string
	}{
		{"1/../../2", "key", "/v2/users/4/passkeys/1%2F..%2F..%2F2"},
		{"{id}", "key", "/v2/users/4/passkeys/%7Bid%7D"},
		{"1", strings.Repeat("ü", 200), "/v2/users/4/passkeys/1"},
		{"..", "key", ""},
		{"", "key", ""},
		{"1", "", ""},
		{"1", " ", ""},
		{"1", strings.Repeat("a", 201), ""},
	} {
		var asked string
		c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.EscapedPath()
			_, _ = w.Write([]byte("{}"))
		})
		err := c.VerifyPasskey(t.Context(), "4", test.id, made, test.name)
		if asked != test.path || test.path == "" && !errors.Is(err, Invalid) || test.path != "" && err != nil {
			t.Errorf("%q %q: asked %s, %v", test.id, test.name, asked, err)
		}
	}
}

// Only keys of the one RP ID count, and besides them whatever has no domain: a
// query that left that out would hide a second factor.
func TestAuthMethodsForAnRPID(t *testing.T) {
	for recorded, want := range map[string]struct {
		user, rpID string
		methods    []AuthMethod
	}{
		"424-user-authmethods-passkey-domain": {"400700469032258598", "auth.example.localhost", []AuthMethod{MethodPasskey, MethodPassword}},
		"637-user-authmethods-domain-without": {"400703393972096038", "other.test", []AuthMethod{}},
	} {
		r := readRecording(t, recorded)
		// The order of the parameters is the recorder's.
		r.Request.Path = strings.Replace(r.Request.Path, "?domainQuery.includeWithoutDomain=true&domainQuery.domain="+want.rpID,
			"?domainQuery.domain="+want.rpID+"&domainQuery.includeWithoutDomain=true", 1)
		got, err := replay(t, r).AuthMethodsFor(t.Context(), want.user, want.rpID)
		if err != nil || !reflect.DeepEqual(got, want.methods) {
			t.Errorf("%s: got %v, %v", recorded, got, err)
		}
	}
}

// What is not what was asked for is not passed on as if it were.
func TestFactorAnswersThatAreNotZitadels(t *testing.T) {
	ctx := t.Context()
	user := NewSession{Checks: Checks{UserID: "1"}, Lifetime: time.Hour}
	challenge := func(c *Client) error {
		_, _, err := c.CreateChallengedSession(ctx, user, Challenges{WebAuthN: &WebAuthNChallenge{RPID: rpID}})
		return err
	}
	totp := func(c *Client) error { _, err := c.RegisterTOTP(ctx, "1"); return err }
	passkey := func(c *Client) error { _, err := c.RegisterPasskey(ctx, "1", rpID); return err }
	u2f := func(c *Client) error { _, err := c.RegisterU2F(ctx, "1", rpID); return err }
	session := `{"sessionId":"1","sessionToken":"t"`
	for _, test := range []struct {
		name, answer string
		call         func(*Client) error
	}{
		{"no options", session + `}`, challenge},
		{"options null", session + `,"challenges":{"webAuthN":{"publicKeyCredentialRequestOptions":null}}}`, challenge},
		{"no challenge", session + `,"challenges":{"webAuthN":{"publicKeyCredentialRequestOptions":{"publicKey":{"rpId":"` + rpID + `"}}}}}`, challenge},
		{"other RP ID", session + `,"challenges":{"webAuthN":{"publicKeyCredentialRequestOptions":{"publicKey":{"challenge":"AAAA","rpId":"example.localhost"}}}}}`, challenge},
		{"no secret", `{"uri":"otpauth://totp/x"}`, totp},
		{"no code", `{"code":{}}`, passkey},
		{"no id", `{"publicKeyCredentialCreationOptions":{"publicKey":{"challenge":"AAAA","rp":{"id":"` + rpID + `"}}}}`, u2f},
		{"other RP ID of a registration", `{"u2fId":"1","publicKeyCredentialCreationOptions":{"publicKey":{"challenge":"AAAA","rp":{"id":"evil.test"}}}}`, u2f},
		{"no options of a registration", `{"u2fId":"1"}`, u2f},
		{"options are a list", `{"u2fId":"1","publicKeyCredentialCreationOptions":{"publicKey":[1]}}`, u2f},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(test.answer)) })
			if err := test.call(c); !errors.Is(err, Unavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A refused credential is this visitor's trouble; any other 500 is everybody's.
func TestRefusedCredentialIsNoOutage(t *testing.T) {
	for id, want := range map[string]Kind{
		"WEBAU-3M9si": CredentialRefused, "WEBAU-4M90s": CredentialRefused, "WEBAU-4G8sw": NoCredential,
		"WEBAU-UX9ta": Unavailable, "COMMAND-3M0fs": Unavailable, "": Unavailable,
	} {
		body := `{"code":13,"message":"x","details":[{"id":"` + id + `"}]}`
		if e := apiError("test", http.StatusInternalServerError, []byte(body)); e.Kind != want {
			t.Errorf("%s: %s, want %s", id, e.Kind, want)
		}
	}
}
