package web

import (
	"errors"
	"strings"
	"testing"
)

func TestClientRedirect(t *testing.T) {
	const registered = "https://app.example.com/callback"
	for _, test := range []struct {
		callback, registered, want, origin string // want "": refused
	}{
		{"https://app.example.com/callback?code=a&state=b", registered, "https://app.example.com/callback?code=a&state=b", "https://app.example.com"},
		{"https://app.example.com/callback?code=a&x=1", registered + "?x=1", "https://app.example.com/callback?code=a&x=1", "https://app.example.com"},
		{"https://app.example.com/callback#code=a", registered, "https://app.example.com/callback#code=a", "https://app.example.com"},
		{"HTTPS://APP.example.com:443/callback", registered, registered, "https://app.example.com"},
		{"https://app.example.com?code=a", "https://app.example.com/", "https://app.example.com/?code=a", "https://app.example.com"},
		{"http://127.0.0.1:5000/cb?code=a", "http://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb?code=a", "http://127.0.0.1:5000"},
		{"http://[::1]:5000/cb?code=a", "http://[::1]:5000/cb", "http://[::1]:5000/cb?code=a", "http:"},
		{"com.example.app:/cb?code=a", "com.example.app:/cb", "com.example.app:/cb?code=a", "com.example.app:"},
		{"myapp://callback?code=a", "myapp://callback", "myapp://callback?code=a", "myapp:"},
		{"myapp://callback/in?code=a", "MyApp://callback/in", "myapp://callback/in?code=a", "myapp:"},
		{"myapp:callback?code=a", "myapp:callback", "myapp:callback?code=a", "myapp:"},
		{"myapp:///callback?code=a", "myapp:///callback", "myapp:///callback?code=a", "myapp:"},

		{"https://app.example.com/callback2?code=a", registered, "", ""},
		{"https://app.example.com/callback/?code=a", registered, "", ""},
		{"https://app.example.com/Callback?code=a", registered, "", ""},
		{"https://app.example.com/callback%2f?code=a", registered, "", ""},
		{"https://app.example.com:8443/callback?code=a", registered, "", ""},
		{"http://app.example.com/callback?code=a", registered, "", ""},
		{"https://evil.com/callback?code=a", registered, "", ""},
		{"https://app.example.com@evil.com/callback", registered, "", ""},
		{"https://user@app.example.com/callback", registered, "", ""},
		{"https:/app.example.com/callback", registered, "", ""},
		{"https:///app.example.com/callback", registered, "", ""},
		{`https:\\app.example.com/callback`, registered, "", ""},
		{"https://app.example.com/callback\r\nX: y", registered, "", ""},
		{"//app.example.com/callback", registered, "", ""},
		{"/callback", "/callback", "", ""},
		{"", "", "", ""},
		{registered, "", "", ""},
		{"myapp://other?code=a", "myapp://callback", "", ""},
		{"myapp:/callback?code=a", "myapp://callback", "", ""},
		{"otherapp://callback?code=a", "myapp://callback", "", ""},
		{"my app://callback", "my app://callback", "", ""},
	} {
		target, err := ParseClientRedirect(test.callback, test.registered)
		if (err == nil) != (test.want != "") || target.String() != test.want || target.Origin() != test.origin {
			t.Errorf("%q for %q: %q, origin %q, %v; want %q", test.callback, test.registered, target, target.Origin(), err, test.want)
		}
		if err != nil && !errors.Is(err, ErrTarget) {
			t.Errorf("%q: %v is no ErrTarget", test.callback, err)
		}
	}
}

// TestClientRedirectForbiddenSchemes: registered or not, these never pass.
func TestClientRedirectForbiddenSchemes(t *testing.T) {
	for _, raw := range []string{
		"javascript:alert(1)", "JavaScript:alert(1)", "javascript://app.example.com/%0aalert(1)",
		"data:text/html,<script>1</script>", "vbscript:x", "file:///etc/passwd", "filesystem:https://a/x",
		"blob:https://app.example.com/x", "about:blank", "view-source:https://app.example.com/",
		" javascript:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)",
	} {
		if target, err := ParseClientRedirect(raw, raw); err == nil || target.String() != "" {
			t.Errorf("ParseClientRedirect(%q) = %q, %v", raw, target, err)
		}
	}
}

// TestClientRedirectErrorsHideTheCode: a refused callback holds a code that works.
func TestClientRedirectErrorsHideTheCode(t *testing.T) {
	for _, callback := range []string{
		"https://evil.com/?code=SECRET", "https://app.example.com/%zz?code=SECRET", "https://a b/?code=SECRET",
		"https://app.example.com:x/?code=SECRET", ":?code=SECRET",
	} {
		_, err := ParseClientRedirect(callback, "https://app.example.com/callback")
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", callback, err)
		}
	}
}

func FuzzClientRedirect(f *testing.F) {
	for _, row := range readTSV(f, "own.return_to.tsv") {
		f.Add(row[0], "https://app.example.com/")
	}
	f.Add("com.example.app:/cb?code=a", "com.example.app:/cb")
	f.Fuzz(func(t *testing.T, callback, registered string) {
		target, err := ParseClientRedirect(callback, registered)
		if err != nil {
			return
		}
		emitted := target.String()
		origin := browserOrigin(emitted)
		if origin != target.Origin() && target.Origin() != "http:" && target.Origin() != "https:" {
			t.Errorf("%q: emitted %q, a browser reads %q, form-action says %q", callback, emitted, origin, target.Origin())
		}
		again, err := ParseClientRedirect(emitted, registered)
		if err != nil || again.String() != emitted {
			t.Errorf("%q: emitted %q is read again as %q, %v", callback, emitted, again, err)
		}
	})
}
