package zitadeltest

import "time"

func init() {
	scenarios = append(scenarios,
		scenario{"session creation", playSessionCreation},
		scenario{"session states", playSessionStates},
		scenario{"session changes", playSessionChanges},
		scenario{"session tokens as bearer", playSessionBearer},
		scenario{"session search", playSessionSearch},
		scenario{"lifecycle", playLifecycle},
	)
}

// unverified and the like edit the person that a scenario adds.
func unverified(u *UserSeed)      { u.EmailVerified = false }
func withoutPassword(u *UserSeed) { u.Password = "" }
func changeRequired(u *UserSeed)  { u.ChangeRequired = true }

func playSessionCreation(r *replay) {
	r.user("user-r6b0297ab", "400700338069310502")
	r.user("nopw-r6b0297ab", "", withoutPassword)
	r.user("unver-r6b0297ab", "", unverified)
	r.user("chg-r6b0297ab", "400700351440751654", changeRequired)
	r.steps(
		"session-create-password-ok", "session-create-user-only", "session-create-by-userid", "session-create-by-email",
		"session-create-by-full-loginname", "session-create-uppercase-loginname", "session-create-empty", "session-create-full",
		"session-create-wrong-password", "session-create-wrong-password-2", "session-create-unknown-user", "session-create-unknown-userid",
		"session-create-password-without-user", "session-create-empty-password", "session-create-long-password",
		"session-create-empty-loginname", "session-create-unknown-field", "session-create-snake-case",
		"session-create-lifetime-negative", "session-create-lifetime-garbled", "session-create-malformed-json", "session-create-empty-body",
		"session-create-no-token", "session-create-no-permission", "session-create-machine-user", "session-create-user-without-password",
		"session-create-unverified-email", "session-create-password-change-required", "user-get-password-change-required",
		"session-create-unknown-user-ignored", "session-create-email-login-disabled", "accept-language-de", "accept-language-xx",
	)
}

func playSessionStates(r *replay) {
	r.user("lock-r6b0297ab", "400700354561313830")
	r.user("deactivate-r6b0297ab", "400700356239035430")
	r.steps(
		"user-lock", "session-create-locked-user", "session-create-locked-user-check-only", "user-get-locked", "user-unlock",
		"user-deactivate", "session-create-inactive-user", "session-create-inactive-user-check-only",
	)
	r.user("lockout-r6b0297ab", "400700357983865894", func(u *UserSeed) { u.OrganizationID = r.state["lockout_org"] })
	r.steps(
		"session-create-lockout-wrong-1", "session-create-lockout-wrong-2", "session-create-lockout-wrong-3",
		"session-create-lockout-right-after", "user-get-after-lockout",
	)
}

func playSessionChanges(r *replay) {
	uid := r.user("user-r6b0297ab", "400700338069310502")
	r.steps(
		"session-create-password-ok", "session-create-full", "session-get-ok-permission", "session-get-ok-token",
		"session-get-nobody-with-token", "session-get-nobody-without-token", "session-get-garbled-token", "session-get-unknown",
	)
	sid, token := r.session(uid, "")
	r.bind("400700364627643430", sid)
	r.bind("<SESSION_TOKEN_13>", token)
	r.steps(
		"session-patch-password-ok", "session-patch-old-token", "session-get-old-token", "session-patch-no-token",
		"session-patch-no-change", "session-patch-wrong-password", "session-patch-other-user", "session-patch-garbled-token",
		"session-patch-nobody", "session-patch-unknown", "session-patch-lifetime",
	)
	r.z.Advance(3 * time.Second)
	r.steps("session-get-expired", "session-patch-expired")
	checks := object{"user": object{"userId": uid}, "password": object{"password": "Password1!"}}
	r.do("POST", "/v2/sessions", object{"checks": checks, "lifetime": "1s"})
	r.steps(
		"session-list-by-ids", "session-list-by-user", "session-list-by-fingerprint", "session-list-empty", "session-list-nobody",
		"session-delete-nobody", "session-delete-garbled-token", "session-delete-ok", "session-delete-again", "session-delete-unknown",
		"session-get-deleted", "session-delete-expired",
	)
	ended, _ := r.session(uid, "")
	r.bind("400700386136034342", ended)
	r.z.TerminateSessions(uid)
	r.step("session-get-after-endsession")
}

func playSessionBearer(r *replay) {
	uid := r.user("pws-r6b029ec1", "400703395280718886")
	sid, token := r.session(uid, "Password1!")
	r.bind("400703396924886054", sid)
	r.bind("<SESSION_TOKEN_10>", token)
	r.tokens["session token of the user"] = token
	r.steps(
		"password-session-get-before", "session-token-as-bearer-get-user", "session-token-as-bearer-other-user",
		"password-session-token-current-wrong", "password-session-token-only", "password-session-token-other-user",
		"password-session-token-current-ok", "password-session-get-after", "password-session-get-after-by-token",
		"password-login-client-neither", "user-get-password-changed",
	)
	_, r.tokens["session token, user check only"] = r.session(uid, "")
	r.steps("session-token-unchecked-as-bearer", "password-unchecked-session-token-only")
}

func playSessionSearch(r *replay) {
	r.session(r.state["alice"], "Password1!")
	uid := r.user("sea-r6b029ec1", "400703425848806438", withoutPassword)
	for range 3 {
		r.session(uid, "")
	}
	r.steps(
		"session-search-user-limit", "session-search-user-offset", "session-search-no-query",
		"session-search-creator-me", "session-search-expired-after",
	)
}

// playLifecycle is what becomes of sessions when their user changes.
func playLifecycle(r *replay) {
	uid := r.user("life-r6b0297ab", "400700392561708070")
	sid, token := r.session(uid, "Password1!")
	r.bind("400700395766156326", sid)
	r.bind("<SESSION_TOKEN_31>", token)
	r.do("POST", "/v2/users/"+uid+"/password", object{"newPassword": object{"password": "Password1!x"}})
	r.step("session-get-after-password-change")
	r.z.LockUser(uid)
	r.steps("session-get-locked-user", "password-reset-locked-user")
	r.z.ReactivateUser(uid)
	r.z.DeleteUser(uid)
	r.steps("session-get-deleted-user", "user-get-deleted", "user-lock-again-unknown", "user-lock-as-login-client")
}
