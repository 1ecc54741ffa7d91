package zitadeltest

import (
	"slices"
	"strings"
	"text/template"
	"time"
)

// Mail is one that was sent to a user.
type Mail struct {
	To, Subject, Text string
	Link, Code        string
	Kind              string // verify-email or password-reset
	Time              time.Time
}

// SMS is one that was sent to a user.
type SMS struct {
	To, Text   string
	Link, Code string
	Kind       string // verify-phone or password-reset
	Time       time.Time
}

type outbox struct {
	mails      []Mail
	sms        []SMS
	generators map[string]generator
}

// generator says what the codes of one purpose look like and how long they live.
type generator struct {
	length int
	expiry time.Duration
}

const (
	emailGenerator    = "SECRET_GENERATOR_TYPE_VERIFY_EMAIL_CODE"
	phoneGenerator    = "SECRET_GENERATOR_TYPE_VERIFY_PHONE_CODE"
	passwordGenerator = "SECRET_GENERATOR_TYPE_PASSWORD_RESET_CODE"
)

func defaultGenerators() map[string]generator {
	six := generator{length: 6, expiry: time.Hour}
	return map[string]generator{emailGenerator: six, phoneGenerator: six, passwordGenerator: six}
}

// newVerificationCode makes a code for a purpose.
func (s *Server) newVerificationCode(purpose string) verificationCode {
	g := s.outbox.generators[purpose]
	return verificationCode{value: newCode(g.length, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), expires: s.now().Add(g.expiry)}
}

// Mails are all mails, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.outbox.mails)
}

// LastMail is the newest mail to an address, the zero Mail if there is none.
func (s *Server) LastMail(to string) Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, mail := range slices.Backward(s.outbox.mails) {
		if strings.EqualFold(mail.To, to) {
			return mail
		}
	}
	return Mail{}
}

// SMS are all SMS, oldest first.
func (s *Server) SMS() []SMS {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.outbox.sms)
}

// linkData is what a urlTemplate may use.
type linkData struct{ UserID, OrgID, LoginName, Code string }

// renderLink fills a urlTemplate. An unknown field or a syntax error is the
// caller's fault.
func renderLink(text string, data linkData) (string, error) {
	parsed, err := template.New("").Parse(text)
	if err != nil {
		return "", invalidArgument("DOMAIN-ieYa7", "URL Template is invalid")
	}
	var link strings.Builder
	if err := parsed.Execute(&link, data); err != nil {
		return "", invalidArgument("DOMAIN-ieYa7", "URL Template is invalid")
	}
	return link.String(), nil
}

// defaultLink is what a mail links to without a urlTemplate. The doubled slash
// is ZITADEL's.
func (s *Server) defaultLink(page string, data linkData) string {
	return s.config.LoginBaseURI + "/ui/v2/login/" + page + "?code=" + data.Code + "&userId=" + data.UserID + "&organization=" + data.OrgID
}

// message is a code on its way to a user.
type message struct {
	kind, code     string
	template, page string // the urlTemplate, else the page of the default link
	sms            bool
}

// wording is what the mails of a kind say, as on the real server in English.
var wording = map[string]struct{ subject, text string }{
	"verify-email": {
		"Verify email",
		"A new email has been added. Please use the button below to verify your email. (Code %s) If you didn't add a new email, please ignore this email.",
	},
	"password-reset": {
		"Reset password",
		"We received a password reset request. Please use the button below to reset your password. (Code %s) If you didn't ask for this mail, please ignore it.",
	},
	"verify-phone": {"Verify phone", "A new phone number has been added. Please use the following code to verify it %s."},
	"invite":       {"Invitation to %s", "You have been invited. Please click the button below to finish the invite process. (Code %s)"},
}

// sendCode puts a message into the outbox. A user without a phone gets no SMS,
// and nobody is told.
func (s *Server) sendCode(u *user, m message) {
	h := u.human
	data := linkData{UserID: u.id, OrgID: u.orgID, LoginName: s.loginName(u), Code: m.code}
	link := ""
	if m.template != "" {
		link, _ = renderLink(m.template, data) // checked when the request came
	} else if m.page != "" {
		link = s.defaultLink(m.page, data)
	}
	text := strings.Replace(wording[m.kind].text, "%s", m.code, 1)
	if m.sms {
		if h.phone != "" {
			sms := SMS{To: h.phone, Text: text, Link: link, Code: m.code, Kind: m.kind, Time: s.now()}
			s.outbox.sms = append(s.outbox.sms, sms)
			s.postSMS(u, sms)
		}
		return
	}
	mail := Mail{
		To: h.email, Subject: wording[m.kind].subject, Text: "Hello " + h.displayName + ", " + text,
		Link: link, Code: m.code, Kind: m.kind, Time: s.now(),
	}
	s.outbox.mails = append(s.outbox.mails, mail)
	s.postMail(mail)
}
