package zitadeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// Authorize does what an application does when it wants somebody signed in: it
// makes an auth request and returns its id. The parameters are those of the
// authorize endpoint; response_type, scope and state have defaults.
func (s *Server) Authorize(clientID, redirectURI string, parameters url.Values) (string, error) {
	form := url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"openid profile email offline_access"}, "state": {"state"},
	}
	for name, values := range parameters {
		form[name] = values
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	request, refusal := s.newAuthRequest(form)
	if refusal != nil {
		return "", refusal
	}
	s.oidc.authRequests[request.id] = request
	return request.id, nil
}

// Redeem does what an application does at its callback: it exchanges the code
// of a callback URL and returns the claims of the ID token. The application is
// the one that asked; a PKCE verifier may be given.
func (s *Server) Redeem(callbackURL, verifier string) (map[string]any, error) {
	target, err := url.Parse(callbackURL)
	if err != nil {
		return nil, fmt.Errorf("zitadeltest: callback URL: %w", err)
	}
	query := target.Query()
	if query.Get("error") != "" {
		return nil, fmt.Errorf("zitadeltest: the application got the error %s", query.Get("error"))
	}
	s.mu.Lock()
	request := s.oidc.codes[query.Get("code")]
	s.mu.Unlock()
	if request == nil {
		return nil, errors.New("zitadeltest: no such code in the callback URL")
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {query.Get("code")}, "redirect_uri": {request.redirectURI},
		"client_id": {request.clientID}, "client_secret": {s.secretOf(request.clientID)}, "code_verifier": {verifier},
	}
	return s.exchange(form)
}

func (s *Server) secretOf(clientID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client := s.apps[clientID]; client != nil {
		return client.clientSecret
	}
	return ""
}

// exchange calls the token endpoint in memory.
func (s *Server) exchange(form url.Values) (map[string]any, error) {
	r := httptest.NewRequest(http.MethodPost, s.config.Issuer+"/oauth/v2/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var answer struct {
		IDToken     string `json:"id_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("zitadeltest: token answer: %w", err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("zitadeltest: token endpoint: %s: %s", answer.Error, answer.Description)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	claims, ok := s.verifyOwn(answer.IDToken)
	if !ok {
		return nil, errors.New("zitadeltest: no ID token was issued: is openid among the scopes?")
	}
	return claims, nil
}

// TamperIDTokens lets a test change the claims of ID tokens before they are
// signed, to see whether a client notices. Nil ends it. The function runs under
// the lock of the server and must not call its methods.
func (s *Server) TamperIDTokens(change func(claims map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oidc.tamper = change
}

// UseLoginV1 makes login v2 optional: the authorize endpoint then sends
// browsers to ZITADEL's own pages unless the request names a login client.
func (s *Server) UseLoginV1() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oidc.loginV1 = true
}

// RefreshTokens is how many refresh tokens of a user could be used.
func (s *Server) RefreshTokens(userID string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, o := range s.oidc.sessions {
		if o.userID == userID && o.refreshToken != "" && now.Before(o.refreshIdle) && now.Before(o.expires) {
			n++
		}
	}
	return n
}
