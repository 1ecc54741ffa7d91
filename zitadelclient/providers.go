package zitadelclient

import (
	"context"
	"net/http"
	"net/url"
)

// IdentityProvider is somebody else who can say who a visitor is, as far as an
// organization lets its users come by it.
type IdentityProvider struct {
	ID, Name string
	Type     ProviderType
	// What may become of an identity that nobody here has: CreationAllowed makes a
	// user of it, AutoCreation without asking for more, LinkingAllowed adds it to
	// a user who is there. ZITADEL enforces none of it.
	CreationAllowed, AutoCreation, LinkingAllowed bool
}

// ProviderType is the protocol or the product of a provider.
type ProviderType string

// The types that are not asked as all others are, by sending the browser there.
const (
	ProviderLDAP ProviderType = "ldap" // takes name and password from a form of ours
	ProviderJWT  ProviderType = "jwt"  // never says which intent it answers
)

func providersKey(organizationID string) string { return "read identity providers " + organizationID }

// IdentityProviders lists the active providers of an organization, "" for the
// instance, in the order of its settings. It is cached as settings are, and says
// nothing of whether the policy allows any (see [LoginSettings]).
func (c *Client) IdentityProviders(ctx context.Context, organizationID string) ([]IdentityProvider, error) {
	const op = "read identity providers"
	return cached(ctx, c, providersKey(organizationID), func(ctx context.Context) ([]IdentityProvider, error) {
		var query url.Values
		if organizationID != "" {
			query = url.Values{"ctx.orgId": {organizationID}}
		}
		var answer struct {
			Details           searchDetails
			IdentityProviders []providerAnswer
		}
		err := c.call(ctx, request{op: op, method: http.MethodGet, path: "/v2/settings/login/idps", query: query}, &answer)
		if err != nil {
			return nil, err
		}
		if err := answer.Details.check(op, len(answer.IdentityProviders)); err != nil {
			return nil, err
		}
		providers := make([]IdentityProvider, len(answer.IdentityProviders))
		for i, p := range answer.IdentityProviders {
			providers[i] = p.provider()
		}
		return providers, nil
	})
}

// Identity is somebody as a provider knows them: its id of theirs, and the name
// that it calls them by.
type Identity struct{ ProviderID, ID, Name string }

// IdentityLinks lists the identities by which a user can sign in, never from a
// cache; of the first hundred. It lags behind writes by some milliseconds.
func (c *Client) IdentityLinks(ctx context.Context, userID string) ([]Identity, error) {
	const op = "search identity links"
	body := map[string]any{"query": map[string]any{"limit": searchLimit}}
	var answer struct {
		Details searchDetails
		Result  []identityBody
	}
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/{id}/links/_search", id: userID, body: body}, &answer)
	if err != nil {
		return nil, err
	}
	if err := answer.Details.check(op, len(answer.Result)); err != nil {
		return nil, err
	}
	links := make([]Identity, len(answer.Result))
	for i, link := range answer.Result {
		links[i] = Identity{ProviderID: link.IDPID, ID: link.UserID, Name: link.UserName}
	}
	return links, nil
}

// What is answered, and for the identity also what is sent.
type (
	providerAnswer struct {
		ID, Name, Type string
		Options        struct{ IsLinkingAllowed, IsCreationAllowed, IsAutoCreation bool }
	}
	identityBody struct {
		IDPID    string `json:"idpId"`
		UserID   string `json:"userId"`
		UserName string `json:"userName"`
	}
)

func (a providerAnswer) provider() IdentityProvider {
	return IdentityProvider{
		ID: a.ID, Name: a.Name, Type: ProviderType(enum("IDENTITY_PROVIDER_TYPE_", a.Type)),
		CreationAllowed: a.Options.IsCreationAllowed, AutoCreation: a.Options.IsAutoCreation, LinkingAllowed: a.Options.IsLinkingAllowed,
	}
}
