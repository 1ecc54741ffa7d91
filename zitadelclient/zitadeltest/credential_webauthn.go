package zitadeltest

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// credentialKind tells passkeys from security keys. ZITADEL keeps them apart:
// a passkey is no second factor, a security key no first one.
type credentialKind struct {
	method   string // as in the authentication methods
	idName   string // of the id in the answer to a registration
	verified bool   // the user must have been verified at the registration
	request  string // the message that ends a registration, and its name field
	nameOf   string
}

var (
	passkey     = credentialKind{method: "PASSKEY", idName: "passkeyId", verified: true, request: "VerifyPasskeyRegistrationRequest", nameOf: "PasskeyName"}
	securityKey = credentialKind{method: "U2F", idName: "u2fId", request: "VerifyU2FRegistrationRequest", nameOf: "TokenName"}
)

// credential is a passkey or a security key. It has no public key until the
// registration is finished.
type credential struct {
	id, name  string
	kind      credentialKind
	rpID      string
	challenge string
	keyID     []byte
	publicKey *ecdsa.PublicKey
	visible   time.Time
}

// ready are the finished credentials of a kind, for an RP ID unless that is "".
func (f *factors) ready(kind credentialKind, rpID string) []*credential {
	var found []*credential
	for _, c := range f.credentials {
		if c.kind == kind && c.publicKey != nil && (rpID == "" || c.rpID == rpID) {
			found = append(found, c)
		}
	}
	return found
}

// pending is the registration of a kind that waits to be finished. There is at
// most one: a newer one takes its place.
func (f *factors) pending(kind credentialKind) *credential {
	for _, c := range f.credentials {
		if c.kind == kind && c.publicKey == nil {
			return c
		}
	}
	return nil
}

// beginRegistration adds an unfinished credential and returns the options for
// the browser. Any RP ID will do: the real server does not ask whether it is ours.
func (s *Server) beginRegistration(u *user, kind credentialKind, rpID, attachment string) (*credential, object) {
	f := &u.human.factors
	f.credentials = slices.DeleteFunc(f.credentials, func(c *credential) bool { return c.kind == kind && c.publicKey == nil })
	made := &credential{id: s.newID(), kind: kind, rpID: firstOf(rpID, s.issuer.Hostname()), challenge: newSecret(32)}
	selection := compact(object{"userVerification": "required", "authenticatorAttachment": attachment})
	var parameters []object
	for _, algorithm := range []int{-7, -35, -36, -257, -258, -259, -37, -38, -39, -8} {
		parameters = append(parameters, object{"alg": algorithm, "type": "public-key"})
	}
	options := object{
		"attestation": "none", "authenticatorSelection": selection, "challenge": made.challenge, "pubKeyCredParams": parameters,
		"rp": object{"id": made.rpID, "name": "ZITADEL"}, "timeout": 300000,
		"user": object{"displayName": u.displayName(), "id": encodeBase64([]byte(u.id)), "name": s.loginName(u)},
	}
	if known := f.ready(kind, made.rpID); len(known) > 0 {
		options["excludeCredentials"] = descriptors(known)
	}
	f.credentials = append(f.credentials, made)
	return made, object{"publicKey": options}
}

func descriptors(credentials []*credential) []object {
	var list []object
	for _, c := range credentials {
		list = append(list, object{"id": encodeBase64(c.keyID), "type": "public-key"})
	}
	return list
}

// finishRegistration verifies what the browser made of the options. Which
// registration it is for is not asked: the pending one. All refusals are 500.
func (s *Server) finishRegistration(u *user, kind credentialKind, raw json.RawMessage, name string) error {
	c := u.human.factors.pending(kind)
	if c == nil {
		return internal("WEBAU-5M9so", "WebAuthN Token could not be found")
	}
	parsed, err := parseCredential(raw)
	if err != nil || len(parsed.rawData) == 0 {
		return internal("WEBAU-sEr8c", "Error on parse credential data")
	}
	err = parsed.meets(expectation{kind: "webauthn.create", challenge: c.challenge, rpID: c.rpID, verified: kind.verified})
	if err != nil || parsed.data.publicKey == nil || !bytes.Equal(parsed.data.keyID, parsed.id) {
		return internal("WEBAU-3Vb9s", "Error on create credentials")
	}
	s.touch(&u.record)
	c.keyID, c.publicKey, c.name, c.visible = parsed.data.keyID, parsed.data.publicKey, name, u.visible
	return nil
}

// internal is what ZITADEL answers to WebAuthn responses that it refuses, as
// if the failure were its own.
func internal(id, message string) *apiError { return refuse(13, id, message) }

// createPasskeyLink makes the code that entitles to register a passkey.
func (c *call) createPasskeyLink() (any, error) {
	var request struct {
		SendLink *struct {
			URLTemplate *string `json:"urlTemplate"`
		} `json:"sendLink"`
		ReturnCode *struct{} `json:"returnCode"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h, err := c.credentialOwner()
	if err != nil {
		return nil, err
	}
	m := message{kind: "passkey", codeID: c.newID(), template: c.config.Issuer + defaultPasskeyLink}
	if link := request.SendLink; link != nil && link.URLTemplate != nil {
		m.template = *link.URLTemplate
		if err := checkLength("CreatePasskeyRegistrationLinkRequest.SendLink", m.template); err != nil {
			return nil, err
		}
		if _, err := renderLink(m.template, passkeyLinkData{}); err != nil {
			return nil, err
		}
	}
	code := c.newVerificationCode(passkeyGenerator)
	m.code = code.value
	if h.factors.passkeyLinks == nil {
		h.factors.passkeyLinks = map[string]verificationCode{}
	}
	h.factors.passkeyLinks[m.codeID] = code
	c.touch(&u.record)
	if request.ReturnCode != nil {
		return object{"details": u.details(), "code": object{"id": m.codeID, "code": code.value}}, nil
	}
	c.sendCode(u, m)
	return object{"details": u.details()}, nil
}

// attachments are the values of the API and those of WebAuthn.
var attachments = map[string]string{
	"PASSKEY_AUTHENTICATOR_PLATFORM": "platform", "PASSKEY_AUTHENTICATOR_CROSS_PLATFORM": "cross-platform",
}

// registerPasskey begins a registration: with a code that a link brought, for
// oneself, or with the permission for anybody.
func (c *call) registerPasskey() (any, error) {
	var request struct {
		Domain        string `json:"domain"`
		Authenticator string `json:"authenticator"`
		Code          *struct {
			ID   string `json:"id"`
			Code string `json:"code"`
		} `json:"code"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if request.Code == nil {
		if err := c.requireOrSelf(userCredentialWrite, c.id()); err != nil {
			return nil, err
		}
	} else if u != nil {
		if !c.codeIs(h.factors.passkeyLinks[request.Code.ID], request.Code.Code) {
			return nil, invalidArgument("COMMAND-Eeb2a", "Code is invalid")
		}
		delete(h.factors.passkeyLinks, request.Code.ID)
	}
	if u == nil {
		return nil, errUserNotFound()
	}
	return c.answerRegistration(u, passkey, request.Domain, attachments[request.Authenticator]), nil
}

func (c *call) registerSecurityKey() (any, error) {
	var request struct {
		Domain string `json:"domain"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, _, err := c.credentialOwner()
	if err != nil {
		return nil, err
	}
	return c.answerRegistration(u, securityKey, request.Domain, ""), nil
}

func (c *call) answerRegistration(u *user, kind credentialKind, rpID, attachment string) object {
	made, options := c.beginRegistration(u, kind, rpID, attachment)
	c.touch(&u.record)
	return object{"details": u.details(), kind.idName: made.id, "publicKeyCredentialCreationOptions": options}
}

// verifyCredential ends a registration of a kind.
func verifyCredential(kind credentialKind) func(*call) (any, error) {
	return func(c *call) (any, error) {
		var request struct {
			PublicKeyCredential json.RawMessage `json:"publicKeyCredential"`
			PasskeyName         string          `json:"passkeyName"`
			TokenName           string          `json:"tokenName"`
		}
		if err := c.decode(&request); err != nil {
			return nil, err
		}
		name := firstOf(request.PasskeyName, request.TokenName)
		switch {
		case len(request.PublicKeyCredential) == 0:
			return nil, badRequest("invalid " + kind.request + ".PublicKeyCredential: value is required")
		case !lengthBetween(name, 1, 200):
			return nil, badRequest("invalid " + kind.request + "." + kind.nameOf + ": value length must be between 1 and 200 runes, inclusive")
		}
		u, _, err := c.credentialOwner()
		if err != nil {
			return nil, err
		}
		if err := c.finishRegistration(u, kind, request.PublicKeyCredential, name); err != nil {
			return nil, err
		}
		return object{"details": u.details()}, nil
	}
}

// searchPasskeys lists those that are ready.
func (c *call) searchPasskeys() (any, error) {
	if err := c.decode(&struct{}{}); err != nil {
		return nil, err
	}
	if err := c.requireOrSelf(userRead, c.id()); err != nil {
		return nil, err
	}
	_, h := c.humanOf(c.id())
	if h == nil {
		return nil, errUserNotFound()
	}
	list := []object{}
	for _, key := range h.factors.ready(passkey, "") {
		list = append(list, object{"id": key.id, "state": "AUTH_FACTOR_STATE_READY", "name": key.name})
	}
	return compact(object{"details": c.listDetails(len(list)), "result": list}), nil
}

func removeCredential(kind credentialKind) func(*call) (any, error) {
	return func(c *call) (any, error) {
		u, h, err := c.factorOwner()
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(h.factors.credentials, func(key *credential) bool {
			return key.kind == kind && key.id == c.request.PathValue("credential")
		})
		if at < 0 {
			return nil, notFound("COMMAND-DAfb2", "WebAuthN Token could not be found")
		}
		h.factors.credentials = slices.Delete(h.factors.credentials, at, at+1)
		c.touch(&u.record)
		return object{"details": u.details()}, nil
	}
}

// webAuthNChallenge is what a session was challenged with.
type webAuthNChallenge struct {
	challenge, rpID string
	verified        bool // user verification is required, so passkeys are meant
	allowed         []*credential
}

// challengeWebAuthN makes the request options: for passkeys where user
// verification is required, for security keys otherwise, of exactly the RP ID.
func (s *Server) challengeWebAuthN(h *human, rpID, requirement string) (*webAuthNChallenge, object, error) {
	kind, timeout, verification := passkey, 300000, "required"
	switch requirement {
	case "USER_VERIFICATION_REQUIREMENT_PREFERRED":
		kind, verification = securityKey, "preferred"
	case "USER_VERIFICATION_REQUIREMENT_DISCOURAGED":
		kind, timeout, verification = securityKey, 120000, "discouraged"
	}
	rpID = firstOf(rpID, s.issuer.Hostname())
	allowed := h.factors.ready(kind, rpID)
	if len(allowed) == 0 {
		return nil, nil, internal("WEBAU-4G8sw", "WebAuthN begin login failed")
	}
	challenge := &webAuthNChallenge{challenge: newSecret(32), rpID: rpID, verified: verification == "required", allowed: allowed}
	options := object{
		"allowCredentials": descriptors(allowed), "challenge": challenge.challenge, "rpId": rpID,
		"timeout": timeout, "userVerification": verification,
	}
	return challenge, object{"publicKeyCredentialRequestOptions": object{"publicKey": options}}, nil
}

// judge verifies an assertion against a challenge. The signature counter is not
// asked: ZITADEL notices a copied key and lets it in.
func (w *webAuthNChallenge) judge(userID string, raw json.RawMessage) (verified bool, err error) {
	parsed, err := parseCredential(raw)
	if err != nil || len(parsed.rawData) == 0 || len(parsed.signature) == 0 {
		return false, internal("WEBAU-ADgv4", "Error on validate login credentials")
	}
	refused := internal("WEBAU-3M9si", "Error on validate login credentials")
	if len(parsed.userHandle) > 0 && string(parsed.userHandle) != userID {
		return false, refused
	}
	at := slices.IndexFunc(w.allowed, func(c *credential) bool { return bytes.Equal(c.keyID, parsed.id) })
	if at < 0 {
		return false, refused
	}
	wanted := expectation{kind: "webauthn.get", challenge: w.challenge, rpID: w.rpID, verified: w.verified}
	if err := errors.Join(parsed.meets(wanted), parsed.signedBy(w.allowed[at].publicKey)); err != nil {
		return false, refused
	}
	return parsed.data.flags&flagUserVerified != 0, nil
}
