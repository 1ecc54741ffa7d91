package zitadeltest

import "encoding/json"

func init() {
	scenarios = append(scenarios,
		scenario{"passkeys", playPasskeys},
		scenario{"security keys", playSecurityKeys},
		scenario{"passkeys of any origin", playPasskeyOrigins},
	)
}

// recorderOrigin is the page on which the recorder's authenticator worked.
const recorderOrigin = "http://auth.example.localhost:8400"

// The places of a credential in the requests.
const (
	inRegistration = "publicKeyCredential"
	inSession      = "checks.webAuthN.credentialAssertionData"
)

// created answers the creation options of an answer.
func (r *replay) created(a *Authenticator, answer map[string]any, origin string) json.RawMessage {
	r.t.Helper()
	credential, err := a.Create(mustJSON(answer["publicKeyCredentialCreationOptions"]), origin)
	if err != nil {
		r.t.Fatal(err)
	}
	return credential
}

// asserted answers the request options of an answer.
func (r *replay) asserted(a *Authenticator, answer map[string]any, origin string) json.RawMessage {
	r.t.Helper()
	challenges, _ := answer["challenges"].(map[string]any)
	webAuthN, _ := challenges["webAuthN"].(map[string]any)
	credential, err := a.Get(mustJSON(webAuthN["publicKeyCredentialRequestOptions"]), origin)
	if err != nil {
		r.t.Fatal(err)
	}
	return credential
}

func playPasskeys(r *replay) {
	uid := r.user("pk-r6b0297ab", "400700469032258598")
	code, _ := r.step("passkey-link")["code"].(map[string]any)
	r.bind("WpjHxg7WKS3x", text(code["code"]))
	r.steps(
		"passkey-register-no-code-as-bff", "passkey-register-wrong-code", "passkey-register-nobody", "passkey-register-bad-domain",
		"passkey-register-no-domain",
	)
	options := r.step("passkey-register-ok")
	a, other := NewAuthenticator(), NewAuthenticator()
	credential := r.created(a, options, recorderOrigin)
	other.Lie(Lie{Challenge: encodeBase64(make([]byte, 32))})
	r.step("passkey-verify-wrong-challenge", with(inRegistration, r.created(other, options, recorderOrigin)))
	r.step("passkey-verify-garbled")
	r.step("passkey-verify-no-name", with(inRegistration, credential))
	r.step("passkey-verify-ok", with(inRegistration, credential))
	r.step("passkey-verify-again", with(inRegistration, credential))
	r.step("passkey-list")

	options = r.step("session-webauthn-challenge")
	r.step("session-webauthn-garbled")
	a.Lie(Lie{OtherKey: true})
	r.step("session-webauthn-bad-signature", with(inSession, r.asserted(a, options, recorderOrigin)))
	a.Lie(Lie{})
	token := text(r.step("session-webauthn-ok", with(inSession, r.asserted(a, options, recorderOrigin)))["sessionToken"])
	r.step("session-get-webauthn")
	r.codeFor("token-amr-passkey", "app_pkce", link{text(options["sessionId"]), token}, nil)
	r.tokenStep("token-amr-passkey")
	r.step("session-webauthn-no-challenge", with(inSession, r.asserted(a, options, recorderOrigin)))
	r.steps(
		"session-webauthn-no-user", "session-webauthn-no-passkey", "session-webauthn-no-uv",
		"user-authmethods-passkey", "user-authmethods-passkey-domain", "passkey-remove",
	)
	if left := r.z.PasskeysOf(uid); left != 0 {
		r.t.Errorf("%d passkeys are left", left)
	}
}

func playSecurityKeys(r *replay) {
	r.user("pk-r6b0297ab", "400700469032258598")
	a := NewAuthenticator().WithoutVerification()
	r.step("u2f-verify-ok", with(inRegistration, r.created(a, r.step("u2f-register"), recorderOrigin)))
	options := r.step("session-u2f-challenge")
	r.step("session-u2f-ok", with(inSession, r.asserted(a, options, recorderOrigin)))
	r.step("session-get-u2f")
}

// playPasskeyOrigins is the weakness that torhaus has to make up for: an RP ID
// is accepted from its own pages, from a sibling's and from anybody's.
func playPasskeyOrigins(r *replay) {
	r.user("pko-r6b029ec1", "400703393972096038", withoutPassword)
	for _, where := range []struct{ name, page, claimed string }{
		{"parent-rp", recorderOrigin, ""},
		{"foreign-origin", "http://evil.example.localhost:1234", ""},
		{"unrelated-origin", recorderOrigin, "http://attacker.test"},
	} {
		a := NewAuthenticator()
		a.Lie(Lie{Origin: where.claimed})
		options := r.step("passkey-" + where.name + "-register")
		r.step("passkey-"+where.name+"-verify", with(inRegistration, r.created(a, options, where.page)))
		options = r.step("session-webauthn-" + where.name + "-challenge")
		r.step("session-webauthn-"+where.name, with(inSession, r.asserted(a, options, where.page)))
	}
	r.step("session-webauthn-other-rp-challenge")
}
