package zitadelclient

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

// CredentialRegistration is a key that is about to be registered. ID names the
// registration, not the key.
type CredentialRegistration struct {
	ID string
	// Options are the publicKeyCredentialCreationOptions, with their publicKey
	// member: ZITADEL's, but for what the authenticator is asked to be.
	Options json.RawMessage
}

// RegisterPasskey begins the registration of a passkey for this RP ID. It asks
// for a registration code and uses it in the same breath, so that no mail is
// sent. ZITADEL takes any RP ID.
//
// The options prefer a discoverable key, of which ZITADEL says nothing: only
// such a one can be offered before its user is known by name.
//
// Only for a user who just proved a first factor, and any second one there is:
// a passkey registered in a session that merely named its user would be a way
// into the account (CVE-2026-105212). Who has no way to sign in at all has proven
// the mailbox instead.
func (c *Client) RegisterPasskey(ctx context.Context, userID, rpID string) (CredentialRegistration, error) {
	const op = "register passkey"
	if rpID == "" {
		return CredentialRegistration{}, invalid(op, errNoRPID)
	}
	link := map[string]any{"returnCode": struct{}{}}
	var answer struct{ Code struct{ ID, Code string } }
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/{id}/passkeys/registration_link", id: userID, body: link}, &answer)
	if err != nil {
		return CredentialRegistration{}, err
	}
	if answer.Code.ID == "" || answer.Code.Code == "" {
		return CredentialRegistration{}, unavailable(op, errIncomplete)
	}
	code := map[string]string{"id": answer.Code.ID, "code": answer.Code.Code}
	body := map[string]any{"domain": rpID, "code": code, "authenticator": "PASSKEY_AUTHENTICATOR_UNSPECIFIED"}
	return c.register(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/{id}/passkeys", id: userID, body: body}, rpID,
		selection{"residentKey", "preferred"})
}

// VerifyPasskey ends the registration with what the browser made of its
// options, after [CheckClientData]. The name is for the user's list of keys.
func (c *Client) VerifyPasskey(ctx context.Context, userID, id string, made json.RawMessage, name string) error {
	return c.verifyCredential(ctx, "verify passkey", "/v2/users/{id}/passkeys/{credential}", userID, registered{id, made, "passkeyName", name})
}

// RegisterU2F begins the registration of a security key, a second factor, for
// this RP ID. The rule of [Client.RegisterPasskey] holds.
//
// The options discourage user verification. ZITADEL's require it, which no key
// without PIN or finger could do, and then does not insist.
func (c *Client) RegisterU2F(ctx context.Context, userID, rpID string) (CredentialRegistration, error) {
	const op = "register security key"
	if rpID == "" {
		return CredentialRegistration{}, invalid(op, errNoRPID)
	}
	body := map[string]string{"domain": rpID}
	return c.register(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/{id}/u2f", id: userID, body: body}, rpID,
		selection{"userVerification", "discouraged"})
}

// VerifyU2F ends the registration like [Client.VerifyPasskey].
func (c *Client) VerifyU2F(ctx context.Context, userID, id string, made json.RawMessage, name string) error {
	return c.verifyCredential(ctx, "verify security key", "/v2/users/{id}/u2f/{credential}", userID, registered{id, made, "tokenName", name})
}

// selection is a member of the options' authenticatorSelection.
type selection struct{ name, value string }

// register makes either call; each answers with an id of its own name.
func (c *Client) register(ctx context.Context, r request, rpID string, wish selection) (CredentialRegistration, error) {
	var answer struct {
		PasskeyID, U2FID                   string
		PublicKeyCredentialCreationOptions struct {
			PublicKey map[string]any `json:"publicKey"`
		}
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return CredentialRegistration{}, err
	}
	options := answer.PublicKeyCredentialCreationOptions
	id := answer.PasskeyID + answer.U2FID
	challenge, _ := options.PublicKey["challenge"].(string)
	rp, _ := options.PublicKey["rp"].(map[string]any)
	// A key of another RP ID would be registered, and never be found again.
	if id == "" || challenge == "" || rp["id"] != rpID {
		return CredentialRegistration{}, unavailable(r.op, errIncomplete)
	}
	chosen, _ := options.PublicKey["authenticatorSelection"].(map[string]any)
	if chosen == nil {
		chosen = map[string]any{}
	}
	chosen[wish.name] = wish.value
	options.PublicKey["authenticatorSelection"] = chosen
	raw, err := json.Marshal(options)
	if err != nil {
		return CredentialRegistration{}, unavailable(r.op, err)
	}
	return CredentialRegistration{ID: id, Options: raw}, nil
}

// registered is the outcome of a ceremony, and the member of the request that
// names the key.
type registered struct {
	id          string
	made        json.RawMessage
	field, name string
}

func (c *Client) verifyCredential(ctx context.Context, op, path, userID string, r registered) error {
	attestation, err := parseCredential(op, r.made, attestationType)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(r.name)
	if name == "" || utf8.RuneCountInString(name) > 200 {
		return invalid(op, "a key's name has 1 to 200 characters")
	}
	body := map[string]any{"publicKeyCredential": attestation, r.field: name}
	return c.call(ctx, request{op: op, method: http.MethodPost, path: path, id: userID, credential: r.id, body: body}, nil)
}
