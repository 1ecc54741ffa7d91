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
	p, err := newProduct([6]int{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(p)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serveSites(ctx, []site{p.id, p.auth, p.app, p.mail, p.gallery, p.provider}, io.Discard)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		p.close()
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
		p.app.url() + "/app.js":                          "/static/torhaus.js",
		p.app.url() + "/dev.css":                         "color-scheme",
		p.auth.url() + "/healthz":                        "alive",
		p.id.url() + "/.well-known/openid-configuration": p.id.url(),
		p.mail.url() + "/":                               "ivan@example.com",
		p.gallery.url() + "/":                            "Deutsch",
		p.provider.url() + "/authorize":                  "Ida Provider",
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
	resp, _ := signIn(t, p, browser, "alice")
	if got := resp.Request.URL.String(); got != p.app.url()+"/" {
		t.Errorf("the sign-in ends at %s, want %s/", got, p.app.url())
	}
	resp, body := get(t, browser, p.auth.url()+"/session")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Alice") {
		t.Errorf("after the sign-in /session says %s: %s", resp.Status, body)
	}
}

// signIn goes as far as name and password lead.
func signIn(t *testing.T, p *product, browser *http.Client, name string) (*http.Response, string) {
	t.Helper()
	resp, body := get(t, browser, p.auth.url()+"/login?return_to="+url.QueryEscape(p.app.url()+"/"))
	resp, body = submit(t, browser, resp, body, url.Values{templates.FieldLoginName: {name}})
	return submit(t, browser, resp, body, url.Values{templates.FieldPassword: {password}})
}

// submit fills in the first form of a page.
func submit(t *testing.T, browser *http.Client, at *http.Response, page string, typed url.Values) (*http.Response, string) {
	t.Helper()
	form := hiddenFields(page)
	maps.Copy(form, typed)
	resp, err := browser.PostForm(at.Request.URL.String(), form)
	if err != nil {
		t.Fatal(err)
	}
	body := readBody(t, resp)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s\n%s", resp.Request.URL, resp.Status, body)
	}
	return resp, body
}

// Whoever tries the product out has no phone of tina's or sam's: the page with
// the mails shows their codes, and grace is led to set a factor up.
func TestPeopleWithFactors(t *testing.T) {
	p := startProduct(t)
	for _, test := range []struct {
		name, page string
		code       func() string
	}{
		{"tina", "/otp/time-based", func() string { return shownTOTP(t, p, "tina@example.com") }},
		{"sam", "/otp/sms", func() string { return shown(t, p, `SMS</h2>(?s:.*?)<p class="code">(\d+)</p>`) }},
		{"grace", "/mfa/set", nil},
	} {
		browser := newBrowser(t)
		resp, body := signIn(t, p, browser, test.name)
		if got := resp.Request.URL.Path; got != test.page {
			t.Errorf("%s comes to %s, want %s", test.name, got, test.page)
			continue
		}
		if test.code == nil {
			continue
		}
		resp, _ = submit(t, browser, resp, body, url.Values{templates.FieldCode: {test.code()}})
		if got := resp.Request.URL.String(); got != p.app.url()+"/" {
			t.Errorf("%s ends at %s", test.name, got)
		}
	}
}

// Nor is anybody's mailbox at hand: ivan's invitation and nina's lie with the mails,
// and lead to the choice; kim may take a passkey alone, and ines is told whom to ask.
func TestPeopleWithoutAMethod(t *testing.T) {
	p := startProduct(t)
	for _, test := range []struct {
		name   string
		status int
		page   string
	}{
		{"ivan", http.StatusOK, "/authenticator/set"},
		{"nina", http.StatusOK, "/authenticator/set"},
		{"kim", http.StatusOK, "/passkey/set"},
		{"ines", http.StatusForbidden, "/loginname"},
	} {
		browser := newBrowser(t)
		if test.name != "ivan" { // who was invited before
			resp, body := get(t, browser, p.auth.url()+"/login?return_to="+url.QueryEscape(p.app.url()+"/"))
			form := hiddenFields(body)
			form.Set(templates.FieldLoginName, test.name)
			resp, err := browser.PostForm(resp.Request.URL.String(), form)
			if err != nil {
				t.Fatal(err)
			}
			readBody(t, resp)
			if resp.StatusCode != test.status {
				t.Errorf("%s: %s at %s", test.name, resp.Status, resp.Request.URL)
			}
			if resp.StatusCode != http.StatusOK {
				continue
			}
		}
		link := html.UnescapeString(shown(t, p, regexp.QuoteMeta(test.name)+`@example\.com(?s:.*?)href="([^"]*invite=true)"`))
		resp, body := get(t, browser, link)
		resp, _ = submit(t, browser, resp, body, nil) // the code is on the page
		if got := resp.Request.URL.Path; got != test.page {
			t.Errorf("%s comes to %s, want %s", test.name, got, test.page)
		}
	}
}

// shownTOTP is the code that the page with the mails shows for an owner's app.
func shownTOTP(t *testing.T, p *product, owner string) string {
	t.Helper()
	return shown(t, p, `data-totp="`+regexp.QuoteMeta(owner)+`">(\d{6})<`)
}

// shown finds something on the page with the mails.
func shown(t *testing.T, p *product, pattern string) string {
	t.Helper()
	_, body := get(t, newBrowser(t), p.mail.url()+"/")
	found := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the mails do not show %s:\n%s", pattern, body)
	}
	return found[1]
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
