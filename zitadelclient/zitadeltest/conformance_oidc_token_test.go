package zitadeltest

import (
	"net/url"
	"time"
)

func init() {
	scenarios = append(scenarios,
		scenario{"code exchange", playCodeExchange},
		scenario{"client authentication", playClientAuthentication},
		scenario{"refresh", playRefresh},
		scenario{"userinfo, introspection, revocation", playTokenUse},
		scenario{"introspection by others", playIntrospection},
		scenario{"revocation by others", playRevocation},
	)
}

func playCodeExchange(r *replay) {
	alice := r.signedIn(r.state["alice"], "Password1!")
	r.bind(r.field("token-code-no-verifier", "code"), r.code("app_pkce", alice, nil))
	r.codeFor("token-code-wrong-redirect", "app_pkce", alice, nil)
	r.codeFor("token-code-other-client", "app_pkce", alice, nil)
	r.codeFor("token-code-unknown-client", "app_pkce", alice, nil)
	r.codeFor("token-code-ok-fresh", "app_pkce", alice, nil)
	r.codeFor("token-jwt-access-token", "app_jwtat", alice, nil)
	r.codeFor("token-scope-openid-only", "app_pkce", alice, url.Values{"scope": {"openid"}})
	r.codeFor("token-zitadel-scopes", "app_pkce", alice, url.Values{
		"scope": {defaultScopes + " " + scopeResourceOwner + " " + scopeMetadata + " " + scopeProjectsRoles},
	})
	for _, topic := range []string{
		"token-code-no-verifier", "token-code-wrong-redirect", "token-code-other-client", "token-code-unknown-client",
		"token-code-ok-fresh", "token-jwt-access-token", "token-scope-openid-only", "token-zitadel-scopes",
	} {
		r.tokenStep(topic)
	}
}

func playClientAuthentication(r *replay) {
	alice, web := r.signedIn(r.state["alice"], "Password1!"), r.apps["app_basic"]
	r.codeFor("token-basic-wrong-secret", "app_basic", alice, nil)
	r.step("token-basic-wrong-secret", basic(web.ClientID, "wrong"))
	r.step("token-basic-no-auth")
	r.codeFor("token-basic-ok", "app_basic", alice, nil)
	r.tokenStep("token-basic-ok", basic(web.ClientID, web.ClientSecret))

	r.codeFor("token-post-ok", "app_post", alice, nil)
	r.bind(r.field("token-post-ok", "client_secret"), r.apps["app_post"].ClientSecret)
	r.tokenStep("token-post-ok")

	good := r.clientAssertion()
	r.codeFor("token-pkjwt-ok", "app_pkjwt", alice, nil)
	r.bind(r.field("token-pkjwt-ok", "client_assertion"), good.sign(r.t))
	r.tokenStep("token-pkjwt-ok")
	r.codeFor("token-pkjwt-expired", "app_pkjwt", alice, nil)
	expired, elsewhere := good, good
	expired.issued, expired.expires = good.issued.Add(-2*time.Hour), good.issued.Add(-time.Hour)
	elsewhere.audience += "/oauth/v2/token"
	r.bind(r.field("token-pkjwt-expired", "client_assertion"), expired.sign(r.t))
	r.bind(r.field("token-pkjwt-wrong-aud", "client_assertion"), elsewhere.sign(r.t))
	r.steps("token-pkjwt-expired", "token-pkjwt-wrong-aud")
}

func playRefresh(r *replay) {
	alice := r.signedIn(r.state["alice"], "Password1!")
	before := r.signIn("app_pkce", alice)
	r.bind(r.field("refresh-ok", "refresh_token"), text(before["refresh_token"]))
	r.tokenStep("refresh-ok")
	r.step("refresh-reuse")
	r.tokenStep("refresh-new-after-reuse")
	r.step("userinfo-old-access-token-after-refresh", as(text(before["access_token"])))
	r.steps("refresh-garbled", "refresh-other-client", "refresh-narrow-scope")
	r.bind(r.field("refresh-scope-escalation", "refresh_token"), text(r.signIn("app_pkce", alice)["refresh_token"]))
	r.step("refresh-scope-escalation")
}

func playTokenUse(r *replay) {
	tokens := r.signIn("app_pkce", r.signedIn(r.state["alice"], "Password1!"))
	access, api := text(tokens["access_token"]), r.apps["app_api"]
	r.bind(r.field("introspect-ok", "token"), access)
	r.bind(r.field("introspect-refresh-token", "token"), text(tokens["refresh_token"]))
	r.bind(r.field("introspect-pkjwt", "client_assertion"), r.clientAssertion().sign(r.t))
	r.step("userinfo-ok", as(access))
	r.steps("userinfo-post", "userinfo-garbled", "userinfo-no-token")
	for _, topic := range []string{"introspect-ok", "introspect-unknown", "introspect-refresh-token"} {
		r.step(topic, basic(api.ClientID, api.ClientSecret))
	}
	r.step("introspect-wrong-secret", basic(api.ClientID, "wrong"))
	r.steps("introspect-no-auth", "introspect-pkjwt", "revoke-wrong-client", "revoke-refresh-ok", "refresh-revoked")
	r.step("userinfo-after-revoke", as(access))
	r.step("revoke-garbled")
}

// playIntrospection asks about tokens of a session that checked no password.
func playIntrospection(r *replay) {
	session, api := r.signedIn(r.state["alice"], ""), r.apps["app_api"]
	other := r.z.AddApp(AppSeed{Name: "other-api", API: true, ProjectID: r.z.AddProject("tok")})
	tokens := r.signIn("app_pkce", session)
	asks := basic(api.ClientID, api.ClientSecret)
	r.bind(r.field("introspect-own-opaque", "token"), text(tokens["access_token"]))
	r.bind(r.field("introspect-jwt-access-token", "token"), text(r.signIn("app_jwtat", session)["access_token"]))
	r.bind(r.field("introspect-id-token", "token"), text(tokens["id_token"]))
	r.bind(r.field("introspect-service-token", "token"), r.tokens["login-bff (IAM_LOGIN_CLIENT)"])
	r.step("introspect-own-opaque", asks)
	r.step("introspect-other-project", basic(other.ClientID, other.ClientSecret))
	r.step("introspect-jwt-access-token", asks)
	r.step("introspect-id-token", asks)
	r.step("introspect-public-client")
	r.step("introspect-service-token", asks)

	r.do("DELETE", "/v2/sessions/"+session.id, object{})
	r.step("userinfo-session-deleted", as(text(tokens["access_token"])))
	r.bind(r.field("introspect-session-deleted", "token"), text(tokens["access_token"]))
	r.step("introspect-session-deleted", asks)
}

func playRevocation(r *replay) {
	session, api := r.signedIn(r.state["alice"], ""), r.apps["app_api"]
	tokens, jwt := r.signIn("app_pkce", session), text(r.signIn("app_jwtat", session)["access_token"])
	access := text(tokens["access_token"])
	r.bind(r.field("revoke-access-token-ok", "token"), access)
	r.bind(r.field("revoke-jwt-access-token", "token"), jwt)
	r.bind(r.field("refresh-after-access-token-revoke", "refresh_token"), text(tokens["refresh_token"]))
	r.step("revoke-access-token-other-client")
	r.step("userinfo-after-foreign-revoke", as(access))
	r.steps("revoke-access-token-no-client", "revoke-access-token-ok", "revoke-access-token-again")
	r.step("userinfo-revoked-access-token", as(access))
	r.step("introspect-revoked-access-token", basic(api.ClientID, api.ClientSecret))
	r.tokenStep("refresh-after-access-token-revoke")
	r.step("revoke-jwt-access-token")
	r.step("userinfo-revoked-jwt", as(jwt))
}
