package session

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What an app gets of a browser's cookies is everything but ours.
func TestForeignCookies(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"only foreign ones, as they came", []string{"theme=dark;  a=b;"}, "theme=dark;  a=b;"},
		{"ours alone", []string{"__Secure-torhaus=v1.AAAA"}, ""},
		{"ours first", []string{"__Secure-torhaus=v1.AAAA; theme=dark"}, "theme=dark"},
		{"ours last", []string{"theme=dark; __Secure-torhaus=v1.AAAA"}, "theme=dark"},
		{"ours between", []string{"a=1; __Secure-torhaus=v1.AAAA; b=2"}, "a=1; b=2"},
		{"ours twice", []string{"__Secure-torhaus=x; a=1; __Secure-torhaus=y"}, "a=1"},
		{"host-only", []string{"__Host-torhaus=v1.AAAA; a=1"}, "a=1"},
		{"accounts and attempts", []string{"__Host-accounts=x; __Host-attempt-abc=y; a=1; __Host-attempt-=z"}, "a=1"},
		{"two lines", []string{"a=1; __Secure-torhaus=x", "__Host-accounts=y; b=2"}, "a=1; b=2"},
		{"without spaces", []string{"a=1;__Secure-torhaus=x;b=2"}, "a=1; b=2"},
		{"spaces around the name", []string{"a=1; \t__Secure-torhaus =x"}, "a=1"},
		{"a quoted value", []string{`__Secure-torhaus="x"; a="1"`}, `a="1"`},
		{"without a value", []string{"__Secure-torhaus; a=1"}, "a=1"},
		{"a name that only begins like ours", []string{"__Secure-torhaus2=x; __Host-torhaus-theme=y"}, "__Secure-torhaus2=x; __Host-torhaus-theme=y"},
		{"our name as a value", []string{"a=__Secure-torhaus=x"}, "a=__Secure-torhaus=x"},
		{"another case is another cookie", []string{"__secure-torhaus=x"}, "__secure-torhaus=x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["Cookie"] = test.lines
			if got := ForeignCookies(r); got != test.want {
				t.Errorf("%q leaves %q, want %q", test.lines, got, test.want)
			}
		})
	}
}

// Whatever a Cookie header looks like, nothing that net/http takes for a cookie of
// ours is left, and nothing that it takes for another's is lost.
func FuzzForeignCookies(f *testing.F) {
	for _, seed := range []string{"a=1; __Secure-torhaus=x", "__Host-attempt-a=;;=", "\t__Host-accounts =1", `a="; __Secure-torhaus=x"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{line}
		var want []string
		for _, c := range r.Cookies() {
			if !isOurs(c.Name) {
				want = append(want, c.Name+"="+c.Value)
			}
		}
		r.Header["Cookie"] = []string{ForeignCookies(r)}
		var got []string
		for _, c := range r.Cookies() {
			if isOurs(c.Name) {
				t.Errorf("%q leaves a cookie of ours: %s", line, c.Name)
			}
			got = append(got, c.Name+"="+c.Value)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q: foreign cookies were %q and are %q", line, want, got)
		}
	})
}
