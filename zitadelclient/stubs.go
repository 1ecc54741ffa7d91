package zitadelclient

import (
	"context"
	"net/url"
	"time"
)

type (
	provider     struct{}
	serviceToken struct{}
)

func newProvider(*Client, *url.URL) (*provider, error) { return nil, nil }
func newServiceToken(*Client) (*serviceToken, error)   { return nil, nil }
func (s ServiceCredentials) method() string            { return "" }
func (s *serviceToken) get(context.Context) (string, error) {
	return "", unavailable("service token", errIncomplete)
}
func (s *serviceToken) replace(context.Context, string) (string, error) { return s.get(nil) }

// AuthorizeParams are what an authorization request of ours asks for.
type AuthorizeParams struct {
	Prompts        []Prompt
	MaxAge         *time.Duration
	LoginHint      string
	UILocales      []string
	OrganizationID string
}

// Transaction is what ties an authorization response to its request: 32 random
// bytes each.
type Transaction struct{ State, Nonce, Verifier string }

// AuthorizationResponse is what arrives at the redirect URI.
type AuthorizationResponse struct{ Code, State, Issuer, Error string }

// ParseAuthorizationResponse reads the query of the redirect URI.
func ParseAuthorizationResponse(rawQuery string) (AuthorizationResponse, error) {
	return AuthorizationResponse{}, invalid("parse authorization response", "not yet")
}

// Authorize starts an auth request server to server.
func (c *Client) Authorize(ctx context.Context, p AuthorizeParams) (AuthRequestID, Transaction, error) {
	return "", Transaction{}, unavailable("authorize", errIncomplete)
}

// AuthorizeURL starts an auth request through the browser.
func (c *Client) AuthorizeURL(ctx context.Context, p AuthorizeParams) (string, Transaction, error) {
	return "", Transaction{}, unavailable("authorize", errIncomplete)
}

// Exchange redeems a code.
func (c *Client) Exchange(ctx context.Context, code string, t Transaction) (Tokens, error) {
	return Tokens{}, unavailable("exchange", errIncomplete)
}

// Refresh redeems a refresh token.
func (c *Client) Refresh(ctx context.Context, refreshToken string, previous IDClaims) (Tokens, error) {
	return Tokens{}, unavailable("refresh", errIncomplete)
}

// Revoke revokes a refresh token.
func (c *Client) Revoke(ctx context.Context, refreshToken string) error {
	return unavailable("revoke", errIncomplete)
}
