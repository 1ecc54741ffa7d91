package zitadeltest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const testCallback = "https://app.example.test/callback"

// provider is a server with one person and one login client, and calls to it.
type provider struct {
	*Server
	t     *testing.T
	alice string
	login ServiceUser
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	z := NewServer(t, Config{})
	return &provider{
		Server: z, t: t, login: z.AddServiceUser("login", "IAM_LOGIN_CLIENT"),
		alice: z.AddUser(UserSeed{UserName: "alice", Email: "alice@example.com", EmailVerified: true, Password: "Password1!"}),
	}
}

// send sends a request and decodes the JSON answer.
func (p *provider) send(method, path, authorization, contentType, body string) (int, map[string]any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host = strings.TrimPrefix(p.Issuer(), "http://")
	r.Header.Set("Content-Type", contentType)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var answer map[string]any
	if len(raw) > 0 && json.Unmarshal(raw, &answer) != nil {
		p.t.Fatalf("%s %s: not JSON: %s", method, path, raw)
	}
	return response.StatusCode, answer
}

func (p *provider) api(method, path string, body any) map[string]any {
	p.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	status, answer := p.send(method, path, "Bearer "+p.login.PAT, "application/json", string(raw))
	if status >= 300 {
		p.t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

func (p *provider) form(path string, values url.Values) (int, map[string]any) {
	p.t.Helper()
	return p.send(http.MethodPost, path, "", "application/x-www-form-urlencoded", values.Encode())
}

// session signs alice in with her password.
func (p *provider) session() map[string]any {
	p.t.Helper()
	checks := object{"user": object{"loginName": "alice"}, "password": object{"password": "Password1!"}}
	return p.api("POST", "/v2/sessions", object{"checks": checks, "lifetime": "3600s"})
}

// callback takes an application's request to its callback URL.
func (p *provider) callback(app App, session map[string]any, parameters url.Values) string {
	p.t.Helper()
	id, err := p.Authorize(app.ClientID, testCallback, parameters)
	if err != nil {
		p.t.Fatal(err)
	}
	link := object{"session": object{"sessionId": session["sessionId"], "sessionToken": session["sessionToken"]}}
	return p.api("POST", "/v2/oidc/auth_requests/"+id, link)["callbackUrl"].(string)
}

// tokens exchanges the code of a callback URL.
func (p *provider) tokens(app App, callback string) map[string]any {
	p.t.Helper()
	target, err := url.Parse(callback)
	if err != nil {
		p.t.Fatal(err)
	}
	status, tokens := p.form("/oauth/v2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {target.Query().Get("code")},
		"client_id": {app.ClientID}, "redirect_uri": {testCallback},
	})
	if status != http.StatusOK {
		p.t.Fatalf("token: %d %v", status, tokens)
	}
	return tokens
}

// claims are those of a JWT of this server.
func (p *provider) claims(token any) map[string]any {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	claims, ok := p.verifyOwn(token.(string))
	if !ok {
		p.t.Fatalf("not signed by this server: %v", token)
	}
	return claims
}

// TestRoles holds the rules of the recordings 532 to 570: which scopes and
// flags put roles where.
func TestRoles(t *testing.T) {
	const urn = "urn:zitadel:iam:"
	p := newProvider(t)
	project := p.AddProject("roles", "admin", "viewer")
	second := p.AddOrganization("Second")
	p.AddGrant(p.alice, project, "", "admin", "viewer")
	p.AddGrant(p.alice, project, second, "viewer")
	seed := AppSeed{ProjectID: project, RedirectURIs: []string{testCallback}}
	plain := p.AddApp(seed)
	seed.RoleAssertion, seed.IDTokenUserinfo, seed.JWTAccessToken = true, true, true
	asserting := p.AddApp(seed)
	introspecting := p.AddApp(AppSeed{ProjectID: project, API: true})
	session := p.session()
	audience := urn + "org:project:id:" + project + ":aud"

	tests := []struct {
		name             string
		app              App
		scope            string
		projectAsserts   bool
		tokens, userinfo bool   // where roles are
		roles            string // in introspection, which always has them
	}{
		{"no scope", plain, "", false, false, false, "admin viewer viewer"},
		{"project:roles is dropped", plain, urn + "org:project:roles", false, false, false, "admin viewer viewer"},
		{"projects:roles with the audience", plain, urn + "org:projects:roles " + audience, false, false, true, "admin viewer viewer"},
		{"projects:roles alone", asserting, urn + "org:projects:roles", false, false, false, "admin viewer viewer"},
		{"one role yields all", plain, urn + "org:project:role:viewer", false, false, true, "admin viewer viewer"},
		{"flags alone", asserting, "", false, false, false, "admin viewer viewer"},
		{"flags and project:roles", asserting, urn + "org:project:roles", false, false, false, "admin viewer viewer"},
		{"flags and projects:roles", asserting, urn + "org:projects:roles " + audience, false, true, true, "admin viewer viewer"},
		{"limited to an organization", asserting, urn + "org:roles:id:" + second, false, false, false, "viewer"},
		{"the project asserts", plain, "", true, false, true, "admin viewer viewer"},
		{"project and app assert", asserting, "", true, true, true, "admin viewer viewer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p.t = t
			p.mu.Lock()
			p.projects[project].roleAssertion = test.projectAsserts
			p.mu.Unlock()
			tokens := p.tokens(test.app, p.callback(test.app, session, url.Values{"scope": {"openid profile " + test.scope}}))
			if got := rolesOf(p.claims(tokens["id_token"])) != ""; got != test.tokens {
				t.Errorf("roles in the ID token: %v, want %v", got, test.tokens)
			}
			if test.app.ClientID == asserting.ClientID {
				if got := rolesOf(p.claims(tokens["access_token"])) != ""; got != test.tokens {
					t.Errorf("roles in the access token: %v, want %v", got, test.tokens)
				}
			}
			_, userinfo := p.send("GET", "/oidc/v1/userinfo", "Bearer "+tokens["access_token"].(string), "", "")
			if got := rolesOf(userinfo) != ""; got != test.userinfo {
				t.Errorf("roles in userinfo: %v, want %v", got, test.userinfo)
			}
			_, introspection := p.form("/oauth/v2/introspect", url.Values{
				"token": {tokens["access_token"].(string)}, "client_id": {introspecting.ClientID}, "client_secret": {introspecting.ClientSecret},
			})
			if got := rolesOf(introspection); got != test.roles {
				t.Errorf("roles in introspection: %q, want %q", got, test.roles)
			}
		})
	}
}

// rolesOf lists the roles in claims, each as often as there are organizations
// that it was granted in. "" when the three role claims are not all there.
func rolesOf(claims map[string]any) string {
	count := 0
	for name := range claims {
		if strings.HasPrefix(name, "urn:zitadel:iam:org:project") && strings.HasSuffix(name, "roles") {
			count++
		}
	}
	roles, _ := claims["urn:zitadel:iam:org:project:roles"].(map[string]any)
	if count != 3 {
		return ""
	}
	var keys []string
	for key, organizations := range roles {
		for range organizations.(map[string]any) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

// TestTokensExpire holds what no recording can wait for.
func TestTokensExpire(t *testing.T) {
	p := newProvider(t)
	app := p.AddApp(AppSeed{RedirectURIs: []string{testCallback}})
	tokens := p.tokens(app, p.callback(app, p.session(), nil))
	userinfo := func(token any) int {
		status, _ := p.send("GET", "/oidc/v1/userinfo", "Bearer "+token.(string), "", "")
		return status
	}
	refresh := func(token any) (int, map[string]any) {
		return p.form("/oauth/v2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}, "client_id": {app.ClientID}})
	}
	p.Advance(11 * time.Hour)
	if status := userinfo(tokens["access_token"]); status != http.StatusOK {
		t.Fatalf("userinfo after 11 hours: %d", status)
	}
	p.Advance(2 * time.Hour)
	if status := userinfo(tokens["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo after 13 hours: %d, want 401", status)
	}
	status, next := refresh(tokens["refresh_token"])
	if status != http.StatusOK {
		t.Fatalf("refresh: %d %v", status, next)
	}
	p.Advance(refreshTokenIdle)
	if status, _ := refresh(next["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("refresh after %v idle: %d, want 400", refreshTokenIdle, status)
	}
}

// TestRotateSigningKey: older tokens stay good, newer ones name another key.
func TestRotateSigningKey(t *testing.T) {
	p := newProvider(t)
	app := p.AddApp(AppSeed{RedirectURIs: []string{testCallback}})
	before := p.tokens(app, p.callback(app, p.session(), nil))["id_token"].(string)
	p.RotateSigningKey()
	after := p.tokens(app, p.callback(app, p.session(), nil))["id_token"].(string)
	if header(before) == header(after) {
		t.Error("the key id did not change")
	}
	p.claims(before) // fails the test when the old key is gone
	if _, set := p.send("GET", "/oauth/v2/keys", "", "", ""); len(set["keys"].([]any)) != 2 {
		t.Errorf("the key set has %d keys, want 2", len(set["keys"].([]any)))
	}
}

func header(token string) string { return strings.Split(token, ".")[0] }

// TestRedeem covers the application's side that other tests lean on.
func TestRedeem(t *testing.T) {
	p := newProvider(t)
	app := p.AddApp(AppSeed{AuthMethod: "BASIC", RedirectURIs: []string{testCallback}})
	callback := p.callback(app, p.session(), nil)
	p.TamperIDTokens(func(claims map[string]any) { claims["nonce"] = "another" })
	claims, err := p.Redeem(callback, "")
	if err != nil {
		t.Fatal(err)
	}
	if claims["sub"] != p.alice || claims["nonce"] != "another" {
		t.Errorf("claims: %v", claims)
	}
	if _, err := p.Redeem(callback, ""); err == nil || !strings.Contains(err.Error(), "NoCode") {
		t.Errorf("redeemed twice: %v", err)
	}
	if _, err := p.Redeem(testCallback+"?error=access_denied", ""); err == nil {
		t.Error("an error was redeemed")
	}
	if _, err := p.Authorize(app.ClientID, "https://evil.example.test/", nil); err == nil {
		t.Error("an unregistered redirect URI was accepted")
	}
}

// TestAuthorizeWithoutLoginV2: only the header makes the request ours.
func TestAuthorizeWithoutLoginV2(t *testing.T) {
	p := newProvider(t)
	app := p.AddApp(AppSeed{RedirectURIs: []string{testCallback}})
	query := url.Values{"client_id": {app.ClientID}, "redirect_uri": {testCallback}, "response_type": {"code"}, "scope": {"openid"}}
	tests := []struct {
		name, header string
		v1           bool
		want         string
	}{
		{"login v2 required", "", false, "authRequest"},
		{"login v1", "", true, "authRequestID"},
		{"login v1, header", p.login.ID, true, "authRequest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.v1 {
				p.UseLoginV1()
			}
			r := httptest.NewRequest("GET", p.Issuer()+"/oauth/v2/authorize?"+query.Encode(), nil)
			r.Header.Set("Origin", "https://app.example.test")
			if test.header != "" {
				r.Header.Set("x-zitadel-login-client", test.header)
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			target, err := url.Parse(w.Header().Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			if !target.Query().Has(test.want) || len(target.Query()) != 1 {
				t.Errorf("Location %s, want the parameter %s", target, test.want)
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "https://app.example.test" {
				t.Errorf("Access-Control-Allow-Origin %q", got)
			}
		})
	}
}
