package zitadelclient

import "time"

// Tokens are what an exchange or a refresh yields.
type Tokens struct {
	AccessToken, RefreshToken string
	Expires                   time.Time // of the access token
	Claims                    IDClaims
}

// IDClaims are the verified claims of an ID token.
type IDClaims struct {
	Issuer, Subject, SessionID  string
	AuthTime, IssuedAt, Expires time.Time
	Methods                     []string // amr
	Name, GivenName, FamilyName string
	Email, Username, Locale     string
	EmailVerified               bool
	OrganizationID              string   // the user's own, resourceowner:id
	Roles                       []string // those granted in the user's own organization
}
