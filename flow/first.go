package flow

import (
	"slices"

	"torhaus/zitadelclient"
)

// FirstMethods are the ways to sign in that policy lets somebody set up who has
// none, the best first: at a sign-up, after an invitation.
func FirstMethods(settings zitadelclient.LoginSettings) []Kind {
	var ways []Kind
	if settings.PasskeysType {
		ways = append(ways, SetUpPasskey)
	}
	if settings.AllowUsernamePassword {
		ways = append(ways, FirstPassword)
	}
	return ways
}

// firstMethod has whoever has no way to sign in at all set up the first, behind a
// code that was mailed to them. Nothing else lets anybody near it: that the user
// is known by name proves nothing (CVE-2026-105212). Where policy hides who
// exists, such a user is asked what everybody is, unless the code was shown. Where
// the client asks for users of a provider, no way that is set up here would do.
func firstMethod(s State) (Step, bool) {
	if len(s.Methods) > 0 || s.Request.Provider != "" || s.sessionIsUsers() && s.firstFactorIsFresh() {
		return Step{}, false
	}
	ways := FirstMethods(s.Settings)
	switch {
	case !s.provenJustNow() && s.hidesMethods():
		return Step{}, false
	case len(ways) == 0:
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}, true
	case !s.provenJustNow():
		return Step{Kind: VerifyEmail, Reason: Invited, Also: []Kind{LoginName}}, true
	case len(ways) == 1:
		return Step{Kind: ways[0], Also: []Kind{LoginName}}, true
	case slices.Contains(ways, s.Preferred):
		return Step{Kind: s.Preferred, Also: append(without(ways, s.Preferred), SetUpAuthenticator, LoginName)}, true
	}
	return Step{Kind: SetUpAuthenticator, Also: append(ways, LoginName)}, true
}

// maySetUpFirst reports whether the user, whose mailbox was just proven, has no
// way to sign in.
func (s State) maySetUpFirst() bool {
	return s.User != nil && len(s.Methods) == 0 && s.Request.Provider == "" && s.provenJustNow()
}

// provenJustNow reports whether the proof of the mailbox still counts: as long as
// the check of a factor does for setting up another.
func (s State) provenJustNow() bool {
	return !s.Proven.IsZero() && s.Now.Sub(s.Proven) <= enrolmentWindow
}

func without(ways []Kind, one Kind) []Kind {
	return slices.DeleteFunc(slices.Clone(ways), func(k Kind) bool { return k == one })
}
