package zitadelclient

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
)

// An intent is one visit of a browser to an identity provider: started here,
// answered by the provider to ZITADEL, and brought back by the browser with a
// token that opens it.

// IntentRef names an intent and proves that it was answered. It is good for one
// session.
type IntentRef struct{ ID, Token string }

// StartedIntent is an intent that waits for its answer. AuthURL is where the
// browser has to go; whoever sends it there parses it first.
type StartedIntent struct{ ID, AuthURL string }

// ReturnURLs are where ZITADEL sends the browser in the end. It adds the intent's
// id, and on success its token.
type ReturnURLs struct{ Success, Failure string }

// Intent is what came of one. UserID is the user to whom the identity is linked,
// "" for nobody: then Newcomer is what the provider says of them.
type Intent struct {
	Identity Identity
	UserID   string
	Newcomer Newcomer
}

// Newcomer is a person as a provider describes them. Any of it may be missing.
type Newcomer struct {
	GivenName, FamilyName, DisplayName, PreferredLanguage string
	Email                                                 string
	EmailVerified                                         bool // says the provider
}

// StartIntent begins an intent at a provider. Invalid is a provider that is
// unknown or switched off; Unsupported one that wants more than a redirect (a
// form of its own, or name and password), or whose answer could not be told from
// that to another browser's intent.
func (c *Client) StartIntent(ctx context.Context, providerID string, urls ReturnURLs) (StartedIntent, error) {
	const op = "start intent"
	if providerID == "" || urls.Success == "" || urls.Failure == "" {
		return StartedIntent{}, invalid(op, "no provider, or nowhere to return to")
	}
	body := map[string]any{
		"idpId": providerID, "urls": map[string]string{"successUrl": urls.Success, "failureUrl": urls.Failure},
	}
	var answer struct{ AuthURL string }
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/idp_intents", body: body}, &answer)
	if err != nil {
		return StartedIntent{}, err
	}
	id := intentID(answer.AuthURL)
	if id == "" {
		return StartedIntent{}, &Error{Kind: Unsupported, Op: op, Err: errors.New("ZITADEL names no address to send the browser to, or one that does not say which intent it is")}
	}
	return StartedIntent{ID: id, AuthURL: answer.AuthURL}, nil
}

// intentID reads from the address which intent the provider will answer: its
// state, or its RelayState in SAML (documented, never seen). ZITADEL's answer has
// no id of its own, and without one a return could not be bound to the browser
// that left.
func intentID(authURL string) string {
	u, err := url.Parse(authURL)
	if err != nil {
		return ""
	}
	query := u.Query()
	return cmp.Or(query.Get("state"), query.Get("RelayState"))
}

// RetrieveIntent reads what the provider said. IntentRefused is an intent that
// was not answered, or is used up or too old, and a token that is not its own.
func (c *Client) RetrieveIntent(ctx context.Context, ref IntentRef) (Intent, error) {
	const op = "retrieve intent"
	if ref.ID == "" || ref.Token == "" {
		return Intent{}, &Error{Kind: IntentRefused, Op: op}
	}
	var answer intentAnswer
	body := map[string]string{"idpIntentToken": ref.Token}
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/idp_intents/{id}", id: ref.ID, body: body}, &answer)
	if err != nil {
		return Intent{}, err
	}
	intent := answer.intent()
	if intent.Identity.ProviderID == "" || intent.Identity.ID == "" {
		return Intent{}, unavailable(op, errIncomplete)
	}
	return intent, nil
}

// ExternalUser is a user that comes from an identity provider. All fields but
// DisplayName and PreferredLanguage are required; VerifyTemplate is, where the
// address is not proven.
type ExternalUser struct {
	OrganizationID string
	Newcomer       Newcomer
	Identity       Identity
	VerifyTemplate string // URL with {{.UserID}} and {{.Code}}, at most 200 characters
}

// CreateExternalUser makes a user who signs in by a provider, with the e-mail
// address as user name. AlreadyExists is a name that is taken, or an identity
// that is linked meanwhile. EmailVerified is a provider's word, never a browser's
// (CVE-2026-54693).
func (c *Client) CreateExternalUser(ctx context.Context, n ExternalUser) (userID string, err error) {
	const op = "create external user"
	switch {
	case n.OrganizationID == "":
		return "", invalid(op, "without an organization the user would land in the service user's")
	case n.Identity.ProviderID == "" || n.Identity.ID == "":
		return "", invalid(op, "a user without an identity could not sign in")
	case !n.Newcomer.EmailVerified && n.VerifyTemplate == "":
		return "", invalid(op, errNoTemplate)
	}
	profile := map[string]string{"givenName": n.Newcomer.GivenName, "familyName": n.Newcomer.FamilyName}
	if n.Newcomer.DisplayName != "" {
		profile["displayName"] = n.Newcomer.DisplayName
	}
	if n.Newcomer.PreferredLanguage != "" {
		profile["preferredLanguage"] = n.Newcomer.PreferredLanguage
	}
	email := map[string]any{"email": n.Newcomer.Email, "isVerified": true}
	if !n.Newcomer.EmailVerified {
		email = map[string]any{"email": n.Newcomer.Email, "sendCode": map[string]string{"urlTemplate": n.VerifyTemplate}}
	}
	body := map[string]any{
		"username":     n.Newcomer.Email,
		"organization": map[string]string{"orgId": n.OrganizationID},
		"profile":      profile,
		"email":        email,
		"idpLinks":     []identityBody{{n.Identity.ProviderID, n.Identity.ID, n.Identity.Name}},
	}
	var answer struct{ UserID string }
	err = c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/users/human", body: body}, &answer)
	if err != nil {
		return "", err
	}
	if answer.UserID == "" {
		return "", unavailable(op, errIncomplete)
	}
	return answer.UserID, nil
}

// intentAnswer leaves out the provider's own tokens, which are nobody's business
// here, and its raw words: ZITADEL has made a user of them.
type intentAnswer struct {
	IDPInformation identityBody
	UserID         string
	AddHumanUser   struct {
		Profile struct {
			GivenName, FamilyName, DisplayName, PreferredLanguage string
		}
		Email struct {
			Email      string
			IsVerified bool
		}
	}
}

func (a intentAnswer) intent() Intent {
	p, email := a.AddHumanUser.Profile, a.AddHumanUser.Email
	return Intent{
		Identity: Identity{ProviderID: a.IDPInformation.IDPID, ID: a.IDPInformation.UserID, Name: a.IDPInformation.UserName},
		UserID:   a.UserID,
		Newcomer: Newcomer{
			GivenName: p.GivenName, FamilyName: p.FamilyName, DisplayName: p.DisplayName, PreferredLanguage: p.PreferredLanguage,
			Email: email.Email, EmailVerified: email.IsVerified,
		},
	}
}
