package zitadeltest

import (
	"slices"
	"strings"
)

// userQuery is one condition of a user search; exactly one field is set.
type userQuery struct {
	LoginNameQuery *struct {
		LoginName string `json:"loginName"`
		Method    string `json:"method"`
	} `json:"loginNameQuery"`
	UserNameQuery *struct {
		UserName string `json:"userName"`
		Method   string `json:"method"`
	} `json:"userNameQuery"`
	EmailQuery *struct {
		EmailAddress string `json:"emailAddress"`
		Method       string `json:"method"`
	} `json:"emailQuery"`
	PhoneQuery *struct {
		Number string `json:"number"`
		Method string `json:"method"`
	} `json:"phoneQuery"`
	DisplayNameQuery *struct {
		DisplayName string `json:"displayName"`
		Method      string `json:"method"`
	} `json:"displayNameQuery"`
	OrganizationIDQuery *struct {
		OrganizationID string `json:"organizationId"`
	} `json:"organizationIdQuery"`
	StateQuery *struct {
		State userState `json:"state"`
	} `json:"stateQuery"`
	TypeQuery *struct {
		Type string `json:"type"`
	} `json:"typeQuery"`
	InUserIDsQuery *struct {
		UserIDs []string `json:"userIds"`
	} `json:"inUserIdsQuery"`
	InUserEmailsQuery *struct {
		UserEmails []string `json:"userEmails"`
	} `json:"inUserEmailsQuery"`
	OrQuery  *subqueries `json:"orQuery"`
	AndQuery *subqueries `json:"andQuery"`
	NotQuery *struct {
		Query userQuery `json:"query"`
	} `json:"notQuery"`
}

type subqueries struct {
	Queries []userQuery `json:"queries"`
}

// searchUsers finds users by all of its queries, the newest first. A caller
// without permission learns how many there are, and sees only itself.
func (c *call) searchUsers() (any, error) {
	var request struct {
		Query         page        `json:"query"`
		Queries       []userQuery `json:"queries"`
		SortingColumn string      `json:"sortingColumn"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	var found []*user
	for _, id := range c.userOrder {
		u := c.users[id]
		if c.searchable(u) && c.matchesAll(u, request.Queries) {
			found = append(found, u)
		}
	}
	if !request.Query.Asc {
		slices.Reverse(found)
	}
	list := []object{}
	for _, u := range cut(request.Query, found) {
		if c.caller.may(userRead) || c.caller.user == u {
			list = append(list, c.userBody(u))
		}
	}
	return compact(object{"details": c.listDetails(len(found)), "result": list}), nil
}

// searchable says whether the projection has seen the creation.
func (s *Server) searchable(u *user) bool { return !s.now().Before(u.created.Add(s.config.Lag)) }

func (c *call) matchesAll(u *user, queries []userQuery) bool {
	for _, q := range queries {
		if !c.matches(u, q) {
			return false
		}
	}
	return true
}

// matches judges one condition.
func (c *call) matches(u *user, q userQuery) bool {
	switch {
	case q.LoginNameQuery != nil:
		return c.namedBy(u, func(name string) bool { return matchText(name, q.LoginNameQuery.LoginName, q.LoginNameQuery.Method) })
	case q.UserNameQuery != nil:
		return matchText(u.userName, q.UserNameQuery.UserName, q.UserNameQuery.Method)
	case q.DisplayNameQuery != nil:
		return matchText(u.displayName(), q.DisplayNameQuery.DisplayName, q.DisplayNameQuery.Method)
	case q.OrganizationIDQuery != nil:
		return q.OrganizationIDQuery.OrganizationID == u.orgID
	case q.StateQuery != nil:
		return q.StateQuery.State == u.state
	case q.TypeQuery != nil:
		return (q.TypeQuery.Type == "TYPE_HUMAN") == (u.human != nil)
	case q.InUserIDsQuery != nil:
		return slices.Contains(q.InUserIDsQuery.UserIDs, u.id)
	case q.OrQuery != nil:
		return slices.ContainsFunc(q.OrQuery.Queries, func(or userQuery) bool { return c.matches(u, or) })
	case q.AndQuery != nil:
		return c.matchesAll(u, q.AndQuery.Queries)
	case q.NotQuery != nil:
		return !c.matches(u, q.NotQuery.Query)
	case u.human == nil:
		return false
	case q.EmailQuery != nil:
		return matchText(u.human.email, q.EmailQuery.EmailAddress, q.EmailQuery.Method)
	case q.PhoneQuery != nil:
		return matchText(u.human.phone, q.PhoneQuery.Number, q.PhoneQuery.Method)
	case q.InUserEmailsQuery != nil:
		return slices.Contains(q.InUserEmailsQuery.UserEmails, u.human.email)
	}
	return false
}

// matchText compares as a TEXT_QUERY_METHOD says. There are no wildcards.
func matchText(value, wanted, method string) bool {
	if folded, ok := strings.CutSuffix(method, "_IGNORE_CASE"); ok {
		value, wanted, method = strings.ToLower(value), strings.ToLower(wanted), folded
	}
	switch method {
	case "TEXT_QUERY_METHOD_STARTS_WITH":
		return strings.HasPrefix(value, wanted)
	case "TEXT_QUERY_METHOD_CONTAINS":
		return strings.Contains(value, wanted)
	case "TEXT_QUERY_METHOD_ENDS_WITH":
		return strings.HasSuffix(value, wanted)
	default:
		return value == wanted && value != ""
	}
}
