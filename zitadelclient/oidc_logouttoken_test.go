package zitadelclient

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// goodLogoutToken is one as ZITADEL sends it.
func goodLogoutToken() *idToken {
	now := time.Now()
	return &idToken{
		claims: map[string]any{
			"iss": testIssuer, "sub": "400693152689687590", "aud": []string{testClientID}, "jti": "400703449555012646", "sid": "400703449471126566",
			"iat": now.Add(-time.Second).Unix(), "exp": now.Add(15 * time.Minute).Unix(),
			"events": map[string]any{logoutEvent: map[string]any{}},
		},
		alg: jose.RS256, key: testRSA(), kid: "k1", header: map[jose.HeaderKey]any{"typ": "JWT"},
	}
}

func untyped(i *idToken) { delete(i.header, "typ") }

func unchanged(*idToken) {}

// as has a token say all that another one does.
func as(other *idToken) func(*idToken) {
	return func(i *idToken) { *i = *other }
}

// logoutTokenCases says for rows of testdata/logout_token_cases.tsv how the token
// is changed. The other rows are about its delivery, and tried by handlers.
var logoutTokenCases = map[string]func(*idToken){
	"valid: typ=logout+jwt, iss, aud, iat, exp, jti, events{backchannel-logout:{}}, sid": typ("logout+jwt"),
	"valid with sub only":                          without("sid"),
	"valid with sub and sid":                       unchanged,
	"nonce present":                                claim("nonce", "n1"),
	"events missing":                               without("events"),
	"events without the backchannel-logout member": claim("events", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}),
	"events member not an object":                  claim("events", map[string]any{logoutEvent: "yes"}),
	"neither sub nor sid":                          func(i *idToken) { delete(i.claims, "sub"); delete(i.claims, "sid") },
	"typ=JWT":                                      typ("JWT"),
	"typ=at+jwt":                                   typ("at+jwt"),
	"typ absent":                                   untyped,
	"jti missing":                                  without("jti"),
	"an ID token posted as logout_token":           as(goodToken()),
	"an access token posted as logout_token": func(i *idToken) {
		as(goodToken())(i)
		for _, name := range []string{"nonce", "at_hash", "azp", "amr", "auth_time"} {
			delete(i.claims, name)
		}
		i.claims["jti"], i.claims["client_id"], i.claims["aud"] = "V2_1", testClientID, testClientID
	},
	"alg=none":                 idTokenCases["alg=none"],
	"HS256 with client secret": hmac([]byte("client-secret-that-is-long-enough-to-sign-with")),
	"wrong iss":                claim("iss", "https://evil.example.com"),
	"wrong aud":                claim("aud", []string{"other"}),
	"expired":                  claim("exp", time.Now().Add(-time.Second).Unix()),
	"exp missing":              without("exp"),
	"iat 1 h old":              claim("iat", time.Now().Add(-time.Hour).Unix()),
	"iat in the future":        claim("iat", time.Now().Add(10*time.Minute).Unix()),
	"1 MB token":               claim("filler", strings.Repeat("a", 1<<20)),

	// Beyond the corpus.
	"as it should be":                    unchanged,
	"valid with sid only":                without("sub"),
	"aud is a string":                    claim("aud", testClientID),
	"clock 30 s ahead of ours":           claim("iat", time.Now().Add(30*time.Second).Unix()),
	"typ in capitals":                    typ("LOGOUT+JWT"),
	"for us and somebody else":           claim("aud", []string{testClientID, "other"}),
	"for us twice":                       claim("aud", []string{testClientID, testClientID}),
	"for nobody":                         claim("aud", []string{}),
	"aud missing":                        without("aud"),
	"iss missing":                        without("iss"),
	"iss with trailing slash":            claim("iss", testIssuer+"/"),
	"iat missing":                        without("iat"),
	"iat of zero":                        claim("iat", 0),
	"exp is a string":                    claim("exp", "9999999999"),
	"nonce of null":                      claim("nonce", nil),
	"nonce of nothing":                   claim("nonce", ""),
	"events is null":                     claim("events", nil),
	"events is a list":                   claim("events", []string{logoutEvent}),
	"events is a string":                 claim("events", logoutEvent),
	"events member of null":              claim("events", map[string]any{logoutEvent: nil}),
	"events member is a list":            claim("events", map[string]any{logoutEvent: []string{}}),
	"another event besides":              claim("events", map[string]any{logoutEvent: map[string]any{}, "http://schemas.openid.net/event/other": map[string]any{}}),
	"jti of nothing":                     claim("jti", ""),
	"jti is a number":                    claim("jti", 7),
	"sid with a NUL":                     claim("sid", "1\x00"),
	"sub with a line break":              claim("sub", "1\r\n2"),
	"claim names in capitals":            func(i *idToken) { delete(i.claims, "sid"); delete(i.claims, "sub"); i.claims["SUB"] = "1" },
	"duplicate JSON keys":                func(i *idToken) { i.payload = duplicated(i, `,"sid":"2"}`) },
	"duplicate events":                   func(i *idToken) { i.payload = duplicated(i, `,"events":{}}`) },
	"non-object payload":                 func(i *idToken) { i.payload = `["sid"]` },
	"wrong key":                          func(i *idToken) { i.key = otherRSA },
	"unknown kid":                        func(i *idToken) { i.kid = "unknown" },
	"no kid":                             func(i *idToken) { i.kid = "" },
	"key that is for encryption":         func(i *idToken) { i.kid = "enc" },
	"ES384":                              func(i *idToken) { i.kid, i.alg, i.key = "ec", jose.ES384, testEC },
	"PS256, which is not offered":        func(i *idToken) { i.kid, i.alg = "any", jose.PS256 },
	"signature cut off":                  idTokenCases["signature cut off"],
	"claims of another token":            idTokenCases["payload of another token"],
	"nested JWE":                         idTokenCases["nested JWE"],
	"no token":                           func(i *idToken) { i.mangle = func(string) string { return "" } },
	"two tokens":                         func(i *idToken) { i.mangle = func(s string) string { return s + "." + s } },
	"JSON serialization":                 func(i *idToken) { i.mangle = func(s string) string { return flattened(s) } },
	"a header that points at other keys": idTokenCases["jku/x5u/jwk header pointing at attacker (ignored)"],
}

// duplicated is the payload with something more at its end.
func duplicated(i *idToken, end string) string {
	payload, _ := json.Marshal(i.claims)
	return strings.TrimSuffix(string(payload), "}") + end
}

// flattened is the same token in another form of RFC 7515, which nobody sends.
func flattened(token string) string {
	parts := strings.Split(token, ".")
	text, _ := json.Marshal(map[string]string{"protected": parts[0], "payload": parts[1], "signature": parts[2]})
	return string(text)
}

var logoutTokensAcceptedBeyondTheCorpus = []string{
	"as it should be", "valid with sid only", "aud is a string", "clock 30 s ahead of ours", "typ in capitals", "ES384",
	"a header that points at other keys",
}

func TestLogoutTokenCases(t *testing.T) {
	want := map[string]bool{}
	for name := range logoutTokenCases {
		want[name] = false
	}
	for _, name := range logoutTokensAcceptedBeyondTheCorpus {
		want[name] = true
	}
	data, err := os.ReadFile("testdata/logout_token_cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(data)) {
		name, expected, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if _, ours := logoutTokenCases[name]; ours {
			rows++
			want[name] = strings.HasPrefix(expected, "200")
		}
	}
	if rows != 23 {
		t.Errorf("%d rows of the corpus are about the token, not 23: is one spelled otherwise?", rows)
	}
	for name, accept := range want {
		t.Run(name, func(t *testing.T) {
			p := newTestProvider(t)
			token := goodLogoutToken()
			logoutTokenCases[name](token)
			got, err := p.client.VerifyLogoutToken(t.Context(), token.sign(t))
			if accept != (err == nil) {
				t.Fatalf("got %v, want it accepted: %t", err, accept)
			}
			if !accept && (!errors.Is(err, InvalidToken) || got != LogoutToken{}) {
				t.Errorf("refused with %v, and yields %+v", err, got)
			}
			if accept && (got.ID != "400703449555012646" || got.Subject+got.SessionID == "" || !got.Until.After(time.Now())) {
				t.Errorf("yields %+v", got)
			}
		})
	}
}

// Until is never longer than a token is taken: what remembers its ID must not
// forget it before, nor keep it for ever.
func TestLogoutTokenUntil(t *testing.T) {
	p := newTestProvider(t)
	now := time.Now()
	p.client.config.Now = func() time.Time { return now }
	token := goodLogoutToken()
	token.claims["exp"] = now.Add(24 * time.Hour).Unix()
	signed := token.sign(t)
	got, err := p.client.VerifyLogoutToken(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	if left := got.Until.Sub(now); left > maxLogoutTokenAge {
		t.Errorf("a token that is good for a day is remembered for %v", left)
	}
	now = got.Until
	if _, err := p.client.VerifyLogoutToken(t.Context(), signed); !errors.Is(err, InvalidToken) {
		t.Errorf("taken when it may be forgotten: %v", err)
	}
}

// A logout token does not pass for an ID token where there is no nonce to find
// it out: when tokens are refreshed.
func TestLogoutTokenIsNoIDToken(t *testing.T) {
	p := newTestProvider(t)
	for name, change := range map[string]func(*idToken){
		"as it is": unchanged, "with events of null": claim("events", nil),
	} {
		token := goodLogoutToken()
		change(token)
		_, err := p.client.verifyIDToken(t.Context(), tokenAnswer{IDToken: token.sign(t)}, "")
		if err == nil {
			t.Errorf("%s: a logout token is taken for an ID token", name)
		}
	}
	token := goodLogoutToken()
	delete(token.claims, "events")
	if _, err := p.client.verifyIDToken(t.Context(), tokenAnswer{IDToken: token.sign(t)}, ""); err != nil {
		t.Errorf("it is refused for another reason, so this test proves nothing: %v", err)
	}
}

// Garbage costs ZITADEL nothing, and what is addressed to us hardly more.
func TestLogoutTokensCostFewKeyReads(t *testing.T) {
	p := newTestProvider(t)
	for _, change := range []func(*idToken){claim("aud", "other"), claim("iss", "https://evil.example.com"), without("events"), typ("at+jwt")} {
		token := goodLogoutToken()
		change(token)
		token.kid = "unknown"
		_, _ = p.client.VerifyLogoutToken(t.Context(), token.sign(t))
	}
	for _, garbage := range []string{"", "a.b.c", strings.Repeat("a", 60_000), "eyJhbGciOiJub25lIn0.e30."} {
		_, _ = p.client.VerifyLogoutToken(t.Context(), garbage)
	}
	if n := p.keyReads.Load(); n != 0 {
		t.Errorf("%d requests for keys, for nothing that is addressed to us", n)
	}
	for n := range 50 {
		token := goodLogoutToken()
		token.kid = fmt.Sprint("unknown", n)
		_, _ = p.client.VerifyLogoutToken(t.Context(), token.sign(t))
	}
	if n := p.keyReads.Load(); n > 2 {
		t.Errorf("%d requests for keys", n)
	}
	if _, err := p.client.VerifyLogoutToken(t.Context(), goodLogoutToken().sign(t)); err != nil {
		t.Errorf("a good token after bad ones: %v", err)
	}
}

// Whether a token is good cannot be told while the keys cannot be read: that is
// no refusal.
func TestLogoutTokenWithoutKeys(t *testing.T) {
	p := newTestProvider(t)
	p.discovery.Store(map[string]string{"issuer": "https://elsewhere.example.com"})
	if _, err := p.client.VerifyLogoutToken(t.Context(), goodLogoutToken().sign(t)); !errors.Is(err, Unavailable) {
		t.Errorf("got %v", err)
	}
}

// Every logout token that a real ZITADEL was seen to deliver is read as the
// recorder decoded it.
func TestRecordedLogoutTokens(t *testing.T) {
	paths, err := filepath.Glob("zitadeltest/testdata/recordings/*-backchannel-*.json")
	if err != nil {
		t.Fatal(err)
	}
	deliveries := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var recording struct {
			Sid        string
			Deliveries []struct {
				Decoded struct {
					LogoutToken struct{ Header, Claims map[string]any } `json:"logout_token"`
				}
			}
		}
		if err := json.Unmarshal(data, &recording); err != nil {
			t.Fatal(err)
		}
		for _, d := range recording.Deliveries {
			deliveries++
			header, claims := d.Decoded.LogoutToken.Header, d.Decoded.LogoutToken.Claims
			p := newTestProvider(t)
			issued := time.Unix(int64(claims["iat"].(float64)), 0)
			p.client.config.Now = func() time.Time { return issued.Add(time.Second) }
			p.client.provider.client.ClientID = claims["aud"].([]any)[0].(string)
			token := goodLogoutToken()
			token.claims, token.header["typ"] = claims, header["typ"]
			got, err := p.client.VerifyLogoutToken(t.Context(), token.sign(t))
			if err != nil || got.ID != claims["jti"] || got.Subject != claims["sub"] || got.SessionID != claims["sid"] ||
				!got.Until.Equal(time.Unix(int64(claims["exp"].(float64)), 0)) {
				t.Errorf("%s: %+v, %v", path, got, err)
			}
		}
	}
	if deliveries != 12 {
		t.Errorf("%d deliveries are recorded, not 12", deliveries)
	}
}

func TestLogoutTokenErrorsHoldNoClaim(t *testing.T) {
	p := newTestProvider(t)
	token := goodLogoutToken()
	token.claims["iss"], token.claims["sid"] = "https://planted.example.com", "planted-session"
	_, err := p.client.VerifyLogoutToken(t.Context(), token.sign(t))
	if err == nil || strings.Contains(err.Error(), "planted") || strings.Contains(err.Error(), base64.RawURLEncoding.EncodeToString([]byte("planted"))) {
		t.Errorf("the error says %v", err)
	}
}
