package zitadeltest

import (
	"crypto/rsa"
	"net/http"
	"strings"
)

// jwtBearerGrant is the JWT profile of service users. Whatever is wrong with
// the assertion, the answer is 500 and does not say what.
func (s *Server) jwtBearerGrant(r *http.Request) (object, *oauthError) {
	assertion, scopes := r.Form.Get("assertion"), strings.Fields(r.Form.Get("scope"))
	switch {
	case assertion == "":
		return nil, invalidRequest("assertion missing")
	case len(scopes) == 0:
		return nil, invalidRequest(scopeMissing)
	}
	userID, ok := s.verifyAssertion(assertion, func(keyID string) (string, *rsa.PublicKey) {
		for id, u := range s.users {
			if u.machine == nil {
				continue
			}
			if key := keyByID(u.machine.keys, keyID); key != nil {
				return id, key
			}
		}
		return "", nil
	})
	if !ok || !s.userIsActive(userID) {
		return nil, serverError("Errors.Internal")
	}
	return s.machineTokens(s.users[userID], scopes, nil), nil
}

// clientCredentialsGrant signs a service user in by secret. The client id is
// its user name; its id, or a web application's client id, is unknown here.
func (s *Server) clientCredentialsGrant(r *http.Request) (object, *oauthError) {
	c, scopes := clientCredentials(r), strings.Fields(r.Form.Get("scope"))
	u := s.userByName(c.id)
	switch {
	case u == nil:
		return nil, invalidClient("client not found")
	case u.machine == nil || u.machine.secret == "":
		return nil, invalidRequest("Errors.User.Machine.Secret.NotExisting")
	case u.machine.secret != c.secret:
		return nil, invalidRequest("Errors.User.Machine.Secret.Invalid")
	case u.state != userActive:
		return nil, invalidRequest("Errors.User.NotActive")
	case len(scopes) == 0:
		return nil, invalidRequest(scopeMissing)
	}
	return s.machineTokens(u, scopes, []string{"pwd"}), nil
}

func (s *Server) userByName(name string) *user {
	for _, u := range s.users {
		if u.userName == name {
			return u
		}
	}
	return nil
}

// machineTokens are those of a service user. Without the API audience among
// the scopes they are issued all the same, and then refused by the API.
func (s *Server) machineTokens(u *user, requested, methods []string) object {
	scopes := knownScopes(requested)
	o := &oidcSession{
		id: "V2_" + s.newID(), clientID: u.userName, userID: u.id, scopes: scopes,
		audience: append(s.addScopeAudience(nil, scopes), u.userName), methods: methods, authTime: s.now(),
	}
	return s.tokenResponse(nil, s.issueAccessToken(o, nil, scopes))
}
