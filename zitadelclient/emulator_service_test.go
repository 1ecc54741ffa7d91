package zitadelclient_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

func TestServiceCredentials(t *testing.T) {
	var log bytes.Buffer
	for _, test := range []struct {
		name   string
		option func(*world, *zitadelclient.Config)
	}{
		{"key", func(*world, *zitadelclient.Config) {}},
		{"client credentials", func(w *world, c *zitadelclient.Config) {
			u := w.AddServiceUser("by-secret", "IAM_LOGIN_CLIENT")
			c.Service = zitadelclient.ServiceCredentials{ClientID: u.ClientID, ClientSecret: u.ClientSecret}
		}},
		{"personal access token", func(w *world, c *zitadelclient.Config) {
			c.Service = zitadelclient.ServiceCredentials{PAT: w.AddServiceUser("by-pat", "IAM_LOGIN_CLIENT").PAT}
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{}, test.option)
			must(t, w.client.Check(t.Context()))
			w.signIn(t)
			if n := countCalls(w, "POST /oauth/v2/token"); n > 2 { // service token and code
				t.Errorf("%d token requests", n)
			}
		})
	}
	if !strings.Contains(log.String(), "TORHAUS_ZITADEL_KEY_FILE") {
		t.Errorf("the warning about the personal access token does not say how to leave it: %s", log.String())
	}
}

// The operator reads what is wrong and what to set.
func TestCheckDiagnoses(t *testing.T) {
	for _, test := range []struct {
		name   string
		option func(*world, *zitadelclient.Config)
		kind   zitadelclient.Kind
		says   string
	}{
		{"no role", func(w *world, c *zitadelclient.Config) {
			c.Service = zitadelclient.ServiceCredentials{Key: string(w.AddServiceUser("nobody").KeyFile)}
		}, zitadelclient.NotPermitted, "IAM_LOGIN_CLIENT"},
		{"unknown key", func(w *world, c *zitadelclient.Config) {
			other := zitadeltest.New(zitadeltest.Config{})
			c.Service = zitadelclient.ServiceCredentials{Key: string(other.AddServiceUser("login", "IAM_LOGIN_CLIENT").KeyFile)}
		}, zitadelclient.Unauthorized, "create a new key"},
		{"clock", func(w *world, c *zitadelclient.Config) {
			c.Now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
		}, zitadelclient.Unauthorized, "clock is 2h0m0s behind"},
		{"wrong secret", func(w *world, c *zitadelclient.Config) {
			u := w.AddServiceUser("by-secret", "IAM_LOGIN_CLIENT")
			c.Service = zitadelclient.ServiceCredentials{ClientID: u.ClientID, ClientSecret: "wrong"}
		}, zitadelclient.Unauthorized, "TORHAUS_ZITADEL_CLIENT_SECRET"},
		{"id instead of name", func(w *world, c *zitadelclient.Config) {
			u := w.AddServiceUser("by-secret", "IAM_LOGIN_CLIENT")
			c.Service = zitadelclient.ServiceCredentials{ClientID: u.ID, ClientSecret: u.ClientSecret}
		}, zitadelclient.Unauthorized, "user's name (not its id)"},
		{"removed token", func(w *world, c *zitadelclient.Config) {
			c.Service = zitadelclient.ServiceCredentials{PAT: "removed"}
		}, zitadelclient.Unauthorized, "does not accept the service token"},
		{"nothing there", func(w *world, c *zitadelclient.Config) {
			c.APIURL = "http://127.0.0.1:1"
		}, zitadelclient.Unavailable, "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{}, test.option)
			err := w.client.Check(t.Context())
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q saying %q", err, test.kind, test.says)
			}
		})
	}
}

func TestServiceTokenIsKeptAndRenewed(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	mints := func() int { return countCalls(w, "POST /oauth/v2/token") }
	use := func() { t.Helper(); _, err := w.client.User(ctx, w.alice); must(t, err) }
	use()
	w.Advance(8*time.Hour + 50*time.Minute) // of twelve
	use()
	if n := mints(); n != 1 {
		t.Fatalf("%d tokens within 73%% of the first one's life", n)
	}
	w.Advance(50 * time.Minute) // beyond 80 %
	w.Fault(zitadeltest.Fault{Path: "/oauth/v2/token", Status: 503, Body: "{}", Times: 1})
	use() // with the old one
	use() // not tried again at once
	w.Advance(time.Minute)
	use()
	if n := mints(); n != 3 {
		t.Errorf("%d token requests, want the first, a failed and a second", n)
	}
}

// A token that was withdrawn is replaced, and the new key file is read.
func TestServiceTokenAfter401(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	w := newWorld(t, zitadeltest.AppSeed{}, func(w *world, c *zitadelclient.Config) {
		must(t, os.WriteFile(file, []byte(c.Service.Key), 0o600))
		c.Service = zitadelclient.ServiceCredentials{KeyFile: file}
	})
	ctx := t.Context()
	must(t, w.client.Check(ctx))
	next := w.AddServiceUser("next", "IAM_LOGIN_CLIENT")
	must(t, os.WriteFile(file, next.KeyFile, 0o600))
	w.ResetCalls()
	w.Fault(zitadeltest.Fault{Path: "/v2/users", Status: 401, Body: `{"code":16,"message":"Errors.Token.Invalid (AUTH-7fs1e)","details":[{"id":"AUTH-7fs1e"}]}`, Times: 1})
	_, err := w.client.User(ctx, w.alice)
	must(t, err)
	if n := countCalls(w, "POST /oauth/v2/token"); n != 1 {
		t.Errorf("%d new tokens", n)
	}
	w.Fault(zitadeltest.Fault{Path: "/v2/users", Status: 401, Body: `{"code":16,"details":[{"id":"AUTH-7fs1e"}]}`})
	_, err = w.client.User(ctx, w.alice)
	wantKind(t, err, zitadelclient.Unauthorized)
	if !strings.Contains(err.Error(), "audience scope") {
		t.Errorf("the error does not name the scope: %v", err)
	}
}

// Without a role a search answers "something, but not for you". That must not
// read as "no such user".
func TestSearchWithoutRole(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{}, func(w *world, c *zitadelclient.Config) {
		c.Service = zitadelclient.ServiceCredentials{Key: string(w.AddServiceUser("nobody").KeyFile)}
	})
	_, err := w.client.SearchUsers(t.Context(), zitadelclient.UserQuery{LoginName: "alice"})
	wantKind(t, err, zitadelclient.NotPermitted)
}
