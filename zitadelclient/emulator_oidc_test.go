package zitadelclient_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

func TestAuthRequest(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	age := 90 * time.Second
	id, _, err := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{
		Prompts: []zitadelclient.Prompt{zitadelclient.PromptSelectAccount, "made-up"}, MaxAge: &age, LoginHint: "alice",
		UILocales: []string{"de", "en injected"}, OrganizationID: w.DefaultOrganization(),
	})
	must(t, err)
	r, err := w.client.AuthRequest(ctx, id)
	must(t, err)
	if r.ID != id || r.ClientID != w.app.ClientID || r.RedirectURI != redirectURI || r.LoginHint != "alice" || r.MaxAge == nil || *r.MaxAge != age ||
		!slices.Equal(r.Prompts, []zitadelclient.Prompt{zitadelclient.PromptSelectAccount}) || !slices.Equal(r.UILocales, []string{"de"}) ||
		!slices.Contains(r.Scopes, "urn:zitadel:iam:org:id:"+w.DefaultOrganization()) || r.Created.IsZero() {
		t.Errorf("auth request %+v", r)
	}

	callback, err := w.client.Fail(ctx, id, zitadelclient.LoginRequired)
	must(t, err)
	u, err := url.Parse(callback)
	must(t, err)
	answer, err := zitadelclient.ParseAuthorizationResponse(u.RawQuery)
	must(t, err)
	if answer.Error != "login_required" || answer.Code != "" {
		t.Errorf("answer error %q", answer.Error)
	}

	_, err = w.client.AuthRequest(ctx, id)
	wantKind(t, err, zitadelclient.NotFound)
	_, err = w.client.Fail(ctx, id, zitadelclient.AccessDenied)
	wantKind(t, err, zitadelclient.AlreadyHandled)
}

// The browser's way is the same request at the issuer, and its code is
// redeemed the same.
func TestAuthorizeURL(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	target, transaction, err := w.client.AuthorizeURL(ctx, zitadelclient.AuthorizeParams{LoginHint: "alice & bob"})
	must(t, err)
	u, err := url.Parse(target)
	must(t, err)
	if got := u.Scheme + "://" + u.Host; got != w.client.Issuer() || got != w.Issuer() {
		t.Errorf("the URL is at %s", got)
	}
	query := u.Query()
	if query.Get("state") != transaction.State || query.Get("code_challenge_method") != "S256" || query.Get("login_hint") != "alice & bob" || len(transaction.Verifier) != 43 {
		t.Errorf("query of %s", target)
	}
	if strings.Contains(target, transaction.Verifier) {
		t.Error("the verifier is in the URL")
	}
}

func TestFinalizeRefuses(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	ref, _ := w.signIn(t)
	id, _, err := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{})
	must(t, err)
	_, err = w.client.Finalize(ctx, id, zitadelclient.SessionRef{ID: ref.ID, Token: "garbage"})
	wantKind(t, err, zitadelclient.SessionEnded)
	w.RequireGrant(w.app.ProjectID, true)
	_, err = w.client.Finalize(ctx, id, ref)
	wantKind(t, err, zitadelclient.GrantRequired)
	w.RequireGrant(w.app.ProjectID, false)
	must(t, w.client.DeleteSession(ctx, ref))
	_, err = w.client.Finalize(ctx, id, ref)
	wantKind(t, err, zitadelclient.SessionEnded)
	_, err = w.client.Finalize(ctx, "V2_1", ref)
	if err == nil {
		t.Error("an unknown request was finalized")
	}
}

// A role counts only where the user's own organization granted it, whatever
// organization was asked for.
func TestRoles(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{}, func(w *world, c *zitadelclient.Config) {
		c.OIDC.Scopes = []string{"openid", "urn:zitadel:iam:org:projects:roles", "urn:zitadel:iam:org:project:id:" + w.app.ProjectID + ":aud"}
	})
	second := w.AddOrganization("Second")
	w.AddGrant(w.alice, w.app.ProjectID, w.DefaultOrganization(), "viewer", "editor")
	w.AddGrant(w.alice, w.app.ProjectID, second, "admin", "viewer")
	_, tokens := w.signIn(t)
	if want := []string{"editor", "viewer"}; !slices.Equal(tokens.Claims.Roles, want) {
		t.Errorf("roles %v, want %v", tokens.Claims.Roles, want)
	}
}

// An ID token that says anything wrong signs nobody in, at the exchange or at
// a refresh, although its signature is the provider's.
func TestTamperedIDTokens(t *testing.T) {
	for name, tamper := range map[string]func(map[string]any){
		"other nonce":   func(c map[string]any) { c["nonce"] = "other" },
		"other issuer":  func(c map[string]any) { c["iss"] = "https://evil.example.com" },
		"other client":  func(c map[string]any) { c["aud"] = []string{"someone"} },
		"other token":   func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"empty subject": func(c map[string]any) { c["sub"] = "" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{})
			ctx := t.Context()
			ref, tokens := w.signIn(t)
			id, transaction, err := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{})
			must(t, err)
			code := w.finalize(t, id, ref, transaction)
			w.TamperIDTokens(tamper)
			_, err = w.client.Exchange(ctx, code, transaction)
			wantKind(t, err, zitadelclient.InvalidToken)
			_, err = w.client.Refresh(ctx, tokens.RefreshToken, tokens.Claims)
			if name != "other nonce" { // a refresh has no transaction
				wantKind(t, err, zitadelclient.InvalidToken)
			}
		})
	}
	w := newWorld(t, zitadeltest.AppSeed{})
	_, tokens := w.signIn(t)
	w.TamperIDTokens(func(c map[string]any) { c["sub"] = "400000000000000000" })
	_, err := w.client.Refresh(t.Context(), tokens.RefreshToken, tokens.Claims)
	wantKind(t, err, zitadelclient.InvalidToken)
}

// A new signing key is found by itself.
func TestSigningKeyRotates(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	w.signIn(t)
	w.RotateSigningKey()
	w.signIn(t)
}

func TestExchangeRefused(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	ref, _ := w.signIn(t)
	id, transaction, err := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{})
	must(t, err)
	code := w.finalize(t, id, ref, transaction)
	stolen := transaction
	stolen.Verifier = strings.Repeat("A", 43)
	_, err = w.client.Exchange(ctx, code, stolen)
	wantKind(t, err, zitadelclient.InvalidGrant)
	_, err = w.client.Exchange(ctx, code, transaction)
	must(t, err)
	_, err = w.client.Exchange(ctx, code, transaction)
	wantKind(t, err, zitadelclient.InvalidGrant)
}

// Only what ZITADEL says about the token itself ends a session; trouble on the
// way is another kind.
func TestRefreshFailures(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	_, tokens := w.signIn(t)
	for _, test := range []struct {
		fault zitadeltest.Fault
		kind  zitadelclient.Kind
	}{
		{zitadeltest.Fault{Status: 400, Body: `{"error":"invalid_client"}`}, zitadelclient.Unauthorized},
		{zitadeltest.Fault{Status: 400, Body: `{"error":"invalid_scope"}`}, zitadelclient.Invalid},
		{zitadeltest.Fault{Status: 400, Body: `<html>`}, zitadelclient.Invalid},
		{zitadeltest.Fault{Status: 401, Body: `{}`}, zitadelclient.Unauthorized},
		{zitadeltest.Fault{Status: 404, Body: `{}`}, zitadelclient.Unavailable},
		{zitadeltest.Fault{Status: 429, Body: `{}`}, zitadelclient.RateLimited},
		{zitadeltest.Fault{Status: 500, Body: `{"error":"server_error"}`}, zitadelclient.Unavailable},
		{zitadeltest.Fault{Status: 503, Body: `{"error":"invalid_grant"}`}, zitadelclient.Unavailable},
		{zitadeltest.Fault{Garbage: true}, zitadelclient.Unavailable},
		{zitadeltest.Fault{Drop: true}, zitadelclient.Unavailable},
	} {
		test.fault.Path = "/oauth/v2/token"
		w.Fault(test.fault)
		_, err := w.client.Refresh(ctx, tokens.RefreshToken, tokens.Claims)
		wantKind(t, err, test.kind)
		w.ClearFaults()
	}
	_, err := w.client.Refresh(ctx, tokens.RefreshToken, tokens.Claims)
	must(t, err) // none of it used the token up
	w.Fault(zitadeltest.Fault{Path: "/oauth/v2/revoke", Status: 503, Body: "{}"})
	wantKind(t, w.client.Revoke(ctx, tokens.RefreshToken), zitadelclient.Unavailable)
}

// A user who is locked between the last page and the exchange gets nothing.
func TestLockedUserGetsNoTokens(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	ref, tokens := w.signIn(t)
	id, transaction, err := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{})
	must(t, err)
	code := w.finalize(t, id, ref, transaction)
	w.LockUser(w.alice)
	_, err = w.client.Exchange(ctx, code, transaction)
	wantKind(t, err, zitadelclient.InvalidGrant)
	_, err = w.client.Refresh(ctx, tokens.RefreshToken, tokens.Claims)
	wantKind(t, err, zitadelclient.InvalidGrant)
	user, err := w.client.User(ctx, w.alice)
	must(t, err)
	if user.State != zitadelclient.UserLocked {
		t.Errorf("state %q", user.State)
	}
}
