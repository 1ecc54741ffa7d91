package zitadelclient

import (
	"context"
	"net/http"
	"time"
)

// User is a ZITADEL user. Human is false for a service user, who never signs
// in at a page.
type User struct {
	ID, OrganizationID, UserName, PreferredLoginName            string
	GivenName, FamilyName, DisplayName, PreferredLanguage       string
	Email, Phone                                                string
	EmailVerified, PhoneVerified, Human, PasswordChangeRequired bool
	LoginNames                                                  []string // all of them, the preferred one too
	State                                                       UserState
	PasswordChanged                                             time.Time // zero: no password
	MFAInitSkipped                                              time.Time // zero: never, see [Client.SkipMFAInit]
}

// UserState is the state of a user. Everything but UserActive means no.
type UserState string

// The states of a user.
const (
	UserActive   UserState = "active"
	UserInactive UserState = "inactive"
	UserDeleted  UserState = "deleted"
	UserLocked   UserState = "locked"
	UserInitial  UserState = "initial" // imported without an initialisation
)

// UserQuery selects users by any of the given names, within the organization
// when one is given. FullLoginName is a second login name to look for: the first,
// ending in the organization's domain.
type UserQuery struct{ LoginName, FullLoginName, Email, Phone, OrganizationID string }

// NewUser is what [Client.CreateUser] makes. All fields but PreferredLanguage
// are required, and of Password and WithoutPassword exactly one.
type NewUser struct {
	OrganizationID, GivenName, FamilyName, Email string
	PreferredLanguage, Password                  string
	WithoutPassword                              bool   // another way to sign in is set up later
	VerifyTemplate                               string // URL with {{.UserID}} and {{.Code}}, at most 200 characters
}

// User reads a user, never from a cache.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	const op = "read user"
	var answer struct{ User userAnswer }
	err := c.call(ctx, request{op: op, method: http.MethodGet, path: "/v2/users/{id}", id: id}, &answer)
	if err != nil {
		return User{}, err
	}
	if answer.User.UserID != id {
		return User{}, unavailable(op, errIncomplete)
	}
	return answer.User.user(), nil
}

// MostUsersFound is how many users [Client.SearchUsers] finds at most. Neither an
// address nor a phone number is unique, and anybody can have somebody else's as
// their own, as long as they need not prove it: the one who has is not to be
// crowded out by a few.
const MostUsersFound = searchLimit

// SearchUsers finds users in one call, the newest first. Search lags behind writes
// by some milliseconds.
func (c *Client) SearchUsers(ctx context.Context, q UserQuery) ([]User, error) {
	const op = "search users"
	var names []any
	for _, name := range []string{q.LoginName, q.FullLoginName} {
		if name != "" {
			names = append(names, map[string]any{"loginNameQuery": map[string]string{
				"loginName": name, "method": "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE"}})
		}
	}
	if q.Email != "" {
		names = append(names, map[string]any{"emailQuery": map[string]string{
			"emailAddress": q.Email, "method": "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE"}})
	}
	if q.Phone != "" {
		names = append(names, map[string]any{"phoneQuery": map[string]string{
			"number": q.Phone, "method": "TEXT_QUERY_METHOD_EQUALS"}})
	}
	if len(names) == 0 {
		return nil, invalid(op, "a search without a name would list the instance's users")
	}
	queries := []any{map[string]any{"orQuery": map[string]any{"queries": names}}}
	if q.OrganizationID != "" {
		queries = append(queries, map[string]any{"organizationIdQuery": map[string]string{"organizationId": q.OrganizationID}})
	}
	body := map[string]any{"query": map[string]any{"limit": MostUsersFound}, "queries": queries}
	var answer struct {
		Details searchDetails
		Result  []userAnswer
	}
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/users", body: body}, &answer)
	if err != nil {
		return nil, err
	}
	if err := answer.Details.check(op, len(answer.Result)); err != nil {
		return nil, err
	}
	users := make([]User, len(answer.Result))
	for i, u := range answer.Result {
		users[i] = u.user()
	}
	return users, nil
}

// CreateUser signs a person up, with the e-mail address as user name, and has
// the verification code mailed. A taken name is AlreadyExists.
func (c *Client) CreateUser(ctx context.Context, n NewUser) (userID string, err error) {
	const op = "create user"
	switch {
	case n.OrganizationID == "":
		return "", invalid(op, "without an organization the user would land in the service user's")
	case n.WithoutPassword != (n.Password == ""):
		return "", invalid(op, "a user without a password could not sign in, unless that is meant")
	case n.VerifyTemplate == "":
		return "", invalid(op, errNoTemplate)
	}
	profile := map[string]string{"givenName": n.GivenName, "familyName": n.FamilyName}
	if n.PreferredLanguage != "" {
		profile["preferredLanguage"] = n.PreferredLanguage
	}
	body := map[string]any{
		"username":     n.Email,
		"organization": map[string]string{"orgId": n.OrganizationID},
		"profile":      profile,
		"email":        map[string]any{"email": n.Email, "sendCode": map[string]string{"urlTemplate": n.VerifyTemplate}},
	}
	if n.Password != "" {
		body["password"] = map[string]any{"password": n.Password, "changeRequired": false}
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

// ResendEmailCode mails a new code for the address that waits for its
// verification; AlreadyHandled when none does.
func (c *Client) ResendEmailCode(ctx context.Context, userID, urlTemplate string) error {
	return c.mailCode(ctx, "resend e-mail code", "/v2/users/{id}/email/resend", userID, urlTemplate)
}

// SendEmailCode mails a code for the user's address.
func (c *Client) SendEmailCode(ctx context.Context, userID, urlTemplate string) error {
	return c.mailCode(ctx, "send e-mail code", "/v2/users/{id}/email/send", userID, urlTemplate)
}

func (c *Client) mailCode(ctx context.Context, op, path, userID, urlTemplate string) error {
	if urlTemplate == "" {
		return invalid(op, errNoTemplate)
	}
	body := map[string]any{"sendCode": map[string]string{"urlTemplate": urlTemplate}}
	return c.post(ctx, op, path, userID, body)
}

// VerifyEmail proves the user's address with the mailed code.
func (c *Client) VerifyEmail(ctx context.Context, userID, code string) error {
	return c.verifyCode(ctx, "verify e-mail", "/v2/users/{id}/email/verify", userID, code)
}

// verifyCode redeems a code that was sent to the user.
func (c *Client) verifyCode(ctx context.Context, op, path, userID, code string) error {
	if !possibleCode(code) {
		return &Error{Kind: WrongCode, Op: op}
	}
	return c.post(ctx, op, path, userID, map[string]string{"verificationCode": code})
}

// possibleCode spares ZITADEL what it would call a malformed request, and the
// user an error page: no code is empty or that long.
func possibleCode(code string) bool { return code != "" && len(code) <= 20 }

// userAnswer is a user as ZITADEL answers it; Human is nil for a service user.
type userAnswer struct {
	UserID                              string
	Details                             struct{ ResourceOwner string }
	State, Username, PreferredLoginName string
	LoginNames                          []string
	Human                               *struct {
		Profile struct {
			GivenName, FamilyName, DisplayName, PreferredLanguage string
		}
		Email struct {
			Email      string
			IsVerified bool
		}
		Phone struct {
			Phone      string
			IsVerified bool
		}
		PasswordChanged        time.Time
		PasswordChangeRequired bool
		MFAInitSkipped         time.Time
	}
}

func (a userAnswer) user() User {
	u := User{
		ID: a.UserID, OrganizationID: a.Details.ResourceOwner, State: UserState(enum("USER_STATE_", a.State)),
		UserName: a.Username, PreferredLoginName: a.PreferredLoginName, LoginNames: a.LoginNames, Human: a.Human != nil,
	}
	if a.Human == nil {
		return u
	}
	h := a.Human
	u.GivenName, u.FamilyName, u.DisplayName = h.Profile.GivenName, h.Profile.FamilyName, h.Profile.DisplayName
	if h.Profile.PreferredLanguage != "und" { // undetermined: ZITADEL's word for none
		u.PreferredLanguage = h.Profile.PreferredLanguage
	}
	u.Email, u.EmailVerified = h.Email.Email, h.Email.IsVerified
	u.Phone, u.PhoneVerified = h.Phone.Phone, h.Phone.IsVerified
	u.PasswordChanged, u.PasswordChangeRequired = h.PasswordChanged, h.PasswordChangeRequired
	u.MFAInitSkipped = h.MFAInitSkipped
	return u
}
