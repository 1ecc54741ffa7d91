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
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

// deployment is what an operator runs: processes of the shipped binary over one
// Redis, in front of an emulated ZITADEL that listens on a port of its own.
type deployment struct {
	t        testing.TB
	zitadel  *zitadeltest.Server
	alice    string // user id
	address  string // of ZITADEL
	door     *http.Server
	binary   string
	settings map[string]string
	app      string
}

// process is one of the binary.
type process struct {
	*served
	command *exec.Cmd
}

const somePassword = "Password1!"

// deploy prepares everything over a Redis; access tokens live as long as is said,
// and what is set is set for every process.
func deploy(t testing.TB, redisURL string, tokens time.Duration, set map[string]string) *deployment {
	t.Helper()
	d := &deployment{t: t, binary: buildBinary(t), address: closedPort(t), settings: localSettings(t)}
	d.app = d.settings["APP_ORIGINS"]
	auth := d.settings["PUBLIC_URL"]
	_, port, err := net.SplitHostPort(d.address)
	d.must(err)
	d.zitadel = zitadeltest.New(zitadeltest.Config{
		Issuer: "http://id.example.localhost:" + port, LoginBaseURI: auth + "/", AccessTokenLifetime: tokens, Violation: t.Errorf,
	})
	d.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 0 }) // offers no factor
	d.alice = d.zitadel.AddUser(zitadeltest.UserSeed{
		UserName: "alice", GivenName: "Alice", FamilyName: "Example", Email: "alice@example.com", EmailVerified: true, Password: somePassword,
	})
	ours := d.zitadel.AddApp(zitadeltest.AppSeed{Name: "torhaus", AuthMethod: "BASIC", RedirectURIs: []string{auth + "/callback"}})
	service := d.zitadel.AddServiceUser("torhaus", "IAM_LOGIN_CLIENT")
	maps.Copy(d.settings, map[string]string{
		"ZITADEL_ISSUER": d.zitadel.Issuer(), "ZITADEL_API_URL": "http://" + d.address,
		"ZITADEL_CLIENT_ID": service.ClientID, "ZITADEL_CLIENT_SECRET": service.ClientSecret,
		"OIDC_CLIENT_ID": ours.ClientID, "OIDC_CLIENT_SECRET": ours.ClientSecret, "REDIS_URL": redisURL,
	})
	maps.Copy(d.settings, set)
	d.open()
	t.Cleanup(d.shut)
	return d
}

func (d *deployment) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// open has ZITADEL listen; shut has it refuse connections, and break those it has.
func (d *deployment) open() {
	d.t.Helper()
	l, err := net.Listen("tcp", d.address)
	d.must(err)
	d.door = &http.Server{Handler: d.zitadel, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = d.door.Serve(l) }()
}

func (d *deployment) shut() { _ = d.door.Close() }

// start starts a process and waits until it listens.
func (d *deployment) start() *process {
	d.t.Helper()
	p := &process{served: &served{log: newLogged()}, command: exec.Command(d.binary)}
	p.command.Env, p.command.Stderr = environFrom(d.settings), p.log
	d.must(p.command.Start())
	d.t.Cleanup(func() {
		p.kill()
		if d.t.Failed() {
			d.t.Logf("the log of %s:\n%s", p.public, p.log)
		}
	})
	listening := p.find(d.t, "listening")
	p.public, _ = listening["public"].(string)
	p.internal, _ = listening["internal"].(string)
	return p
}

// kill ends a process as an orchestrator does that has run out of patience, or a
// kernel out of memory: at once, without a word.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait() // again, when the test ends
}

// visitor is a browser that has signed in, or what is left of it: the session's
// cookie alone.
type visitor struct{ cookie string }

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// signIn signs alice in by a process, as a browser without JavaScript does it.
func (d *deployment) signIn(p *process) visitor {
	d.t.Helper()
	browser := d.browser(p)
	page, text := d.read(browser.Get(d.settings["PUBLIC_URL"] + "/login?return_to=" + url.QueryEscape(d.app+"/")))
	for _, typed := range [][2]string{{"loginName", "alice"}, {"password", somePassword}} {
		form := url.Values{typed[0]: {typed[1]}, "remember": {"on"}}
		first, _, _ := strings.Cut(text, "</form>")
		for _, match := range hiddenField.FindAllStringSubmatch(first, -1) {
			form.Set(match[1], html.UnescapeString(match[2]))
		}
		page, text = d.read(browser.PostForm(page.Request.URL.String(), form))
	}
	if got := page.Header.Get("Location"); got != d.app+"/" {
		d.t.Fatalf("the sign-in leads to %q: %s\n%s", got, page.Status, text)
	}
	for _, c := range browser.Jar.Cookies(page.Request.URL) {
		if c.Name == "__Secure-torhaus" {
			return visitor{c.Value}
		}
	}
	d.t.Fatal("the sign-in gave no session")
	return visitor{}
}

// browser reaches the public address at one process, and stops at the app's door.
func (d *deployment) browser(p *process) *http.Client {
	d.t.Helper()
	jar, err := cookiejar.New(nil)
	d.must(err)
	var dialer net.Dialer
	return &http.Client{
		Jar: secureJar{jar},
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, p.public)
		}},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), d.app) {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// secureJar treats http://*.localhost as secure, as browsers do.
type secureJar struct{ http.CookieJar }

func (j secureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(secured(u), cookies)
}

func (j secureJar) Cookies(u *url.URL) []*http.Cookie { return j.CookieJar.Cookies(secured(u)) }

func secured(u *url.URL) *url.URL {
	secure := *u
	secure.Scheme = "https"
	return &secure
}

func (d *deployment) read(response *http.Response, err error) (*http.Response, string) {
	d.t.Helper()
	d.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	d.must(err)
	return response, string(text)
}

// ways are how a session is asked for: by the app's page, by a proxy in front of the
// app, and by an app that knows of a change.
var ways = map[string]func(*deployment, *process) *http.Request{
	"GET /session": func(d *deployment, p *process) *http.Request {
		return d.fromApp(http.MethodGet, p, "/session")
	},
	"/auth": func(d *deployment, p *process) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "http://"+p.internal+"/auth/caddy/default", nil)
		app := strings.TrimPrefix(d.app, "http://")
		for name, value := range map[string]string{"Method": "GET", "Proto": "http", "Host": app, "Uri": "/inbox"} {
			r.Header.Set("X-Forwarded-"+name, value)
		}
		return r
	},
	"POST /session/refresh": func(d *deployment, p *process) *http.Request {
		return d.fromApp(http.MethodPost, p, "/session/refresh")
	},
}

func (d *deployment) fromApp(method string, p *process, path string) *http.Request {
	r := httptest.NewRequest(method, "http://"+p.public+path, nil)
	r.Host = strings.TrimPrefix(d.settings["PUBLIC_URL"], "http://")
	r.Header.Set("Origin", d.app)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	return r
}

// asking has a connection for every request: what a dead process had is gone.
var asking = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask asks for a visitor's session in one of the ways. What was not answered at all
// is 0.
func (d *deployment) ask(p *process, way string, v visitor) (status int, header http.Header, took time.Duration) {
	r := ways[way](d, p)
	r.RequestURI = "" // httptest makes requests for servers
	r.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: v.cookie})
	began := time.Now()
	response, err := asking.Do(r.WithContext(d.t.Context()))
	took = time.Since(began)
	if err != nil {
		return 0, nil, took
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header, took
}

// tokenCalls are the answers of ZITADEL's token endpoint, by what was asked for.
func (d *deployment) tokenCalls(grant string) (statuses []int) {
	for _, call := range d.zitadel.Calls() {
		if call.Grant == grant {
			statuses = append(statuses, call.Status)
		}
	}
	return statuses
}
