package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"torhaus/handlers"
)

func TestParseRules(t *testing.T) {
	for _, text := range []string{
		`{}`, ` {"a": {}} `, `{"default": {"mfa": true}}`, `{"a-1": {"any_role": ["x y", "ü"], "all_roles": ["z"]}}`,
		`{"a": {"organization": "346511889965776899", "max_age": "1h30m", "mfa": false, "token": true, "assertion": "https://app.example.com"}}`,
	} {
		if _, err := handlers.ParseRules(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A rule that is not exactly what an operator can have meant is refused, by its name
// and with what is wrong: one that was misread would let everybody pass.
func TestParseRulesRefuses(t *testing.T) {
	for text, says := range map[string]string{
		``: "object", `[]`: "object", `null`: "object", `"x"`: "object", `{`: "object", `{"a": {}`: "object", `{"a": {}} {}`: "object", `{"a": {}} x`: "object", `{"a"}`: "object",
		`{"a": null}`: `rule "a": is not a JSON object`, `{"a": []}`: `rule "a"`, `{"a": "mfa"}`: `rule "a"`,
		`{"a": {}, "a": {"mfa": true}}`:                    `"a" twice`,
		`{"a": {"mfa": true, "mfa": false}}`:               `"mfa" twice`,
		`{"a": {"MFA": true}}`:                             `there is no "MFA"`,
		`{"a": {"roles": ["x"]}}`:                          `there is no "roles", but ["all_roles"`,
		`{"a": {"path": "/x"}}`:                            `there is no "path"`,
		`{"a": {"mfa": "true"}}`:                           `"mfa" is not true or false`,
		`{"a": {"mfa": null}}`:                             `"mfa" is not`,
		`{"a": {"mfa": 1}}`:                                `"mfa" is not`,
		`{"a": {"any_role": []}}`:                          `"any_role" has no role`,
		`{"a": {"any_role": "staff"}}`:                     `"any_role" is not a list`,
		`{"a": {"any_role": null}}`:                        `"any_role" is not a list`,
		`{"a": {"all_roles": ["x", ""]}}`:                  `"all_roles" has no role, or one without a name`,
		`{"a": {"all_roles": [1]}}`:                        `"all_roles" is not a list`,
		`{"a": {"organization": 346511889965776899}}`:      `"organization" is not`,
		`{"a": {"organization": "acme"}}`:                  `"organization" is not`,
		`{"a": {"organization": ""}}`:                      `"organization" is not`,
		`{"a": {"max_age": 900}}`:                          `"max_age" is not a duration`,
		`{"a": {"max_age": "900"}}`:                        `"max_age" is not a duration`,
		`{"a": {"max_age": "10s"}}`:                        `of 2m0s or more`,
		`{"a": {"max_age": "-1h"}}`:                        `"max_age" is not`,
		`{"a": {"assertion": ""}}`:                         `"assertion" names no audience`,
		`{"a": {"assertion": true}}`:                       `"assertion" is not`,
		`{"": {}}`:                                         `the name is not`,
		`{"A": {}}`:                                        `the name is not`,
		`{"a/b": {}}`:                                      `the name is not`,
		`{"-a": {}}`:                                       `the name is not`,
		`{"` + strings.Repeat("a", 65) + `": {}}`:          `the name is not`,
		`{"a": {"mfa": 1}, "b": {"token": 1}}`:             `rule "b": "token"`, // both are told
		`{"b": {"token": 1, "mfa": 1}, "a": {"mfa": "1"}}`: `rule "a": "mfa"`,
	} {
		if _, err := handlers.ParseRules(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want something of %s", text, err, says)
		}
	}
}

// Whatever is written, a rule is what it says or is refused.
func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a": {"mfa": true, "max_age": "15m"}}`, `{"a": {"any_role": ["x"]}, "b": {}}`, `{"a": {"a": {"a": {}}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := handlers.ParseRules(text); err != nil {
			return
		}
		var plain map[string]map[string]any
		if err := json.Unmarshal([]byte(text), &plain); err != nil {
			t.Errorf("%q is accepted and is not JSON: %v", text, err)
		}
		for name, rule := range plain {
			for member, value := range rule {
				if value == nil || name == "" || member == "" {
					t.Errorf("%q is accepted", text)
				}
			}
		}
	})
}

// The zero Rules let in whoever is signed in, by one name, and by no other.
func TestDefaultRule(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for name, want := range map[string]int{handlers.DefaultRule: 200, "other": 404, "*": 404} {
		if response := w.ask("nginx", b, question{rule: name}); response.StatusCode != want {
			t.Errorf("%q: %s", name, response.Status)
		}
	}
}

// An app that is behind a rule with an assertion verifies who it is with nothing but
// what is public, and refuses one that was made for another app.
func TestForwardAuthAssertion(t *testing.T) {
	w := newWorld(t, askingForRoles, rules(t, `{"reports": {"assertion": "https://reports.example.com"}, "wiki": {"assertion": "https://wiki.example.com"}}`))
	w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", "editor")
	b := newBrowser(t)
	w.signIn(b)
	published := newBrowser(t).open(w.auth + "/.well-known/jwks.json").with(http.StatusOK)
	if got := published.header.Get("Cache-Control"); got != "public, max-age=300" || published.header.Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("the key set is cached as %q, of the type %q", got, published.header.Get("Content-Type"))
	}
	var keys jose.JSONWebKeySet
	w.must(json.Unmarshal([]byte(published.body), &keys))
	for _, kind := range proxies {
		response := w.ask(kind, b, question{rule: "reports"})
		lawful(t, response)
		token, err := jwt.ParseSigned(response.Header.Get("X-Auth-Assertion"), []jose.SignatureAlgorithm{jose.ES256})
		w.must(err)
		var standard jwt.Claims
		all := map[string]any{}
		w.must(token.Claims(keys, &standard, &all))
		if err := standard.Validate(jwt.Expected{Issuer: w.auth, AnyAudience: jwt.Audience{"https://reports.example.com"}, Time: w.now()}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if standard.Validate(jwt.Expected{AnyAudience: jwt.Audience{"https://wiki.example.com"}, Time: w.now()}) == nil {
			t.Errorf("%s: another app accepts it", kind)
		}
		if standard.Subject != w.alice || fmt.Sprint(all["roles"]) != "[editor]" || all["org"] != w.zitadel.DefaultOrganization() || all["sid"] != nil {
			t.Errorf("%s: it says %v", kind, all)
		}
		if strings.Contains(w.log(), response.Header.Get("X-Auth-Assertion")) {
			t.Errorf("%s: it is in the log", kind)
		}
	}
}
