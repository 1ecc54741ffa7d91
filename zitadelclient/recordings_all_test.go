package zitadelclient

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Every success that a real ZITADEL gave to a call of ours decodes to what its
// JSON says, read here by name and without the client's types. A recording of
// a call that has neither a route nor a reason fails, so a new one cannot be
// forgotten.
func TestEveryRecordedSuccessDecodes(t *testing.T) {
	leftOut := map[string]int{}
	for _, x := range recordedSuccesses(t) {
		route, made := routes[x.call]
		if !made {
			leftOut[reasonAgainst(x)]++
			continue
		}
		t.Run(x.Name, func(t *testing.T) {
			c, asked := x.client(t)
			got, want, err := route(t.Context(), c, x)
			if n := asked.Load(); n != 1 {
				t.Errorf("%s %s was asked for %d times", x.Request.Method, x.path, n)
			}
			compare(t, got, want, err)
		})
	}
	listed := map[string]int{}
	for _, left := range notMade {
		listed[left.reason] = left.recordings
	}
	if diff := cmp.Diff(listed, leftOut); diff != "" {
		t.Errorf("recordings left out, by reason (-listed +found):\n%s", diff)
	}
}

// compare takes a wanted Kind for an answer that must not pass for a success.
func compare(t *testing.T, got, want any, err error) {
	t.Helper()
	if kind, refused := want.(Kind); refused {
		if !errors.Is(err, kind) {
			t.Errorf("got %v, want %q", err, kind)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-recorded +decoded):\n%s", diff)
	}
}

// notMade are calls that the client does not make, and how many of their
// successes are recorded.
var notMade = []struct {
	reason     string
	recordings int
	calls      *regexp.Regexp
}{
	{"adds an identity to a user who is there, or removes it", 2, regexp.MustCompile(`^(POST|DELETE) /v2/users/\{id\}/links(/\{id\}/[^/]+)?$`)},
	{"sets up the instance that was recorded", 47, regexp.MustCompile(`^\w+ /(admin|management)/v1/|^POST /assets/v1/|^PUT /v2/|^POST /v2/users/(new|\{id\}/(keys|pats|secret|lock|unlock|deactivate|metadata|metadata/search|email))$|^DELETE /v2/users/`)},
	{"is an application's own, after the sign-in", 53, regexp.MustCompile(`^(GET|POST) /oidc/v1/(userinfo|end_session)$|^POST /oauth/v2/introspect$`)},
	{"is a browser's or a monitor's", 11, regexp.MustCompile(`^OPTIONS |^POST /oauth/v2/authorize$|^GET /(assets/v1|debug|idps)/`)},
	{"tells nothing that our pages show", 12, regexp.MustCompile(`^GET /v2/(settings/hosted_login_translation|idps/\{id\})$|^POST /v2/users/\{id\}/((authentication_factors|passkeys)/_search|invite_code/resend)$`)},
}

func reasonAgainst(x success) string {
	for _, left := range notMade {
		if left.calls.MatchString(x.call) {
			return left.reason
		}
	}
	return "neither a route nor a reason: " + x.Name + ", " + x.call
}

// routes lead from a recorded call to the method that makes it. What is sent is
// the business of TestRequestsAreAsRecorded: here any argument serves with
// which the method asks for the recorded path and takes the recorded answer.
var routes = map[string]route{
	"GET /.well-known/openid-configuration": discovery,
	"GET /oauth/v2/keys":                    keys,
	"GET /oauth/v2/authorize":               authorize,
	"POST /oauth/v2/revoke":                 silent(func(ctx context.Context, c *Client, _ success) error { return c.Revoke(ctx, "token") }),

	"POST /oauth/v2/token authorization_code":                          exchange,
	"POST /oauth/v2/token refresh_token":                               refresh,
	"POST /oauth/v2/token client_credentials":                          serviceLogin,
	"POST /oauth/v2/token urn:ietf:params:oauth:grant-type:jwt-bearer": serviceLogin,

	"GET /v2/oidc/auth_requests/{id}":  authRequest,
	"POST /v2/oidc/auth_requests/{id}": callback,

	"POST /v2/sessions":        createSession,
	"PATCH /v2/sessions/{id}":  updateSession,
	"GET /v2/sessions/{id}":    session,
	"POST /v2/sessions/search": sessions,
	"DELETE /v2/sessions/{id}": silent(func(ctx context.Context, c *Client, x success) error {
		return c.DeleteSession(ctx, SessionRef{ID: x.id})
	}),

	"GET /v2/users/{id}":                        user,
	"POST /v2/users":                            users,
	"POST /v2/users/human":                      createUser,
	"GET /v2/users/{id}/authentication_methods": authMethods,
	"POST /v2/users/{id}/totp":                  registerTOTP,
	"POST /v2/users/{id}/u2f":                   registerU2F,
	"POST /v2/users/{id}/passkeys":              registerPasskey,

	// That the link's code is what the next request says is for
	// TestRegisterPasskey to see.
	"POST /v2/users/{id}/passkeys/registration_link": func(ctx context.Context, c *Client, x success) (any, any, error) {
		_, err := c.RegisterPasskey(ctx, x.id, rpID)
		return nil, nil, err
	},
	"POST /v2/users/{id}/passkeys/{id}": silent(func(ctx context.Context, c *Client, x success) error {
		return c.VerifyPasskey(ctx, x.id, x.second, x.credential(), "key")
	}),
	"POST /v2/users/{id}/u2f/{id}": silent(func(ctx context.Context, c *Client, x success) error {
		return c.VerifyU2F(ctx, x.id, x.second, x.credential(), "key")
	}),
	"POST /v2/users/{id}/totp/verify":        saying("123456", (*Client).VerifyTOTP),
	"POST /v2/users/{id}/otp_sms":            about((*Client).AddOTPSMS),
	"POST /v2/users/{id}/otp_email":          about((*Client).AddOTPEmail),
	"POST /v2/users/{id}/mfa_init_skipped":   about((*Client).SkipMFAInit),
	"POST /v2/users/{id}/email/verify":       saying("code", (*Client).VerifyEmail),
	"POST /v2/users/{id}/email/resend":       saying(resetLink, (*Client).ResendEmailCode),
	"POST /v2/users/{id}/email/send":         saying(resetLink, (*Client).SendEmailCode),
	"POST /v2/users/{id}/invite_code/verify": saying("code", (*Client).VerifyInvite),
	"POST /v2/users/{id}/phone":              saying("+41791112233", (*Client).SetPhone),
	"POST /v2/users/{id}/phone/resend":       about((*Client).ResendPhoneCode),
	"POST /v2/users/{id}/phone/verify":       saying("code", (*Client).VerifyPhone),
	"POST /v2/users/{id}/password_reset":     resetPassword,
	"POST /v2/users/{id}/invite_code": silent(func(ctx context.Context, c *Client, x success) error {
		return c.SendInvite(ctx, x.id, inviteLink, "")
	}),
	"POST /v2/users/{id}/password": silent(func(ctx context.Context, c *Client, x success) error {
		return c.SetPassword(ctx, x.id, "new", Proof{"currentPassword", "old"})
	}),

	"GET /v2/settings":                     setting((*Client).GeneralSettings, generalSettingsOf),
	"GET /v2/settings/login":               setting((*Client).LoginSettings, loginSettingsOf),
	"GET /v2/settings/branding":            setting((*Client).Branding, brandingOf),
	"GET /v2/settings/domain":              setting((*Client).DomainSettings, domainSettingsOf),
	"GET /v2/settings/legal_support":       setting((*Client).LegalAndSupport, legalAndSupportOf),
	"GET /v2/settings/lockout":             setting((*Client).Lockout, lockoutOf),
	"GET /v2/settings/security":            setting((*Client).Security, securityOf),
	"GET /v2/settings/password/complexity": setting((*Client).PasswordComplexity, passwordComplexityOf),
	"GET /v2/settings/password/expiry":     setting((*Client).PasswordExpiry, passwordExpiryOf),
	"POST /v2/organizations/_search":       organizations,

	"GET /v2/settings/login/idps":       identityProviders,
	"POST /v2/idp_intents":              startIntent,
	"POST /v2/idp_intents/{id}":         retrieveIntent,
	"POST /v2/users/{id}/links/_search": identityLinks,
}

// route makes a call, and says what must come of it.
type route func(context.Context, *Client, success) (got, want any, err error)

// silent is a call whose answer says nothing but that it succeeded.
func silent(call func(context.Context, *Client, success) error) route {
	return func(ctx context.Context, c *Client, x success) (any, any, error) { return nil, nil, call(ctx, c, x) }
}

// about is a silent call about a user.
func about(call func(*Client, context.Context, string) error) route {
	return silent(func(ctx context.Context, c *Client, x success) error { return call(c, ctx, x.id) })
}

// saying is a silent call about a user that says one thing more.
func saying(what string, call func(*Client, context.Context, string, string) error) route {
	return silent(func(ctx context.Context, c *Client, x success) error { return call(c, ctx, x.id, what) })
}

func resetPassword(ctx context.Context, c *Client, x success) (any, any, error) {
	switch {
	case x.asked["returnCode"] != nil:
		got, err := c.ProveFirstPassword(ctx, x.id)
		return []string{got.field, got.value}, []string{"verificationCode", x.answer.text("verificationCode")}, err
	case x.asked.text("sendLink.notificationType") == "NOTIFICATION_TYPE_SMS":
		return nil, nil, c.SendPasswordResetSMS(ctx, x.id, resetLink)
	}
	return nil, nil, c.SendPasswordReset(ctx, x.id, resetLink)
}

func setting[T any](read func(*Client, context.Context, string) (T, error), want func(object) T) route {
	return func(ctx context.Context, c *Client, x success) (any, any, error) {
		got, err := read(c, ctx, x.query.Get("ctx.orgId"))
		return got, want(x.answer), err
	}
}

func discovery(ctx context.Context, c *Client, x success) (any, any, error) {
	found, err := c.discover(ctx)
	issuer, name := x.answer.text("issuer"), x.answer.text
	return []string{issuer + found.authorize, issuer + found.token, issuer + found.revoke, issuer + found.jwks},
		[]string{name("authorization_endpoint"), name("token_endpoint"), name("revocation_endpoint"), name("jwks_uri")}, err
}

func keys(ctx context.Context, c *Client, x success) (any, any, error) {
	var got, want []string
	for _, published := range x.answer.list("keys") {
		key, err := c.provider.jwks.key(ctx, published.text("kid"))
		if err != nil {
			return nil, nil, err
		}
		numbers, err := key.MarshalJSON()
		if err != nil {
			return nil, nil, err
		}
		read := parse(numbers)
		got = append(got, key.KeyID, key.Algorithm, modulus(read))
		want = append(want, published.text("kid"), published.text("alg"), modulus(published))
	}
	return got, want, nil
}

func modulus(key object) string {
	n, _ := base64.RawURLEncoding.DecodeString(key.text("n"))
	return new(big.Int).SetBytes(n).String()
}

func authorize(ctx context.Context, c *Client, x success) (any, any, error) {
	got, _, err := c.Authorize(ctx, AuthorizeParams{})
	location, _ := x.Response.Headers["Location"].(string)
	_, id, _ := strings.Cut(location, "?authRequest=")
	return string(got), id, err
}

func exchange(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.Exchange(ctx, "code", Transaction{State: "s", Nonce: x.claims.text("nonce"), Verifier: "v"})
	return got, x.tokens(), err
}

func refresh(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.Refresh(ctx, "before", IDClaims{Subject: x.claims.text("sub")})
	return got, x.tokens(), err
}

func serviceLogin(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.service.token(ctx)
	expires := c.config.Now().Add(time.Duration(x.answer.number("expires_in")) * time.Second)
	return []any{got.value, got.userID, got.expires}, []any{x.answer.text("access_token"), x.claims.text("sub"), expires}, err
}

func (x success) tokens() Tokens {
	return Tokens{
		AccessToken: x.answer.text("access_token"), RefreshToken: x.answer.text("refresh_token"),
		Expires: x.issued().Add(time.Duration(x.answer.number("expires_in")) * time.Second),
		Claims:  claimsOf(x.claims),
	}
}

func authRequest(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.AuthRequest(ctx, AuthRequestID(x.id))
	return got, authRequestOf(x.answer.child("authRequest")), err
}

func callback(ctx context.Context, c *Client, x success) (got, want any, err error) {
	if x.asked["error"] != nil {
		got, err = c.Fail(ctx, AuthRequestID(x.id), AccessDenied)
	} else {
		got, err = c.Finalize(ctx, AuthRequestID(x.id), SessionRef{ID: "1", Token: "t"})
	}
	return got, x.answer.text("callbackUrl"), err
}

func createSession(ctx context.Context, c *Client, x success) (any, any, error) {
	fresh := NewSession{Checks: Checks{UserID: "1"}, Lifetime: time.Hour}
	want := SessionRef{ID: x.answer.text("sessionId"), Token: x.answer.text("sessionToken")}
	asked := x.challenges()
	if asked == (Challenges{}) {
		got, err := c.CreateSession(ctx, fresh)
		return got, want, err
	}
	got, challenge, err := c.CreateChallengedSession(ctx, fresh, asked)
	return []any{got, parse(challenge.WebAuthN)}, []any{want, x.answer.child("challenges.webAuthN.publicKeyCredentialRequestOptions")}, err
}

func updateSession(ctx context.Context, c *Client, x success) (any, any, error) {
	before := SessionRef{ID: x.id, Token: "before"}
	want := before
	if token := x.answer.text("sessionToken"); token != "" {
		want.Token = token
	}
	asked := x.challenges()
	if asked == (Challenges{}) {
		got, err := c.UpdateSession(ctx, before, SessionUpdate{})
		return got, want, err
	}
	got, challenge, err := c.ChallengeSession(ctx, before, asked, 0)
	return []any{got, parse(challenge.WebAuthN)}, []any{want, x.answer.child("challenges.webAuthN.publicKeyCredentialRequestOptions")}, err
}

// challenges are those that were asked for when this was recorded.
func (x success) challenges() Challenges {
	var asked Challenges
	challenges := x.asked.child("challenges")
	if domain := challenges.text("webAuthN.domain"); domain != "" {
		asked.WebAuthN = &WebAuthNChallenge{RPID: domain}
	}
	asked.OTPSMS = challenges["otpSms"] != nil
	if challenges["otpEmail"] != nil {
		asked.OTPEmailTemplate = otpLink
	}
	return asked
}

func session(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.Session(ctx, SessionRef{ID: x.id, Token: "t"})
	return got, sessionOf(x.answer.child("session")), err
}

func sessions(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.SearchSessions(ctx, SessionQuery{UserID: "1"})
	return got, found(x.answer, "sessions", sessionOf), err
}

func user(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.User(ctx, x.id)
	return got, userOf(x.answer.child("user")), err
}

func users(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.SearchUsers(ctx, UserQuery{LoginName: "somebody"})
	return got, found(x.answer, "result", userOf), err
}

func createUser(ctx context.Context, c *Client, x success) (any, any, error) {
	if x.asked["idpLinks"] != nil {
		got, err := c.CreateExternalUser(ctx, ExternalUser{OrganizationID: "1", Identity: Identity{"1", "2", "3"}, VerifyTemplate: resetLink})
		return got, x.answer.text("userId"), err
	}
	got, err := c.CreateUser(ctx, NewUser{OrganizationID: "1", Password: "p", VerifyTemplate: resetLink})
	return got, x.answer.text("userId"), err
}

func organizations(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.Organizations(ctx, OrganizationQuery{Default: true})
	return got, found(x.answer, "result", organizationOf), err
}

// found is what a search shows. A count without anything shown is the answer
// for a service user without its role.
func found[T any](answer object, name string, read func(object) T) any {
	shown := answer.list(name)
	if len(shown) == 0 && answer.number("details.totalResult") > 0 {
		return NotPermitted
	}
	values := make([]T, len(shown))
	for i, o := range shown {
		values[i] = read(o)
	}
	return values
}

func authMethods(ctx context.Context, c *Client, x success) (any, any, error) {
	want := methodsOf("AUTHENTICATION_METHOD_TYPE_", x.answer.texts("authMethodTypes"))
	if domain := x.query.Get("domainQuery.domain"); domain != "" {
		got, err := c.AuthMethodsFor(ctx, x.id, domain)
		return got, want, err
	}
	got, err := c.AuthMethods(ctx, x.id)
	return got, want, err
}

func registerTOTP(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.RegisterTOTP(ctx, x.id)
	return got, TOTPRegistration{URI: x.answer.text("uri"), Secret: x.answer.text("secret")}, err
}

func registerU2F(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.RegisterU2F(ctx, x.id, rpID)
	return registration(got), x.registration("u2fId"), err
}

// A registration for the domain that ZITADEL chose itself must not pass: we
// always name one.
func registerPasskey(ctx context.Context, c *Client, x success) (any, any, error) {
	domain := x.asked.text("domain")
	if domain == "" {
		_, err := c.RegisterPasskey(ctx, x.id, rpID)
		return nil, Unavailable, err
	}
	got, err := c.RegisterPasskey(ctx, x.id, domain)
	return registration(got), x.registration("passkeyId"), err
}

// registration is a decoded one without what the client wishes for itself,
// which TestRegisterPasskey looks at.
func registration(r CredentialRegistration) []any {
	options := parse(r.Options)
	delete(options.child("publicKey"), "authenticatorSelection")
	return []any{r.ID, options}
}

func (x success) registration(id string) []any {
	options := x.answer.child("publicKeyCredentialCreationOptions")
	delete(options.child("publicKey"), "authenticatorSelection")
	return []any{x.answer.text(id), options}
}

// noMethods is an empty list of methods.
const noMethods = "635-user-authmethods-domain-auth-example-localhost"

// success is a recording of one, taken apart.
type success struct {
	recording
	call          string // method and path with {id} for ids, and the grant type of a token request
	path          string
	query         url.Values
	id, second    string // what stands for the first and the second {id}
	asked, answer object // the bodies
	claims        object // of the ID token, which itself is not in the recording
}

var idInPath = regexp.MustCompile(`/(V2_)?[0-9]+\b`)

func recordedSuccesses(t *testing.T) []success {
	t.Helper()
	files, err := filepath.Glob(recordings + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var all []success
	for _, file := range files {
		// Mails and SMS are recorded as well; they answer nothing.
		r := readRecording(t, strings.TrimSuffix(filepath.Base(file), ".json"))
		if r.Response.Status >= 200 && r.Response.Status < 400 {
			all = append(all, takeApart(t, r))
		}
	}
	return all
}

func takeApart(t *testing.T, r recording) success {
	t.Helper()
	x := success{recording: r, asked: parse(r.Request.Body), answer: parse(r.Response.Body)}
	path, query, _ := strings.Cut(r.Request.Path, "?")
	x.path = path
	x.query, _ = url.ParseQuery(query)
	x.call = r.Request.Method + " " + idInPath.ReplaceAllString(path, "/{id}")
	if x.call == "POST /oauth/v2/token" {
		x.call += " " + x.asked.text("grant_type")
	}
	ids := append(idInPath.FindAllString(path, 2), "/", "/")
	x.id, x.second = ids[0][1:], ids[1][1:]
	x.signToken(t)
	return x
}

// signToken gives the answer an ID token with the recorded claims, signed by a
// key of ours: tokens were taken out of the recordings. The hash is that of
// the placeholder which stands there for the access token.
func (x *success) signToken(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recordings, x.Name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	x.claims = parse(data).child("decoded.id_token.claims")
	if x.answer["id_token"] == nil || x.claims == nil {
		return
	}
	if x.claims["at_hash"] != nil {
		x.claims["at_hash"] = tokenHash(x.answer.text("access_token"), jose.RS256)
	}
	token := idToken{claims: x.claims, alg: jose.RS256, key: testRSA(), kid: "k1", header: map[jose.HeaderKey]any{"typ": "JWT"}}
	x.answer["id_token"] = token.sign(t)
	x.Response.Body = must(json.Marshal(x.answer))
}

func (x success) issued() time.Time { return time.Unix(int64(x.claims.number("iat")), 0) }

func (x success) credential() json.RawMessage {
	return must(json.Marshal(x.asked["publicKeyCredential"]))
}

// client is one that gets the recorded answer, and whose clock and name are
// those of the recorded ID token. It counts how often it was answered so.
func (x success) client(t *testing.T) (*Client, *atomic.Int32) {
	t.Helper()
	asked := new(atomic.Int32)
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case x.Request.Method + " " + x.path:
			asked.Add(1)
			x.write(w)
		case "GET /.well-known/openid-configuration":
			readRecording(t, "001-discovery-ok").write(w)
		case "GET /oauth/v2/keys":
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: testRSA().Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
		case "GET /v2/users/" + x.id + "/authentication_methods":
			readRecording(t, noMethods).write(w)
		case "POST /v2/users/" + x.id + "/passkeys/registration_link":
			readRecording(t, "400-passkey-link").write(w)
		case "POST /v2/users/" + x.id + "/passkeys":
			readRecording(t, "406-passkey-register-ok").write(w)
		default:
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
	})
	if x.claims != nil {
		c.config.Now = x.issued
		c.provider.client.ClientID = x.claims.text("azp")
		c.config.Service = x.serviceUser(t)
		c.service = must(newServiceToken(c))
	}
	return c, asked
}

// serviceUser is the credential that a recorded service login was made with.
func (x success) serviceUser(t *testing.T) ServiceCredentials {
	t.Helper()
	switch x.asked.text("grant_type") {
	case "client_credentials":
		return ServiceCredentials{ClientID: x.claims.text("azp"), ClientSecret: "secret"}
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		file := keyFile(t, func(file map[string]any) { file["userId"] = x.claims.text("sub") })
		return ServiceCredentials{Key: string(file)}
	}
	return ServiceCredentials{PAT: "pat"}
}
