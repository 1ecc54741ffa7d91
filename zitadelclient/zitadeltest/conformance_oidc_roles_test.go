package zitadeltest

import "net/url"

func init() {
	scenarios = append(scenarios,
		scenario{"roles", playRoles},
		scenario{"token exchange", playTokenExchange},
	)
}

// playRoles asks for roles in every way, by an application that asserts
// nothing and by one that asserts them. Alice has two roles in her own
// organization and one in a second.
func playRoles(r *replay) {
	alice, project := r.state["alice"], r.z.AddProject("roles")
	second := r.z.AddOrganization("Second r6b029ec1")
	r.bind("400703379526913062", project)
	r.bind("400703379543690278", second)
	r.step("roles-project-role-add")
	r.do("POST", "/management/v1/projects/"+project+"/roles", object{"roleKey": "viewer", "displayName": "Viewer"}, admin(""))
	r.steps("roles-user-grant-add", "roles-user-grant-unknown-role", "roles-project-grant-add", "roles-user-grant-add-second-org")
	seed := AppSeed{ProjectID: project, RedirectURIs: fixtureRedirects}
	r.apps["plain"] = r.z.AddApp(seed)
	seed.RoleAssertion, seed.IDTokenUserinfo, seed.JWTAccessToken = true, true, true
	r.apps["asserting"] = r.z.AddApp(seed)
	r.bind("400703379661261862", r.apps["plain"].ClientID)
	r.bind("400703379677973542", r.apps["asserting"].ClientID)
	api := r.z.AddApp(AppSeed{ProjectID: project, API: true})
	r.do("POST", "/v2/users/"+alice+"/metadata", object{"metadata": []object{{"key": "theme", "value": "ZGFyaw=="}}})
	session := r.signedIn(alice, "Password1!")

	const projectRoles = "urn:zitadel:iam:org:project:roles"
	three := func(name, app, scope string) {
		r.t.Helper()
		r.codeFor("roles-token-"+name, app, session, url.Values{"scope": {"openid profile " + scope}})
		access := text(r.tokenStep("roles-token-" + name)["access_token"])
		r.step("roles-userinfo-"+name, as(access))
		r.bind(r.field("roles-introspect-"+name, "token"), access)
		r.step("roles-introspect-"+name, basic(api.ClientID, api.ClientSecret))
	}
	withAudience := scopeProjectsRoles + " " + scopeProjectPrefix + project + ":aud"
	three("no-scope", "plain", "")
	three("project-roles", "plain", projectRoles)
	three("projects-roles", "plain", withAudience)
	three("single-role", "plain", scopeRolePrefix+"viewer")
	three("asserting-no-scope", "asserting", "")
	three("asserting-project-roles", "asserting", projectRoles)
	three("asserting-projects-roles", "asserting", withAudience)
	three("org-roles-id", "asserting", projectRoles+" "+scopeOrgRoles+second)
	three("org-id-other", "asserting", projectRoles+" "+scopeOrgID+second)
	three("resourceowner-metadata", "asserting", scopeResourceOwner+" "+scopeMetadata)
	three("resourceowner-metadata-plain", "plain", scopeResourceOwner+" "+scopeMetadata)
	r.z.projects[project].roleAssertion = true
	three("project-assertion", "plain", "")
	three("project-assertion-asserting", "asserting", "")
}

// playTokenExchange ends where an instance does that has not turned it on.
func playTokenExchange(r *replay) {
	r.bind(r.field("token-exchange-no-grant", "subject_token"), text(r.signIn("app_pkce", r.signedIn(r.state["alice"], ""))["access_token"]))
	exchanger := r.z.AddApp(AppSeed{AuthMethod: "POST", RedirectURIs: fixtureRedirects})
	client := r.z.apps[exchanger.ClientID]
	client.grantTypes = append(client.grantTypes, "OIDC_GRANT_TYPE_TOKEN_EXCHANGE")
	r.bind(r.field("token-exchange-feature-off", "client_id"), exchanger.ClientID)
	r.bind(r.field("token-exchange-feature-off", "client_secret"), exchanger.ClientSecret)
	r.step("token-exchange-no-grant")
	r.step("token-exchange-api-app", basic(r.apps["app_api"].ClientID, r.apps["app_api"].ClientSecret))
	r.step("token-exchange-feature-off")
}
