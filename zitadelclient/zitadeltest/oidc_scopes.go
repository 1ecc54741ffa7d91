package zitadeltest

import (
	"slices"
	"strings"
)

const (
	scopeProjectPrefix = "urn:zitadel:iam:org:project:id:"
	scopeRolePrefix    = "urn:zitadel:iam:org:project:role:"
	scopeProjectsRoles = "urn:zitadel:iam:org:projects:roles"
	scopeOrgID         = "urn:zitadel:iam:org:id:"
	scopeOrgRoles      = "urn:zitadel:iam:org:roles:id:"
	scopeResourceOwner = "urn:zitadel:iam:user:resourceowner"
	scopeMetadata      = "urn:zitadel:iam:user:metadata"
)

// The scopes that are kept: those without a value, and the prefixes of those
// with one. Anything else is dropped without a word, even
// urn:zitadel:iam:org:project:roles.
var (
	plainScopes = []string{
		"openid", "profile", "email", "phone", "address", "offline_access",
		scopeProjectsRoles, scopeResourceOwner, scopeMetadata,
	}
	scopePrefixes = []string{
		scopeProjectPrefix, scopeRolePrefix, scopeOrgID, scopeOrgRoles,
		"urn:zitadel:iam:org:domain:primary:", "urn:zitadel:iam:org:idp:id:", scopeMetadata + ":",
	}
)

// knownScopes keeps the scopes that ZITADEL knows, in their order.
func knownScopes(requested []string) []string {
	return slices.DeleteFunc(slices.Clone(requested), func(scope string) bool {
		prefixed := slices.ContainsFunc(scopePrefixes, func(prefix string) bool { return strings.HasPrefix(scope, prefix) })
		return !prefixed && !slices.Contains(plainScopes, scope)
	})
}

// scopeValue returns what follows prefix in the first scope that has it.
func scopeValue(scopes []string, prefix string) string {
	for _, scope := range scopes {
		if value, ok := strings.CutPrefix(scope, prefix); ok {
			return value
		}
	}
	return ""
}

// grantedScopes drops what ZITADEL does not know and adds every role of a
// project that asserts roles.
func (s *Server) grantedScopes(client *app, requested []string) []string {
	scopes := knownScopes(requested)
	project := s.projects[client.projectID]
	if project == nil || !project.roleAssertion {
		return scopes
	}
	for _, key := range project.roles {
		if role := scopeRolePrefix + key; !slices.Contains(scopes, role) {
			scopes = append(scopes, role)
		}
	}
	return scopes
}

// audienceOf is every client of the application's project, the project itself
// and the projects that the scopes add.
func (s *Server) audienceOf(client *app, scopes []string) []string {
	var audience []string
	for id, other := range s.apps {
		if other.projectID == client.projectID {
			audience = append(audience, id)
		}
	}
	slices.Sort(audience)
	return s.addScopeAudience(append(audience, client.projectID), scopes)
}

// addScopeAudience adds the projects that …:project:id:{id}:aud scopes name;
// the id "zitadel" stands for ZITADEL's own project, that is for its API.
func (s *Server) addScopeAudience(audience, scopes []string) []string {
	for _, scope := range scopes {
		rest, named := strings.CutPrefix(scope, scopeProjectPrefix)
		id, whole := strings.CutSuffix(rest, ":aud")
		if !named || !whole {
			continue
		}
		if id == "zitadel" {
			id = s.apiProjectID
		}
		if !slices.Contains(audience, id) {
			audience = append(audience, id)
		}
	}
	return audience
}
