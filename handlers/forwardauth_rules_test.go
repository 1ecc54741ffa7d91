package handlers_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient/zitadeltest"
)

// The rules: roles, organization, the age of a check, a second factor.
func TestForwardAuthRules(t *testing.T) {
	parsed := `{
		"any": {"any_role": ["admin", "editor"]}, "none-of-them": {"any_role": ["admin", "owner"]},
		"all": {"all_roles": ["editor", "viewer"]}, "not-all": {"all_roles": ["editor", "admin"]},
		"both": {"any_role": ["viewer"], "all_roles": ["editor"]}, "recent": {"max_age": "10m"}, "default": {"all_roles": ["editor"]}
	}`
	w := newWorld(t, askingForRoles, rules(t, parsed))
	w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", "editor", "viewer")
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.Advance(9 * minute)
	for rule, want := range map[string]int{"any": 200, "none-of-them": 403, "all": 200, "not-all": 403, "both": 200, "recent": 200, "default": 200} {
		if response := w.ask("envoy", b, question{rule: rule}); response.StatusCode != want {
			t.Errorf("%s: %s, want %d", rule, response.Status, want)
		}
	}
	if got := w.ask("envoy", b, question{rule: "any"}).Header.Get("X-Auth-Roles"); got != "editor,viewer" {
		t.Errorf("roles are %q", got)
	}
	w.zitadel.Advance(2 * minute)
	response := w.ask("envoy", b, question{rule: "recent", header: navigation()})
	if to := loginURL(t, response); to == nil || to.Query().Get("max_age") != "600" {
		t.Errorf("eleven minutes after the check: %s, sent to %v", response.Status, to)
	}
	other := newBrowser(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	other.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "bob"}).fill(map[string]string{"password": password}).at("/inbox")
	if response := w.ask("envoy", other, question{}); response.StatusCode != http.StatusForbidden {
		t.Errorf("a default that was written, without its role: %s", response.Status)
	}
}

// Who lacks a factor or a recent check shows that alone, comes back, and passes
// under a new session; who has it is not asked again.
func TestForwardAuthStepUp(t *testing.T) {
	w := newWorld(t, rules(t, `{"vault": {"mfa": true, "max_age": "10m"}}`))
	secret := w.zitadel.AddTOTP(w.alice)
	for _, kind := range proxies {
		b := newBrowser(t)
		w.atPassword(b).fill(map[string]string{"password": password}).
			fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/inbox")
		w.zitadel.Advance(11 * minute)
		old := b.cookie(w.auth, "__Secure-torhaus")
		to := loginURL(t, w.ask(kind, b, question{rule: "vault", uri: "/safe", header: navigation()}))
		if to == nil {
			t.Fatalf("%s: sent nowhere", kind)
		}
		page := b.open(to.String()).at("/password").fill(map[string]string{"password": password}).at("/otp/time-based")
		page.fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/safe")
		if response := w.ask(kind, b, question{rule: "vault", header: navigation()}); response.StatusCode != http.StatusOK {
			t.Errorf("%s: after the step-up: %s", kind, response.Status)
		}
		if response := w.ask(kind, nil, question{header: http.Header{"Cookie": {"__Secure-torhaus=" + old}}}); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: the session from before the step-up: %s", kind, response.Status)
		}
		w.zitadel.Advance(minute)
	}
}

// The access token goes to the app as the rule says, and into no log.
func TestForwardAuthToken(t *testing.T) {
	w := newWorld(t, rules(t, `{"api": {"token": true}}`))
	b := newBrowser(t)
	w.signIn(b)
	for _, kind := range proxies {
		response := w.ask(kind, b, question{rule: "api", header: http.Header{"Authorization": {"Bearer forged"}}})
		lawful(t, response)
		token, ok := strings.CutPrefix(response.Header.Get("Authorization"), "Bearer ")
		if !ok || len(token) < 20 || strings.Contains(token, "forged") {
			t.Fatalf("%s: Authorization is %q", kind, response.Header.Get("Authorization"))
		}
		if strings.Contains(w.log(), token) {
			t.Errorf("%s: the token is in the log", kind)
		}
		if got := w.ask(kind, b, question{}).Header.Get("Authorization"); got != "" {
			t.Errorf("%s: another rule gives %q", kind, got)
		}
	}
	if response := w.ask("nginx", nil, question{rule: "api"}); response.Header.Get("Authorization") != "" {
		t.Error("nobody has a token")
	}
}

// A token that is about to end is refreshed first, and the one that the app gets is
// the one that counts: ZITADEL ends the old one with the refresh. While there is no
// good one, nobody passes, and nobody is signed out.
func TestForwardAuthTokenIsFresh(t *testing.T) {
	w := newWorld(t, rules(t, `{"api": {"token": true}}`))
	b := newBrowser(t)
	w.signIn(b)
	give := func() string { return w.ask("caddy", b, question{rule: "api"}).Header.Get("Authorization") }
	counts := func(token string) bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.zitadel.URL()+"/oidc/v1/userinfo", nil)
		w.must(err)
		r.Host = strings.TrimPrefix(w.zitadel.Issuer(), "http://")
		r.Header.Set("Authorization", token)
		response, err := http.DefaultClient.Do(r)
		w.must(err)
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	first := give()
	w.zitadel.Advance(minute)
	if again := give(); again != first || !counts(first) {
		t.Fatalf("a minute later the token is another, or worth nothing: %t", counts(first))
	}
	for range 13 { // in use all the while
		w.zitadel.Advance(50 * minute)
		if token := give(); !counts(token) {
			t.Fatal("the app got a token that is worth nothing")
		}
	}
	if counts(first) {
		t.Error("the token was never refreshed: this proves nothing")
	}
}

func TestForwardAuthTokenTrouble(t *testing.T) {
	w := newWorld(t, rules(t, `{"api": {"token": true}}`))
	b := newBrowser(t)
	w.signInRemembered(b)
	w.zitadel.Advance(tokensEnded)
	w.zitadel.Fault(zitadeltest.Fault{Path: "/oauth/v2/token", Status: 503})
	response := w.ask("caddy", b, question{rule: "api"})
	lawful(t, response)
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without a good token: %s", response.Status)
	}
	w.zitadel.ClearFaults()
	w.zitadel.Advance(minute)
	if response := w.ask("caddy", b, question{rule: "api"}); response.StatusCode != http.StatusOK {
		t.Errorf("after the trouble: %s", response.Status)
	}
}

// The app's own cookies pass, ours do not; how many there are does not matter.
func TestForwardAuthStripsOurCookies(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	session := "__Secure-torhaus=" + b.cookie(w.auth, "__Secure-torhaus")
	for sent, want := range map[string]string{
		session: "", "theme=dark; " + session: "theme=dark", session + "; a=1; b=2": "a=1; b=2", "a=1; " + session + "; __Host-accounts=x; b=2": "a=1; b=2",
	} {
		for _, kind := range proxies {
			response := w.ask(kind, nil, question{header: http.Header{"Cookie": {sent}}})
			if got := response.Header.Get("Cookie"); got != want || response.StatusCode != http.StatusOK {
				t.Errorf("%s: %s, and of %q is left %q, want %q", kind, response.Status, sent, got, want)
			}
		}
	}
}

// Two session cookies are nobody: choosing would be the planter's.
func TestForwardAuthTwoCookies(t *testing.T) {
	w := newWorld(t)
	b, mallory := newBrowser(t), newBrowser(t)
	w.signIn(b)
	w.signIn(mallory)
	mine, planted := b.cookie(w.auth, "__Secure-torhaus"), mallory.cookie(w.auth, "__Secure-torhaus")
	for _, cookies := range [][]string{{"__Secure-torhaus=" + mine + "; __Secure-torhaus=" + planted}, {"__Secure-torhaus=" + planted, "__Secure-torhaus=" + mine}} {
		for _, kind := range proxies {
			response := w.ask(kind, nil, question{header: http.Header{"Cookie": cookies}})
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %s", kind, response.Status)
			}
			lawful(t, response)
		}
	}
}

// Only a proxy is answered: trusted by the operator, or on this machine.
func TestForwardAuthAnswersProxiesOnly(t *testing.T) {
	w := newWorld(t, func(_ *world, cfg *handlers.Config) { cfg.TrustedProxies = networks(t, "10.0.0.0/8") })
	b := newBrowser(t)
	w.signIn(b)
	for from, want := range map[string]int{
		"127.0.0.1:1": 200, "[::1]:1": 200, "10.1.2.3:1": 200, "[::ffff:10.1.2.3]:1": 200,
		"192.0.2.1:1": 403, "11.0.0.1:1": 403, "[2001:db8::1]:1": 403, "garbage": 403,
	} {
		for _, kind := range proxies {
			response := w.ask(kind, b, question{from: from})
			if response.StatusCode != want {
				t.Errorf("%s from %q: %d, want %d", kind, from, response.StatusCode, want)
			}
			lawful(t, response)
		}
	}
}

// It costs one read of the store and no word to ZITADEL.
func TestForwardAuthCost(t *testing.T) {
	counted := &countingStore{}
	w := newWorld(t, func(w *world, _ *handlers.Config) {
		if counted.Store == nil {
			counted.Store, w.store = w.store, counted
		}
	})
	b := newBrowser(t)
	w.signIn(b)
	w.zitadel.ResetCalls()
	counted.operations = nil
	for _, kind := range proxies {
		w.ask(kind, b, question{header: navigation()})
		w.ask(kind, nil, question{header: navigation()})
	}
	if len(w.calls()) > 0 || !slices.Equal(counted.operations, []string{"get", "get", "get", "get"}) {
		t.Errorf("four visitors and four strangers cost %v and the calls %v", counted.operations, w.calls())
	}
	r, handler := w.questionOf("traefik", b, question{header: navigation()}), w.last.ForwardAuth()
	if n := testing.AllocsPerRun(100, func() { serve(handler, r) }); n > 100 { // it is 60, recorder and all; the race detector adds its own
		t.Errorf("%v allocations", n)
	}
}

// countingStore notes what the memory store is asked.
type countingStore struct {
	session.Store
	operations []string
}

func (s *countingStore) Get(ctx context.Context, key string) ([]byte, error) {
	s.operations = append(s.operations, "get")
	return s.Store.Get(ctx, key)
}

func (s *countingStore) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	s.operations = append(s.operations, "put")
	return s.Store.Put(ctx, key, value, ttl)
}

func (s *countingStore) Swap(ctx context.Context, key string, from, to []byte, ttl time.Duration) error {
	s.operations = append(s.operations, "swap")
	return s.Store.Swap(ctx, key, from, to, ttl)
}

func (s *countingStore) Take(ctx context.Context, bucket string, rate session.Rate) (time.Duration, error) {
	s.operations = append(s.operations, "take")
	return s.Store.Take(ctx, bucket, rate)
}

// toTheRefresh moves the time to when a refresh is due and a check is not.
func (w *world) toTheRefresh(b *browser, between func()) {
	w.t.Helper()
	_, answer := w.session(b)
	due, err := time.Parse(time.RFC3339, answer["refresh_at"].(string))
	w.must(err)
	w.zitadel.Advance(due.Sub(w.now()) - minute)
	w.session(b)
	between()
	w.zitadel.Advance(2 * minute)
}

// Whoever has lost the session by the refresh that the app's token takes is sent to
// sign in, and at once: also where the old token is still good.
func TestForwardAuthTokenOfAnEndedSession(t *testing.T) {
	f := newFleet(t, nil)
	f.replica(rules(t, `{"api": {"token": true}}`))
	f.toTheRefresh(f.browser, func() { f.zitadel.LockUser(f.alice) })
	response := f.world.ask("caddy", f.browser, question{rule: "api", header: navigation()})
	lawful(t, response)
	if to := loginURL(t, response); response.StatusCode != http.StatusSeeOther || to == nil {
		t.Errorf("%s, sent to %v", response.Status, to)
	}
}

// The same where another replica has ended it and this one has it in its near cache.
func TestForwardAuthTokenPastTheNearCache(t *testing.T) {
	f := newFleet(t, nil)
	now := f.now()
	f.replica(cached(&now), rules(t, `{"api": {"token": true}}`))
	for _, rule := range []string{"default", "api"} {
		if response := f.world.ask("caddy", f.browser, question{rule: rule}); response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", rule, response.Status)
		}
	}
	_, err := f.manager().EndSessions(t.Context(), f.alice)
	f.must(err)
	response := f.world.ask("caddy", f.browser, question{rule: "api", header: navigation()})
	if to := loginURL(t, response); response.StatusCode != http.StatusSeeOther || to == nil {
		t.Errorf("%s, sent to %v", response.Status, to)
	}
}

// The rule is asked about what the refresh brought, and so is the app told.
func TestForwardAuthTokenAndRolesBelongTogether(t *testing.T) {
	w := newWorld(t, askingForRoles, rules(t, `{"api": {"token": true, "any_role": ["editor"]}}`))
	b := newBrowser(t)
	w.signInRemembered(b)
	w.toTheRefresh(b, func() { w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", "editor") })
	response := w.ask("caddy", b, question{rule: "api"})
	if got := response.Header.Get("X-Auth-Roles"); response.StatusCode != http.StatusOK || got != "editor" {
		t.Errorf("%s, with the roles %q", response.Status, got)
	}
}
