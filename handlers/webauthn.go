package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
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
	options, auto := "", false
	if c := v.attempt.Challenge; c != nil && c.Kind == string(kind) {
		options, auto = string(c.Options), c.Auto && v.problem == nil
	}
	if kind == flow.Passkey {
		return templates.PasskeyPage{
			Base: v.base(), LoginName: v.attempt.LoginName, Options: options, Auto: auto, Unknown: v.unknownKey, Others: v.others(),
		}
	}
	return templates.SecurityKeyPage{
		Base: v.base(), LoginName: v.attempt.LoginName, Options: options, Auto: auto, Unknown: v.unknownKey, Others: v.others(),
	}
}

func (v *visit) submitKey(kind flow.Kind, form url.Values) error {
	if box, sent := form[templates.FieldRemember]; sent {
		v.attempt.Persistent = box[0] == "on" // of the page that suggested the passkey
	}
	challenge := v.attempt.Challenge
	if form.Get(templates.FieldAction) == templates.ActionChallenge || challenge == nil || challenge.Kind != string(kind) {
		if err := v.startCeremony(kind); err != nil || v.noKeyHere(kind) {
			return err
		}
		return errStay
	}
	credential := form.Get(templates.FieldCredential)
	if credential == "" {
		return refuse("", "problem.key_cancelled")
	}
	if err := v.limitKey(); err != nil {
		return err
	}
	v.attempt.Challenge = nil // signed once, whatever comes of it
	if err := v.checkAnswer(credential, "webauthn.get", challenge.Options); err != nil {
		return v.keyRefused(err, credential)
	}
	return v.checkKey(kind, json.RawMessage(credential))
}

// checkKey has ZITADEL check the assertion in the session that it was challenged in.
func (v *visit) checkKey(kind flow.Kind, assertion json.RawMessage) error {
	check := v.updateSession
	if v.veiled() {
		check = v.updateVeiledSession
	}
	err := check(zitadelclient.Checks{WebAuthN: assertion})
	switch kind := kindOf(err); {
	case !v.veiled():
	case kind == zitadelclient.NotActive, kind == zitadelclient.NotFound, kind == zitadelclient.SessionEnded:
		return refuse("", "problem.key_refused") // locked or gone since: in the words that nobody gets
	}
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

// keyRefused says what is wrong with an answer that ZITADEL is not asked about. A
// browser that offers a key of this very user which ZITADEL no longer has is told
// to forget it; another user's is theirs.
func (v *visit) keyRefused(err error, assertion string) error {
	if kindOf(err) != zitadelclient.CredentialUnknown {
		return refuse("", "problem.key_refused")
	}
	if id, userID := zitadelclient.KeyOf(json.RawMessage(assertion)); userID == v.attempt.User.ID {
		v.unknownKey = templates.UnknownKey(v.RPID, id)
	}
	return refuse("", "problem.key_unknown")
}

// checkAnswer holds the client's data to our exact origin. ZITADEL does not: it
// takes the origin from the client's own words, so that with a parent's RP ID
// any sibling's page could have made the assertion.
func (v *visit) checkAnswer(credential, kind string, options json.RawMessage) error {
	var asked struct {
		PublicKey struct {
			Challenge        string `json:"challenge"`
			AllowCredentials []struct {
				ID string `json:"id"`
			} `json:"allowCredentials"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &asked); err != nil {
		return err
	}
	want := zitadelclient.ClientData{Type: kind, Origin: v.PublicURL.String(), Challenge: asked.PublicKey.Challenge}
	for _, key := range asked.PublicKey.AllowCredentials {
		want.Keys = append(want.Keys, key.ID)
	}
	return zitadelclient.CheckClientData(json.RawMessage(credential), want)
}

// challengeOnArrival starts the ceremony that the page goes on with by itself. Who
// has no key that works here goes another way, if there is one.
func (v *visit) challengeOnArrival() error {
	kind := v.step.Kind
	couldUseKey := !v.noKeyHere(kind)
	err := v.startCeremony(kind)
	if errors.As(err, new(*problem)) {
		return nil // too many: the page offers to start it later
	}
	if err != nil {
		return err
	}
	if err := v.save(); err != nil || !couldUseKey || !v.noKeyHere(kind) {
		return err
	}
	return errElsewhere
}

// startCeremony asks ZITADEL for a challenge. Where nobody has shown anything
// yet it is held in a session that counts for nothing.
func (v *visit) startCeremony(kind flow.Kind) error {
	v.attempt.Challenge = nil
	if err := v.limitKey(); err != nil {
		return err
	}
	if v.veiled() {
		return v.startVeiledCeremony()
	}
	answer, err := v.challenged(v.keyChallenge(kind))
	if kindOf(err) == zitadelclient.NoCredential {
		// All their keys of this kind are bound to another domain: flow looks for
		// another way, and still counts them.
		if !v.noKeyHere(kind) {
			v.attempt.NoKeyHere = append(v.attempt.NoKeyHere, string(kind))
		}
		v.fresh = false
		return nil
	}
	if err != nil {
		return err
	}
	v.challengeWith(kind, answer.WebAuthN)
	return nil
}

// noKeyHere reports whether it was found out that none of the user's keys of this
// kind is bound to our domain.
func (v *visit) noKeyHere(kind flow.Kind) bool {
	return slices.Contains(v.attempt.NoKeyHere, string(kind))
}

func (v *visit) keyChallenge(kind flow.Kind) zitadelclient.Challenges {
	return zitadelclient.Challenges{WebAuthN: &zitadelclient.WebAuthNChallenge{RPID: v.RPID, UserVerification: kind == flow.Passkey}}
}

// challengeWith keeps what is to be signed. A page starts the ceremony by itself
// where the visitor's own form has led to it, and nowhere else.
func (v *visit) challengeWith(kind flow.Kind, options json.RawMessage) {
	v.attempt.Challenge = &session.Challenge{Kind: string(kind), Options: options, Auto: v.r.Method == http.MethodPost}
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
