package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"torhaus/zitadelclient/zitadeltest"
)

// TestProvision creates the application in an emulated ZITADEL that answers
// administrator calls, and leaves it alone the second time.
func TestProvision(t *testing.T) {
	zitadel := zitadeltest.NewServer(t, zitadeltest.Config{Fixtures: true})
	admin := zitadel.AddServiceUser("provisioner", "IAM_OWNER")
	dir := t.TempDir()
	tokenFile, clientIDFile := filepath.Join(dir, "admin.pat"), filepath.Join(dir, "client-id")
	if err := os.WriteFile(tokenFile, []byte(admin.PAT+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := provisioner{api: zitadel.URL(), issuer: zitadel.Issuer(), auth: "http://auth.example.localhost:8400", app: "http://app.example.localhost:8500"}
	if err := provision(t.Context(), p, tokenFile, clientIDFile); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(clientIDFile)
	if err != nil || len(first) == 0 {
		t.Fatalf("client id %q, %v", first, err)
	}
	zitadel.ResetCalls()
	if err := provision(t.Context(), p, tokenFile, clientIDFile); err != nil || len(zitadel.Calls()) != 0 {
		t.Errorf("the second run: %v, %d calls", err, len(zitadel.Calls()))
	}
}

// TestProvisionBackChannelLogout: what is terminated at ZITADEL reaches torhaus at
// once, under the name that it answers to.
func TestProvisionBackChannelLogout(t *testing.T) {
	zitadel := zitadeltest.NewServer(t, zitadeltest.Config{Fixtures: true})
	admin := zitadel.AddServiceUser("provisioner", "IAM_OWNER")
	dir := t.TempDir()
	tokenFile := filepath.Join(dir, "admin.pat")
	if err := os.WriteFile(tokenFile, []byte(admin.PAT), 0o600); err != nil {
		t.Fatal(err)
	}
	made := make(chan string, 1) // the address of the application
	target, err := url.Parse(zitadel.URL())
	if err != nil {
		t.Fatal(err)
	}
	passes := httputil.NewSingleHostReverseProxy(target)
	passes.ModifyResponse = func(r *http.Response) error {
		project, found := strings.CutSuffix(r.Request.URL.Path, "/oidc")
		if !found {
			return nil
		}
		var app struct{ AppID string }
		text, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(text))
		if err == nil {
			err = json.Unmarshal(text, &app)
		}
		made <- project + "/" + app.AppID
		return err
	}
	way := httptest.NewServer(passes)
	t.Cleanup(way.Close)
	const auth = "http://auth.example.localhost:8400"
	p := provisioner{api: way.URL, issuer: zitadel.Issuer(), auth: auth, app: "http://app.example.localhost:8500"}
	if err := provision(t.Context(), p, tokenFile, filepath.Join(dir, "client-id")); err != nil {
		t.Fatal(err)
	}
	p.token = admin.PAT
	var got struct {
		App struct {
			OIDC struct{ BackChannelLogoutURI string } `json:"oidcConfig"`
		}
	}
	var discovery struct {
		Supported bool `json:"backchannel_logout_supported"`
	}
	if err := p.call(t.Context(), http.MethodGet, <-made, nil, &got); err != nil {
		t.Fatal(err)
	}
	if err := p.call(t.Context(), http.MethodGet, "/.well-known/openid-configuration", nil, &discovery); err != nil {
		t.Fatal(err)
	}
	if uri := got.App.OIDC.BackChannelLogoutURI; uri != auth+"/backchannel-logout" || !discovery.Supported {
		t.Errorf("ZITADEL tells %q, turned on: %t", uri, discovery.Supported)
	}
}

// TestComposeReachesTorhaus: ZITADEL calls torhaus by the host of its public URL, the
// only one that torhaus answers to, and on the port that it listens on.
func TestComposeReachesTorhaus(t *testing.T) {
	text, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Environment map[string]string
			Networks    map[string]struct{ Aliases []string }
			Ports       []string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	torhaus := compose.Services["torhaus"]
	public, err := url.Parse(torhaus.Environment["TORHAUS_PUBLIC_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(torhaus.Networks["default"].Aliases, public.Hostname()) || !slices.Contains(torhaus.Ports, "127.0.0.1:"+public.Port()+":"+public.Port()) {
		t.Errorf("%s leads nowhere from inside: %+v", public, torhaus)
	}
}

// TestProvisionTellsWhatZITADELSaid: an operator who reads the container's log
// learns why.
func TestProvisionTellsWhatZITADELSaid(t *testing.T) {
	zitadel := zitadeltest.NewServer(t, zitadeltest.Config{Fixtures: true})
	nobody := zitadel.AddServiceUser("nobody")
	dir := t.TempDir()
	tokenFile, clientIDFile := filepath.Join(dir, "admin.pat"), filepath.Join(dir, "client-id")
	if err := os.WriteFile(tokenFile, []byte(nobody.PAT), 0o600); err != nil {
		t.Fatal(err)
	}
	p := provisioner{api: zitadel.URL(), issuer: zitadel.Issuer()}
	if err := provision(t.Context(), p, tokenFile, clientIDFile); err == nil {
		t.Error("a service user without a role created an application")
	}
	if _, err := os.Stat(clientIDFile); err == nil {
		t.Error("a client id was written although there is none")
	}
}
