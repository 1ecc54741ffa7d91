package zitadeltest

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

func init() {
	scenarios = append(scenarios,
		scenario{"authorize", playAuthorize},
		scenario{"auth requests", playAuthRequests},
		scenario{"finalize", playFinalize},
		scenario{"finalize enforces little", playFinalizeWeaknesses},
		scenario{"finalize with an error", playFail},
	)
}

func playAuthorize(r *replay) {
	for _, topic := range slices.Sorted(maps.Keys(r.recordings)) {
		if strings.HasPrefix(topic, "authorize-") {
			r.step(topic)
		}
	}
}

const defaultScopes = "openid profile email offline_access"

func playAuthRequests(r *replay) {
	r.asks("authrequest-get-ok", "app_pkce", nil)
	r.asks("authrequest-get-hints", "app_pkce", url.Values{
		"login_hint": {"alice"}, "ui_locales": {"de en"}, "max_age": {"60"}, "prompt": {"login select_account"},
		"scope": {defaultScopes + " " + scopeOrgID + r.state["org"]},
	})
	r.asks("authrequest-get-maxage-0", "app_pkce", url.Values{"max_age": {"0"}, "prompt": {"none"}})
	session := r.signedIn(r.state["alice"], "Password1!")
	hint := text(r.signIn("app_pkce", session)["id_token"])
	r.asks("authrequest-get-hintuserid", "app_pkce", url.Values{"id_token_hint": {hint}})
	r.steps(
		"authrequest-get-ok", "authrequest-get-hints", "authrequest-get-maxage-0", "authrequest-get-hintuserid",
		"authrequest-get-unknown", "authrequest-get-garbled", "authrequest-get-too-long",
		"authrequest-get-no-token", "authrequest-get-no-permission",
	)
	id := r.authRequest("app_pkce", nil)
	r.do("POST", "/v2/oidc/auth_requests/"+id, object{"session": object{"sessionId": session.id, "sessionToken": session.token}})
	r.bind(requestID.FindString(r.recordings["authrequest-get-handled"].Request.Path), id)
	r.step("authrequest-get-handled")
}

func playFinalize(r *replay) {
	r.links("callback-ok", r.signedIn(r.state["alice"], "Password1!"))
	r.bind(r.field("callback-foreign-session-token", "session.sessionToken"), r.signedIn(r.state["bob"], "Password1!").token)
	r.asks("callback-ok", "app_pkce", nil)
	r.steps(
		"callback-garbled-session-token", "callback-foreign-session-token", "callback-unknown-session",
		"callback-no-kind", "callback-empty-token", "callback-no-permission", "callback-user-manager",
		"callback-ok", "callback-already-used", "callback-unknown-authrequest",
	)
	r.bind("<CODE_VERIFIER_1>", strings.Repeat("x", 43)) // the wrong one
	r.verifierFor("token-code-after-failed-verifier")
	r.step("token-wrong-verifier")
	tokens := r.tokenStep("token-code-after-failed-verifier")
	r.step("token-code-reuse")
	r.step("userinfo-after-code-reuse", as(text(tokens["access_token"])))
	r.step("token-code-garbled")

	r.asks("callback-form-post", "app_pkce", url.Values{"response_mode": {"form_post"}})
	r.asks("callback-fragment", "app_pkce", url.Values{"response_mode": {"fragment"}})
	r.asks("callback-no-state", "app_basic", url.Values{"state": nil, "nonce": nil})
	r.steps("callback-form-post", "callback-fragment", "callback-no-state")
}

// playFinalizeWeaknesses finalizes what a careful server would refuse.
func playFinalizeWeaknesses(r *replay) {
	expired := r.signedIn(r.state["alice"], "Password1!")
	r.links("callback-expired-session", expired)
	r.z.ExpireSessions(r.state["alice"])
	r.refuses("callback-expired-session")

	r.finalizes("callback-session-user-check-only", "token-from-unauthenticated-session", r.signedIn(r.state["alice"], ""), nil)
	empty := r.do("POST", "/v2/sessions", object{})
	r.finalizes("callback-empty-session", "token-from-empty-session", link{text(empty["sessionId"]), text(empty["sessionToken"])}, nil)
	unverified := r.user("unv2-r6b0297ab", "", func(u *UserSeed) { u.EmailVerified = false })
	r.finalizes("callback-unverified-email", "token-unverified-email", r.signedIn(unverified, "Password1!"), nil)
	other := url.Values{"scope": {defaultScopes + " " + scopeOrgID + r.state["lockout_org"]}}
	r.finalizes("callback-org-scope-other-org", "token-org-scope-other-org", r.signedIn(r.state["alice"], "Password1!"), other)
	r.finalizes("callback-machine-user-session", "token-machine-user-session", r.signedIn(r.state["login-bff"], ""), nil)

	deleted := r.signedIn(r.state["alice"], "Password1!")
	r.do("DELETE", "/v2/sessions/"+deleted.id, object{})
	r.links("callback-deleted-session", deleted)
	r.refuses("callback-deleted-session")

	r.z.SetLoginSettings("", func(l *LoginSettings) { l.ForceMFA = true })
	r.finalizes("callback-force-mfa-password-only", "", r.signedIn(r.state["alice"], "Password1!"), nil)

	r.z.RequireGrant(r.state["project"], true)
	r.links("callback-project-role-check", r.signedIn(r.state["alice"], "Password1!"))
	r.refuses("callback-project-role-check")
}

// refuses plays a finalize that issues nothing.
func (r *replay) refuses(topic string) {
	r.t.Helper()
	r.asks(topic, "app_pkce", nil)
	r.step(topic)
}

// finalizes plays a finalize of app_pkce and the exchange of its code.
func (r *replay) finalizes(callback, exchange string, session link, over url.Values) {
	r.t.Helper()
	r.links(callback, session)
	r.asks(callback, "app_pkce", over)
	r.step(callback)
	if exchange != "" {
		r.verifierFor(exchange)
		r.tokenStep(exchange)
	}
}

func playFail(r *replay) {
	for _, topic := range []string{"callback-error-access-denied", "callback-error-login-required", "callback-error-unknown-enum"} {
		r.refuses(topic)
	}
	r.links("callback-session-after-error", r.signedIn(r.state["alice"], "Password1!"))
	r.steps("callback-error-again", "callback-session-after-error", "callback-error-unknown-request")
}
