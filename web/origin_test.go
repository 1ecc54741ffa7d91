package web

import (
	"errors"
	"strings"
	"testing"
)

func TestParseOrigin(t *testing.T) {
	for _, test := range []struct{ raw, want string }{
		{"https://app.example.com", "https://app.example.com"},
		{"HTTPS://App.Example.com:443", "https://app.example.com"},
		{"https://app.example.com:8443", "https://app.example.com:8443"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://203.0.113.7", "https://203.0.113.7"},
		{"http://localhost:3000", "http://localhost:3000"},
		{"http://app.example.localhost", "http://app.example.localhost"},
		{"http://127.0.0.1:80", "http://127.0.0.1"},
		{"http://[::1]:8080", "http://[::1]:8080"},

		{"http://app.example.com", ""},
		{"http://app.localhost.example.com", ""},
		{"http://203.0.113.7", ""},
		{"https://app.example.com/", ""},
		{"https://app.example.com?x", ""},
		{"https://app.example.com#x", ""},
		{"https://*.example.com", ""},
		{"https://user@app.example.com", ""},
		{"https://app.example.com.", ""},
		{"https://app..example.com", ""},
		{"https://app.example.com:", ""},
		{"https://app.example.com:0443", ""},
		{"https://app.example.com:0", ""},
		{"https://app.example.com:65536", ""},
		{"https://app.example.com:-1", ""},
		{"https://2130706433", ""},
		{"https://0x7f.1", ""},
		{"https://127.0.0.01", ""},
		{"https://[::1", ""},
		{"https://[::1%25eth0]", ""},
		{"https://[0:0::1]", ""},
		{"https://bücher.example", ""},
		{"https://a b.example", ""},
		{"https://a;b.example", ""},
		{"https://" + strings.Repeat("a", 64) + ".example", ""},
		{"ftp://app.example.com", ""},
		{"app.example.com", ""},
		{"//app.example.com", ""},
		{"https://", ""},
		{"null", ""},
		{"*", ""},
		{"", ""},
	} {
		origin, err := ParseOrigin(test.raw)
		if origin.String() != test.want || (err == nil) != (test.want != "") {
			t.Errorf("ParseOrigin(%q) = %q, %v; want %q", test.raw, origin, err, test.want)
		}
	}
}

func TestParseOrigins(t *testing.T) {
	origins, err := ParseOrigins(" https://a.example.com, https://b.example.com:8443,,https://A.example.com ")
	if err != nil || len(origins) != 2 {
		t.Errorf("got %v, %v", origins, err)
	}
	_, err = ParseOrigins("*,https://ok.example.com,http://b.example.com")
	if err == nil || !strings.Contains(err.Error(), `"*"`) || !strings.Contains(err.Error(), "b.example.com") {
		t.Errorf("want both problems, got %v", err)
	}
}

func TestOriginOf(t *testing.T) {
	origin, err := OriginOf("https://auth.example.com/ui/v2/login?x#y")
	if err != nil || origin.String() != "https://auth.example.com" {
		t.Errorf("got %q, %v", origin, err)
	}
	for _, raw := range []string{"", "/x", "https:evil.com", "http://auth.example.com/", "https://a b/"} {
		if origin, err := OriginOf(raw); err == nil {
			t.Errorf("OriginOf(%q) = %q", raw, origin)
		}
	}
}

// A host is that of one listed origin or of none, however it is spelled.
func TestOriginsAt(t *testing.T) {
	list := mustOrigins(t, "https://app.example.com, http://app.example.localhost:8500, https://b.example.com:8443, http://both.localhost, https://both.localhost, http://plain.localhost")
	for host, want := range map[string]string{
		"app.example.com": "https://app.example.com", "APP.Example.com": "https://app.example.com", "app.example.com:443": "https://app.example.com",
		"app.example.localhost:8500": "http://app.example.localhost:8500", "b.example.com:8443": "https://b.example.com:8443",
		"both.localhost": "https://both.localhost", "both.localhost:80": "http://both.localhost", "both.localhost:443": "https://both.localhost",
		"plain.localhost": "http://plain.localhost", "plain.localhost:80": "http://plain.localhost",
	} {
		if got, err := list.At(host); err != nil || got.String() != want {
			t.Errorf("At(%q) = %s, %v; want %s", host, got, err, want)
		}
	}
	for host, unlisted := range map[string]bool{
		"evil.example.com": true, "app.example.com:8443": true, "app.example.com:80": true, "app.example.localhost": true, "com": true,
		"": false, "app.example.com.": false, "app.example.com:": false, "app.example.com:0443": false, "a@app.example.com": false, "app.example.com/": false,
		"app.example.com?": false, "app.example.com#": false, "app.example.com\\": false, "app.example.com, evil.example.com": false, " app.example.com": false, "app.exämple.com": false,
	} {
		got, err := list.At(host)
		if err == nil || errors.Is(err, ErrTarget) != unlisted || got != (Origin{}) {
			t.Errorf("At(%q) = %s, %v", host, got, err)
		}
	}
	if got, err := (Origins{{}}).At(""); err == nil {
		t.Errorf("the zero origin is at %q", got)
	}
}
