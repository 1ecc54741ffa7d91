package flow

import (
	"slices"
	"time"

	"torhaus/zitadelclient"
)

// firstFactor asks for a first factor unless a fresh one stands in the user's
// own ZITADEL session.
func firstFactor(s State) (Step, bool) {
	if s.sessionIsUsers() && s.firstFactorIsFresh() {
		return Step{}, false
	}
	reason := NoReason
	if s.sessionIsUsers() && !s.firstFactorAt().IsZero() {
		reason = ReauthRequired
	}
	ways := s.firstFactors()
	if len(ways) == 0 {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}, true
	}
	return s.ask(s.prefer(ways), reason), true
}

// prefer puts the way first that the visitor has taken.
func (s State) prefer(ways []Kind) []Kind {
	if i := slices.Index(ways, s.Preferred); i > 0 {
		ways = slices.Concat([]Kind{s.Preferred}, ways[:i], ways[i+1:])
	}
	return ways
}

// firstFactors are the ways in that policy and user share, the best first. Where
// policy hides who exists there is the one that everybody gets, unless this
// browser has signed the user in before and learns nothing.
func (s State) firstFactors() []Kind {
	hide := s.Settings.IgnoreUnknownUsernames && !s.Recalled
	var ways []Kind
	if !hide && s.Settings.PasskeysType && s.has(zitadelclient.MethodPasskey) {
		ways = append(ways, Passkey)
	}
	if s.Settings.AllowUsernamePassword && (s.Settings.IgnoreUnknownUsernames || s.has(zitadelclient.MethodPassword)) {
		ways = append(ways, Password)
	}
	if !hide && s.EmailCodeFirst && s.has(zitadelclient.MethodOTPEmail) {
		ways = append(ways, OTPEmail)
	}
	return ways
}

// ask is the step of the first way, with the others and the ways out on offer.
func (s State) ask(ways []Kind, reason Reason) Step {
	step := Step{Kind: ways[0], Reason: reason, Also: slices.Concat(ways[1:], []Kind{LoginName})}
	if slices.Contains(ways, Password) && s.mayReset() {
		step.Also = append(step.Also, ResetPassword)
	}
	return step
}

// askPassword is the password step as everybody gets it.
func (s State) askPassword(reason Reason) Step {
	if !s.Settings.AllowUsernamePassword {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	return s.ask([]Kind{Password}, reason)
}

// secondFactor demands what policy or the user's own enrolment demands. A user
// with a ready second factor must use it, also where the policy forces nobody
// (GHSA-9993-rfwp-rhwf).
func secondFactor(s State) (Step, bool) {
	ways := s.secondFactors()
	if len(ways) == 0 && !s.secondFactorForced() || s.secondFactorIsFresh() {
		return Step{}, false
	}
	if len(ways) == 0 {
		return s.enrol(FactorRequired), true
	}
	ways = s.prefer(ways)
	also := slices.Concat(ways[1:], []Kind{LoginName})
	if len(ways) > 1 {
		also = append(also, SecondFactor)
	}
	if s.RecoveryCodes {
		also = append(also, RecoveryCode) // the last resort, never the step itself
	}
	return Step{Kind: ways[0], Also: also}, true
}

// secondFactorKinds orders the second factors, the strongest first.
var secondFactorKinds = []struct {
	method zitadelclient.AuthMethod
	check  Kind
	setUp  Kind
}{
	{zitadelclient.MethodU2F, SecurityKey, SetUpSecurityKey},
	{zitadelclient.MethodTOTP, TOTP, SetUpTOTP},
	{zitadelclient.MethodOTPSMS, OTPSMS, SetUpOTPSMS},
	{zitadelclient.MethodOTPEmail, OTPEmail, SetUpOTPEmail},
}

// secondFactors are those that this user has and policy allows. Where policy
// allows none of them any more they still count: a changed list must not let
// somebody in with less. A code by e-mail that was the first factor is not also
// the second.
func (s State) secondFactors() []Kind {
	var ways, unlisted []Kind
	for _, f := range secondFactorKinds {
		switch {
		case !s.has(f.method), f.check == OTPEmail && s.cameByEmailCode():
		case slices.Contains(s.Settings.SecondFactors, f.method):
			ways = append(ways, f.check)
		default:
			unlisted = append(unlisted, f.check)
		}
	}
	if len(ways) == 0 {
		ways = unlisted
	}
	if len(ways) > 0 && s.Settings.PasskeysType && s.has(zitadelclient.MethodPasskey) {
		ways = append(ways, Passkey) // shown instead, it is both factors
	}
	return ways
}

// secondFactorForced reports whether policy asks everybody for one.
func (s State) secondFactorForced() bool {
	local := s.Session.Factors.Intent.IsZero()
	return s.Settings.ForceMFA || s.Settings.ForceMFALocalOnly && local
}

// secondFactorIsFresh reports whether a second factor stands. A passkey with
// user verification is two factors in one.
func (s State) secondFactorIsFresh() bool {
	f := s.Session.Factors
	if s.fresh(passkeyAt(f), s.Settings.MultiFactorCheckLifetime) {
		return true
	}
	second := []time.Time{f.TOTP, f.OTPSMS, f.WebAuthN, f.RecoveryCode}
	if !s.cameByEmailCode() {
		second = append(second, f.OTPEmail)
	}
	return s.fresh(latest(second...), s.Settings.SecondFactorCheckLifetime)
}

// cameByEmailCode reports whether the code by e-mail is what stands for the
// first factor.
func (s State) cameByEmailCode() bool {
	f := s.Session.Factors
	return s.EmailCodeFirst && f.Password.IsZero() && f.Intent.IsZero() && passkeyAt(f).IsZero()
}

// enrolmentWindow is how recent a check must be for a factor to be added.
const enrolmentWindow = 15 * time.Minute

// enrol sets up a factor behind a check of a moment ago, and behind the second
// factor of whoever has one: a factor that anybody could add who finds a browser
// open would be a way in (CVE-2026-105212).
func (s State) enrol(reason Reason) Step {
	if !s.checkedJustNow() {
		if ways := s.firstFactors(); len(ways) > 0 {
			return s.ask(s.prefer(ways), ReauthRequired)
		}
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	return s.setUp(reason)
}

// checkedJustNow reports whether the user has just shown a factor.
func (s State) checkedJustNow() bool {
	f := s.Session.Factors
	last := latest(s.firstFactorAt(), f.TOTP, f.OTPSMS, f.OTPEmail, f.WebAuthN)
	return s.Now.Sub(last) <= enrolmentWindow
}

// setUp offers the factors that policy allows and this user lacks.
func (s State) setUp(reason Reason) Step {
	step := Step{Kind: SetUpFactor, Reason: reason, Also: []Kind{LoginName}}
	for _, f := range secondFactorKinds {
		if slices.Contains(s.Settings.SecondFactors, f.method) && !s.has(f.method) {
			step.Also = append(step.Also, f.setUp)
		}
	}
	if s.Settings.PasskeysType && !s.has(zitadelclient.MethodPasskey) {
		step.Also = append(step.Also, SetUpPasskey)
	}
	if len(step.Also) == 1 && reason == FactorRequired {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	return step
}

// offerFactor suggests a second factor to whoever has none, until they skip it,
// and again when the policy's patience has run out; or sets one up for whoever
// asked.
func offerFactor(s State) (Step, bool) {
	if s.SettingUp {
		return s.enrol(FactorOffered), true
	}
	patience := s.Settings.MFAInitSkipLifetime
	skipped := s.User.MFAInitSkipped
	switch {
	case patience == 0, s.Skipped, s.secondFactorIsFresh(), len(s.secondFactors()) > 0, !s.checkedJustNow():
		return Step{}, false
	case !skipped.IsZero() && s.Now.Sub(skipped) < patience:
		return Step{}, false
	}
	step := s.setUp(FactorOffered)
	return step, len(step.Also) > 1
}

func (s State) has(m zitadelclient.AuthMethod) bool { return slices.Contains(s.Methods, m) }
