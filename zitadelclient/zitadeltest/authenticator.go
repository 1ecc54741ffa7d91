package zitadeltest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// What navigator.credentials throws, by the name of the DOMException.
var (
	ErrNotAllowed   = errors.New("zitadeltest: NotAllowedError")   // none of the keys fits, or the visitor declined
	ErrInvalidState = errors.New("zitadeltest: InvalidStateError") // a key of this authenticator is excluded
	ErrSecurity     = errors.New("zitadeltest: SecurityError")     // the RP ID does not fit the page's origin
)

// Authenticator is a software WebAuthn authenticator together with the browser
// in front of it. It keeps its keys itself, as passkeys do, and answers the
// options of a ceremony as navigator.credentials would on a page of an origin.
//
//	a := zitadeltest.NewAuthenticator()
//	z.AddPasskey(alice, "example.localhost", a)
//	credential, err := a.Get(options, "http://auth.example.localhost:8400")
//
// It is honest until told to [Authenticator.Lie]. It signs with ES256 and
// attests nothing (format "none").
type Authenticator struct {
	mu         sync.Mutex
	lie        Lie
	unverified bool
	declines   bool
	keys       []*softKey
}

// softKey is one credential of an authenticator.
type softKey struct {
	id, userHandle []byte
	rpID           string
	private        *ecdsa.PrivateKey
	count          uint32
}

// Lie is what an authenticator or a browser says that is not so. The zero
// value is the truth.
type Lie struct {
	Origin      string // in the client data, in place of the page's
	Type        string // in the client data, in place of webauthn.get or webauthn.create
	Challenge   string // in the client data, base64url, in place of the one that was asked
	CrossOrigin bool   // the client data says that the page was in a frame of another origin
	RPID        string // the authenticator data is for this RP ID
	UserHandle  string // the assertion says that it is of this user
	OtherKey    bool   // signs with a key that nobody registered, under the id of the right one
	Absent      bool   // the authenticator data denies that anybody was present
	Unverified  bool   // the authenticator data denies that the user was verified
	Garbled     bool   // the credential is JSON, and no credential
}

// NewAuthenticator makes an honest authenticator without any key. It verifies
// its user, by PIN or finger, whenever the options do not discourage it.
func NewAuthenticator() *Authenticator { return &Authenticator{} }

// Lie makes the authenticator lie from here on; the zero Lie ends it.
func (a *Authenticator) Lie(l Lie) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lie = l
}

// Decline makes every ceremony end with [ErrNotAllowed], as when the visitor
// closes the dialog or it times out.
func (a *Authenticator) Decline(declines bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.declines = declines
}

// WithoutVerification makes the authenticator one that only notices touch, as
// an old security key: it refuses options that require user verification when
// it is asked for an assertion, and registers without.
func (a *Authenticator) WithoutVerification() *Authenticator {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unverified = true
	return a
}

// Keys is how many credentials the authenticator holds.
func (a *Authenticator) Keys() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.keys)
}

// ceremony is what both kinds of options come to.
type ceremony struct {
	Challenge        string       `json:"challenge"`
	RPID             string       `json:"rpId"` // of an assertion
	UserVerification string       `json:"userVerification"`
	Allow            []descriptor `json:"allowCredentials"`
	Exclude          []descriptor `json:"excludeCredentials"`
	RP               struct {
		ID string `json:"id"`
	} `json:"rp"` // of a registration
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Selection struct {
		UserVerification string `json:"userVerification"`
	} `json:"authenticatorSelection"`
}

type descriptor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// readOptions reads options with or without the publicKey around them, and
// refuses an RP ID that a browser would refuse on a page of that origin.
func readOptions(options []byte, origin string) (ceremony, error) {
	var wrapped struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &wrapped); err != nil {
		return ceremony{}, fmt.Errorf("zitadeltest: WebAuthn options: %w", err)
	}
	if wrapped.PublicKey != nil {
		options = wrapped.PublicKey
	}
	var c ceremony
	if err := json.Unmarshal(options, &c); err != nil {
		return ceremony{}, fmt.Errorf("zitadeltest: WebAuthn options: %w", err)
	}
	page, err := url.Parse(origin)
	if err != nil || page.Scheme == "" || page.Host == "" || page.Path != "" {
		return ceremony{}, fmt.Errorf("zitadeltest: %q is no origin", origin)
	}
	c.RPID = firstOf(c.RPID, c.RP.ID, page.Hostname())
	c.UserVerification = firstOf(c.UserVerification, c.Selection.UserVerification, "preferred")
	if page.Hostname() != c.RPID && !strings.HasSuffix(page.Hostname(), "."+c.RPID) {
		return ceremony{}, fmt.Errorf("%w: RP ID %s on %s", ErrSecurity, c.RPID, origin)
	}
	return c, nil
}

// Create answers creation options as navigator.credentials.create on a page of
// the origin: the JSON of a PublicKeyCredential.
func (a *Authenticator) Create(options []byte, origin string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, err := readOptions(options, origin)
	if err != nil {
		return nil, err
	}
	if a.declines {
		return nil, fmt.Errorf("%w: declined", ErrNotAllowed)
	}
	if len(c.Exclude) > 0 && a.keyFor(c.RPID, c.Exclude) != nil {
		return nil, fmt.Errorf("%w: already registered", ErrInvalidState)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("zitadeltest: generate key: %w", err)
	}
	userHandle, err := decodeBase64(c.User.ID)
	if err != nil {
		return nil, fmt.Errorf("zitadeltest: WebAuthn options: user id: %w", err)
	}
	k := &softKey{id: make([]byte, 32), rpID: c.RPID, userHandle: userHandle, private: private}
	_, _ = rand.Read(k.id) // never fails, see crypto/rand
	a.keys = append(a.keys, k)
	clientData := a.clientData("webauthn.create", c, origin)
	attestation := encodeAttestation(a.authenticatorData(k, c, attestedKey(k)))
	return a.credential(k, map[string]any{
		"clientDataJSON": encodeBase64(clientData), "attestationObject": encodeBase64(attestation), "transports": []string{"internal"},
	}), nil
}

// Get answers request options as navigator.credentials.get on a page of the
// origin: the JSON of a PublicKeyCredential.
func (a *Authenticator) Get(options []byte, origin string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, err := readOptions(options, origin)
	if err != nil {
		return nil, err
	}
	k := a.keyFor(c.RPID, c.Allow)
	if k == nil || a.declines || a.unverified && c.UserVerification == "required" {
		return nil, fmt.Errorf("%w: %d credentials allowed for %s", ErrNotAllowed, len(c.Allow), c.RPID)
	}
	k.count++
	clientData := a.clientData("webauthn.get", c, origin)
	data := a.authenticatorData(k, c, nil)
	hash := sha256.Sum256(clientData)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	private := k.private
	if a.lie.OtherKey {
		if private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("zitadeltest: generate key: %w", err)
		}
	}
	signature, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
	if err != nil {
		return nil, fmt.Errorf("zitadeltest: sign: %w", err)
	}
	return a.credential(k, map[string]any{
		"clientDataJSON": encodeBase64(clientData), "authenticatorData": encodeBase64(data), "signature": encodeBase64(signature),
		"userHandle": encodeBase64([]byte(firstOf(a.lie.UserHandle, string(k.userHandle)))),
	}), nil
}

// keyFor is the newest key for an RP ID among the listed ones; no list is any.
func (a *Authenticator) keyFor(rpID string, listed []descriptor) *softKey {
	for _, k := range slices.Backward(a.keys) {
		fits := len(listed) == 0 || slices.ContainsFunc(listed, func(d descriptor) bool {
			id, err := decodeBase64(d.ID)
			return err == nil && bytes.Equal(id, k.id)
		})
		if k.rpID == rpID && fits {
			return k
		}
	}
	return nil
}

// clientData is what the browser says of the ceremony. The signature covers it,
// which is why a relying party can believe the origin in it, if it looks.
func (a *Authenticator) clientData(kind string, c ceremony, origin string) []byte {
	return mustJSON(collectedClientData{
		Type: firstOf(a.lie.Type, kind), Challenge: firstOf(a.lie.Challenge, strings.TrimRight(c.Challenge, "=")),
		Origin: firstOf(a.lie.Origin, origin), CrossOrigin: a.lie.CrossOrigin,
	})
}

// authenticatorData is what the authenticator says of itself and its user.
func (a *Authenticator) authenticatorData(k *softKey, c ceremony, attested []byte) []byte {
	flags := byte(flagUserPresent)
	if c.UserVerification != "discouraged" && !a.unverified && !a.lie.Unverified {
		flags |= flagUserVerified
	}
	if a.lie.Absent {
		flags &^= flagUserPresent
	}
	if attested != nil {
		flags |= flagAttested
	}
	return encodeAuthenticatorData(firstOf(a.lie.RPID, k.rpID), flags, k.count, attested)
}

// credential is the JSON that PublicKeyCredential.toJSON would give.
func (a *Authenticator) credential(k *softKey, response map[string]any) []byte {
	if a.lie.Garbled {
		return []byte(`{"a":"b"}`)
	}
	id := encodeBase64(k.id)
	return mustJSON(object{
		"type": "public-key", "id": id, "rawId": id, "authenticatorAttachment": "platform",
		"clientExtensionResults": object{}, "response": response,
	})
}

func encodeBase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decodeBase64 overlooks padding, as browsers' helpers differ in it.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, fmt.Errorf("base64url: %w", err)
	}
	return b, nil
}
