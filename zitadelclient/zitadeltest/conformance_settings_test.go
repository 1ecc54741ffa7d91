package zitadeltest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

func init() {
	scenarios = append(scenarios,
		scenario{"settings", playSettings},
		scenario{"settings changes", playSettingsChanges},
		scenario{"hosted login texts", playTranslations},
		scenario{"branding changes", playBranding},
		scenario{"provisioning", playProvisioning},
		scenario{"api", playAPI},
		scenario{"user tokens at the api", playUserTokens},
		scenario{"inactive organization", playInactiveOrganization},
	)
}

func playSettings(r *replay) {
	r.steps(
		"settings-general", "settings-login", "settings-login-idps", "settings-password-complexity", "settings-password-expiry",
		"settings-domain", "settings-legal-support", "settings-lockout", "settings-security", "settings-login-org",
		"settings-login-instance", "settings-lockout-org", "settings-login-unknown-org", "settings-login-nobody", "settings-security-admin",
		"settings-branding",
	)
}

func playSettingsChanges(r *replay) {
	r.steps("settings-legal-set", "settings-legal-support-links", "settings-legal-support-links-de", "settings-password-expiry-set", "settings-password-expiry-days")
	uid := r.user("expn-r6b029ec1", "400703436401675302", withoutPassword)
	r.step("user-get-no-password")
	r.do("POST", "/v2/users/"+uid+"/password", object{"newPassword": object{"password": "Password1!"}})
	r.step("user-get-password-changed-date")
	org := r.z.AddOrganization("Settings r6b029ec1")
	r.bind("400703430831639590", org)
	r.steps("settings-domain-set-org", "settings-domain-org")
	r.user("dom-r6b029ec1", "400703440210103334", withoutPassword, func(u *UserSeed) { u.OrganizationID = org })
	r.steps("user-get-suffixed-login-name", "session-create-bare-login-name-suffix-org", "session-create-suffixed-login-name")
	r.steps("settings-languages-restrict", "settings-default-language-unsupported")
	r.do("PUT", "/admin/v1/languages/default/de", object{}, admin(""))
	r.step("settings-general-restricted")
	r.do("PUT", "/admin/v1/languages/default/en", object{}, admin(""))
	r.do("PUT", "/admin/v1/restrictions", object{"allowedLanguages": object{"list": []string{}}}, admin(""))
	r.step("settings-general-restored")
}

func playTranslations(r *replay) {
	org := r.z.AddOrganization("Settings r6b029ec1")
	r.bind("400703430831639590", org)
	r.steps(
		"settings-translation", "settings-translation-set-org", "settings-translation-org", "settings-translation-org-region",
		"settings-translation-org-own-only", "settings-translation-system", "settings-translation-instance-own-only",
		"settings-translation-unknown-locale", "settings-translation-garbled-locale", "settings-translation-no-level",
		"settings-translation-set-login-client",
	)
}

func playBranding(r *replay) {
	r.bind("400703430831639590", r.z.AddOrganization("Settings r6b029ec1"))
	r.bind("400692564413385766", r.z.instanceID)
	before := r.do("GET", "/admin/v1/policies/label", nil, admin(""))["policy"]
	r.steps(
		"settings-branding-set", "settings-branding-upload-logo", "settings-branding-upload-logo-dark", "settings-branding-upload-icon",
		"settings-branding-not-activated", "settings-branding-activate",
	)
	themes := r.step("settings-branding-full")["settings"].(map[string]any)
	logo := text(themes["lightTheme"].(map[string]any)["logoUrl"])
	r.bind("logo-400703431905381414", logo[strings.LastIndex(logo, "/")+1:])
	r.steps("settings-branding-org", "settings-branding-logo-file")
	for _, part := range []string{"logo", "logo_dark", "icon"} {
		r.do("DELETE", "/admin/v1/policies/label/"+part, nil, admin(""))
	}
	delete(before.(map[string]any), "details")
	r.do("PUT", "/admin/v1/policies/label", before, admin(""))
	r.do("POST", "/admin/v1/policies/label/_activate", object{}, admin(""))
	r.step("settings-branding-restored")
}

// playProvisioning is what an administrator does before torhaus can run.
func playProvisioning(r *replay) {
	r.steps(
		"provision-create-machine", "provision-add-key", "provision-add-pat",
		"provision-add-instance-member", "provision-add-instance-member-again", "provision-create-project",
		"provision-app-none", "provision-app-basic", "provision-app-private-key-jwt", "provision-app-key", "provision-get-app",
		"provision-list-orgs", "provision-orgs-by-domain",
	)
}

func playAPI(r *replay) {
	// Just after its start the real one answers what only a fault can here.
	body := string(mustJSON(r.recordings["api-unavailable-just-after-start"].Response.Body))
	r.z.Fault(Fault{Path: "/v2/settings", Status: http.StatusServiceUnavailable, Body: body, Times: 1})
	r.steps(
		"api-unavailable-just-after-start", "api-wrong-host", "api-unknown-path", "api-wrong-method", "api-no-token", "api-garbled-token",
		"api-pat-ok", "health-ready", "health-healthz", "cors-preflight", "cors-preflight-token",
		"grpc-web-style-wrong-content-type", "orgid-header-other-org",
	)
	r.step("api-basic-instead-of-bearer", basic("a", "b"))
}

// apiScope asks for the audience that the API wants.
const apiScope = "openid urn:zitadel:iam:org:project:id:zitadel:aud"

// accessTokenFor signs in to web-pkce for a scope and returns the access token.
func (r *replay) accessTokenFor(session link, scope string) string {
	r.t.Helper()
	fields := url.Values{
		"grant_type": {"authorization_code"}, "code": {r.code("app_pkce", session, url.Values{"scope": {scope}})},
		"code_verifier": {verifier}, "redirect_uri": {fixtureRedirects[0]}, "client_id": {r.apps["app_pkce"].ClientID},
	}
	request := httptest.NewRequest("POST", "/oauth/v2/token", strings.NewReader(fields.Encode()))
	request.Host = r.z.issuer.Host
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	tokens, _ := r.send(request).Body.(map[string]any)
	return text(tokens["access_token"])
}

func playUserTokens(r *replay) {
	alice := r.signedIn(r.state["alice"], "Password1!")
	r.links("api-user-token-finalize", alice)
	r.asks("api-user-token-authrequest", "app_pkce", nil)
	r.asks("api-user-token-finalize", "app_pkce", nil)
	r.step("api-user-token-no-api-audience", as(r.accessTokenFor(alice, "openid profile")))
	r.tokens["alice, user token with API audience"] = r.accessTokenFor(alice, apiScope)
	r.steps(
		"api-user-token-self", "api-user-token-other", "api-user-token-create-session", "api-user-token-authrequest", "api-user-token-finalize",
	)
	ended := r.accessTokenFor(alice, "openid")
	r.do("DELETE", "/v2/sessions/"+alice.id, object{})
	r.step("api-userinfo-head", as(ended))
}

func playInactiveOrganization(r *replay) {
	org := r.z.AddOrganization("Own r6b029ec1")
	r.bind("400703410564828198", org)
	uid := r.user("orgoff-r6b029ec1", "400703419003702310", func(u *UserSeed) { u.OrganizationID = org })
	session := r.signedIn(uid, "Password1!")
	r.bind("400703420631092262", session.id)
	r.links("org-inactive-callback", session)
	before := r.signIn("app_pkce", session)
	r.tokens["access token"] = text(before["access_token"])
	r.bind(r.field("org-inactive-refresh", "refresh_token"), text(before["refresh_token"]))
	r.codeFor("org-inactive-token", "app_pkce", session, nil)
	r.asks("org-inactive-callback", "app_pkce", nil)
	r.verifierFor("org-inactive-token-new")
	r.steps(
		"org-deactivate", "org-inactive-session-create", "org-inactive-session-get", "org-inactive-user-get", "org-inactive-user-search",
		"org-inactive-token", "org-inactive-callback", "org-inactive-token-new", "org-inactive-userinfo", "org-inactive-refresh",
		"org-inactive-authorize-scope", "org-inactive-search", "org-reactivate",
	)
}
