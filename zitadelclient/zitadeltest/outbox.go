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
	Kind              string // verify-email, password-reset, otp-email, invite or passkey
	Time              time.Time
}

// SMS is one that was sent to a user.
type SMS struct {
	To, Text   string
	Link, Code string
	Kind       string // verify-phone, password-reset or otp-sms
	Time       time.Time
}

type outbox struct {
	mails      []Mail
	sms        []SMS
	generators map[string]generator
}

// generator says what the codes of one purpose look like and how long they live.
type generator struct {
	length   int
	expiry   time.Duration
	alphabet string
}

const (
	emailGenerator    = "SECRET_GENERATOR_TYPE_VERIFY_EMAIL_CODE"
	phoneGenerator    = "SECRET_GENERATOR_TYPE_VERIFY_PHONE_CODE"
	passwordGenerator = "SECRET_GENERATOR_TYPE_PASSWORD_RESET_CODE"
	passkeyGenerator  = "SECRET_GENERATOR_TYPE_PASSWORDLESS_INIT_CODE"
	otpSMSGenerator   = "SECRET_GENERATOR_TYPE_OTP_SMS"
	otpEmailGenerator = "SECRET_GENERATOR_TYPE_OTP_EMAIL"
	inviteGenerator   = "SECRET_GENERATOR_TYPE_INVITE_CODE"
)

func defaultGenerators() map[string]generator {
	const digits, upper, lower = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	six := generator{6, time.Hour, upper + digits}
	otp := generator{8, 5 * time.Minute, digits}
	return map[string]generator{
		emailGenerator: six, phoneGenerator: six, passwordGenerator: six, otpSMSGenerator: otp, otpEmailGenerator: otp,
		passkeyGenerator: {12, time.Hour, lower + upper + digits}, inviteGenerator: {6, 72 * time.Hour, upper + digits},
	}
}

// newVerificationCode makes a code for a purpose.
func (s *Server) newVerificationCode(purpose string) verificationCode {
	g := s.outbox.generators[purpose]
	return verificationCode{value: newCode(g.length, g.alphabet), expires: s.now().Add(g.expiry)}
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

// LastSMS is the newest SMS to a number, the zero SMS if there is none.
func (s *Server) LastSMS(to string) SMS {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sms := range slices.Backward(s.outbox.sms) {
		if sms.To == to {
			return sms
		}
	}
	return SMS{}
}

// linkData is what a urlTemplate may use, but for those of one-time codes and
// of passkeys: each kind knows other fields, and refuses the rest.
type linkData struct{ UserID, OrgID, LoginName, Code string }

type otpLinkData struct{ UserID, LoginName, DisplayName, PreferredLanguage, SessionID, Code string }

type passkeyLinkData struct{ UserID, OrgID, CodeID, Code string }

// renderLink fills a urlTemplate. An unknown field or a syntax error is the
// caller's fault.
func renderLink(text string, data any) (string, error) {
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

// The links without a urlTemplate, after the issuer: those of login v1.
const (
	defaultOTPLink     = "/otp/verify?code={{.Code}}&userID={{.UserID}}&sessionId={{.SessionID}}"
	defaultInviteLink  = "/ui/login/user/invite?authRequestID=&code={{.Code}}&loginname={{.LoginName}}&orgID={{.OrgID}}&userID={{.UserID}}"
	defaultPasskeyLink = "/ui/login/login/passwordless/init?userID={{.UserID}}&orgID={{.OrgID}}&codeID={{.CodeID}}&code={{.Code}}"
)

// defaultLink is what a mail links to without a urlTemplate. The doubled slash
// is ZITADEL's.
func (s *Server) defaultLink(page string, data linkData) string {
	return s.config.LoginBaseURI + "/ui/v2/login/" + page + "?code=" + data.Code + "&userId=" + data.UserID + "&organization=" + data.OrgID
}

// message is a code on its way to a user.
type message struct {
	kind, code        string
	template, page    string // the urlTemplate, else the page of the default link
	sessionID, codeID string // of one-time codes, of passkey links
	sms               bool
}

// wording is what the messages of a kind say, as on the real server in English.
var wording = map[string]struct{ subject, text string }{
	"verify-email": {
		"Verify email",
		"A new email has been added. Please use the button below to verify your email. (Code {code}) If you didn't add a new email, please ignore this email.",
	},
	"password-reset": {
		"Reset password",
		"We received a password reset request. Please use the button below to reset your password. (Code {code}) If you didn't ask for this mail, please ignore it.",
	},
	"verify-phone": {"Verify phone", "A new phone number has been added. Please use the following code to verify it {code}."},
	"invite": {
		"Invitation to {application}",
		"Your user has been invited to {application}. Please click the button below to finish the invite process. If you didn't ask for this mail, please ignore it.",
	},
	"otp-email": {
		"Verify One-Time Password",
		`Please use the one-time password {code} to authenticate within the next five minutes or click the "Authenticate" button.`,
	},
	// The last line is for browsers that fill codes in; it names the issuer's
	// host, so that they do not on the login UI's.
	"otp-sms": {"VerifySMSOTP.Subject", "{code} is your one-time password for {host}. Use it within the next 5m0s.\n@{host} #{code}"},
	"passkey": {
		"Add Passwordless Login",
		"We received a request to add a token for passwordless login. Please use the button below to add your token or device for passwordless login.",
	},
}

// sendCode puts a message into the outbox. A user without a phone gets no SMS,
// and nobody is told.
func (s *Server) sendCode(u *user, m message) {
	h := u.human
	link := s.linkOf(u, m)
	words := strings.NewReplacer("{code}", m.code, "{host}", s.issuer.Hostname(), "{application}", firstOf(h.inviteApplication, "ZITADEL"))
	subject, text := words.Replace(wording[m.kind].subject), words.Replace(wording[m.kind].text)
	if m.sms {
		if h.phone != "" {
			sms := SMS{To: h.phone, Text: text, Link: link, Code: m.code, Kind: m.kind, Time: s.now()}
			s.outbox.sms = append(s.outbox.sms, sms)
			s.postSMS(u, sms)
		}
		return
	}
	mail := Mail{
		To: h.email, Subject: subject, Text: "Hello " + h.displayName + ", " + text,
		Link: link, Code: m.code, Kind: m.kind, Time: s.now(),
	}
	s.outbox.mails = append(s.outbox.mails, mail)
	s.postMail(mail)
}

// linkOf is the link of a message, "" for those without.
func (s *Server) linkOf(u *user, m message) string {
	common := linkData{UserID: u.id, OrgID: u.orgID, LoginName: s.loginName(u), Code: m.code}
	if m.template == "" {
		if m.page == "" {
			return ""
		}
		return s.defaultLink(m.page, common)
	}
	var data any = common
	switch m.kind {
	case "otp-email":
		data = otpLinkData{
			UserID: u.id, LoginName: common.LoginName, DisplayName: u.human.displayName,
			PreferredLanguage: firstOf(u.human.language, "und"), SessionID: m.sessionID, Code: m.code,
		}
	case "passkey":
		data = passkeyLinkData{UserID: u.id, OrgID: u.orgID, CodeID: m.codeID, Code: m.code}
	}
	link, _ := renderLink(m.template, data) // checked when the request came
	return link
}
