package zitadeltest

import (
	"slices"
	"strings"
)

// organizationRoutes are the v2 organization service, as far as a login needs it.
func (s *Server) organizationRoutes() []route {
	return []route{{pattern: "POST /v2/organizations/_search", api: (*call).searchOrganizations}}
}

type organizationQuery struct {
	IDQuery *struct {
		ID string `json:"id"`
	} `json:"idQuery"`
	DomainQuery *struct {
		Domain string `json:"domain"`
		Method string `json:"method"`
	} `json:"domainQuery"`
	NameQuery *struct {
		Name   string `json:"name"`
		Method string `json:"method"`
	} `json:"nameQuery"`
	StateQuery *struct {
		State string `json:"state"`
	} `json:"stateQuery"`
	DefaultQuery *struct{} `json:"defaultQuery"`
}

func (c *call) searchOrganizations() (any, error) {
	var request struct {
		Query         page                `json:"query"`
		Queries       []organizationQuery `json:"queries"`
		SortingColumn string              `json:"sortingColumn"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if err := c.require(orgRead); err != nil {
		return nil, err
	}
	var found []*organization
	for _, o := range c.organizations {
		if c.matchesOrganization(o, request.Queries) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *organization) int { return strings.Compare(a.id, b.id) })
	list := []object{}
	for _, o := range cut(request.Query, found) {
		list = append(list, object{
			"id": o.id, "details": o.readDetails(), "state": o.state(), "name": o.name, "primaryDomain": o.primaryDomain,
		})
	}
	return compact(object{"details": c.listDetails(len(found)), "result": list}), nil
}

// state is spelled as the API spells it. It is all that tells an inactive
// organization: nothing else is refused.
func (o *organization) state() string {
	if o.inactive {
		return "ORGANIZATION_STATE_INACTIVE"
	}
	return "ORGANIZATION_STATE_ACTIVE"
}

func (c *call) matchesOrganization(o *organization, queries []organizationQuery) bool {
	for _, q := range queries {
		switch {
		case q.IDQuery != nil && q.IDQuery.ID != o.id,
			q.DomainQuery != nil && !matchText(o.primaryDomain, q.DomainQuery.Domain, q.DomainQuery.Method),
			q.NameQuery != nil && !matchText(o.name, q.NameQuery.Name, q.NameQuery.Method),
			q.StateQuery != nil && q.StateQuery.State != o.state(),
			q.DefaultQuery != nil && o.id != c.defaultOrgID:
			return false
		}
	}
	return true
}

// organizationByDomain is the id of the organization with a primary domain.
func (s *Server) organizationByDomain(domain string) string {
	for _, o := range s.organizations {
		if domain != "" && strings.EqualFold(o.primaryDomain, domain) {
			return o.id
		}
	}
	return ""
}
