package handlers_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// impatience is how long the impatient process waits for ZITADEL. It is short
// for the tests' sake; they hold as well where every single call takes longer.
const impatience = 150 * time.Millisecond

// endless is a delay that only the caller can end, by leaving.
const endless = time.Hour

// restartWith replaces the process by one whose client is set up differently.
func (w *world) restartWith(change func(*zitadelclient.Config)) {
	w.t.Helper()
	client := w.clientWith(change)
	for client.Check(w.t.Context()) != nil { // warm, however often it takes too long
		w.must(w.t.Context().Err())
	}
	w.server.Config.Handler.(*swapHandler).swap(w.handler(func(_ *world, c *handlers.Config) { c.Zitadel = client }))
}

// clientWith is a client that is set up differently.
func (w *world) clientWith(change func(*zitadelclient.Config)) *zitadelclient.Client {
	w.t.Helper()
	config := zitadelclient.Config{
		Issuer: w.zitadel.Issuer(), APIURL: w.zitadel.URL(),
		Service: zitadelclient.ServiceCredentials{KeyFile: w.keyFile},
		OIDC: zitadelclient.OIDCConfig{
			ClientID: w.ours.ClientID, ClientSecret: w.ours.ClientSecret,
			RedirectURI: w.auth + "/callback", Scopes: []string{"openid", "profile", "email", "offline_access"},
		},
		Now: w.now, Logger: slog.New(slog.NewJSONHandler(lockedWriter{w}, nil)),
	}
	change(&config)
	client, err := zitadelclient.New(config)
	w.must(err)
	w.t.Cleanup(func() { _ = client.Close() })
	return client
}

// impatient replaces the process by one that does not wait long for ZITADEL.
func (w *world) impatient() {
	w.t.Helper()
	w.restartWith(func(c *zitadelclient.Config) { c.CallTimeout = impatience })
}

// A ZITADEL that hangs is given up on as one that is down: calmly, and with
// nothing lost, whether or not it goes on to do what nobody waits for any more.
func TestZitadelHangs(t *testing.T) {
	for _, test := range []struct {
		name           string
		search, secret zitadeltest.Fault
	}{
		{"altogether", zitadeltest.Fault{Delay: endless, Status: 504}, zitadeltest.Fault{Delay: endless, Status: 504}},
		{
			"before the call",
			zitadeltest.Fault{Delay: endless, Status: 504, Method: "POST", Path: "/v2/users"},
			zitadeltest.Fault{Delay: endless, Status: 504, Method: "POST", Path: "/v2/sessions"},
		},
		{
			"and then does it",
			zitadeltest.Fault{Delay: endless, Method: "POST", Path: "/v2/users"},
			zitadeltest.Fault{Delay: endless, Method: "POST", Path: "/v2/sessions"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			b := newBrowser(t)
			name := b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
			w.givesUp(test.search, func() *page { return name.fill(map[string]string{"loginName": "alice"}) })
			word := name.fill(map[string]string{"loginName": "alice"}).at("/password")
			w.givesUp(test.secret, func() *page { return word.fill(map[string]string{"password": password}) })
			if status, _ := w.session(b); status != http.StatusUnauthorized {
				t.Fatalf("GET /session after giving up: %d", status)
			}
			word.fill(map[string]string{"password": password}).at("/inbox")
		})
	}
}

// givesUp fails unless the form is answered with a calm 503 while ZITADEL hangs.
// Afterwards all is well again.
func (w *world) givesUp(hang zitadeltest.Fault, send func() *page) {
	w.t.Helper()
	w.impatient()
	w.zitadel.Fault(hang)
	failed := send().with(http.StatusServiceUnavailable).saying("unavailable")
	if failed.header.Get("Retry-After") == "" {
		w.t.Error("503 without Retry-After")
	}
	w.isLogged(failed)
	w.zitadel.ClearFaults()
	w.restart()
}

// A token endpoint that hangs holds nobody up for longer than a call may take,
// and the sign-in goes on afterwards.
func TestCallbackWhileTokensHang(t *testing.T) {
	v := newAnswered(t)
	v.impatient()
	v.zitadel.ResetCalls()
	page := tokensFail(zitadeltest.Fault{Delay: endless, Status: 504})(v).with(http.StatusServiceUnavailable)
	if page.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if n := v.tokenCalls(); n > 1 {
		t.Errorf("%d token calls for one code", n)
	}
	v.isSignedIn(false)
	v.zitadel.ClearFaults()
	v.restart()
	v.b.open(v.step).at("/inbox")
	v.isSignedIn(true)
}
