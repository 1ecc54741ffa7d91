package zitadeltest

import (
	"net/http"
	"slices"
	"strings"
)

// permission is a right that an API call needs.
type permission string

const (
	sessionRead         permission = "session.read"
	sessionWrite        permission = "session.write"
	sessionDelete       permission = "session.delete"
	sessionLink         permission = "session.link"
	userRead            permission = "user.read"
	userWrite           permission = "user.write"
	userDelete          permission = "user.delete"
	userCredentialWrite permission = "user.credential.write"
	policyRead          permission = "policy.read"
	orgRead             permission = "org.read"
	providerRead        permission = "idp.read"
	orgWrite            permission = "org.write"
	administration      permission = "iam.write"
)

// permissionsOf is what the roles allow. It is wide: the login client may set
// anyone's password.
var permissionsOf = map[string][]permission{
	"IAM_OWNER": {
		sessionRead, sessionWrite, sessionDelete, userRead, userWrite, userDelete,
		userCredentialWrite, policyRead, orgRead, orgWrite, providerRead, administration,
	},
	"IAM_LOGIN_CLIENT": {
		sessionRead, sessionWrite, sessionDelete, sessionLink,
		userRead, userWrite, userCredentialWrite, policyRead, orgRead, providerRead,
	},
	"IAM_USER_MANAGER": {userRead, userWrite, userDelete, userCredentialWrite, policyRead, orgRead},
}

// caller is who a bearer token speaks for.
type caller struct {
	user *user
}

// authenticate finds the caller of a REST request. Personal access tokens,
// access tokens with the API audience and session tokens are bearer tokens.
func (s *Server) authenticate(r *http.Request) (*caller, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, &apiError{status: http.StatusUnauthorized, code: 16, message: "auth header missing"}
	}
	bearer, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return nil, unauthenticated("AUTH-toLo1", "invalid auth header")
	}
	id, err := s.subjectOf(bearer)
	if err != nil {
		return nil, err
	}
	u := s.users[id]
	if u == nil || u.state != userActive {
		return nil, errTokenInvalid()
	}
	return &caller{user: u}, nil
}

func errTokenInvalid() *apiError { return unauthenticated("AUTH-7fs1e", "Errors.Token.Invalid") }

// subjectOf is the id of the user that a bearer token is for.
func (s *Server) subjectOf(bearer string) (string, error) {
	if id, ok := s.personalAccessTokens[bearer]; ok {
		return id, nil
	}
	if sess := s.sessionByToken(bearer); sess != nil {
		// A session that has checked no factor proves nothing.
		if methods, _ := sess.authentication(); len(methods) == 0 {
			return "", permissionDenied("AUTHZ-Kl3p0", "authentication required")
		}
		return sess.userID, nil
	}
	id, audience := s.tokenSubject(bearer)
	// Tokens without the API audience are issued gladly and refused here.
	if id == "" || !slices.Contains(audience, s.apiProjectID) {
		return "", errTokenInvalid()
	}
	return id, nil
}

// may says whether the caller's roles allow something.
func (c *caller) may(p permission) bool {
	for _, role := range c.user.roles {
		if slices.Contains(permissionsOf[role], p) {
			return true
		}
	}
	return false
}

// require refuses callers without a permission: 404 for those without any
// role, 403 for those with the wrong one.
func (c *call) require(p permission) error {
	switch {
	case c.caller.may(p):
		return nil
	case len(c.caller.user.roles) == 0:
		return errNoMembership()
	default:
		return permissionDenied("AUTH-AWfge", "No matching permissions found")
	}
}

func errNoMembership() *apiError { return notFound("AUTHZ-cdgFk", "membership not found") }

// requireOrSelf is require for calls that users may make about themselves.
func (c *call) requireOrSelf(p permission, userID string) error {
	if c.caller.user.id == userID {
		return nil
	}
	return c.require(p)
}
