package main

import (
	"context"
	"html"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"torhaus/locale"
	"torhaus/templates"
)

// startProduct serves everything on free ports until the test ends. Changes are
// made before the first request.
func startProduct(t *testing.T, changes ...func(*product)) *product {
	t.Helper()
	p, err := newProduct([5]int{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(p)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveSites(ctx, []site{p.id, p.auth, p.app, p.mail, p.gallery}, io.Discard) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		p.client.Close()
	})
	return p
}

// newBrowser is a client that resolves *.localhost as browsers do, keeps
// cookies, and sends Secure ones to *.localhost, as browsers do too.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: secureJar{jar}, Transport: transport}
}

// secureJar treats http://*.localhost as secure.
type secureJar struct{ http.CookieJar }

func (j secureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(asSecure(u), cookies)
}

func (j secureJar) Cookies(u *url.URL) []*http.Cookie { return j.CookieJar.Cookies(asSecure(u)) }

func asSecure(u *url.URL) *url.URL {
	secure := *u
	secure.Scheme = "https"
	return &secure
}

func get(t *testing.T, browser *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := browser.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return resp, readBody(t, resp)
}

func readBody(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestEverySiteAnswers(t *testing.T) {
	p := startProduct(t)
	browser := newBrowser(t)
	for url, want := range map[string]string{
		p.app.url() + "/":                                p.auth.url(),
		p.app.url() + "/app.js":                          "/session",
		p.app.url() + "/dev.css":                         "color-scheme",
		p.auth.url() + "/healthz":                        "alive",
		p.id.url() + "/.well-known/openid-configuration": p.id.url(),
		p.mail.url() + "/":                               "No mail yet",
		p.gallery.url() + "/":                            "Deutsch",
	} {
		resp, body := get(t, browser, url)
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s: %s, without %q:\n%s", url, resp.Status, want, body)
		}
	}
}

func TestGalleryShowsEveryStory(t *testing.T) {
	p := startProduct(t)
	browser := newBrowser(t)
	if len(templates.Stories(locale.Default())) == 0 {
		t.Fatal("there are no stories")
	}
	for _, language := range locale.Languages() {
		text, _ := locale.Lookup(language.Tag)
		for _, s := range newIndex(text).Shelves {
			for _, story := range s.Stories {
				resp, body := get(t, browser, p.gallery.url()+story.Path)
				if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<h1") {
					t.Errorf("%s, %s/%s: %s", language.Name, s.Page, story.State, resp.Status)
				}
			}
		}
	}
}

// TestSignIn walks from the demo app through both forms back to it, and asks
// what the demo app asks.
func TestSignIn(t *testing.T) {
	p := startProduct(t)
	browser := newBrowser(t)
	if resp, _ := get(t, browser, p.auth.url()+"/session"); resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("before the sign-in /session says %s", resp.Status)
	}
	resp, body := get(t, browser, p.auth.url()+"/login?return_to="+url.QueryEscape(p.app.url()+"/"))
	for _, typed := range []url.Values{{templates.FieldLoginName: {"alice"}}, {templates.FieldPassword: {password}}} {
		form := hiddenFields(body)
		maps.Copy(form, typed)
		var err error
		if resp, err = browser.PostForm(resp.Request.URL.String(), form); err != nil {
			t.Fatal(err)
		}
		if body = readBody(t, resp); resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s\n%s", resp.Request.URL, resp.Status, body)
		}
	}
	if got := resp.Request.URL.String(); got != p.app.url()+"/" {
		t.Errorf("the sign-in ends at %s, want %s/", got, p.app.url())
	}
	resp, body = get(t, browser, p.auth.url()+"/session")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Alice") {
		t.Errorf("after the sign-in /session says %s: %s", resp.Status, body)
	}
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// hiddenFields are what the first form of a page brings by itself.
func hiddenFields(page string) url.Values {
	first, _, _ := strings.Cut(page, "</form>")
	fields := url.Values{}
	for _, match := range hiddenField.FindAllStringSubmatch(first, -1) {
		fields.Set(match[1], html.UnescapeString(match[2]))
	}
	return fields
}

func TestRunOnlyDemo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop() // serve, and end at once
	var output strings.Builder
	if err := run(ctx, []string{"-only=demo", "-listen=127.0.0.1:0"}, &output); err != nil {
		t.Errorf("-only=demo: %v", err)
	}
	if !strings.Contains(output.String(), "demo app") {
		t.Errorf("-only=demo does not say where: %q", output.String())
	}
	if err := run(ctx, []string{"-only=nothing"}, &output); err == nil {
		t.Error("-only=nothing was accepted")
	}
}
