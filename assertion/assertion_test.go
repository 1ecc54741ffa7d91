package assertion_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"torhaus/assertion"
)

const issuer, audience = "https://auth.example.com", "https://app.example.com"

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// secret is as long as one must be; each n makes another.
func secret(n byte) []byte { return bytes.Repeat([]byte{n}, assertion.SecretSize) }

func signer(t *testing.T, secrets ...[]byte) *assertion.Signer {
	t.Helper()
	s, err := assertion.New(assertion.Config{Secrets: secrets, Issuer: issuer, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t *testing.T, s *assertion.Signer) string {
	t.Helper()
	token, err := s.Sign(assertion.Claims{
		Audience: audience, Subject: "12", Organization: "34", Roles: []string{"editor"}, Methods: []string{"pwd", "mfa"}, AuthTime: now.Add(-time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// verify is what an app does, with the key set that it fetched.
func verify(token string, keySet []byte, expected jwt.Expected) (map[string]any, error) {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(keySet, &keys); err != nil {
		return nil, err
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	var standard jwt.Claims
	all := map[string]any{}
	if err := parsed.Claims(keys, &standard, &all); err != nil {
		return nil, err
	}
	return all, standard.ValidateWithLeeway(expected, 0)
}

// An app that allows what the README tells it to takes assertions by clocks that
// differ by a minute, and none for ever.
func TestLeeway(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("clockTolerance: %d", assertion.Leeway/time.Second); !bytes.Contains(readme, []byte(want)) {
		t.Errorf("the README does not say %q", want)
	}
	s := signer(t, secret(1))
	token, err := jwt.ParseSigned(sign(t, s), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	var claims jwt.Claims
	if err := json.Unmarshal(s.KeySet(), &keys); err != nil {
		t.Fatal(err)
	}
	if err := token.Claims(keys, &claims); err != nil {
		t.Fatal(err)
	}
	for ahead, taken := range map[time.Duration]struct{ plainly, leniently bool }{ // the app's clock, of ours
		-time.Minute: {false, true}, 0: {true, true}, time.Minute: {true, true},
		time.Minute + time.Second: {false, true}, 2 * time.Minute: {false, true}, 2*time.Minute + time.Second: {false, false},
	} {
		e := expected()
		e.Time = now.Add(ahead)
		plainly, leniently := claims.ValidateWithLeeway(e, 0) == nil, claims.ValidateWithLeeway(e, assertion.Leeway) == nil
		if plainly != taken.plainly || leniently != taken.leniently {
			t.Errorf("by a clock that is %s ahead: taken %t, with leeway %t", ahead, plainly, leniently)
		}
	}
}

func expected() jwt.Expected {
	return jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}
}

// An app learns who it is, and nothing by which it could act for them.
func TestAssertionIsVerifiedByAnApp(t *testing.T) {
	s := signer(t, secret(1))
	claims, err := verify(sign(t, s), s.KeySet(), expected())
	if err != nil {
		t.Fatal(err)
	}
	id, _ := claims["jti"].(string)
	if len(id) < 20 {
		t.Errorf("jti = %q", id)
	}
	delete(claims, "jti")
	want := fmt.Sprint(map[string]any{
		"iss": issuer, "aud": audience, "sub": "12", "org": "34", "roles": []any{"editor"}, "amr": []any{"pwd", "mfa"},
		"iat": float64(now.Unix()), "exp": float64(now.Add(time.Minute).Unix()), "auth_time": float64(now.Add(-time.Hour).Unix()),
	})
	if got := fmt.Sprint(claims); got != want {
		t.Errorf("claims are\n%s, want\n%s", got, want)
	}
	again, err := verify(sign(t, s), s.KeySet(), expected())
	if err != nil || again["jti"] == id {
		t.Errorf("two assertions share the id %v (%v)", again["jti"], err)
	}
}

func TestAssertionIsRefusedByAnApp(t *testing.T) {
	s := signer(t, secret(1))
	token := sign(t, s)
	for name, change := range map[string]func(*jwt.Expected){
		"another audience": func(e *jwt.Expected) { e.AnyAudience = jwt.Audience{"https://other.example.com"} },
		"another issuer":   func(e *jwt.Expected) { e.Issuer = "https://auth.example.org" },
		"too late":         func(e *jwt.Expected) { e.Time = now.Add(assertion.Lifetime + time.Second) },
	} {
		e := expected()
		change(&e)
		if _, err := verify(token, s.KeySet(), e); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := verify(token, signer(t, secret(2)).KeySet(), expected()); err == nil {
		t.Error("accepted with the keys of another torhaus")
	}
	if _, err := verify(token[:len(token)-4]+"AAAA", s.KeySet(), expected()); err == nil {
		t.Error("accepted with another signature")
	}
	if assertion.Lifetime > time.Minute {
		t.Errorf("an assertion lives for %v", assertion.Lifetime)
	}
}

// Replicas agree, and a key that is being replaced holds to the end of what it
// signed: the new one is published before it signs, the old one while it still may
// be met.
func TestAssertionKeysRotate(t *testing.T) {
	before, both, after := signer(t, secret(1)), signer(t, secret(2), secret(1)), signer(t, secret(2))
	if !bytes.Equal(before.KeySet(), signer(t, secret(1)).KeySet()) {
		t.Error("two replicas publish different keys")
	}
	for _, pair := range []struct {
		name     string
		by, with *assertion.Signer
		ok       bool
	}{
		{"signed before", before, both, true},
		{"signed with both", both, both, true},
		{"signed with both, the old one dropped", both, after, true},
		{"signed before, the old one dropped", before, after, false},
		{"signed with a key that is not published yet", both, before, false},
		{"signed before the new one is first", signer(t, secret(1), secret(2)), before, true},
	} {
		if _, err := verify(sign(t, pair.by), pair.with.KeySet(), expected()); (err == nil) != pair.ok {
			t.Errorf("%s: %v", pair.name, err)
		}
	}
}

// What is published is public: curve, point, and names.
func TestKeySetHoldsNoPrivateKey(t *testing.T) {
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(signer(t, secret(1), secret(2)).KeySet(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 || set.Keys[0]["kid"] == set.Keys[1]["kid"] {
		t.Fatalf("keys: %v", set.Keys)
	}
	for _, key := range set.Keys {
		for name := range key {
			if !strings.Contains(" kty crv x y kid alg use ", " "+name+" ") {
				t.Errorf("the key set has the member %q", name)
			}
		}
		if key["kty"] != "EC" || key["crv"] != "P-256" || key["alg"] != "ES256" || key["use"] != "sig" {
			t.Errorf("key %v", key)
		}
	}
}

func TestAssertionHeader(t *testing.T) {
	s := signer(t, secret(1))
	encoded, _, _ := strings.Cut(sign(t, s), ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]string
	if err := json.Unmarshal(raw, &header); err != nil || len(header) != 3 || header["typ"] != "JWT" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %s (%v)", raw, err)
	}
}

// Whatever the secret, there is a key: the smallest and the largest scalar too.
func TestEverySecretMakesAKey(t *testing.T) {
	for _, n := range []byte{0, 1, 0x7f, 0xff} {
		var keys jose.JSONWebKeySet
		if err := json.Unmarshal(signer(t, secret(n)).KeySet(), &keys); err != nil {
			t.Fatal(err)
		}
		if _, ok := keys.Keys[0].Key.(*ecdsa.PublicKey); !ok || !keys.Keys[0].Valid() {
			t.Errorf("secret of %#x: no key", n)
		}
	}
}

func TestNewAndSignRefuse(t *testing.T) {
	for name, cfg := range map[string]assertion.Config{
		"no secret":      {Issuer: issuer},
		"no issuer":      {Secrets: [][]byte{secret(1)}},
		"a short secret": {Secrets: [][]byte{secret(1)[1:]}, Issuer: issuer},
	} {
		if _, err := assertion.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s := signer(t, secret(1))
	for name, claims := range map[string]assertion.Claims{"no audience": {Subject: "1"}, "no subject": {Audience: audience}} {
		if token, err := s.Sign(claims); err == nil {
			t.Errorf("%s: %s", name, token)
		}
	}
}

func ExampleSigner_Sign() {
	s, err := assertion.New(assertion.Config{Secrets: [][]byte{secret(1)}, Issuer: issuer})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := s.Sign(assertion.Claims{Audience: audience, Subject: "12"})
	fmt.Println(strings.Count(token, "."), err)
	// Output: 2 <nil>
}
