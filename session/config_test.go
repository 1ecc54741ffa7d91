package session

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// decoded is what base64 in a text hides, a few layers deep.
func decoded(text string) (out string) {
	for range 3 {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimPrefix(text, sessionIDVersion), "="))
		if err != nil {
			return out
		}
		text = string(raw)
		out += " " + text
		if _, inner, ok := strings.Cut(text, "|"); ok { // securecookie: date|value|mac
			text, _, _ = strings.Cut(inner, "|")
		}
	}
	return out
}

// TestStartupCorpus runs the rows that say something of the cookie's domain or
// of a key, with the auth host of the row or the usual one.
func TestStartupCorpus(t *testing.T) {
	tried := 0
	for _, row := range readCorpus(t, "startup_config.tsv") {
		domain, auth := "", "auth.example.com"
		key, isKey := "", false
		for _, field := range strings.Fields(row[0]) {
			switch name, value, _ := strings.Cut(field, "="); name {
			case "COOKIE_DOMAIN":
				domain = value
			case "AUTH":
				auth = strings.TrimPrefix(strings.TrimPrefix(value, "https://"), "http://")
			case "COOKIE_KEY":
				key, isKey = value, true
			}
		}
		refuse := strings.HasPrefix(row[1], "refuse")
		switch {
		case isKey:
			for _, list := range corpusKeys(key, row[2]) {
				if keys, err := ParseKeys(list); err == nil {
					t.Errorf("%s: %d keys", row[0], len(keys))
				}
			}
		case domain == "" || strings.Contains(row[0], "COOKIE_NAME"):
			continue // for others to check; names are not ours to choose wrongly
		default:
			if domain == "bücher.example" {
				auth = "auth.bücher.example"
			}
			if got, err := CheckCookieDomain(domain, auth); (err != nil) != refuse {
				t.Errorf("%s: %q, %v", row[0], got, err)
			}
		}
		tried++
	}
	if tried < 15 {
		t.Errorf("only %d rows were tried", tried)
	}
}

// corpusKeys are the keys that a row of the corpus describes.
func corpusKeys(value, why string) []string {
	switch {
	case why == "length":
		return []string{base64.StdEncoding.EncodeToString(GenerateKey().secret[:31])}
	case why == "weak":
		return []string{base64.StdEncoding.EncodeToString(make([]byte, 32))}
	}
	return []string{value, "changeme", strings.Repeat("changeme", 8), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("changeme", 8)))}
}

func TestCheckCookieDomain(t *testing.T) {
	for _, test := range []struct{ domain, auth, want, problem string }{
		{"", "auth.example.com", "", ""},
		{"example.com", "auth.example.com", "example.com", ""},
		{" .EXAMPLE.com", "AUTH.example.COM", "example.com", ""},
		{"b.example.com", "auth.b.example.com", "b.example.com", ""},
		{"example.com", "example.com", "example.com", ""}, // the auth host is the domain itself, and nothing wider exists
		{"auth.example.com", "auth.example.com", "", "the auth host itself"},
		{"bücher.example", "auth.xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{"example.localhost", "auth.example.localhost", "example.localhost", ""},
		{"corp.internal", "auth.corp.internal", "corp.internal", ""},
		{"me.github.io", "auth.me.github.io", "me.github.io", ""},
		{"github.io", "me.github.io", "", "public suffix"},
		{"co.uk", "auth.example.co.uk", "", "public suffix"},
		{"com", "auth.example.com", "", "single label"},
		{"localhost", "auth.localhost", "", "single label"},
		{"xample.com", "auth.example.com", "", "not a parent"},
		{"login.auth.example.com", "auth.example.com", "", "not a parent"},
		{"https://example.com/", "auth.example.com", "", "is a URL"},
		{"example.com:443", "auth.example.com", "", "has a port"},
		{"127.0.0.1", "127.0.0.1", "", "is an address"},
		{"[::1]", "::1", "", "is an address"},
		{"example.com.", "auth.example.com", "", "not a domain name"},
		{"*.example.com", "auth.example.com", "", "not a domain name"},
		{"exa mple.com", "auth.exa mple.com", "", "not a domain name"},
		{"example.com; Secure", "auth.example.com", "", "not a domain name"},
		{"example..com", "auth.example..com", "", "not a domain name"},
	} {
		got, err := CheckCookieDomain(test.domain, test.auth)
		if got != test.want || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%q for %q: %q, %v", test.domain, test.auth, got, err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	one, two := GenerateKey().secret, GenerateKey().secret
	std, url := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	keys, err := ParseKeys(" " + std(one) + ",\n" + url(two) + " ")
	if err != nil || len(keys) != 2 || string(keys[0].secret) != string(one) || string(keys[1].secret) != string(two) {
		t.Errorf("two keys: %v", err)
	}
	if _, err := ParseKeys(std(append(one, two...))); err != nil {
		t.Errorf("a longer key: %v", err)
	}
	for list, problem := range map[string]string{
		"":                            "no key",
		" ":                           "no key",
		std(one) + ",":                "key 2",
		std(one) + "," + std(two[1:]): "key 2 has 31 bytes",
		"not base64 at all!!":         "key 1 is not base64",
		std([]byte("correct horse battery staple correct horse")): "key 1 is not random",
		std([]byte(strings.Repeat("\x01\xfe", 32))):               "key 1 is not random",
	} {
		_, err := ParseKeys(list)
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v", list, err)
		}
		if err != nil && len(list) > 20 && strings.Contains(err.Error(), list[:20]) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

func TestNewManagerRefuses(t *testing.T) {
	good := Config{Store: NewMemory(nil), Keys: testKeys(t, 1), Environment: "test"}
	if _, err := NewManager(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no store":                  func(c *Config) { c.Store = nil },
		"no keys":                   func(c *Config) { c.Keys = nil },
		"a zero key":                func(c *Config) { c.Keys = Keys{{}} },
		"no environment":            func(c *Config) { c.Environment = "" },
		"a brace in environment":    func(c *Config) { c.Environment = "a{b}" },
		"a colon in environment":    func(c *Config) { c.Environment = "a:s" },
		"a public suffix":           func(c *Config) { c.CookieDomain = "co.uk" },
		"a negative idle time":      func(c *Config) { c.Idle = -time.Second },
		"a lifetime of nanoseconds": func(c *Config) { c.Max = 3600 },
		"a cache of two seconds":    func(c *Config) { c.Cache = 2 * time.Second },
		"a cache of the future":     func(c *Config) { c.Cache = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := NewManager(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestRedisURL(t *testing.T) {
	for url, want := range map[string]string{
		"redis://localhost":                              "[localhost:6379]  db 0 master  cluster false tls false",
		"redis://:p%40ss%3A@h:1/3":                       "[h:1] :p@ss: db 3 master  cluster false tls false",
		"rediss://u:p@h:1/":                              "[h:1] u:p db 0 master  cluster false tls true",
		"redis://[::1]:7":                                "[[::1]:7]  db 0 master  cluster false tls false",
		"redis+sentinel://u:p@a,b:2/main":                "[a:26379 b:2] u:p db 0 master main cluster false tls false",
		"rediss+sentinel://a:1/main/5":                   "[a:1]  db 5 master main cluster false tls true",
		"redis+cluster://a:1,b:2,c":                      "[a:1 b:2 c:6379]  db 0 master  cluster true tls false",
		"redis+sentinel://a/m?sentinel_password=planted": "[a:26379]  db 0 master m cluster false tls false sentinel planted",
	} {
		o, err := redisOptions(RedisConfig{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		credentials := o.Username + ":" + o.Password
		if credentials == ":" {
			credentials = ""
		}
		got := fmt.Sprintf("%v %s db %d master %s cluster %t tls %t", o.Addrs, credentials, o.DB, o.MasterName, o.IsClusterMode, o.TLSConfig != nil)
		if o.SentinelPassword != "" {
			got += " sentinel " + o.SentinelPassword
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", url, got, want)
		}
		if !o.ContextTimeoutEnabled || o.MaxRetries != -1 || o.ReadTimeout > time.Second || o.DialTimeout > time.Second {
			t.Errorf("%s: waits are not bounded", url)
		}
	}
	for _, url := range []string{
		"", "localhost:6379", "http://planted@h", "redis://", "redis://user:planted@", "redis://u:planted@h:port", "redis://u:%zzplanted@h",
		"redis://h/planted", "redis://h/-1", "redis://a,b", "redis+sentinel://u:planted@h", "redis+cluster://h/1", "redis+planted2://h",
		"redis://u:pl/planted@h", "redis://u:pl?planted@h", "redis://h?planted=%zz", "redis://h?unknown=planted", "redis://u:p@planted:99999@h:x",
	} {
		_, err := NewRedis(RedisConfig{URL: url})
		if err == nil {
			t.Errorf("%s is accepted", url)
		} else if strings.Contains(err.Error(), "planted") && strings.Contains(url, "@") {
			t.Errorf("%s: the error may show a password: %v", url, err)
		}
	}
}
