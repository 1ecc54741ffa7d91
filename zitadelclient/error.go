package zitadelclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Kind says what an [Error] means to the caller. It is an error itself, so
// that errors.Is(err, zitadelclient.NotFound) asks for it.
type Kind string

// The kinds of errors. Every error of this package has one.
const (
	NotFound          Kind = "not found"
	Invalid           Kind = "invalid request"
	WrongPassword     Kind = "wrong password"
	WrongCode         Kind = "wrong or expired code"
	NoPassword        Kind = "user has no password"
	NotActive         Kind = "user is not active"
	AlreadyExists     Kind = "already exists"
	PasswordPolicy    Kind = "password does not meet the policy"
	AlreadyHandled    Kind = "already handled"
	SessionEnded      Kind = "session expired, terminated or not proven"
	NotPermitted      Kind = "not permitted"        // the service user lacks its role
	NotVerified       Kind = "address not verified" // the e-mail address or phone that codes would go to
	NotEnrolled       Kind = "factor not set up"
	AlreadyEnrolled   Kind = "factor already set up"
	NoChallenge       Kind = "no challenge is open"          // never asked for, or answered already: challenge again
	NoCredential      Kind = "no key for this RP ID"         // of this kind, passkey or security key
	CredentialRefused Kind = "credential refused"            // not by a key of the user, not for this challenge, or not by our page
	CredentialUnknown Kind = "key was not asked for"         // another user's, or gone
	IntentRefused     Kind = "intent refused"                // not answered, used up, too old, another user's, or not with its token
	Unsupported       Kind = "provider not supported"        // by us: it wants more of the browser than to be sent there
	GrantRequired     Kind = "user lacks a grant"            // the project's role check says no
	Unauthorized      Kind = "own credential not accepted"   // the service token's, or our OIDC client's
	RateLimited       Kind = "rate limited"                  // 429
	InvalidGrant      Kind = "code or refresh token refused" // used, revoked, or its user is not active
	InvalidToken      Kind = "token not valid"               // whoever made it, nobody is signed in by it
	AuthorizeRefused  Kind = "authorize refused"             // no auth request came back: use the browser
	Unavailable       Kind = "unavailable"                   // network, time-out, 5xx, or not ZITADEL's words
)

// Error returns the kind's own words.
func (k Kind) Error() string { return string(k) }

// Error is what every call of this package fails with. Its text is for logs and
// operators: it names the operation and ZITADEL's error id, and holds neither
// ZITADEL's message nor anything a user typed.
type Error struct {
	Kind           Kind
	Op             string // the operation, "create session"
	Status         int    // ZITADEL's HTTP status; 0 when no answer came
	ID             string // ZITADEL's error id ("COMMAND-3M0fs") or OAuth error ("invalid_grant")
	FailedAttempts int    // with WrongPassword: how often in a row
	Err            error  // the cause, or what an operator should do
}

// Error names operation, kind and id.
func (e *Error) Error() string {
	text := "zitadel: " + e.Op + ": " + string(e.Kind)
	switch {
	case e.ID != "":
		text += fmt.Sprintf(" (%s, status %d)", e.ID, e.Status)
	case e.Status != 0:
		text += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Unwrap returns the cause, a context's error for example.
func (e *Error) Unwrap() error { return e.Err }

// kindByID is the one table of ZITADEL's error ids. It lists those whose kind
// is not the one of their status (see [kindByStatus]); the ids were recorded.
var kindByID = map[string]Kind{
	// Password checks, in sessions and in password changes.
	"COMMAND-3M0fs": WrongPassword,
	"COMMAND-3nJ4t": NoPassword,
	"SESSION-Gj4ko": NotActive,
	"COMMAND-JLK35": NotActive, // locked before the check (documented, never seen)
	"COMMAND-SFA3t": NotActive, // locked by it (documented, never seen)

	// Codes from mails and SMS.
	"COMMAND-eis9R":    WrongCode,      // e-mail, phone: wrong, used or expired
	"CODE-woT0xc":      WrongCode,      // password, one-time code: wrong
	"CODE-QvUQ4P":      WrongCode,      // password, one-time code: expired
	"COMMAND-2M9fs":    WrongCode,      // password: used, or never sent
	"COMMAND-S34gh":    WrongCode,      // one-time code: used, or never sent
	"COMMAND-Wgn4q":    WrongCode,      // invitation
	"COMMAND-Eeb2a":    WrongCode,      // passkey registration
	"EMAIL-5w5ilin4yt": AlreadyHandled, // resend for a verified address
	"PHONE-5xrra88eq8": AlreadyHandled, // resend for a verified number, or none
	"COMMAND-EF34g":    AlreadyHandled, // invitation of a user who can sign in

	// Authenticator apps, one-time codes and recovery codes.
	"EVENT-8isk2":    WrongCode,
	"DOMAIN-6uvh0":   WrongCode, // recovery code (documented, never seen)
	"COMMAND-3Mif9s": NotEnrolled,
	"COMMAND-JKLJ3":  NotEnrolled,     // challenge by mail
	"COMMAND-BJ2g3":  NotEnrolled,     // challenge by SMS (documented, never seen)
	"COMMAND-d2r52":  NotEnrolled,     // check of a code (documented, never seen)
	"COMMAND-84rgg":  NotEnrolled,     // recovery code (documented, never seen)
	"COMMAND-do9se":  AlreadyEnrolled, // authenticator app: register again
	"COMMAND-qx4ls":  AlreadyEnrolled, // authenticator app: verify again
	"COMMAND-MKL2s":  AlreadyEnrolled, // codes by mail
	"COMMAND-Ad3g2":  AlreadyEnrolled, // codes by SMS (documented, never seen)
	"COMMAND-KLJ2d":  NotVerified,     // codes by mail
	"COMMAND-Q54j2":  NotVerified,     // codes by SMS
	"COMMAND-SF3fg":  NotActive,       // locked by wrong codes (documented, never seen)
	"COMMAND-S6h4R":  NotActive,       // the same
	"COMMAND-2w6oa":  NotActive,       // the same, by recovery codes

	// WebAuthn. Those that begin with WEBAU are answered with status 500.
	"COMMAND-Ioqu5": NoChallenge,
	"WEBAU-5M9so":   NoChallenge,       // registration: verified already, or never begun
	"WEBAU-4G8sw":   NoCredential,      // challenge
	"WEBAU-ADgv4":   CredentialRefused, // assertion: malformed
	"WEBAU-3M9si":   CredentialRefused, // assertion: signature, challenge or verification is wrong
	"WEBAU-4M90s":   CredentialRefused, // assertion: of a copied key (documented, never seen)
	"COMMAND-Aej7i": CredentialRefused, // assertion: of a key that is gone (documented, never seen)
	"WEBAU-sEr8c":   CredentialRefused, // attestation: malformed
	"WEBAU-3Vb9s":   CredentialRefused, // attestation: for another challenge

	// Intents: visits to an identity provider.
	"CRYPTO-Sf4gt":   IntentRefused, // the token is not the intent's, or it has none yet
	"CRYPTO-CRYPTO":  IntentRefused, // the token is another intent's
	"IDP-nme4gszsvx": IntentRefused, // retrieved: used up
	"COMMAND-Df4bw":  IntentRefused, // checked: used up
	"COMMAND-O8xk3w": IntentRefused, // checked: for a user whose identity it is not

	// New passwords. User creation and password change say the same with
	// different prefixes.
	"COMMA-HuJf6":   PasswordPolicy,
	"COMMA-ZDLwA":   PasswordPolicy,
	"COMMA-VoaRj":   PasswordPolicy,
	"COMMA-ZBv4H":   PasswordPolicy,
	"COMMA-co3Xw":   PasswordPolicy,
	"DOMAIN-HuJf6":  PasswordPolicy,
	"DOMAIN-ZDLwA":  PasswordPolicy,
	"DOMAIN-VoaRj":  PasswordPolicy,
	"DOMAIN-ZBv4H":  PasswordPolicy,
	"DOMAIN-co3Xw":  PasswordPolicy,
	"COMMAND-Aesh5": PasswordPolicy, // the same password again

	// Sessions that do not count (any more).
	"COMMAND-Hkl3d": SessionEnded, // expired
	"COMMAND-Hewfq": SessionEnded, // terminated
	"COMMAND-Flk38": SessionEnded, // unknown
	"COMMAND-sGr42": SessionEnded, // token garbled, outdated or another session's
	"QUERY-dsfr3":   SessionEnded, // the same on reading
	"QUERY-SFeaa":   SessionEnded, // reading a terminated or unknown one

	// Auth requests.
	"COMMAND-Sx208nt": AlreadyHandled,
	"COMMAND-Sx202nt": AlreadyHandled, // also an unknown request, when it shall fail
	"OIDC-foSyH49RvL": GrantRequired,

	// Users and organizations.
	"COMMAND-G8dh3": NotFound, // password change of an unknown user
	"AUTH-Bs7Ds":    NotFound, // user creation in an unknown organization

	// The service user. Without any role ZITADEL says 404.
	"AUTHZ-cdgFk": NotPermitted,
	"AUTH-AWfge":  NotPermitted,
}

// kindByStatus is the kind of an answer whose id says nothing special. A 404
// needs an id to count: without one it is a wrong host or path, and taking that
// for a missing user would send every visitor to sign-up.
func kindByStatus(status int, id string) Kind {
	switch {
	case status == http.StatusBadRequest:
		return Invalid
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return NotPermitted
	case status == http.StatusNotFound && id != "":
		return NotFound
	case status == http.StatusConflict:
		return AlreadyExists
	case status == http.StatusTooManyRequests:
		return RateLimited
	}
	return Unavailable
}

// What an operator should do, by kind or id. Visitors never read these.
var (
	errRole     = errors.New("the service user lacks a role: give it IAM_LOGIN_CLIENT on the instance")
	errInstance = errors.New("the server knows no such instance or path: TORHAUS_ZITADEL_ISSUER must name the instance's domain exactly, and TORHAUS_ZITADEL_API_URL must lead to ZITADEL")
	errToken    = errors.New("ZITADEL does not accept the service token: the credential was removed, belongs to another instance, or its user was locked")
	errAudience = errors.New("ZITADEL does not accept the service token: it was removed, is not of this instance, or lacks the audience scope urn:zitadel:iam:org:project:id:zitadel:aud")
)

// apiError turns an API answer that is not a success into an [Error].
func apiError(op string, status int, body []byte) *Error {
	var answer struct {
		Details []struct {
			ID             string `json:"id"`
			FailedAttempts int    `json:"failedAttempts"`
		} `json:"details"`
	}
	// An answer that is no JSON has no id, which is all that is wanted of it.
	_ = json.Unmarshal(body, &answer)
	e := &Error{Op: op, Status: status}
	if len(answer.Details) > 0 {
		e.ID = answer.Details[0].ID
		e.FailedAttempts = answer.Details[0].FailedAttempts
	}
	kind, known := kindByID[e.ID]
	// A failure of the server counts by its status, whatever it names, except
	// that ZITADEL answers a refused credential with 500. Taken for an outage,
	// one visitor's wrong key would have every visitor told to come back later.
	if !known || status >= http.StatusInternalServerError && !strings.HasPrefix(e.ID, "WEBAU-") {
		kind = kindByStatus(status, e.ID)
	}
	e.Kind = kind
	e.Err = advice(e)
	return e
}

// advice is what the operator can do about an error of the installation.
func advice(e *Error) error {
	switch {
	case e.Kind == NotPermitted:
		return errRole
	case e.ID == "AUTH-7fs1e":
		return errAudience
	case e.Kind == Unauthorized:
		return errToken
	case e.Status == http.StatusNotFound && e.Kind == Unavailable:
		return errInstance
	}
	return nil
}

// invalid refuses a call that must not be made.
func invalid(op, why string) *Error {
	return &Error{Kind: Invalid, Op: op, Err: errors.New(why)}
}

// unavailable wraps a failure of the network or of the answer's form.
func unavailable(op string, cause error) *Error {
	return &Error{Kind: Unavailable, Op: op, Err: cause}
}
