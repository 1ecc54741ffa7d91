package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"torhaus/assertion"
	"torhaus/handlers"
	"torhaus/session"
	"torhaus/static"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// world is torhaus with all that it stands on: an emulated ZITADEL, a store, an
// app. Nothing in it is a mock.
type world struct {
	t       *testing.T
	zitadel *zitadeltest.Server
	client  *zitadelclient.Client
	store   session.Store
	key     session.Key
	server  *httptest.Server
	auth    string // http://auth.example.localhost:PORT
	app     string // http://app.example.localhost:PORT
	alice   string // user id
	ours    zitadeltest.App
	other   zitadeltest.App
	keyFile string
	last    *handlers.Handlers // made by the last call of handler
	all     []*handlers.Handlers

	mu     sync.Mutex
	waits  []time.Duration // asked of the clock
	logged bytes.Buffer
}

const password = "Password1!"

// newWorld starts everything. Options change the configuration before it is
// used.
func newWorld(t *testing.T, options ...func(*world, *handlers.Config)) *world {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	app := httptest.NewServer(http.HandlerFunc(demoApp))
	t.Cleanup(app.Close)
	auth := fmt.Sprintf("http://auth.example.localhost:%d", front.Listener.Addr().(*net.TCPAddr).Port)
	return newWorldAt(t, front, auth, "http://app.example.localhost:"+app.URL[strings.LastIndex(app.URL, ":")+1:], options...)
}

// newWorldAt is a world whose pages and app have these addresses; front listens for
// the pages, behind whatever stands in front of it.
func newWorldAt(t *testing.T, front *httptest.Server, auth, app string, options ...func(*world, *handlers.Config)) *world {
	t.Helper()
	w := &world{t: t, key: session.GenerateKey(), server: front, auth: auth, app: app}
	w.startZitadel()
	w.store = session.NewMemory(w.now)
	front.Config.Handler = &swapHandler{current: w.handler(options...)}
	front.Start()
	t.Cleanup(front.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", w.log())
		}
	})
	return w
}

// swapHandler is the address behind which a process is replaced by another.
type swapHandler struct {
	mu      sync.Mutex
	current http.Handler
}

func (s *swapHandler) swap(next http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = next
}

func (s *swapHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	current.ServeHTTP(w, r)
}

// demoApp stands for app.example.com: it says which page was opened.
func demoApp(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, "<h1>app</h1><p>%s</p>", r.URL.Path)
}

// startZitadel seeds the instance that the journeys need.
func (w *world) startZitadel() {
	w.zitadel = zitadeltest.NewServer(w.t, zitadeltest.Config{LoginBaseURI: w.auth + "/", RecoveryCodes: true})
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.MFAInitSkipLifetime = 0 }) // offers no factor
	w.alice = w.zitadel.AddUser(zitadeltest.UserSeed{
		UserName: "alice", GivenName: "Alice", FamilyName: "Example",
		Email: "alice@example.com", EmailVerified: true, Password: password,
	})
	w.ours = w.zitadel.AddApp(zitadeltest.AppSeed{Name: "torhaus", AuthMethod: "BASIC", RedirectURIs: []string{w.auth + "/callback"}, RoleAssertion: true, BackchannelLogoutURI: w.auth + "/backchannel-logout"})
	w.other = w.zitadel.AddApp(zitadeltest.AppSeed{Name: "shop", RedirectURIs: []string{w.app + "/cb"}})
	service := w.zitadel.AddServiceUser("torhaus", "IAM_LOGIN_CLIENT")
	w.keyFile = filepath.Join(w.t.TempDir(), "key.json")
	if err := os.WriteFile(w.keyFile, service.KeyFile, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// handler wires torhaus as cmd/torhaus does. A second call is a second replica,
// or the same after a restart.
func (w *world) handler(options ...func(*world, *handlers.Config)) http.Handler {
	w.t.Helper()
	logger := slog.New(slog.NewJSONHandler(lockedWriter{w}, nil))
	client, err := zitadelclient.New(zitadelclient.Config{
		Issuer: w.zitadel.Issuer(), APIURL: w.zitadel.URL(),
		Service: zitadelclient.ServiceCredentials{KeyFile: w.keyFile},
		OIDC: zitadelclient.OIDCConfig{
			ClientID: w.ours.ClientID, ClientSecret: w.ours.ClientSecret,
			RedirectURI: w.auth + "/callback", Scopes: []string{"openid", "profile", "email", "offline_access"},
		},
		Now: w.now, Logger: logger,
	})
	w.must(err)
	w.t.Cleanup(func() { _ = client.Close() })
	w.client = client
	pages, err := templates.New(templates.Config{})
	w.must(err)
	apps, err := web.ParseOrigins(w.app)
	w.must(err)
	start, err := apps.ReturnTo(w.app + "/")
	w.must(err)
	config := handlers.Config{
		PublicURL: origin(w.t, w.auth), Issuer: origin(w.t, w.zitadel.Issuer()),
		Zitadel: client, Pages: pages, Static: static.Handler(static.Config{}),
		RPID: "example.localhost", AppOrigins: apps, DefaultApp: start, Logger: logger, Now: w.now, Wait: w.wait,
		Patience: endless,
	}
	secrets, err := session.Keys{w.key}.Secrets("assertion test", assertion.SecretSize)
	w.must(err)
	config.Assertions, err = assertion.New(assertion.Config{Secrets: secrets, Issuer: w.auth, Now: w.now})
	w.must(err)
	for _, option := range options {
		option(w, &config)
	}
	if config.Sessions == nil {
		config.Sessions = w.sessions(func(*session.Config) {})
	}
	h := handlers.New(config)
	w.last, w.all = h, append(w.all, h)
	w.t.Cleanup(func() { w.must(h.Close()) })
	return h.Public()
}

// sessions is what a replica remembers by, in the store that all of them share.
func (w *world) sessions(change func(*session.Config)) *session.Manager {
	w.t.Helper()
	config := session.Config{
		Store: w.store, Keys: session.Keys{w.key}, Environment: "test", CookieDomain: "example.localhost",
		Idle: time.Hour, Max: 12 * time.Hour, RememberMax: 30 * 24 * time.Hour, Watch: 2 * time.Millisecond, Now: w.now,
	}
	change(&config)
	manager, err := session.NewManager(config)
	w.must(err)
	w.t.Cleanup(func() { _ = manager.Close() })
	return manager
}

func origin(t *testing.T, s string) web.Origin {
	t.Helper()
	o, err := web.ParseOrigin(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// now is the emulated ZITADEL's clock, so that both sides age together.
func (w *world) now() time.Time { return w.zitadel.Now() }

// wait notes what it was asked for, and takes no time.
func (w *world) wait(_ context.Context, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = append(w.waits, d)
}

// lockedWriter collects the log.
type lockedWriter struct{ w *world }

func (l lockedWriter) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.logged.Write(p)
}

func (w *world) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logged.String()
}

// signIn signs alice in to the app.
func (w *world) signIn(b *browser) *page {
	w.t.Helper()
	return b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname").
		fill(map[string]string{"loginName": "alice@example.com"}).at("/password").
		fill(map[string]string{"password": password}).at("/inbox")
}

// session asks, as the app's page would, who is signed in.
func (w *world) session(b *browser) (status int, answer map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.auth+"/session", nil)
	w.must(err)
	r.Header.Set("Origin", w.app)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	response, err := b.client.Do(r)
	w.must(err)
	defer response.Body.Close()
	if response.Header.Get("Access-Control-Allow-Origin") != w.app {
		w.t.Errorf("GET /session: the app may not read it: %v", response.Header)
	}
	w.must(json.NewDecoder(response.Body).Decode(&answer))
	return response.StatusCode, answer
}

// calls are the routes that ZITADEL was asked at since the last reset, such as
// "GET /v2/users/{id}"; what is cached is not among them.
func (w *world) calls() (list []string) {
	for _, call := range w.zitadel.Calls() {
		list = append(list, call.Route)
	}
	return list
}

const (
	second = time.Second
	minute = time.Minute
)

func basePath(t *testing.T, s string) web.BasePath {
	t.Helper()
	base, err := web.ParseBasePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return base
}
