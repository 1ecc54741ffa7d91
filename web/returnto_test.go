package web

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// appOrigins is the corpus' allow-list without its wildcard: ours has none.
const appOrigins = "https://app.example.com"

// returnToPolicy pins the rows that leave the decision to us, and the few where
// our rule (an exact origin, absolute) is stricter than the corpus.
var returnToPolicy = map[string]string{
	"https://t1.apps.example.com/":                   "deny", // no wildcards
	"https://a.b.apps.example.com/":                  "deny",
	"https://apps.example.com/":                      "deny",
	"/":                                              "deny", // relative: nothing to return to on our own origin
	"/account?x=1":                                   "deny",
	"/%5cevil.com":                                   "deny",
	"/%2f/evil.com":                                  "deny",
	"/%2f%2fevil.com":                                "deny",
	"https://\uff41pp.example.com/":                  "deny", // non-ASCII host
	"https://\u24d0pp.example.com/":                  "deny",
	"https://app.example.com/ a b":                   "deny", // browsers trim and encode, others do not
	"https://app.example.com/%":                      "deny",
	"https://app.example.com/%zz":                    "deny",
	"https://app.example.com:/":                      "deny", // one spelling of a port
	"https://app.example.com:00443/":                 "deny",
	"https://auth.example.com/logout":                "deny",  // our own origin is not on the list
	"https://app.example.com/?next=https://evil.com": "allow", // the app's own affair
}

func TestReturnToCorpus(t *testing.T) {
	list := mustOrigins(t, appOrigins)
	for _, row := range readTSV(t, "own.return_to.tsv") {
		raw, expected := row[0], row[2]
		want := strings.HasPrefix(expected, "allow")
		if policy, ok := returnToPolicy[raw]; ok {
			want = policy == "allow"
		} else if expected == "policy" {
			t.Errorf("%q: no decision is pinned", raw)
		}
		target, err := list.ReturnTo(raw)
		if got := err == nil; got != want {
			t.Errorf("ReturnTo(%q): allowed %v, want %v (%s); %v", raw, got, want, row[3], err)
		}
		if err != nil && !errors.Is(err, ErrTarget) {
			t.Errorf("ReturnTo(%q): error %v is no ErrTarget", raw, err)
		}
		checkEmitted(t, raw, target.String(), err)
		for _, variant := range variants(raw) {
			target, err := list.ReturnTo(variant)
			checkEmitted(t, variant, target.String(), err)
		}
	}
}

// variants returns raw as it looks to a program that decodes or encodes once too
// often.
func variants(raw string) []string {
	all := []string{url.QueryEscape(raw), url.QueryEscape(url.QueryEscape(raw)), url.PathEscape(raw)}
	if unescaped, err := url.PathUnescape(raw); err == nil {
		all = append(all, unescaped)
	}
	if unescaped, err := url.QueryUnescape(raw); err == nil {
		all = append(all, unescaped)
	}
	return all
}

// checkEmitted holds what was emitted against a reading that is the browser's,
// not Go's.
func checkEmitted(t testing.TB, raw, emitted string, err error) {
	t.Helper()
	if err != nil {
		if emitted != "" {
			t.Errorf("%q: refused, yet there is a target %q", raw, emitted)
		}
		if len(raw) > 4 && strings.Contains(err.Error(), raw) {
			t.Errorf("%q: the refusal repeats it: %v", raw, err)
		}
		return
	}
	if got := browserOrigin(emitted); got != appOrigins {
		t.Errorf("%q: emitted %q, which a browser reads as %q", raw, emitted, got)
	}
	if !strings.HasPrefix(emitted, appOrigins+"/") {
		t.Errorf("%q: emitted %q", raw, emitted)
	}
	for i := range len(emitted) {
		if emitted[i] <= ' ' || emitted[i] > '~' || emitted[i] == '\\' {
			t.Errorf("%q: emitted %q holds byte %#x", raw, emitted, emitted[i])
		}
	}
}

// browserOrigin is the URL standard's reading of a Location, in as many lines as
// the attacks need: what browsers trim, strip and take for a slash. Relative
// targets are "self".
func browserOrigin(location string) string {
	s := strings.TrimFunc(location, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(s)
	scheme, rest, found := strings.Cut(s, ":")
	scheme = strings.ToLower(scheme)
	if found && scheme != "https" && scheme != "http" && !strings.ContainsAny(scheme, "/?#") {
		return scheme + ":"
	}
	if !found || strings.ContainsAny(scheme, "/?#") {
		if !strings.HasPrefix(s, "//") {
			return "self"
		}
		scheme, rest = "https", s
	}
	rest = strings.TrimLeft(rest, "/")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(rest), ":443")
}

// TestReturnToCorpusIsNotVacuous proves that the corpus and the browser's
// reading catch the validators that people write.
func TestReturnToCorpusIsNotVacuous(t *testing.T) {
	naive := map[string]func(string) bool{
		"rooted": func(s string) bool { return strings.HasPrefix(s, "/") },
		"rooted2": func(s string) bool {
			return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.HasPrefix(s, `/\`)
		},
		"prefix": func(s string) bool { return strings.HasPrefix(s, appOrigins) },
		"go host": func(s string) bool {
			u, err := url.Parse(strings.TrimSpace(s))
			return err == nil && (u.Host == "" || u.Hostname() == "app.example.com")
		},
	}
	for name, allows := range naive {
		escaped := slices.ContainsFunc(readTSV(t, "own.return_to.tsv"), func(row []string) bool {
			origin := browserOrigin(row[0])
			return allows(row[0]) && origin != "self" && origin != appOrigins
		})
		if !escaped {
			t.Errorf("no row escapes the naive validator %q", name)
		}
	}
}

func TestReturnToEmits(t *testing.T) {
	list := mustOrigins(t, "https://app.example.com,https://b.example.com:8443,http://app.example.localhost:8080")
	for _, test := range []struct{ raw, want, origin string }{
		{"https://app.example.com", "https://app.example.com/", "https://app.example.com"},
		{"HTTPS://APP.Example.COM:443/X", "https://app.example.com/X", "https://app.example.com"},
		{"https://app.example.com?a=b", "https://app.example.com/?a=b", "https://app.example.com"},
		{"https://app.example.com#top", "https://app.example.com/#top", "https://app.example.com"},
		{"https://app.example.com//evil.com", "https://app.example.com//evil.com", "https://app.example.com"},
		{"https://app.example.com/%2f%2fevil.com?a=%2F#%2f", "https://app.example.com/%2f%2fevil.com?a=%2F#%2f", "https://app.example.com"},
		{`https://app.example.com/"<x>"?q="<x>"#"<x>"`, "https://app.example.com/%22%3Cx%3E%22?q=%22%3Cx%3E%22#%22%3Cx%3E%22", "https://app.example.com"},
		{"https://app.example.com/ü?ü=ü#ü", "https://app.example.com/%C3%BC?%C3%BC=%C3%BC#%C3%BC", "https://app.example.com"},
		{"https://app.example.com/%0d%0aX:y", "https://app.example.com/%0d%0aX:y", "https://app.example.com"},
		{"https://b.example.com:8443/", "https://b.example.com:8443/", "https://b.example.com:8443"},
		{"http://app.example.localhost:8080/x", "http://app.example.localhost:8080/x", "http://app.example.localhost:8080"},
	} {
		target, err := list.ReturnTo(test.raw)
		if err != nil || target.String() != test.want || target.Origin() != test.origin {
			t.Errorf("ReturnTo(%q) = %q, origin %q, %v; want %q", test.raw, target, target.Origin(), err, test.want)
		}
	}
}

func TestReturnToBounds(t *testing.T) {
	list := mustOrigins(t, appOrigins)
	base := appOrigins + "/"
	for _, test := range []struct {
		raw  string
		want bool
	}{
		{base + strings.Repeat("a", 2048-len(base)), true},
		{base + strings.Repeat("a", 2049-len(base)), false},
		// What is stored is parsed again, so the encoded form must fit, too.
		{base + strings.Repeat("ü", 600), false},
		{"\xff" + base, false},
		{base + "\xff", false},
	} {
		if _, err := list.ReturnTo(test.raw); (err == nil) != test.want {
			t.Errorf("ReturnTo(%d bytes): %v", len(test.raw), err)
		}
	}
	if _, err := Origins(nil).ReturnTo(base); err == nil {
		t.Error("an empty list allows")
	}
	if _, err := (Origins{Origin{}}).ReturnTo(base); err == nil {
		t.Error("the zero origin allows")
	}
}

func TestPostLogout(t *testing.T) {
	list := mustOrigins(t, appOrigins)
	if target, err := list.PostLogout(appOrigins + "/bye"); err != nil || target.String() != appOrigins+"/bye" {
		t.Errorf("listed: %q, %v", target, err)
	}
	for _, raw := range []string{"", "/logout/done", "https://evil.com/", "javascript:alert(1)"} {
		if target, err := list.PostLogout(raw); err == nil || target.String() != "" {
			t.Errorf("PostLogout(%q) = %q, %v", raw, target, err)
		}
	}
}

func TestDefaultRedirect(t *testing.T) {
	list, issuer := mustOrigins(t, appOrigins), mustOrigin(t, "https://id.example.com")
	for raw, want := range map[string]bool{
		"https://app.example.com/":               true,
		"https://id.example.com/ui/console/":     true,
		"http://id.example.com/ui/console/":      false,
		"https://id.example.com.evil.com/":       false,
		"https://other.example.com/":             false,
		"javascript:alert(document.domain)//x":   false,
		"com.example.app:/done":                  false,
		"":                                       false,
		"https://user@id.example.com/":           false,
		"https://id.example.com:8443/ui/console": false,
	} {
		if _, err := ParseDefaultRedirect(raw, list, issuer); (err == nil) != want {
			t.Errorf("ParseDefaultRedirect(%q): %v, want allowed %v", raw, err, want)
		}
	}
	local := mustOrigin(t, "http://id.example.localhost:8300")
	if _, err := ParseDefaultRedirect("http://id.example.localhost:8300/ui", nil, local); err != nil {
		t.Errorf("http on localhost: %v", err)
	}
	if len(list) != 1 {
		t.Error("the allow-list was changed")
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, row := range readTSV(f, "own.return_to.tsv") {
		f.Add(row[0])
	}
	list := mustOrigins(f, appOrigins)
	f.Fuzz(func(t *testing.T, raw string) {
		target, err := list.ReturnTo(raw)
		checkEmitted(t, raw, target.String(), err)
		if err != nil {
			return
		}
		again, err := list.ReturnTo(target.String())
		if err != nil || again.String() != target.String() {
			t.Errorf("%q: emitted %q is read again as %q, %v", raw, target, again, err)
		}
	})
}
