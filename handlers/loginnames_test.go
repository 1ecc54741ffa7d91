package handlers_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"torhaus/zitadelclient"
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

// Whoever comes for one organization need not type the domain that its login names
// end in: neither where the client names it by the domain, nor by the id.
func TestLoginNameWithoutTheDomainAskedFor(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	w.zitadel.SetDomainSettings("", func(d *zitadeltest.DomainSettings) { d.LoginNameIncludesDomain = true })
	w.addPerson(func(u *zitadeltest.UserSeed) { u.OrganizationID, u.GivenName = acme, "Robert" })
	w.addPerson() // of the default organization, by the same user name
	for _, scope := range []string{"urn:zitadel:iam:org:domain:primary:" + w.domainOf("acme"), "urn:zitadel:iam:org:id:" + acme} {
		asked := strings.Replace(w.authorizeURL(""), "scope=openid", "scope=openid+"+url.QueryEscape(scope), 1)
		for _, name := range []string{"bob", "Bob", "bob@" + w.domainOf("acme")} {
			newBrowser(t).open(asked).at("/loginname").fill(map[string]string{"loginName": name}).typePassword(password).at("/cb")
		}
		newBrowser(t).open(asked).fill(map[string]string{"loginName": "bob@" + w.domainOf("example")}).refused("/loginname", "User not found in the system")
		newBrowser(t).open(asked).fill(map[string]string{"loginName": strings.Repeat("b", 200)}).refused("/loginname", "User not found in the system")
	}
	w.typeName("bob").refused("/loginname", "User not found in the system") // of which, nobody can know
}

// addClaimants are newer users who say of bob's address and number that it is theirs.
func (w *world) addClaimants(n int) {
	for i := range n {
		w.addPerson(func(u *zitadeltest.UserSeed) {
			u.UserName, u.Phone, u.EmailVerified = fmt.Sprint("claimant", i), bobsPhone, false
		})
	}
}

// Whoever has proven an address or a number is not kept out by those who merely
// claim it, be they few or more than a search looks through.
func TestClaimedAddressKeepsNobodyOut(t *testing.T) {
	for _, n := range []int{1, 3, zitadelclient.MostUsersFound} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			w.addPerson(withPhone, func(u *zitadeltest.UserSeed) { u.UserName = "bob@example.com" })
			w.addClaimants(n)
			w.typeName("bob@example.com").typePassword(password).signedInAs("Bob Builder")
			if n < zitadelclient.MostUsersFound {
				w.typeName(bobsPhone).typePassword(password).signedInAs("Bob Builder")
			}
		})
	}
	w := newWorld(t)
	w.addPerson(withPhone)
	w.addClaimants(3)
	w.typeName("bob@example.com").typePassword(password).signedInAs("Bob Builder")
}

// Of those who merely claim an address, none is who is meant.
func TestAddressThatNobodyHasProven(t *testing.T) {
	w := newWorld(t)
	w.addClaimants(2)
	w.typeName("bob@example.com").refused("/loginname", "User not found in the system")
	w.typeName("claimant0").at("/password")
}
