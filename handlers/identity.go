package handlers

import (
	"net/http"
	"strings"

	"torhaus/assertion"
	"torhaus/session"
)

// identityHeaders are what an answer that lets a request pass always has, in this
// order, empty where there is nothing to say. One that is missing is one that a
// proxy may leave as the visitor sent it (CVE-2026-30851).
var identityHeaders = [...]string{
	"X-Auth-Subject", "X-Auth-Name", "X-Auth-Email", "X-Auth-Organization", "X-Auth-Roles",
	"X-Auth-Assertion", "Authorization", "Cookie",
}

// tell tells the app behind a proxy who it is, and gives it what the rule says.
// Cookie is the visitor's without ours, for proxies that cannot take one out.
func (h *Handlers) tell(w http.ResponseWriter, r *http.Request, s *session.Session, rule rule, bearer string) error {
	signed := ""
	if rule.audience != "" {
		var err error
		signed, err = h.Assertions.Sign(assertion.Claims{
			Audience: rule.audience, Subject: s.Subject, Organization: s.OrganizationID,
			Roles: s.Roles, Methods: s.Methods, AuthTime: s.AuthTime,
		})
		if err != nil {
			return err
		}
	}
	values := [len(identityHeaders)]string{
		headerText(s.Subject), headerText(s.Name), headerText(s.Email), headerText(s.OrganizationID), headerList(s.Roles),
		signed, bearer, session.ForeignCookies(r),
	}
	header := w.Header()
	for i, name := range identityHeaders {
		header[name] = values[i : i+1 : i+1]
	}
	w.WriteHeader(http.StatusOK) // not 204: Envoy takes 200 alone for a yes
	return nil
}

// headerText writes a text so that it survives every proxy: percent-encoded UTF-8,
// but for letters, digits, "-._~@", and spaces between others. "Jürgen, Dr." is
// "J%C3%BCrgen%2C Dr."; plain names, addresses and ids stay as they are.
func headerText(s string) string {
	for i := range len(s) {
		if !plainInHeader(s, i) {
			return percentEncoded(s)
		}
	}
	return s
}

// headerList is a list of texts, with commas between them and in none of them.
func headerList(items []string) string {
	encoded := make([]string, len(items))
	for i, item := range items {
		encoded[i] = headerText(item)
	}
	return strings.Join(encoded, ",")
}

func percentEncoded(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if plainInHeader(s, i) {
			b.WriteByte(s[i])
		} else {
			b.Write([]byte{'%', hex[s[i]>>4], hex[s[i]&15]})
		}
	}
	return b.String()
}

// plainInHeader reports whether a byte is written as it is. A space at an end would
// be trimmed, and a plus sign be taken for a space by who decodes forms.
func plainInHeader(s string, i int) bool {
	return plainBytes[s[i]] || s[i] == ' ' && i > 0 && i < len(s)-1
}

// plainBytes are looked up, for every answer to a proxy is made of them.
var plainBytes = func() (plain [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@") {
		plain[c] = true
	}
	return plain
}()
