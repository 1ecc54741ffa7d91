package zitadeltest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// managementRoutes are the calls of the recorder that make and remove
// organizations, projects and applications.
func (s *Server) managementRoutes() []route {
	const projects, me = " /management/v1/projects", " /management/v1/orgs/me"
	rows := append(s.roleRoutes(), []route{
		{pattern: "POST /v2/organizations", api: (*call).addOrganization, status: http.StatusCreated},
		{pattern: "GET" + me, api: (*call).getOwnOrganization},
		{pattern: "DELETE" + me, api: (*call).removeOrganization},
		{pattern: "POST" + me + "/_deactivate", api: changeOrganization(true)},
		{pattern: "POST" + me + "/_reactivate", api: changeOrganization(false)},
		{pattern: "POST" + projects, api: (*call).addProject},
		{pattern: "PUT" + projects + "/{project}", api: (*call).putProject},
		{pattern: "DELETE" + projects + "/{project}", api: (*call).removeProject},
		{pattern: "POST" + projects + "/{project}/apps/oidc", api: (*call).addOIDCApp},
		{pattern: "POST" + projects + "/{project}/apps/api", api: (*call).addAPIApp},
		{pattern: "GET" + projects + "/{project}/apps/{app}", api: (*call).getApp},
		{pattern: "POST" + projects + "/{project}/apps/{app}/oidc_config/_generate_client_secret", api: (*call).newAppSecret},
		{pattern: "POST" + projects + "/{project}/apps/{app}/keys", api: (*call).addAppKey},
		{pattern: "POST /v2/users/{id}/keys", api: (*call).addUserKey},
		{pattern: "POST /v2/users/{id}/pats", api: (*call).addPersonalAccessToken},
	}...)
	for i := range rows {
		rows[i].api = administrating(rows[i])
	}
	return rows
}

// context is the organization that a management call is about.
func (c *call) context() (*organization, error) {
	o := c.organizations[firstOf(c.request.Header.Get("x-zitadel-orgid"), c.caller.user.orgID)]
	if o == nil {
		return nil, permissionDenied("AUTH-Bs7Ds", "Organisation doesn't exist")
	}
	return o, nil
}

func (c *call) addOrganization() (any, error) {
	var request struct {
		Name string `json:"name"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	o := c.newOrganization(request.Name)
	c.organizations[o.id] = o
	return object{"details": o.details(), "organizationId": o.id}, nil
}

func (c *call) getOwnOrganization() (any, error) {
	o, err := c.context()
	if err != nil {
		return nil, err
	}
	state := strings.Replace(o.state(), "ORGANIZATION", "ORG", 1)
	return object{"org": object{"id": o.id, "details": o.readDetails(), "state": state, "name": o.name, "primaryDomain": o.primaryDomain}}, nil
}

func (c *call) removeOrganization() (any, error) {
	o, err := c.context()
	if err != nil {
		return nil, err
	}
	delete(c.organizations, o.id)
	for _, u := range slices.Collect(maps.Values(c.users)) {
		if u.orgID == o.id {
			c.removeUser(u.id)
		}
	}
	return object{"details": o.details()}, nil
}

func changeOrganization(inactive bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		o, err := c.context()
		if err != nil {
			return nil, err
		}
		o.inactive = inactive
		c.touch(&o.record)
		return object{"details": o.details()}, nil
	}
}

func (c *call) addProject() (any, error) {
	var request struct {
		Name string `json:"name"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	o, err := c.context()
	if err != nil {
		return nil, err
	}
	p := c.newProject(request.Name, o.id)
	return object{"id": p.id, "details": p.addDetails()}, nil
}

// knownProject finds the project of the path.
func (c *call) knownProject() (*project, error) {
	if p := c.projects[c.request.PathValue("project")]; p != nil {
		return p, nil
	}
	return nil, notFound("COMMAND-Gd9hh", "Errors.Project.NotFound")
}

func (c *call) putProject() (any, error) {
	var request struct {
		Name                 string `json:"name"`
		ProjectRoleAssertion bool   `json:"projectRoleAssertion"`
		ProjectRoleCheck     bool   `json:"projectRoleCheck"`
		HasProjectCheck      bool   `json:"hasProjectCheck"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p, err := c.knownProject()
	if err != nil {
		return nil, err
	}
	p.name, p.roleAssertion, p.roleCheck = request.Name, request.ProjectRoleAssertion, request.ProjectRoleCheck
	c.touch(&p.record)
	return object{"details": p.details()}, nil
}

func (c *call) removeProject() (any, error) {
	p, err := c.knownProject()
	if err != nil {
		return nil, err
	}
	delete(c.projects, p.id)
	maps.DeleteFunc(c.apps, func(_ string, a *app) bool { return a.projectID == p.id })
	return object{"details": p.details()}, nil
}

func (c *call) addOIDCApp() (any, error) {
	var request struct {
		Name                     string   `json:"name"`
		RedirectURIs             []string `json:"redirectUris"`
		PostLogoutRedirectURIs   []string `json:"postLogoutRedirectUris"`
		ResponseTypes            []string `json:"responseTypes"`
		GrantTypes               []string `json:"grantTypes"`
		AppType                  string   `json:"appType"`
		AuthMethodType           string   `json:"authMethodType"`
		Version                  string   `json:"version"`
		DevMode                  bool     `json:"devMode"`
		AccessTokenType          string   `json:"accessTokenType"`
		IDTokenUserinfoAssertion bool     `json:"idTokenUserinfoAssertion"`
		IDTokenRoleAssertion     bool     `json:"idTokenRoleAssertion"`
		AccessTokenRoleAssertion bool     `json:"accessTokenRoleAssertion"`
		BackChannelLogoutURI     string   `json:"backChannelLogoutUri"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p, err := c.knownProject()
	if err != nil {
		return nil, err
	}
	a := &app{
		projectID: p.id, name: request.Name, redirectURIs: request.RedirectURIs, postLogoutRedirectURIs: request.PostLogoutRedirectURIs,
		responseTypes: request.ResponseTypes, grantTypes: request.GrantTypes, appType: request.AppType, devMode: request.DevMode,
		authMethod:               strings.TrimPrefix(request.AuthMethodType, "OIDC_AUTH_METHOD_TYPE_"),
		jwtAccessToken:           request.AccessTokenType == "OIDC_TOKEN_TYPE_JWT",
		idTokenUserinfoAssertion: request.IDTokenUserinfoAssertion, idTokenRoleAssertion: request.IDTokenRoleAssertion,
		accessTokenRoleAssertion: request.AccessTokenRoleAssertion, backchannelLogoutURI: request.BackChannelLogoutURI,
	}
	return c.addApp(a), nil
}

func (c *call) addAPIApp() (any, error) {
	var request struct {
		Name           string `json:"name"`
		AuthMethodType string `json:"authMethodType"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p, err := c.knownProject()
	if err != nil {
		return nil, err
	}
	method := strings.TrimPrefix(request.AuthMethodType, "API_AUTH_METHOD_TYPE_")
	return c.addApp(&app{projectID: p.id, name: request.Name, api: true, authMethod: method}), nil
}

func (c *call) addApp(a *app) object {
	c.storeApp(a)
	return compact(object{"appId": a.id, "details": a.addDetails(), "clientId": a.clientID, "clientSecret": a.clientSecret})
}

// knownApp finds the application of the path.
func (c *call) knownApp() (*app, error) {
	for _, a := range c.apps {
		if a.id == c.request.PathValue("app") {
			return a, nil
		}
	}
	return nil, notFound("QUERY-pCP8P", "Errors.App.NotFound")
}

func (c *call) getApp() (any, error) {
	a, err := c.knownApp()
	if err != nil {
		return nil, err
	}
	config := compact(object{
		"redirectUris": a.redirectURIs, "responseTypes": a.responseTypes, "grantTypes": a.grantTypes, "clientId": a.clientID,
		"authMethodType": "OIDC_AUTH_METHOD_TYPE_" + a.authMethod, "postLogoutRedirectUris": a.postLogoutRedirectURIs,
		"devMode": a.devMode, "allowedOrigins": originsOf(a.redirectURIs), "idTokenUserinfoAssertion": a.idTokenUserinfoAssertion, "clockSkew": "0s", "backChannelLogoutUri": a.backchannelLogoutURI,
	})
	return object{"app": object{"id": a.id, "details": a.readDetails(), "state": "APP_STATE_ACTIVE", "name": a.name, "oidcConfig": config}}, nil
}

func (c *call) newAppSecret() (any, error) {
	a, err := c.knownApp()
	if err != nil {
		return nil, err
	}
	a.clientSecret = newSecret(48)
	c.touch(&a.record)
	return object{"clientSecret": a.clientSecret, "details": a.details()}, nil
}

// originsOf are the origins of redirect URIs, which may call the endpoints by script.
func originsOf(uris []string) []string {
	var origins []string
	for _, uri := range uris {
		if u, err := url.Parse(uri); err == nil && !slices.Contains(origins, u.Scheme+"://"+u.Host) {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	return origins
}

// expirationRequest is what new credentials are asked with.
type expirationRequest struct {
	Type           string `json:"type"`
	ExpirationDate string `json:"expirationDate"`
}

func (c *call) addAppKey() (any, error) {
	if err := c.decode(&expirationRequest{}); err != nil {
		return nil, err
	}
	a, err := c.knownApp()
	if err != nil {
		return nil, err
	}
	key := c.newKey()
	a.keys = append(a.keys, key)
	c.touch(&a.record)
	return object{"id": key.id, "details": a.addDetails(), "keyDetails": key.applicationFile(a.id, a.clientID)}, nil
}

func (c *call) addUserKey() (any, error) {
	if err := c.decode(&expirationRequest{}); err != nil {
		return nil, err
	}
	u := c.users[c.id()]
	if u == nil || u.machine == nil {
		return nil, errUserNotFound()
	}
	key := c.newKey()
	u.machine.keys = append(u.machine.keys, key)
	return object{"creationDate": timestamp(c.now()), "keyId": key.id, "keyContent": key.serviceAccountFile(u.id)}, nil
}

func (c *call) addPersonalAccessToken() (any, error) {
	if err := c.decode(&expirationRequest{}); err != nil {
		return nil, err
	}
	if c.users[c.id()] == nil {
		return nil, errUserNotFound()
	}
	token := newSecret(54)
	c.personalAccessTokens[token] = c.id()
	return object{"creationDate": timestamp(c.now()), "tokenId": c.newID(), "token": token}, nil
}
