package web

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// clientIP returns what handlers see behind ClientIP.
func clientIP(trusted []netip.Prefix, r *http.Request) string {
	var got netip.Addr
	serve(ClientIP(trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = ClientIPFrom(r.Context())
	})), r)
	return got.String()
}

func TestClientIPCorpus(t *testing.T) {
	for _, row := range readTSV(t, "xff_parsing.tsv") {
		header, peer, want, note := row[0], row[1], row[2], row[4]
		var trusted []netip.Prefix
		if row[3] != "none" {
			trusted = []netip.Prefix{netip.MustParsePrefix(row[3])}
		}
		r := request("GET", "/")
		r.RemoteAddr = peer + ":1234"
		setIf(r, "X-Forwarded-For", header)
		if got := clientIP(trusted, r); got != want {
			t.Errorf("%.60q from %s: %s, want %s (%s)", header, peer, got, want, note)
		}
	}
}

func TestClientIP(t *testing.T) {
	for _, test := range []struct {
		peer   string
		header http.Header
		want   string
	}{
		{"10.0.0.5:1", http.Header{"X-Forwarded-For": {"1.1.1.1", "203.0.113.7, 10.0.0.9"}}, "203.0.113.7"},
		{"10.0.0.5:1", http.Header{"X-Forwarded-For": {"203.0.113.7", "x"}}, "10.0.0.5"},
		{"[::ffff:10.0.0.5]:1", http.Header{"X-Forwarded-For": {"203.0.113.7"}}, "203.0.113.7"},
		{"[2001:db8::5]:1", http.Header{"X-Forwarded-For": {"203.0.113.7"}}, "2001:db8::5"},
		{"[fe80::1%eth0]:1", nil, "fe80::1"},
		{"10.0.0.5:1", http.Header{"X-Real-Ip": {"127.0.0.1"}, "Forwarded": {"for=127.0.0.1"}, "True-Client-Ip": {"127.0.0.1"},
			"Cf-Connecting-Ip": {"127.0.0.1"}, "X-Client-Ip": {"127.0.0.1"}, "X-Forwarded_for": {"127.0.0.1"}}, "10.0.0.5"},
		{"@", http.Header{"X-Forwarded-For": {"203.0.113.7"}}, "invalid IP"},
		{"", http.Header{"X-Forwarded-For": {"203.0.113.7"}}, "invalid IP"},
	} {
		r := request("GET", "/")
		r.RemoteAddr = test.peer
		for name, values := range test.header {
			r.Header[name] = values
		}
		if got := clientIP(testProxies, r); got != test.want {
			t.Errorf("%s %v: %s, want %s", test.peer, test.header, got, test.want)
		}
	}
}

func TestParseTrustedProxies(t *testing.T) {
	got, err := ParseTrustedProxies(" 10.0.0.0/8, 192.0.2.7,,2001:db8::/32,::ffff:198.51.100.1, 10.1.2.3/16 ")
	if err != nil || len(got) != 5 {
		t.Fatalf("got %v, %v", got, err)
	}
	if !got[1].Contains(netip.MustParseAddr("192.0.2.7")) || got[1].Contains(netip.MustParseAddr("192.0.2.8")) {
		t.Errorf("an address alone became %v", got[1])
	}
	if !got[3].Contains(netip.MustParseAddr("198.51.100.1")) {
		t.Errorf("a mapped address became %v", got[3])
	}
	_, err = ParseTrustedProxies("0.0.0.0/0,::/0,proxy.example.com,10.0.0.0/33")
	for _, part := range []string{"0.0.0.0/0", "::/0", "proxy.example.com", "10.0.0.0/33"} {
		if err == nil || !strings.Contains(err.Error(), `"`+part+`"`) {
			t.Errorf("%s is not reported: %v", part, err)
		}
	}
}

// What is for proxies is for nobody else, whatever a header says of the client.
func TestOnlyProxies(t *testing.T) {
	for peer, want := range map[string]struct{ someTrusted, noneTrusted int }{
		"127.0.0.1:1": {200, 200}, "[::1]:1": {200, 200}, "10.0.0.5:1": {200, 403}, "[::ffff:10.0.0.5]:1": {200, 403},
		"192.0.2.1:1": {403, 403}, "[2001:db8::5]:1": {403, 403}, "[fe80::1%eth0]:1": {403, 403}, "@": {403, 403}, "": {403, 403},
	} {
		r := request("GET", "/", "X-Forwarded-For", "127.0.0.1", "X-Real-Ip", "10.0.0.5")
		r.RemoteAddr = peer
		if got := serve(OnlyProxies(testProxies, nil)(Adapt(ok, nil)), r).Code; got != want.someTrusted {
			t.Errorf("%q: %d, want %d", peer, got, want.someTrusted)
		}
		if got := serve(OnlyProxies(nil, nil)(Adapt(ok, nil)), r).Code; got != want.noneTrusted {
			t.Errorf("%q, where no proxy is trusted: %d, want %d", peer, got, want.noneTrusted)
		}
	}
}
