package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, method, path, encoding string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestURL(t *testing.T) {
	for _, name := range []string{"app.css", "form.js", "passkey.js", "icon.svg"} {
		stem, ext, _ := strings.Cut(name, ".")
		want := regexp.MustCompile(`^/static/` + stem + `\.[0-9a-f]{12}\.` + ext + `$`)
		if got := URL(name); !want.MatchString(got) {
			t.Errorf("URL(%s) = %s", name, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("URL of an unknown file did not panic")
		}
	}()
	URL("nothing.css")
}

func TestHashFollowsContent(t *testing.T) {
	a, b := newFile("x.css", []byte("a")), newFile("x.css", []byte("b"))
	if a.url == b.url {
		t.Errorf("both have %s", a.url)
	}
}

func TestHandler(t *testing.T) {
	h := Handler(Config{})
	for name, contentType := range map[string]string{
		"app.css": "text/css; charset=utf-8", "form.js": "text/javascript; charset=utf-8", "passkey.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		want, err := Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, base := range []string{"", "/ui/v2/login"} {
			plain := get(t, h, "GET", base+URL(name), "")
			if got := body(t, plain); plain.StatusCode != 200 || !bytes.Equal(got, want) {
				t.Errorf("%s%s: status %d, %d bytes", base, name, plain.StatusCode, len(got))
			}
			for header, want := range map[string]string{
				"Content-Type": contentType, "Cache-Control": "public, max-age=31536000, immutable",
				"X-Content-Type-Options": "nosniff", "Content-Encoding": "",
			} {
				if got := plain.Header.Get(header); got != want {
					t.Errorf("%s: %s is %q, want %q", name, header, got, want)
				}
			}
		}
	}
}

func TestCompressed(t *testing.T) {
	h := Handler(Config{})
	want, _ := Bytes("app.css")
	for encoding, zipped := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.8": true, "gzip; q=1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip;q=0.000": false, "gzip;q=nonsense": false, "xgzip": false,
	} {
		r := get(t, h, "GET", URL("app.css"), encoding)
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: no Vary: a cache would mix them up", encoding)
		}
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("%q: gzip is %v, want %v", encoding, got, zipped)
			continue
		}
		data := body(t, r)
		if zipped {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if data, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(data, want) {
			t.Errorf("%q: other content", encoding)
		}
	}
}

func TestRefused(t *testing.T) {
	h := Handler(Config{})
	good := URL("app.css")
	wrong := strings.Replace(good, good[len("/static/app."):len("/static/app.")+4], "0000", 1)
	for _, path := range []string{
		"/static/app.css", "/static/app..css", wrong, "/static/", "/static/files/app.css",
		"/static/../static.go", "/app.css", good + "/", good + ".gz", strings.ToUpper(good),
	} {
		if r := get(t, h, "GET", path, "gzip"); r.StatusCode != 404 || strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, cache %q", path, r.StatusCode, r.Header.Get("Cache-Control"))
		}
	}
	if r := get(t, h, "POST", good, ""); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d", r.StatusCode)
	}
	if r := get(t, h, "HEAD", good, ""); r.StatusCode != 200 || len(body(t, r)) != 0 || r.Header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: status %d", r.StatusCode)
	}
}

func TestFromDisk(t *testing.T) {
	dir := t.TempDir()
	h := Handler(Config{Dir: dir})
	if r := get(t, h, "GET", URL("app.css"), ""); r.StatusCode != 500 {
		t.Errorf("missing on disk: status %d", r.StatusCode)
	}
	for name, text := range map[string]string{"form.js": "/* one */", "passkey.js": "/* two */"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(body(t, get(t, h, "GET", URL("passkey.js"), ""))); got != "/* one *//* two */" {
		t.Errorf("the bundle is %q", got)
	}
	for _, text := range []string{"a{}", "b{}"} {
		if err := os.WriteFile(filepath.Join(dir, "app.css"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := get(t, h, "GET", URL("app.css"), "gzip")
		if got := string(body(t, r)); got != text || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %q, cache %q", got, r.Header.Get("Cache-Control"))
		}
	}
}

// TestImported: pages of any origin import the module by a name that stays, soon
// have a new one, and get nothing else that way.
func TestImported(t *testing.T) {
	h := Handler(Config{})
	want, err := Bytes("torhaus.js")
	if err != nil {
		t.Fatal(err)
	}
	r := get(t, h, "GET", "/ui/v2/login/static/torhaus.js", "")
	if got := body(t, r); r.StatusCode != 200 || !bytes.Equal(got, want) || URL("torhaus.js") != "/static/torhaus.js" {
		t.Errorf("status %d, %d bytes, at %s", r.StatusCode, len(got), URL("torhaus.js"))
	}
	tag := r.Header.Get("ETag")
	for header, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff",
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "", "Cross-Origin-Resource-Policy": "cross-origin", "Vary": "Accept-Encoding",
	} {
		if got := r.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	for _, sent := range []string{tag, "W/" + tag, `"x", ` + tag} {
		request := httptest.NewRequest("GET", "/static/torhaus.js", nil)
		request.Header.Set("If-None-Match", sent)
		request.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request)
		if w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("If-None-Match: %s: %d %v", sent, w.Code, w.Header())
		}
	}
	if tag == "" || tag == newFile("torhaus.js", []byte("other")).tag {
		t.Errorf("the tag %s does not follow the content", tag)
	}
	if r := get(t, h, "GET", URL("app.css"), ""); r.Header.Get("Access-Control-Allow-Origin") != "" || r.Header.Get("Cross-Origin-Resource-Policy") != "" {
		t.Errorf("other files are open, too: %v", r.Header)
	}
}

// TestBudgets holds the promises about what a first visit costs.
func TestBudgets(t *testing.T) {
	for name, limit := range map[string]int{"app.css": 6 << 10, "form.js": 3 << 9, "passkey.js": 9 << 9, "torhaus.js": 2 << 10, "icon.svg": 1 << 10} {
		data, err := Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		if size := len(compress(data)); size > limit {
			t.Errorf("%s is %d bytes compressed, more than %d", name, size, limit)
		}
	}
	own, err := files.ReadFile("files/passkey.js") // without what it is bundled with
	if err != nil {
		t.Fatal(err)
	}
	if size, limit := len(compress(own)), 3<<10; size > limit {
		t.Errorf("passkey.js alone is %d bytes compressed, more than %d", size, limit)
	}
}

// TestStylesheet keeps out what would need another request, break in the other
// writing direction, or hide where the keyboard is.
func TestStylesheet(t *testing.T) {
	css, _ := Bytes("app.css")
	for name, bad := range map[string]string{
		"another request":                `url\(|@import|@font-face`,
		"physical direction":             `(?:margin|padding|border)-(?:left|right)|text-align:\s*(?:left|right)|[;{\s](?:left|right|float):`,
		"focus that cannot be seen":      `outline:\s*(?:none|0)`,
		"a colour outside of the tokens": `(?m)^(?:[^-\n]|-[^-\n])*#[0-9a-fA-F]{3,6}\b`,
		"important":                      `!important`,
	} {
		if found := regexp.MustCompile(bad).Find(css); found != nil {
			t.Errorf("%s: %q", name, found)
		}
	}
	for name, good := range map[string]string{
		"dark mode": `prefers-color-scheme: dark`, "reduced motion": `prefers-reduced-motion: no-preference`,
		"forced colours": `forced-colors: active`, "focus": `:focus-visible`,
	} {
		if !bytes.Contains(css, []byte(good)) {
			t.Errorf("nothing for %s", name)
		}
	}
}

// TestModule: what runs in other people's pages depends on nothing, keeps nothing
// and writes nothing into them.
func TestModule(t *testing.T) {
	js, _ := Bytes("torhaus.js")
	for _, bad := range []string{"innerHTML", "eval(", "Function(", "XMLHttpRequest", "Storage", "document.cookie", "document.write", "import("} {
		if bytes.Contains(js, []byte(bad)) {
			t.Errorf("it uses %s", bad)
		}
	}
	if code := regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAll(js, nil); regexp.MustCompile(`\bfrom\s+["']`).Match(code) {
		t.Error("it imports something")
	}
	for _, name := range []string{"whoAmI", "signIn", "signOut", "watch"} {
		if !regexp.MustCompile(`\*/\nexport (async )?(function|const) ` + name + `\b`).Match(js) {
			t.Errorf("%s is not exported with a type", name)
		}
	}
}

func TestScript(t *testing.T) {
	js, _ := Bytes("passkey.js") // and form.js with it
	for _, bad := range []string{"innerHTML", "eval(", "Function(", "fetch(", "XMLHttpRequest", "localStorage", "document.cookie", "document.write"} {
		if bytes.Contains(js, []byte(bad)) {
			t.Errorf("a script uses %s", bad)
		}
	}
}
