package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// Of the rules for passwords those are listed that hold, and no others: the
// organization's of whoever chooses one.
func TestOnlyRulesThatHold(t *testing.T) {
	w := newWorld(t)
	acme := w.zitadel.AddOrganization("Acme")
	w.zitadel.SetPasswordComplexity("", func(c *zitadeltest.PasswordComplexity) {
		*c = zitadeltest.PasswordComplexity{MinLength: 10, RequiresNumber: true}
	})
	w.zitadel.SetPasswordComplexity(acme, func(c *zitadeltest.PasswordComplexity) {
		*c = zitadeltest.PasswordComplexity{MinLength: 12, RequiresSymbol: true}
	})
	for query, want := range map[string][]string{"": {"length-check", "number-check"}, "&organization=" + acme: {"length-check", "symbol-check"}} {
		page := newBrowser(t).open(w.auth + "/signup?return_to=" + w.app + "/" + query).fill(map[string]string{
			"givenName": "Nora", "familyName": "New", "email": "nora@example.com", "terms": "on", "privacy": "on",
		}).at("/register/password")
		page.offering([]string{"length-check", "symbol-check", "number-check", "uppercase-check", "lowercase-check"}, want...)
		page = page.fill(map[string]string{"password": "short"}).with(http.StatusUnprocessableEntity)
		page.fill(map[string]string{"password": strings.Repeat("long", 3) + map[bool]string{true: "1", false: "!"}[query == ""]}).at("/verify")
	}
}

// A client says in which language its users read; who has chosen another here is
// believed before it.
func TestLanguageOfTheRequest(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.header.Set("Accept-Language", "en")
	for _, address := range []string{w.authorizeURL("&ui_locales=fr+de+en"), w.auth + "/login?ui_locales=de&return_to=" + w.app + "/"} {
		if page := b.open(address).at("/loginname"); !strings.Contains(page.body, `<html lang="de"`) {
			t.Errorf("%s: %.200s", address, page.body)
		}
	}
	if page := b.open(w.authorizeURL("&ui_locales=fr")); !strings.Contains(page.body, `<html lang="en"`) {
		t.Errorf("no language that we have: %.200s", page.body)
	}
}

// A machine does not sign in at a page, by whatever name.
func TestMachinesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddServiceUser("robot")
	w.typeName("robot").at("/loginname").with(http.StatusUnprocessableEntity)
}
