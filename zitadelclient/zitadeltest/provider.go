package zitadeltest

import "slices"

// ProviderSeed is an identity provider as an administrator sets one up.
type ProviderSeed struct {
	Name string
	// URL is where the provider's pages are, an origin: [Server.Upstream] served
	// there, or anything else that speaks OpenID Connect. A browser is sent to its
	// /authorize.
	URL            string
	OrganizationID string // whose users may come by it; "" is everybody
	Type           string // OIDC (default), LDAP, SAML … as the API spells it
	// What may become of an identity that nobody has.
	NoCreation, AutoCreation, NoLinking, AutoUpdate bool
}

// identityProvider is a provider with the people that it knows.
type identityProvider struct {
	record
	id       string
	seed     ProviderSeed
	inactive bool
	people   []UpstreamUser
	codes    map[string]UpstreamUser // that were given out and wait for ZITADEL
}

// UpstreamUser is a person as a provider knows them. Empty fields are left out.
type UpstreamUser struct {
	ID                              string // the provider's
	UserName                        string // default: ID
	GivenName, FamilyName, Language string
	Email                           string
	EmailVerified                   bool
}

// AddIdentityProvider adds a provider, active from the start, and returns its id.
func (s *Server) AddIdentityProvider(seed ProviderSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newIdentityProvider(seed).id
}

func (s *Server) newIdentityProvider(seed ProviderSeed) *identityProvider {
	seed.Type = firstOf(seed.Type, "OIDC")
	p := &identityProvider{id: s.newID(), seed: seed, codes: map[string]UpstreamUser{}}
	p.owner = firstOf(seed.OrganizationID, s.instanceID)
	s.touch(&p.record)
	s.providers = append(s.providers, p)
	return p
}

// EditIdentityProvider changes how a provider is set up.
func (s *Server) EditIdentityProvider(id string, edit func(*ProviderSeed)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.providerByID(id).seed)
}

// DeactivateIdentityProvider switches a provider off. Intents that are answered
// stay good, as on the real server nothing holds them against the settings.
func (s *Server) DeactivateIdentityProvider(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.providerByID(id).inactive = true
}

// AddUpstreamUser adds a person to those that a provider knows.
func (s *Server) AddUpstreamUser(providerID string, person UpstreamUser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.providerByID(providerID)
	p.people = append(p.people, person)
}

// LinkIdentity lets a user sign in as a person whom a provider knows.
func (s *Server) LinkIdentity(userID, providerID string, person UpstreamUser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.users[userID].human
	h.links = append(h.links, identityLink{IDPID: providerID, UserID: person.ID, UserName: person.userName()})
}

// UserID is the id of the user with a login name, "" for nobody.
func (s *Server) UserID(loginName string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.userByLoginName(loginName); u != nil {
		return u.id
	}
	return ""
}

// providerByID is nil for one that is unknown.
func (s *Server) providerByID(id string) *identityProvider {
	at := slices.IndexFunc(s.providers, func(p *identityProvider) bool { return p.id == id })
	if at < 0 {
		return nil
	}
	return s.providers[at]
}

func (u UpstreamUser) userName() string { return firstOf(u.UserName, u.ID) }

func (u UpstreamUser) displayName() string {
	if u.GivenName == "" || u.FamilyName == "" {
		return u.GivenName + u.FamilyName
	}
	return u.GivenName + " " + u.FamilyName
}

// claims are what the provider tells of a person.
func (u UpstreamUser) claims() object {
	return compact(object{
		"sub": u.ID, "preferred_username": u.userName(), "name": u.displayName(), "given_name": u.GivenName, "family_name": u.FamilyName,
		"email": u.Email, "email_verified": u.EmailVerified, "locale": u.Language,
	})
}

// identityLink is a person of a provider as who a user can sign in.
type identityLink struct {
	IDPID    string `json:"idpId"`
	UserID   string `json:"userId"`
	UserName string `json:"userName"`
}

// same says whether it is the same person, whatever they are called.
func (l identityLink) same(other identityLink) bool {
	return l.IDPID == other.IDPID && l.UserID == other.UserID
}

// linked is the user who has a link, nil for nobody.
func (s *Server) linked(link identityLink) *user {
	for _, id := range s.userOrder {
		if u := s.users[id]; u.human != nil && slices.ContainsFunc(u.human.links, link.same) {
			return u
		}
	}
	return nil
}

// providerRoutes are what is asked about providers, and the links to them.
func (s *Server) providerRoutes() []route {
	const links = "/v2/users/{id}/links"
	return []route{
		{pattern: "GET /v2/idps/{id}", api: (*call).getProvider},
		{pattern: "POST " + links + "/_search", api: (*call).searchLinks},
		{pattern: "POST " + links, api: (*call).addLink},
		{pattern: "DELETE " + links + "/{provider}/{linked}", api: (*call).removeLink},
		{pattern: "POST /v2/idp_intents", api: (*call).startIntent},
		{pattern: "POST /v2/idp_intents/{id}", api: (*call).retrieveIntent},
		{pattern: "GET /idps/callback", raw: s.providerCallback, query: []string{"code", "state", "error", "error_description"}},
	}
}

// identityProviders lists the active providers of the organization in ctx.orgId.
func (c *call) identityProviders() (any, error) {
	org := c.request.URL.Query().Get("ctx.orgId")
	list := []object{}
	for _, p := range c.providers {
		if p.inactive || p.seed.OrganizationID != "" && p.seed.OrganizationID != org {
			continue
		}
		list = append(list, object{"id": p.id, "name": p.seed.Name, "type": "IDENTITY_PROVIDER_TYPE_" + p.seed.Type, "options": p.options()})
	}
	return compact(object{"details": c.listDetails(len(list)), "identityProviders": list}), nil
}

func (p *identityProvider) options() object {
	return compact(object{
		"isLinkingAllowed": !p.seed.NoLinking, "isCreationAllowed": !p.seed.NoCreation,
		"isAutoCreation": p.seed.AutoCreation, "isAutoUpdate": p.seed.AutoUpdate,
	})
}

func (c *call) getProvider() (any, error) {
	p := c.providerByID(c.id())
	if p == nil {
		return nil, notFound("QUERY-SAFrt", "Identity Provider Configuration doesn't exist")
	}
	if err := c.require(providerRead); err != nil {
		return nil, err
	}
	state := "IDP_STATE_ACTIVE"
	if p.inactive {
		state = "IDP_STATE_INACTIVE"
	}
	return object{"idp": object{
		"id": p.id, "details": p.readDetails(), "state": state, "name": p.seed.Name, "type": "IDP_TYPE_" + p.seed.Type,
		"config": object{
			"options": p.options(),
			"oidc":    object{"issuer": p.seed.URL, "clientId": upstreamClient, "scopes": upstreamScopes},
		},
	}}, nil
}

func (c *call) searchLinks() (any, error) {
	var request struct {
		Query page `json:"query"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userRead, u.id); err != nil {
		return nil, err
	}
	return compact(object{"details": c.listDetails(len(h.links)), "result": cut(request.Query, h.links)}), nil
}

func (c *call) addLink() (any, error) {
	var request struct {
		IDPLink identityLink `json:"idpLink"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	if c.linked(request.IDPLink) != nil {
		return nil, errIdentityTaken()
	}
	h.links = append(h.links, request.IDPLink)
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}

func errIdentityTaken() *apiError { return alreadyExists("V3-DKcYh", "External IDP already taken") }

func (c *call) removeLink() (any, error) {
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, errUserNotFound()
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	link := identityLink{IDPID: c.request.PathValue("provider"), UserID: c.request.PathValue("linked")}
	at := slices.IndexFunc(h.links, link.same)
	if at < 0 {
		return nil, notFound("COMMAND-1M9xR", "External IDP not found")
	}
	h.links = slices.Delete(h.links, at, at+1)
	c.touch(&u.record)
	return object{"details": u.details()}, nil
}
