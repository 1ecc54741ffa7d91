package zitadeltest

import "net/url"

func init() {
	scenarios = append(scenarios,
		scenario{"end_session", playEndSession},
		scenario{"tokens after changes", playTokenLifecycle},
		scenario{"old session after a password change", playOldSession},
		scenario{"our own client", playOwnClient},
		scenario{"the user changes before the exchange", playUserChanges},
	)
}

func playEndSession(r *replay) {
	signIn := func() (session link, tokens map[string]any) {
		session = r.signedIn(r.state["alice"], "Password1!")
		return session, r.signIn("app_pkce", session)
	}
	_, first := signIn()
	_, second := signIn()
	_, third := signIn()
	r.bind("<ID_TOKEN_24>", text(first["id_token"]))
	r.bind("<ID_TOKEN_26>", text(second["id_token"]))
	r.bind(r.field("endsession-post", "id_token_hint"), text(third["id_token"]))
	r.bind(r.field("refresh-after-endsession", "refresh_token"), text(first["refresh_token"]))
	r.steps(
		"endsession-no-hint", "endsession-logout-hint", "endsession-nothing", "endsession-bad-redirect",
		"endsession-redirect-without-client", "endsession-garbled-hint", "endsession-hint-ok",
	)
	r.step("userinfo-after-endsession", as(text(first["access_token"])))
	refreshed := text(r.tokenStep("refresh-after-endsession")["access_token"])
	r.step("userinfo-refreshed-after-endsession", as(refreshed))
	r.step("introspect-refreshed-after-endsession", basic(r.apps["app_api"].ClientID, r.apps["app_api"].ClientSecret))
	r.steps("endsession-hint-again", "endsession-hint-no-redirect", "endsession-post")

	session, tokens := signIn()
	r.do("DELETE", "/v2/sessions/"+session.id, object{"sessionToken": session.token})
	r.bind(r.field("refresh-after-session-delete", "refresh_token"), text(tokens["refresh_token"]))
	r.step("userinfo-after-session-delete", as(text(tokens["access_token"])))
	r.tokenStep("refresh-after-session-delete")
}

// playTokenLifecycle changes the password, then locks and deletes the user.
func playTokenLifecycle(r *replay) {
	user := r.user("life-r6b0297ab", "400700392561708070")
	session := r.signedIn(user, "Password1!")
	r.codeFor("token-code-session-deleted", "app_pkce", session, nil)
	r.do("DELETE", "/v2/sessions/"+session.id, object{})
	r.step("token-code-session-deleted")

	session = r.signedIn(user, "Password1!")
	tokens := r.signIn("app_pkce", session)
	r.do("POST", "/v2/users/"+user+"/password", object{"newPassword": object{"password": "Password1!x"}})
	r.step("userinfo-after-password-change", as(text(tokens["access_token"])))
	r.finalizes("callback-after-password-change", "", session, nil)
	r.bind(r.field("refresh-after-password-change", "refresh_token"), text(tokens["refresh_token"]))
	refreshed := text(r.tokenStep("refresh-after-password-change")["access_token"])

	r.z.LockUser(user)
	r.step("userinfo-locked-user", as(refreshed))
	r.step("refresh-locked-user")
	r.finalizes("callback-locked-user", "token-locked-user", session, nil)
	r.z.DeleteUser(user)
	r.finalizes("callback-deleted-user", "", session, nil)
}

// playOldSession: the session forgets its password factor, the token does not.
func playOldSession(r *replay) {
	user := r.user("pws-r6b029ec1", "400703395280718886")
	session := r.signedIn(user, "Password1!")
	r.do("POST", "/v2/users/"+user+"/password", object{"newPassword": object{"password": "Password3!"}})
	r.finalizes("callback-session-before-password-change", "token-session-before-password-change", session, nil)
}

func playOwnClient(r *replay) {
	session := r.signedIn(r.user("own-r6b029ec1", "400703407309982758"), "Password1!")
	r.links("own-callback-sso", session)
	r.bind("400703410564828198", r.z.AddOrganization("Own r6b029ec1"))
	r.bind("<ID_TOKEN_23>", text(r.signIn("app_pkce", r.signedIn(r.state["bob"], ""))["id_token"]))
	for _, name := range []string{
		"sso", "prompt-none", "prompt-login", "max-age", "id-token-hint", "id-token-hint-other-user", "org-scope-other",
	} {
		r.step("own-authorize-"+name, ourChallenge)
		r.verifierFor("own-token-" + name)
		r.steps("own-authrequest-"+name, "own-callback-"+name)
		r.tokenStep("own-token-" + name)
	}
	r.step("own-authorize-unknown-login-client")
	// Which login client the request names changes nothing, so it names none.
	r.asks("own-authrequest-other-login-client", "app_pkce", url.Values{})
	r.steps("own-authrequest-other-login-client", "own-callback-other-login-client")
}

func playUserChanges(r *replay) {
	user := r.user("own-r6b029ec1", "400703407309982758")
	session := r.signedIn(user, "Password1!")
	r.codeFor("own-token-user-locked-after-finalize", "app_pkce", session, nil)
	r.z.LockUser(user)
	r.step("own-token-user-locked-after-finalize")
	r.z.ReactivateUser(user)
	r.codeFor("own-token-user-deactivated-after-finalize", "app_pkce", session, nil)
	r.z.DeactivateUser(user)
	r.step("own-token-user-deactivated-after-finalize")
	r.z.ReactivateUser(user)
	r.codeFor("own-token-user-deleted-after-finalize", "app_pkce", session, nil)
	tokens := r.signIn("app_pkce", session)
	r.z.DeleteUser(user)
	r.step("own-token-user-deleted-after-finalize")
	r.step("own-userinfo-user-deleted", as(text(tokens["access_token"])))
	r.bind(r.field("own-refresh-user-deleted", "refresh_token"), text(tokens["refresh_token"]))
	r.step("own-refresh-user-deleted")
}
