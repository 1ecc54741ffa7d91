package main

import (
	"torhaus/zitadelclient/zitadeltest"
)

// password is everybody's who has one.
const password = "Password1!"

// person is a seeded user and what is special about it.
type person struct {
	seed    zitadeltest.UserSeed
	special string
}

// none marks who has no password.
const none = "none"

// people has one user for each thing that can stand in the way of a sign-in.
var people = []person{
	{zitadeltest.UserSeed{UserName: "alice", GivenName: "Alice", FamilyName: "Example", EmailVerified: true}, ""},
	{zitadeltest.UserSeed{UserName: "bob", GivenName: "Bob", FamilyName: "Builder", EmailVerified: true, PreferredLanguage: "de"}, "reads German"},
	{zitadeltest.UserSeed{UserName: "carol", GivenName: "Carol", FamilyName: "Change", EmailVerified: true, ChangeRequired: true}, "must change her password"},
	{zitadeltest.UserSeed{UserName: "dave", GivenName: "Dave", FamilyName: "Doubt"}, "has an unverified e-mail address"},
	{zitadeltest.UserSeed{UserName: "erin", GivenName: "Erin", FamilyName: "Locked", EmailVerified: true}, "is locked"},
	{zitadeltest.UserSeed{UserName: "frank", GivenName: "Frank", FamilyName: "Idle", EmailVerified: true}, "is deactivated"},
	{zitadeltest.UserSeed{UserName: "grace", GivenName: "Grace", FamilyName: "Guarded", EmailVerified: true}, "has to set up a second factor: her organization demands one"},
	{zitadeltest.UserSeed{UserName: "ida", GivenName: "Ida", FamilyName: "Provider", EmailVerified: true, Password: none}, "has no password: she signs in by Example ID, an identity provider that also knows Noah, who is new here"},
	{zitadeltest.UserSeed{UserName: "ines", GivenName: "Ines", FamilyName: "Initial", Password: none}, "was made by an older API, and never finished: only her administrator can help"},
	{zitadeltest.UserSeed{UserName: "ivan", GivenName: "Ivan", FamilyName: "Invited", Password: none}, "was invited (the link is with the mails), and has no way to sign in yet"},
	{zitadeltest.UserSeed{UserName: "kim", GivenName: "Kim", FamilyName: "Keyring", Password: none}, "has no way to sign in yet, in an organization without passwords"},
	{zitadeltest.UserSeed{UserName: "nina", GivenName: "Nina", FamilyName: "Newly", EmailVerified: true, Password: none}, "has no way to sign in yet: her name has a code mailed"},
	{zitadeltest.UserSeed{UserName: "sam", GivenName: "Sam", FamilyName: "Sms", EmailVerified: true, Phone: "+41791234567", PhoneVerified: true}, "gets a code by SMS (shown with the mails)"},
	{zitadeltest.UserSeed{UserName: "tina", GivenName: "Tina", FamilyName: "Totp", EmailVerified: true}, "has an authenticator app (its code is shown with the mails)"},
}

// authenticatorApp is the phone of somebody who uses one.
type authenticatorApp struct{ owner, secret string }

// seedPeople adds the people and what is special about them. It returns the
// authenticator apps that they would hold in their hands.
func seedPeople(zitadel *zitadeltest.Server, authURL string) (apps []authenticatorApp) {
	// Else everybody without a second factor would be offered one after the
	// password (ZITADEL's default is every 30 days), and nothing is kept here: a
	// plain sign-in stays plain, and grace is there for the page.
	zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 0 })
	guarded := zitadel.AddOrganization("Guarded")
	zitadel.SetLoginSettings(guarded, func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	keyring := zitadel.AddOrganization("Keyring")
	zitadel.SetLoginSettings(keyring, func(s *zitadeltest.LoginSettings) { s.AllowUsernamePassword = false })
	members := map[string]string{"grace": guarded, "kim": keyring}
	for _, p := range people {
		seed := p.seed
		seed.Email = seed.UserName + "@example.com"
		seed.OrganizationID = members[seed.UserName]
		if seed.Password == none {
			seed.Password = ""
		} else {
			seed.Password = password
		}
		id := zitadel.AddUser(seed)
		switch seed.UserName {
		case "ines":
			zitadel.MakeInitial(id)
		case "ivan":
			zitadel.Invite(id, authURL+"/verify?userId={{.UserID}}&code={{.Code}}&invite=true", "Example")
		case "erin":
			zitadel.LockUser(id)
		case "frank":
			zitadel.DeactivateUser(id)
		case "sam":
			zitadel.AddOTPSMS(id)
		case "tina":
			apps = append(apps, authenticatorApp{seed.Email, zitadel.AddTOTP(id)})
		}
	}
	return apps
}

// seedProvider adds the identity provider, and those whom it knows: Ida, who is
// here, and Noah, who is not.
func seedProvider(zitadel *zitadeltest.Server, url string) (id string) {
	id = zitadel.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: url})
	ida := zitadeltest.UpstreamUser{ID: "ida", GivenName: "Ida", FamilyName: "Provider", Email: "ida@example.com", EmailVerified: true}
	zitadel.AddUpstreamUser(id, ida)
	zitadel.AddUpstreamUser(id, zitadeltest.UpstreamUser{ID: "noah", GivenName: "Noah", FamilyName: "New", Email: "noah@provider.localhost", EmailVerified: true})
	zitadel.LinkIdentity(zitadel.UserID("ida"), id, ida)
	return id
}

// client is the application that stands for our own apps: a public client, so
// that there is no secret to hand over.
func client(zitadel *zitadeltest.Server, authURL, appURL string) zitadeltest.App {
	return zitadel.AddApp(zitadeltest.AppSeed{
		Name:                   "apps",
		RedirectURIs:           []string{authURL + "/callback"},
		PostLogoutRedirectURIs: []string{appURL + "/"},
		BackchannelLogoutURI:   authURL + "/backchannel-logout",
		IDTokenUserinfo:        true,
	})
}
