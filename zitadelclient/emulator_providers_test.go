package zitadelclient_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

var (
	ida  = zitadeltest.UpstreamUser{ID: "ida", GivenName: "Ida", FamilyName: "Provider", Email: "ida@idp.example.com", EmailVerified: true}
	back = zitadelclient.ReturnURLs{Success: "http://auth.example.localhost:8400/idp/1/process", Failure: "http://auth.example.localhost:8400/idp/1/failure"}
)

// visitProvider starts an intent and does what the browser does, up to the return
// to our pages.
func (w *world) visitProvider(t *testing.T, providerID string, person zitadeltest.UpstreamUser) (zitadelclient.IntentRef, *url.URL) {
	t.Helper()
	started, err := w.client.StartIntent(t.Context(), providerID, back)
	must(t, err)
	code := w.UpstreamCode(providerID, person)
	callback := w.URL() + "/idps/callback?" + url.Values{"code": {code}, "state": {started.ID}}.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, callback, nil)
	must(t, err)
	issuer, err := url.Parse(w.Issuer())
	must(t, err)
	r.Host = issuer.Host
	response, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	must(t, response.Body.Close())
	returned, err := url.Parse(response.Header.Get("Location"))
	must(t, err)
	return zitadelclient.IntentRef{ID: returned.Query().Get("id"), Token: returned.Query().Get("token")}, returned
}

// Somebody whom nobody knows comes by a provider, gets an account, and comes again.
func TestSignUpAndInByProvider(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	provider := w.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost", AutoCreation: true})
	listed, err := w.client.IdentityProviders(ctx, w.DefaultOrganization())
	must(t, err)
	want := []zitadelclient.IdentityProvider{{ID: provider, Name: "Example ID", Type: "oidc", CreationAllowed: true, AutoCreation: true, LinkingAllowed: true}}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("providers (-want +got):\n%s", diff)
	}
	ref, returned := w.visitProvider(t, provider, ida)
	if returned.Path != "/idp/1/process" || returned.Query().Has("user") {
		t.Errorf("returned to %s", returned)
	}
	intent, err := w.client.RetrieveIntent(ctx, ref)
	must(t, err)
	if intent.UserID != "" || intent.Identity.ProviderID != provider || intent.Newcomer.Email != ida.Email || !intent.Newcomer.EmailVerified {
		t.Errorf("got %+v %+v", intent.Identity, intent.Newcomer)
	}
	newcomer := zitadelclient.ExternalUser{OrganizationID: w.DefaultOrganization(), Newcomer: intent.Newcomer, Identity: intent.Identity}
	user, err := w.client.CreateExternalUser(ctx, newcomer)
	must(t, err)
	_, err = w.client.CreateExternalUser(ctx, newcomer)
	wantKind(t, err, zitadelclient.AlreadyExists)

	session := zitadelclient.NewSession{Checks: zitadelclient.Checks{UserID: w.alice, Intent: ref}, Lifetime: time.Hour}
	_, err = w.client.CreateSession(ctx, session)
	wantKind(t, err, zitadelclient.IntentRefused) // hers is another identity
	session.Checks.UserID = user
	made, err := w.client.CreateSession(ctx, session)
	must(t, err)
	_, err = w.client.CreateSession(ctx, session)
	wantKind(t, err, zitadelclient.IntentRefused) // used up (CVE-2025-46815)
	_, err = w.client.RetrieveIntent(ctx, ref)
	wantKind(t, err, zitadelclient.IntentRefused)

	read, err := w.client.Session(ctx, made)
	must(t, err)
	if read.Factors.Intent.IsZero() || !read.Factors.Password.IsZero() || read.Factors.User.ID != user {
		t.Errorf("factors %+v", read.Factors)
	}
	methods, err := w.client.AuthMethods(ctx, user)
	must(t, err)
	links, err := w.client.IdentityLinks(ctx, user)
	must(t, err)
	if !slices.Equal(methods, []zitadelclient.AuthMethod{zitadelclient.MethodIDP}) || len(links) != 1 || links[0].ProviderID != provider || links[0].ID != "ida" {
		t.Errorf("methods %v, links %v", methods, links)
	}

	ref, _ = w.visitProvider(t, provider, ida)
	intent, err = w.client.RetrieveIntent(ctx, ref)
	must(t, err)
	if intent.UserID != user {
		t.Errorf("the second time it is %q, want %q", intent.UserID, user)
	}
	_, err = w.client.UpdateSession(ctx, made, zitadelclient.SessionUpdate{Checks: zitadelclient.Checks{Intent: ref}})
	must(t, err)
}

func TestIntentsThatAreRefused(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	provider := w.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Example ID", URL: "http://idp.example.localhost"})
	directory := w.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Directory", Type: "LDAP"})
	other := w.AddIdentityProvider(zitadeltest.ProviderSeed{Name: "Theirs", OrganizationID: w.AddOrganization("Other"), URL: "http://idp.example.localhost"})
	listed, err := w.client.IdentityProviders(ctx, w.DefaultOrganization())
	must(t, err)
	if slices.ContainsFunc(listed, func(p zitadelclient.IdentityProvider) bool { return p.ID == other }) {
		t.Error("another organization's provider is listed")
	}
	first, _ := w.visitProvider(t, provider, ida)
	second, _ := w.visitProvider(t, provider, ida)
	stale, _ := w.visitProvider(t, provider, ida)
	w.DeactivateIdentityProvider(other)
	for _, test := range []struct {
		name string
		call func() error
		want zitadelclient.Kind
	}{
		{"no token", retrieving(ctx, w, first.ID, ""), zitadelclient.IntentRefused},
		{"another's token", retrieving(ctx, w, first.ID, second.Token), zitadelclient.IntentRefused},
		{"made up", retrieving(ctx, w, first.ID, "made-up"), zitadelclient.IntentRefused},
		{"an unknown id", retrieving(ctx, w, "400000000000000000", first.Token), zitadelclient.IntentRefused},
		{"an id that leads elsewhere", retrieving(ctx, w, "..", first.Token), zitadelclient.Invalid},
		{"a provider that wants a form", starting(ctx, w, directory), zitadelclient.Unsupported},
		{"a provider that is switched off", starting(ctx, w, other), zitadelclient.Invalid},
		{"a provider that is none", starting(ctx, w, "400000000000000000"), zitadelclient.Invalid},
		{"no provider", starting(ctx, w, ""), zitadelclient.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) { wantKind(t, test.call(), test.want) })
	}
	w.Advance(61 * time.Minute)
	wantKind(t, retrieving(ctx, w, stale.ID, stale.Token)(), zitadelclient.IntentRefused)
}

func TestExternalUserNeeds(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	whole := zitadelclient.ExternalUser{
		OrganizationID: w.DefaultOrganization(), VerifyTemplate: verifyLink, Identity: zitadelclient.Identity{ProviderID: "1", ID: "2", Name: "3"},
		Newcomer: zitadelclient.Newcomer{GivenName: "Noah", FamilyName: "New", Email: "noah@example.com"},
	}
	for name, without := range map[string]func(*zitadelclient.ExternalUser){
		"organization": func(n *zitadelclient.ExternalUser) { n.OrganizationID = "" },
		"identity":     func(n *zitadelclient.ExternalUser) { n.Identity = zitadelclient.Identity{} },
		"template":     func(n *zitadelclient.ExternalUser) { n.VerifyTemplate = "" },
		"name":         func(n *zitadelclient.ExternalUser) { n.Newcomer.GivenName = "" },
	} {
		lacking := whole
		without(&lacking)
		_, err := w.client.CreateExternalUser(t.Context(), lacking)
		t.Run(name, func(t *testing.T) { wantKind(t, err, zitadelclient.Invalid) })
	}
	id, err := w.client.CreateExternalUser(t.Context(), whole)
	must(t, err)
	user, err := w.client.User(t.Context(), id)
	must(t, err)
	if user.EmailVerified || w.LastMail("noah@example.com").Code == "" {
		t.Errorf("an address that nobody proved: verified %t, mails %v", user.EmailVerified, w.Mails())
	}
}

func retrieving(ctx context.Context, w *world, id, token string) func() error {
	return func() error {
		_, err := w.client.RetrieveIntent(ctx, zitadelclient.IntentRef{ID: id, Token: token})
		return err
	}
}

func starting(ctx context.Context, w *world, providerID string) func() error {
	return func() error {
		_, err := w.client.StartIntent(ctx, providerID, back)
		return err
	}
}
