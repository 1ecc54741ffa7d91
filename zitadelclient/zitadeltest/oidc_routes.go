package zitadeltest

import (
	"net/http"
	"slices"
)

// The parameters that the endpoints read from a query or a form.
var (
	logoutParameters = []string{"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}
	clientParameters = []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"}
	tokenParameters  = append([]string{
		"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "assertion",
	}, clientParameters...)
	tokenHintParameters = append([]string{"token", "token_type_hint"}, clientParameters...)
)

// oidcRoutes are the endpoints of the OpenID provider and the two calls of
// its login client API.
func (s *Server) oidcRoutes() []route {
	return []route{
		{pattern: "GET /.well-known/openid-configuration", raw: s.provider(s.discovery)},
		{pattern: "GET /oauth/v2/keys", raw: s.provider(s.keys)},
		{pattern: "GET /oauth/v2/authorize", raw: s.provider(s.authorize), query: authorizeParameters},
		{pattern: "POST /oauth/v2/authorize", raw: s.provider(s.authorize, authorizeParameters...)},
		{pattern: "POST /oauth/v2/token", raw: s.provider(s.token, tokenParameters...)},
		{pattern: "POST /oauth/v2/introspect", raw: s.provider(s.introspect, tokenHintParameters...)},
		{pattern: "POST /oauth/v2/revoke", raw: s.provider(s.revoke, tokenHintParameters...)},
		{pattern: "GET /oidc/v1/userinfo", raw: s.provider(s.userinfo)},
		{pattern: "POST /oidc/v1/userinfo", raw: s.provider(s.userinfo, "access_token")},
		{pattern: "GET /oidc/v1/end_session", raw: s.provider(s.endSession), query: logoutParameters},
		{pattern: "POST /oidc/v1/end_session", raw: s.provider(s.endSession, logoutParameters...)},
		{pattern: "GET /v2/oidc/auth_requests/{id}", api: getAuthRequest},
		{pattern: "POST /v2/oidc/auth_requests/{id}", api: finalizeAuthRequest},
	}
}

// provider adds what the OpenID Connect endpoints have in common: headers, a
// form that is read, and a violation for every parameter of it that is not
// among the known ones. The cookie tells browsers apart in login v1; nobody
// has to keep it.
func (s *Server) provider(answer http.HandlerFunc, parameters ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		noStore(w, s)
		h := w.Header()
		h.Set("Set-Cookie", "zitadel.useragent="+newSecret(96)+"; Path=/; Domain="+s.issuer.Hostname()+"; Max-Age=31536000; HttpOnly; SameSite=Lax")
		h["Vary"] = []string{"Origin", "Cookie"}
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin) // any origin, with credentials
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if err := r.ParseForm(); err != nil {
			invalidRequest("error decoding form").write(w)
			return
		}
		for name := range r.PostForm {
			if !slices.Contains(parameters, name) {
				s.config.Violation("zitadeltest: %s %s: unknown form parameter %q", r.Method, r.URL.Path, name)
			}
		}
		answer(w, r)
	}
}

// discovery answers GET /.well-known/openid-configuration.
func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := s.config.Issuer
	rs256 := []string{"RS256"}
	clientAuth := []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"}
	document := object{
		"issuer":                                                   issuer,
		"authorization_endpoint":                                   issuer + "/oauth/v2/authorize",
		"token_endpoint":                                           issuer + "/oauth/v2/token",
		"introspection_endpoint":                                   issuer + "/oauth/v2/introspect",
		"userinfo_endpoint":                                        issuer + "/oidc/v1/userinfo",
		"revocation_endpoint":                                      issuer + "/oauth/v2/revoke",
		"end_session_endpoint":                                     issuer + "/oidc/v1/end_session",
		"device_authorization_endpoint":                            issuer + "/oauth/v2/device_authorization",
		"jwks_uri":                                                 issuer + "/oauth/v2/keys",
		"scopes_supported":                                         []string{"openid", "profile", "email", "phone", "address", "offline_access"},
		"response_types_supported":                                 []string{"code", "id_token", "id_token token"},
		"response_modes_supported":                                 []string{"query", "fragment", "form_post"},
		"grant_types_supported":                                    []string{"authorization_code", "implicit", "refresh_token", "client_credentials", grantJWTBearer, "urn:ietf:params:oauth:grant-type:device_code"},
		"subject_types_supported":                                  []string{"public"},
		"id_token_signing_alg_values_supported":                    []string{"EdDSA", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"},
		"request_object_signing_alg_values_supported":              rs256,
		"token_endpoint_auth_methods_supported":                    clientAuth,
		"token_endpoint_auth_signing_alg_values_supported":         rs256,
		"revocation_endpoint_auth_methods_supported":               clientAuth,
		"revocation_endpoint_auth_signing_alg_values_supported":    rs256,
		"introspection_endpoint_auth_methods_supported":            []string{"client_secret_basic", "private_key_jwt"},
		"introspection_endpoint_auth_signing_alg_values_supported": rs256,
		"claims_supported": []string{
			"sub", "aud", "exp", "iat", "iss", "auth_time", "nonce", "acr", "amr", "c_hash", "at_hash", "act", "scopes",
			"client_id", "azp", "preferred_username", "name", "family_name", "given_name", "locale",
			"email", "email_verified", "phone_number", "phone_number_verified",
		},
		"code_challenge_methods_supported": []string{"S256"},
		"ui_locales_supported":             s.uiLocales(),
		"request_parameter_supported":      true,
		"request_uri_parameter_supported":  false,
	}
	if s.backchannelLogout {
		document["backchannel_logout_supported"] = true
		document["backchannel_logout_session_supported"] = true
	}
	writeJSON(w, http.StatusOK, document)
}

// uiLocales are the languages that the instance allows; all of ZITADEL's own
// while none were chosen.
func (s *Server) uiLocales() []string {
	if len(s.allowedLanguages) > 0 {
		return s.allowedLanguages
	}
	return []string{"bg", "cs", "de", "en", "es", "fr", "hu", "id", "it", "ja", "ko", "mk", "nl", "pl", "pt", "ro", "ru", "sv", "tr", "zh"}
}

// keys answers GET /oauth/v2/keys.
func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=300, must-revalidate")
	writeJSON(w, http.StatusOK, s.keySet())
}
