package zitadeltest

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Upstream is a provider's own web site: a page at /authorize on which people say
// who they are, or that they will not. It has the provider's users and asks for
// no password.
func (s *Server) Upstream(providerID string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		p := s.providerByID(providerID)
		page := upstreamPage{Name: p.seed.Name, People: slices.Clone(p.people), Action: "/authorize?" + r.URL.RawQuery}
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = upstreamTemplate.Execute(w, page) // a browser that left is not our trouble
	})
	mux.HandleFunc("POST /authorize", func(w http.ResponseWriter, r *http.Request) {
		back, ok := s.answerUpstream(providerID, r.URL.Query(), r.PostFormValue("person"))
		if !ok {
			http.Error(w, "not a request of the ZITADEL that we know", http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", back)
		w.WriteHeader(http.StatusSeeOther)
	})
	return mux
}

// upstreamPage is what the provider shows.
type upstreamPage struct {
	Name   string
	People []UpstreamUser
	Action string
}

var upstreamTemplate = template.Must(template.New("upstream").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Name}}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>
<body><main><h1>{{.Name}}</h1>
<p>This stands for an identity provider. Who are you there?</p>
<form method="post" action="{{.Action}}">
{{- range .People}}
<p><button type="submit" name="person" value="{{.ID}}" data-testid="person-{{.ID}}">{{.GivenName}} {{.FamilyName}} ({{.ID}})</button></p>
{{- end}}
<p><button type="submit" name="person" value="" data-testid="cancel">Cancel</button></p>
</form></main></body></html>
`))

// answerUpstream does what a person does at the provider: they say who they are,
// "" to refuse. It returns where that sends the browser.
func (s *Server) answerUpstream(providerID string, asked url.Values, person string) (back string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.providerByID(providerID)
	callback := s.config.Issuer + "/idps/callback"
	if p == nil || asked.Get("redirect_uri") != callback || asked.Get("client_id") != upstreamClient {
		return "", false
	}
	answer := url.Values{"state": {asked.Get("state")}}
	at := slices.IndexFunc(p.people, func(u UpstreamUser) bool { return u.ID == person })
	if at < 0 {
		answer.Set("error", "access_denied")
	} else {
		answer.Set("code", p.codeFor(p.people[at]))
	}
	return callback + "?" + answer.Encode(), true
}

// codeFor is a code that ZITADEL can redeem once.
func (p *identityProvider) codeFor(person UpstreamUser) string {
	code := newSecret(16)
	p.codes[code] = person
	return code
}

// UpstreamCode is a code that the provider gives for a person, known to it or not.
func (s *Server) UpstreamCode(providerID string, person UpstreamUser) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.providerByID(providerID).codeFor(person)
}

// redeemUpstream exchanges a code for who it is. Among the fixtures the provider
// is the recorder's own, and really asked.
func (s *Server) redeemUpstream(p *identityProvider, code string) (UpstreamUser, bool) {
	person, ok := p.codes[code]
	delete(p.codes, code)
	if ok || !s.config.Fixtures {
		return person, ok
	}
	response, err := http.PostForm(p.seed.URL+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {upstreamClient}, "redirect_uri": {s.config.Issuer + "/idps/callback"},
	})
	if err != nil {
		return UpstreamUser{}, false
	}
	defer response.Body.Close()
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if json.NewDecoder(response.Body).Decode(&answer) != nil {
		return UpstreamUser{}, false
	}
	return upstreamUserOf(answer.IDToken)
}

// upstreamUserOf reads an ID token, unverified: it comes from the recorder.
func upstreamUserOf(token string) (UpstreamUser, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return UpstreamUser{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return UpstreamUser{}, false
	}
	var claims struct {
		Subject       string `json:"sub"`
		UserName      string `json:"preferred_username"`
		GivenName     string `json:"given_name"`
		FamilyName    string `json:"family_name"`
		Email         string `json:"email"`
		EmailVerified bool   `json:"email_verified"`
		Locale        string `json:"locale"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return UpstreamUser{}, false
	}
	return UpstreamUser{
		ID: claims.Subject, UserName: claims.UserName, GivenName: claims.GivenName, FamilyName: claims.FamilyName,
		Language: claims.Locale, Email: claims.Email, EmailVerified: claims.EmailVerified,
	}, true
}
