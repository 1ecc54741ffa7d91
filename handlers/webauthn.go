package handlers

import (
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// The factors that are a key: a passkey, which is two factors in one, and a
// security key on top of a first factor.
var (
	passkeyStep     = keyStep(flow.Passkey)
	securityKeyStep = keyStep(flow.SecurityKey)
)

func keyStep(kind flow.Kind) step {
	return step{
		kind:   kind,
		path:   stepPaths[kind],
		show:   func(v *visit) (templates.Page, error) { return v.keyPage(kind), nil },
		submit: func(v *visit, form url.Values) error { return v.submitKey(kind, form) },
	}
}

func (v *visit) keyPage(kind flow.Kind) templates.Page {
	options, auto := "", v.problem == nil
	if c := v.attempt.Challenge; c != nil && c.Kind == string(kind) {
		options = string(c.Options)
	}
	if kind == flow.Passkey {
		return templates.PasskeyPage{Base: v.base(), LoginName: v.attempt.LoginName, Options: options, Auto: auto, Others: v.others()}
	}
	return templates.SecurityKeyPage{Base: v.base(), LoginName: v.attempt.LoginName, Options: options, Auto: auto, Others: v.others()}
}

func (v *visit) submitKey(kind flow.Kind, form url.Values) error {
	credential := form.Get(templates.FieldCredential)
	challenge := v.attempt.Challenge
	if form.Get(templates.FieldAction) == templates.ActionChallenge || challenge == nil || challenge.Kind != string(kind) {
		if err := v.startCeremony(kind); err != nil || v.attempt.NoKeyHere {
			return err
		}
		return errStay
	}
	if credential == "" {
		return refuse("", "problem.key_cancelled")
	}
	if err := v.limitPassword(); err != nil {
		return err
	}
	v.attempt.Challenge = nil // signed once, whatever comes of it
	if err := v.checkOrigin(credential, "webauthn.get", challenge.Options); err != nil {
		return refuse("", "problem.key_refused")
	}
	err := v.updateSession(zitadelclient.Checks{WebAuthN: json.RawMessage(credential)})
	switch kindOf(err) {
	case "":
		v.showed(kind)
		return nil
	case zitadelclient.CredentialRefused, zitadelclient.NoChallenge, zitadelclient.Invalid:
		return refuse("", "problem.key_refused")
	case zitadelclient.NotActive:
		return v.credentialsRefused(err)
	case zitadelclient.SessionEnded:
		v.fresh = false
		return nil // the session is gone: flow says what is asked for anew
	}
	return err
}

// checkOrigin holds the client's data to our exact origin. ZITADEL does not: it
// takes the origin from the client's own words, so that with a parent's RP ID
// any sibling's page could have made the assertion.
func (v *visit) checkOrigin(credential, kind string, options json.RawMessage) error {
	var asked struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &asked); err != nil {
		return err
	}
	return zitadelclient.CheckClientData(json.RawMessage(credential), zitadelclient.ClientData{
		Type: kind, Origin: v.PublicURL.String(), Challenge: asked.PublicKey.Challenge,
	})
}

// challengeOnArrival starts the ceremony that the page goes on with by itself.
func (v *visit) challengeOnArrival() error {
	err := v.startCeremony(v.step.Kind)
	if errors.As(err, new(*problem)) {
		return nil // too many: the page offers to start it later
	}
	if err != nil {
		return err
	}
	return v.save()
}

// startCeremony asks ZITADEL for a challenge. Where nobody has shown anything
// yet it is held in a session that counts for nothing.
func (v *visit) startCeremony(kind flow.Kind) error {
	v.attempt.Challenge = nil
	if err := v.limitPassword(); err != nil {
		return err
	}
	asked := zitadelclient.Challenges{WebAuthN: &zitadelclient.WebAuthNChallenge{RPID: v.RPID, UserVerification: kind == flow.Passkey}}
	answer, err := v.challenged(asked)
	if kindOf(err) == zitadelclient.NoCredential {
		// All their keys are bound to another domain: flow looks for another way,
		// and still counts them.
		v.attempt.NoKeyHere, v.fresh = true, false
		return nil
	}
	if err != nil {
		return err
	}
	v.attempt.Challenge = &session.Challenge{Kind: string(kind), Options: answer.WebAuthN}
	return nil
}

func (v *visit) challenge(asked zitadelclient.Challenges) error {
	_, err := v.challenged(asked)
	return err
}

// challenged adds a challenge to the user's ZITADEL session, or to a new one.
func (v *visit) challenged(asked zitadelclient.Challenges) (zitadelclient.Challenge, error) {
	s := v.state.Session
	if s == nil || v.account == nil || s.Factors.User.ID != v.attempt.User.ID || !s.Expires.IsZero() && !s.Expires.After(v.Now()) {
		return v.challengedAnew(asked)
	}
	unlock, err := v.Sessions.Lock(v.ctx, "zitadel:"+v.account.ZitadelSession, submitTime)
	if err != nil {
		return zitadelclient.Challenge{}, unavailable(err)
	}
	defer unlock()
	if err := v.refreshAccount(); err != nil {
		return v.challengedAnew(asked)
	}
	// Without a lifetime: a challenge proves nothing that would prolong a session.
	ref, answer, err := v.Zitadel.ChallengeSession(v.ctx, ref(*v.account), asked, 0)
	if kindOf(err) == zitadelclient.SessionEnded {
		return v.challengedAnew(asked)
	}
	if err != nil {
		return answer, err
	}
	return answer, v.keepToken(ref)
}

// provisionalLifetime is how long a session lives that only holds a challenge: as
// long as an attempt.
const provisionalLifetime = 30 * time.Minute

// challengedAnew holds the challenge in a session of its own.
func (v *visit) challengedAnew(asked zitadelclient.Challenges) (zitadelclient.Challenge, error) {
	v.dropProvisional()
	ref, answer, err := v.Zitadel.CreateChallengedSession(v.ctx, zitadelclient.NewSession{
		Checks: zitadelclient.Checks{UserID: v.attempt.User.ID}, UserAgent: v.userAgent(), Lifetime: provisionalLifetime,
	}, asked)
	if err == nil {
		v.provisional(ref)
	}
	return answer, err
}

// provisional keeps a session in which nothing was shown: in the attempt, since
// no account may have it yet.
func (v *visit) provisional(ref zitadelclient.SessionRef) {
	v.attempt.Provisional = &session.Provisional{ID: ref.ID, Token: ref.Token}
	v.attempt.ZitadelSession = ref.ID
	v.account = v.accountWith(ref)
	v.fresh = false
}

// keepToken stores the newest token where the session's last one was.
func (v *visit) keepToken(ref zitadelclient.SessionRef) error {
	v.fresh = false
	if v.attempt.Provisional != nil {
		v.provisional(ref)
		return nil
	}
	v.renewed = v.account
	v.renewed.ZitadelToken = ref.Token
	return unavailable(v.Sessions.UpdateAccount(v.ctx, v.w, v.r, *v.renewed))
}
