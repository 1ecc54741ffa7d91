package zitadelclient

import (
	"context"
	"net/http"
	"strings"
)

// OrganizationQuery selects organizations: all the given criteria must hold.
type OrganizationQuery struct {
	ID, Domain string
	Default    bool
}

// Organization is a ZITADEL organization. ZITADEL lets the users of an
// inactive one sign in; refusing them is ours.
type Organization struct {
	ID, Name, PrimaryDomain string
	Active                  bool
}

// Organizations finds organizations. Answers by id and for the default are
// cached for seconds, like settings; those by domain, which anybody may make
// up, are not.
func (c *Client) Organizations(ctx context.Context, q OrganizationQuery) ([]Organization, error) {
	switch {
	case q == OrganizationQuery{}:
		return nil, invalid("search organizations", "a search without a criterion would list the whole instance's")
	case q.Domain != "":
		return c.searchOrganizations(ctx, q)
	}
	key := organizationKey(q.ID)
	if q.Default {
		key = "default " + key
	}
	return cached(ctx, c, key, func(ctx context.Context) ([]Organization, error) {
		return c.searchOrganizations(ctx, q)
	})
}

func organizationKey(id string) string { return "organizations " + id }

func (c *Client) searchOrganizations(ctx context.Context, q OrganizationQuery) ([]Organization, error) {
	const op = "search organizations"
	var queries []any
	if q.ID != "" {
		queries = append(queries, map[string]any{"idQuery": map[string]string{"id": q.ID}})
	}
	if q.Domain != "" {
		queries = append(queries, map[string]any{"domainQuery": map[string]string{
			"domain": strings.ToLower(q.Domain), "method": "TEXT_QUERY_METHOD_EQUALS"}})
	}
	if q.Default {
		queries = append(queries, map[string]any{"defaultQuery": struct{}{}})
	}
	body := map[string]any{"query": map[string]any{"limit": 3}, "queries": queries}
	var answer struct {
		Details searchDetails
		Result  []struct{ ID, Name, PrimaryDomain, State string }
	}
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/organizations/_search", body: body}, &answer)
	if err != nil {
		return nil, err
	}
	if err := answer.Details.check(op, len(answer.Result)); err != nil {
		return nil, err
	}
	organizations := make([]Organization, len(answer.Result))
	for i, o := range answer.Result {
		organizations[i] = Organization{ID: o.ID, Name: o.Name, PrimaryDomain: o.PrimaryDomain,
			Active: o.State == "ORGANIZATION_STATE_ACTIVE"}
	}
	return organizations, nil
}
