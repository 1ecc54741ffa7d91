package web

import (
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
