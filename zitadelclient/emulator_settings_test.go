package zitadelclient_test

import (
	"context"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

func TestSettings(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	org := w.AddOrganization("Second")
	w.SetLoginSettings(org, func(s *zitadeltest.LoginSettings) {
		s.ForceMFA, s.AllowRegister, s.PasswordCheckLifetime, s.PasskeysAllowed = true, false, 90*time.Minute, true
		s.DefaultRedirectURI = "https://app.example.com/"
	})
	w.SetLockout(org, func(l *zitadeltest.Lockout) { l.MaxPasswordAttempts = 3 })
	w.SetPasswordComplexity(org, func(p *zitadeltest.PasswordComplexity) { p.MinLength, p.RequiresSymbol = 12, false })
	w.SetPasswordExpiry(org, func(p *zitadeltest.PasswordExpiry) { p.MaxAgeDays = 90 })
	w.SetLegalAndSupport(org, func(l *zitadeltest.LegalAndSupport) { l.TOSLink = "https://example.com/{{.Lang}}/tos" })

	login, err := w.client.LoginSettings(ctx, org)
	must(t, err)
	if !login.ForceMFA || login.AllowRegister || !login.AllowUsernamePassword || !login.PasskeysType ||
		login.PasswordCheckLifetime != 90*time.Minute || login.DefaultRedirectURI != "https://app.example.com/" {
		t.Errorf("login settings %+v", login)
	}
	instance, err := w.client.LoginSettings(ctx, "")
	must(t, err)
	if instance.ForceMFA || !instance.AllowRegister {
		t.Errorf("the instance's login settings %+v", instance)
	}
	lockout, err := w.client.Lockout(ctx, org)
	must(t, err)
	complexity, err := w.client.PasswordComplexity(ctx, org)
	must(t, err)
	expiry, err := w.client.PasswordExpiry(ctx, org)
	must(t, err)
	legal, err := w.client.LegalAndSupport(ctx, org)
	must(t, err)
	if lockout.MaxPasswordAttempts != 3 || complexity.MinLength != 12 || complexity.RequiresSymbol || !complexity.RequiresNumber ||
		expiry.MaxAgeDays != 90 || legal.TOSLink != "https://example.com/{{.Lang}}/tos" {
		t.Errorf("%+v %+v %+v %+v", lockout, complexity, expiry, legal)
	}
	branding, err := w.client.Branding(ctx, org)
	must(t, err)
	if branding.Light.PrimaryColor == "" || branding.ThemeMode != zitadelclient.ThemeAuto {
		t.Errorf("branding %+v", branding)
	}
	domain, err := w.client.DomainSettings(ctx, org)
	must(t, err)
	general, err := w.client.GeneralSettings(ctx, org)
	must(t, err)
	if domain.LoginNameIncludesDomain || general.DefaultOrganizationID != w.DefaultOrganization() || len(general.SupportedLanguages) == 0 {
		t.Errorf("%+v %+v", domain, general)
	}
	_, err = w.client.Security(ctx, org)
	must(t, err)
}

func TestOrganizations(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	id := w.AddOrganization("Second")
	search := func(q zitadelclient.OrganizationQuery) zitadelclient.Organization {
		t.Helper()
		found, err := w.client.Organizations(ctx, q)
		must(t, err)
		if len(found) != 1 {
			t.Fatalf("%+v: %d organizations", q, len(found))
		}
		return found[0]
	}
	second := search(zitadelclient.OrganizationQuery{ID: id})
	if second.Name != "Second" || !second.Active || second.PrimaryDomain == "" {
		t.Errorf("organization %+v", second)
	}
	if got := search(zitadelclient.OrganizationQuery{Domain: second.PrimaryDomain}); got.ID != id {
		t.Errorf("by domain: %+v", got)
	}
	if got := search(zitadelclient.OrganizationQuery{Default: true}); got.ID != w.DefaultOrganization() {
		t.Errorf("default: %+v", got)
	}
	w.DeactivateOrganization(id)
	w.Advance(time.Minute)
	if got := search(zitadelclient.OrganizationQuery{ID: id}); got.Active {
		t.Error("an organization still counts as active a minute after its end")
	}
}

// A page costs no call; a change of policy shows within a minute; while
// ZITADEL is away the old answer serves for that minute and no longer.
func TestSettingsAreCached(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	const route = "GET /v2/settings/login"
	read := func() bool {
		t.Helper()
		s, err := w.client.LoginSettings(ctx, "")
		must(t, err)
		return s.AllowRegister
	}
	if !read() || !read() || countCalls(w, route) != 1 {
		t.Fatalf("%d calls for two reads", countCalls(w, route))
	}
	w.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.AllowRegister = false })
	w.Advance(20 * time.Second)
	if !read() {
		t.Error("the old answer was not given at once")
	}
	w.client.AwaitRefresh("read settings/login ")
	if read() {
		t.Error("the refresh did not arrive")
	}
	if n := countCalls(w, route); n != 2 {
		t.Errorf("%d calls", n)
	}

	w.Fault(zitadeltest.Fault{Path: "/v2/settings", Status: 503, Body: "{}"})
	w.Advance(50 * time.Second)
	read()
	w.Advance(15 * time.Second)
	_, err := w.client.LoginSettings(ctx, "")
	wantKind(t, err, zitadelclient.Unavailable)
}

// Close ends what is under way and waits for it.
func TestClose(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	must(t, w.client.Check(t.Context()))
	w.Fault(zitadeltest.Fault{Path: "/v2/settings/branding", Delay: time.Hour})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := w.client.Branding(ctx, "") // nobody waits, but the call goes on
	wantKind(t, err, zitadelclient.Unavailable)
	must(t, w.client.Close()) // would hang for an hour
	_, err = w.client.Lockout(t.Context(), "")
	wantKind(t, err, zitadelclient.Unavailable)
}
