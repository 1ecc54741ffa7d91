package zitadeltest

import (
	"slices"
	"strings"
)

// UserSeed is a person that exists from the start.
type UserSeed struct {
	UserName              string // default: Email
	GivenName, FamilyName string // default: Test and the user name
	PreferredLanguage     string
	Email                 string
	EmailVerified         bool
	Phone                 string
	PhoneVerified         bool
	Password              string // "" for none; the complexity is not checked
	ChangeRequired        bool
	OrganizationID        string // default: the default organization
}

// ServiceUser is a machine with every kind of credential.
type ServiceUser struct {
	ID           string
	KeyFile      []byte // JSON, for the JWT profile
	PAT          string
	ClientID     string // the user name
	ClientSecret string
}

// AppSeed is an application that exists from the start.
type AppSeed struct {
	Name                   string
	AuthMethod             string // NONE (default), BASIC, POST or PRIVATE_KEY_JWT
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	ProjectID              string // default: the demo project
	JWTAccessToken         bool
	API                    bool // an API application, which only introspects
	BackchannelLogoutURI   string
	RoleAssertion          bool // roles in ID token and JWT access token
	IDTokenUserinfo        bool // profile claims in the ID token
}

// App is an application with its credentials.
type App struct {
	AppID, ProjectID, ClientID, ClientSecret string
	KeyFile                                  []byte // of PRIVATE_KEY_JWT
}

// DefaultOrganization is the id of the organization that is there from the start.
func (s *Server) DefaultOrganization() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.defaultOrgID
}

// AddOrganization adds an organization and returns its id. Its primary domain
// is its name, in lower case and with hyphens, under the issuer's host.
func (s *Server) AddOrganization(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.newOrganization(name)
	s.organizations[o.id] = o
	return o.id
}

// AddDomain gives an organization a further verified domain. Where login names end
// in a domain, its users have one more for it (from documentation: every recorded
// user has one).
func (s *Server) AddDomain(id, domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.organizations[id]
	o.domains = append(o.domains, domain)
	s.touch(&o.record)
}

// newOrganization makes an organization that is in no map yet.
func (s *Server) newOrganization(name string) *organization {
	o := &organization{id: s.newID(), name: name}
	o.primaryDomain = strings.ReplaceAll(strings.ToLower(name), " ", "-") + "." + s.issuer.Hostname()
	o.owner = o.id
	s.touch(&o.record)
	return o
}

// DeactivateOrganization deactivates it. As on the real server that alone
// stops nobody.
func (s *Server) DeactivateOrganization(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.organizations[id]
	o.inactive = true
	s.touch(&o.record)
}

// AddUser adds a person and returns the id.
func (s *Server) AddUser(seed UserSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &human{
		givenName: firstOf(seed.GivenName, "Test"), language: seed.PreferredLanguage,
		email: seed.Email, emailVerified: seed.EmailVerified, phone: seed.Phone, phoneVerified: seed.PhoneVerified,
	}
	u := s.newUser(firstOf(seed.UserName, seed.Email), firstOf(seed.OrganizationID, s.defaultOrgID))
	h.familyName = firstOf(seed.FamilyName, u.userName)
	h.displayName = h.givenName + " " + h.familyName
	if seed.Password != "" {
		h.setPassword(seed.Password, seed.ChangeRequired, s.now())
	}
	u.human = h
	s.storeUser(u)
	return u.id
}

// newUser makes a user that is in no map yet.
func (s *Server) newUser(userName, org string) *user {
	u := &user{id: s.newID(), userName: userName, orgID: org, state: userActive}
	u.owner = org
	s.touch(&u.record)
	return u
}

func (s *Server) storeUser(u *user) {
	s.users[u.id] = u
	s.userOrder = append(s.userOrder, u.id)
}

// AddServiceUser adds a machine with roles on the instance, such as
// IAM_LOGIN_CLIENT or IAM_OWNER.
func (s *Server) AddServiceUser(name string, roles ...string) ServiceUser {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.newUser(name, s.defaultOrgID)
	key := s.newKey()
	u.machine = &machine{name: name, secret: newSecret(48), keys: []*machineKey{key}}
	u.roles = roles
	s.storeUser(u)
	pat := newSecret(54)
	s.personalAccessTokens[pat] = u.id
	return ServiceUser{ID: u.id, KeyFile: key.serviceAccountFile(u.id), PAT: pat, ClientID: name, ClientSecret: u.machine.secret}
}

// AddProject adds a project with roles and returns its id.
func (s *Server) AddProject(name string, roles ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newProject(name, s.defaultOrgID, roles...).id
}

func (s *Server) newProject(name, org string, roles ...string) *project {
	p := &project{id: s.newID(), name: name, orgID: org, roles: roles, grantedTo: map[string]string{}}
	p.owner = org
	s.touch(&p.record)
	s.projects[p.id] = p
	return p
}

// RequireGrant makes finalize refuse users without a role in the project.
func (s *Server) RequireGrant(projectID string, required bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projects[projectID].roleCheck = required
}

// AddGrant gives a user roles of a project; organization "" is the user's own.
func (s *Server) AddGrant(userID, projectID, organizationID string, roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newGrant(grant{userID: userID, projectID: projectID, orgID: firstOf(organizationID, s.users[userID].orgID), roles: roles})
}

// newGrant keeps a grant. The lock is held.
func (s *Server) newGrant(g grant) *grant {
	g.id, g.owner = s.newID(), g.orgID
	s.touch(&g.record)
	s.grants = append(s.grants, &g)
	return &g
}

// AddApp adds an application.
func (s *Server) AddApp(seed AppSeed) App {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects[seed.ProjectID]
	if p == nil {
		p = s.demoProject()
	}
	a := &app{
		projectID: p.id, name: seed.Name, api: seed.API, authMethod: firstOf(seed.AuthMethod, "NONE"),
		redirectURIs: seed.RedirectURIs, postLogoutRedirectURIs: seed.PostLogoutRedirectURIs,
		responseTypes: []string{"OIDC_RESPONSE_TYPE_CODE"}, appType: "OIDC_APP_TYPE_WEB", devMode: true,
		grantTypes:     []string{"OIDC_GRANT_TYPE_AUTHORIZATION_CODE", "OIDC_GRANT_TYPE_REFRESH_TOKEN"},
		jwtAccessToken: seed.JWTAccessToken, backchannelLogoutURI: seed.BackchannelLogoutURI,
		idTokenRoleAssertion: seed.RoleAssertion, accessTokenRoleAssertion: seed.RoleAssertion,
		idTokenUserinfoAssertion: seed.IDTokenUserinfo,
	}
	s.storeApp(a)
	made := App{AppID: a.id, ProjectID: p.id, ClientID: a.clientID, ClientSecret: a.clientSecret}
	if a.authMethod == "PRIVATE_KEY_JWT" {
		a.keys = append(a.keys, s.newKey())
		made.KeyFile = a.keys[0].applicationFile(a.id, a.clientID)
	}
	return made
}

// storeApp gives an application its ids and its secret.
func (s *Server) storeApp(a *app) {
	a.id, a.clientID = s.newID(), s.newID()
	a.owner = s.projects[a.projectID].orgID
	if a.api || a.authMethod == "BASIC" || a.authMethod == "POST" {
		a.clientSecret = newSecret(48)
	}
	s.touch(&a.record)
	s.apps[a.clientID] = a
}

// demoProject is where applications live that name no project.
func (s *Server) demoProject() *project {
	for _, p := range s.projects {
		if p.name == "demo" {
			return p
		}
	}
	return s.newProject("demo", s.defaultOrgID)
}

// Rename changes what a person is called.
func (s *Server) Rename(id, displayName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[id]
	u.human.displayName = displayName
	s.touch(&u.record)
}

// LockUser locks a user, as too many wrong passwords do.
func (s *Server) LockUser(id string) { s.setUserState(id, userLocked) }

// DeactivateUser makes a user inactive.
func (s *Server) DeactivateUser(id string) { s.setUserState(id, userInactive) }

// MakeInitial puts a user into the state in which ZITADEL's older API makes people
// without a password: nothing of the v2 API leads out of it.
func (s *Server) MakeInitial(id string) { s.setUserState(id, userInitial) }

// Invite mails a user an invitation, as an administrator does, and returns its code.
// The template may be "", for the link of login v1.
func (s *Server) Invite(userID, urlTemplate, application string) (code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	u.human.inviteCode, u.human.inviteTemplate, u.human.inviteApplication = s.newVerificationCode(inviteGenerator), urlTemplate, application
	s.sendInvite(u)
	return u.human.inviteCode.value
}

// ReactivateUser unlocks or reactivates a user.
func (s *Server) ReactivateUser(id string) { s.setUserState(id, userActive) }

func (s *Server) setUserState(id string, state userState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[id].setState(s, state)
}

// setState changes the state; sessions live on.
func (u *user) setState(s *Server, state userState) {
	u.state = state
	u.wasLocked = u.wasLocked || state == userLocked
	if state == userActive && u.human != nil {
		u.human.failedPasswords = 0
	}
	s.touch(&u.record)
}

// DeleteUser deletes a user; sessions live on, without a login name.
func (s *Server) DeleteUser(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeUser(id)
}

func (s *Server) removeUser(id string) {
	delete(s.users, id)
	s.userOrder = slices.DeleteFunc(s.userOrder, func(other string) bool { return other == id })
	s.grants = slices.DeleteFunc(s.grants, func(g *grant) bool { return g.userID == id })
}
