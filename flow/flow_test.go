package flow_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"torhaus/flow"
	"torhaus/zitadelclient"
)

// everything is each factor that a visitor can show.
var everything = []flow.Kind{flow.Password, flow.Passkey, flow.SecurityKey, flow.TOTP, flow.OTPSMS, flow.OTPEmail, flow.RecoveryCode, flow.IdentityProvider}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// signedIn is alice, who has just typed her password at an instance with the
// default policies. Each situation says how it differs from hers.
func signedIn() flow.State {
	return flow.State{
		Now:   now,
		Shown: everything,
		Settings: zitadelclient.LoginSettings{
			AllowUsernamePassword: true, AllowRegister: true, PasskeysType: true,
			SecondFactors: []zitadelclient.AuthMethod{
				zitadelclient.MethodTOTP, zitadelclient.MethodU2F, zitadelclient.MethodOTPEmail, zitadelclient.MethodOTPSMS,
			},
			MultiFactors:          []zitadelclient.AuthMethod{zitadelclient.MethodPasskey},
			PasswordCheckLifetime: 240 * time.Hour, ExternalLoginCheckLifetime: 240 * time.Hour,
			SecondFactorCheckLifetime: 18 * time.Hour, MultiFactorCheckLifetime: 12 * time.Hour,
		},
		LoginName: "alice@example.com",
		User: &zitadelclient.User{
			ID: "1", OrganizationID: "10", Human: true, State: zitadelclient.UserActive,
			Email: "alice@example.com", EmailVerified: true, PasswordChanged: ago(24 * time.Hour),
		},
		Methods: []zitadelclient.AuthMethod{zitadelclient.MethodPassword},
		Session: &zitadelclient.Session{
			ID: "100", Expires: now.Add(time.Hour),
			Factors: zitadelclient.Factors{
				User:     zitadelclient.UserFactor{ID: "1", OrganizationID: "10", Verified: ago(time.Second)},
				Password: ago(time.Second),
			},
		},
	}
}

func stranger(s *flow.State) {
	s.LoginName, s.User, s.Methods, s.Session = "", nil, nil, nil
}

func identified(s *flow.State) { s.Session = nil }

// before says that the factors in the session are from an earlier sign-in.
func before(s *flow.State) { s.Shown = nil }

func noPasswords(s *flow.State) { s.Settings.AllowUsernamePassword = false }
func noPasskeys(s *flow.State)  { s.Settings.PasskeysType = false }
func hiddenName(s *flow.State)  { s.LoginName, s.Hidden = "nobody", true }
func recalled(s *flow.State)    { s.Recalled = true }

// expiring has alice's password run out in five days, and policy warn within a week.
func expiring(s *flow.State) {
	s.Expiry = zitadelclient.PasswordExpiry{MaxAgeDays: 90, ExpireWarnDays: 7}
	s.User.PasswordChanged = ago(85 * 24 * time.Hour)
}

func hiding(s *flow.State) { s.Settings.IgnoreUnknownUsernames = true }

func forced(s *flow.State)        { s.Settings.ForceMFA = true }
func forcedLocally(s *flow.State) { s.Settings.ForceMFALocalOnly = true }
func noFactors(s *flow.State)     { s.Settings.SecondFactors = nil }
func offering(s *flow.State)      { s.Settings.MFAInitSkipLifetime = 30 * 24 * time.Hour }

func mfa(s *flow.State) { s.Request.MFA = true }

func emailFirst(s *flow.State) {
	s.EmailCodeFirst, s.Methods = true, []zitadelclient.AuthMethod{zitadelclient.MethodOTPEmail}
}

func noKeyHere(s *flow.State) { s.NoKeyHere = []flow.Kind{flow.Passkey, flow.SecurityKey} }

func elsewhere(kind flow.Kind) func(*flow.State) {
	return func(s *flow.State) { s.NoKeyHere = append(s.NoKeyHere, kind) }
}

func recoveryCodes(s *flow.State) {
	s.RecoveryCodes = true
	s.Methods = append(s.Methods, zitadelclient.MethodRecoveryCode)
}

func byPasskey(s *flow.State) {
	s.Session.Factors.Password = time.Time{}
	s.Session.Factors.WebAuthN, s.Session.Factors.UserVerified = ago(time.Minute), true
	s.Methods = append(s.Methods, zitadelclient.MethodPasskey)
}

func byProvider(s *flow.State) {
	s.Session.Factors.Password, s.Session.Factors.Intent = time.Time{}, ago(time.Minute)
	s.CameBy = "500"
	withProviders(s)
}

// withProviders has two providers, one of which makes users.
func withProviders(s *flow.State) {
	s.Settings.AllowExternalIDP = true
	s.Providers = []zitadelclient.IdentityProvider{{ID: "500", Name: "Example ID", CreationAllowed: true}, {ID: "501", Name: "Other ID"}}
}

// linked is a user whom providers know.
func linked(ids ...string) func(*flow.State) {
	return func(s *flow.State) {
		withProviders(s)
		s.Linked, s.Methods = ids, append(s.Methods, zitadelclient.MethodIDP)
	}
}

// linkedOnly is a user who has no other way in.
func linkedOnly(ids ...string) func(*flow.State) {
	return func(s *flow.State) {
		s.Methods = nil
		linked(ids...)(s)
	}
}

func noExternal(s *flow.State)               { s.Settings.AllowExternalIDP = false }
func chosen(id string) func(*flow.State)     { return func(s *flow.State) { s.Chosen = id } }
func demanding(id string) func(*flow.State)  { return func(s *flow.State) { s.Request.Provider = id } }
func taken(kind flow.Kind) func(*flow.State) { return func(s *flow.State) { s.Preferred = kind } }
func creating(s *flow.State)                 { s.Request.Create = true }
func closed(s *flow.State)                   { s.Settings.AllowRegister = false }
func registration(r flow.Registration) func(*flow.State) {
	return func(s *flow.State) { s.Registration = r }
}
func externalAt(at time.Time) func(*flow.State) {
	return func(s *flow.State) {
		byProvider(s)
		s.Session.Factors.Intent = at
	}
}

// shown puts a check of a minute ago into the session.
func shown(factor func(*zitadelclient.Factors) *time.Time) func(*flow.State) {
	return func(s *flow.State) { *factor(&s.Session.Factors) = ago(time.Minute) }
}

func totp(f *zitadelclient.Factors) *time.Time     { return &f.TOTP }
func key(f *zitadelclient.Factors) *time.Time      { return &f.WebAuthN }
func sms(f *zitadelclient.Factors) *time.Time      { return &f.OTPSMS }
func mail(f *zitadelclient.Factors) *time.Time     { return &f.OTPEmail }
func recovery(f *zitadelclient.Factors) *time.Time { return &f.RecoveryCode }

// methodless is somebody who has no way to sign in.
func methodless(s *flow.State) { s.Methods = nil }

// proven says that a code mailed to the user was redeemed in this attempt.
func proven(s *flow.State) { s.Proven = ago(time.Minute) }

func provenAt(at time.Time) func(*flow.State) { return func(s *flow.State) { s.Proven = at } }

func prefer(kind flow.Kind) func(*flow.State) { return func(s *flow.State) { s.Preferred = kind } }

func prompt(prompts ...zitadelclient.Prompt) func(*flow.State) {
	return func(s *flow.State) { s.Request.Prompts = prompts }
}

func maxAge(d time.Duration) func(*flow.State) {
	return func(s *flow.State) { s.Request.MaxAge = &d }
}

func passwordAt(at time.Time) func(*flow.State) {
	return func(s *flow.State) { s.Session.Factors.Password = at }
}

func totpAt(at time.Time) func(*flow.State) {
	return func(s *flow.State) { s.Session.Factors.TOTP = at }
}

func state(u zitadelclient.UserState) func(*flow.State) {
	return func(s *flow.State) { s.User.State = u }
}

func method(m zitadelclient.AuthMethod) func(*flow.State) {
	return func(s *flow.State) { s.Methods = append(s.Methods, m) }
}

// TestNext names every situation of a password sign-in, and what comes next.
func TestNext(t *testing.T) {
	type change = func(*flow.State)
	situations := map[string]string{}
	for _, test := range []struct {
		name    string
		changes []change
		want    flow.Kind
		reason  flow.Reason
	}{
		// Who?
		{"nobody typed anything", []change{stranger}, flow.LoginName, ""},
		{"a name that nobody has", []change{stranger, func(s *flow.State) { s.LoginName = "nobody" }}, flow.LoginName, ""},
		{"a name that nobody has, hidden", []change{stranger, hiding, func(s *flow.State) { s.LoginName, s.Hidden = "nobody", true }}, flow.Password, ""},
		{"hidden, passwords are off: everybody gets the page for passkeys", []change{stranger, hiding, hiddenName, noPasswords}, flow.Passkey, ""},
		{"hidden, neither passwords nor passkeys", []change{stranger, hiding, hiddenName, noPasswords, noPasskeys}, flow.Deny, flow.NoMethod},
		{"hidden, passwords are off, a user with a password alone", []change{identified, hiding, noPasswords}, flow.Passkey, ""},
		{"hidden, a user with a passkey", []change{identified, hiding, method(zitadelclient.MethodPasskey)}, flow.Password, ""},
		{"hidden, a user with a passkey, in a browser that knows them", []change{identified, hiding, recalled, method(zitadelclient.MethodPasskey)}, flow.Passkey, ""},
		{"hidden, the passkey was chosen", []change{identified, hiding, func(s *flow.State) { s.Preferred = flow.Passkey }}, flow.Passkey, ""},
		{"hidden, the passkey was chosen by nobody", []change{stranger, hiding, hiddenName, func(s *flow.State) { s.Preferred = flow.Passkey }}, flow.Passkey, ""},

		// The first factor.
		{"the name is known", []change{identified}, flow.Password, ""},
		{"everything shown", nil, flow.Finish, ""},
		{"no password in the session", []change{passwordAt(time.Time{})}, flow.Password, ""},
		{"password within its lifetime", []change{passwordAt(ago(239 * time.Hour))}, flow.Finish, ""},
		{"password past its lifetime", []change{passwordAt(ago(241 * time.Hour))}, flow.Password, flow.ReauthRequired},
		{"no lifetime set", []change{passwordAt(ago(9000 * time.Hour)), func(s *flow.State) { s.Settings.PasswordCheckLifetime = 0 }}, flow.Finish, ""},
		{"session expired", []change{func(s *flow.State) { s.Session.Expires = ago(time.Second) }}, flow.Password, ""},
		{"session without an end", []change{func(s *flow.State) { s.Session.Expires = time.Time{} }}, flow.Finish, ""},
		{"session without an end, password past its lifetime", []change{passwordAt(ago(241 * time.Hour)), func(s *flow.State) { s.Session.Expires = time.Time{} }}, flow.Password, flow.ReauthRequired},
		{"session of somebody else", []change{func(s *flow.State) { s.Session.Factors.User.ID = "2" }}, flow.Password, ""},
		{"user without a password", []change{identified, func(s *flow.State) { s.Methods = []zitadelclient.AuthMethod{zitadelclient.MethodTOTP} }}, flow.Deny, flow.NoMethod},
		{"user without a password, hidden", []change{identified, hiding, func(s *flow.State) { s.Methods = []zitadelclient.AuthMethod{zitadelclient.MethodTOTP} }}, flow.Password, ""},
		{"passwords are off", []change{identified, func(s *flow.State) { s.Settings.AllowUsernamePassword = false }}, flow.Deny, flow.NoMethod},
		{"passwords were switched off since", []change{func(s *flow.State) { s.Settings.AllowUsernamePassword = false }}, flow.Deny, flow.NoMethod},
		{"signed in by a provider", []change{byProvider}, flow.Finish, ""},
		{"signed in by a provider long ago", []change{externalAt(ago(241 * time.Hour))}, flow.Password, flow.ReauthRequired},
		{"signed in by a passkey", []change{byPasskey}, flow.Finish, ""},
		{"a security key alone is no first factor", []change{passwordAt(time.Time{}), func(s *flow.State) { s.Session.Factors.WebAuthN = ago(time.Minute) }}, flow.Password, ""},
		{"a one-time code alone is no first factor", []change{passwordAt(time.Time{}), func(s *flow.State) { s.Session.Factors.TOTP = ago(time.Minute) }}, flow.Password, ""},

		// Identity providers.
		{"known to a provider alone", []change{identified, linkedOnly("500")}, flow.IdentityProvider, ""},
		{"known to two", []change{identified, linkedOnly("500", "501")}, flow.IdentityProvider, ""},
		{"known to one that is not active", []change{identified, linkedOnly("502")}, flow.Deny, flow.NoMethod},
		{"known to a provider, but policy allows none", []change{identified, linkedOnly("500"), noExternal}, flow.Deny, flow.NoMethod},
		{"has a password too", []change{identified, linked("500")}, flow.Password, ""},
		{"has a password too, and chose the provider", []change{identified, linked("500"), taken(flow.IdentityProvider)}, flow.IdentityProvider, ""},
		{"known to no provider, and chose one", []change{identified, withProviders, taken(flow.IdentityProvider)}, flow.Password, ""},
		{"chose a provider before any name", []change{stranger, withProviders, chosen("501")}, flow.IdentityProvider, ""},
		{"chose a provider that is not active", []change{stranger, withProviders, chosen("502")}, flow.LoginName, ""},
		{"chose a provider, and policy allows none", []change{stranger, withProviders, noExternal, chosen("501")}, flow.LoginName, ""},
		{"chose a provider in place of signing up here", []change{stranger, withProviders, creating, chosen("500")}, flow.IdentityProvider, ""},
		{"back from a provider", []change{stranger, withProviders, chosen("500"), func(s *flow.State) { s.Returned = true }}, flow.ProviderReturn, ""},
		{"back from a provider, all shown before", []change{byProvider, func(s *flow.State) { s.Returned = true }}, flow.ProviderReturn, ""},
		{"came by a provider that was switched off", []change{byProvider, linkedOnly(), func(s *flow.State) { s.CameBy = "502" }}, flow.Deny, flow.NoMethod},
		{"came by a provider that nobody remembers", []change{byProvider, func(s *flow.State) { s.CameBy = "" }}, flow.Password, flow.ReauthRequired},
		{"came by a provider, and policy allows none any more", []change{byProvider, noExternal}, flow.Password, flow.ReauthRequired},
		{"came by a provider, prompt=login", []change{byProvider, linkedOnly("500"), before, prompt("login")}, flow.IdentityProvider, flow.ReauthRequired},
		{"came by a provider for it, prompt=login", []change{byProvider, prompt("login")}, flow.Finish, ""},
		{"came by a provider, max_age exceeded", []change{externalAt(ago(2 * time.Hour)), linkedOnly("500"), before, maxAge(time.Hour)}, flow.IdentityProvider, flow.ReauthRequired},
		{"came by a provider, TOTP enrolled", []change{byProvider, method(zitadelclient.MethodTOTP)}, flow.TOTP, ""},
		{"came by a provider, address unproven", []change{byProvider, func(s *flow.State) { s.User.EmailVerified = false }}, flow.VerifyEmail, ""},
		{"came by a provider, of another organization", []change{byProvider, func(s *flow.State) { s.Request.Organization = "11" }}, flow.Deny, flow.WrongOrganization},
		{"hidden, providers and no passwords", []change{stranger, hiding, hiddenName, noPasswords, noPasskeys, withProviders}, flow.IdentityProvider, ""},
		{"hidden, a user with a password alone, providers and no passwords", []change{identified, hiding, noPasswords, noPasskeys, withProviders}, flow.IdentityProvider, ""},
		{"hidden, a user known to a provider", []change{identified, hiding, linkedOnly("500")}, flow.Password, ""},

		// The provider that the client asks for.
		{"a provider asked for, nobody yet", []change{stranger, withProviders, demanding("500")}, flow.IdentityProvider, ""},
		{"a provider asked for that is not active", []change{stranger, withProviders, demanding("502")}, flow.Deny, flow.NoMethod},
		{"a provider asked for, and policy allows none", []change{stranger, withProviders, noExternal, demanding("500")}, flow.Deny, flow.NoMethod},
		{"a provider asked for, came by it", []change{byProvider, demanding("500")}, flow.Finish, ""},
		{"a provider asked for, came by another", []change{byProvider, linked("500", "501"), demanding("501")}, flow.IdentityProvider, flow.ReauthRequired},
		{"a provider asked for, password shown", []change{linked("500"), demanding("500")}, flow.IdentityProvider, flow.ReauthRequired},
		{"a provider asked for that does not know the user", []change{withProviders, demanding("500")}, flow.Deny, flow.NoMethod},
		{"a provider asked for, passkey shown", []change{byPasskey, linked("500"), demanding("500")}, flow.IdentityProvider, flow.ReauthRequired},
		{"a provider asked for, to sign up", []change{stranger, withProviders, creating, demanding("500")}, flow.IdentityProvider, ""},
		{"a provider asked for, hidden", []change{stranger, hiding, hiddenName, withProviders, demanding("500")}, flow.IdentityProvider, ""},

		// Whom a provider knows and nobody here does.
		{"a newcomer", []change{stranger, withProviders, chosen("500"), registration(flow.ByProvider)}, flow.Register, ""},
		{"a newcomer of a provider that makes no users", []change{stranger, withProviders, chosen("501"), registration(flow.ByProvider)}, flow.Deny, flow.RegisterClosed},
		{"a newcomer where nobody may register", []change{stranger, withProviders, closed, chosen("500"), registration(flow.ByProvider)}, flow.Deny, flow.RegisterClosed},
		{"a newcomer where no provider is allowed", []change{stranger, withProviders, noExternal, chosen("500"), registration(flow.ByProvider)}, flow.Deny, flow.RegisterClosed},
		{"a newcomer where passwords are off", []change{stranger, withProviders, noPasswords, chosen("500"), registration(flow.ByProvider)}, flow.Register, ""},
		{"a newcomer whose address is taken, passwords off", []change{stranger, withProviders, noPasswords, registration(flow.AddressTaken)}, flow.VerifyEmail, ""},
		{"sign-up where passwords are off", []change{stranger, withProviders, noPasswords, creating}, flow.Register, ""},
		{"sign-up where passwords and passkeys are off", []change{stranger, withProviders, noPasswords, noPasskeys, creating}, flow.IdentityProvider, ""},
		{"sign-up where passwords, passkeys and providers are off", []change{stranger, noPasswords, noPasskeys, creating}, flow.Deny, flow.RegisterClosed},
		{"no method, where the client asks for a provider", []change{identified, methodless, withProviders, demanding("500")}, flow.Deny, flow.NoMethod},
		{"no method, where the client asks for a provider, hidden", []change{identified, methodless, withProviders, demanding("500"), hiding}, flow.IdentityProvider, ""},
		{"no method, the code was right, where the client asks for a provider", []change{identified, methodless, proven, withProviders, demanding("500")}, flow.Deny, flow.NoMethod},
		{"no method, in a browser that was nobody's, where the client asks for a provider", []change{identified, methodless, proven, withProviders, demanding("500"), func(s *flow.State) { s.Verified = true }}, flow.Verified, ""},
		{"sign-up with a passkey, code sent, providers on", []change{stranger, withProviders, func(s *flow.State) { s.Registration = flow.CodeSent }}, flow.VerifyEmail, ""},

		// What the client demands.
		{"prompt=login, password shown for it", []change{prompt("login")}, flow.Finish, ""},
		{"prompt=login, password from before", []change{prompt("login"), before}, flow.Password, flow.ReauthRequired},
		{"prompt=login, password from a second ago, but not for it", []change{prompt("login"), before, passwordAt(ago(10 * time.Millisecond))}, flow.Password, flow.ReauthRequired},
		{"max_age met", []change{maxAge(time.Hour), before, passwordAt(ago(30 * time.Minute))}, flow.Finish, ""},
		{"max_age exceeded", []change{maxAge(time.Hour), before, passwordAt(ago(61 * time.Minute))}, flow.Password, flow.ReauthRequired},
		{"max_age=0, password shown for it", []change{maxAge(0)}, flow.Finish, ""},
		{"max_age=0, password from before", []change{maxAge(0), before}, flow.Password, flow.ReauthRequired},
		{"prompt=none, all is well", []change{prompt("none")}, flow.Finish, ""},
		{"prompt=none, nobody", []change{prompt("none"), stranger}, flow.Deny, flow.LoginRequired},
		{"prompt=none, password too old", []change{prompt("none"), passwordAt(ago(241 * time.Hour))}, flow.Deny, flow.LoginRequired},
		{"prompt=none, address unproven", []change{prompt("none"), func(s *flow.State) { s.User.EmailVerified = false }}, flow.Deny, flow.LoginRequired},
		{"prompt=none, user locked", []change{prompt("none"), state(zitadelclient.UserLocked)}, flow.Deny, flow.LoginRequired},
		{"the requested organization", []change{func(s *flow.State) { s.Request.Organization = "10" }}, flow.Finish, ""},
		{"another organization", []change{func(s *flow.State) { s.Request.Organization = "11" }}, flow.Deny, flow.WrongOrganization},
		{"id_token_hint of this user", []change{func(s *flow.State) { s.Request.HintUserID = "1" }}, flow.Finish, ""},
		{"id_token_hint of another user", []change{func(s *flow.State) { s.Request.HintUserID = "2" }}, flow.LoginName, flow.WrongUser},

		// Who may not.
		{"locked", []change{state(zitadelclient.UserLocked)}, flow.Deny, flow.UserLocked},
		{"deactivated", []change{state(zitadelclient.UserInactive)}, flow.Deny, flow.UserNotActive},
		{"deleted meanwhile", []change{state(zitadelclient.UserDeleted)}, flow.Deny, flow.UserNotActive},
		{"never initialised", []change{state(zitadelclient.UserInitial)}, flow.Deny, flow.UserInitial},
		{"never initialised, before anything was shown", []change{identified, methodless, state(zitadelclient.UserInitial)}, flow.Deny, flow.UserInitial},
		{"never initialised, hidden", []change{identified, methodless, hiding, state(zitadelclient.UserInitial)}, flow.Password, ""},
		{"a state that we do not know", []change{state("sleeping")}, flow.Deny, flow.UserNotActive},
		{"locked, before the password", []change{identified, state(zitadelclient.UserLocked)}, flow.Deny, flow.UserLocked},
		{"locked, hidden, before the password", []change{identified, hiding, state(zitadelclient.UserLocked)}, flow.Password, ""},
		{"locked, hidden, after the password", []change{hiding, state(zitadelclient.UserLocked)}, flow.Deny, flow.UserLocked},
		{"a machine", []change{func(s *flow.State) { s.User.Human = false }}, flow.Deny, flow.NotAPerson},
		{"organization deactivated", []change{func(s *flow.State) { s.OrganizationClosed = true }}, flow.Deny, flow.OrganizationClosed},

		// The second factor.
		{"MFA forced, none enrolled", []change{forced}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA forced for local users", []change{forcedLocally}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA forced for local users, by a provider", []change{byProvider, forcedLocally}, flow.Finish, ""},
		{"MFA forced for all, by a provider", []change{byProvider, forced}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA asked for, none enrolled", []change{mfa}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA asked for, by a provider", []change{byProvider, mfa}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA asked for, nothing to set up", []change{mfa, noFactors, func(s *flow.State) { s.Settings.PasskeysType = false }}, flow.Deny, flow.NoMethod},
		{"MFA asked for, TOTP enrolled", []change{mfa, before, method(zitadelclient.MethodTOTP)}, flow.TOTP, ""},
		{"MFA asked for, TOTP shown before", []change{mfa, before, method(zitadelclient.MethodTOTP), shown(totp)}, flow.Finish, ""},
		{"MFA asked for, TOTP shown, and removed since", []change{mfa, before, shown(totp)}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA asked for, signed in by a passkey", []change{mfa, byPasskey}, flow.Finish, ""},
		{"MFA asked for, passkey enrolled beside the password", []change{mfa, before, method(zitadelclient.MethodPasskey)}, flow.Passkey, ""},
		{"MFA and max_age asked for, both shown too long ago", []change{mfa, before, maxAge(time.Minute), method(zitadelclient.MethodTOTP), passwordAt(ago(time.Hour)), totpAt(ago(time.Hour))}, flow.Password, flow.ReauthRequired},
		{"MFA and max_age asked for, the password renewed", []change{mfa, before, maxAge(time.Minute), method(zitadelclient.MethodTOTP), totpAt(ago(time.Hour))}, flow.TOTP, ""},
		{"MFA asked for, not identified", []change{stranger, mfa}, flow.LoginName, ""},
		{"MFA asked for, prompt=none", []change{mfa, prompt("none")}, flow.Deny, flow.LoginRequired},
		{"MFA forced, nothing to set up", []change{forced, noFactors, func(s *flow.State) { s.Settings.PasskeysType = false }}, flow.Deny, flow.NoMethod},
		{"MFA forced, only passkeys to set up", []change{forced, noFactors}, flow.SetUpFactor, flow.FactorRequired},
		{"MFA forced, passkeys allowed but no multi-factor", []change{forced, noFactors, func(s *flow.State) { s.Settings.MultiFactors = nil }}, flow.Deny, flow.NoMethod},
		{"MFA forced, TOTP enrolled", []change{forced, method(zitadelclient.MethodTOTP)}, flow.TOTP, ""},
		{"MFA forced, TOTP shown", []change{forced, method(zitadelclient.MethodTOTP), shown(totp)}, flow.Finish, ""},
		{"MFA forced, signed in by a passkey", []change{forced, byPasskey}, flow.Finish, ""},
		{"TOTP enrolled, nothing forced", []change{method(zitadelclient.MethodTOTP)}, flow.TOTP, ""},
		{"security key enrolled", []change{method(zitadelclient.MethodU2F)}, flow.SecurityKey, ""},
		{"code by SMS enrolled", []change{method(zitadelclient.MethodOTPSMS)}, flow.OTPSMS, ""},
		{"code by e-mail enrolled", []change{method(zitadelclient.MethodOTPEmail)}, flow.OTPEmail, ""},
		{"several enrolled: the strongest first", []change{method(zitadelclient.MethodOTPEmail), method(zitadelclient.MethodTOTP)}, flow.TOTP, ""},
		{"several enrolled, another taken", []change{method(zitadelclient.MethodOTPEmail), method(zitadelclient.MethodTOTP), func(s *flow.State) { s.Preferred = flow.OTPEmail }}, flow.OTPEmail, ""},
		{"a way taken that the user does not have", []change{method(zitadelclient.MethodTOTP), func(s *flow.State) { s.Preferred = flow.OTPSMS }}, flow.TOTP, ""},
		{"all enrolled", []change{method(zitadelclient.MethodOTPEmail), method(zitadelclient.MethodOTPSMS), method(zitadelclient.MethodTOTP), method(zitadelclient.MethodU2F)}, flow.SecurityKey, ""},
		{"enrolled, and no longer allowed", []change{method(zitadelclient.MethodOTPSMS), noFactors}, flow.OTPSMS, ""},
		{"one allowed, one not", []change{method(zitadelclient.MethodOTPSMS), method(zitadelclient.MethodTOTP), func(s *flow.State) {
			s.Settings.SecondFactors = []zitadelclient.AuthMethod{zitadelclient.MethodOTPSMS}
		}}, flow.OTPSMS, ""},
		{"TOTP enrolled and shown", []change{method(zitadelclient.MethodTOTP), shown(totp)}, flow.Finish, ""},
		{"security key enrolled and shown", []change{method(zitadelclient.MethodU2F), shown(key)}, flow.Finish, ""},
		{"code by SMS enrolled and shown", []change{method(zitadelclient.MethodOTPSMS), shown(sms)}, flow.Finish, ""},
		{"code by e-mail enrolled and shown", []change{method(zitadelclient.MethodOTPEmail), shown(mail)}, flow.Finish, ""},
		{"recovery code shown", []change{method(zitadelclient.MethodTOTP), shown(recovery), recoveryCodes}, flow.Finish, ""},
		{"recovery codes alone", []change{recoveryCodes}, flow.RecoveryCode, ""},
		{"recovery codes alone, shown", []change{recoveryCodes, shown(recovery)}, flow.Finish, ""},
		{"recovery code shown, and all are removed since", []change{method(zitadelclient.MethodTOTP), shown(recovery), func(s *flow.State) { s.RecoveryCodes = true }}, flow.TOTP, ""},
		{"recovery code shown where there are none", []change{method(zitadelclient.MethodTOTP), shown(recovery)}, flow.TOTP, ""},
		{"a factor shown that the user no longer has", []change{method(zitadelclient.MethodTOTP), shown(sms)}, flow.TOTP, ""},
		{"key of another domain, and nothing else", []change{method(zitadelclient.MethodU2F), noKeyHere}, flow.Deny, flow.NoMethod},
		{"key of another domain, and TOTP", []change{method(zitadelclient.MethodU2F), method(zitadelclient.MethodTOTP), noKeyHere}, flow.TOTP, ""},
		{"security key of another domain, and recovery codes", []change{method(zitadelclient.MethodU2F), noKeyHere, recoveryCodes}, flow.RecoveryCode, ""},
		{"passkey of another domain, and a security key of ours", []change{method(zitadelclient.MethodPasskey), method(zitadelclient.MethodU2F), elsewhere(flow.Passkey)}, flow.SecurityKey, ""},
		{"security key of another domain, and a passkey of ours", []change{method(zitadelclient.MethodPasskey), method(zitadelclient.MethodU2F), elsewhere(flow.SecurityKey)}, flow.Passkey, ""},
		{"passkey of another domain, forced", []change{forced, method(zitadelclient.MethodPasskey), noKeyHere}, flow.Deny, flow.NoMethod},
		{"forced locally, a provider long ago", []change{forcedLocally, func(s *flow.State) { s.Session.Factors.Intent = ago(9000 * time.Hour) }}, flow.SetUpFactor, flow.FactorRequired},
		{"forced locally, a password after the provider", []change{forcedLocally, func(s *flow.State) { s.Session.Factors.Intent = ago(time.Hour) }}, flow.SetUpFactor, flow.FactorRequired},
		{"forced, address unproven", []change{forced, func(s *flow.State) { s.User.EmailVerified = false }}, flow.VerifyEmail, ""},
		{"TOTP enrolled, address unproven", []change{method(zitadelclient.MethodTOTP), func(s *flow.State) { s.User.EmailVerified = false }}, flow.TOTP, ""},
		{"prompt=login, password shown for it, TOTP before", []change{prompt("login"), method(zitadelclient.MethodTOTP), shown(totp), func(s *flow.State) { s.Shown = []flow.Kind{flow.Password} }}, flow.TOTP, ""},
		{"security key with a PIN is no passkey", []change{passwordAt(time.Time{}), method(zitadelclient.MethodU2F), func(s *flow.State) {
			s.Session.Factors.WebAuthN, s.Session.Factors.UserVerified = ago(time.Minute), true
		}}, flow.Password, flow.ReauthRequired},
		{"TOTP shown too long ago", []change{method(zitadelclient.MethodTOTP), func(s *flow.State) { s.Session.Factors.TOTP = ago(19 * time.Hour) }}, flow.TOTP, ""},
		{"TOTP shown before prompt=login", []change{method(zitadelclient.MethodTOTP), shown(totp), prompt("login"), before}, flow.Password, flow.ReauthRequired},
		{"passkey counts as both", []change{method(zitadelclient.MethodTOTP), byPasskey}, flow.Finish, ""},
		{"passkey shown too long ago", []change{method(zitadelclient.MethodPasskey), byPasskey, func(s *flow.State) { s.Session.Factors.WebAuthN = ago(13 * time.Hour) }}, flow.Passkey, flow.ReauthRequired},
		{"passkey enrolled beside the password", []change{method(zitadelclient.MethodPasskey)}, flow.Finish, ""},
		{"passkeys switched off, nothing forced", []change{noPasskeys, method(zitadelclient.MethodPasskey)}, flow.Finish, ""},
		{"passkeys switched off, MFA forced: it still counts", []change{noPasskeys, forced, method(zitadelclient.MethodPasskey)}, flow.Passkey, ""},
		{"passkeys switched off, MFA forced, TOTP as well", []change{noPasskeys, forced, method(zitadelclient.MethodPasskey), method(zitadelclient.MethodTOTP)}, flow.TOTP, ""},
		{"passkey enrolled, MFA forced", []change{forced, method(zitadelclient.MethodPasskey)}, flow.Passkey, ""},

		// A factor on offer.
		{"offered, never skipped", []change{offering}, flow.SetUpFactor, flow.FactorOffered},
		{"offered, skipped of late", []change{offering, func(s *flow.State) { s.User.MFAInitSkipped = ago(time.Hour) }}, flow.Finish, ""},
		{"offered, skipped long ago", []change{offering, func(s *flow.State) { s.User.MFAInitSkipped = ago(31 * 24 * time.Hour) }}, flow.SetUpFactor, flow.FactorOffered},
		{"offered to somebody who has one", []change{offering, method(zitadelclient.MethodTOTP), shown(totp)}, flow.Finish, ""},
		{"offered to somebody with a passkey", []change{offering, byPasskey}, flow.Finish, ""},
		{"offered, but there is nothing", []change{offering, noFactors, func(s *flow.State) { s.Settings.PasskeysType = false }}, flow.Finish, ""},
		{"offered, prompt=none", []change{offering, prompt("none")}, flow.Finish, ""},
		{"wanted by choice", []change{func(s *flow.State) { s.SettingUp = true }}, flow.SetUpFactor, flow.FactorOffered},
		{"wanted by choice, long after the password", []change{passwordAt(ago(time.Hour)), func(s *flow.State) { s.SettingUp = true }}, flow.Password, flow.ReauthRequired},
		{"forced, long after the password", []change{forced, passwordAt(ago(time.Hour))}, flow.Password, flow.ReauthRequired},
		{"forced, long after a provider", []change{forced, byProvider, func(s *flow.State) { s.Session.Factors.Intent, s.Methods = ago(time.Hour), nil }}, flow.Deny, flow.NoMethod},
		{"offered long after the password", []change{offering, passwordAt(ago(time.Hour))}, flow.Finish, ""},
		{"wanted by choice, with a passkey not shown", []change{method(zitadelclient.MethodPasskey), func(s *flow.State) { s.SettingUp = true }}, flow.Passkey, ""},
		{"wanted by choice, not signed in", []change{identified, func(s *flow.State) { s.SettingUp = true }}, flow.Password, ""},
		{"wanted by choice, second factor missing", []change{method(zitadelclient.MethodTOTP), func(s *flow.State) { s.SettingUp = true }}, flow.TOTP, ""},

		// No way in at all.
		{"no method: a code is mailed", []change{identified, methodless}, flow.VerifyEmail, flow.Invited},
		{"no method, hidden: as everybody", []change{identified, methodless, hiding}, flow.Password, ""},
		{"no method, hidden, known to this browser", []change{identified, methodless, hiding, recalled}, flow.VerifyEmail, flow.Invited},
		{"no password, hidden, known to this browser", []change{identified, methodless, method(zitadelclient.MethodPasskey), hiding, recalled}, flow.Passkey, ""},
		{"no method, hidden, the code was right", []change{identified, methodless, hiding, proven}, flow.SetUpAuthenticator, ""},
		{"no method, and none is allowed", []change{identified, methodless, noPasswords, noPasskeys}, flow.Deny, flow.NoMethod},
		{"no method, the code was right, and none is allowed", []change{identified, methodless, proven, noPasswords, noPasskeys}, flow.Deny, flow.NoMethod},
		{"no method, the code was right", []change{identified, methodless, proven}, flow.SetUpAuthenticator, ""},
		{"no method, the code was right a while ago", []change{identified, methodless, provenAt(ago(15 * time.Minute))}, flow.SetUpAuthenticator, ""},
		{"no method, the code was right too long ago", []change{identified, methodless, provenAt(ago(16 * time.Minute))}, flow.VerifyEmail, flow.Invited},
		{"no method, the code was right, only passwords", []change{identified, methodless, proven, noPasskeys}, flow.FirstPassword, ""},
		{"no method, the code was right, only passkeys", []change{identified, methodless, proven, noPasswords}, flow.SetUpPasskey, ""},
		{"no method, the code was right, signed up for a passkey", []change{identified, methodless, proven, prefer(flow.SetUpPasskey)}, flow.SetUpPasskey, ""},
		{"no method, the code was right, the password taken", []change{identified, methodless, proven, prefer(flow.FirstPassword)}, flow.FirstPassword, ""},
		{"no method, the code was right, a way taken that is none", []change{identified, methodless, proven, prefer(flow.SetUpTOTP)}, flow.SetUpAuthenticator, ""},
		{"the code was right, but there is a method by now", []change{identified, proven}, flow.Password, ""},
		{"the code was right, but there is a passkey by now", []change{identified, methodless, method(zitadelclient.MethodPasskey), proven, prefer(flow.FirstPassword)}, flow.Passkey, ""},
		{"the code was right, but there is a provider by now", []change{identified, methodless, method(zitadelclient.MethodIDP), proven}, flow.Deny, flow.NoMethod},
		{"no method, the code was right, locked meanwhile", []change{identified, methodless, proven, state(zitadelclient.UserLocked)}, flow.Deny, flow.UserLocked},
		{"no method, the code was right, never initialised", []change{identified, methodless, proven, state(zitadelclient.UserInitial)}, flow.Deny, flow.UserInitial},
		{"no method, the code was right, a machine", []change{identified, methodless, proven, func(s *flow.State) { s.User.Human = false }}, flow.Deny, flow.NotAPerson},
		{"no method, the code was right, another organization", []change{identified, methodless, proven, func(s *flow.State) { s.Request.Organization = "11" }}, flow.Deny, flow.WrongOrganization},
		{"no method, the code was right, organization deactivated", []change{identified, methodless, proven, func(s *flow.State) { s.OrganizationClosed = true }}, flow.Deny, flow.OrganizationClosed},
		{"no method, prompt=none", []change{identified, methodless, prompt("none")}, flow.Deny, flow.LoginRequired},
		{"no method any more, a password shown long ago", []change{methodless, passwordAt(ago(241 * time.Hour))}, flow.VerifyEmail, flow.Invited},
		{"no method any more, a password shown just now", []change{methodless}, flow.Finish, ""},
		{"the first method is not yet in the list", []change{methodless, proven}, flow.Finish, ""},
		{"a session about the user proves nothing", []change{methodless, passwordAt(time.Time{})}, flow.VerifyEmail, flow.Invited},
		{"a link of an invitation", []change{stranger, func(s *flow.State) { s.Verifying, s.FromLink = true, true }}, flow.VerifyEmail, ""},
		{"a link of an invitation, pressed", []change{identified, methodless, proven, func(s *flow.State) { s.LoginName, s.Verified, s.FromLink = "", true, true }}, flow.SetUpAuthenticator, ""},
		{"a link of an invitation, pressed, but there is a method", []change{identified, proven, func(s *flow.State) { s.LoginName, s.Verified, s.FromLink = "", true, true }}, flow.Verified, ""},
		{"a link of an invitation, pressed too long ago", []change{identified, methodless, provenAt(ago(16 * time.Minute)), func(s *flow.State) { s.LoginName, s.Verified, s.FromLink = "", true, true }}, flow.Verified, ""},

		// Ways in.
		{"passkey before password", []change{identified, method(zitadelclient.MethodPasskey)}, flow.Passkey, ""},
		{"passkey and password, the password taken", []change{identified, method(zitadelclient.MethodPasskey), func(s *flow.State) { s.Preferred = flow.Password }}, flow.Password, ""},
		{"passkey alone", []change{identified, func(s *flow.State) { s.Methods = []zitadelclient.AuthMethod{zitadelclient.MethodPasskey} }}, flow.Passkey, ""},
		{"passkeys not allowed", []change{identified, method(zitadelclient.MethodPasskey), func(s *flow.State) { s.Settings.PasskeysType = false }}, flow.Password, ""},
		{"passkey shown, and no longer allowed", []change{byPasskey, func(s *flow.State) { s.Settings.PasskeysType = false }}, flow.Password, flow.ReauthRequired},
		{"passkey alone, passwords are off", []change{identified, method(zitadelclient.MethodPasskey), func(s *flow.State) { s.Settings.AllowUsernamePassword = false }}, flow.Passkey, ""},
		{"a provider alone", []change{identified, func(s *flow.State) { s.Methods = []zitadelclient.AuthMethod{zitadelclient.MethodIDP} }}, flow.Deny, flow.NoMethod},
		{"code by e-mail alone, not allowed as first", []change{identified, func(s *flow.State) { s.Methods = []zitadelclient.AuthMethod{zitadelclient.MethodOTPEmail} }}, flow.Deny, flow.NoMethod},
		{"code by e-mail as the first factor", []change{identified, emailFirst}, flow.OTPEmail, ""},
		{"code by e-mail shown as the first factor", []change{emailFirst, passwordAt(time.Time{}), shown(mail)}, flow.Finish, ""},
		{"code by e-mail beside a stale password is not both", []change{emailFirst, forced, passwordAt(ago(241 * time.Hour)), shown(mail)}, flow.SetUpFactor, flow.FactorRequired},
		{"code by e-mail adds nothing to an account with a password", []change{emailFirst, forced, method(zitadelclient.MethodPassword), passwordAt(time.Time{}), shown(mail)}, flow.Password, flow.ReauthRequired},
		{"code by e-mail is not both", []change{emailFirst, forced, passwordAt(time.Time{}), shown(mail)}, flow.SetUpFactor, flow.FactorRequired},
		{"code by e-mail first, TOTP second", []change{emailFirst, method(zitadelclient.MethodTOTP), passwordAt(time.Time{}), shown(mail)}, flow.TOTP, ""},

		// Accounts.
		{"one account, and a choice is asked for", []change{stranger, func(s *flow.State) { s.Accounts = 1 }}, flow.SelectAccount, ""},
		{"accounts, but another is wanted", []change{stranger, func(s *flow.State) { s.Accounts, s.AddingAccount = 2, true }}, flow.LoginName, ""},
		{"accounts, but a name was typed", []change{stranger, func(s *flow.State) { s.Accounts, s.LoginName = 2, "nobody" }}, flow.LoginName, ""},
		{"accounts, and one is chosen", []change{func(s *flow.State) { s.Accounts = 2 }}, flow.Finish, ""},
		{"accounts, and a sign-up", []change{stranger, func(s *flow.State) { s.Accounts, s.Request.Create = 2, true }}, flow.Register, ""},

		// The address.
		{"address unproven", []change{func(s *flow.State) { s.User.EmailVerified = false }}, flow.VerifyEmail, ""},
		{"a link in another browser", []change{stranger, func(s *flow.State) { s.Verifying = true }}, flow.VerifyEmail, ""},
		{"a link in another browser, pressed", []change{stranger, func(s *flow.State) { s.Verified = true }}, flow.Verified, ""},

		// The password's age.
		{"change required", []change{func(s *flow.State) { s.User.PasswordChangeRequired = true }}, flow.ChangePassword, flow.ChangeRequired},
		{"expired", []change{func(s *flow.State) { s.Expiry.MaxAgeDays = 90; s.User.PasswordChanged = ago(91 * 24 * time.Hour) }}, flow.ChangePassword, flow.PasswordExpired},
		{"not expired", []change{func(s *flow.State) { s.Expiry.MaxAgeDays = 90; s.User.PasswordChanged = ago(89 * 24 * time.Hour) }}, flow.Finish, ""},
		{"expired, of who came by a passkey, the password stale", []change{byPasskey, passwordAt(ago(241 * time.Hour)), func(s *flow.State) {
			s.Expiry.MaxAgeDays, s.User.PasswordChanged, s.Shown = 90, ago(91*24*time.Hour), []flow.Kind{flow.Passkey}
		}}, flow.Finish, ""},
		{"expires soon", []change{expiring}, flow.ChangePassword, flow.PasswordExpiring},
		{"expires soon, and put off", []change{expiring, func(s *flow.State) { s.Postponed = true }}, flow.Finish, ""},
		{"expires soon, seen before the days of warning", []change{expiring, func(s *flow.State) { s.User.PasswordChanged = ago(80 * 24 * time.Hour) }}, flow.Finish, ""},
		{"expires soon, no warning asked for", []change{expiring, func(s *flow.State) { s.Expiry.ExpireWarnDays = 0 }}, flow.Finish, ""},
		{"expires soon, the password from an earlier sign-in", []change{expiring, before}, flow.Finish, ""},
		{"expires soon, prompt=none", []change{expiring, before, prompt("none")}, flow.Finish, ""},
		{"expires soon, of who came by a passkey", []change{expiring, byPasskey, func(s *flow.State) { s.Shown = []flow.Kind{flow.Passkey} }}, flow.Finish, ""},
		{"expires soon, and a change is required", []change{expiring, func(s *flow.State) { s.User.PasswordChangeRequired = true }}, flow.ChangePassword, flow.ChangeRequired},
		{"expired, and warned about in vain", []change{expiring, func(s *flow.State) { s.User.PasswordChanged = ago(91 * 24 * time.Hour) }}, flow.ChangePassword, flow.PasswordExpired},
		{"a factor is offered before the warning", []change{expiring, offering}, flow.SetUpFactor, flow.FactorOffered},
		{"change required of who came by a provider", []change{byProvider, func(s *flow.State) { s.User.PasswordChangeRequired = true }}, flow.Finish, ""},
		{"change wanted", []change{func(s *flow.State) { s.Changing = true }}, flow.ChangePassword, ""},
		{"change wanted, not signed in", []change{identified, func(s *flow.State) { s.Changing = true }}, flow.Password, ""},

		// Forgotten.
		{"a code was asked for", []change{identified, func(s *flow.State) { s.Resetting = true }}, flow.ResetPassword, ""},
		{"a code was asked for, by a link", []change{stranger, func(s *flow.State) { s.Resetting, s.FromLink = true, true }}, flow.ResetPassword, ""},
		{"reset is switched off", []change{identified, func(s *flow.State) { s.Resetting, s.Settings.HidePasswordReset = true, true }}, flow.Password, ""},

		// Sign-up.
		{"sign-up asked for", []change{stranger, func(s *flow.State) { s.Request.Create = true }}, flow.Register, ""},
		{"sign-up asked for, not allowed", []change{stranger, func(s *flow.State) { s.Request.Create, s.Settings.AllowRegister = true, false }}, flow.Deny, flow.RegisterClosed},
		{"sign-up asked for, passwords off", []change{stranger, noPasswords, func(s *flow.State) { s.Request.Create = true }}, flow.Register, ""},
		{"sign-up asked for, passkeys off", []change{stranger, noPasskeys, func(s *flow.State) { s.Request.Create = true }}, flow.Register, ""},
		{"sign-up asked for, organization deactivated", []change{stranger, creating, func(s *flow.State) { s.OrganizationClosed = true }}, flow.Deny, flow.OrganizationClosed},
		{"names are known, organization deactivated", []change{stranger, func(s *flow.State) { s.Registration, s.OrganizationClosed = flow.Named, true }}, flow.Deny, flow.OrganizationClosed},
		{"the form is open", []change{stranger, func(s *flow.State) { s.Registration = flow.Unnamed }}, flow.Register, ""},
		{"names are known", []change{stranger, func(s *flow.State) { s.Registration = flow.Named }}, flow.RegisterPassword, ""},
		{"names are known, but sign-up was closed", []change{stranger, func(s *flow.State) { s.Registration, s.Settings.AllowRegister = flow.Named, false }}, flow.Deny, flow.RegisterClosed},
		{"names are known, but passwords were switched off", []change{stranger, noPasswords, func(s *flow.State) { s.Registration = flow.Named }}, flow.Register, ""},
		{"the address is taken", []change{stranger, func(s *flow.State) { s.Registration = flow.AddressTaken }}, flow.VerifyEmail, ""},
		{"a code was sent, for a passkey", []change{stranger, func(s *flow.State) { s.Registration = flow.CodeSent }}, flow.VerifyEmail, ""},
		{"a code was sent, but sign-up was closed", []change{stranger, func(s *flow.State) { s.Registration, s.Settings.AllowRegister = flow.CodeSent, false }}, flow.Deny, flow.RegisterClosed},
		{"the account was made", []change{func(s *flow.State) { s.Registration, s.User.EmailVerified = flow.Named, false }}, flow.VerifyEmail, ""},
		{"sign-up asked for, but a name was typed", []change{identified, func(s *flow.State) { s.Request.Create = true }}, flow.Password, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := signedIn()
			for _, change := range test.changes {
				change(&s)
			}
			facts, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if earlier, known := situations[string(facts)]; known {
				t.Errorf("the same situation as %q", earlier)
			}
			situations[string(facts)] = test.name
			got := flow.Next(s)
			if got.Kind != test.want || got.Reason != test.reason {
				t.Errorf("Next = %s (%s), want %s (%s)", got.Kind, got.Reason, test.want, test.reason)
			}
		})
	}
}

// TestAlso says which pages may be opened by choice, and which may not.
func TestAlso(t *testing.T) {
	s := signedIn()
	s.Session = nil
	for _, test := range []struct {
		name   string
		change func(*flow.State)
		kind   flow.Kind
		want   bool
	}{
		{"reset from the password page", func(*flow.State) {}, flow.ResetPassword, true},
		{"reset is switched off", func(s *flow.State) { s.Settings.HidePasswordReset = true }, flow.ResetPassword, false},
		{"another name", func(*flow.State) {}, flow.LoginName, true},
		{"change without a session", func(*flow.State) {}, flow.ChangePassword, false},
		{"verify without a session", func(*flow.State) {}, flow.VerifyEmail, false},
		{"finish is not a page", func(*flow.State) {}, flow.Finish, false},
		{"sign-up from the name page", stranger, flow.Register, true},
		{"a provider from the name page", func(s *flow.State) { stranger(s); withProviders(s) }, flow.IdentityProvider, true},
		{"a provider where policy allows none", func(s *flow.State) { stranger(s); withProviders(s); noExternal(s) }, flow.IdentityProvider, false},
		{"a provider from the password page", linked("500"), flow.IdentityProvider, true},
		{"a provider that does not know the user, from the password page", linked("502"), flow.IdentityProvider, false},
		{"a provider from the password page, hidden", func(s *flow.State) { linked("502")(s); hiding(s) }, flow.IdentityProvider, true},
		{"a password where the client asks for a provider", func(s *flow.State) { linked("500")(s); demanding("500")(s) }, flow.Password, false},
		{"a provider's return that nobody brought", linked("500"), flow.ProviderReturn, false},
		{"sign-up where closed", func(s *flow.State) { stranger(s); s.Settings.AllowRegister = false }, flow.Register, false},
		{"its second page without the first", stranger, flow.RegisterPassword, false},
		{"the password, from a reset that was asked for here", func(s *flow.State) { s.Resetting = true }, flow.Password, true},
		{"the password, from a link", func(s *flow.State) { stranger(s); s.Resetting, s.FromLink = true, true }, flow.Password, false},
		{"sign-up again, from a taken address", func(s *flow.State) { stranger(s); s.Registration = flow.AddressTaken }, flow.Register, false},
		{"sign-up again, from a code that was sent", func(s *flow.State) { stranger(s); s.Registration = flow.CodeSent }, flow.Register, false},
		{"the first password, from a choice", func(s *flow.State) { methodless(s); proven(s) }, flow.FirstPassword, true},
		{"a passkey, from a choice", func(s *flow.State) { methodless(s); proven(s) }, flow.SetUpPasskey, true},
		{"a security key, from a choice", func(s *flow.State) { methodless(s); proven(s) }, flow.SetUpSecurityKey, false},
		{"back to the choice", func(s *flow.State) { methodless(s); proven(s); s.Preferred = flow.SetUpPasskey }, flow.SetUpAuthenticator, true},
		{"the other way of it", func(s *flow.State) { methodless(s); proven(s); s.Preferred = flow.SetUpPasskey }, flow.FirstPassword, true},
		{"the choice, before the code", methodless, flow.SetUpAuthenticator, false},
		{"the first password, before the code", methodless, flow.FirstPassword, false},
		{"a passkey, before the code", methodless, flow.SetUpPasskey, false},
		{"a reset, before the code", methodless, flow.ResetPassword, false},
		{"the first password of somebody who has one", proven, flow.FirstPassword, false},
		{"the zero kind", stranger, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := s
			test.change(&changed)
			if got := flow.Next(changed).Allows(test.kind); got != test.want {
				t.Errorf("Allows(%s) = %t, want %t", test.kind, got, test.want)
			}
		})
	}
}

// TestProviders says which providers may be chosen, wherever one may.
func TestProviders(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes []func(*flow.State)
		want    []string
	}{
		{"nobody yet", []func(*flow.State){stranger, withProviders}, []string{"500", "501"}},
		{"sign-up", []func(*flow.State){stranger, withProviders, creating}, []string{"500"}},
		{"sign-up, passwords off", []func(*flow.State){stranger, withProviders, creating, noPasswords}, []string{"500"}},
		{"sign-up, closed", []func(*flow.State){stranger, withProviders, creating, closed}, nil},
		{"chosen, and another may be", []func(*flow.State){stranger, withProviders, chosen("501")}, []string{"500", "501"}},
		{"asked for", []func(*flow.State){stranger, withProviders, demanding("501")}, []string{"501"}},
		{"a known user", []func(*flow.State){identified, linked("501", "502")}, []string{"501"}},
		{"a known user, asked for another", []func(*flow.State){identified, linked("501"), demanding("500")}, nil},
		{"a user, hidden", []func(*flow.State){identified, linked("501"), hiding}, []string{"500", "501"}},
		{"nobody, hidden", []func(*flow.State){stranger, withProviders, hiding, hiddenName}, []string{"500", "501"}},
		{"a user, hidden, in a browser that knows them", []func(*flow.State){identified, linked("501"), hiding, recalled}, []string{"501"}},
		{"policy allows none", []func(*flow.State){stranger, withProviders, noExternal}, nil},
	} {
		s := signedIn()
		for _, change := range test.changes {
			change(&s)
		}
		if got := flow.Next(s).Providers; !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestNextProperties holds Next, over generated states, to what must never be:
// Finish while something that is demanded is missing.
func TestNextProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	finished, begun := 0, 0
	for range 200_000 {
		s := generate(r)
		step := flow.Next(s)
		if step.Kind == "" || step.Allows("") {
			t.Fatalf("no step for %+v", s)
		}
		for _, kind := range []flow.Kind{flow.SetUpFactor, flow.SetUpPasskey, flow.SetUpSecurityKey, flow.SetUpTOTP, flow.SetUpOTPSMS, flow.SetUpOTPEmail} {
			if step.Allows(kind) && !checkedJustNow(s) && !(kind == flow.SetUpPasskey && mayHaveFirst(s)) {
				t.Fatalf("%s although nothing was shown of late:\n%+v\n%+v\n%+v", kind, s, s.User, s.Session)
			}
		}
		for _, kind := range []flow.Kind{flow.SetUpAuthenticator, flow.FirstPassword} {
			if !step.Allows(kind) {
				continue
			}
			begun++
			if !mayHaveFirst(s) {
				t.Fatalf("%s although the mailbox is unproven, or there is a method:\n%+v\n%+v\n%+v", kind, s, s.User, s.Session)
			}
		}
		if step.Kind != flow.Finish {
			continue
		}
		finished++
		if why := forbidden(s); why != "" {
			t.Fatalf("Finish although %s:\n%+v\n%+v\n%+v", why, s, s.User, s.Session)
		}
		s.Request.MFA = true
		if demanded := flow.Next(s).Kind == flow.Finish; demanded != s.MultiFactor() {
			t.Fatalf("MultiFactor is %t, but a demand for a second factor is met: %t\n%+v\n%+v\n%+v", s.MultiFactor(), demanded, s, s.User, s.Session)
		}
	}
	if finished < 100 || begun < 100 {
		t.Fatalf("only %d of the generated states finish, and %d have a first method set up: they prove little", finished, begun)
	}
}

// TestSuccessMovesForward walks generated sign-ins to their end: whatever a step
// asks for, giving it is never asked for again, and nobody goes in circles.
func TestSuccessMovesForward(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	ended := map[flow.Kind]int{}
	for range 50_000 {
		s := generate(r)
		var path []flow.Kind
		for range 12 {
			step := flow.Next(s)
			path = append(path, step.Kind)
			if !succeed(&s, step) {
				break
			}
		}
		last := path[len(path)-1]
		if len(path) == 12 {
			t.Fatalf("in circles: %v\n%+v\n%+v\n%+v", path, s, s.User, s.Session)
		}
		ended[last]++
	}
	if ended[flow.Finish] < 10_000 {
		t.Errorf("too few arrive: %v", ended)
	}
}

// succeed gives what a step asks for; false where a sign-in ends, or where it is
// for somebody to say who they are.
func succeed(s *flow.State, step flow.Step) bool {
	show := func(kind flow.Kind, set func(*zitadelclient.Factors)) bool {
		if s.Session == nil || s.Session.Factors.User.ID != s.User.ID || !s.Session.Expires.After(s.Now) {
			fresh := signedIn().Session
			fresh.Factors = zitadelclient.Factors{User: zitadelclient.UserFactor{ID: s.User.ID}}
			s.Session = fresh
		}
		set(&s.Session.Factors)
		s.Shown = append(slices.Clone(s.Shown), kind)
		return true
	}
	enrol := func(m zitadelclient.AuthMethod) bool {
		s.Methods, s.SettingUp = append(slices.Clone(s.Methods), m), false
		return true
	}
	if s.User == nil {
		return false
	}
	user := *s.User
	s.User = &user
	switch step.Kind {
	case flow.Password:
		return show(flow.Password, func(f *zitadelclient.Factors) { f.Password = s.Now })
	case flow.Passkey:
		if !slices.Contains(s.Methods, zitadelclient.MethodPasskey) {
			return false // a page for everybody, where policy hides who has one
		}
		return show(flow.Passkey, func(f *zitadelclient.Factors) { f.WebAuthN, f.UserVerified = s.Now, true })
	case flow.IdentityProvider:
		at := slices.IndexFunc(step.Providers, func(id string) bool { return slices.Contains(s.Linked, id) })
		if at < 0 {
			return false // a page for everybody, and nobody that these know
		}
		s.CameBy = step.Providers[at]
		return show(flow.IdentityProvider, func(f *zitadelclient.Factors) { f.Intent = s.Now })
	case flow.ProviderReturn:
		s.Returned = false
		return true
	case flow.SecurityKey:
		return show(flow.SecurityKey, func(f *zitadelclient.Factors) { f.WebAuthN, f.UserVerified = s.Now, false })
	case flow.TOTP:
		return show(flow.TOTP, func(f *zitadelclient.Factors) { f.TOTP = s.Now })
	case flow.OTPSMS:
		return show(flow.OTPSMS, func(f *zitadelclient.Factors) { f.OTPSMS = s.Now })
	case flow.OTPEmail:
		return show(flow.OTPEmail, func(f *zitadelclient.Factors) { f.OTPEmail = s.Now })
	case flow.SetUpFactor:
		for kind, m := range map[flow.Kind]zitadelclient.AuthMethod{flow.SetUpTOTP: zitadelclient.MethodTOTP, flow.SetUpPasskey: zitadelclient.MethodPasskey} {
			if step.Allows(kind) {
				return enrol(m)
			}
		}
		s.Skipped, s.SettingUp = true, false
	case flow.SetUpAuthenticator, flow.FirstPassword, flow.SetUpPasskey:
		return succeedFirst(s, step, enrol, show)
	case flow.VerifyEmail:
		s.User.EmailVerified, s.Verifying = true, false
		if step.Reason == flow.Invited {
			s.Proven = s.Now
		}
	case flow.ResetPassword:
		s.Resetting = false
	case flow.ChangePassword:
		if step.Reason == flow.PasswordExpiring {
			s.Postponed = true
			return true
		}
		s.User.PasswordChangeRequired, s.User.PasswordChanged, s.Changing = false, s.Now, false
		return show(flow.Password, func(f *zitadelclient.Factors) { f.Password = s.Now })
	default:
		return false
	}
	return true
}

// succeedFirst sets up the first way to sign in: a password, which is shown in the
// same breath, or a passkey, which is asked for afterwards.
func succeedFirst(s *flow.State, step flow.Step, enrol func(zitadelclient.AuthMethod) bool, show func(flow.Kind, func(*zitadelclient.Factors)) bool) bool {
	s.Proven, s.Verified, s.Recalled = time.Time{}, false, true
	if step.Allows(flow.FirstPassword) {
		return enrol(zitadelclient.MethodPassword) && show(flow.Password, func(f *zitadelclient.Factors) { f.Password = s.Now })
	}
	return enrol(zitadelclient.MethodPasskey)
}

// mayHaveFirst says, independently of Next's own rules, whether the user may set
// up a way to sign in without having one.
func mayHaveFirst(s flow.State) bool {
	return s.User != nil && s.User.Human && s.User.State == zitadelclient.UserActive && !s.OrganizationClosed &&
		len(s.Methods) == 0 && s.Request.Provider == "" && !s.Proven.IsZero() && s.Now.Sub(s.Proven) <= 15*time.Minute
}

// checkedJustNow says, independently of Next's own rules, whether the user has
// just shown that it is they.
func checkedJustNow(s flow.State) bool {
	if s.User == nil || s.Session == nil || s.Session.Factors.User.ID != s.User.ID {
		return false
	}
	f := s.Session.Factors
	return s.Now.Sub(latest(f.Password, f.Intent, f.WebAuthN, f.TOTP, f.OTPSMS, f.OTPEmail)) <= 15*time.Minute
}

// forbidden says, independently of Next's own rules, why nobody may get in.
func forbidden(s flow.State) string {
	u, z := s.User, s.Session
	switch {
	case u == nil || z == nil:
		return "nobody is known"
	case z.Factors.User.ID != u.ID:
		return "the session is another user's"
	case !z.Expires.IsZero() && !z.Expires.After(s.Now):
		return "the session is over"
	case !u.Human || u.State != zitadelclient.UserActive || s.OrganizationClosed:
		return "the user may not"
	case s.Request.Organization != "" && s.Request.Organization != u.OrganizationID:
		return "it is another organization"
	case !u.EmailVerified:
		return "the address is unproven"
	}
	f := z.Factors
	stands := func(kind flow.Kind, at time.Time, lifetime time.Duration) bool {
		here := slices.Contains(s.Shown, kind)
		asked := slices.Contains(s.Request.Prompts, zitadelclient.PromptLogin) && !here
		old := s.Request.MaxAge != nil && s.Now.Sub(at) > *s.Request.MaxAge && !here
		return !at.IsZero() && s.Now.Sub(at) <= lifetime && !asked && !old
	}
	has := func(m zitadelclient.AuthMethod) bool { return slices.Contains(s.Methods, m) }
	passkey := s.Settings.PasskeysType && has(zitadelclient.MethodPasskey) && f.UserVerified && stands(flow.Passkey, f.WebAuthN, 12*time.Hour)
	word := s.Settings.AllowUsernamePassword && stands(flow.Password, f.Password, 240*time.Hour)
	active := slices.ContainsFunc(s.Providers, func(p zitadelclient.IdentityProvider) bool { return p.ID == s.CameBy })
	linked := slices.Contains(s.Linked, s.CameBy) || slices.Contains(s.Shown, flow.IdentityProvider)
	provider := s.Settings.AllowExternalIDP && active && linked && stands(flow.IdentityProvider, f.Intent, 240*time.Hour)
	if asked := s.Request.Provider; asked != "" && (!provider || s.CameBy != asked) {
		return "the client asked for users of a provider"
	}
	mailed := has(zitadelclient.MethodOTPEmail) && stands(flow.OTPEmail, f.OTPEmail, 18*time.Hour)
	byMail := s.EmailCodeFirst && mailed && !passkey && !word && !provider
	if !passkey && !word && !provider && !byMail {
		return "no first factor stands"
	}
	only := has(zitadelclient.MethodPasskey) && !has(zitadelclient.MethodTOTP) && !has(zitadelclient.MethodU2F) && !has(zitadelclient.MethodOTPSMS) && !(has(zitadelclient.MethodOTPEmail) && !byMail)
	second := passkey || only && f.UserVerified && stands(flow.Passkey, f.WebAuthN, 12*time.Hour) ||
		has(zitadelclient.MethodTOTP) && stands(flow.TOTP, f.TOTP, 18*time.Hour) ||
		has(zitadelclient.MethodOTPSMS) && stands(flow.OTPSMS, f.OTPSMS, 18*time.Hour) ||
		has(zitadelclient.MethodU2F) && stands(flow.SecurityKey, f.WebAuthN, 18*time.Hour) ||
		s.RecoveryCodes && has(zitadelclient.MethodRecoveryCode) && stands(flow.RecoveryCode, f.RecoveryCode, 18*time.Hour) || mailed && !byMail
	enrolled := slices.ContainsFunc(s.Methods, func(m zitadelclient.AuthMethod) bool {
		return m != zitadelclient.MethodPassword && m != zitadelclient.MethodPasskey && m != zitadelclient.MethodIDP && (m != zitadelclient.MethodRecoveryCode || s.RecoveryCodes) && !(m == zitadelclient.MethodOTPEmail && byMail)
	})
	local := !provider || !f.Intent.After(f.Password)
	if (s.Request.MFA || s.Settings.ForceMFA || s.Settings.ForceMFALocalOnly && local || enrolled) && !second {
		return "a second factor is missing or stale"
	}
	if hint := s.Request.HintUserID; hint != "" && hint != u.ID {
		return "the id_token_hint is of somebody else"
	}
	if limit := s.Expiry.MaxAgeDays; limit > 0 && word && s.Now.Sub(u.PasswordChanged) > time.Duration(limit)*24*time.Hour {
		return "the password has expired"
	}
	if u.PasswordChangeRequired && word {
		return "the password must be changed"
	}
	return ""
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// generate makes a state in which most things are in order, so that a good part
// of them finishes and single faults stand out.
func generate(r *rand.Rand) flow.State {
	s := signedIn()
	rarely := func() bool { return r.IntN(12) == 0 }
	at := func() time.Time {
		if r.IntN(3) == 0 {
			return time.Time{}
		}
		if r.IntN(3) == 0 {
			return ago(time.Duration(r.IntN(20)) * time.Minute)
		}
		return ago(time.Duration(r.IntN(300)) * time.Hour / 4)
	}
	f := &s.Session.Factors
	f.Password, f.Intent, f.WebAuthN, f.TOTP, f.OTPSMS, f.OTPEmail = at(), at(), at(), at(), at(), at()
	f.UserVerified = rarely()
	for _, m := range []zitadelclient.AuthMethod{zitadelclient.MethodTOTP, zitadelclient.MethodU2F, zitadelclient.MethodPasskey, zitadelclient.MethodOTPSMS} {
		if rarely() {
			s.Methods = append(s.Methods, m)
		}
	}
	withProviders(&s)
	s.CameBy, s.Linked = "500", []string{"500"}
	for _, fault := range []func(){
		func() { s.Settings.ForceMFA = true },
		func() { s.Settings.ForceMFALocalOnly = true },
		func() { s.Settings.IgnoreUnknownUsernames = true },
		func() { s.Settings.AllowUsernamePassword = false },
		func() { s.Settings.AllowRegister = false },
		func() { s.User.State = zitadelclient.UserLocked },
		func() { s.User.Human = false },
		func() { s.User.EmailVerified = false },
		func() { s.User.PasswordChangeRequired = true },
		func() { s.OrganizationClosed = true },
		func() { s.Request.Organization = fmt.Sprint(10 + r.IntN(2)) },
		func() { s.Request.HintUserID = fmt.Sprint(1 + r.IntN(2)) },
		func() { s.Request.Prompts = []zitadelclient.Prompt{zitadelclient.PromptLogin} },
		func() { s.Request.Prompts = []zitadelclient.Prompt{zitadelclient.PromptNone} },
		func() { age := time.Duration(r.IntN(48)) * time.Hour; s.Request.MaxAge = &age },
		func() { s.Request.Create = true },
		func() { s.Request.MFA = true },
		func() { s.Shown = nil },
		func() { s.Shown = []flow.Kind{everything[r.IntN(len(everything))]} },
		func() { noKeyHere(&s) },
		func() { s.NoKeyHere = []flow.Kind{flow.Passkey} },
		func() { s.NoKeyHere = []flow.Kind{flow.SecurityKey} },
		func() { s.Methods = append(s.Methods, zitadelclient.MethodRecoveryCode) },
		func() { f.RecoveryCode = at() },
		func() { s.RecoveryCodes = true },
		func() { s.Methods = append(s.Methods, zitadelclient.MethodOTPEmail) },
		func() { s.Methods = s.Methods[1:] },
		func() { s.Methods = nil },
		func() { s.Methods, s.Proven = nil, at() },
		func() { s.Methods, s.User.EmailVerified, f.Password, s.Proven = nil, false, time.Time{}, at() },
		func() { s.Proven = at() },
		func() { s.Preferred = flow.SetUpPasskey },
		func() { s.Preferred = flow.FirstPassword },
		func() { s.User.State = zitadelclient.UserInitial },
		func() { s.EmailCodeFirst = true },
		func() { s.Settings.PasskeysType = false },
		func() { s.Settings.SecondFactors = nil },
		func() { s.Settings.MFAInitSkipLifetime = time.Hour },
		func() { s.SettingUp = true },
		func() { s.Accounts = 2 },
		func() { s.Recalled = true },
		func() { s.FromLink = true },
		func() { s.Expiry.MaxAgeDays, s.Expiry.ExpireWarnDays = r.IntN(3), r.IntN(3) },
		func() { s.Session.Expires = ago(time.Minute) },
		func() { f.User.ID = "2" },
		func() { s.Session = nil },
		func() { s.User = nil },
		func() { s.Hidden = true },
		func() { s.Changing = true },
		func() { s.Resetting = true },
		func() { s.Verifying = true },
		func() { s.Verified = true },
		func() { s.Registration = flow.Named },
		func() { s.Registration = flow.AddressTaken },
		func() { s.Registration = flow.ByProvider },
		func() { s.Settings.AllowExternalIDP = false },
		func() { s.CameBy = "502" },
		func() { s.CameBy = "" },
		func() { s.Linked = nil },
		func() { s.Chosen = "500" },
		func() { s.Returned = true },
		func() { s.Request.Provider = fmt.Sprint(500 + r.IntN(3)) },
		func() { s.Registration = flow.CodeSent },
		func() { s.Methods, s.Session, s.Proven = nil, nil, at() },
	} {
		if r.IntN(40) == 0 {
			fault()
		}
	}
	return s
}

func ExampleNext() {
	s := flow.State{Settings: zitadelclient.LoginSettings{AllowUsernamePassword: true}}
	fmt.Println(flow.Next(s).Kind)
	s.User = &zitadelclient.User{ID: "1", Human: true, State: zitadelclient.UserActive}
	s.Methods = []zitadelclient.AuthMethod{zitadelclient.MethodPassword}
	fmt.Println(flow.Next(s).Kind)
	// Output:
	// login-name
	// password
}
