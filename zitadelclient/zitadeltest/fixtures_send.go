package zitadeltest

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/smtp"
	"time"
)

// Where the recorder's sinks listen.
const (
	mailSink = "127.0.0.1:2525"
	smsSink  = "http://127.0.0.1:2580/sms"
)

// postMail sends a mail out by SMTP, in fixtures mode only. Nobody waits for
// it, and a sink that is not there is not missed.
func (s *Server) postMail(m Mail) {
	if !s.config.Fixtures {
		return
	}
	body := fmt.Sprintf("From: Example ID <noreply@example.com>\r\nReturn-Path: noreply@example.com\r\nTo: %s\r\nCc: \r\nSubject: %s\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/html; charset=\"UTF-8\"\r\n\r\n<p>%s</p>\r\n<a href=\"%s\">%s</a>\r\n",
		m.To, m.Subject, m.Text, html.EscapeString(m.Link), m.Subject)
	go func() { _ = smtp.SendMail(mailSink, nil, "noreply@example.com", []string{m.To}, []byte(body)) }()
}

// postSMS posts an SMS to the webhook, in fixtures mode only.
func (s *Server) postSMS(u *user, m SMS) {
	if !s.config.Fixtures {
		return
	}
	body := mustJSON(s.smsPayload(u, m))
	go func() {
		client := http.Client{Timeout: 2 * time.Second}
		if response, err := client.Post(smsSink, "application/json", bytes.NewReader(body)); err == nil {
			_ = response.Body.Close()
		}
	}()
}

// smsEvents are what ZITADEL calls the reasons for an SMS, and what it calls
// their texts. Those of one-time codes are not translated.
var smsEvents = map[string]struct{ event, text, title, button string }{
	"verify-phone":   {"user.human.phone.code.added", "VerifyPhone", "Zitadel - Verify phone", "Verify phone"},
	"password-reset": {"user.human.password.code.added", "PasswordReset", "Zitadel - Reset password", "Reset password"},
	"otp-sms":        {"session.otp.sms.challenged", "VerifySMSOTP", "VerifySMSOTP.Title", "VerifySMSOTP.ButtonText"},
}

// smsPayload is what the webhook of an SMS provider receives.
func (s *Server) smsPayload(u *user, m SMS) object {
	words, h, theme := smsEvents[m.Kind], u.human, effective(s, u.orgID, brandingPolicy).value.Light
	template := object{
		"title": words.title, "preHeader": words.button, "subject": wording[m.Kind].subject, "greeting": "Hello " + h.displayName + ",",
		"text": m.Text, "url": m.Link, "buttonText": words.button, "primaryColor": theme.PrimaryColor,
		"backgroundColor": theme.BackgroundColor, "fontColor": theme.FontColor,
		"fontFamily": "-apple-system, BlinkMacSystemFont, Segoe UI, Lato, Arial, Helvetica, sans-serif", "footerText": words.text + ".Footer",
	}
	verifiedPhone, verifiedEmail := "", ""
	if h.phoneVerified {
		verifiedPhone = h.phone
	}
	if h.emailVerified {
		verifiedEmail = h.email
	}
	login := s.loginName(u)
	args := object{
		"changeDate": timestamp(u.changed), "creationDate": timestamp(u.created), "displayName": h.displayName, "firstName": h.givenName,
		"lastName": h.familyName, "nickName": h.nickName, "lastEmail": h.email, "verifiedEmail": verifiedEmail, "lastPhone": h.phone,
		"verifiedPhone": verifiedPhone, "loginName": login, "loginNames": s.loginNames(u), "preferredLoginName": login,
		"userID": u.id, "userName": u.userName, "orgID": u.orgID,
	}
	switch m.Kind {
	case "otp-sms":
		maps.Copy(args, object{"oTP": m.Code, "domain": s.issuer.Hostname(), "origin": s.config.Issuer, "expiry": int64(5 * time.Minute)})
	case "verify-phone":
		maps.Copy(args, object{"code": m.Code, "domain": s.issuer.Hostname()})
	default:
		args["code"] = m.Code
	}
	return object{
		"contextInfo": object{
			"eventType": words.event, "provider": object{"id": s.instanceID, "description": "sink"}, "recipientPhoneNumber": m.To,
		},
		"templateData": compact(template), "args": args,
	}
}
