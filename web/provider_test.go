package web

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProviderURL(t *testing.T) {
	production, development := Origin{"https://auth.example.com"}, Origin{"http://auth.example.localhost:8400"}
	for _, test := range []struct {
		raw    string
		public Origin
		want   string // "": refused
	}{
		{"https://idp.example.com/authorize?state=1&scope=openid+email", production, "https://idp.example.com/authorize?state=1&scope=openid+email"},
		{"HTTPS://IDP.example.com:443?state=1", production, "https://idp.example.com/?state=1"},
		{"https://idp.example.com/authorize?redirect_uri=https%3A%2F%2Fid.example.com", production, "https://idp.example.com/authorize?redirect_uri=https%3A%2F%2Fid.example.com"},
		{"https://idp.example.com/'\"a;b,c?x=\"", production, "https://idp.example.com/'%22a;b,c?x=%22"},
		{"https://idp.example.com/a", development, "https://idp.example.com/a"},
		{"http://idp.example.localhost:8800/authorize?state=1", development, "http://idp.example.localhost:8800/authorize?state=1"},
		{"http://127.0.0.1:8399/authorize?state=1", development, "http://127.0.0.1:8399/authorize?state=1"},

		{"http://127.0.0.1:8399/authorize?state=1", production, ""},
		{"http://idp.example.localhost/authorize", production, ""},
		{"http://idp.example.com/authorize", production, ""},
		{"http://idp.example.com/authorize", development, ""},
		{"http://idp.example.com/authorize", Origin{}, ""},
		{"javascript:alert(1)", development, ""},
		{"JavaScript://idp.example.com/%0aalert(1)", production, ""},
		{"data:text/html,<script>1</script>", production, ""},
		{"com.example.app:/cb", production, ""},
		{"ftp://idp.example.com/", production, ""},
		{"/authorize", production, ""},
		{"//idp.example.com/authorize", production, ""},
		{"https:/idp.example.com/authorize", production, ""},
		{"https:idp.example.com/authorize", production, ""},
		{`https:\\idp.example.com/authorize`, production, ""},
		{"https://user@idp.example.com/", production, ""},
		{"https://idp.example.com/\r\nLocation: https://evil.com", production, ""},
		{" https://idp.example.com/", production, ""},
		{"https://idp.example.com/ 0;url=https://evil.com", production, ""},
		{"https://" + strings.Repeat("a", 9000), production, ""},
		{"", production, ""},
	} {
		target, err := ParseProviderURL(test.raw, test.public)
		if (err == nil) != (test.want != "") || target.String() != test.want {
			t.Errorf("%q: %q, %v; want %q", test.raw, target, err, test.want)
		}
		if err != nil && (!errors.Is(err, ErrTarget) || strings.Contains(err.Error(), "idp")) {
			t.Errorf("%q: %v", test.raw, err)
		}
	}
}

// What a browser reads in the header is the URL and nothing else: it goes on to
// the end, and no quotation mark stands at its head.
func TestOnward(t *testing.T) {
	target, err := ParseProviderURL("https://idp.example.com/a?x='1';y=\"2\"", Origin{"https://auth.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := Onward(w, target); err != nil || w.Header().Get("Refresh") != "0;url=https://idp.example.com/a?x='1';y=%222%22" {
		t.Errorf("%v, %q", err, w.Header().Get("Refresh"))
	}
	if w.Header().Get("Location") != "" {
		t.Errorf("Location %q", w.Header().Get("Location"))
	}
	w = httptest.NewRecorder()
	if err := Onward(w, ProviderURL{}); err == nil || w.Header().Get("Refresh") != "" {
		t.Errorf("a zero target: %v, %q", err, w.Header().Get("Refresh"))
	}
}

func FuzzProviderURL(f *testing.F) {
	for _, row := range readTSV(f, "own.return_to.tsv") {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, raw string) {
		target, err := ParseProviderURL(raw, Origin{"https://auth.example.com"})
		if err != nil {
			return
		}
		emitted := target.String()
		if origin := browserOrigin(emitted); origin != target.origin && target.origin != "https:" || strings.ContainsAny(emitted, " \"\r\n\t") {
			t.Errorf("%q: emitted %q, a browser reads %q", raw, emitted, origin)
		}
		again, err := ParseProviderURL(emitted, Origin{"https://auth.example.com"})
		if err != nil || again.String() != emitted {
			t.Errorf("%q: emitted %q is read again as %q, %v", raw, emitted, again, err)
		}
	})
}
