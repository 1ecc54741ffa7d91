package zitadeltest

import (
	"strings"
	"time"
)

func init() {
	scenarios = append(scenarios,
		scenario{"sign-up", playSignUp},
		scenario{"user reads", playUserReads},
		scenario{"user search", playUserSearch},
		scenario{"e-mail", playEmail},
		scenario{"passwords", playPasswords},
		scenario{"messages", playMessages},
		scenario{"phone", playPhone},
		scenario{"invitations", playInvitations},
	)
}

func playSignUp(r *replay) {
	r.bind("<CODE_VERIFIER_1>", strings.Repeat("x", 43)) // a run of the letter that the recorder took for one
	r.steps(
		"user-create-ok-returncode", "user-create-duplicate-username", "user-create-duplicate-email-other-username",
		"user-create-no-username", "user-create-weak-password-short", "user-create-weak-password-no-symbol",
		"user-create-weak-password-no-upper", "user-create-weak-password-no-number", "user-create-weak-password-no-lower",
		"user-create-bad-email", "user-create-no-profile", "user-create-empty-givenname", "user-create-long-name",
		"user-create-unknown-org", "user-create-no-org", "user-create-nobody", "user-create-malformed", "user-create-sendcode",
		"user-create-bad-urltemplate", "user-create-default-mail", "user-create-v2-new", "user-create-v2-new-duplicate",
	)
	r.z.SetLoginSettings("", func(s *LoginSettings) { s.AllowRegister = false })
	r.step("user-create-register-disallowed")
}

func playUserReads(r *replay) {
	r.steps(
		"user-create-ok-returncode", "user-create-duplicate-email-other-username", "user-get-ok", "user-get-unknown", "user-get-nobody",
		"user-get-machine", "user-list-by-loginname", "user-list-by-email", "user-list-or-query", "user-list-none", "user-list-nobody",
		"user-authmethods-password", "user-mfa-skip", "user-metadata-set", "user-metadata-list", "user-update-human",
	)
	r.user("inv-r6b0297ab", "400700423968656422", withoutPassword)
	r.steps("user-delete-login-client", "user-delete-admin")
	keys := r.user("pko-r6b029ec1", "400703393972096038", withoutPassword)
	r.z.AddPasskey(keys, "example.localhost", NewAuthenticator())
	r.steps(
		"user-authmethods-domain-example-localhost", "user-authmethods-domain-auth-example-localhost",
		"user-authmethods-domain-other-test", "user-authmethods-domain-without",
	)
}

func playUserSearch(r *replay) {
	second := r.z.AddOrganization("Search r6b029ec1")
	r.bind("400703425781697574", second)
	shared := func(u *UserSeed) { u.Email, u.Password = "shared-r6b029ec1@example.com", "" }
	r.user("sea-r6b029ec1", "400703425848806438", shared, func(u *UserSeed) { u.Phone, u.PhoneVerified = "+41795333825", true })
	r.user("seb-r6b029ec1", "400703425865583654", shared, func(u *UserSeed) { u.OrganizationID = second })
	r.steps(
		"user-search-email-two-orgs", "user-search-email-upper-case", "user-search-email-in-org", "user-search-email-limit-1",
		"user-search-phone", "user-search-phone-spaces", "user-search-or-limit", "user-search-human-active",
		"user-search-in-user-ids", "user-search-in-user-emails", "user-search-wildcard", "user-search-empty-email",
		"user-search-limit-too-big", "user-create-same-username-other-org",
	)
}

func playEmail(r *replay) {
	r.steps("user-create-ok-returncode")
	r.bind("g0jxd2", strings.ToLower(r.bound["G0JXD2"])+"x") // a code of digits alone has no lower case
	r.steps(
		"email-verify-wrong", "email-verify-empty", "email-verify-lowercase", "email-verify-ok", "email-verify-again",
		"email-verify-unknown-user", "email-resend-verified",
	)
	seed := object{
		"username": "rs-r6b0297ab", "profile": object{"givenName": "Test", "familyName": "rs"},
		"email": object{"email": "rs-r6b0297ab@example.com", "returnCode": object{}},
	}
	uid := text(r.do("POST", "/v2/users/human", seed)["userId"])
	r.bind("400700417979190310", uid)
	r.steps("email-resend-ok", "email-send-ok", "email-set", "email-set-same")
	expiring := r.do("POST", "/v2/users/"+uid+"/email/resend", object{"returnCode": object{}})
	r.bind("SG0A6K", text(expiring["verificationCode"]))
	r.z.Advance(2 * time.Hour)
	r.step("email-verify-expired")
}

func playPasswords(r *replay) {
	uid := r.user("pw-r6b0297ab", "400700424102874150")
	r.steps(
		"password-reset-returncode", "password-set-wrong-code", "password-set-weak", "password-set-code-ok", "password-set-code-reuse",
		"password-set-current-ok", "password-set-current-wrong", "password-set-same", "password-set-no-verification",
		"password-set-nobody", "password-set-unknown-user", "password-reset-unknown-user", "password-reset-nobody",
		"password-reset-sendlink", "password-reset-default",
	)
	expiring := r.do("POST", "/v2/users/"+uid+"/password_reset", object{"returnCode": object{}})
	r.bind("U16I7W", text(expiring["verificationCode"]))
	r.z.Advance(2 * time.Hour)
	r.step("password-set-expired-code")
	r.user("unvpw-r6b0297ab", "400700438715829286", unverified)
	r.steps("password-reset-unverified-email", "password-set-unverified-email", "user-get-after-reset")
	r.user("chg2-r6b0297ab", "400700442020940838", changeRequired)
	r.steps("password-set-change-required", "user-get-after-change-required")
}

func playMessages(r *replay) {
	r.user("msg-r6b029ec1", "400703428348611622", withoutPassword, func(u *UserSeed) { u.Phone = "+41785333825" })
	r.user("msgnp-r6b029ec1", "400703428617047078", withoutPassword)
	r.steps("password-reset-sms", "password-reset-sms-no-phone", "password-reset-bad-template", "password-reset-long-template")
}

func playPhone(r *replay) {
	r.user("ph-r6b0297ab", "400700467337759782")
	r.steps("phone-set", "phone-verify-wrong", "phone-verify-ok", "phone-set-garbled")
	r.user("msgnp-r6b029ec1", "400703428617047078", withoutPassword)
	r.steps(
		"phone-set-sendcode", "phone-resend-returncode", "phone-verify-old", "phone-verify-resent", "phone-verify-again",
		"phone-resend-verified", "phone-resend-none", "phone-remove", "phone-remove-again",
	)
}

func playInvitations(r *replay) {
	r.user("inv-r6b0297ab", "400700423968656422", withoutPassword)
	r.steps("invite-create", "invite-verify-wrong", "invite-verify-ok")
	invited := r.user("msginv-r6b029ec1", "400703429623680038", withoutPassword, unverified)
	r.user("msgdef-r6b029ec1", "400703430311545894", withoutPassword)
	r.steps("invite-sendcode-template", "invite-resend", "invite-sendcode-again", "invite-default", "invite-has-password")
	code := text(r.do("POST", "/v2/users/"+invited+"/invite_code", object{"returnCode": object{}})["inviteCode"])
	r.do("POST", "/v2/users/"+invited+"/invite_code/verify", object{"verificationCode": code})
	r.steps("user-get-after-invite", "invite-resend-used")
}
