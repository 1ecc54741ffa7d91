package zitadeltest

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// RotateSigningKey makes the server sign with another key from now on. The
// older keys stay in the key set, so tokens they signed stay valid; a client
// that cached the set meets a key id it does not know.
func (s *Server) RotateSigningKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oidc.keys = append([]*machineKey{s.newKey()}, s.signingKeys()...)
}

// signingKeys returns the keys, the one in use first. They are made at the
// first use: a key costs a tenth of a second, and most tests sign nothing.
func (s *Server) signingKeys() []*machineKey {
	if len(s.oidc.keys) == 0 {
		s.oidc.keys = []*machineKey{{id: s.newID(), private: pooledKey(0)}}
	}
	return s.oidc.keys
}

// sign returns claims as a JWT.
func (s *Server) sign(claims map[string]any) string {
	return s.signAs(map[string]any{"typ": "JWT"}, claims)
}

// signAs signs claims under a header of one's own, but for algorithm and key.
func (s *Server) signAs(header, claims map[string]any) string {
	key, options := s.signingKeys()[0], &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}}, options)
	if err != nil {
		panic("zitadeltest: signer: " + err.Error())
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic("zitadeltest: sign: " + err.Error())
	}
	return token
}

// verifyOwn returns the claims of a JWT that this server signed. Expiry is not
// looked at: an id_token_hint may have expired.
func (s *Server) verifyOwn(raw string) (map[string]any, bool) {
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, false
	}
	for _, key := range s.signingKeys() {
		var claims map[string]any
		if token.Headers[0].KeyID == key.id && token.Claims(key.private.Public(), &claims) == nil {
			return claims, true
		}
	}
	return nil, false
}

// assertionClaims are what a client says about itself in a signed assertion.
type assertionClaims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience jwt.Audience    `json:"aud"`
	Expiry   jwt.NumericDate `json:"exp"`
	IssuedAt jwt.NumericDate `json:"iat"`
}

// verifyAssertion checks an assertion against the public keys that keyOf
// yields for its key id. It is strict where ZITADEL is: the audience is the
// issuer (not the token endpoint), iss equals sub, and iat is under an hour old.
func (s *Server) verifyAssertion(raw string, keyOf func(keyID string) (owner string, key *rsa.PublicKey)) (string, bool) {
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return "", false
	}
	owner, key := keyOf(token.Headers[0].KeyID)
	var claims assertionClaims
	if key == nil || token.Claims(key, &claims) != nil {
		return "", false
	}
	now := s.now()
	if claims.Issuer != owner || claims.Subject != owner || !claims.Audience.Contains(s.config.Issuer) {
		return "", false
	}
	if !now.Before(claims.Expiry.Time()) || now.Sub(claims.IssuedAt.Time()) > maxAssertionAge {
		return "", false
	}
	return owner, true
}

// keySet is what /oauth/v2/keys answers.
func (s *Server) keySet() jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, key := range s.signingKeys() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.private.Public(), KeyID: key.id, Algorithm: string(jose.RS256), Use: "sig"})
	}
	return set
}

// accessTokenHash is the at_hash claim: it binds an ID token to its access
// token, by the left half of the SHA-256 (OpenID Connect Core §3.1.3.6).
func accessTokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
