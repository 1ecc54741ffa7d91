package handlers_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"torhaus/assertion"
	"torhaus/handlers"
	"torhaus/session"
	"torhaus/session/redistest"
	"torhaus/zitadelclient"
)

// wrongBy is a replica whose clock is that much ahead of everybody else's.
func wrongBy(t *testing.T, skew time.Duration) func(*world, *handlers.Config) {
	return func(w *world, c *handlers.Config) {
		now := func() time.Time { return w.now().Add(skew) }
		c.Now = now
		c.Zitadel = w.clientWith(func(c *zitadelclient.Config) { c.Now = now })
		c.Sessions = w.sessions(func(s *session.Config) { s.Now = now })
		secrets, err := session.Keys{w.key}.Secrets("assertion test", assertion.SecretSize)
		w.must(err)
		c.Assertions, err = assertion.New(assertion.Config{Secrets: secrets, Issuer: w.auth, Now: now})
		w.must(err)
		rules(t, `{"assert": {"assertion": "app"}}`)(w, c)
	}
}

// TestClocksAMinuteOff: one replica's clock is a minute ahead of ZITADEL's and the
// store's, the other's a minute behind. Nobody notices, whichever serves them.
func TestClocksAMinuteOff(t *testing.T) {
	for name, skews := range map[string][2]time.Duration{
		"signed in ahead":  {minute, -minute},
		"signed in behind": {-minute, minute},
	} {
		t.Run(name, func(t *testing.T) {
			overStores(t, func(_ *testing.T, f *fleet) { f.withClocksOff(skews) })
		})
	}
}

// withClocksOff leads a session through its life: a check, a refresh, tokens that
// have ended, and a logout by ZITADEL.
func (f *fleet) withClocksOff(skews [2]time.Duration) {
	f.t.Helper()
	f.a, f.b = f.replica(wrongBy(f.t, skews[0])), f.replica(wrongBy(f.t, skews[1]))
	front := f.server.Config.Handler.(*swapHandler)
	front.swap(f.a)
	f.browser = newBrowser(f.t)
	f.signInRemembered(f.browser)
	f.cookie = f.browser.cookie(f.auth, "__Secure-torhaus")
	everybody := func(want int) {
		f.t.Helper()
		for _, r := range []*replica{f.b, f.a} {
			f.ask(r, want)
			f.passes(r, want)
		}
	}
	everybody(http.StatusOK)
	f.verifies(f.a)
	f.verifies(f.b)
	f.zitadel.Advance(recheckDue)
	everybody(http.StatusOK)
	f.zitadel.ResetCalls()
	f.zitadel.Advance(refreshDue)
	everybody(http.StatusOK)
	redistest.Until(f.t, "the refresh", func() bool { return len(f.refreshes()) > 0 })
	f.must(f.a.h.Close())
	f.must(f.b.h.Close())
	f.a, f.b = f.replica(wrongBy(f.t, skews[0])), f.replica(wrongBy(f.t, skews[1]))
	if got := f.refreshes(); len(got) != 1 || got[0] != http.StatusOK {
		f.t.Errorf("refreshed with %v, want once", got)
	}
	everybody(http.StatusOK)
	f.zitadel.Advance(tokensEnded)
	everybody(http.StatusOK)
	f.storedTokensWork()
	front.swap(f.b) // signs in elsewhere, and is not meant
	other := newBrowser(f.t)
	f.signIn(other)
	held, _ := f.stored()
	for _, r := range []*replica{f.a, f.b} { // twice is once
		if answer := f.delivers(r, f.token(held.ZitadelSession)); answer.Code != http.StatusOK {
			f.t.Errorf("POST /backchannel-logout: %d %s", answer.Code, answer.Body)
		}
	}
	everybody(http.StatusUnauthorized)
	f.cookie = other.cookie(f.auth, "__Secure-torhaus")
	everybody(http.StatusOK)
}

// verifies fails unless an app whose clock is right, and that tolerates as much as it
// is told to, believes what a replica asserts.
func (f *fleet) verifies(r *replica) {
	f.t.Helper()
	q := f.questionOf("caddy", nil, question{rule: "assert", header: fetched()})
	q.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: f.cookie})
	response := serve(r.h.ForwardAuth(), q)
	lawful(f.t, response)
	token, err := jwt.ParseSigned(response.Header.Get("X-Auth-Assertion"), []jose.SignatureAlgorithm{jose.ES256})
	f.must(err)
	var keys jose.JSONWebKeySet
	answer := f.sends(r, f.cookie, http.MethodGet, "/.well-known/jwks.json")
	f.must(json.Unmarshal(answer.Body.Bytes(), &keys))
	var claims jwt.Claims
	f.must(token.Claims(keys, &claims))
	expected := jwt.Expected{Issuer: f.auth, AnyAudience: jwt.Audience{"app"}, Subject: f.alice, Time: f.now()}
	if err := claims.ValidateWithLeeway(expected, assertion.Leeway); err != nil {
		f.t.Errorf("an assertion: %v", err)
	}
}
