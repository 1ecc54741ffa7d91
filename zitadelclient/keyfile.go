package zitadelclient

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The types of key files that ZITADEL hands out.
const (
	serviceAccountKey = "serviceaccount"
	applicationKey    = "application"
)

// key is the contents of a key file.
type key struct {
	Type           string    `json:"type"`
	KeyID          string    `json:"keyId"`
	Key            string    `json:"key"`
	ExpirationDate time.Time `json:"expirationDate"`
	UserID         string    `json:"userId"`   // of a service user
	ClientID       string    `json:"clientId"` // of an application

	private *rsa.PrivateKey
}

// subject is who signs with the key: iss and sub of an assertion.
func (k *key) subject() string {
	if k.Type == applicationKey {
		return k.ClientID
	}
	return k.UserID
}

// keySource gives the key of a file or of a setting. The file is read whenever
// the key is needed, so a new key is used as soon as it is there.
type keySource struct {
	file, inline string
	wantType     string
	setting      string // names it in errors
	now          func() time.Time

	mu     sync.Mutex
	raw    []byte
	parsed *key
}

// key returns the current key, or says what is wrong with it: ZITADEL would
// answer all of this with the same 500.
func (s *keySource) key() (*key, error) {
	raw := []byte(s.inline)
	if s.file != "" {
		var err error
		if raw, err = os.ReadFile(s.file); err != nil {
			return nil, fmt.Errorf("%s: %w", s.setting, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parsed == nil || !bytes.Equal(raw, s.raw) {
		parsed, err := parseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.setting, err)
		}
		s.raw, s.parsed = raw, parsed
	}
	if err := s.check(s.parsed); err != nil {
		return nil, fmt.Errorf("%s: %w", s.setting, err)
	}
	return s.parsed, nil
}

func (s *keySource) check(k *key) error {
	switch {
	case k.Type != s.wantType && k.Type == applicationKey:
		return errors.New("this is the key of an application; the key of the service user is needed here (the application's belongs in TORHAUS_OIDC_CLIENT_KEY)")
	case k.Type != s.wantType && k.Type == serviceAccountKey:
		return errors.New("this is the key of a service user; the key of the OIDC application is needed here (the service user's belongs in TORHAUS_ZITADEL_KEY)")
	case k.Type != s.wantType:
		return fmt.Errorf("the key's type is %q, not %q", k.Type, s.wantType)
	case k.KeyID == "" || k.subject() == "":
		return errors.New("the key file lacks keyId, userId or clientId: take the file as ZITADEL gave it")
	case !k.ExpirationDate.IsZero() && !s.now().Before(k.ExpirationDate):
		return fmt.Errorf("the key %s expired on %s: create a new one", k.KeyID, k.ExpirationDate.Format(time.DateOnly))
	}
	return nil
}

func parseKey(raw []byte) (*key, error) {
	k := new(key)
	if err := json.Unmarshal(raw, k); err != nil {
		// Not the decoder's words: they may quote the file.
		return nil, errors.New("this is not the JSON of a ZITADEL key file")
	}
	block, _ := pem.Decode([]byte(k.Key))
	if block == nil {
		return nil, errors.New("the key file holds no PEM key")
	}
	if private, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		k.private = private
		return k, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA {
		return nil, errors.New("the key file holds no RSA key")
	}
	k.private = private
	return k, nil
}

// Assertions live briefly. They claim to be a minute old, because ZITADEL
// forgives a clock that is behind, but only one second of a clock ahead.
const (
	assertionAge      = time.Minute
	assertionLifetime = 5 * time.Minute
)

// assertion signs a JWT that authenticates the key's subject to the issuer.
func (k *key) assertion(issuer string, now time.Time) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.KeyID}},
		new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.KeyID, err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": k.subject(), "sub": k.subject(), "aud": []string{issuer}, "jti": rand.Text(),
		"iat": now.Add(-assertionAge).Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.KeyID, err)
	}
	return signed.CompactSerialize()
}
