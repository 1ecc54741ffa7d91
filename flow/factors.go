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
	return s.askFirst(s.firstFactors(), reason), true
}

// askFirst asks for the best of these first factors, or denies where there is
// none.
func (s State) askFirst(ways []Kind, reason Reason) Step {
	if len(ways) == 0 {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	return s.ask(s.prefer(ways), reason)
}

// prefer puts the way first that the visitor has taken.
func (s State) prefer(ways []Kind) []Kind {
	if i := slices.Index(ways, s.Preferred); i > 0 {
		ways = slices.Concat([]Kind{s.Preferred}, ways[:i], ways[i+1:])
	}
	return ways
}

// firstFactors are the ways in that policy and user share, the best first. Where
// policy hides who exists they are those that everybody gets, unless this browser
// has signed the user in before and learns nothing.
func (s State) firstFactors() []Kind {
	if s.hidesMethods() {
		return s.everybodysFactors()
	}
	var ways []Kind
	if s.hasPasskey() && !s.noKeyHere(Passkey) {
		ways = append(ways, Passkey)
	}
	if s.Settings.AllowUsernamePassword && s.has(zitadelclient.MethodPassword) {
		ways = append(ways, Password)
	}
	if s.mayUseEmailCode() {
		ways = append(ways, OTPEmail)
	}
	return s.withProviders(ways)
}

// hidesMethods reports whether nothing may depend on which ways in the user has.
func (s State) hidesMethods() bool { return s.Settings.IgnoreUnknownUsernames && !s.Recalled }

// everybodysFactors are the ways in by policy alone: what depended on the user
// would tell who is one, and what they have (CVE-2026-105206).
func (s State) everybodysFactors() []Kind {
	var ways []Kind
	if s.Settings.AllowUsernamePassword {
		ways = append(ways, Password)
	}
	if s.Settings.PasskeysType {
		ways = append(ways, Passkey)
	}
	return s.withProviders(ways)
}

// ask is the step of the first way, with the others and the ways out on offer.
func (s State) ask(ways []Kind, reason Reason) Step {
	step := Step{Kind: ways[0], Reason: reason, Also: slices.Concat(ways[1:], []Kind{LoginName})}
	if slices.Contains(ways, Password) && s.mayReset() {
		step.Also = append(step.Also, ResetPassword)
	}
	if slices.Contains(ways, IdentityProvider) {
		step.Providers = s.providers()
	}
	return step
}

// askAsEverybody asks for a first factor without looking at the user.
func (s State) askAsEverybody() Step { return s.askFirst(s.everybodysFactors(), NoReason) }

// secondFactor demands what policy or the user's own enrolment demands. A user
// with a ready second factor must use it, also where the policy forces nobody
// (GHSA-9993-rfwp-rhwf), and where a factor is to be added: who has one adds
// another with it, never beside it (CVE-2026-105212).
func secondFactor(s State) (Step, bool) {
	ways := s.secondFactors()
	demanded := len(ways) > 0 || s.secondFactorForced() || s.SettingUp || s.mayUseRecoveryCode()
	if s.passkeyIsFactor() {
		ways = append(ways, Passkey) // it is both factors
	}
	if !demanded || len(ways) == 0 && !s.mayUseRecoveryCode() || s.secondFactorIsFresh() {
		return Step{}, false
	}
	// Keys that are bound to another domain count as much as ever, and cannot be
	// shown: to leave them out of the demand would let a password in alone.
	return s.askSecond(slices.DeleteFunc(ways, s.noKeyHere)), true
}

// askSecond asks for the best of these second factors, the recovery code never
// first.
func (s State) askSecond(ways []Kind) Step {
	switch {
	case len(ways) > 0:
	case s.mayUseRecoveryCode(): // what it is for
		return Step{Kind: RecoveryCode, Also: []Kind{LoginName}}
	default:
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	ways = s.prefer(ways)
	also := slices.Concat(ways[1:], []Kind{LoginName})
	if len(ways) > 1 {
		also = append(also, SecondFactor)
	}
	if s.mayUseRecoveryCode() {
		also = append(also, RecoveryCode)
	}
	return Step{Kind: ways[0], Also: also}
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

// secondFactors are those that this user has and policy allows, passkeys aside.
// Where policy allows none of them any more they still count: a changed list must
// not let somebody in with less. A code by e-mail that was the first factor is
// not also the second.
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
		return unlisted
	}
	return ways
}

// secondFactorForced reports whether policy asks everybody for one, or the client
// this user. Who came by a provider is no local user, unless that was long ago or
// a password came after.
func (s State) secondFactorForced() bool {
	f := s.Session.Factors
	external := s.externalIsFresh() && f.Intent.After(f.Password)
	return s.Request.MFA || s.Settings.ForceMFA || s.Settings.ForceMFALocalOnly && !external
}

// MultiFactor reports whether a second factor stands beside the first, which is
// what a demand for one asks for. ZITADEL's own word (amr) counts what was shown too
// long ago, or has been removed since.
func (s State) MultiFactor() bool { return s.sessionIsUsers() && s.secondFactorIsFresh() }

// secondFactorIsFresh reports whether a second factor of the user's stands. A
// passkey with user verification is two factors in one.
func (s State) secondFactorIsFresh() bool {
	f := s.Session.Factors
	if s.passkeyIsFactor() && s.fresh(Passkey, passkeyAt(f), s.Settings.MultiFactorCheckLifetime) {
		return true
	}
	lifetime := s.Settings.SecondFactorCheckLifetime
	if s.mayUseRecoveryCode() && s.fresh(RecoveryCode, f.RecoveryCode, lifetime) {
		return true
	}
	shown := map[Kind]time.Time{SecurityKey: f.WebAuthN, TOTP: f.TOTP, OTPSMS: f.OTPSMS, OTPEmail: f.OTPEmail}
	return slices.ContainsFunc(s.secondFactors(), func(k Kind) bool { return s.fresh(k, shown[k], lifetime) })
}

// cameByEmailCode reports whether the code by e-mail is what stands for the
// first factor.
func (s State) cameByEmailCode() bool {
	return s.EmailCodeFirst && s.sessionIsUsers() && !s.otherFirstFactorIsFresh()
}

// forcedSetUp has a factor set up where policy demands one and the user has none.
// It comes after the proof of the address, to which a code may be sent.
func forcedSetUp(s State) (Step, bool) {
	if !s.secondFactorForced() || s.secondFactorIsFresh() {
		return Step{}, false
	}
	return s.enrol(FactorRequired), true
}

// enrolmentWindow is how recent a check must be for a factor to be added.
const enrolmentWindow = 15 * time.Minute

// enrol sets up a factor behind a check of a moment ago: one that anybody could
// add who finds a browser open would be a way in. A mailbox alone adds none to an
// account that has more.
func (s State) enrol(reason Reason) Step {
	if s.cameByEmailCode() {
		better := slices.DeleteFunc(s.firstFactors(), func(k Kind) bool { return k == OTPEmail })
		if len(better) > 0 {
			return s.askFirst(better, ReauthRequired)
		}
	}
	if !s.checkedJustNow() {
		return s.askFirst(s.firstFactors(), ReauthRequired)
	}
	return s.setUp(reason)
}

// checkedJustNow reports whether the user has just shown a factor.
func (s State) checkedJustNow() bool {
	f := s.Session.Factors
	last := latest(s.firstFactorAt(), f.TOTP, f.OTPSMS, f.OTPEmail, f.WebAuthN)
	return s.Now.Sub(last) <= enrolmentWindow
}

// setUp offers the factors that policy allows and this user lacks; of keys, who wants
// one by their own choice or has none that works here may have another.
func (s State) setUp(reason Reason) Step {
	step := Step{Kind: SetUpFactor, Reason: reason, Also: []Kind{LoginName}}
	for _, f := range secondFactorKinds {
		another := f.check == SecurityKey && s.mayAddAnother(SecurityKey)
		if slices.Contains(s.Settings.SecondFactors, f.method) && (another || !s.has(f.method)) {
			step.Also = append(step.Also, f.setUp)
		}
	}
	if s.mayAddPasskey() {
		step.Also = append(step.Also, SetUpPasskey)
	}
	if len(step.Also) == 1 && reason == FactorRequired {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	return step
}

// mayAddAnother reports whether a key is of use to somebody who has one of its kind.
func (s State) mayAddAnother(kind Kind) bool { return s.SettingUp || s.noKeyHere(kind) }

// mayAddPasskey reports whether policy has passkeys both as a way to sign in and
// in its list of multi-factors, and one is of use to the user.
func (s State) mayAddPasskey() bool {
	return s.Settings.PasskeysType && (s.mayAddAnother(Passkey) || !s.has(zitadelclient.MethodPasskey)) &&
		slices.Contains(s.Settings.MultiFactors, zitadelclient.MethodPasskey)
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
	case s.Request.has(zitadelclient.PromptNone): // no page, so no offer; and it is no reason to refuse
		return Step{}, false
	case patience == 0, s.Skipped, s.hasPasskey(), len(s.secondFactors()) > 0, !s.checkedJustNow(), s.cameByEmailCode():
		return Step{}, false
	case !skipped.IsZero() && s.Now.Sub(skipped) < patience:
		return Step{}, false
	}
	step := s.setUp(FactorOffered)
	return step, len(step.Also) > 1
}

// mayUseRecoveryCode reports whether the user has some and the operator allows them.
func (s State) mayUseRecoveryCode() bool {
	return s.RecoveryCodes && s.has(zitadelclient.MethodRecoveryCode)
}

// noKeyHere reports whether this is a kind of keys of which none of the user's is
// bound to our domain.
func (s State) noKeyHere(kind Kind) bool { return slices.Contains(s.NoKeyHere, kind) }

// Stands lists the methods of the user's that were shown in the ZITADEL session, but
// for the password, which ZITADEL itself takes out of it. What is taken from the user
// later is shown there still.
func (s State) Stands() (methods []zitadelclient.AuthMethod) {
	f := s.Session.Factors
	key := zitadelclient.MethodU2F
	if f.UserVerified && s.has(zitadelclient.MethodPasskey) {
		key = zitadelclient.MethodPasskey
	}
	for _, shown := range []struct {
		method zitadelclient.AuthMethod
		at     time.Time
	}{
		{key, f.WebAuthN},
		{zitadelclient.MethodIDP, f.Intent},
		{zitadelclient.MethodTOTP, f.TOTP},
		{zitadelclient.MethodOTPSMS, f.OTPSMS},
		{zitadelclient.MethodOTPEmail, f.OTPEmail},
	} {
		if !shown.at.IsZero() && s.has(shown.method) {
			methods = append(methods, shown.method)
		}
	}
	return methods
}

func (s State) has(m zitadelclient.AuthMethod) bool { return slices.Contains(s.Methods, m) }

// hasPasskey reports whether the user has one that policy allows.
func (s State) hasPasskey() bool {
	return s.Settings.PasskeysType && s.has(zitadelclient.MethodPasskey)
}

// passkeyIsFactor reports whether the user's passkey counts on top of a first
// factor: also where policy allows none any more, if there is nothing else. A
// password alone would otherwise set up a new factor in its place.
func (s State) passkeyIsFactor() bool {
	return s.hasPasskey() || s.has(zitadelclient.MethodPasskey) && len(s.secondFactors()) == 0
}
