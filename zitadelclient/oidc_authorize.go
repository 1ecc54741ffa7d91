package zitadelclient

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const opAuthorize = "authorize"

// AuthorizeParams are what an authorization request of ours asks for, beside
// what every one does.
type AuthorizeParams struct {
	Prompts        []Prompt
	MaxAge         *time.Duration
	LoginHint      string
	UILocales      []string
	OrganizationID string // only users of this organization are meant
}

// Transaction ties an authorization response to its request: three independent
// values of 32 random bytes, used once.
type Transaction struct{ State, Nonce, Verifier string }

// Authorize starts an auth request of our own client, server to server: state,
// nonce and verifier never reach the browser. Where ZITADEL sends the browser
// elsewhere than to a login UI the kind is AuthorizeRefused, and
// [Client.AuthorizeURL] is the way.
func (c *Client) Authorize(ctx context.Context, p AuthorizeParams) (AuthRequestID, Transaction, error) {
	transaction, query, err := c.authorization(p)
	if err != nil {
		return "", Transaction{}, err
	}
	found, err := c.discover(ctx)
	if err != nil {
		return "", Transaction{}, err
	}
	service, err := c.service.token(ctx)
	if err != nil {
		return "", Transaction{}, err
	}
	header := http.Header{}
	header.Set("X-Zitadel-Login-Client", loginClient(service))
	in, err := c.transport.send(ctx, outgoing{method: http.MethodGet, path: found.authorize, query: query, header: header})
	if err != nil {
		return "", Transaction{}, unavailable(opAuthorize, err)
	}
	id, err := authorizeAnswer(in)
	if err != nil {
		return "", Transaction{}, err
	}
	return id, transaction, nil
}

// loginClient names the service user in the header that makes ZITADEL hand the
// request to a login UI whatever the application's login version says. Whom it
// names is not checked, so any number serves where we do not know ours.
func loginClient(token accessToken) string {
	if token.userID == "" {
		return "1"
	}
	return token.userID
}

func authorizeAnswer(in incoming) (AuthRequestID, error) {
	if in.status != http.StatusFound && in.status != http.StatusSeeOther {
		e := oauthError(opAuthorize, in)
		if e.Kind == InvalidGrant || e.Kind == Unauthorized {
			e.Kind = Invalid
			e.Err = errors.New("ZITADEL refuses the request: compare TORHAUS_OIDC_CLIENT_ID, TORHAUS_OIDC_SCOPES and the redirect URIs of the application")
		}
		return "", e
	}
	refused := &Error{Kind: AuthorizeRefused, Op: opAuthorize, Status: in.status}
	location, err := url.Parse(in.header.Get("Location"))
	if err != nil {
		return "", refused
	}
	query := location.Query()
	id, err := ParseAuthRequestID(query.Get("authRequest"))
	if err != nil || len(query["authRequest"]) != 1 {
		refused.ID = oauthCode(query.Get("error"))
		return "", refused
	}
	return id, nil
}

// AuthorizeURL starts an auth request of our own client through the browser:
// the URL is the issuer's, the answer arrives at the redirect URI.
func (c *Client) AuthorizeURL(ctx context.Context, p AuthorizeParams) (string, Transaction, error) {
	transaction, query, err := c.authorization(p)
	if err != nil {
		return "", Transaction{}, err
	}
	found, err := c.discover(ctx)
	if err != nil {
		return "", Transaction{}, err
	}
	return c.config.Issuer + found.authorize + "?" + query.Encode(), transaction, nil
}

// scopeResourceOwner asks for the user's own organization, without which no
// role could be believed.
const scopeResourceOwner = "urn:zitadel:iam:user:resourceowner"

// authorization forms the request. What came from a browser is let through
// only in its own form: a space in an organization's id would add a scope.
func (c *Client) authorization(p AuthorizeParams) (Transaction, url.Values, error) {
	scopes := slices.Clone(c.provider.client.Scopes)
	if !slices.Contains(scopes, scopeResourceOwner) {
		scopes = append(scopes, scopeResourceOwner)
	}
	if p.OrganizationID != "" {
		if !validScope(p.OrganizationID) {
			return Transaction{}, nil, invalid(opAuthorize, "the organization's id has no form that ZITADEL gives")
		}
		scopes = append(scopes, "urn:zitadel:iam:org:id:"+p.OrganizationID)
	}
	t := Transaction{State: random(), Nonce: random(), Verifier: random()}
	challenge := sha256.Sum256([]byte(t.Verifier))
	query := url.Values{
		"client_id":             {c.provider.client.ClientID},
		"redirect_uri":          {c.provider.client.RedirectURI},
		"response_type":         {"code"},
		"scope":                 {strings.Join(scopes, " ")},
		"state":                 {t.State},
		"nonce":                 {t.Nonce},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	p.addTo(query)
	return t, query, nil
}

func (p AuthorizeParams) addTo(query url.Values) {
	var prompts, locales []string
	for _, prompt := range p.Prompts {
		switch prompt {
		case PromptNone, PromptLogin, PromptSelectAccount, PromptConsent, PromptCreate:
			prompts = append(prompts, string(prompt))
		}
	}
	for _, locale := range p.UILocales {
		if validScope(locale) {
			locales = append(locales, locale)
		}
	}
	if len(prompts) > 0 {
		query.Set("prompt", strings.Join(prompts, " "))
	}
	if len(locales) > 0 {
		query.Set("ui_locales", strings.Join(locales, " "))
	}
	if p.MaxAge != nil && *p.MaxAge >= 0 {
		query.Set("max_age", strconv.Itoa(int(*p.MaxAge/time.Second)))
	}
	if p.LoginHint != "" {
		query.Set("login_hint", p.LoginHint)
	}
}

// random returns 32 random bytes in 43 URL-safe characters.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// AuthorizationResponse is what arrives at the redirect URI: a code or an
// error. The caller compares State with its transaction's, and Issuer, where
// it is not empty, with [Client.Issuer].
type AuthorizationResponse struct{ Code, State, Issuer, Error string }

// ParseAuthorizationResponse reads the query of the redirect URI. It refuses a
// parameter given twice (which of the two was meant is how attacks begin),
// neither code nor error or both of them, and values of no sensible form.
func ParseAuthorizationResponse(rawQuery string) (AuthorizationResponse, error) {
	const op = "parse authorization response"
	if len(rawQuery) > 4096 {
		return AuthorizationResponse{}, invalid(op, "too long")
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return AuthorizationResponse{}, invalid(op, "not a query")
	}
	for _, name := range []string{"code", "state", "iss", "error"} {
		if len(query[name]) > 1 {
			return AuthorizationResponse{}, invalid(op, name+" is given twice")
		}
		if !visible(query.Get(name)) {
			return AuthorizationResponse{}, invalid(op, name+" has no sensible form")
		}
	}
	r := AuthorizationResponse{Code: query.Get("code"), State: query.Get("state"), Issuer: query.Get("iss"), Error: oauthCode(query.Get("error"))}
	switch {
	case r.State == "":
		return AuthorizationResponse{}, invalid(op, "no state")
	case (r.Code == "") == (r.Error == ""):
		return AuthorizationResponse{}, invalid(op, "needs either a code or an error")
	}
	return r, nil
}

func visible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
