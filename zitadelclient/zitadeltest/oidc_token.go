package zitadeltest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

const (
	grantJWTBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// token answers POST /oauth/v2/token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	tokens, refusal := s.grant(r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	writeJSON(w, http.StatusOK, tokens)
}

// grant finds the grant type that was asked for. Token exchange ends at the
// client, which has to have it: no instance of ours turns it on.
func (s *Server) grant(r *http.Request) (object, *oauthError) {
	switch grant := r.Form.Get("grant_type"); grant {
	case "authorization_code":
		return s.codeGrant(r)
	case "refresh_token":
		return s.refreshGrant(r)
	case grantJWTBearer:
		return s.jwtBearerGrant(r)
	case "client_credentials":
		return s.clientCredentialsGrant(r)
	case grantTokenExchange:
		if _, refusal := s.tokenClient(r); refusal != nil {
			return nil, refusal
		}
		return nil, invalidRequest("Errors.TokenExchange.FeatureDisabled")
	case "":
		return nil, invalidRequest("grant_type missing")
	default:
		return nil, &oauthError{code: "unsupported_grant_type", description: grant + " not supported"}
	}
}

// codeGrant exchanges a code. The code is not bound to the client it was issued
// for: whoever knows it, its redirect URI and, if there is one, the PKCE
// verifier, gets the tokens. A refused attempt leaves the code usable.
func (s *Server) codeGrant(r *http.Request) (object, *oauthError) {
	client, refusal := s.tokenClient(r)
	if refusal != nil {
		return nil, refusal
	}
	request := s.oidc.codes[r.Form.Get("code")]
	switch {
	case request == nil:
		return nil, invalidRequest("Errors.User.Code.Invalid")
	case request.redeemed:
		return nil, invalidRequest("Errors.AuthRequest.NoCode") // and earlier tokens stay good
	case request.redirectURI != r.Form.Get("redirect_uri"):
		return nil, invalidGrant("redirect_uri does not correspond")
	}
	if refusal := request.checkVerifier(r.Form.Get("code_verifier")); refusal != nil {
		return nil, refusal
	}
	sess := s.sessions[request.sessionID]
	switch {
	case sess == nil:
		return nil, invalidRequest("Errors.Session.Terminated")
	case !s.userIsActive(sess.userID):
		return nil, invalidRequest("Errors.User.NotActive")
	}
	request.redeemed = true
	o := &oidcSession{
		id: "V2_" + s.newID(), clientID: client.clientID, userID: sess.userID, sessionID: sess.id,
		scopes: request.scopes, audience: request.audience, nonce: request.nonce,
	}
	o.methods, o.authTime = sess.authentication()
	s.oidc.sessions = append(s.oidc.sessions, o)
	if slices.Contains(o.scopes, "offline_access") {
		o.expires = s.now().Add(refreshTokenLifetime)
		s.rotateRefreshToken(o)
	}
	return s.tokenResponse(client, s.issueAccessToken(o, client, o.scopes)), nil
}

func invalidGrant(description string) *oauthError {
	return &oauthError{code: "invalid_grant", description: description}
}

// checkVerifier is PKCE: required only where the request had a challenge.
func (r *authRequest) checkVerifier(verifier string) *oauthError {
	if r.challenge == "" {
		return nil
	}
	if verifier == "" {
		return invalidRequest("code_verifier required")
	}
	given := verifier
	if !r.plain {
		sum := sha256.Sum256([]byte(verifier))
		given = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if given != r.challenge {
		return invalidGrant("invalid code_verifier")
	}
	return nil
}

// refreshGrant continues a sign-in. The refresh token rotates and the access
// token before it dies; the old refresh token is refused, but its reuse ends
// nothing. It lives on after its ZITADEL session was terminated.
func (s *Server) refreshGrant(r *http.Request) (object, *oauthError) {
	client, refusal := s.tokenClient(r)
	if refusal != nil {
		return nil, refusal
	}
	value := r.Form.Get("refresh_token")
	o, now := s.oidc.refresh[value], s.now()
	switch {
	case o == nil:
		return nil, invalidRequest("Errors.User.RefreshToken.Invalid")
	case o.refreshToken != value || !now.Before(o.refreshIdle) || !now.Before(o.expires):
		return nil, invalidRequest("Errors.OIDCSession.RefreshTokenInvalid")
	}
	scopes := o.scopes
	if wanted := strings.Fields(r.Form.Get("scope")); len(wanted) > 0 {
		for _, scope := range wanted {
			if !slices.Contains(o.scopes, scope) {
				return nil, &oauthError{code: "invalid_scope"}
			}
		}
		scopes = wanted
	}
	if !s.userIsActive(o.userID) {
		return nil, invalidRequest("Errors.User.NotActive")
	}
	o.current.revoked = true
	s.rotateRefreshToken(o)
	return s.tokenResponse(client, s.issueAccessToken(o, client, scopes)), nil
}

// rotateRefreshToken makes the next refresh token of a sign-in.
func (s *Server) rotateRefreshToken(o *oidcSession) {
	o.refreshToken = newSecret(78) // 104 characters, as on the real server
	o.refreshIdle = s.now().Add(refreshTokenIdle)
	s.oidc.refresh[o.refreshToken] = o
}

// issueAccessToken makes an access token: a JWT where the application wants
// one, else opaque. Client is nil for service users.
func (s *Server) issueAccessToken(o *oidcSession, client *app, scopes []string) *accessToken {
	now := s.now()
	t := &accessToken{
		value: newSecret(78), id: o.id + "-at_" + s.newID(), session: o, scopes: scopes,
		issued: now, expires: now.Add(s.config.AccessTokenLifetime), bound: s.sessionLives(o.sessionID),
	}
	if client != nil && client.jwtAccessToken {
		t.value = s.sign(s.accessTokenClaims(t, client))
	}
	o.current = t
	s.oidc.access[t.value] = t
	return t
}

// tokenResponse is the answer of the token endpoint. There is an ID token only
// where openid was granted.
func (s *Server) tokenResponse(client *app, t *accessToken) object {
	o := t.session
	response := object{
		"access_token": t.value, "token_type": "Bearer", "refresh_token": o.refreshToken,
		// One second less than the lifetime: some time has passed since.
		"expires_in": int(s.config.AccessTokenLifetime.Seconds()) - 1,
	}
	if slices.Contains(t.scopes, "openid") {
		claims := s.idTokenClaims(t, client)
		if s.oidc.tamper != nil {
			s.oidc.tamper(claims)
		}
		response["id_token"] = s.sign(claims)
	}
	return compact(response)
}
