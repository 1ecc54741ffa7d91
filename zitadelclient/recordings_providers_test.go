package zitadelclient

import (
	"context"
	"strings"
)

// The recorded calls of identity providers, for TestEveryRecordedSuccessDecodes.

func identityProviders(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.IdentityProviders(ctx, x.query.Get("ctx.orgId"))
	return got, found(x.answer, "identityProviders", identityProviderOf), err
}

// An LDAP provider is started without an address to go to: it wants a form.
func startIntent(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.StartIntent(ctx, "1", ReturnURLs{"s", "f"})
	address := x.answer.text("authUrl")
	_, state, ok := strings.Cut(address, "&state=")
	if !ok {
		return got, Unsupported, err
	}
	return got, StartedIntent{ID: state, AuthURL: address}, err
}

func retrieveIntent(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.RetrieveIntent(ctx, IntentRef{ID: x.id, Token: "t"})
	return got, intentOf(x.answer), err
}

func identityLinks(ctx context.Context, c *Client, x success) (any, any, error) {
	got, err := c.IdentityLinks(ctx, x.id)
	return got, found(x.answer, "result", identityOf), err
}

func identityProviderOf(o object) IdentityProvider {
	options := o.child("options")
	return IdentityProvider{
		ID: o.text("id"), Name: o.text("name"), Type: ProviderType(strings.ToLower(strings.TrimPrefix(o.text("type"), "IDENTITY_PROVIDER_TYPE_"))),
		CreationAllowed: options.flag("isCreationAllowed"), AutoCreation: options.flag("isAutoCreation"), LinkingAllowed: options.flag("isLinkingAllowed"),
	}
}

func identityOf(o object) Identity {
	return Identity{ProviderID: o.text("idpId"), ID: o.text("userId"), Name: o.text("userName")}
}

func intentOf(o object) Intent {
	profile, email := o.child("addHumanUser.profile"), o.child("addHumanUser.email")
	return Intent{
		Identity: identityOf(o.child("idpInformation")), UserID: o.text("userId"),
		Newcomer: Newcomer{
			GivenName: profile.text("givenName"), FamilyName: profile.text("familyName"), DisplayName: profile.text("displayName"),
			PreferredLanguage: profile.text("preferredLanguage"), Email: email.text("email"), EmailVerified: email.flag("isVerified"),
		},
	}
}
