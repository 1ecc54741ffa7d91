package zitadelclient_test

import (
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

const (
	redirectURI  = "http://auth.example.localhost:8400/callback"
	password     = "Password1!"
	verifyLink   = "http://auth.example.localhost:8400/verify?userId={{.UserID}}&code={{.Code}}"
	passwordLink = "http://auth.example.localhost:8400/password/set?userId={{.UserID}}&code={{.Code}}"
)

// world is an emulated ZITADEL with one person, and a client of it.
type world struct {
	*zitadeltest.Server
	alice  string
	app    zitadeltest.App
	client *zitadelclient.Client
}

// newWorld changes the client's configuration by the given functions.
func newWorld(t *testing.T, app zitadeltest.AppSeed, options ...func(*world, *zitadelclient.Config)) *world {
	t.Helper()
	return newWorldOn(t, zitadeltest.NewServer(t, zitadeltest.Config{}), app, options...)
}

func newWorldOn(t *testing.T, server *zitadeltest.Server, app zitadeltest.AppSeed, options ...func(*world, *zitadelclient.Config)) *world {
	t.Helper()
	w := &world{Server: server}
	w.alice = w.AddUser(zitadeltest.UserSeed{
		UserName: "alice", GivenName: "Alice", FamilyName: "Example",
		Email: "alice@example.com", EmailVerified: true, Password: password,
	})
	app.Name, app.RedirectURIs = "torhaus", []string{redirectURI}
	app.IDTokenUserinfo, app.RoleAssertion = true, true
	w.app = w.AddApp(app)
	config := zitadelclient.Config{
		Issuer: w.Issuer(), APIURL: w.URL(), Now: w.Now, Logger: slog.New(slog.DiscardHandler),
		Service: zitadelclient.ServiceCredentials{Key: string(w.AddServiceUser("login", "IAM_LOGIN_CLIENT").KeyFile)},
		OIDC:    zitadelclient.OIDCConfig{ClientID: w.app.ClientID, ClientSecret: w.app.ClientSecret, RedirectURI: redirectURI},
	}
	for _, option := range options {
		option(w, &config)
	}
	client, err := zitadelclient.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	w.client = client
	return w
}

// signIn is what a password sign-in says to ZITADEL.
func (w *world) signIn(t *testing.T) (zitadelclient.SessionRef, zitadelclient.Tokens) {
	t.Helper()
	ctx := t.Context()
	ref, err := w.client.CreateSession(ctx, zitadelclient.NewSession{
		Checks:    zitadelclient.Checks{UserID: w.alice, Password: password},
		UserAgent: zitadelclient.UserAgent{IP: "203.0.113.7", Description: "Firefox"},
		Lifetime:  time.Hour,
	})
	must(t, err)
	id, transaction, err := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{})
	must(t, err)
	tokens, err := w.client.Exchange(ctx, w.finalize(t, id, ref, transaction), transaction)
	must(t, err)
	return ref, tokens
}

func (w *world) finalize(t *testing.T, id zitadelclient.AuthRequestID, ref zitadelclient.SessionRef, transaction zitadelclient.Transaction) (code string) {
	t.Helper()
	callback, err := w.client.Finalize(t.Context(), id, ref)
	must(t, err)
	u, err := url.Parse(callback)
	must(t, err)
	answer, err := zitadelclient.ParseAuthorizationResponse(u.RawQuery)
	must(t, err)
	if answer.State != transaction.State {
		t.Fatal("the answer is another transaction's")
	}
	return answer.Code
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind zitadelclient.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %q", err, kind)
	}
}

// Our own client signs in, refreshes and signs out, whichever way it
// authenticates.
func TestOwnClient(t *testing.T) {
	byKey := func(w *world, c *zitadelclient.Config) {
		file := filepath.Join(t.TempDir(), "client.json")
		must(t, os.WriteFile(file, w.app.KeyFile, 0o600))
		c.OIDC.ClientSecret, c.OIDC.ClientKeyFile = "", file
	}
	for _, test := range []struct {
		name   string
		app    zitadeltest.AppSeed
		option func(*world, *zitadelclient.Config)
	}{
		{"none", zitadeltest.AppSeed{AuthMethod: "NONE"}, func(*world, *zitadelclient.Config) {}},
		{"basic", zitadeltest.AppSeed{AuthMethod: "BASIC"}, func(*world, *zitadelclient.Config) {}},
		{"private_key_jwt", zitadeltest.AppSeed{AuthMethod: "PRIVATE_KEY_JWT"}, byKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.app, test.option)
			ctx := t.Context()
			ref, first := w.signIn(t)
			c := first.Claims
			if c.Subject != w.alice || c.Issuer != w.Issuer() || c.SessionID != ref.ID || c.Email != "alice@example.com" || !c.EmailVerified ||
				c.OrganizationID != w.DefaultOrganization() || c.AuthTime.IsZero() || len(c.Methods) != 1 || c.Methods[0] != "pwd" {
				t.Errorf("claims %+v", c)
			}
			if first.RefreshToken == "" || !first.Expires.After(w.Now().Add(time.Hour)) {
				t.Error("no refresh token, or an access token that ends at once")
			}

			second, err := w.client.Refresh(ctx, first.RefreshToken, first.Claims)
			must(t, err)
			if second.RefreshToken == first.RefreshToken || second.Claims.Subject != w.alice {
				t.Error("refresh did not rotate, or changed the user")
			}
			_, err = w.client.Refresh(ctx, first.RefreshToken, first.Claims)
			wantKind(t, err, zitadelclient.InvalidGrant)

			must(t, w.client.Revoke(ctx, second.RefreshToken))
			_, err = w.client.Refresh(ctx, second.RefreshToken, second.Claims)
			wantKind(t, err, zitadelclient.InvalidGrant)
		})
	}
}
