package zitadeltest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// The flags of authenticator data.
const (
	flagUserPresent  = 0x01
	flagUserVerified = 0x04
	flagAttested     = 0x40
)

// publicKeyCredential is what a browser's ceremony gives.
type publicKeyCredential struct {
	ID       string `json:"id"`
	RawID    string `json:"rawId"`
	Type     string `json:"type"`
	Response struct {
		ClientDataJSON    string `json:"clientDataJSON"`
		AttestationObject string `json:"attestationObject"`
		AuthenticatorData string `json:"authenticatorData"`
		Signature         string `json:"signature"`
		UserHandle        string `json:"userHandle"`
	} `json:"response"`
}

// collectedClientData is what the browser says of a ceremony.
type collectedClientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// authenticatorData is what the authenticator says.
type authenticatorData struct {
	rpIDHash  []byte
	flags     byte
	count     uint32
	keyID     []byte           // of a registration
	publicKey *ecdsa.PublicKey // of a registration
}

// attestationObject wraps the authenticator data of a registration.
type attestationObject struct {
	Format    string         `cbor:"fmt"`
	Statement map[string]any `cbor:"attStmt"`
	AuthData  []byte         `cbor:"authData"`
}

// coseKey is an ES256 public key, kty EC2 on P-256.
type coseKey struct {
	Type      int    `cbor:"1,keyasint"`
	Algorithm int    `cbor:"3,keyasint"`
	Curve     int    `cbor:"-1,keyasint"`
	X         []byte `cbor:"-2,keyasint"`
	Y         []byte `cbor:"-3,keyasint"`
}

// parsedCredential is a credential taken apart but not yet believed.
type parsedCredential struct {
	id         []byte
	client     collectedClientData
	clientHash [sha256.Size]byte
	rawData    []byte
	data       authenticatorData
	signature  []byte
	userHandle []byte
}

// parseCredential takes a credential apart; one with an attestation object is
// a registration.
func parseCredential(raw json.RawMessage) (parsedCredential, error) {
	var c publicKeyCredential
	if err := json.Unmarshal(raw, &c); err != nil {
		return parsedCredential{}, fmt.Errorf("credential: %w", err)
	}
	if c.ID == "" || c.Type != "public-key" {
		return parsedCredential{}, errors.New("credential: no id, or not a public key")
	}
	decoded := map[string][]byte{}
	for name, field := range map[string]string{
		"id": c.ID, "rawId": c.RawID, "client": c.Response.ClientDataJSON, "attestation": c.Response.AttestationObject,
		"data": c.Response.AuthenticatorData, "signature": c.Response.Signature, "user": c.Response.UserHandle,
	} {
		value, err := decodeBase64(field)
		if err != nil {
			return parsedCredential{}, fmt.Errorf("credential: %s: %w", name, err)
		}
		decoded[name] = value
	}
	p := parsedCredential{
		id: decoded["rawId"], clientHash: sha256.Sum256(decoded["client"]), rawData: decoded["data"],
		signature: decoded["signature"], userHandle: decoded["user"],
	}
	if err := json.Unmarshal(decoded["client"], &p.client); err != nil {
		return parsedCredential{}, fmt.Errorf("credential: client data: %w", err)
	}
	if len(decoded["attestation"]) > 0 {
		var attestation attestationObject
		if err := cbor.Unmarshal(decoded["attestation"], &attestation); err != nil {
			return parsedCredential{}, fmt.Errorf("credential: attestation: %w", err)
		}
		if attestation.Format != "none" {
			return parsedCredential{}, fmt.Errorf("credential: attestation %q is not known here", attestation.Format)
		}
		p.rawData = attestation.AuthData
	}
	var err error
	p.data, err = parseAuthenticatorData(p.rawData)
	return p, err
}

// parseAuthenticatorData reads the binary layout of WebAuthn §6.1.
func parseAuthenticatorData(raw []byte) (authenticatorData, error) {
	const fixed = sha256.Size + 1 + 4
	if len(raw) < fixed {
		return authenticatorData{}, errors.New("authenticator data: too short")
	}
	d := authenticatorData{rpIDHash: raw[:sha256.Size], flags: raw[sha256.Size], count: binary.BigEndian.Uint32(raw[sha256.Size+1:])}
	if d.flags&flagAttested == 0 {
		return d, nil
	}
	rest := raw[fixed:]
	const aaguid = 16
	if len(rest) < aaguid+2 {
		return authenticatorData{}, errors.New("authenticator data: no credential")
	}
	length := int(binary.BigEndian.Uint16(rest[aaguid:]))
	rest = rest[aaguid+2:]
	if len(rest) < length {
		return authenticatorData{}, errors.New("authenticator data: credential id too short")
	}
	d.keyID = rest[:length]
	var err error
	d.publicKey, err = parsePublicKey(rest[length:])
	return d, err
}

// parsePublicKey reads a COSE key; what follows it are extensions.
func parsePublicKey(raw []byte) (*ecdsa.PublicKey, error) {
	var key coseKey
	if _, err := cbor.UnmarshalFirst(raw, &key); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	if key.Type != 2 || key.Algorithm != -7 || key.Curve != 1 {
		return nil, fmt.Errorf("public key: algorithm %d is not known here", key.Algorithm)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, key.X, key.Y))
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return public, nil
}

// expectation is what a ceremony was asked for.
type expectation struct {
	kind, challenge, rpID string
	verified              bool // the user must have been
}

// meets judges all but the signature. As on the real server neither the origin
// nor crossOrigin is looked at: ZITADEL takes the origin that it compares with
// from these same client data. Whoever relies on ZITADEL for that accepts
// assertions that were made on any page.
func (p parsedCredential) meets(e expectation) error {
	hash := sha256.Sum256([]byte(e.rpID))
	switch {
	case p.client.Type != e.kind:
		return fmt.Errorf("client data: type %q", p.client.Type)
	case p.client.Challenge != e.challenge:
		return errors.New("client data: another challenge")
	case !bytes.Equal(p.data.rpIDHash, hash[:]):
		return errors.New("authenticator data: another RP ID")
	case p.data.flags&flagUserPresent == 0:
		return errors.New("authenticator data: nobody was present")
	case e.verified && p.data.flags&flagUserVerified == 0:
		return errors.New("authenticator data: the user was not verified")
	}
	return nil
}

// signedBy verifies the signature of an assertion.
func (p parsedCredential) signedBy(key *ecdsa.PublicKey) error {
	digest := sha256.Sum256(slices.Concat(p.rawData, p.clientHash[:]))
	if !ecdsa.VerifyASN1(key, digest[:], p.signature) {
		return errors.New("assertion: wrong signature")
	}
	return nil
}

// encodeAuthenticatorData is the layout that parseAuthenticatorData reads.
func encodeAuthenticatorData(rpID string, flags byte, count uint32, attested []byte) []byte {
	hash := sha256.Sum256([]byte(rpID))
	return slices.Concat(hash[:], []byte{flags}, binary.BigEndian.AppendUint32(nil, count), attested)
}

// attestedKey is the part of authenticator data that introduces a key. The
// AAGUID is zero: that of an authenticator that does not say what it is.
func attestedKey(k *softKey) []byte {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		panic("zitadeltest: public key: " + err.Error()) // a P-256 key that was just made
	}
	x, y := point[1:33], point[33:]
	cose := mustCBOR(coseKey{Type: 2, Algorithm: -7, Curve: 1, X: x, Y: y})
	length := binary.BigEndian.AppendUint16(nil, uint16(len(k.id)))
	return slices.Concat(make([]byte, 16), length, k.id, cose)
}

func encodeAttestation(authData []byte) []byte {
	return mustCBOR(attestationObject{Format: "none", Statement: map[string]any{}, AuthData: authData})
}

// mustCBOR encodes what cannot fail to.
func mustCBOR(v any) []byte {
	raw, err := cbor.Marshal(v)
	if err != nil {
		panic("zitadeltest: CBOR: " + err.Error())
	}
	return raw
}
