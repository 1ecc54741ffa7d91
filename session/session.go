package session

import "time"

// Session is a signed-in browser at our apps: the small record that answers who
// it is. A *Session belongs to the request that read it.
type Session struct {
	Handle         string // public name, for a list of sessions; signs nobody in
	Subject        string
	Name           string
	Email          string
	OrganizationID string
	Roles          []string
	Methods        []string // how the user signed in (amr)
	AuthTime       time.Time
	Created        time.Time
	Expires        time.Time // absolute: nothing extends it
	Idle           time.Time // when it ends unless it is used
	Seen           time.Time // last use, give or take a tenth of the idle time
	ZitadelSession string
	Issuer         string
	UserAgent      string // what the list of sessions calls the browser
	IP             string
	Persistent     bool     // outlives the browser: the user chose to be remembered
	ByPassword     bool     // a password was among what let the user in, and must stay what it was
	Factors        []string // what else was, and must stay the user's

	TokensEnd time.Time // of the access token; zero for a session that has no way to a next one
	Refresh   time.Time // when its tokens are due to be refreshed; zero: never
	Recheck   time.Time // when it is due to be checked against ZITADEL

	failures int    // tries at either that came to nothing, since the last that did not
	browser  string // which accounts stand behind it, wherever they have moved since

	hash   string // SHA-256 of the cookie's id: all that the store knows
	stored []byte // the hot record as read, still sealed
	tokens []byte // the token record as read, still sealed
}

// TokenSet is what an app's session may call ZITADEL with. It never leaves the
// server, and prints as [redacted].
type TokenSet struct {
	AccessToken  string
	RefreshToken string
	Expires      time.Time // of the access token
}
