package zitadelclient

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
)

// ClientData is what the client data of a credential must say.
type ClientData struct {
	Type      string // "webauthn.get" or "webauthn.create"
	Origin    string // of the page that ran the ceremony, exactly: https://auth.example.com
	Challenge string // the options', base64url
	// Keys are the ids of the keys that were asked for; none for any key. A
	// browser may offer another one that it keeps under the same RP ID: of
	// somebody else, or one that ZITADEL no longer has.
	Keys []string
}

// CheckClientData refuses a credential that was not made by our own page for
// this challenge. ZITADEL does not check the origin, it takes it from the very
// data it should judge: with an RP ID above our host, an assertion that a
// hostile or hijacked neighbour under the same domain obtained would sign in
// here. A frame of another site (crossOrigin, topOrigin) is refused likewise.
// Call it before the credential goes anywhere.
func CheckClientData(credential json.RawMessage, want ClientData) error {
	const op = "check client data"
	parsed, err := parseCredential(op, credential, want.Type)
	if err != nil {
		return err
	}
	if err := parsed.checkClientData(want); err != nil {
		return &Error{Kind: CredentialRefused, Op: op, Err: err}
	}
	if len(want.Keys) > 0 && !slices.Contains(want.Keys, parsed.ID) {
		return &Error{Kind: CredentialUnknown, Op: op, Err: errors.New("answered by a key that was not asked for")}
	}
	return nil
}

// KeyOf is the id of the key that made an assertion, and of the user whom the
// authenticator keeps it for, "" where it does not say. Nothing of it is proven.
func KeyOf(assertion json.RawMessage) (id, userID string) {
	parsed, err := readCredential(assertion, assertionType)
	if err != nil {
		return "", ""
	}
	handle, err := base64.RawURLEncoding.DecodeString(parsed.Response.UserHandle)
	if err != nil {
		return parsed.ID, ""
	}
	return parsed.ID, string(handle)
}

func (c credential) checkClientData(want ClientData) error {
	if want.Origin == "" || want.Challenge == "" {
		// Nothing may match what is missing on our side.
		return errors.New("no origin or no challenge to expect")
	}
	data, err := base64.RawURLEncoding.DecodeString(c.Response.ClientDataJSON)
	if err != nil {
		return err
	}
	members, err := strictObject(data)
	if err != nil {
		return err
	}
	for _, expected := range []struct{ name, value string }{
		{"type", want.Type}, {"challenge", want.Challenge}, {"origin", want.Origin},
	} {
		if got, ok := stringOf(members[expected.name]); !ok || got != expected.value {
			return errors.New(expected.name + " is not the expected one")
		}
	}
	// Browsers that know no cross-origin ceremonies leave the member out.
	if cross, ok := members["crossOrigin"]; ok && string(cross) != "false" {
		return errors.New("crossOrigin is not false")
	}
	if _, ok := members["topOrigin"]; ok {
		return errors.New("topOrigin is present: the page was framed")
	}
	return nil
}
