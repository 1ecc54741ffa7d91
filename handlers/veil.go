package handlers

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/zitadelclient"
)

// Where policy hides who exists, the page of the passkey is everybody's. An
// unknown name, a user without a passkey and one with some get the same page, a
// challenge of one shape after one time, and are refused in the same words; only
// who has the key sees more (WebAuthn Level 3, section 14.6.2).

// veiled reports whether a ceremony must look the same for everybody.
func (v *visit) veiled() bool {
	return v.state.Settings.IgnoreUnknownUsernames && !v.attempt.Recalled && !v.known()
}

// startVeiledCeremony has something to sign for everybody: ZITADEL's challenge,
// or one that no answer can meet.
func (v *visit) startVeiledCeremony() error {
	began := v.Now()
	challenge, err := v.veiledChallenge()
	switch kindOf(err) {
	case "":
		v.keyPace.saw(v.Now().Sub(began))
	case zitadelclient.NoCredential, zitadelclient.NotActive, zitadelclient.NotFound, zitadelclient.Invalid:
		challenge = imaginary()
		v.keyPace.even(v.ctx, v.Wait, began, v.Now)
	default:
		return err
	}
	options, err := veiledOptions(challenge, v.RPID)
	if err != nil {
		return err
	}
	v.challengeWith(flow.Passkey, options)
	return nil
}

// veiledChallenge is what ZITADEL asks the user to sign. Its session is kept
// aside: were it the attempt's, it would be read for every page, and the time
// would tell.
func (v *visit) veiledChallenge() (string, error) {
	if v.attempt.User.ID == "" {
		return "", &zitadelclient.Error{Kind: zitadelclient.NotFound, Op: "challenge nobody"}
	}
	ref, answer, err := v.challengeAside()
	if err != nil {
		return "", err
	}
	v.attempt.Provisional = &session.Provisional{ID: ref.ID, Token: ref.Token}
	var asked struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	err = json.Unmarshal(answer.WebAuthN, &asked)
	return asked.PublicKey.Challenge, err
}

// challengeAside is one call of ZITADEL, the first time and every other.
func (v *visit) challengeAside() (zitadelclient.SessionRef, zitadelclient.Challenge, error) {
	asked := v.keyChallenge(flow.Passkey)
	if p := v.attempt.Provisional; p != nil {
		return v.Zitadel.ChallengeSession(v.ctx, zitadelclient.SessionRef{ID: p.ID, Token: p.Token}, asked, 0)
	}
	return v.Zitadel.CreateChallengedSession(v.ctx, zitadelclient.NewSession{
		Checks: zitadelclient.Checks{UserID: v.attempt.User.ID}, UserAgent: v.userAgent(), Lifetime: provisionalLifetime,
	}, asked)
}

// updateVeiledSession checks the answer in the session aside, which is the
// account's from then on. Nobody's answer is refused after the same time.
func (v *visit) updateVeiledSession(checks zitadelclient.Checks) error {
	began := v.Now()
	p := v.attempt.Provisional
	if p == nil {
		v.keyPace.even(v.ctx, v.Wait, began, v.Now)
		return &zitadelclient.Error{Kind: zitadelclient.CredentialRefused, Op: "check the key of nobody"}
	}
	ref, err := v.Zitadel.UpdateSession(v.ctx, zitadelclient.SessionRef{ID: p.ID, Token: p.Token},
		zitadelclient.SessionUpdate{Checks: checks, Lifetime: v.ZitadelSessionLifetime})
	v.keyPace.saw(v.Now().Sub(began))
	if err != nil {
		return err
	}
	return v.keepAccount(ref)
}

// imaginary is a challenge that was never made, of the size that ZITADEL's have.
func imaginary() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

// ceremonyTimeout is ZITADEL's own, in milliseconds.
const ceremonyTimeout = 300_000

// veiledOptions ask for any passkey of ours: a list of the user's keys would say
// that there are some. The browser then offers those that it keeps itself.
func veiledOptions(challenge, rpID string) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"publicKey": map[string]any{
		"challenge": challenge, "rpId": rpID, "timeout": ceremonyTimeout, "userVerification": "required",
	}})
}
