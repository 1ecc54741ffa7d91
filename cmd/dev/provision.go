package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// provisioner makes, in a fresh ZITADEL, what its own start-up configuration cannot:
// the application that stands for our own apps, and that torhaus is told when a
// session is terminated there. It serves docker-compose.yml.
type provisioner struct {
	api    string // where ZITADEL is reached
	issuer string // the host it answers to
	auth   string // torhaus's origin
	app    string // the demo app's origin
	token  string // of a service user that may create projects
	http   http.Client
}

// provision reads the administrator's token, creates project and application,
// and writes the client id. A second run finds the file and does nothing.
func provision(ctx context.Context, p provisioner, tokenFile, clientIDFile string) error {
	if _, err := os.Stat(clientIDFile); err == nil {
		return nil
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return fmt.Errorf("administrator's token: %w", err)
	}
	p.token = strings.TrimSpace(string(token))
	p.http.Timeout = 10 * time.Second
	if err := p.call(ctx, http.MethodPut, "/v2/features/instance", map[string]any{"enableBackChannelLogout": true}, nil); err != nil {
		return fmt.Errorf("turn on back-channel logout: %w", err)
	}
	clientID, err := p.createApp(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(clientIDFile, []byte(clientID), 0o644); err != nil { // a client id is public
		return fmt.Errorf("client id: %w", err)
	}
	return nil
}

func (p provisioner) createApp(ctx context.Context) (clientID string, err error) {
	var project struct{ ID string }
	if err := p.call(ctx, http.MethodPost, "/management/v1/projects", map[string]any{"name": "Example"}, &project); err != nil {
		return "", fmt.Errorf("create project: %w", err)
	}
	var app struct{ ClientID string }
	err = p.call(ctx, http.MethodPost, "/management/v1/projects/"+url.PathEscape(project.ID)+"/apps/oidc", map[string]any{
		"name":                     "apps",
		"appType":                  "OIDC_APP_TYPE_WEB",
		"authMethodType":           "OIDC_AUTH_METHOD_TYPE_NONE",
		"version":                  "OIDC_VERSION_1_0",
		"devMode":                  true, // permits plain http redirect URIs
		"redirectUris":             []string{p.auth + "/callback"},
		"postLogoutRedirectUris":   []string{p.app + "/"},
		"backChannelLogoutUri":     p.auth + "/backchannel-logout",
		"responseTypes":            []string{"OIDC_RESPONSE_TYPE_CODE"},
		"grantTypes":               []string{"OIDC_GRANT_TYPE_AUTHORIZATION_CODE", "OIDC_GRANT_TYPE_REFRESH_TOKEN"},
		"accessTokenType":          "OIDC_TOKEN_TYPE_BEARER",
		"idTokenUserinfoAssertion": true,
	}, &app)
	if err != nil {
		return "", fmt.Errorf("create application: %w", err)
	}
	return app.ClientID, nil
}

// call is one of an administrator's. ZITADEL finds the instance by the Host
// header, so that is the issuer's wherever the connection goes.
func (p provisioner) call(ctx context.Context, method, path string, body, answer any) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.api+path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	req.Host = strings.TrimPrefix(strings.TrimPrefix(p.issuer, "https://"), "http://")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
