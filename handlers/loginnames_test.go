package handlers_test

import (
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// Where login names end in a domain, a user has one for every domain of the
// organization, and is found by each.
func TestEveryLoginNameSignsIn(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	w.zitadel.AddDomain(acme, "acme.example.com")
	w.zitadel.SetDomainSettings(acme, func(d *zitadeltest.DomainSettings) { d.LoginNameIncludesDomain = true })
	w.addPerson(func(u *zitadeltest.UserSeed) { u.OrganizationID = acme })
	for _, name := range []string{"bob@" + w.domainOf("acme"), "bob@acme.example.com", "BOB@Acme.example.com"} {
		w.typeName(name).typePassword(password).signedInAs("Bob Builder")
	}
}

// A user name that looks like somebody's address is no login name where those end
// in a domain: beside it nobody is found by the address, and never its impostor.
func TestUserNameAloneIsNoLoginName(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	w.zitadel.SetDomainSettings(acme, func(d *zitadeltest.DomainSettings) { d.LoginNameIncludesDomain = true })
	w.addPerson()
	w.addPerson(func(u *zitadeltest.UserSeed) {
		u.OrganizationID, u.UserName, u.GivenName, u.Password = acme, "bob@example.com", "Mallory", "Mallory1!"
	})
	w.typeName("bob@example.com").refused("/loginname", "User not found in the system")
}
