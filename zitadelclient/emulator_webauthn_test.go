package zitadelclient_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

const (
	rpID   = "auth.example.localhost"
	origin = "http://auth.example.localhost:8400"
)

func wantKindOf(t *testing.T, what string, err error, kind zitadelclient.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %q", what, err, kind)
	}
}

// challengeOf is what client data must repeat.
func challengeOf(t *testing.T, options json.RawMessage) string {
	t.Helper()
	var parsed struct{ PublicKey struct{ Challenge string } }
	must(t, json.Unmarshal(options, &parsed))
	return parsed.PublicKey.Challenge
}

func clientData(t *testing.T, kind string, options json.RawMessage) zitadelclient.ClientData {
	t.Helper()
	return zitadelclient.ClientData{Type: kind, Origin: origin, Challenge: challengeOf(t, options)}
}

// keyKind is the one difference between passkeys and security keys.
type keyKind struct {
	method       zitadelclient.AuthMethod
	verification bool
	register     func(*zitadelclient.Client, string) (zitadelclient.CredentialRegistration, error)
	verify       func(c *zitadelclient.Client, user, id string, made json.RawMessage) error
}

func keyKinds(t *testing.T) map[string]keyKind {
	return map[string]keyKind{
		"passkey": {zitadelclient.MethodPasskey, true,
			func(c *zitadelclient.Client, user string) (zitadelclient.CredentialRegistration, error) {
				return c.RegisterPasskey(t.Context(), user, rpID)
			},
			func(c *zitadelclient.Client, user, id string, made json.RawMessage) error {
				return c.VerifyPasskey(t.Context(), user, id, made, "my key")
			}},
		"security key": {zitadelclient.MethodU2F, false,
			func(c *zitadelclient.Client, user string) (zitadelclient.CredentialRegistration, error) {
				return c.RegisterU2F(t.Context(), user, rpID)
			},
			func(c *zitadelclient.Client, user, id string, made json.RawMessage) error {
				return c.VerifyU2F(t.Context(), user, id, made, "my key")
			}},
	}
}

// A key is registered and signs in; each ceremony is good for once.
func TestWebAuthn(t *testing.T) {
	for name, kind := range keyKinds(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{})
			ctx := t.Context()
			key := zitadeltest.NewAuthenticator()
			if !kind.verification {
				key.WithoutVerification() // a key without PIN or finger is enough
			}
			challenges := zitadelclient.Challenges{WebAuthN: &zitadelclient.WebAuthNChallenge{RPID: rpID, UserVerification: kind.verification}}
			_, _, err := w.client.CreateChallengedSession(ctx, w.identified(w.alice), challenges)
			wantKind(t, err, zitadelclient.NoCredential)

			registration, err := kind.register(w.client, w.alice)
			must(t, err)
			made, err := key.Create(registration.Options, origin)
			must(t, err)
			must(t, zitadelclient.CheckClientData(made, clientData(t, "webauthn.create", registration.Options)))
			must(t, kind.verify(w.client, w.alice, registration.ID, made))
			wantKind(t, kind.verify(w.client, w.alice, registration.ID, made), zitadelclient.NoChallenge)
			if mails := w.Mails(); len(mails) != 0 {
				t.Errorf("a registration sent %v", mails)
			}
			w.wantMethods(t, zitadelclient.MethodPassword, kind.method)
			for rp, want := range map[string]bool{rpID: true, "example.localhost": false, "app.example.localhost": false} {
				methods, err := w.client.AuthMethodsFor(ctx, w.alice, rp)
				must(t, err)
				if slices.Contains(methods, kind.method) != want || !slices.Contains(methods, zitadelclient.MethodPassword) {
					t.Errorf("methods for %s: %v", rp, methods)
				}
			}

			session, challenge, err := w.client.CreateChallengedSession(ctx, w.identified(w.alice), challenges)
			must(t, err)
			if f := w.factors(t, session); !f.WebAuthN.IsZero() {
				t.Error("a challenge alone counts")
			}
			answer, err := key.Get(challenge.WebAuthN, origin)
			must(t, err)
			must(t, zitadelclient.CheckClientData(answer, clientData(t, "webauthn.get", challenge.WebAuthN)))
			session, err = w.check(t, session, zitadelclient.Checks{WebAuthN: answer})
			must(t, err)
			if f := w.factors(t, session); f.WebAuthN.IsZero() || f.UserVerified != kind.verification {
				t.Errorf("factors %+v", f)
			}
			_, err = w.check(t, session, zitadelclient.Checks{WebAuthN: answer})
			wantKind(t, err, zitadelclient.NoChallenge)
		})
	}
}

// What a lying authenticator or a neighbour's page makes is refused, here or by
// ZITADEL, and never taken for an outage or tried again.
func TestLyingAuthenticators(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  zitadeltest.Lie
		here bool // our check of the client data refuses it
	}{
		{"neighbour's page", zitadeltest.Lie{Origin: "http://evil.example.localhost:1234"}, true},
		{"unrelated page", zitadeltest.Lie{Origin: "http://attacker.test"}, true},
		{"frame", zitadeltest.Lie{CrossOrigin: true}, true},
		{"other type", zitadeltest.Lie{Type: "webauthn.create"}, true},
		{"other challenge", zitadeltest.Lie{Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, true},
		{"other key", zitadeltest.Lie{OtherKey: true}, false},
		{"other RP ID", zitadeltest.Lie{RPID: "evil.test"}, false},
		{"other user", zitadeltest.Lie{UserHandle: "1"}, false},
		{"nobody there", zitadeltest.Lie{Absent: true}, false},
		{"unverified", zitadeltest.Lie{Unverified: true}, false},
		{"garbled", zitadeltest.Lie{Garbled: true}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{})
			key := zitadeltest.NewAuthenticator()
			w.AddPasskey(w.alice, rpID, key)
			session, challenge, err := w.client.CreateChallengedSession(t.Context(), w.identified(w.alice),
				zitadelclient.Challenges{WebAuthN: &zitadelclient.WebAuthNChallenge{RPID: rpID, UserVerification: true}})
			must(t, err)
			key.Lie(test.lie)
			answer, err := key.Get(challenge.WebAuthN, origin)
			must(t, err)
			err = zitadelclient.CheckClientData(answer, clientData(t, "webauthn.get", challenge.WebAuthN))
			if (err != nil) != test.here {
				t.Fatalf("our check says %v", err)
			}
			if test.here {
				wantKind(t, err, zitadelclient.CredentialRefused)
				return
			}
			w.ResetCalls()
			_, err = w.check(t, session, zitadelclient.Checks{WebAuthN: answer})
			wantKind(t, err, zitadelclient.CredentialRefused)
			if n := len(w.Calls()); n != 1 {
				t.Errorf("%d calls", n)
			}
			// The challenge is still open for an honest answer.
			key.Lie(zitadeltest.Lie{})
			answer, err = key.Get(challenge.WebAuthN, origin)
			must(t, err)
			_, err = w.check(t, session, zitadelclient.Checks{WebAuthN: answer})
			must(t, err)
		})
	}
}

// A registration for another challenge is refused.
func TestRegistrationForAnotherChallenge(t *testing.T) {
	for name, kind := range keyKinds(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{})
			registration, err := kind.register(w.client, w.alice)
			must(t, err)
			key := zitadeltest.NewAuthenticator()
			key.Lie(zitadeltest.Lie{Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
			made, err := key.Create(registration.Options, origin)
			must(t, err)
			wantKind(t, zitadelclient.CheckClientData(made, clientData(t, "webauthn.create", registration.Options)), zitadelclient.CredentialRefused)
			wantKind(t, kind.verify(w.client, w.alice, registration.ID, made), zitadelclient.CredentialRefused)
		})
	}
}
