package zitadeltest

import (
	"maps"
	"regexp"
	"strings"
)

func init() {
	scenarios = append(scenarios, scenario{"mails", playMails}, scenario{"SMS", playSMS})
}

// codesInText are the codes in a message, which differ by nature.
var codesInText = regexp.MustCompile(`\b([A-Z0-9]{6}|[0-9]{8})\b`)

// mail holds the newest mail to its recipient against a recorded one: subject,
// words and link. The words end, as recorded, with those on the button.
func (r *replay) mail(topic string) {
	r.t.Helper()
	want := r.recordings[topic].Mail
	got := r.z.LastMail(want.Headers["To"])
	mask := func(text string) string { return codesInText.ReplaceAllString(r.here(text), "*") }
	problem := ""
	switch {
	case got.Subject != want.Headers["Subject"]:
		problem = "subject " + got.Subject
	case !strings.HasPrefix(mask(want.Text), mask(got.Text)):
		problem = "text " + got.Text
	case len(want.Links) != 1 || mask(want.Links[0]) != mask(got.Link):
		problem = "link " + got.Link
	case !strings.Contains(got.Link, got.Code):
		problem = "the link is without the code"
	}
	r.results[topic] = problem
}

// sms holds what the webhook would get for the newest SMS against a recording.
func (r *replay) sms(topic, userID string) {
	r.t.Helper()
	u := r.z.users[userID]
	want, got := map[string]bool{}, map[string]bool{}
	payload := decodeBody(mustJSON(r.z.smsPayload(u, r.z.LastSMS(u.human.phone))))
	collectPaths(want, r.recordings[topic].WebhookPayload, "$")
	collectPaths(got, payload, "$")
	r.results[topic] = ""
	if !maps.Equal(want, got) {
		r.results[topic] = strings.Join(without(want, got), " ") + " / " + strings.Join(without(got, want), " ")
		return
	}
	recorded := r.recordings[topic].WebhookPayload["templateData"].(map[string]any)["text"]
	here := payload.(map[string]any)["templateData"].(map[string]any)["text"]
	if mask := codesInText.ReplaceAllString(text(recorded), "*"); mask != codesInText.ReplaceAllString(text(here), "*") {
		r.results[topic] = "text " + text(here)
	}
}

func playMails(r *replay) {
	r.step("user-create-sendcode")
	r.mail("mail-verify-email")
	r.step("user-create-default-mail")
	r.mail("mail-verify-email-default-link")
	r.user("pw-r6b0297ab", "400700424102874150")
	r.step("password-reset-sendlink")
	r.mail("mail-password-reset")
	r.step("password-reset-default")
	r.mail("mail-password-reset-default-link")

	uid := r.user("otp-r6b0297ab", "400700452473146406")
	r.z.AddOTPEmail(uid)
	session := r.signedIn(uid, "Password1!")
	r.bind("400700455828589606", session.id)
	r.step("otpemail-challenge-send")
	r.mail("mail-otp-email")
	r.step("otpemail-challenge-default")
	r.mail("mail-otp-email-default-link")
	r.z.AddOTPEmail(r.user("msg-r6b029ec1", "400703428348611622", withoutPassword))
	r.step("otpemail-create-session-template")
	r.mail("mail-otp-email-template")

	r.user("msginv-r6b029ec1", "400703429623680038", withoutPassword)
	r.step("invite-sendcode-template")
	r.mail("mail-invite")
	r.step("invite-resend")
	r.mail("mail-invite-resend")
	r.step("invite-sendcode-again")
	r.mail("mail-invite-template-kept")
	r.user("msgdef-r6b029ec1", "400703430311545894", withoutPassword)
	r.step("invite-default")
	r.mail("mail-invite-default-link")
}

func playSMS(r *replay) {
	uid := r.user("otp-r6b0297ab", "400700452473146406", withPhone("+41791234567"))
	r.z.AddOTPSMS(uid)
	r.step("otpsms-challenge-send")
	r.sms("sms-webhook", uid)
	uid = r.user("msg-r6b029ec1", "400703428348611622", withoutPassword, withPhone("+41785333825"))
	r.step("password-reset-sms")
	r.sms("sms-password-reset", uid)
	r.z.AddOTPSMS(uid)
	r.step("otpsms-create-session")
	r.sms("sms-otp", uid)
	uid = r.user("msgnp-r6b029ec1", "400703428617047078", withoutPassword)
	r.step("phone-set-sendcode")
	r.sms("sms-phone-verify", uid)
}
