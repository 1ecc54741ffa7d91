package zitadelclient

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A provider that names other hosts would be handed our codes and secrets.
func TestDiscoveryIsCompared(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"other issuer":             func(d map[string]string) { d["issuer"] = "https://id.example.com" },
		"slash at the end":         func(d map[string]string) { d["issuer"] += "/" },
		"token endpoint elsewhere": func(d map[string]string) { d["token_endpoint"] = "https://evil.example.com/token" },
		"keys elsewhere":           func(d map[string]string) { d["jwks_uri"] = "https://evil.example.com/keys" },
		"other scheme": func(d map[string]string) {
			d["authorization_endpoint"] = strings.Replace(d["authorization_endpoint"], "http:", "https:", 1)
		},
		"credentials in the URL": func(d map[string]string) {
			d["revocation_endpoint"] = strings.Replace(d["revocation_endpoint"], "//", "//a:b@", 1)
		},
		"endpoint missing": func(d map[string]string) { delete(d, "token_endpoint") },
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestProvider(t)
			document := maps.Clone(p.discovery.Load().(map[string]string))
			good := maps.Clone(document)
			change(document)
			p.discovery.Store(document)
			p.answer.Store(func(http.ResponseWriter) { t.Error("the code was sent") })
			_, err := p.client.Exchange(t.Context(), "code", Transaction{"s", "n", "v"})
			if !errors.Is(err, Unavailable) {
				t.Errorf("got %v", err)
			}
			if _, _, err := p.client.AuthorizeURL(t.Context(), AuthorizeParams{}); err == nil {
				t.Error("a browser would be sent there")
			}
			p.discovery.Store(good) // a failure is not remembered
			if _, _, err := p.client.AuthorizeURL(t.Context(), AuthorizeParams{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A wrong Host is what an operator sees first.
func TestUnknownInstance(t *testing.T) {
	c := testClient(t, func(w http.ResponseWriter, _ *http.Request) { readRecording(t, "005-discovery-wrong-host").write(w) })
	err := c.Check(t.Context())
	if !errors.Is(err, Unavailable) || !strings.Contains(err.Error(), "TORHAUS_ZITADEL_ISSUER") {
		t.Errorf("got %v", err)
	}
}

func TestTokenAnswers(t *testing.T) {
	good := goodToken().sign(t)
	for _, test := range []struct {
		name   string
		change map[string]any
		life   time.Duration // 0: refused
	}{
		{"as it should be", nil, 43199 * time.Second},
		{"bearer in small letters", map[string]any{"token_type": "bearer"}, 43199 * time.Second},
		{"no lifetime", map[string]any{"expires_in": nil}, 5 * time.Minute},
		{"negative lifetime", map[string]any{"expires_in": -1}, 5 * time.Minute},
		{"endless lifetime", map[string]any{"expires_in": 1e18}, 30 * 24 * time.Hour},
		{"lifetime is text", map[string]any{"expires_in": "soon"}, 0},
		{"other token type", map[string]any{"token_type": "mac"}, 0},
		{"no token type", map[string]any{"token_type": nil}, 0},
		{"no access token", map[string]any{"access_token": ""}, 0},
		{"no ID token", map[string]any{"id_token": nil}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestProvider(t)
			now := time.Now()
			p.client.config.Now = func() time.Time { return now }
			p.answer.Store(func(w http.ResponseWriter) {
				answer := map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 43199, "id_token": good}
				maps.Copy(answer, test.change)
				_ = json.NewEncoder(w).Encode(answer)
			})
			tokens, err := p.client.Exchange(t.Context(), "code", Transaction{"s", "n1", "v"})
			if (err == nil) != (test.life > 0) {
				t.Fatalf("got %v", err)
			}
			if err == nil && tokens.Expires.Sub(now) != test.life {
				t.Errorf("lives %s, want %s", tokens.Expires.Sub(now), test.life)
			}
		})
	}
}

func TestAuthorizeRefused(t *testing.T) {
	for location, kind := range map[string]Kind{
		"http://auth.example.localhost:8400/login?authRequest=V2_1":                  "",
		"/ui/login/login?authRequestID=1":                                            AuthorizeRefused,
		"http://auth.example.localhost:8400/login?authRequest=V2_1&authRequest=V2_2": AuthorizeRefused,
		"http://auth.example.localhost:8400/login?authRequest=../1":                  AuthorizeRefused,
		"http://auth.example.localhost:8400/callback?error=server_error":             AuthorizeRefused,
		"":                         AuthorizeRefused,
		"http://[::1/?authRequest": AuthorizeRefused,
	} {
		id, err := authorizeAnswer(incoming{status: http.StatusFound, header: http.Header{"Location": {location}}})
		if kind == "" && (err != nil || id != "V2_1") || kind != "" && !errors.Is(err, kind) {
			t.Errorf("%s: got %q, %v", location, id, err)
		}
	}
}

func TestParseAuthorizationResponse(t *testing.T) {
	for _, test := range []struct {
		query string
		want  AuthorizationResponse
		ok    bool
	}{
		{"code=c&state=s", AuthorizationResponse{Code: "c", State: "s"}, true},
		{"code=c&state=s&iss=https%3A%2F%2Fid.example.com", AuthorizationResponse{Code: "c", State: "s", Issuer: "https://id.example.com"}, true},
		{"code=c&state=s&redirect_uri=https://evil", AuthorizationResponse{Code: "c", State: "s"}, true},
		{"error=access_denied&error_description=no&state=s", AuthorizationResponse{Error: "access_denied", State: "s"}, true},
		{"error=%3Cscript%3E&state=s", AuthorizationResponse{Error: "unknown_error", State: "s"}, true},
		{"", AuthorizationResponse{}, false},
		{"state=s", AuthorizationResponse{}, false},
		{"code=c", AuthorizationResponse{}, false},
		{"code=c&state=", AuthorizationResponse{}, false},
		{"error=access_denied", AuthorizationResponse{}, false},
		{"code=c&error=access_denied&state=s", AuthorizationResponse{}, false},
		{"code=c&code=d&state=s", AuthorizationResponse{}, false},
		{"code=c&state=s&state=t", AuthorizationResponse{}, false},
		{"code=c&state=s&iss=a&iss=b", AuthorizationResponse{}, false},
		{"code=%00&state=s", AuthorizationResponse{}, false},
		{"code=a%0d%0ab&state=s", AuthorizationResponse{}, false},
		{"code=%ff&state=s", AuthorizationResponse{}, false},
		{"code=%zz&state=s", AuthorizationResponse{}, false},
		{"code=a;b&state=s", AuthorizationResponse{}, false},
		{"code=" + strings.Repeat("A", 5000) + "&state=s", AuthorizationResponse{}, false},
	} {
		got, err := ParseAuthorizationResponse(test.query)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%s: got %#v %v", test.query, struct{ Code, State, Issuer, Error string }(got), err)
		}
		if err != nil && !errors.Is(err, Invalid) {
			t.Errorf("%s: %v has another kind", test.query, err)
		}
	}
}

func TestParseAuthRequestID(t *testing.T) {
	for s, ok := range map[string]bool{
		"V2_400700335989001254": true, "V2_1": true, "": false, "V2_": false, "400700335989001254": false, "V2_1a": false,
		"V2_1/..": false, "V2_1\n": false, "v2_1": false, "V2_" + strings.Repeat("1", 33): false, "V2_١": false,
	} {
		if id, err := ParseAuthRequestID(s); (err == nil) != ok || ok && string(id) != s {
			t.Errorf("%q: %q, %v", s, id, err)
		}
	}
}

// Configurations that could not work, or not safely, are refused at the start.
func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	application := dir + "/app.json"
	if err := os.WriteFile(application, keyFile(t, func(f map[string]any) { f["type"], f["clientId"] = "application", "c1" }), 0o600); err != nil {
		t.Fatal(err)
	}
	good := func() Config {
		return Config{
			Issuer: "https://id.example.com", Service: ServiceCredentials{Key: string(keyFile(t, func(map[string]any) {}))},
			OIDC: OIDCConfig{ClientID: "c1", RedirectURI: "https://auth.example.com/callback"},
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Config)
		says   string // "" when it is good
	}{
		{"good", func(*Config) {}, ""},
		{"plain HTTP inside", func(c *Config) { c.APIURL = "http://zitadel.internal:8080/" }, ""},
		{"issuer of development", func(c *Config) { c.Issuer = "http://id.example.localhost:8300" }, ""},
		{"client by key", func(c *Config) { c.OIDC.ClientKeyFile = application }, ""},
		{"client named by its key", func(c *Config) { c.OIDC.ClientID, c.OIDC.ClientKeyFile = "", application }, ""},
		{"no issuer", func(c *Config) { c.Issuer = "" }, "TORHAUS_ZITADEL_ISSUER"},
		{"issuer with a slash", func(c *Config) { c.Issuer += "/" }, "TORHAUS_ZITADEL_ISSUER"},
		{"issuer with a path", func(c *Config) { c.Issuer += "/x" }, "TORHAUS_ZITADEL_ISSUER"},
		{"issuer over plain HTTP", func(c *Config) { c.Issuer = "http://id.example.com" }, "https://"},
		{"issuer with a user", func(c *Config) { c.Issuer = "https://a:b@id.example.com" }, "TORHAUS_ZITADEL_ISSUER"},
		{"API URL with a path", func(c *Config) { c.APIURL = "http://proxy/zitadel" }, "TORHAUS_ZITADEL_API_URL"},
		{"API URL of a file", func(c *Config) { c.APIURL = "file:///etc" }, "TORHAUS_ZITADEL_API_URL"},
		{"no credential", func(c *Config) { c.Service = ServiceCredentials{} }, "exactly one"},
		{"two credentials", func(c *Config) { c.Service.PAT = "x" }, "exactly one"},
		{"half a credential", func(c *Config) { c.Service = ServiceCredentials{ClientID: "x"} }, "exactly one"},
		{"application's key", func(c *Config) { c.Service = ServiceCredentials{KeyFile: application} }, "TORHAUS_OIDC_CLIENT_KEY"},
		{"service user's key", func(c *Config) { c.OIDC.ClientKey = c.Service.Key }, "TORHAUS_ZITADEL_KEY"},
		{"key of another client", func(c *Config) { c.OIDC.ClientID, c.OIDC.ClientKeyFile = "c2", application }, "c2"},
		{"secret and key", func(c *Config) { c.OIDC.ClientSecret, c.OIDC.ClientKeyFile = "x", application }, "exclude"},
		{"no client", func(c *Config) { c.OIDC.ClientID = "" }, "TORHAUS_OIDC_CLIENT_ID"},
		{"no redirect URI", func(c *Config) { c.OIDC.RedirectURI = "/callback" }, "redirect URI"},
		{"no openid", func(c *Config) { c.OIDC.Scopes = []string{"profile"} }, "openid"},
		{"two scopes in one", func(c *Config) { c.OIDC.Scopes = []string{"profile email", "openid"} }, "not a scope"},
		{"bad scope after openid", func(c *Config) { c.OIDC.Scopes = []string{"openid", "profile email"} }, "not a scope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := good()
			test.change(&config)
			c, err := New(config)
			if err == nil {
				_ = c.Close()
			}
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}
