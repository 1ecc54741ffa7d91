package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// A ZITADEL that is down for a moment costs nobody the way that they have come: the
// page says so, and its button sends the same form again.
func TestProviderWhileZitadelIsDown(t *testing.T) {
	down := func(method, path string) zitadeltest.Fault {
		return zitadeltest.Fault{Method: method, Path: path, Status: http.StatusServiceUnavailable, Body: `{"code":14}`, Times: 1}
	}
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)

	page := w.inbox()
	w.zitadel.Fault(down("POST", "/v2/idp_intents"))
	page = page.via(provider).with(http.StatusServiceUnavailable).saying("Sign-in is unavailable")
	page = page.fill(nil, "submit-button").there("ida")

	for _, fault := range []zitadeltest.Fault{down("POST", "/v2/idp_intents/"), down("GET", "/v2/users/"), down("POST", "/v2/sessions")} {
		w.zitadel.Fault(fault)
		page = page.at("/idp/"+provider+"/process").fill(nil, "submit-button").with(http.StatusServiceUnavailable)
	}
	page.fill(nil, "submit-button").at("/inbox")
}

// ZITADEL has used the intent, and its answer was lost: it is not tried a second
// time as if it had not, and the visitor can come again.
func TestProviderAnswerIsLost(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	w.addIda(provider)
	page := w.inbox().via(provider)
	address := page.returning("ida")
	form := page.b.open(address).at("/idp/" + provider + "/process")
	w.zitadel.UseIntents()
	form.fill(nil).at("/loginname").saying("Example ID did not sign you in").visits(provider).at("/inbox")
}

// The box to stay signed in holds for who comes by a provider, too.
func TestProviderRemembers(t *testing.T) {
	for _, ticked := range []bool{false, true} {
		w := newWorld(t)
		provider := w.addProvider()
		w.addIda(provider)
		page := w.inbox()
		method, action, form := page.form(nil, "provider-"+provider)
		if ticked {
			form.Set("remember", "on")
		}
		back := page.b.navigate(method, action, form).there("ida").at("/idp/" + provider + "/process")
		method, action, form = back.form(nil)
		response := page.b.do(method, action, form)
		_ = response.Body.Close()
		lasting := slices.ContainsFunc(response.Header["Set-Cookie"], func(line string) bool {
			return strings.HasPrefix(line, "__Host-accounts=") && strings.Contains(line, "Max-Age=")
		})
		if lasting != ticked {
			t.Errorf("ticked %t: %v", ticked, response.Header["Set-Cookie"])
		}
	}
}
