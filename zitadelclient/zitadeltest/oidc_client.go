package zitadeltest

import (
	"crypto/rsa"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// oidcClient finds an application that people can sign in to.
func (s *Server) oidcClient(clientID string) (*app, bool) {
	client, ok := s.apps[clientID]
	return client, ok && !client.api
}

// credentials are what a client sends to prove itself.
type credentials struct {
	id, secret, assertion string
}

// clientCredentials reads them from the Basic header or the form. Both halves
// of Basic are form-encoded (RFC 6749 §2.3.1).
func clientCredentials(r *http.Request) credentials {
	if id, secret, ok := r.BasicAuth(); ok {
		return credentials{id: unescape(id), secret: unescape(secret)}
	}
	c := credentials{id: r.Form.Get("client_id"), secret: r.Form.Get("client_secret")}
	if r.Form.Get("client_assertion_type") == assertionType {
		c.assertion = r.Form.Get("client_assertion")
	}
	return c
}

func unescape(value string) string {
	plain, err := url.QueryUnescape(value)
	if err != nil {
		return value
	}
	return plain
}

func invalidClient(description string) *oauthError {
	return &oauthError{code: "invalid_client", description: description}
}

// authenticateClient finds and checks the client of a token request. A wrong
// secret is 400, not 401.
func (s *Server) authenticateClient(r *http.Request) (*app, *oauthError) {
	c := clientCredentials(r)
	switch {
	case c.assertion != "":
		return s.clientByAssertion(c.assertion)
	case c.id == "":
		return nil, invalidRequest("client_id or client_assertion must be provided")
	}
	client, ok := s.oidcClient(c.id)
	if !ok {
		return nil, invalidClient("no active client not found") // sic
	}
	switch client.authMethod {
	case "NONE":
		return client, nil
	case "PRIVATE_KEY_JWT":
		return nil, invalidClient("invalid assertion")
	}
	switch c.secret {
	case client.clientSecret:
		return client, nil
	case "":
		return nil, invalidClient("empty client secret")
	default:
		return nil, invalidClient("invalid secret")
	}
}

// clientByAssertion is private_key_jwt.
func (s *Server) clientByAssertion(assertion string) (*app, *oauthError) {
	owner, ok := s.verifyAssertion(assertion, func(keyID string) (string, *rsa.PublicKey) {
		for id, client := range s.apps {
			if key := keyByID(client.keys, keyID); key != nil {
				return id, key
			}
		}
		return "", nil
	})
	if !ok {
		return nil, invalidClient("invalid assertion")
	}
	return s.apps[owner], nil
}

func keyByID(keys []*machineKey, id string) *rsa.PublicKey {
	for _, key := range keys {
		if key.id == id {
			return &key.private.PublicKey
		}
	}
	return nil
}

// grantTypeNames are the grant types as applications are configured with them.
var grantTypeNames = map[string]string{
	"authorization_code": "OIDC_GRANT_TYPE_AUTHORIZATION_CODE",
	"refresh_token":      "OIDC_GRANT_TYPE_REFRESH_TOKEN",
	grantTokenExchange:   "OIDC_GRANT_TYPE_TOKEN_EXCHANGE",
}

// tokenClient authenticates the client of a token request and checks that it
// may use the grant.
func (s *Server) tokenClient(r *http.Request) (*app, *oauthError) {
	client, refusal := s.authenticateClient(r)
	if refusal != nil {
		return nil, refusal
	}
	grant := r.Form.Get("grant_type")
	if name, ok := grantTypeNames[grant]; ok && !slices.Contains(client.grantTypes, name) {
		return nil, &oauthError{code: "unauthorized_client", description: `grant_type "` + grant + `" not allowed`}
	}
	return client, nil
}

// introspectionClient authenticates who asks about a token: an API application
// by its secret, or any client by its key.
func (s *Server) introspectionClient(r *http.Request) (*app, *oauthError) {
	c := clientCredentials(r)
	switch {
	case c.assertion != "":
		return s.clientByAssertion(c.assertion)
	case c.id == "":
		return nil, invalidRequest("client_id or client_assertion must be provided")
	case c.secret == "":
		return nil, invalidClient("client must be authenticated")
	}
	client := s.apps[c.id]
	if client == nil || client.clientSecret == "" || client.clientSecret != c.secret {
		return nil, &oauthError{code: "unauthorized_client"}
	}
	return client, nil
}

// bearer is the token of an Authorization header, "" for none.
func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}
