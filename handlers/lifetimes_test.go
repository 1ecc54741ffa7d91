package handlers_test

import (
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// The four lifetimes of policy, each on the single sign-on of another client: what
// is older is shown again, and nothing else is.
func TestCheckLifetimes(t *testing.T) {
	for name, test := range map[string]struct {
		policy func(*zitadeltest.LoginSettings)
		asked  string
	}{
		"password":      {func(s *zitadeltest.LoginSettings) { s.PasswordCheckLifetime = 60 * minute }, "/password"},
		"second factor": {func(s *zitadeltest.LoginSettings) { s.SecondFactorCheckLifetime = 60 * minute }, "/otp/time-based"},
		"multi-factor":  {func(s *zitadeltest.LoginSettings) { s.MultiFactorCheckLifetime = 60 * minute }, "/passkey"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy(func(s *zitadeltest.LoginSettings) {
				s.PasswordCheckLifetime, s.SecondFactorCheckLifetime, s.MultiFactorCheckLifetime = 0, 0, 0 // for ever
				test.policy(s)
			})
			key, secret := zitadeltest.NewAuthenticator(), ""
			b := newBrowser(t)
			if name == "multi-factor" {
				w.zitadel.AddPasskey(w.alice, "example.localhost", key)
			} else {
				secret = w.zitadel.AddTOTP(w.alice)
			}
			show := func(p *page) *page {
				switch p.url.Path {
				case "/password":
					return p.fill(map[string]string{"password": password})
				case "/passkey":
					return p.key(key, w.auth, false)
				}
				return p.fill(map[string]string{"code": w.zitadel.TOTPCode(secret)})
			}
			page := b.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"})
			for page.url.Path != "/cb" {
				page = show(page)
			}
			w.zitadel.Advance(59 * minute)
			b.open(w.authorizeURL("")).at("/cb")
			w.zitadel.Advance(2 * minute)
			show(b.open(w.authorizeURL("")).at(test.asked)).at("/cb")
			b.open(w.authorizeURL("&prompt=none")).at("/cb")
		})
	}
}
