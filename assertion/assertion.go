// Package assertion says to an app who is asking, in a way that the app can check
// by itself: a short-lived JWT, signed with a key of ours whose public half is
// published. An app that verifies it need not trust whatever stands between.
//
//	signer, err := assertion.New(assertion.Config{Secrets: secrets, Issuer: "https://auth.example.com"})
//	…
//	token, err := signer.Sign(assertion.Claims{Audience: "https://app.example.com", Subject: user})
//
// The keys are made from secrets that all replicas have in common, so that each
// verifies what another signed, without one more secret to keep. The first signs;
// all are published, so that what an old one signed holds to its end.
//
// An app takes [Leeway] off when it holds the times to its own clock: those of our
// replicas and of the app's servers differ, and a replica that is a minute behind
// would sign what has ended already.
//
// What it refuses: an assertion without an audience or a subject. There is nothing
// in one by which anybody could act at torhaus or at ZITADEL: no token, no session.
package assertion

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Lifetime is how long an assertion is good for: one request.
const Lifetime = time.Minute

// Leeway is what an app adds when it compares exp and iat with its clock: as much as
// clocks may differ. An assertion is then taken for two minutes at most by clocks that
// agree, and for three by the worst.
const Leeway = time.Minute

// SecretSize is the length of a secret, in bytes. It is half as long again as the
// key made of it, so that no value of the key is more likely than another
// (FIPS 186-5, A.2.1).
const SecretSize = 48

// algorithm is the one that every JWT library knows besides RSA's.
const algorithm = jose.ES256

// Config is what a [Signer] is made of.
type Config struct {
	// Secrets are of [SecretSize] random bytes each; the first signs.
	Secrets [][]byte
	// Issuer is our public URL.
	Issuer string
	Now    func() time.Time // default time.Now
}

// Signer signs assertions.
type Signer struct {
	issuer string
	now    func() time.Time
	signer jose.Signer
	keySet []byte
}

// New makes the keys.
func New(cfg Config) (*Signer, error) {
	if len(cfg.Secrets) == 0 || cfg.Issuer == "" {
		return nil, errors.New("assertion: a secret and an issuer are needed")
	}
	s := &Signer{issuer: cfg.Issuer, now: cfg.Now}
	if s.now == nil {
		s.now = time.Now
	}
	var published jose.JSONWebKeySet
	for i, secret := range cfg.Secrets {
		key, err := newKey(secret)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			options := new(jose.SignerOptions).WithType("JWT")
			if s.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options); err != nil {
				return nil, fmt.Errorf("assertion: %w", err)
			}
		}
		published.Keys = append(published.Keys, key.Public())
	}
	var err error
	s.keySet, err = json.Marshal(published)
	return s, err
}

// newKey makes a key out of a secret, always the same one.
func newKey(secret []byte) (jose.JSONWebKey, error) {
	if len(secret) != SecretSize {
		return jose.JSONWebKey{}, fmt.Errorf("assertion: a secret has %d bytes, not %d", len(secret), SecretSize)
	}
	curve := elliptic.P256()
	most := new(big.Int).Sub(curve.Params().N, big.NewInt(1))
	scalar := new(big.Int).SetBytes(secret)
	scalar.Mod(scalar, most).Add(scalar, big.NewInt(1)) // from 1 to N-1
	private, err := ecdsa.ParseRawPrivateKey(curve, scalar.FillBytes(make([]byte, 32)))
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("assertion: %w", err)
	}
	key := jose.JSONWebKey{Key: private, Algorithm: string(algorithm), Use: "sig"}
	thumb, err := key.Thumbprint(crypto.SHA256) // RFC 7638: the same on every replica
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	return key, err
}

// Claims are what an assertion says.
type Claims struct {
	Audience     string // the app that it is for, and for no other
	Subject      string
	Organization string
	Roles        []string
	Methods      []string  // how the user signed in
	AuthTime     time.Time // and when
}

// payload is the assertion as it is signed (RFC 7519; amr and auth_time as in
// OpenID Connect Core).
type payload struct {
	Issuer       string   `json:"iss"`
	Audience     string   `json:"aud"`
	Subject      string   `json:"sub"`
	IssuedAt     int64    `json:"iat"`
	Expiry       int64    `json:"exp"`
	ID           string   `json:"jti"`
	Organization string   `json:"org,omitempty"`
	Roles        []string `json:"roles"`
	Methods      []string `json:"amr,omitempty"`
	AuthTime     int64    `json:"auth_time,omitempty"`
}

// Sign makes the assertion.
func (s *Signer) Sign(c Claims) (string, error) {
	if c.Audience == "" || c.Subject == "" {
		return "", errors.New("assertion: an audience and a subject are needed")
	}
	now := s.now()
	p := payload{
		Issuer: s.issuer, Audience: c.Audience, Subject: c.Subject, ID: rand.Text(),
		IssuedAt: now.Unix(), Expiry: now.Add(Lifetime).Unix(),
		Organization: c.Organization, Roles: append([]string{}, c.Roles...), Methods: c.Methods, // roles are never null
	}
	if !c.AuthTime.IsZero() {
		p.AuthTime = c.AuthTime.Unix()
	}
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("assertion: %w", err)
	}
	signed, err := s.signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("assertion: %w", err)
	}
	return signed.CompactSerialize()
}

// KeySet is the JSON Web Key Set by which assertions are verified (RFC 7517). It
// holds no private key.
func (s *Signer) KeySet() []byte { return s.keySet }
