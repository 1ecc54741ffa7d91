package zitadelclient

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	testIssuer   = "http://id.example.localhost:8300"
	testClientID = "400693152354208806"
)

// testProvider is an OpenID provider that signs whatever a test wants.
type testProvider struct {
	t         *testing.T
	client    *Client
	keyReads  atomic.Int32
	answer    atomic.Value // the token endpoint's next answer: func(http.ResponseWriter)
	discovery atomic.Value // map[string]string
}

func newTestProvider(t *testing.T) *testProvider {
	t.Helper()
	p := &testProvider{t: t}
	p.discovery.Store(map[string]string{
		"issuer": testIssuer, "authorization_endpoint": testIssuer + "/oauth/v2/authorize", "token_endpoint": testIssuer + "/oauth/v2/token",
		"revocation_endpoint": testIssuer + "/oauth/v2/revoke", "jwks_uri": testIssuer + "/oauth/v2/keys",
	})
	p.client = testClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(p.discovery.Load())
		case "/oauth/v2/keys":
			p.keyReads.Add(1)
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
				{Key: testRSA().Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"},
				{Key: testRSA().Public(), KeyID: "enc", Algorithm: "RS256", Use: "enc"},
				{Key: testRSA().Public(), KeyID: "any", Use: "sig"},
				{Key: testEC.Public(), KeyID: "ec", Algorithm: "ES384", Use: "sig"},
				{Key: testEd.Public(), KeyID: "ed", Algorithm: "EdDSA", Use: "sig"},
			}})
		case "/oauth/v2/token":
			p.answer.Load().(func(http.ResponseWriter))(w)
		default:
			t.Errorf("asked for %s", r.URL.Path)
		}
	})
	return p
}

// idToken is how a test describes a token: good unless changed.
type idToken struct {
	claims  map[string]any
	alg     jose.SignatureAlgorithm
	key     any
	header  map[jose.HeaderKey]any
	kid     string
	payload string // in place of the claims
	mangle  func(string) string
	access  string // the access token that it comes with
	nonce   string // the one that we sent
}

func goodToken() *idToken {
	now := time.Now()
	return &idToken{
		claims: map[string]any{
			"iss": testIssuer, "sub": "400693152689687590", "aud": []string{testClientID, "other"}, "azp": testClientID,
			"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "auth_time": now.Unix(), "nonce": "n1", "sid": "1", "amr": []string{"pwd"},
			"at_hash": tokenHash("access", jose.RS256), "name": "Alice", "email": "alice@example.com", "email_verified": true, "locale": nil,
		},
		alg: jose.RS256, key: testRSA(), kid: "k1", header: map[jose.HeaderKey]any{"typ": "JWT"}, access: "access", nonce: "n1",
	}
}

func (i *idToken) sign(t *testing.T) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: maps.Clone(i.header)}
	if i.kid != "" {
		options.WithHeader("kid", i.kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: i.alg, Key: i.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte(i.payload)
	if i.payload == "" {
		if payload, err = json.Marshal(i.claims); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if i.mangle != nil {
		token = i.mangle(token)
	}
	return token
}

func claim(name string, value any) func(*idToken) {
	return func(i *idToken) { i.claims[name] = value }
}

func without(name string) func(*idToken) {
	return func(i *idToken) { delete(i.claims, name) }
}

func hmac(secret []byte) func(*idToken) {
	return func(i *idToken) { i.alg, i.key = jose.HS256, secret }
}

func typ(name string) func(*idToken) {
	return func(i *idToken) { i.header["typ"] = name }
}

// idTokenCases says for each row of testdata/id_token_cases.tsv how the token
// is changed.
var idTokenCases = map[string]func(*idToken){
	"alg=none": func(i *idToken) {
		i.mangle = func(s string) string {
			parts := strings.Split(s, ".")
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT","kid":"k1"}`)) + "." + parts[1] + "."
		}
	},
	"alg=HS256 signed with client_id": hmac([]byte(strings.Repeat(testClientID, 2))),
	"alg=HS256 signed with RSA public key PEM": func(i *idToken) {
		der, _ := x509.MarshalPKIXPublicKey(testRSA().Public())
		hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))(i)
	},
	"alg=RS256 wrong key":                          func(i *idToken) { i.key = otherRSA },
	"unknown kid (one JWKS refetch, rate limited)": func(i *idToken) { i.kid = "unknown" },
	"kid path traversal ../../dev/null":            func(i *idToken) { i.kid = "../../dev/null" },
	"jku/x5u/jwk header pointing at attacker (ignored)": func(i *idToken) {
		i.header["jku"], i.header["x5u"] = "https://evil.example.com/keys", "https://evil.example.com/cert"
	},
	"iss other issuer":                       claim("iss", "https://evil.example.com"),
	"iss with trailing slash":                claim("iss", testIssuer+"/"),
	"aud other client":                       claim("aud", "other"),
	"aud list without us":                    claim("aud", []string{"other", "another"}),
	"aud list with us + others, azp missing": without("azp"),
	"azp other client":                       claim("azp", "other"),
	"exp in the past":                        claim("exp", time.Now().Add(-time.Second).Unix()),
	"exp missing":                            without("exp"),
	"iat in the future by 10 min":            claim("iat", time.Now().Add(10*time.Minute).Unix()),
	"iat missing":                            without("iat"),
	"nonce missing":                          without("nonce"),
	"nonce other":                            claim("nonce", "n2"),
	"nonce empty when we sent one":           claim("nonce", ""),
	"sub missing":                            without("sub"),
	"sub empty":                              claim("sub", ""),
	"at_hash wrong":                          claim("at_hash", tokenHash("other", jose.RS256)),
	"c_hash irrelevant":                      claim("c_hash", "AAAA"),
	"email_verified false":                   claim("email_verified", false),
	`email_verified "true" (string)`:         claim("email_verified", "true"),
	"email with two @ (CVE-2026-40574)":      claim("email", "alice@example.com@evil.example.com"),
	"email with trailing spaces / CRLF":      claim("email", "alice@example.com \r\n"),
	"roles claim 10 000 entries": func(i *idToken) {
		roles := map[string]map[string]string{}
		for n := range 10_000 {
			roles[fmt.Sprint("role", n)] = map[string]string{"1": "example.com"}
		}
		i.claims["urn:zitadel:iam:org:project:roles"] = roles
	},
	"claim with NUL / U+2028 / RTL override": claim("name", "Ali\u202ece"),
	"5 MB id_token":                          claim("filler", strings.Repeat("a", 5<<20)),
	"nested JWE": func(i *idToken) {
		i.mangle = func(s string) string { return "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ." + s + ".AAAA" }
	},
	"typ=logout+jwt used as id_token": typ("logout+jwt"),
	"typ=at+jwt used as id_token":     typ("at+jwt"),
	"duplicate JSON keys in payload": func(i *idToken) {
		payload, _ := json.Marshal(i.claims)
		i.payload = strings.TrimSuffix(string(payload), "}") + `,"sub":"someone else"}`
	},
	"non-object payload": func(i *idToken) { i.payload = `["sub"]` },
	"base64 with padding": func(i *idToken) {
		i.mangle = func(s string) string {
			parts := strings.Split(s, ".")
			return parts[0] + "." + parts[1] + "=." + parts[2]
		}
	},

	// Beyond the corpus.
	"as it should be":                  func(*idToken) {},
	"aud is a string":                  func(i *idToken) { i.claims["aud"] = testClientID; delete(i.claims, "azp") },
	"clock 30 s ahead of ours":         claim("iat", time.Now().Add(30*time.Second).Unix()),
	"no at_hash":                       without("at_hash"),
	"no typ":                           func(i *idToken) { delete(i.header, "typ") },
	"no kid":                           func(i *idToken) { i.kid = "" },
	"key that is for encryption":       func(i *idToken) { i.kid = "enc" },
	"RS512 by a key that is for RS256": func(i *idToken) { i.alg = jose.RS512; delete(i.claims, "at_hash") },
	"claim names in capitals":          func(i *idToken) { delete(i.claims, "sub"); i.claims["SUB"] = "1" },
	"exp of zero":                      claim("exp", 0),
	"exp beyond all time":              claim("exp", 1e300),
	"exp is a string":                  claim("exp", "9999999999"),
	"aud is a number":                  claim("aud", 7),
	"name with a NUL":                  claim("name", "Ali\x00ce"),
	"another access token":             func(i *idToken) { i.access = "stolen" },
	"no ID token":                      func(i *idToken) { i.mangle = func(string) string { return "" } },
	"RS512":                            signedBy("any", jose.RS512, testRSA()),
	"ES384":                            signedBy("ec", jose.ES384, testEC),
	"EdDSA":                            signedBy("ed", jose.EdDSA, testEd),
	"PS256, which is not offered":      signedBy("any", jose.PS256, testRSA()),
	"signature cut off":                func(i *idToken) { i.mangle = func(s string) string { return s[:len(s)-4] } },
	"payload of another token": func(i *idToken) {
		i.mangle = func(s string) string {
			parts := strings.Split(s, ".")
			return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"1"}`)) + "." + parts[2]
		}
	},
}

var acceptedBeyondTheCorpus = []string{"as it should be", "aud is a string", "clock 30 s ahead of ours", "no at_hash", "no typ", "RS512", "ES384", "EdDSA"}

// signedBy signs with another kind of key, and hashes the access token as that
// kind does.
func signedBy(kid string, alg jose.SignatureAlgorithm, key any) func(*idToken) {
	return func(i *idToken) {
		i.kid, i.alg, i.key = kid, alg, key
		i.claims["at_hash"] = tokenHash(i.access, alg)
	}
}

var (
	testEC    = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, testEd = ed25519Key()
)

func ed25519Key() (ed25519.PublicKey, ed25519.PrivateKey) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(public, err)
	return public, private
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

var otherRSA = must(rsa.GenerateKey(rand.Reader, 2048))

// decidedElsewhere are rows that an exchange cannot judge, and where that is done.
var decidedElsewhere = map[string]string{
	"auth_time older than max_age": "handlers.TestMaxAgeOfOurOwnSession: the gate, by when ZITADEL's factors were shown",
	"acr missing when required":    "handlers.TestStepUpAsksForTheMissingFactorAlone: no acr is asked for, the gate counts factors",
	"sub differs on refresh":       "TestRefreshedIdentity",
}

func TestIDTokenCases(t *testing.T) {
	want := map[string]bool{}
	for name := range idTokenCases {
		want[name] = false
	}
	for _, name := range acceptedBeyondTheCorpus {
		want[name] = true
	}
	data, err := os.ReadFile("testdata/id_token_cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		field, expected, _ := strings.Cut(strings.TrimSpace(line), "\t")
		var name string
		if err := json.Unmarshal([]byte(`"`+field+`"`), &name); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "#") || decidedElsewhere[name] != "" {
			continue
		}
		if _, known := idTokenCases[name]; !known {
			t.Errorf("no such token is made: %s", name)
		}
		want[name] = strings.HasPrefix(expected, "accept")
	}
	for name, accept := range want {
		t.Run(name, func(t *testing.T) {
			p := newTestProvider(t)
			token := goodToken()
			idTokenCases[name](token)
			claims, err := p.exchange(token)
			if accept != (err == nil) {
				t.Errorf("got %v, want it accepted: %t", err, accept)
			}
			if !accept && claims.Subject != "" {
				t.Errorf("a refused token yields %+v", claims)
			}
		})
	}
}

// exchange redeems a code for such a token.
func (p *testProvider) exchange(token *idToken) (IDClaims, error) {
	p.t.Helper()
	signed := token.sign(p.t)
	p.answer.Store(func(w http.ResponseWriter) {
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token.access, "token_type": "Bearer", "expires_in": 43199, "id_token": signed})
	})
	tokens, err := p.client.Exchange(p.t.Context(), "code", Transaction{"s", token.nonce, "v"})
	return tokens.Claims, err
}

// Tokens with made-up key ids cause at most one further request a minute.
func TestUnknownKeysAreRateLimited(t *testing.T) {
	p := newTestProvider(t)
	now := time.Now()
	p.client.config.Now = func() time.Time { return now }
	for n := range 50 {
		token := goodToken()
		token.kid = fmt.Sprint("unknown", n)
		if _, err := p.exchange(token); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := p.keyReads.Load(); n > 2 {
		t.Errorf("%d requests for keys", n)
	}
	if _, err := p.exchange(goodToken()); err != nil {
		t.Errorf("a good token after bad ones: %v", err)
	}
	now = now.Add(keysRefetch)
	bad := goodToken()
	bad.kid = "unknown"
	_, _ = p.exchange(bad)
	if n := p.keyReads.Load(); n != 3 {
		t.Errorf("%d requests for keys after a minute", n)
	}
}

func TestRefreshedIdentity(t *testing.T) {
	previous := IDClaims{Issuer: testIssuer, Subject: "400693152689687590", SessionID: "1"}
	for _, test := range []struct {
		name   string
		change func(*idToken)
		accept bool
	}{
		{"same", func(*idToken) {}, true},
		{"no nonce", without("nonce"), true},
		{"other user", claim("sub", "2"), false},
		{"other session", claim("sid", "2"), false},
		{"no session", without("sid"), false},
		{"other issuer", claim("iss", "https://evil.example.com"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestProvider(t)
			token := goodToken()
			test.change(token)
			signed := token.sign(t)
			p.answer.Store(func(w http.ResponseWriter) {
				_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": signed})
			})
			tokens, err := p.client.Refresh(t.Context(), "old", previous)
			if test.accept != (err == nil) {
				t.Fatalf("got %v", err)
			}
			if err == nil && tokens.RefreshToken != "old" {
				t.Errorf("without a new refresh token the old one stays, got %q", tokens.RefreshToken)
			}
		})
	}
	p := newTestProvider(t)
	p.answer.Store(func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"access_token":"a","token_type":"bearer"}`)) })
	tokens, err := p.client.Refresh(t.Context(), "old", previous)
	if err != nil || tokens.Claims.Subject != previous.Subject {
		t.Errorf("without an ID token: %v, %v", tokens, err)
	}
}
