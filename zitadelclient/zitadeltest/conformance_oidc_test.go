package zitadeltest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func init() {
	scenarios = append(scenarios,
		scenario{"discovery", playDiscovery},
		scenario{"JWT profile", playJWTProfile},
		scenario{"client credentials", playClientCredentials},
	)
}

func playDiscovery(r *replay) {
	r.steps(
		"discovery-ok", "jwks-ok", "discovery-wrong-host", "discovery-instance-host-header",
		"discovery-public-host-header", "discovery-x-forwarded-host",
	)
	r.z.allowedLanguages = []string{"en", "de"}
	r.step("discovery-ui-locales")
	r.z.allowedLanguages, r.z.backchannelLogout = nil, true
	r.step("discovery-backchannel")
}

func playJWTProfile(r *replay) {
	now, key, id := r.z.Now(), r.z.users[r.state["login-bff"]].machine.keys[0], r.state["login-bff"]
	other := r.z.users[r.state["admin-sa"]].machine.keys[0]
	good := signedAssertion{key: key, keyID: key.id, owner: id, audience: r.z.Issuer(), issued: now, expires: now.Add(time.Hour)}
	bind := func(topic string, edit func(*signedAssertion)) {
		a := good
		edit(&a)
		r.bind(r.field(topic, "assertion"), a.sign(r.t))
	}
	bind("jwtprofile-ok", func(*signedAssertion) {})
	bind("jwtprofile-bad-signature", func(a *signedAssertion) { a.key = other })
	bind("jwtprofile-unknown-kid", func(a *signedAssertion) { a.keyID = "1234" })
	bind("jwtprofile-expired", func(a *signedAssertion) { a.issued, a.expires = now.Add(-2*time.Hour), now.Add(-time.Hour) })
	bind("jwtprofile-exp-too-long", func(a *signedAssertion) { a.expires = now.Add(24 * time.Hour) })
	bind("jwtprofile-iat-too-old", func(a *signedAssertion) { a.issued = now.Add(-2 * time.Hour) })
	bind("jwtprofile-wrong-audience", func(a *signedAssertion) { a.audience = "https://other.example.com" })

	r.tokenStep("jwtprofile-ok")
	narrow := text(r.tokenStep("jwtprofile-no-api-scope")["access_token"])
	r.step("api-token-without-api-audience", as(narrow))
	r.steps(
		"jwtprofile-bad-signature", "jwtprofile-unknown-kid", "jwtprofile-expired", "jwtprofile-iat-too-old",
		"jwtprofile-wrong-audience", "jwtprofile-garbled", "jwtprofile-missing-assertion", "jwtprofile-no-scope",
		"token-unsupported-grant", "token-no-grant",
	)
	r.tokenStep("jwtprofile-exp-too-long")
}

// playClientCredentials also gives a secret to a person: after a lock and an
// unlock the API takes one for a service user.
func playClientCredentials(r *replay) {
	const name, person = "cc-r6b029ec1", "cch-r6b029ec1"
	machine := r.z.AddServiceUser(name, "IAM_LOGIN_CLIENT")
	r.bind("400703385415715878", machine.ID)
	human := r.user(person, "400703385449270310", withoutPassword)
	secret := text(r.step("clientcred-secret-add")["clientSecret"])
	r.step("clientcred-secret-human")
	r.z.LockUser(human)
	r.z.ReactivateUser(human)
	humanSecret := text(r.step("clientcred-secret-human-once-locked")["clientSecret"])
	r.step("clientcred-human", basic(person, humanSecret))
	r.step("clientcred-secret-add-login-client")

	first := text(r.tokenStep("clientcred-ok", basic(name, secret))["access_token"])
	r.step("clientcred-api-call", as(first))
	r.tokenStep("clientcred-post-ok")
	r.step("clientcred-wrong-secret", basic(name, "wrong"))
	r.step("clientcred-unknown-client", basic("nobody-r6b029ec1", "wrong"))
	r.step("clientcred-user-id", basic(machine.ID, secret))
	r.step("clientcred-web-client", basic(r.apps["app_basic"].ClientID, r.apps["app_basic"].ClientSecret))
	r.step("clientcred-no-scope", basic(name, secret))
	plain := text(r.tokenStep("clientcred-openid-only", basic(name, secret))["access_token"])
	r.step("clientcred-openid-only-api-call", as(plain))
	r.step("clientcred-secret-remove")
	r.step("clientcred-after-remove", basic(name, secret))
	r.step("clientcred-api-call-after-remove", as(first))
}

// signedAssertion is what a service user or a client says about itself.
type signedAssertion struct {
	key             *machineKey
	keyID, owner    string
	audience        string
	issued, expires time.Time
}

func (a signedAssertion) sign(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: a.key.private, KeyID: a.keyID}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": a.owner, "sub": a.owner, "aud": a.audience, "iat": a.issued.Unix(), "exp": a.expires.Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// clientAssertion is a good one of the private_key_jwt application.
func (r *replay) clientAssertion() signedAssertion {
	id, now := r.apps["app_pkjwt"].ClientID, r.z.Now()
	key := r.z.apps[id].keys[0]
	return signedAssertion{key: key, keyID: key.id, owner: id, audience: r.z.Issuer(), issued: now, expires: now.Add(time.Hour)}
}

// verifier is the PKCE verifier of every auth request that is made here.
const verifier = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

// challenge is the S256 challenge of verifier.
const challenge = "g0tuZ6q412zO9IRkeAUs8HN6MQeXPsGce37J3Rsc8wQ"

// ourChallenge is the option to ask with our challenge in place of the
// recorded one, whose verifier nobody knows.
func ourChallenge(_ *replay, request *http.Request) {
	query := request.URL.Query()
	query.Set("code_challenge", challenge)
	request.URL.RawQuery = query.Encode()
}

// link is what finalize wants to know of a ZITADEL session.
type link struct{ id, token string }

func (r *replay) signedIn(userID, password string) link {
	r.t.Helper()
	id, token := r.session(userID, password)
	return link{id, token}
}

// field is a value in the recorded request of a topic; "session.sessionId"
// reaches into an object.
func (r *replay) field(topic, path string) string {
	var value any = r.recordings[topic].Request.Body
	for name := range strings.SplitSeq(path, ".") {
		fields, _ := value.(map[string]any)
		value = fields[name]
	}
	return text(value)
}

// links binds the session of a recorded finalize to one of this server.
func (r *replay) links(topic string, session link) {
	r.bind(r.field(topic, "session.sessionId"), session.id)
	r.bind(r.field(topic, "session.sessionToken"), session.token)
}

// authRequest makes an auth request of an application, as the recorder does.
func (r *replay) authRequest(app string, over url.Values) string {
	r.t.Helper()
	parameters := url.Values{"state": {"state-123"}, "nonce": {"nonce-123"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for name, values := range over {
		parameters[name] = values
	}
	id, err := r.z.Authorize(r.apps[app].ClientID, fixtureRedirects[0], parameters)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

var requestID = regexp.MustCompile(`V2_[0-9]+`)

// asks makes the auth request that the path of a recording names.
func (r *replay) asks(topic, app string, over url.Values) {
	r.t.Helper()
	r.bind(requestID.FindString(r.recordings[topic].Request.Path), r.authRequest(app, over))
}

// code takes an application's request to its code.
func (r *replay) code(app string, session link, over url.Values) string {
	r.t.Helper()
	body := object{"session": object{"sessionId": session.id, "sessionToken": session.token}}
	answer := r.do("POST", "/v2/oidc/auth_requests/"+r.authRequest(app, over), body)
	target, err := url.Parse(text(answer["callbackUrl"]))
	if err != nil {
		r.t.Fatal(err)
	}
	return target.Query().Get("code")
}

// codeFor makes the code that a recorded exchange redeems.
func (r *replay) codeFor(topic, app string, session link, over url.Values) {
	r.t.Helper()
	r.bind(r.field(topic, "code"), r.code(app, session, over))
	r.verifierFor(topic)
}

// verifierFor binds the recorded PKCE verifier of an exchange to ours.
func (r *replay) verifierFor(topics ...string) {
	for _, topic := range topics {
		r.bind(r.field(topic, "code_verifier"), verifier)
	}
}

// signIn signs in to a public application and returns the token response.
func (r *replay) signIn(app string, session link) map[string]any {
	r.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {r.code(app, session, nil)}, "code_verifier": {verifier},
		"redirect_uri": {fixtureRedirects[0]}, "client_id": {r.apps[app].ClientID},
	}
	request := httptest.NewRequest(http.MethodPost, "/oauth/v2/token", strings.NewReader(form.Encode()))
	request.Host = r.z.issuer.Host
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got := r.send(request)
	if got.Status != http.StatusOK {
		r.t.Fatalf("token: %d %v", got.Status, got.Body)
	}
	return got.Body.(map[string]any)
}

// tokenStep is step for an answer with tokens: their claims, which the
// recording has decoded, are compared as well.
func (r *replay) tokenStep(topic string, options ...option) map[string]any {
	r.t.Helper()
	answer := r.step(topic, options...)
	for name, decoded := range r.recordings[topic].Decoded {
		want, _ := decoded.(map[string]any)["claims"].(map[string]any)
		got, ok := r.z.verifyOwn(text(answer[name]))
		reason := claimsDifference(want, got)
		if !ok {
			reason = "not signed by this server"
		}
		if reason != "" && r.results[topic] == "" {
			r.results[topic] = name + ": " + reason
		}
	}
	return answer
}

// claimsDifference compares the claims of two tokens: which there are, for how
// long they hold, and what they say of the sign-in.
func claimsDifference(want, got map[string]any) string {
	lifetime := func(claims map[string]any) float64 {
		issued, _ := claims["iat"].(float64)
		expires, _ := claims["exp"].(float64)
		return expires - issued
	}
	if a, b := lifetime(want), lifetime(got); a != b {
		return fmt.Sprintf("holds for %v seconds for %v", b, a)
	}
	if a, b := fmt.Sprint(want["amr"]), fmt.Sprint(got["amr"]); a != b {
		return fmt.Sprintf("amr %s for %s", b, a)
	}
	return difference(answer{Body: want}, answer{Body: got})
}
