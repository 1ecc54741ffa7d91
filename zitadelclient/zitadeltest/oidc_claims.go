package zitadeltest

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// idTokenClaims are the claims of an ID token. Client is nil for service
// users, whose ID token expires the moment it is issued.
func (s *Server) idTokenClaims(t *accessToken, client *app) object {
	o := t.session
	claims := compact(object{
		"iss": s.config.Issuer, "sub": o.userID, "aud": o.audience, "iat": t.issued.Unix(), "exp": t.issued.Unix(),
		"nonce": o.nonce, "amr": o.methods, "azp": o.clientID, "client_id": o.clientID,
		"at_hash": accessTokenHash(t.value), "sid": o.sessionID,
	})
	if !o.authTime.IsZero() {
		claims["auth_time"] = o.authTime.Unix()
	}
	if client == nil {
		return claims
	}
	claims["exp"] = t.expires.Unix()
	u := s.users[o.userID]
	if client.idTokenUserinfoAssertion {
		maps.Copy(claims, profileClaims(u, t.scopes))
	}
	maps.Copy(claims, s.assertedClaims(u, t.scopes))
	if client.idTokenRoleAssertion {
		maps.Copy(claims, s.roleClaims(u.id, client.projectID, s.roleProjects(client.projectID, t.scopes), t.scopes))
	}
	return claims
}

// accessTokenClaims are the claims of a JWT access token.
func (s *Server) accessTokenClaims(t *accessToken, client *app) object {
	o := t.session
	claims := object{
		"iss": s.config.Issuer, "sub": o.userID, "aud": o.audience, "client_id": o.clientID, "jti": t.id,
		"iat": t.issued.Unix(), "nbf": t.issued.Unix(), "exp": t.expires.Unix(),
	}
	maps.Copy(claims, s.assertedClaims(s.users[o.userID], t.scopes))
	if client.accessTokenRoleAssertion {
		maps.Copy(claims, s.roleClaims(o.userID, client.projectID, s.roleProjects(client.projectID, t.scopes), t.scopes))
	}
	return claims
}

// userinfoClaims are what the userinfo endpoint says about a token's user.
func (s *Server) userinfoClaims(t *accessToken) object {
	u := s.users[t.session.userID]
	claims := object{"sub": u.id}
	maps.Copy(claims, profileClaims(u, t.scopes))
	maps.Copy(claims, s.assertedClaims(u, t.scopes))
	if client := s.apps[t.session.clientID]; client != nil {
		maps.Copy(claims, s.roleClaims(u.id, client.projectID, s.roleProjects(client.projectID, t.scopes), t.scopes))
	}
	return claims
}

// profileClaims are the standard claims by scope. An unverified e-mail address
// is there without email_verified; a person without a language has a null locale.
func profileClaims(u *user, scopes []string) object {
	claims := object{}
	if slices.Contains(scopes, "profile") {
		claims["updated_at"], claims["preferred_username"] = u.changed.Unix(), u.userName
		if u.machine != nil {
			claims["name"] = u.machine.name
		}
	}
	if u.human == nil {
		return claims
	}
	h := u.human
	if slices.Contains(scopes, "profile") {
		claims["name"], claims["given_name"], claims["family_name"] = h.displayName, h.givenName, h.familyName
		claims["locale"] = nil
		if h.language != "" && h.language != "und" {
			claims["locale"] = h.language
		}
		maps.Copy(claims, compact(object{"nickname": h.nickName}))
	}
	if slices.Contains(scopes, "email") {
		maps.Copy(claims, compact(object{"email": h.email, "email_verified": h.emailVerified}))
	}
	if slices.Contains(scopes, "phone") {
		maps.Copy(claims, compact(object{"phone_number": h.phone, "phone_number_verified": h.phoneVerified}))
	}
	return claims
}

// assertedClaims are ZITADEL's own claims, which come in every token. The
// organization id is the one that was requested, also where the user belongs
// to another: the true one is resourceowner:id.
func (s *Server) assertedClaims(u *user, scopes []string) object {
	claims := object{}
	requested := scopeValue(scopes, scopeOrgID)
	if requested != "" {
		claims["urn:zitadel:iam:org:id"] = requested
	}
	if organization := s.organizations[u.orgID]; organization != nil && (requested != "" || slices.Contains(scopes, scopeResourceOwner)) {
		claims[scopeResourceOwner+":id"] = organization.id
		claims[scopeResourceOwner+":name"] = organization.name
		claims[scopeResourceOwner+":primary_domain"] = organization.primaryDomain
	}
	if len(u.metadata) > 0 && slices.Contains(scopes, scopeMetadata) {
		values := map[string]string{}
		for _, m := range u.metadata {
			plain, _ := base64.StdEncoding.DecodeString(m.value) // the API took base64 only
			values[m.key] = base64.RawURLEncoding.EncodeToString(plain)
		}
		claims[scopeMetadata] = values
	}
	return claims
}

// roleProjects are the projects whose roles the scopes ask for: a role of the
// application's project asks for all of them; projects:roles alone asks for
// none, it needs the projects' audience scopes.
func (s *Server) roleProjects(ownProject string, scopes []string) []string {
	var projects []string
	if slices.Contains(scopes, scopeProjectsRoles) {
		projects = s.addScopeAudience(nil, scopes)
	}
	if scopeValue(scopes, scopeRolePrefix) != "" && !slices.Contains(projects, ownProject) {
		projects = append(projects, ownProject)
	}
	return projects
}

// grantsOf are a user's grants in a project, from whichever organization.
func (s *Server) grantsOf(userID, projectID string) []*grant {
	var found []*grant
	for _, g := range s.grants {
		if g.userID == userID && g.projectID == projectID {
			found = append(found, g)
		}
	}
	return found
}

// roleClaims are the claims about roles: role → organization id → its primary
// domain. …:org:roles:id: scopes limit them to those organizations.
func (s *Server) roleClaims(userID, ownProject string, projects, scopes []string) object {
	var only []string
	for _, scope := range scopes {
		if id, ok := strings.CutPrefix(scope, scopeOrgRoles); ok {
			only = append(only, id)
		}
	}
	claims := object{}
	all := map[string]map[string]string{}
	for _, project := range projects {
		roles := map[string]map[string]string{}
		for _, g := range s.grantsOf(userID, project) {
			organization := s.organizations[g.orgID]
			if organization == nil || len(only) > 0 && !slices.Contains(only, g.orgID) {
				continue
			}
			domain := organization.primaryDomain
			for _, role := range g.roles {
				addRole(roles, role, g.orgID, domain)
				addRole(all, role, g.orgID, domain)
			}
		}
		if len(roles) == 0 {
			continue
		}
		claims["urn:zitadel:iam:org:project:"+project+":roles"] = roles
		if project == ownProject {
			claims["urn:zitadel:iam:org:project:roles"] = roles
		}
	}
	if len(all) > 0 {
		claims[scopeProjectsRoles] = all
	}
	return claims
}

func addRole(roles map[string]map[string]string, role, organization, domain string) {
	if roles[role] == nil {
		roles[role] = map[string]string{}
	}
	roles[role][organization] = domain
}
