package main

import (
	"torhaus/zitadelclient/zitadeltest"
)

// password is everybody's.
const password = "Password1!"

// person is a seeded user and what is special about it.
type person struct {
	seed    zitadeltest.UserSeed
	special string
}

// people has one user for each thing that can stand in the way of a sign-in.
var people = []person{
	{zitadeltest.UserSeed{UserName: "alice", GivenName: "Alice", FamilyName: "Example", EmailVerified: true}, ""},
	{zitadeltest.UserSeed{UserName: "bob", GivenName: "Bob", FamilyName: "Builder", EmailVerified: true, PreferredLanguage: "de"}, "reads German"},
	{zitadeltest.UserSeed{UserName: "carol", GivenName: "Carol", FamilyName: "Change", EmailVerified: true, ChangeRequired: true}, "must change her password"},
	{zitadeltest.UserSeed{UserName: "dave", GivenName: "Dave", FamilyName: "Doubt"}, "has an unverified e-mail address"},
	{zitadeltest.UserSeed{UserName: "erin", GivenName: "Erin", FamilyName: "Locked", EmailVerified: true}, "is locked"},
	{zitadeltest.UserSeed{UserName: "frank", GivenName: "Frank", FamilyName: "Idle", EmailVerified: true}, "is deactivated"},
}

// seedPeople adds the people.
func seedPeople(zitadel *zitadeltest.Server) {
	for _, p := range people {
		seed := p.seed
		seed.Email = seed.UserName + "@example.com"
		seed.Password = password
		id := zitadel.AddUser(seed)
		switch seed.UserName {
		case "erin":
			zitadel.LockUser(id)
		case "frank":
			zitadel.DeactivateUser(id)
		}
	}
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
