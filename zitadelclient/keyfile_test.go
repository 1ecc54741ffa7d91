package zitadelclient

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// testRSA is one key for all tests of this package: making one is slow.
var testRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func keyFile(t *testing.T, change func(map[string]any)) []byte {
	t.Helper()
	file := map[string]any{
		"type": "serviceaccount", "keyId": "k1", "userId": "u1",
		"key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(testRSA())})),
	}
	change(file)
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What is wrong with a key file is said at the start, since ZITADEL would not.
func TestKeyFileDiagnosis(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(map[string]any)
		says   string // "" for a good file
	}{
		{"good", func(map[string]any) {}, ""},
		{"PKCS 8", func(f map[string]any) { f["key"] = pkcs8(testRSA()) }, ""},
		{"never expires", func(f map[string]any) { f["expirationDate"] = "9999-12-31T23:59:59Z" }, ""},
		{"of an application", func(f map[string]any) { f["type"], f["clientId"] = "application", "c1" }, "TORHAUS_OIDC_CLIENT_KEY"},
		{"of something", func(f map[string]any) { f["type"] = "x" }, `type is "x"`},
		{"expired", func(f map[string]any) { f["expirationDate"] = "2026-11-22T11:59:59Z" }, "expired on 2026-11-22"},
		{"no user", func(f map[string]any) { delete(f, "userId") }, "lacks"},
		{"no key id", func(f map[string]any) { delete(f, "keyId") }, "lacks"},
		{"no PEM", func(f map[string]any) { f["key"] = "abc" }, "no PEM"},
		{"no RSA", func(f map[string]any) { f["key"] = pkcs8(elliptic) }, "no RSA"},
		{"garbled PEM", func(f map[string]any) {
			f["key"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("abc")}))
		}, "no RSA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := &keySource{inline: string(keyFile(t, test.change)), wantType: serviceAccountKey, setting: "TORHAUS_ZITADEL_KEY", now: func() time.Time { return now }}
			_, err := source.key()
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || !strings.HasPrefix(err.Error(), "TORHAUS_ZITADEL_KEY: ")):
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
	if _, err := (&keySource{inline: `{"key": "s3cret`, setting: "X"}).key(); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("garbled file: %v", err)
	}
	if _, err := (&keySource{file: filepath.Join(t.TempDir(), "none"), setting: "X"}).key(); err == nil {
		t.Error("a missing file was read")
	}
}

func TestKeyFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	write := func(id string) {
		if err := os.WriteFile(file, keyFile(t, func(f map[string]any) { f["keyId"] = id }), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := &keySource{file: file, wantType: serviceAccountKey, now: time.Now}
	for _, id := range []string{"k1", "k1", "k2"} {
		write(id)
		k, err := source.key()
		if err != nil || k.KeyID != id {
			t.Errorf("got %v, %v, want %s", k, err, id)
		}
	}
}

func TestAssertion(t *testing.T) {
	k, err := parseKey(keyFile(t, func(map[string]any) {}))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	first, err := k.assertion("https://id.example.com", now)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := k.assertion("https://id.example.com", now)
	signed, err := jose.ParseSignedCompact(first, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(testRSA().Public())
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Iss, Sub, Jti string
		Aud           []string
		Iat, Exp      int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if signed.Signatures[0].Protected.KeyID != "k1" || claims.Iss != "u1" || claims.Sub != "u1" || len(claims.Aud) != 1 || claims.Aud[0] != "https://id.example.com" {
		t.Errorf("claims %+v", claims)
	}
	if claims.Iat > now.Unix() || claims.Exp > now.Add(5*time.Minute).Unix() || claims.Exp <= now.Unix() || claims.Jti == "" || first == second {
		t.Errorf("claims %+v: neither timely nor unique", claims)
	}
}
