package zitadeltest

import "slices"

// roleRoutes are the calls of the recorder that make roles and grant them.
func (s *Server) roleRoutes() []route {
	const project = "POST /management/v1/projects/{project}"
	return []route{
		{pattern: project + "/roles", api: (*call).addProjectRole},
		{pattern: project + "/grants", api: (*call).addProjectGrant},
		{pattern: "POST /management/v1/users/{user}/grants", api: (*call).addUserGrant},
	}
}

func (c *call) addProjectRole() (any, error) {
	var request struct {
		RoleKey     string `json:"roleKey"`
		DisplayName string `json:"displayName"`
		Group       string `json:"group"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p, err := c.knownProject()
	if err != nil {
		return nil, err
	}
	p.roles = append(p.roles, request.RoleKey)
	c.touch(&p.record)
	return object{"details": p.addDetails()}, nil
}

// addProjectGrant lets another organization give its users some of the roles.
func (c *call) addProjectGrant() (any, error) {
	var request struct {
		GrantedOrgID string   `json:"grantedOrgId"`
		RoleKeys     []string `json:"roleKeys"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p, err := c.knownProject()
	if err != nil {
		return nil, err
	}
	id := c.newID()
	p.grantedTo[id] = request.GrantedOrgID
	c.touch(&p.record)
	return object{"grantId": id, "details": p.addDetails()}, nil
}

func (c *call) addUserGrant() (any, error) {
	var request struct {
		ProjectID      string   `json:"projectId"`
		ProjectGrantID string   `json:"projectGrantId"`
		RoleKeys       []string `json:"roleKeys"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	o, err := c.context()
	if err != nil {
		return nil, err
	}
	p := c.projects[request.ProjectID]
	for _, role := range request.RoleKeys {
		if p == nil || !slices.Contains(p.roles, role) {
			return nil, failedPrecondition("COMMAND-mm9F4", "Errors.Project.Role.NotFound")
		}
	}
	g := c.newGrant(grant{userID: c.request.PathValue("user"), projectID: request.ProjectID, orgID: o.id, roles: request.RoleKeys})
	return object{"userGrantId": g.id, "details": g.addDetails()}, nil
}
