package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
)

// someBytes look random, as what session.ParseKeys accepts has to.
var someBytes = sha256.Sum256([]byte("an operator's key"))

var aKey = base64.StdEncoding.EncodeToString(someBytes[:])

const (
	aServiceKey = `{"type":"serviceaccount","keyId":"1","key":"pem","userId":"2"}`
	planted     = "planted-secret-do-not-print"
)

// complete is a production configuration without a fault.
func complete() map[string]string {
	return map[string]string{
		"PUBLIC_URL":     "https://auth.example.com",
		"ZITADEL_ISSUER": "https://id.example.com",
		"ZITADEL_KEY":    aServiceKey,
		"OIDC_CLIENT_ID": "227",
		"APP_ORIGINS":    "https://app.example.com",
		"COOKIE_DOMAIN":  "example.com",
		"COOKIE_KEYS":    aKey,
		"REDIS_URL":      "rediss://torhaus:" + planted + "@redis.example.com:6379/0",
	}
}

// environFrom turns short names into an environment; "" unsets.
func environFrom(settings map[string]string) []string {
	environ := []string{"PATH=/usr/bin", "HOME=/root"}
	for name, value := range settings {
		environ = append(environ, prefix+name+"="+value)
	}
	return environ
}

func loadWith(t *testing.T, changes map[string]string) (Config, problems, problems) {
	t.Helper()
	settings := complete()
	maps.Copy(settings, changes)
	cfg, warnings, err := load(environFrom(settings))
	refused, _ := err.(problems)
	return cfg, warnings, refused
}

func names(ps problems) []string {
	var list []string
	for _, p := range ps {
		list = append(list, strings.TrimPrefix(p.name, prefix))
	}
	return list
}

func TestLoadComplete(t *testing.T) {
	cfg, warnings, refused := loadWith(t, nil)
	if len(refused) > 0 || len(warnings) > 0 {
		t.Fatalf("refused %v, warned %v", refused, warnings)
	}
	if got := cfg.PublicURL.String(); got != "https://auth.example.com" {
		t.Errorf("PublicURL = %q", got)
	}
	if got := cfg.DefaultAppURL.String(); got != "https://app.example.com/" {
		t.Errorf("DefaultAppURL = %q", got)
	}
	if cfg.Store != storeRedis || cfg.CookieDomain != "example.com" || cfg.Env != "production" {
		t.Errorf("store %q, domain %q, env %q", cfg.Store, cfg.CookieDomain, cfg.Env)
	}
	if cfg.SessionIdle != time.Hour || cfg.SessionMax != 12*time.Hour || cfg.Recheck != 10*time.Minute || cfg.HSTS != 365*24*time.Hour {
		t.Errorf("idle %v, max %v, recheck %v, HSTS %v", cfg.SessionIdle, cfg.SessionMax, cfg.Recheck, cfg.HSTS)
	}
	if cfg.ZitadelAPIURL != cfg.ZitadelIssuer.String() {
		t.Errorf("API URL %q is not the issuer", cfg.ZitadelAPIURL)
	}
}

// TestLoadEmpty: a first start without any configuration tells everything that
// is needed, at once and in the README's order.
func TestLoadEmpty(t *testing.T) {
	_, _, err := load(nil)
	refused, _ := err.(problems)
	want := []string{"PUBLIC_URL", "ZITADEL_ISSUER", "ZITADEL_KEY", "OIDC_CLIENT_ID", "APP_ORIGINS", "COOKIE_KEYS", "STORE"}
	if !slices.Equal(names(refused), want) {
		t.Errorf("refused %v, want %v", names(refused), want)
	}
	for _, p := range refused {
		if p.wrong == "" || p.fix == "" {
			t.Errorf("%s says neither what is wrong nor what to set: %v", p.name, p)
		}
	}
}

func TestLoadRefusesAndWarns(t *testing.T) {
	longestPath := "/" + strings.Repeat("b", handlers.LongestAddress-len(complete()["PUBLIC_URL"])-1)
	tests := []struct {
		name    string
		changes map[string]string
		refused []string
		warned  []string
	}{
		{"base path with room for the links of mails", map[string]string{"BASE_PATH": longestPath}, nil, nil},
		{"base path without", map[string]string{"BASE_PATH": longestPath + "b"}, []string{"PUBLIC_URL"}, nil},
		{"public URL with a path", map[string]string{"PUBLIC_URL": "https://auth.example.com/login"}, []string{"PUBLIC_URL"}, nil},
		{"public URL with a user", map[string]string{"PUBLIC_URL": "https://me@auth.example.com"}, []string{"PUBLIC_URL"}, nil},
		{"public URL in capitals", map[string]string{"PUBLIC_URL": "https://AUTH.example.com:443"}, nil, nil},
		{"bare localhost", map[string]string{"PUBLIC_URL": "http://localhost:8400", "COOKIE_DOMAIN": ""}, []string{"PUBLIC_URL"}, nil},
		{"base path", map[string]string{"BASE_PATH": "/ui/v2/login/"}, nil, nil},
		{"base path that climbs", map[string]string{"BASE_PATH": "/ui/../login"}, []string{"BASE_PATH"}, nil},
		{"base path without slash", map[string]string{"BASE_PATH": "ui"}, []string{"BASE_PATH"}, nil},
		{"listen without port", map[string]string{"LISTEN": "0.0.0.0"}, []string{"LISTEN"}, nil},
		{"both listeners on one address", map[string]string{"LISTEN": ":1", "INTERNAL_LISTEN": ":1"}, []string{"INTERNAL_LISTEN"}, nil},
		{"environment with a separator", map[string]string{"ENV": "prod:1"}, []string{"ENV"}, nil},
		{"issuer in capitals", map[string]string{"ZITADEL_ISSUER": "https://ID.example.com"}, []string{"ZITADEL_ISSUER"}, nil},
		{"issuer with its default port", map[string]string{"ZITADEL_ISSUER": "https://id.example.com:443"}, []string{"ZITADEL_ISSUER"}, nil},
		{"API URL with a path", map[string]string{"ZITADEL_API_URL": "https://zitadel/v2"}, []string{"ZITADEL_API_URL"}, nil},
		{"plain API URL", map[string]string{"ZITADEL_API_URL": "http://zitadel:8080"}, nil, []string{"ZITADEL_API_URL"}},
		{"plain API URL on loopback", map[string]string{"ZITADEL_API_URL": "http://127.0.0.1:8080"}, nil, nil},
		{"key that is no JSON", map[string]string{"ZITADEL_KEY": planted}, []string{"ZITADEL_KEY"}, nil},
		{"application key for the service user", map[string]string{"ZITADEL_KEY": `{"type":"application","keyId":"1","key":"k","userId":"2"}`}, []string{"ZITADEL_KEY"}, nil},
		{"key without a user", map[string]string{"ZITADEL_KEY": `{"type":"serviceaccount","keyId":"1","key":"k"}`}, []string{"ZITADEL_KEY"}, nil},
		{"two credentials", map[string]string{"ZITADEL_PAT": planted}, []string{"ZITADEL_KEY"}, nil},
		{"token instead of a key", map[string]string{"ZITADEL_KEY": "", "ZITADEL_PAT": planted}, nil, nil},
		{"client credentials", map[string]string{"ZITADEL_KEY": "", "ZITADEL_CLIENT_ID": "login", "ZITADEL_CLIENT_SECRET": planted}, nil, nil},
		{"client id without secret", map[string]string{"ZITADEL_KEY": "", "ZITADEL_CLIENT_ID": "login"}, []string{"ZITADEL_CLIENT_SECRET"}, nil},
		{"client secret and key", map[string]string{"OIDC_CLIENT_SECRET": planted, "OIDC_CLIENT_KEY": `{"type":"application","keyId":"1","key":"k","clientId":"2"}`}, []string{"OIDC_CLIENT_KEY"}, nil},
		{"no openid", map[string]string{"OIDC_SCOPES": "profile"}, []string{"OIDC_SCOPES"}, nil},
		{"default app elsewhere", map[string]string{"DEFAULT_APP_URL": "https://evil.example.org/"}, []string{"DEFAULT_APP_URL"}, nil},
		{"RP ID of the host", map[string]string{"RP_ID": "AUTH.example.com"}, nil, nil},
		{"RP ID of the parent", map[string]string{"RP_ID": "example.com"}, nil, nil},
		{"RP ID of another site", map[string]string{"RP_ID": "example.org"}, []string{"RP_ID"}, nil},
		{"RP ID of a sibling", map[string]string{"RP_ID": "id.example.com"}, []string{"RP_ID"}, nil},
		{"RP ID below the host", map[string]string{"RP_ID": "www.auth.example.com"}, []string{"RP_ID"}, nil},
		{"RP ID without a dot's boundary", map[string]string{"RP_ID": "xample.com"}, []string{"RP_ID"}, nil},
		{"RP ID that is a public suffix", map[string]string{"RP_ID": "com"}, []string{"RP_ID"}, nil},
		{"RP ID that strangers share", map[string]string{"PUBLIC_URL": "https://me.github.io", "COOKIE_DOMAIN": "", "RP_ID": "github.io"}, []string{"RP_ID"}, nil},
		{"RP ID as a URL", map[string]string{"RP_ID": "https://example.com"}, []string{"RP_ID"}, nil},
		{"RP ID with a port", map[string]string{"RP_ID": "example.com:443"}, []string{"RP_ID"}, nil},
		{"RP ID with a dot before it", map[string]string{"RP_ID": ".example.com"}, []string{"RP_ID"}, nil},
		{"RP ID of no public URL", map[string]string{"PUBLIC_URL": "", "RP_ID": "example.com"}, []string{"PUBLIC_URL"}, nil},
		{"rules", map[string]string{"RULES": `{"staff": {"any_role": ["staff"], "max_age": "8h"}, "default": {"mfa": true}}`}, nil, nil},
		{"rules that are no JSON", map[string]string{"RULES": "staff"}, []string{"RULES"}, nil},
		{"a rule with a member that is none", map[string]string{"RULES": `{"staff": {"role": "staff"}}`}, []string{"RULES"}, nil},
		{"rules for a host that gets no cookie", map[string]string{"RULES": `{}`, "COOKIE_DOMAIN": ""}, nil, []string{"RULES"}},
		{"rules for torhaus's own host, host-only", map[string]string{"RULES": `{}`, "COOKIE_DOMAIN": "", "APP_ORIGINS": "https://auth.example.com"}, nil, nil},
		{"rules that give tokens", map[string]string{"RULES": `{"api": {"token": true}}`}, nil, nil},
		{"rules that give tokens which are not refreshed", map[string]string{"RULES": `{"api": {"token": true}}`, "OIDC_SCOPES": "openid"}, nil, []string{"RULES"}},
		{"rules that no proxy may ask about", map[string]string{"RULES": `{}`, "INTERNAL_LISTEN": ":8401"}, nil, []string{"RULES"}},
		{"rules for proxies elsewhere", map[string]string{"RULES": `{}`, "INTERNAL_LISTEN": ":8401", "TRUSTED_PROXIES": "10.0.0.0/8"}, nil, nil},
		{"rules for proxies on this machine", map[string]string{"RULES": `{}`, "INTERNAL_LISTEN": "[::1]:8401"}, nil, nil},
		{"neither true nor false", map[string]string{"EMAIL_CODE_FIRST": "on"}, []string{"EMAIL_CODE_FIRST"}, nil},
		{"memory said", map[string]string{"REDIS_URL": "", "STORE": "memory"}, nil, nil},
		{"memory not said", map[string]string{"REDIS_URL": ""}, []string{"STORE"}, nil},
		{"memory and Redis", map[string]string{"STORE": "memory"}, []string{"STORE"}, nil},
		{"Redis without URL", map[string]string{"REDIS_URL": "", "STORE": "redis"}, []string{"REDIS_URL"}, nil},
		{"another store", map[string]string{"STORE": "postgres"}, []string{"STORE"}, nil},
		{"Redis URL of another kind", map[string]string{"REDIS_URL": "http://" + planted}, []string{"REDIS_URL"}, nil},
		{"duration without unit", map[string]string{"SESSION_IDLE": "30"}, []string{"SESSION_IDLE"}, nil},
		{"idle of seconds", map[string]string{"SESSION_IDLE": "30s"}, []string{"SESSION_IDLE"}, nil},
		{"idle above max", map[string]string{"SESSION_IDLE": "13h"}, []string{"SESSION_IDLE"}, nil},
		{"remembered for less", map[string]string{"REMEMBER_MAX": "1h"}, []string{"REMEMBER_MAX"}, nil},
		{"checked all the time", map[string]string{"RECHECK": "0s"}, []string{"RECHECK"}, nil},
		{"checked by a number", map[string]string{"RECHECK": "10"}, []string{"RECHECK"}, nil},
		{"checked every second", map[string]string{"RECHECK": "1s"}, nil, nil},
		{"no cache", map[string]string{"SESSION_CACHE": "0"}, nil, nil},
		{"a cache", map[string]string{"SESSION_CACHE": "1s"}, nil, nil},
		{"a cache for longer", map[string]string{"SESSION_CACHE": "2s"}, []string{"SESSION_CACHE"}, nil},
		{"a cache of the future", map[string]string{"SESSION_CACHE": "-1s"}, []string{"SESSION_CACHE"}, nil},
		{"a cache by a number", map[string]string{"SESSION_CACHE": "1"}, []string{"SESSION_CACHE"}, nil},
		{"a cache in front of memory", map[string]string{"SESSION_CACHE": "1s", "REDIS_URL": "", "STORE": "memory"}, nil, []string{"SESSION_CACHE"}},
		{"Sentinel", map[string]string{"REDIS_URL": "rediss+sentinel://torhaus:" + planted + "@a.example.com:26379,b.example.com:26379/main/0"}, nil, nil},
		{"Cluster", map[string]string{"REDIS_URL": "rediss+cluster://torhaus:" + planted + "@a.example.com:6379,b.example.com:6379,c.example.com:6379"}, nil, nil},
		{"never checked", map[string]string{"RECHECK": "12h"}, nil, []string{"RECHECK"}},
		{"proxy by address", map[string]string{"TRUSTED_PROXIES": "10.1.2.3, fd00::/8"}, nil, nil},
		{"proxy by name", map[string]string{"TRUSTED_PROXIES": "ingress"}, []string{"TRUSTED_PROXIES"}, nil},
		{"every IPv6 proxy", map[string]string{"TRUSTED_PROXIES": "::/0"}, []string{"TRUSTED_PROXIES"}, nil},
		{"HSTS off", map[string]string{"HSTS": "0"}, nil, nil},
		{"unknown level", map[string]string{"LOG_LEVEL": "loud"}, []string{"LOG_LEVEL"}, nil},
		{"debug in production", map[string]string{"LOG_LEVEL": "debug"}, nil, []string{"LOG_LEVEL"}},
		{"links that an orchestrator injects", map[string]string{"SERVICE_HOST": "10.0.0.1", "PORT": "tcp://10.0.0.1:80", "PORT_80_TCP": "x"}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, refused := loadWith(t, tt.changes)
			if !slices.Equal(names(refused), tt.refused) {
				t.Errorf("refused %v, want %v", refused, tt.refused)
			}
			if !slices.Equal(names(warnings), tt.warned) {
				t.Errorf("warned %v, want %v", warnings, tt.warned)
			}
			if text := refused.Error() + warnings.Error(); strings.Contains(text, planted) {
				t.Errorf("the report prints a secret: %s", text)
			}
		})
	}
}

func TestDevelopmentDefaults(t *testing.T) {
	cfg, warnings, refused := loadWith(t, map[string]string{
		"PUBLIC_URL": "http://auth.example.localhost:8400", "ZITADEL_ISSUER": "http://id.example.localhost:8300",
		"APP_ORIGINS": "http://app.example.localhost:8500", "COOKIE_DOMAIN": "example.localhost", "REDIS_URL": "",
	})
	if len(refused)+len(warnings) > 0 {
		t.Fatalf("refused %v, warned %v", refused, warnings)
	}
	if cfg.Store != storeMemory {
		t.Errorf("store = %q, want memory on *.localhost", cfg.Store)
	}
	if cfg.HSTS != 0 {
		t.Errorf("HSTS = %v over plain http", cfg.HSTS)
	}
}

// TestRPID: what passkeys are bound to where nobody says so is what a browser
// allows, and the dump tells, since to change it later loses every key.
func TestRPID(t *testing.T) {
	for _, tt := range []struct{ public, cookies, want string }{
		{"https://auth.example.com", "example.com", "example.com"},
		{"https://auth.example.com", "", "example.com"},
		{"https://auth.eu.example.co.uk", "", "example.co.uk"},
		{"https://auth.eu.example.com", "eu.example.com", "eu.example.com"},
		{"https://example.com", "", "example.com"},
		{"https://me.github.io", "", "me.github.io"},
		{"https://auth.me.github.io", "", "me.github.io"},
		{"https://auth", "", "auth"},
		{"http://auth.example.localhost:8400", "", "example.localhost"},
	} {
		cfg, _, refused := loadWith(t, map[string]string{"PUBLIC_URL": tt.public, "COOKIE_DOMAIN": tt.cookies, "ENV": "staging", "APP_ORIGINS": tt.public})
		if cfg.RPID != tt.want {
			t.Errorf("%s, shared with %q: RP ID %q, want %q (refused %v)", tt.public, tt.cookies, cfg.RPID, tt.want, refused)
		}
		if dump := fmt.Sprint(cfg.Attrs()); !strings.Contains(dump, prefix+"RP_ID="+tt.want) {
			t.Errorf("the dump does not tell the RP ID: %s", dump)
		}
	}
	cfg, _, _ := loadWith(t, map[string]string{"RP_ID": "Auth.Example.com", "EMAIL_CODE_FIRST": "true", "RECOVERY_CODES": "true"})
	if cfg.RPID != "auth.example.com" || !cfg.EmailCodeFirst || !cfg.RecoveryCodes {
		t.Errorf("RP ID %q, e-mail code first %t, recovery codes %t", cfg.RPID, cfg.EmailCodeFirst, cfg.RecoveryCodes)
	}
}

func TestUnknownNameGetsTheNearest(t *testing.T) {
	for mistyped, want := range map[string]string{
		"COOKIE_KEY":       "COOKIE_KEYS",
		"APP_ORIGIN":       "APP_ORIGINS",
		"ZITADEL_KEYFILE":  "ZITADEL_KEY_FILE",
		"REDISURL":         "REDIS_URL",
		"SESSION_IDLE_MAX": "SESSION_IDLE",
	} {
		_, warnings, _ := loadWith(t, map[string]string{mistyped: "x"})
		if len(warnings) != 1 || !strings.Contains(warnings[0].fix, prefix+want+"?") {
			t.Errorf("%s: warned %v, want a hint at %s", mistyped, warnings, want)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("one trailing newline goes", func(t *testing.T) {
		cfg, _, refused := loadWith(t, map[string]string{"OIDC_CLIENT_SECRET_FILE": write("s3cret \n\n")})
		if len(refused) > 0 || cfg.OIDCClientSecret.reveal() != "s3cret \n" {
			t.Errorf("secret %q, refused %v", cfg.OIDCClientSecret.reveal(), refused)
		}
	})
	t.Run("a key file is passed on as a path", func(t *testing.T) {
		path := write(aServiceKey)
		cfg, _, refused := loadWith(t, map[string]string{"ZITADEL_KEY": "", "ZITADEL_KEY_FILE": path})
		if len(refused) > 0 || cfg.ZitadelKeyFile != path || cfg.ZitadelKey != "" {
			t.Errorf("file %q, inline set: %t, refused %v", cfg.ZitadelKeyFile, cfg.ZitadelKey != "", refused)
		}
	})
	for name, changes := range map[string]map[string]string{
		"missing": {"COOKIE_KEYS": "", "COOKIE_KEYS_FILE": "/does/not/exist"},
		"empty":   {"COOKIE_KEYS": "", "COOKIE_KEYS_FILE": write("\n")},
		"both":    {"COOKIE_KEYS_FILE": write(aKey)},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, refused := loadWith(t, changes)
			if len(refused) != 1 || !strings.HasPrefix(refused[0].name, prefix+"COOKIE_KEYS") {
				t.Errorf("refused %v", refused)
			}
		})
	}
}

// TestDumpIsRedacted plants a secret in every secret variable and looks for it
// in everything that is printed.
func TestDumpIsRedacted(t *testing.T) {
	e := &environment{given: map[string]string{}, files: map[string]string{}}
	for _, v := range variables {
		if v.secret {
			e.given[v.name] = planted
		}
	}
	dump := fmt.Sprint(e.dump())
	if strings.Contains(dump, planted) {
		t.Errorf("the dump holds a secret: %s", dump)
	}
	for _, v := range variables {
		if v.secret && !strings.Contains(dump, prefix+v.name+"=[redacted]") {
			t.Errorf("the dump does not tell that %s is set: %s", v.name, dump)
		}
	}
	for _, text := range []string{fmt.Sprintf("%v", secret(planted)), fmt.Sprintf("%+v", struct{ S secret }{planted}), fmt.Sprintf("%#v", secret(planted))} {
		if strings.Contains(text, planted) {
			t.Errorf("a secret prints as %s", text)
		}
	}
}
