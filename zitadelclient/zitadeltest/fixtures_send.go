package zitadeltest

import (
	"bytes"
	"fmt"
	"html"
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
	body := mustJSON(object{
		"contextInfo":  object{"eventType": "user.human." + m.Kind, "recipientPhoneNumber": m.To},
		"templateData": compact(object{"text": m.Text, "url": m.Link}),
		"args":         compact(object{"code": m.Code, "userID": u.id, "orgID": u.orgID, "loginName": s.loginName(u)}),
	})
	go func() {
		client := http.Client{Timeout: 2 * time.Second}
		if response, err := client.Post(smsSink, "application/json", bytes.NewReader(body)); err == nil {
			_ = response.Body.Close()
		}
	}()
}
