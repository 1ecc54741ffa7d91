package zitadeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	testRP   = "example.localhost"
	testPage = "http://auth.example.localhost:8400"
)

// ceremonyWorld is a server with alice, her passkey and her security key.
type ceremonyWorld struct {
	apiClient
	alice        string
	passkey, key *Authenticator
}

func newCeremonyWorld(t *testing.T) ceremonyWorld {
	t.Helper()
	a := newAPIClient(t, Config{})
	w := ceremonyWorld{apiClient: a, passkey: NewAuthenticator(), key: NewAuthenticator().WithoutVerification()}
	w.alice = a.z.AddUser(UserSeed{UserName: "alice", Email: "alice@example.com", Password: "Password1!"})
	a.z.AddPasskey(w.alice, testRP, w.passkey)
	a.z.AddU2F(w.alice, testRP, w.key)
	return w
}

// challengeFor makes a session and returns it with the request options.
func (w ceremonyWorld) challengeFor(requirement string) (session map[string]any, options []byte) {
	w.t.Helper()
	session = w.want(201, "POST", "/v2/sessions", fmt.Sprintf(
		`{"checks":{"user":{"userId":%q}},"challenges":{"webAuthN":{"domain":%q,"userVerificationRequirement":"USER_VERIFICATION_REQUIREMENT_%s"}}}`,
		w.alice, testRP, requirement))
	challenge := session["challenges"].(map[string]any)["webAuthN"].(map[string]any)
	return session, mustJSON(challenge["publicKeyCredentialRequestOptions"])
}

// check sends an assertion and returns status and error id.
func (w ceremonyWorld) check(session map[string]any, credential []byte) (int, string) {
	w.t.Helper()
	status, answer := w.call("PATCH", "/v2/sessions/"+text(session["sessionId"]),
		`{"checks":{"webAuthN":{"credentialAssertionData":`+string(credential)+`}}}`)
	return status, strings.TrimLeft(errorID(answer), "0123456789|")
}

func TestAuthenticatorLiesAreNoticedAsOnTheRealServer(t *testing.T) {
	tests := []struct {
		name   string
		lie    Lie
		status int
		id     string
	}{
		{"the truth", Lie{}, 200, ""},
		{"foreign origin, which ZITADEL takes", Lie{Origin: "https://attacker.test"}, 200, ""},
		{"in a frame, which ZITADEL takes", Lie{CrossOrigin: true}, 200, ""},
		{"wrong type", Lie{Type: "webauthn.create"}, 500, "WEBAU-3M9si"},
		{"old challenge", Lie{Challenge: encodeBase64(make([]byte, 32))}, 500, "WEBAU-3M9si"},
		{"other RP ID", Lie{RPID: "attacker.test"}, 500, "WEBAU-3M9si"},
		{"other user", Lie{UserHandle: "400000000000000000"}, 500, "WEBAU-3M9si"},
		{"other key", Lie{OtherKey: true}, 500, "WEBAU-3M9si"},
		{"nobody present", Lie{Absent: true}, 500, "WEBAU-3M9si"},
		{"user not verified", Lie{Unverified: true}, 500, "WEBAU-3M9si"},
		{"garbled", Lie{Garbled: true}, 500, "WEBAU-ADgv4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newCeremonyWorld(t)
			session, options := w.challengeFor("REQUIRED")
			w.passkey.Lie(test.lie)
			credential, err := w.passkey.Get(options, testPage)
			if err != nil {
				t.Fatal(err)
			}
			status, id := w.check(session, credential)
			if status != test.status || id != test.id && status != 200 {
				t.Errorf("got %d %s, want %d %s", status, id, test.status, test.id)
			}
			if status == 200 {
				if again, _ := w.check(session, credential); again != 400 {
					t.Errorf("the same assertion again: %d, want 400", again)
				}
			}
		})
	}
}

// A registration is judged as an assertion is.
func TestRegistrationLies(t *testing.T) {
	for _, test := range []struct {
		name   string
		lie    Lie
		status int
	}{
		{"the truth", Lie{}, 200},
		{"foreign origin, which ZITADEL takes", Lie{Origin: "https://attacker.test"}, 200},
		{"wrong type", Lie{Type: "webauthn.get"}, 500},
		{"other RP ID", Lie{RPID: "attacker.test"}, 500},
		{"user not verified", Lie{Unverified: true}, 500},
		{"garbled", Lie{Garbled: true}, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newCeremonyWorld(t)
			a := NewAuthenticator()
			a.Lie(test.lie)
			begun := w.want(200, "POST", "/v2/users/"+w.alice+"/passkeys", `{"domain":"example.localhost"}`)
			credential, err := a.Create(mustJSON(begun["publicKeyCredentialCreationOptions"]), testPage)
			if err != nil {
				t.Fatal(err)
			}
			body := `{"passkeyName":"key","publicKeyCredential":` + string(credential) + `}`
			w.want(test.status, "POST", "/v2/users/"+w.alice+"/passkeys/"+text(begun["passkeyId"]), body)
			if want := 1 + (500-test.status)/300; w.z.PasskeysOf(w.alice) != want {
				t.Errorf("%d passkeys, want %d", w.z.PasskeysOf(w.alice), want)
			}
		})
	}
}

// A security key is no passkey and the other way round.
func TestCredentialKindsAreApart(t *testing.T) {
	w := newCeremonyWorld(t)
	_, options := w.challengeFor("REQUIRED")
	if _, err := w.key.Get(options, testPage); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the security key answers a challenge for passkeys: %v", err)
	}
	session, options := w.challengeFor("DISCOURAGED")
	if _, err := w.passkey.Get(options, testPage); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the passkey answers a challenge for security keys: %v", err)
	}
	credential, err := w.key.Get(options, testPage)
	if err != nil {
		t.Fatal(err)
	}
	if status, id := w.check(session, credential); status != 200 {
		t.Fatalf("security key: %d %s", status, id)
	}
	shown := w.want(200, "GET", "/v2/sessions/"+text(session["sessionId"]), "")["session"].(map[string]any)
	webAuthN := shown["factors"].(map[string]any)["webAuthN"].(map[string]any)
	if webAuthN["userVerified"] != nil {
		t.Errorf("a security key verified its user: %v", webAuthN)
	}
}

func TestAuthenticatorRefusesWhatABrowserRefuses(t *testing.T) {
	w := newCeremonyWorld(t)
	_, options := w.challengeFor("REQUIRED")
	if _, err := w.passkey.Get(options, "https://attacker.test"); !errors.Is(err, ErrSecurity) {
		t.Errorf("RP ID on another site: %v", err)
	}
	if _, err := w.passkey.Get(options, "http://notexample.localhost"); !errors.Is(err, ErrSecurity) {
		t.Errorf("RP ID on a host that merely ends like it: %v", err)
	}
	if _, err := NewAuthenticator().Get(options, testPage); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("an authenticator without the key: %v", err)
	}
	w.passkey.Decline(true)
	if _, err := w.passkey.Get(options, testPage); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("declined: %v", err)
	}
	w.passkey.Decline(false)
	begun := w.want(200, "POST", "/v2/users/"+w.alice+"/passkeys", `{"domain":"example.localhost"}`)
	if _, err := w.passkey.Create(mustJSON(begun["publicKeyCredentialCreationOptions"]), testPage); !errors.Is(err, ErrInvalidState) {
		t.Errorf("registered twice: %v", err)
	}
	for _, broken := range []string{``, `{"publicKey":7}`, `[]`} {
		if _, err := w.passkey.Get([]byte(broken), testPage); err == nil {
			t.Errorf("options %q were answered", broken)
		}
	}
}

// A discoverable credential is found without a list, by the RP ID alone.
func TestAuthenticatorFindsDiscoverableCredentials(t *testing.T) {
	w := newCeremonyWorld(t)
	options := `{"challenge":"AAAA","rpId":"example.localhost","userVerification":"required"}`
	raw, err := w.passkey.Get([]byte(options), testPage)
	if err != nil {
		t.Fatal(err)
	}
	var credential publicKeyCredential
	if err := json.Unmarshal(raw, &credential); err != nil {
		t.Fatal(err)
	}
	if handle, _ := decodeBase64(credential.Response.UserHandle); string(handle) != w.alice {
		t.Errorf("user handle %q, want alice's id", handle)
	}
}
