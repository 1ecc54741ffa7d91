package handlers_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"torhaus/handlers"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// recordedAt is when the recordings were made: lifetimes in them are counted
// from there.
var recordedAt = time.Date(2026, 11, 22, 7, 21, 0, 0, time.UTC)

// Another client's sign-in, driven with nothing but what a real ZITADEL
// answered: the pages cannot rest on a weakness of our emulator.
func TestRecordedSignInToAnotherClient(t *testing.T) {
	z := newRecorded(t)
	z.answer("GET /v2/oidc/auth_requests/{id}", "authrequest-get-ok")
	z.answer("POST /v2/oidc/auth_requests/{id}", "callback-ok")
	z.answer("GET /v2/users/{id}", "user-get-ok", "user-get-ok", "user-get-ok", "user-get-after-change-required")
	z.answer("POST /v2/users/{id}/email/send", "email-send-ok")
	z.answer("POST /v2/users/{id}/mfa_init_skipped", "user-mfa-skip")
	z.answer("POST /v2/users/{id}/email/verify", "email-verify-ok")
	w := z.world(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?authRequest=V2_400700336173485094").at("/loginname").
		fill(map[string]string{"loginName": "signup-r6b0297ab"}).at("/password").
		fill(map[string]string{"password": password}).at("/verify") // the recorded user's address is unproven
	page = page.fill(map[string]string{"code": "ABC123"}).at("/mfa/set") // the recorded policy offers a factor
	_, action, form := page.form(nil, "reset-button")
	response := b.do(http.MethodPost, action, form)
	_ = response.Body.Close()
	if location := response.Header.Get("Location"); !strings.HasPrefix(location, "http://auth.example.localhost:8400/callback?code=bound-AUTH_CODE_1&state=") {
		t.Errorf("the client was answered at %q (%d)", location, response.StatusCode)
	}
	z.allAsked()
}

// Our own sign-in, the same way: authorize, finalize and exchange.
func TestRecordedSignInToOurApp(t *testing.T) {
	z := newRecorded(t)
	z.answer("GET /oauth/v2/authorize", "authorize-login-client-header")
	z.answer("POST /v2/oidc/auth_requests/{id}", "callback-ok")
	z.answer("GET /oauth/v2/keys", "jwks-ok")
	z.answer("POST /oauth/v2/token", "jwtprofile-ok", "token-code-ok-fresh")
	z.answer("POST /v2/users/{id}/mfa_init_skipped", "user-mfa-skip")
	z.answer("GET /v2/users/{id}", "user-get-after-change-required")
	w := z.world(t)
	b := newBrowser(t)
	b.open(w.auth+"/login?return_to="+w.app+"/inbox").at("/loginname").
		fill(map[string]string{"loginName": "signup-r6b0297ab"}).at("/password").
		fill(map[string]string{"password": password}).at("/mfa/set").
		fill(nil, "reset-button").at("/inbox")
	status, answer := w.session(b)
	if methods := fmt.Sprint(answer["methods"]); status != http.StatusOK || answer["subject"] != boundUser || methods != "[pwd]" {
		t.Errorf("GET /session: %d %v", status, answer)
	}
	z.allAsked()
}

// The ids that all recordings of a journey are bound to: each was made with
// another user and another session.
const (
	boundUser    = "400700402661592102"
	boundSession = "400700339663146022"
	boundClient  = "400693152354208806"
)

// recorded is a ZITADEL that can only repeat what a real one answered.
type recorded struct {
	t       *testing.T
	server  *httptest.Server
	key     *rsa.PrivateKey
	mu      sync.Mutex
	brought map[string][]string // by route: the topics that answer it
	answers map[string][]string // those that are left: each is said once, and the last for ever
	asked   map[string]bool     // topics that were said
	request url.Values          // of the last authorize call: nonce and state are ours
}

const recordings = "../zitadelclient/zitadeltest/testdata/recordings"

func newRecorded(t *testing.T) *recorded {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	z := &recorded{t: t, key: key, brought: map[string][]string{}, answers: map[string][]string{}, asked: map[string]bool{}}
	z.server = httptest.NewServer(z)
	t.Cleanup(z.server.Close)
	for route, topic := range map[string]string{ // what every sign-in needs
		"GET /.well-known/openid-configuration":     "discovery-ok",
		"POST /oauth/v2/token":                      "jwtprofile-ok",
		"POST /v2/users":                            "user-list-by-loginname",
		"GET /v2/users/{id}/authentication_methods": "user-authmethods-password",
		"POST /v2/sessions":                         "session-create-password-ok",
		"GET /v2/sessions/{id}":                     "session-get-ok-permission",
		"POST /v2/organizations/_search":            "provision-orgs-by-domain",
		"GET /v2/settings/login":                    "settings-login",
		"GET /v2/settings/login/idps":               "settings-login-idps",
		"GET /v2/settings":                          "settings-general",
		"GET /v2/settings/password/expiry":          "settings-password-expiry",
		"GET /v2/settings/branding":                 "settings-branding",
		"GET /v2/settings/legal_support":            "settings-legal-support",
	} {
		z.answer(route, topic)
	}
	return z
}

// answer says which recordings answer a route, one after the other.
func (z *recorded) answer(route string, topics ...string) {
	z.brought[route], z.answers[route] = topics, topics
}

// allAsked fails unless every recording was needed: those of any sign-in, and
// those that the journey brought. One that is no longer asked for no longer
// proves anything.
func (z *recorded) allAsked() {
	z.t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	for route, topics := range z.brought {
		for _, topic := range topics {
			if !z.asked[topic] {
				z.t.Errorf("%s: %s was never asked for", route, topic)
			}
		}
		if left := z.answers[route]; len(left) > 1 {
			z.t.Errorf("%s: asked for too seldom, %v are left", route, left[1:])
		}
	}
}

var numbers = regexp.MustCompile(`/(V2_)?[0-9]{6,}`)

func (z *recorded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	route := r.Method + " " + numbers.ReplaceAllString(r.URL.Path, "/{id}")
	topics := z.answers[route]
	if len(topics) == 0 {
		z.t.Errorf("no recording answers %s", route)
		http.NotFound(w, r)
		return
	}
	if len(topics) > 1 {
		z.answers[route] = topics[1:]
	}
	if strings.HasSuffix(r.URL.Path, "/authorize") {
		z.request = r.URL.Query()
	}
	z.asked[topics[0]] = true
	z.repeat(w, r, topics[0])
}

// repeat says what was recorded, with ids and placeholders bound.
func (z *recorded) repeat(w http.ResponseWriter, r *http.Request, topic string) {
	var recording struct {
		Response struct {
			Status  int
			Headers map[string]any
			Body    json.RawMessage
		}
		Decoded map[string]struct{ Claims map[string]any }
	}
	z.read(topic, &recording)
	for name, value := range recording.Response.Headers {
		if text, ok := value.(string); ok && name != "Content-Length" {
			w.Header().Set(name, z.bind(text))
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, recording.Response.Body); err != nil {
		z.t.Error(err)
	}
	body := z.bind(compact.String())
	if token, ok := recording.Decoded["id_token"]; ok && strings.Contains(topic, "code") {
		body = regexp.MustCompile(`<ID_TOKEN_[0-9]+>`).ReplaceAllString(body, z.sign(token.Claims))
	}
	if topic == "jwks-ok" {
		body = z.keys()
	}
	w.WriteHeader(recording.Response.Status)
	fmt.Fprint(w, placeholder.ReplaceAllString(body, "bound-$1"))
}

var placeholder = regexp.MustCompile(`<([A-Z_0-9]+)>`)

// read finds a recording by its topic.
func (z *recorded) read(topic string, into any) {
	files, err := filepath.Glob(filepath.Join(recordings, "[0-9][0-9][0-9]-"+topic+".json"))
	if err != nil || len(files) != 1 {
		z.t.Fatalf("recording %q: %v %v", topic, files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		z.t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		z.t.Fatal(err)
	}
}

var boundIDs = []struct {
	pattern *regexp.Regexp
	bound   string
}{
	{regexp.MustCompile(`("userId":)"[0-9]+"`), `$1"` + boundUser + `"`},
	{regexp.MustCompile(`("factors":\{"user":\{"verifiedAt":"[^"]*","id":)"[0-9]+"`), `$1"` + boundUser + `"`},
	{regexp.MustCompile(`("session":\{"id":)"[0-9]+"`), `$1"` + boundSession + `"`},
	{regexp.MustCompile(`("sessionId":)"[0-9]+"`), `$1"` + boundSession + `"`},
}

func (z *recorded) bind(text string) string {
	for _, id := range boundIDs {
		text = id.pattern.ReplaceAllString(text, id.bound)
	}
	if state := z.request.Get("state"); state != "" {
		text = strings.ReplaceAll(text, "state=state-123", "state="+url.QueryEscape(state))
	}
	return text
}

// sign makes an ID token of the recorded claims, under a key whose private half
// we have, with the nonce of this request.
func (z *recorded) sign(claims map[string]any) string {
	claims["sub"], claims["sid"], claims["nonce"] = boundUser, boundSession, z.request.Get("nonce")
	hash := sha256.Sum256([]byte("bound-ACCESS_TOKEN_7"))
	claims["at_hash"] = base64.RawURLEncoding.EncodeToString(hash[:16])
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: z.key, KeyID: "test"}}, nil)
	if err != nil {
		z.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		z.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		z.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		z.t.Fatal(err)
	}
	return token
}

func (z *recorded) keys() string {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: z.key.Public(), KeyID: "test", Algorithm: "RS256", Use: "sig"}}}
	text, err := json.Marshal(set)
	if err != nil {
		z.t.Fatal(err)
	}
	return string(text)
}

// world is torhaus in front of the recordings. The emulator in it only lends a
// key file: nothing asks it.
func (z *recorded) world(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(w *world, c *handlers.Config) {
		w.zitadel.Advance(recordedAt.Sub(w.zitadel.Now())) // every clock: what is kept ages from then, too
		client, err := zitadelclient.New(zitadelclient.Config{
			Issuer: "http://id.example.localhost:8300", APIURL: z.server.URL,
			Service: zitadelclient.ServiceCredentials{KeyFile: w.keyFile},
			OIDC: zitadelclient.OIDCConfig{
				ClientID: boundClient, RedirectURI: "http://auth.example.localhost:8400/callback",
				Scopes: []string{"openid", "profile", "email", "offline_access"},
			},
			Now: w.now, Logger: c.Logger,
		})
		w.must(err)
		t.Cleanup(func() { _ = client.Close() })
		c.Zitadel, c.Issuer = client, origin(t, "http://id.example.localhost:8300")
	})
	w.zitadel.Fault(zitadeltest.Fault{Drop: true})
	return w
}
