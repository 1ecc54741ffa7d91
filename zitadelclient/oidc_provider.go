package zitadelclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// provider is ZITADEL as the OpenID provider, and our client there.
type provider struct {
	issuer *url.URL
	client OIDCConfig
	keys   *keySource // of our client, when it authenticates by key
	jwks   *keySet

	mu        sync.Mutex
	endpoints *endpoints
}

// endpoints are paths on the issuer's host, as discovered.
type endpoints struct{ authorize, token, revoke, jwks string }

func newProvider(c *Client, issuer *url.URL) (*provider, error) {
	o := c.config.OIDC
	p := &provider{issuer: issuer, client: o, jwks: newKeySet(c)}
	if o.ClientKeyFile != "" || o.ClientKey != "" {
		p.keys = &keySource{file: o.ClientKeyFile, inline: o.ClientKey, wantType: applicationKey, setting: "TORHAUS_OIDC_CLIENT_KEY", now: c.config.Now}
		k, err := p.keys.key()
		if err != nil {
			return nil, err
		}
		if p.client.ClientID == "" {
			p.client.ClientID = k.ClientID
		}
		if k.ClientID != p.client.ClientID {
			return nil, fmt.Errorf("TORHAUS_OIDC_CLIENT_KEY is of the client %s, TORHAUS_OIDC_CLIENT_ID says %s", k.ClientID, p.client.ClientID)
		}
	}
	return p, p.check()
}

func (p *provider) check() error {
	redirect, err := url.Parse(p.client.RedirectURI)
	switch {
	case p.client.ClientID == "":
		return errors.New("TORHAUS_OIDC_CLIENT_ID is missing: the client id of torhaus's own OIDC application in ZITADEL")
	case p.keys != nil && (p.client.ClientSecret != "" || p.client.ClientKeyFile != "" && p.client.ClientKey != ""):
		return errors.New("TORHAUS_OIDC_CLIENT_SECRET and TORHAUS_OIDC_CLIENT_KEY exclude each other: set the one that the application uses")
	case err != nil || redirect.Host == "" || redirect.Fragment != "" || (redirect.Scheme != "https" && redirect.Scheme != "http"):
		return errors.New("the redirect URI must be an absolute URL as it is registered at the application")
	}
	for _, scope := range p.client.Scopes {
		if !validScope(scope) {
			return fmt.Errorf("TORHAUS_OIDC_SCOPES: %q is not a scope", scope)
		}
	}
	if !slices.Contains(p.client.Scopes, "openid") {
		return errors.New("TORHAUS_OIDC_SCOPES must contain openid: without it there is no ID token")
	}
	return nil
}

// validScope refuses a space above all: it would smuggle in a second scope.
func validScope(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' })
}

// discover returns the provider's endpoints, read once.
func (c *Client) discover(ctx context.Context) (endpoints, error) {
	c.provider.mu.Lock()
	known := c.provider.endpoints
	c.provider.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	return shared(ctx, c.flights, "discover", func(ctx context.Context) (endpoints, error) {
		found, err := c.readDiscovery(ctx)
		if err != nil {
			return endpoints{}, unavailable("discover", err)
		}
		c.provider.mu.Lock()
		defer c.provider.mu.Unlock()
		c.provider.endpoints = &found
		return found, nil
	})
}

func (c *Client) readDiscovery(ctx context.Context) (endpoints, error) {
	in, err := c.transport.send(ctx, outgoing{method: http.MethodGet, path: "/.well-known/openid-configuration"})
	if err != nil {
		return endpoints{}, err
	}
	if in.status == http.StatusNotFound {
		return endpoints{}, errInstance
	}
	var document struct {
		Issuer                string `json:"issuer"`
		AuthorizationEndpoint string `json:"authorization_endpoint"`
		TokenEndpoint         string `json:"token_endpoint"`
		RevocationEndpoint    string `json:"revocation_endpoint"`
		JWKSURI               string `json:"jwks_uri"`
	}
	if in.status != http.StatusOK || json.Unmarshal(in.body, &document) != nil {
		return endpoints{}, fmt.Errorf("no discovery document (status %d): TORHAUS_ZITADEL_API_URL must lead to ZITADEL", in.status)
	}
	if document.Issuer != c.config.Issuer {
		return endpoints{}, fmt.Errorf("ZITADEL calls itself %q: TORHAUS_ZITADEL_ISSUER must say exactly the same", document.Issuer)
	}
	var found endpoints
	for _, e := range []struct {
		path *string
		name string
		url  string
	}{
		{&found.authorize, "authorization_endpoint", document.AuthorizationEndpoint},
		{&found.token, "token_endpoint", document.TokenEndpoint},
		{&found.revoke, "revocation_endpoint", document.RevocationEndpoint},
		{&found.jwks, "jwks_uri", document.JWKSURI},
	} {
		if *e.path, err = c.provider.pathOf(e.url); err != nil {
			return endpoints{}, fmt.Errorf("%s %w", e.name, err)
		}
	}
	return found, nil
}

// pathOf takes the path of an endpoint, which must be on the issuer's host:
// codes, secrets and refresh tokens go there.
func (p *provider) pathOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != p.issuer.Scheme || u.Host != p.issuer.Host || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/") {
		return "", errors.New("is not on the issuer's host")
	}
	return u.EscapedPath(), nil
}

// clientAuth authenticates a request to the token or revocation endpoint.
type clientAuth func(form url.Values, header http.Header) error

func basicAuth(id, secret string) clientAuth {
	return func(_ url.Values, header http.Header) error {
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) // RFC 6749, 2.3.1
		return nil
	}
}

// authenticate is how our own client does it: by key, by secret, or by naming
// itself.
func (c *Client) authenticate(form url.Values, header http.Header) error {
	p := c.provider
	switch {
	case p.keys != nil:
		k, err := p.keys.key()
		if err != nil {
			return err
		}
		assertion, err := k.assertion(c.config.Issuer, c.config.Now())
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	case p.client.ClientSecret != "":
		return basicAuth(p.client.ClientID, p.client.ClientSecret)(form, header)
	default:
		form.Set("client_id", p.client.ClientID)
	}
	return nil
}

// postToken sends a form to the token endpoint, once: a code or a refresh
// token is used up by the first request that arrives.
func (c *Client) postToken(ctx context.Context, op string, form url.Values, auth clientAuth) (incoming, error) {
	found, err := c.discover(ctx)
	if err != nil {
		return incoming{}, err
	}
	return c.postForm(ctx, op, found.token, form, auth)
}

func (c *Client) postForm(ctx context.Context, op, path string, form url.Values, auth clientAuth) (incoming, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if auth != nil {
		if err := auth(form, header); err != nil {
			return incoming{}, &Error{Kind: Unauthorized, Op: op, Err: err}
		}
	}
	in, err := c.transport.send(ctx, outgoing{method: http.MethodPost, path: path, header: header, body: form.Encode()})
	if err != nil {
		return incoming{}, unavailable(op, err)
	}
	return in, nil
}

var errOIDCClient = errors.New("ZITADEL refuses torhaus's own OIDC client: compare TORHAUS_OIDC_CLIENT_ID and its secret or key, and the application's authentication method and grant types")

// oauthError turns an answer of an OAuth endpoint that is not a success into
// an [Error]. ZITADEL says invalid_request where invalid_grant is meant.
func oauthError(op string, in incoming) *Error {
	var answer struct{ Error string }
	_ = json.Unmarshal(in.body, &answer)
	e := &Error{Op: op, Status: in.status, ID: oauthCode(answer.Error), Kind: kindByStatus(in.status, "")}
	if in.status != http.StatusBadRequest {
		e.Err = advice(e)
		return e
	}
	switch e.ID {
	case "invalid_grant", "invalid_request":
		e.Kind = InvalidGrant
	case "invalid_client", "unauthorized_client":
		e.Kind, e.Err = Unauthorized, errOIDCClient
	}
	return e
}

// oauthCode keeps an error code that has the form of one. Anything else could
// be meant for whoever reads the log or the page.
func oauthCode(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return "unknown_error"
	}
	return s
}

// tokenAnswer is a success of the token endpoint.
type tokenAnswer struct {
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type"`
	RefreshToken string  `json:"refresh_token"`
	ExpiresIn    float64 `json:"expires_in"`
	IDToken      string  `json:"id_token"`
}

func decodeTokens(op string, in incoming) (tokenAnswer, error) {
	if in.status != http.StatusOK {
		return tokenAnswer{}, oauthError(op, in)
	}
	var answer tokenAnswer
	if err := json.Unmarshal(in.body, &answer); err != nil {
		return tokenAnswer{}, unavailable(op, errors.New("the answer is not the JSON of a token"))
	}
	if answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, "Bearer") {
		return tokenAnswer{}, unavailable(op, errors.New("the answer holds no bearer token"))
	}
	return answer, nil
}

// lifetime of the access token. A missing or absurd one is taken as short, not
// as eternal.
func (a tokenAnswer) lifetime() time.Duration {
	const short, longest = 5 * time.Minute, 30 * 24 * time.Hour
	if a.ExpiresIn <= 0 || math.IsNaN(a.ExpiresIn) {
		return short
	}
	return time.Duration(min(a.ExpiresIn, longest.Seconds()) * float64(time.Second))
}
