package zitadelclient

import (
	"context"
	"crypto"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxClockSkew is how far the provider's clock may be ahead of ours.
const maxClockSkew = time.Minute

// signatureAlgorithms are those that ZITADEL can sign with. Neither none nor an
// HMAC is among them: with the latter the public key would be the secret.
var signatureAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// verifyIDToken does what OpenID Connect Core 3.1.3.7 asks for. The nonce is
// compared unless it is empty, as at a refresh.
//
// The claims are decoded by go-jose's JSON, which refuses a key given twice and
// takes "SUB" for another name than "sub": two readers of one token must not
// see two users.
func (c *Client) verifyIDToken(ctx context.Context, answer tokenAnswer, nonce string) (IDClaims, error) {
	signed, err := parseToken(answer.IDToken, "JWT")
	if err != nil {
		return IDClaims{}, err
	}
	payload, err := c.verifySignature(ctx, signed)
	if err != nil {
		return IDClaims{}, err
	}
	alg := jose.SignatureAlgorithm(signed.Signatures[0].Protected.Algorithm)
	var claims idTokenClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return IDClaims{}, errors.New("the claims of the ID token have no proper form")
	}
	if err := claims.check(c.config.Issuer, c.provider.client.ClientID, c.config.Now()); err != nil {
		return IDClaims{}, err
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(nonce)) != 1 {
		return IDClaims{}, errors.New("the ID token's nonce is not the transaction's")
	}
	if claims.AccessTokenHash != "" && claims.AccessTokenHash != tokenHash(answer.AccessToken, alg) {
		return IDClaims{}, errors.New("the ID token belongs to another access token")
	}
	return claims.idClaims(), nil
}

// parseToken reads a token with one signature of an algorithm that we take, and
// of one of these types; what names none is a JWT. Nothing of it is proven yet.
func parseToken(token string, types ...string) (*jose.JSONWebSignature, error) {
	signed, err := jose.ParseSignedCompact(token, signatureAlgorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.New("the token is missing, malformed, or signed by no algorithm we take")
	}
	// logout+jwt and at+jwt are signed by the same keys as ID tokens and say other
	// things.
	if typ, given := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; given && !isType(typ, types) {
		return nil, errors.New("the token is of another type")
	}
	return signed, nil
}

func isType(typ any, types []string) bool {
	name, ok := typ.(string)
	return ok && slices.ContainsFunc(types, func(taken string) bool { return strings.EqualFold(name, taken) })
}

// verifySignature returns the payload that a key of the provider signed. Keys
// in the token's own header (jwk, jku, x5u) are never looked at.
func (c *Client) verifySignature(ctx context.Context, signed *jose.JSONWebSignature) ([]byte, error) {
	header := signed.Signatures[0].Protected
	key, err := c.provider.jwks.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, errors.New("the token is signed by an algorithm that is not its key's")
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, errors.New("the token's signature is wrong")
	}
	return payload, nil
}

// idTokenClaims is an ID token as it is signed. A claim of another type than
// here, email_verified as a string for example, fails the token.
type idTokenClaims struct {
	Issuer          string    `json:"iss"`
	Subject         string    `json:"sub"`
	Audience        audience  `json:"aud"`
	AuthorizedParty string    `json:"azp"`
	Expiration      timestamp `json:"exp"`
	IssuedAt        timestamp `json:"iat"`
	AuthTime        timestamp `json:"auth_time"`
	Nonce           string    `json:"nonce"`
	AccessTokenHash string    `json:"at_hash"`
	SessionID       string    `json:"sid"`
	Methods         []string  `json:"amr"`

	Events        json.RawMessage `json:"events"` // of a logout token, whose other claims would do
	Name          string          `json:"name"`
	GivenName     string          `json:"given_name"`
	FamilyName    string          `json:"family_name"`
	Username      string          `json:"preferred_username"`
	Email         string          `json:"email"`
	EmailVerified bool            `json:"email_verified"`
	Locale        *string         `json:"locale"` // null where the user has none

	OrganizationID string                       `json:"urn:zitadel:iam:user:resourceowner:id"`
	Roles          map[string]map[string]string `json:"urn:zitadel:iam:org:project:roles"`
}

func (c *idTokenClaims) check(issuer, clientID string, now time.Time) error {
	switch {
	case c.Issuer != issuer:
		return errors.New("the ID token is another issuer's")
	case c.Subject == "":
		return errors.New("the ID token is about nobody")
	case !slices.Contains(c.Audience, clientID):
		return errors.New("the ID token is not for us")
	case len(c.Audience) > 1 && c.AuthorizedParty == "":
		return errors.New("the ID token is for several and does not say who asked for it")
	case c.AuthorizedParty != "" && c.AuthorizedParty != clientID:
		return errors.New("another client asked for the ID token")
	case !now.Before(c.Expiration.Time): // a missing one is long past
		return errors.New("the ID token has expired")
	case c.IssuedAt.IsZero():
		return errors.New("the ID token does not say when it was issued")
	case c.IssuedAt.After(now.Add(maxClockSkew)):
		return fmt.Errorf("the ID token was issued %s in the future: compare the clocks", c.IssuedAt.Sub(now).Round(time.Second))
	case c.Events != nil:
		return errors.New("the token tells of an event: it is no ID token")
	case c.Email != "" && !plainAddress(c.Email):
		return errors.New("the ID token's e-mail address has no plain form")
	}
	for _, text := range []string{c.Subject, c.SessionID, c.Name, c.GivenName, c.FamilyName, c.Username, c.Email, c.OrganizationID} {
		if deceptive(text) {
			return errors.New("a claim of the ID token holds control characters")
		}
	}
	return nil
}

// plainAddress wants one @ with something around it, and no space: an app that
// splits at the first or at the last must see the same domain.
func plainAddress(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	return local != "" && domain != "" && !strings.Contains(domain, "@") && !strings.ContainsFunc(s, unicode.IsSpace)
}

// deceptive finds characters that end a header, a line or a string early, or
// turn the direction of the text around them.
func deceptive(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
			r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}

func (c *idTokenClaims) idClaims() IDClaims {
	claims := IDClaims{
		Issuer: c.Issuer, Subject: c.Subject, SessionID: c.SessionID,
		AuthTime: c.AuthTime.Time, IssuedAt: c.IssuedAt.Time, Expires: c.Expiration.Time, Methods: c.Methods,
		Name: c.Name, GivenName: c.GivenName, FamilyName: c.FamilyName,
		Email: c.Email, EmailVerified: c.EmailVerified, Username: c.Username,
		OrganizationID: c.OrganizationID, Roles: c.ownRoles(),
	}
	if c.Locale != nil {
		claims.Locale = *c.Locale
	}
	return claims
}

// ownRoles are the roles granted in the user's own organization. A role that
// another organization granted says nothing about this one; and the claim
// urn:zitadel:iam:org:id names the organization that was merely asked for.
func (c *idTokenClaims) ownRoles() []string {
	var roles []string
	for role, organizations := range c.Roles {
		if _, own := organizations[c.OrganizationID]; own && c.OrganizationID != "" && role != "" && !deceptive(role) {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return roles
}

// tokenHash is the left half of the token's hash, by the hash of the signature
// (OpenID Connect Core 3.1.3.6).
func tokenHash(token string, alg jose.SignatureAlgorithm) string {
	hash := crypto.SHA256
	switch alg {
	case jose.RS384, jose.ES384:
		hash = crypto.SHA384
	case jose.RS512, jose.ES512, jose.EdDSA:
		hash = crypto.SHA512
	}
	h := hash.New()
	_, _ = h.Write([]byte(token))
	sum := h.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// audience is a string or a list of strings.
type audience []string

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// timestamp is a number of seconds.
type timestamp struct{ time.Time }

// UnmarshalJSON refuses what is no time, such as zero.
func (t *timestamp) UnmarshalJSON(data []byte) error {
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	if seconds <= 0 || seconds > math.MaxInt32*100 {
		return errors.New("not a time")
	}
	t.Time = time.Unix(int64(seconds), 0)
	return nil
}
