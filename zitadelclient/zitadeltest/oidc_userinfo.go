package zitadeltest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// userinfo answers GET and POST /oidc/v1/userinfo.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	value := bearer(r)
	if value == "" {
		value = r.PostForm.Get("access_token")
	}
	if value == "" {
		writeOAuthError(w, http.StatusUnauthorized, "invalid_request", "access token missing")
		return
	}
	t, ok := s.activeAccessToken(value)
	if !ok {
		writeOAuthError(w, http.StatusUnauthorized, "access_denied", "access token invalid")
		return
	}
	writeJSON(w, http.StatusOK, s.userinfoClaims(t))
}

// introspect answers POST /oauth/v2/introspect. A token is inactive to whoever
// is not in its audience.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	client, refusal := s.introspectionClient(r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	t, ok := s.activeAccessToken(r.PostForm.Get("token"))
	if !ok || !slices.Contains(t.session.audience, client.clientID) && !slices.Contains(t.session.audience, client.projectID) {
		writeJSON(w, http.StatusOK, object{"active": false})
		return
	}
	writeJSON(w, http.StatusOK, s.introspection(t, client))
}

// introspection describes an active token. The roles of the client's own
// project are always in it.
func (s *Server) introspection(t *accessToken, client *app) object {
	o, u := t.session, s.users[t.session.userID]
	answer := compact(object{
		"active": true, "scope": strings.Join(t.scopes, " "), "client_id": o.clientID, "token_type": "Bearer",
		"exp": t.expires.Unix(), "iat": t.issued.Unix(), "nbf": t.issued.Unix(), "sub": u.id, "aud": o.audience,
		"amr": o.methods, "iss": s.config.Issuer, "jti": t.id, "username": u.userName,
	})
	if !o.authTime.IsZero() {
		answer["auth_time"] = o.authTime.Unix()
	}
	maps.Copy(answer, profileClaims(u, t.scopes))
	maps.Copy(answer, s.assertedClaims(u, t.scopes))
	maps.Copy(answer, s.roleClaims(u.id, client.projectID, []string{client.projectID}, t.scopes))
	return answer
}

// revoke answers POST /oauth/v2/revoke: 200 whatever the token. Any client of
// the token's audience may revoke it, and a public one proves nothing. A
// refresh token takes its access token with it; an access token goes alone.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	client, refusal := s.authenticateClient(r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	value := r.PostForm.Get("token")
	if t := s.oidc.access[value]; t != nil && slices.Contains(t.session.audience, client.clientID) {
		t.revoked = true
	}
	if o := s.oidc.refresh[value]; o != nil && o.refreshToken == value && slices.Contains(o.audience, client.clientID) {
		o.refreshToken, o.current.revoked = "", true
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
}
