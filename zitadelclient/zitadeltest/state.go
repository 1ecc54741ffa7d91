package zitadeltest

import "time"

// world is everything that calls read and change. The server's lock guards it.
type world struct {
	instanceID   string
	apiProjectID string // the audience that the API wants
	defaultOrgID string

	organizations map[string]*organization
	users         map[string]*user
	userOrder     []string // creation order, which searches keep
	sessions      map[string]*session
	terminated    map[string]*session
	sessionOrder  []string // both live and terminated
	projects      map[string]*project
	apps          map[string]*app // by client id
	grants        []*grant

	personalAccessTokens map[string]string // token → user id
	policies             map[string]*policies
	defaultLanguage      string
	allowedLanguages     []string
	backchannelLogout    bool
	translations         map[translationLevel]map[string]any // of the hosted login
	branding             *brandingDraft
	providers            []*identityProvider // in the order of the settings
	intents              map[string]*intent
}

func newWorld(s *Server) world {
	w := world{
		organizations: map[string]*organization{}, users: map[string]*user{}, sessions: map[string]*session{}, terminated: map[string]*session{},
		projects: map[string]*project{}, apps: map[string]*app{}, personalAccessTokens: map[string]string{},
		intents: map[string]*intent{}, policies: map[string]*policies{}, defaultLanguage: "en", translations: map[translationLevel]map[string]any{},
	}
	w.instanceID, w.apiProjectID = s.newID(), s.newID()
	w.policies[""] = instancePolicies(s, w.instanceID)
	first := s.newOrganization("Example")
	w.organizations[first.id], w.defaultOrgID = first, first.id
	return w
}

type organization struct {
	record
	id, name, primaryDomain string
	domains                 []string // further ones, verified
	inactive                bool
}

// userState is spelled as the API spells it.
type userState string

const (
	userActive   userState = "USER_STATE_ACTIVE"
	userInactive userState = "USER_STATE_INACTIVE"
	userLocked   userState = "USER_STATE_LOCKED"
	userInitial  userState = "USER_STATE_INITIAL" // documented, and of older APIs: no recording shows it
)

// user is a human or a machine (a service user).
type user struct {
	record
	id, userName string
	orgID        string
	state        userState
	human        *human
	machine      *machine
	metadata     []*metadatum
	roles        []string // on the instance
	wasLocked    bool
}

// human is a person's side of a user.
type human struct {
	givenName, familyName, nickName, displayName string
	language, gender                             string

	email         string
	emailVerified bool
	emailCode     verificationCode
	phone         string
	phoneVerified bool
	phoneCode     verificationCode

	password               string // "" for none; compared as it is
	passwordChanged        time.Time
	passwordChangedBefore  time.Time // what lagging reads still show
	passwordChangeRequired bool
	passwordCode           verificationCode
	failedPasswords        int
	inviteCode             verificationCode
	inviteTemplate         string
	inviteApplication      string
	factors                factors
	links                  []identityLink
}

// machine is a service user's side of a user.
type machine struct {
	name, description string
	secret            string
	keys              []*machineKey
}

type metadatum struct {
	record
	key, value string // value in base64
}

// verificationCode is a code that was sent or returned and waits to be used.
type verificationCode struct {
	value   string
	expires time.Time
}

// session is a ZITADEL session. Only its newest token is good.
type session struct {
	record
	id, token, creator string
	userID             string
	userChecked        time.Time
	orgID              string // of the user, kept when the user is deleted
	passwordChecked    time.Time
	passwordForgotten  bool // the password changed since: reads do not show it
	factorChecks
	challenges sessionChallenges
	expires    time.Time // zero: never
	metadata   map[string]string
	userAgent  *userAgent
}

// expired says whether the session's lifetime is over.
func (s *session) expired(now time.Time) bool { return !s.expires.IsZero() && !now.Before(s.expires) }

// userAgent is what a session remembers of the browser.
type userAgent struct {
	FingerprintID string                 `json:"fingerprintId,omitempty"`
	IP            string                 `json:"ip,omitempty"`
	Description   string                 `json:"description,omitempty"`
	Header        map[string]headerValue `json:"header,omitempty"`
}

type headerValue struct {
	Values []string `json:"values,omitempty"`
}

// project holds applications and roles.
type project struct {
	record
	id, name, orgID          string
	roleAssertion, roleCheck bool
	roles                    []string
	grantedTo                map[string]string // project grant id → organization id
}

// app is an OIDC or API application.
type app struct {
	record
	id, clientID, clientSecret string
	projectID, name            string
	api                        bool   // an API application: only introspection
	authMethod                 string // NONE, BASIC, POST, PRIVATE_KEY_JWT
	redirectURIs               []string
	postLogoutRedirectURIs     []string
	responseTypes, grantTypes  []string
	appType                    string
	devMode                    bool
	jwtAccessToken             bool
	idTokenUserinfoAssertion   bool
	idTokenRoleAssertion       bool
	accessTokenRoleAssertion   bool
	backchannelLogoutURI       string
	keys                       []*machineKey
}

// grant gives a user roles of a project, in an organization.
type grant struct {
	record
	id, userID, projectID, orgID string
	roles                        []string
}
