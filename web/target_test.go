package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestRedirect(t *testing.T) {
	returnTo, err := mustOrigins(t, appOrigins).ReturnTo(appOrigins + "/x?y=1#z")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		target Target
		want   string
	}{
		{returnTo, "https://app.example.com/x?y=1#z"},
		{Page("/password", "abcdefgh"), "/password?a=abcdefgh"},
		{Page("/login", ""), "/login"},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
			w := httptest.NewRecorder()
			if err := Redirect(w, request(method, "/"), test.target); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != test.want {
				t.Errorf("%s: %d %q, want 303 %q", method, w.Code, w.Header().Get("Location"), test.want)
			}
		}
	}
}

func TestRedirectRefusesZeroTargets(t *testing.T) {
	for _, target := range []Target{nil, ReturnTo{}, ClientRedirect{}, DefaultRedirect{}, PostLogout{}, Path{}, Entry{}} {
		w := httptest.NewRecorder()
		if err := Redirect(w, request("GET", "/"), target); err == nil || w.Header().Get("Location") != "" {
			t.Errorf("%T: redirected to %q", target, w.Header().Get("Location"))
		}
	}
}

func TestTargetHost(t *testing.T) {
	returnTo, _ := mustOrigins(t, appOrigins).ReturnTo(appOrigins)
	if got := returnTo.Host(); got != "app.example.com" {
		t.Errorf("got %q", got)
	}
	client, _ := ParseClientRedirect("com.example.app:/cb", "com.example.app:/cb")
	if got := client.Host(); got != "" {
		t.Errorf("app scheme: got %q", got)
	}
}

func TestPage(t *testing.T) {
	base, err := ParseBasePath("/ui/v2/login/")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ got, want string }{
		{Page("/password", "ab2").String(), "/password?a=ab2"},
		{Page("password", "").String(), "/password"},
		{base.Page("/otp/time-based", "ab2").String(), "/ui/v2/login/otp/time-based?a=ab2"},
		{base.Page("/", "").String(), "/ui/v2/login/"},
		{Page("//evil.com", "").String(), "/evil.com"},
		{Page(`/\evil.com`, "").String(), "/evil.com"},
		{Page(`\\evil.com`, "").String(), "/evil.com"},
		{Page("/a?b#c\r\nX: y", "").String(), "/a%3Fb%23c%0D%0AX:%20y"},
		{Page("/%2fevil.com", "").String(), "/%252fevil.com"},
		{Page("/\t/evil.com", "").String(), "/%09/evil.com"},
		{Page("/a", "x&b=c#d").String(), "/a?a=x%26b%3Dc%23d"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
		if browserOrigin(test.got) != "self" {
			t.Errorf("%q leaves our origin", test.got)
		}
	}
}

func TestParseBasePath(t *testing.T) {
	for raw, want := range map[string]string{"": "", "/": "", "/ui": "/ui", "/ui/": "/ui", "/ui/v2/login": "/ui/v2/login"} {
		if base, err := ParseBasePath(raw); err != nil || base.String() != want {
			t.Errorf("ParseBasePath(%q) = %q, %v", raw, base, err)
		}
	}
	for _, raw := range []string{"ui", "//evil.com", "/ui//login", "/../x", "/ui/./x", "/a b", "/a?b", `/a\b`, "/%2f", "https://evil.com"} {
		if base, err := ParseBasePath(raw); err == nil {
			t.Errorf("ParseBasePath(%q) = %q", raw, base)
		}
	}
}

func TestSetFormAction(t *testing.T) {
	returnTo, _ := mustOrigins(t, appOrigins).ReturnTo(appOrigins)
	client, _ := ParseClientRedirect("com.example.app:/cb", "com.example.app:/cb")
	for _, test := range []struct {
		sources []FormActionSource
		want    string
	}{
		{nil, "'self'"},
		{[]FormActionSource{returnTo}, "'self' https://app.example.com"},
		{[]FormActionSource{client, mustOrigin(t, "https://id.example.com")}, "'self' com.example.app: https://id.example.com"},
		{[]FormActionSource{Page("/x", "")}, "'self'"},
		{[]FormActionSource{badSource("https://x; script-src *"), badSource("https://x, default-src *")}, "'self'"},
	} {
		w := httptest.NewRecorder()
		SecurityHeaders(0)(Adapt(func(w http.ResponseWriter, _ *http.Request) error {
			SetFormAction(w, test.sources...)
			return nil
		}, nil)).ServeHTTP(w, request("GET", "/"))
		_, got, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "form-action ")
		if got != test.want {
			t.Errorf("form-action %q, want %q", got, test.want)
		}
	}
}

type badSource string

func (s badSource) Origin() string { return string(s) }

// The address of an entry page is absolute, and its parameters stay parameters.
func TestEntry(t *testing.T) {
	base, err := ParseBasePath("/ui/v2/login")
	if err != nil {
		t.Fatal(err)
	}
	back, err := mustOrigins(t, appOrigins).ReturnTo(appOrigins + "/a?b=c&d=%26#e")
	if err != nil {
		t.Fatal(err)
	}
	public := mustOrigin(t, "https://auth.example.com")
	demands := url.Values{"mfa": {"true"}, "return_to": {"https://evil.example.com"}}
	for _, test := range []struct {
		got  Entry
		want string
	}{
		{BasePath{}.Entry(public, "/login", ReturnTo{}, nil), "https://auth.example.com/login"},
		{base.Entry(public, "/login", back, demands), "https://auth.example.com/ui/v2/login/login?mfa=true&return_to=https%3A%2F%2Fapp.example.com%2Fa%3Fb%3Dc%26d%3D%2526%23e"},
	} {
		if test.got.String() != test.want || test.got.Origin() != "https://auth.example.com" {
			t.Errorf("got %s at %s, want %s", test.got, test.got.Origin(), test.want)
		}
	}
	if demands.Get("return_to") != "https://evil.example.com" {
		t.Error("the caller's demands were changed")
	}
}
