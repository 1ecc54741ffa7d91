package zitadelclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// SessionRef names a ZITADEL session and proves possession of it. The token
// changes with every [Client.UpdateSession], which kills the one before.
type SessionRef struct{ ID, Token string }

// UserAgent describes the browser to ZITADEL, for its list of sessions.
type UserAgent struct{ FingerprintID, IP, Description string }

// NewSession is what [Client.CreateSession] makes.
type NewSession struct {
	Checks    Checks
	UserAgent UserAgent
	Lifetime  time.Duration // required
}

// SessionUpdate is what [Client.UpdateSession] changes. Lifetime counts from
// now; zero leaves it as it is.
type SessionUpdate struct {
	Checks   Checks
	Lifetime time.Duration
}

// SessionQuery selects sessions: all the given criteria must hold.
type SessionQuery struct {
	IDs    []string
	UserID string
}

// Session is a ZITADEL session: what was checked, and when. An expired one can
// still be read, so look at Expires; zero means that it never expires, which
// no session made by this package does.
type Session struct {
	ID                        string
	Created, Changed, Expires time.Time
	Factors                   Factors
}

// Factors are the checks that a session remembers; a zero time is a factor
// that was not checked. After a password change ZITADEL drops Password from
// every older session.
type Factors struct {
	User                                               UserFactor
	Password, WebAuthN, Intent, TOTP, OTPSMS, OTPEmail time.Time
	RecoveryCode                                       time.Time
	UserVerified                                       bool // WebAuthN with user verification: a passkey
}

// UserFactor is the user that a session is about. It authenticates nobody.
type UserFactor struct {
	ID, LoginName, DisplayName, OrganizationID string
	Verified                                   time.Time
}

// searchLimit bounds every search whose caller has no smaller limit.
const searchLimit = 100

// CreateSession checks credentials and makes a session of them in one call. It
// is never repeated: every wrong password counts towards the lockout.
func (c *Client) CreateSession(ctx context.Context, n NewSession) (SessionRef, error) {
	ref, _, err := c.createSession(ctx, n, Challenges{})
	return ref, err
}

func (c *Client) createSession(ctx context.Context, n NewSession, asked Challenges) (SessionRef, Challenge, error) {
	const op = "create session"
	if n.Lifetime <= 0 {
		return SessionRef{}, Challenge{}, invalid(op, "a session without a lifetime would never expire")
	}
	checks, err := n.Checks.body(op)
	if err != nil {
		return SessionRef{}, Challenge{}, err
	}
	body := sessionBody{
		Checks:     checks,
		Challenges: asked.body(),
		UserAgent:  &userAgentBody{n.UserAgent.FingerprintID, n.UserAgent.IP, n.UserAgent.Description},
		Lifetime:   duration(n.Lifetime),
	}
	var answer struct {
		SessionID, SessionToken string
		Challenges              challengesAnswer
	}
	err = c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/sessions", body: body}, &answer)
	if err != nil {
		return SessionRef{}, Challenge{}, err
	}
	if answer.SessionID == "" || answer.SessionToken == "" {
		return SessionRef{}, Challenge{}, unavailable(op, errIncomplete)
	}
	challenge, err := asked.read(op, answer.Challenges)
	return SessionRef{ID: answer.SessionID, Token: answer.SessionToken}, challenge, err
}

// UpdateSession checks further credentials in a session and returns it with
// its newest token, which is the old one when nothing changed. Two updates at
// the same time leave one caller with a dead token: the caller locks. That it
// succeeds says what the session's factors say, and they are to be read: a
// ZITADEL that does not know a check ignores it.
func (c *Client) UpdateSession(ctx context.Context, ref SessionRef, u SessionUpdate) (SessionRef, error) {
	ref, _, err := c.updateSession(ctx, ref, u, Challenges{})
	return ref, err
}

func (c *Client) updateSession(ctx context.Context, ref SessionRef, u SessionUpdate, asked Challenges) (SessionRef, Challenge, error) {
	const op = "update session"
	if err := ref.check(op); err != nil {
		return SessionRef{}, Challenge{}, err
	}
	checks, err := u.Checks.body(op)
	if err != nil {
		return SessionRef{}, Challenge{}, err
	}
	body := sessionBody{SessionToken: ref.Token, Checks: checks, Challenges: asked.body(), Lifetime: duration(u.Lifetime)}
	var answer struct {
		SessionToken string
		Challenges   challengesAnswer
	}
	err = c.call(ctx, request{op: op, method: http.MethodPatch, path: "/v2/sessions/{id}", id: ref.ID, body: body}, &answer)
	if err != nil {
		return SessionRef{}, Challenge{}, err
	}
	if answer.SessionToken != "" {
		ref.Token = answer.SessionToken
	}
	challenge, err := asked.read(op, answer.Challenges)
	return ref, challenge, err
}

// Session reads a session by its token. The service user may read any session
// without one, which is why the token is required: only it shows that the
// caller's browser is the session's.
func (c *Client) Session(ctx context.Context, ref SessionRef) (Session, error) {
	const op = "read session"
	if err := ref.check(op); err != nil {
		return Session{}, err
	}
	return c.readSession(ctx, request{op: op, id: ref.ID, query: url.Values{"sessionToken": {ref.Token}}})
}

func (c *Client) readSession(ctx context.Context, r request) (Session, error) {
	r.method, r.path = http.MethodGet, "/v2/sessions/{id}"
	var answer struct{ Session sessionAnswer }
	if err := c.call(ctx, r, &answer); err != nil {
		return Session{}, err
	}
	// Whatever a proxy in between answers, another session's factors must
	// never be taken for this one's.
	if answer.Session.ID != r.id {
		return Session{}, unavailable(r.op, errIncomplete)
	}
	return answer.Session.session(), nil
}

// GrantedSession reads a session without its token, to see whether it still
// stands behind what it was once shown for. It shows nobody's possession: to let
// somebody in, there is [Client.Session].
func (c *Client) GrantedSession(ctx context.Context, id string) (Session, error) {
	return c.readSession(ctx, request{op: "look after session", id: id})
}

// DeleteSession terminates a session. An unknown or terminated one is no
// error. Without a token the service user's permission decides: ending a
// session needs no proof of possession.
func (c *Client) DeleteSession(ctx context.Context, ref SessionRef) error {
	body := sessionBody{SessionToken: ref.Token}
	return c.call(ctx, request{op: "delete session", method: http.MethodDelete, path: "/v2/sessions/{id}", id: ref.ID, body: body}, nil)
}

// SearchSessions lists sessions, the newest first, at most a hundred. Search
// lags behind writes by some milliseconds.
func (c *Client) SearchSessions(ctx context.Context, q SessionQuery) ([]Session, error) {
	page, err := c.searchSessions(ctx, q, 0)
	return page.sessions, err
}

// sessionPage is a page of what a search found, of how much, and when.
type sessionPage struct {
	sessions []Session
	total    int
	answered time.Time // by ZITADEL's clock; zero where that is not said
}

func (c *Client) searchSessions(ctx context.Context, q SessionQuery, offset int) (page sessionPage, err error) {
	const op = "search sessions"
	var queries []any
	if len(q.IDs) > 0 {
		queries = append(queries, map[string]any{"idsQuery": map[string]any{"ids": q.IDs}})
	}
	if q.UserID != "" {
		queries = append(queries, map[string]any{"userIdQuery": map[string]any{"id": q.UserID}})
	}
	if len(queries) == 0 {
		return sessionPage{}, invalid(op, "a search without a criterion would list the whole instance's sessions")
	}
	paging := map[string]any{"limit": searchLimit}
	if offset > 0 {
		paging["offset"] = offset
	}
	body := map[string]any{"query": paging, "queries": queries, "sortingColumn": "SESSION_FIELD_NAME_CREATION_DATE"}
	var answer struct {
		Details  searchDetails
		Sessions []sessionAnswer
	}
	err = c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/sessions/search", body: body, answered: &page.answered}, &answer)
	if err != nil {
		return sessionPage{}, err
	}
	// A later page is rightly empty when sessions ended meanwhile.
	if err := answer.Details.check(op, offset+len(answer.Sessions)); err != nil {
		return sessionPage{}, err
	}
	page.sessions = make([]Session, len(answer.Sessions))
	for i, s := range answer.Sessions {
		page.sessions[i] = s.session()
	}
	page.total = int(answer.Details.TotalResult)
	return page, nil
}

// DeleteSessionsOf ends every session of a user except one ("": none is
// spared), as after a password reset: whoever knew the old password is out. One that
// is not ended keeps none of the others alive; the error is about all of them.
// One that was made in the last milliseconds may be missed, since search lags.
// However long it takes, a sign-in that came later is nobody's to end.
func (c *Client) DeleteSessionsOf(ctx context.Context, userID, except string) error {
	return c.SessionsOfNow(userID, except)(ctx)
}

// SessionsOfNow is [Client.DeleteSessionsOf] for whoever has it done later: it ends
// what there is now, and nothing that is begun before it comes to that.
func (c *Client) SessionsOfNow(userID, except string) (end func(context.Context) error) {
	asked := c.config.Now()
	return func(ctx context.Context) error { return c.deleteSessionsOf(ctx, userID, except, asked) }
}

func (c *Client) deleteSessionsOf(ctx context.Context, userID, except string, asked time.Time) error {
	if userID == "" {
		return invalid("delete sessions of user", "no user")
	}
	sessions, begun, err := c.sessionsOf(ctx, userID, asked)
	if err != nil {
		return err
	}
	now := c.config.Now()
	var failed []error
	for _, s := range sessions {
		ended := !s.Expires.IsZero() && !now.Before(s.Expires)
		later := !begun.IsZero() && s.Created.After(begun)
		// A search that ignored the criterion must not end other users' sessions.
		if s.ID == except || ended || later || s.Factors.User.ID != userID {
			continue
		}
		if err := c.DeleteSession(ctx, SessionRef{ID: s.ID}); err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// answerTime is how long an answer may have been on its way, and how far apart the
// clocks of ZITADEL's servers may be.
const answerTime = 2 * time.Second

// sessionsOf reads all pages of a user's sessions, before any is deleted: that
// would shift them. With them comes when that was asked for, by ZITADEL's clock and
// rather too late than too early; zero where ZITADEL does not say what time it is.
func (c *Client) sessionsOf(ctx context.Context, userID string, asked time.Time) (all []Session, begun time.Time, err error) {
	for {
		page, err := c.searchSessions(ctx, SessionQuery{UserID: userID}, len(all))
		if err != nil {
			return nil, time.Time{}, err
		}
		if len(all) == 0 && !page.answered.IsZero() {
			// Whatever our clock says, how much time has passed it knows. The header
			// has whole seconds.
			begun = page.answered.Add(time.Second + answerTime - c.config.Now().Sub(asked))
		}
		all = append(all, page.sessions...)
		if len(page.sessions) == 0 || len(all) >= page.total {
			return all, begun, nil
		}
	}
}

func (r SessionRef) check(op string) error {
	if r.ID == "" || r.Token == "" {
		return &Error{Kind: SessionEnded, Op: op, Err: errNoSessionToken}
	}
	return nil
}

// What is sent; the checks are in checks.go, the challenges in challenges.go.
type (
	sessionBody struct {
		SessionToken string          `json:"sessionToken,omitempty"`
		Checks       *checksBody     `json:"checks,omitempty"`
		Challenges   *challengesBody `json:"challenges,omitempty"`
		UserAgent    *userAgentBody  `json:"userAgent,omitempty"`
		Lifetime     duration        `json:"lifetime,omitempty"`
	}
	userAgentBody struct {
		FingerprintID string `json:"fingerprintId,omitempty"`
		IP            string `json:"ip,omitempty"`
		Description   string `json:"description,omitempty"`
	}
)

// What is answered.
type (
	sessionAnswer struct {
		ID             string
		CreationDate   time.Time
		ChangeDate     time.Time
		ExpirationDate time.Time
		Factors        factorsAnswer
	}
	factorsAnswer struct {
		User struct {
			VerifiedAt                                 time.Time
			ID, LoginName, DisplayName, OrganizationID string
		}
		Password, TOTP, Intent, OTPSMS, OTPEmail, RecoveryCode verifiedAt
		WebAuthN                                               struct {
			VerifiedAt   time.Time
			UserVerified bool
		}
	}
	verifiedAt struct{ VerifiedAt time.Time }
)

func (a sessionAnswer) session() Session {
	f := a.Factors
	return Session{
		ID: a.ID, Created: a.CreationDate, Changed: a.ChangeDate, Expires: a.ExpirationDate,
		Factors: Factors{
			User: UserFactor{
				ID: f.User.ID, LoginName: f.User.LoginName, DisplayName: f.User.DisplayName,
				OrganizationID: f.User.OrganizationID, Verified: f.User.VerifiedAt,
			},
			Password: f.Password.VerifiedAt, WebAuthN: f.WebAuthN.VerifiedAt, UserVerified: f.WebAuthN.UserVerified,
			Intent: f.Intent.VerifiedAt, TOTP: f.TOTP.VerifiedAt, OTPSMS: f.OTPSMS.VerifiedAt, OTPEmail: f.OTPEmail.VerifiedAt,
			RecoveryCode: f.RecoveryCode.VerifiedAt,
		},
	}
}
