package zitadeltest

import (
	"sync"
	"time"
)

// How long the provider's things live, as on a new instance.
const (
	accessTokenLifetime  = 12 * time.Hour
	refreshTokenIdle     = 30 * 24 * time.Hour
	refreshTokenLifetime = 90 * 24 * time.Hour
	maxAssertionAge      = time.Hour
)

// oidcState is what the OpenID provider remembers. The server's lock guards it.
type oidcState struct {
	keys         []*machineKey           // made at the first use, the one in use first
	authRequests map[string]*authRequest // by id, with V2_
	codes        map[string]*authRequest // used codes stay: their reuse has its own error
	access       map[string]*accessToken // by the token as it is sent
	refresh      map[string]*oidcSession // rotated and revoked ones stay, as for codes
	sessions     []*oidcSession          // of people, oldest first
	deliveries   sync.WaitGroup          // logout tokens on their way
	tamper       func(claims map[string]any)
	loginV1      bool // login v2 is not required
}

func newOIDCState() *oidcState {
	return &oidcState{
		authRequests: map[string]*authRequest{}, codes: map[string]*authRequest{},
		access: map[string]*accessToken{}, refresh: map[string]*oidcSession{},
	}
}

// authRequest is what an application asked for at the authorize endpoint.
type authRequest struct {
	record
	id, clientID              string
	redirectURI, responseMode string
	state, nonce              string
	scopes, audience          []string // as granted: unknown scopes are gone
	prompts, uiLocales        []string
	maxAge                    *time.Duration
	loginHint, hintUserID     string
	challenge                 string // PKCE
	plain                     bool   // the challenge is the verifier itself

	handled   bool // finalized or failed: no read finds it any more
	sessionID string
	redeemed  bool // its code was exchanged
}

// oidcSession is one sign-in at one application, or one grant to a service
// user: what a refresh token continues.
type oidcSession struct {
	id               string
	clientID, userID string
	sessionID        string // ZITADEL's, "" for service users
	scopes, audience []string
	nonce            string
	methods          []string  // amr
	authTime         time.Time // zero: no factor was checked

	refreshToken         string // the newest one, "" once it was revoked
	refreshIdle, expires time.Time
	current              *accessToken
}

// accessToken is one access token, opaque or JWT.
type accessToken struct {
	value, id       string
	session         *oidcSession
	scopes          []string
	issued, expires time.Time
	revoked         bool
	// bound says that the ZITADEL session lived when the token was issued: its
	// end then ends the token. One that was refreshed later survives.
	bound bool
}

// activeAccessToken finds a token that is good: known, neither expired nor
// revoked, its user active and its ZITADEL session not terminated. A
// deactivated organization and a changed password stop nothing.
func (s *Server) activeAccessToken(value string) (*accessToken, bool) {
	t, ok := s.oidc.access[value]
	if !ok || t.revoked || !s.now().Before(t.expires) || !s.userIsActive(t.session.userID) {
		return nil, false
	}
	if t.bound && !s.sessionLives(t.session.sessionID) {
		return nil, false
	}
	return t, true
}

// tokenSubject is the user and the audience of an active access token, ""
// when there is none.
func (s *Server) tokenSubject(value string) (userID string, audience []string) {
	t, ok := s.activeAccessToken(value)
	if !ok {
		return "", nil
	}
	return t.session.userID, t.session.audience
}

func (s *Server) userIsActive(id string) bool {
	u := s.users[id]
	return u != nil && u.state == userActive
}

// sessionLives says whether a ZITADEL session exists and was not terminated.
// Expiry is another matter: it does not end tokens.
func (s *Server) sessionLives(id string) bool { return s.sessions[id] != nil }
