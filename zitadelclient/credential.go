package zitadelclient

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// The credentials of WebAuthn arrive from the browser as JSON. Plain
// encoding/json reads them, and not go-webauthn: its protocol package, with the
// CBOR, TPM and metadata code behind it, would add megabytes to the binary, and
// what it verifies beyond the client data is ZITADEL's to verify.

// maxCredential bounds what a browser may send. The largest attestations, with
// a chain of certificates, take some 10 KiB.
const maxCredential = 32 << 10

// credential is a PublicKeyCredential with the fields that ZITADEL needs. What
// it is sent is made of these alone, so that it reads what was checked here.
type credential struct {
	ID       string             `json:"id"`
	RawID    string             `json:"rawId"`
	Type     string             `json:"type"`
	Response credentialResponse `json:"response"`
}

// credentialResponse is an assertion's or an attestation's. All are base64url.
type credentialResponse struct {
	ClientDataJSON    string `json:"clientDataJSON"`
	AttestationObject string `json:"attestationObject,omitempty"`
	AuthenticatorData string `json:"authenticatorData,omitempty"`
	Signature         string `json:"signature,omitempty"`
	UserHandle        string `json:"userHandle,omitempty"`
}

// The types of client data, and of the credentials that carry them.
const (
	assertionType   = "webauthn.get"
	attestationType = "webauthn.create"
)

// parseCredential reads a credential that a browser made for one of the types.
// Its errors hold nothing of it.
func parseCredential(op string, data json.RawMessage, kind string) (credential, error) {
	parsed, err := readCredential(data, kind)
	if err != nil {
		return credential{}, &Error{Kind: CredentialRefused, Op: op, Err: err}
	}
	return parsed, nil
}

func readCredential(data []byte, kind string) (credential, error) {
	if len(data) > maxCredential {
		return credential{}, errors.New("the credential is too large")
	}
	members, err := strictObject(data)
	if err != nil {
		return credential{}, err
	}
	response, err := strictObject(members["response"])
	if err != nil {
		return credential{}, err
	}
	var c credential
	fields := []member{
		{members, "id", &c.ID, isBase64URL}, {members, "rawId", &c.RawID, isBase64URL}, {members, "type", &c.Type, isPublicKey},
		{response, "clientDataJSON", &c.Response.ClientDataJSON, isBase64URL},
	}
	switch kind {
	case assertionType:
		fields = append(fields, member{response, "authenticatorData", &c.Response.AuthenticatorData, isBase64URL},
			member{response, "signature", &c.Response.Signature, isBase64URL})
		// A security key may have no handle, which browsers write as null or not at all.
		if raw := response["userHandle"]; raw != nil && string(raw) != "null" {
			fields = append(fields, member{response, "userHandle", &c.Response.UserHandle, isBase64URL})
		}
	case attestationType:
		fields = append(fields, member{response, "attestationObject", &c.Response.AttestationObject, isBase64URL})
	default:
		return credential{}, errors.New("no such type of client data")
	}
	for _, field := range fields {
		if err := field.read(); err != nil {
			return credential{}, err
		}
	}
	if c.ID != c.RawID {
		return credential{}, errors.New("id and rawId differ")
	}
	return c, nil
}

// member is a string to be read out of an object.
type member struct {
	of    map[string]json.RawMessage
	name  string
	into  *string
	valid func(string) bool
}

func (m member) read() error {
	value, ok := stringOf(m.of[m.name])
	if !ok || !m.valid(value) {
		return errors.New(m.name + " is missing or malformed")
	}
	*m.into = value
	return nil
}

func isPublicKey(s string) bool { return s == "public-key" }

// isBase64URL takes the one way to write some bytes. The decoder alone would
// also take line breaks and bits left over, which another one may read
// differently.
func isBase64URL(s string) bool {
	decoded, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(decoded) > 0 && base64.RawURLEncoding.EncodeToString(decoded) == s
}

// stringOf is false for anything but a JSON string: null would be read as "".
func stringOf(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// strictObject reads one JSON object, and refuses whatever two parsers could
// read differently: a name twice (one takes the first, another the last), also
// in another case (encoding/json, ZITADEL's too, takes "ORIGIN" for "origin"),
// anything after the object, and bytes that are not UTF-8.
func strictObject(data []byte) (map[string]json.RawMessage, error) {
	errObject := errors.New("not one JSON object, or ambiguous")
	if !utf8.Valid(data) {
		return nil, errObject
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errObject
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil, errObject
		}
		for other := range members {
			if strings.EqualFold(other, name) {
				return nil, errObject
			}
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errObject
		}
		members[name] = value
	}
	if token, err := decoder.Token(); err != nil || token != json.Delim('}') {
		return nil, errObject
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errObject
	}
	return members, nil
}
