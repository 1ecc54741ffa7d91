package zitadeltest

import (
	"maps"
	"net/url"
	"slices"
)

func init() {
	scenarios = append(scenarios, scenario{"identity providers", playProviders}, scenario{"identity links", playLinks})
}

// ida is whom the recorder was at its own provider.
var ida = UpstreamUser{
	ID: "ida-r6b0297ab", GivenName: "Ida", FamilyName: "Provider", Language: "en",
	Email: "ida-r6b0297ab@idp.example.com", EmailVerified: true,
}

// intent starts an intent that was not recorded, in place of the recorded one.
func (r *replay) intent(recordedID string) {
	r.t.Helper()
	started := r.do("POST", "/v2/idp_intents", object{
		"idpId": r.state["idp_oidc"], "urls": object{
			"successUrl": "http://auth.example.localhost:8400/idp/success", "failureUrl": "http://auth.example.localhost:8400/idp/failure",
		},
	})
	address, err := url.Parse(text(started["authUrl"]))
	if err != nil {
		r.t.Fatal(err)
	}
	r.bind(recordedID, address.Query().Get("state"))
}

func playProviders(r *replay) {
	provider := r.state["idp_oidc"]
	r.steps("idp-get", "idp-get-unknown")
	started := r.step("idp-intent-start-oidc")
	r.authURL("idp-authurl-parsed", text(started["authUrl"]))
	r.bind("<IDP_CODE_1>", r.z.UpstreamCode(provider, ida))
	r.steps(
		"idp-callback-success", "idp-callback-replay", "idp-intent-retrieve", "idp-intent-retrieve-wrong-token",
		"idp-intent-retrieve-unknown", "idp-intent-retrieve-nobody", "session-intent-unlinked", "user-create-from-intent",
		"session-intent-ok", "session-intent-reuse", "idp-intent-retrieve-consumed", "idp-links-list",
	)
	r.intent("400700473494998054")
	r.bind("<IDP_CODE_2>", r.z.UpstreamCode(provider, ida))
	r.steps("idp-callback-success-linked", "idp-intent-retrieve-linked", "session-intent-other-user", "session-intent-linked-ok")
	r.intent("400700473629215782")
	r.steps("idp-callback-denied", "idp-callback-unknown-state")
	r.intent("400700473645992998")
	r.steps("idp-callback-bad-code", "idp-intent-retrieve-not-succeeded")
	r.steps("idp-intent-start-unknown", "idp-intent-start-no-urls", "idp-intent-start-nobody", "idp-intent-ldap-with-urls")
}

// authURL holds the address that a browser is sent to against the recorded parts.
func (r *replay) authURL(topic, got string) {
	r.t.Helper()
	want := r.recordings[topic].AuthURL
	u, err := url.Parse(got)
	if err != nil {
		r.t.Fatal(err)
	}
	state := u.Query().Get("state")
	wanted := url.Values{}
	for name, value := range want.Query {
		wanted.Set(name, value)
	}
	wanted.Set("state", state)
	r.results[topic] = ""
	if base := u.Scheme + "://" + u.Host + u.Path; base != want.Base || len(state) != 18 || !maps.EqualFunc(wanted, u.Query(), slices.Equal) {
		r.results[topic] = got
	}
}

func playLinks(r *replay) {
	r.steps("idp-link-add", "idp-link-add-again", "idp-link-remove", "idp-link-remove-again")
}
