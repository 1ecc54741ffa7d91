package zitadeltest

import (
	"maps"
	"strings"
	"time"
)

// sessionRequest creates or changes a session.
type sessionRequest struct {
	SessionToken string            `json:"sessionToken"`
	Checks       *sessionChecks    `json:"checks"`
	Metadata     map[string]string `json:"metadata"`
	Lifetime     *string           `json:"lifetime"`
	UserAgent    *userAgent        `json:"userAgent"`
}

type sessionChecks struct {
	User *struct {
		UserID    *string `json:"userId"`
		LoginName *string `json:"loginName"`
	} `json:"user"`
	Password *struct {
		Password string `json:"password"`
	} `json:"password"`
}

// validate is what the API checks before it looks at any state.
func (r *sessionRequest) validate(message string) (lifetime time.Duration, err error) {
	embedded := "invalid " + message + ".Checks: embedded message failed validation | caused by: invalid Checks."
	length := ": value length must be between 1 and 200 runes, inclusive"
	if r.Checks != nil && r.Checks.User != nil {
		user := r.Checks.User
		caused := embedded + "User: embedded message failed validation | caused by: invalid CheckUser."
		switch {
		case user.UserID == nil && user.LoginName == nil:
			return 0, badRequest(caused + "Search: value is required")
		case user.LoginName != nil && !lengthBetween(*user.LoginName, 1, 200):
			return 0, badRequest(caused + "LoginName" + length)
		case user.UserID != nil && !lengthBetween(*user.UserID, 1, 200):
			return 0, badRequest(caused + "UserId" + length)
		}
	}
	if r.Checks != nil && r.Checks.Password != nil && !lengthBetween(r.Checks.Password.Password, 1, 200) {
		return 0, badRequest(embedded + "Password: embedded message failed validation | caused by: invalid CheckPassword.Password" + length)
	}
	if r.Lifetime == nil {
		return 0, nil
	}
	lifetime, err = time.ParseDuration(*r.Lifetime)
	if err != nil || !strings.HasSuffix(*r.Lifetime, "s") {
		return 0, badRequest(`proto: invalid value for google.protobuf.Duration type: "` + *r.Lifetime + `"`)
	}
	if lifetime <= 0 {
		return 0, badRequest("invalid " + message + ".Lifetime: value must be greater than 0s")
	}
	return lifetime, nil
}

func (c *call) createSession() (any, error) {
	var request sessionRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	lifetime, err := request.validate("CreateSessionRequest")
	if err != nil {
		return nil, err
	}
	if err := c.require(sessionWrite); err != nil {
		return nil, err
	}
	sess := &session{id: c.newID(), creator: c.caller.user.id, metadata: map[string]string{}, userAgent: request.UserAgent}
	sess.owner = c.instanceID
	if err := c.check(sess, request.Checks); err != nil {
		return nil, err
	}
	c.applySession(sess, request, lifetime)
	c.sessions[sess.id] = sess
	c.sessionOrder = append(c.sessionOrder, sess.id)
	return object{"details": sess.details(), "sessionId": sess.id, "sessionToken": sess.token}, nil
}

func (c *call) patchSession() (any, error) {
	var request sessionRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	lifetime, err := request.validate("SetSessionRequest")
	if err != nil {
		return nil, err
	}
	if err := c.requireSession(c.id(), request.SessionToken, sessionWrite); err != nil {
		return nil, err
	}
	sess := c.sessions[c.id()]
	if sess == nil && c.terminated[c.id()] == nil {
		// A session that never was can be changed, and even gets a token.
		sess = &session{metadata: map[string]string{}}
		sess.owner = c.instanceID
		c.touch(&sess.record)
	} else if sess, err = c.usableSession(c.id()); err != nil {
		return nil, err
	}
	if err := c.check(sess, request.Checks); err != nil {
		return nil, err
	}
	if request.Checks == nil && len(request.Metadata) == 0 && lifetime == 0 {
		return object{"details": sess.details()}, nil // nothing changed: no new token
	}
	c.applySession(sess, request, lifetime)
	return object{"details": sess.details(), "sessionToken": sess.token}, nil
}

// applySession stores what a request changed and rotates the token: the old
// one is dead from here on.
func (c *call) applySession(sess *session, request sessionRequest, lifetime time.Duration) {
	maps.Copy(sess.metadata, request.Metadata)
	if lifetime > 0 {
		sess.expires = c.now().Add(lifetime)
	}
	sess.token = newSecret(58)
	c.touch(&sess.record)
}

// check runs the checks on a session; it changes only when all succeed.
func (c *call) check(sess *session, checks *sessionChecks) error {
	if checks == nil {
		return nil
	}
	trial := *sess
	if checks.User != nil {
		if err := c.checkUser(&trial, checks); err != nil {
			return err
		}
	}
	if checks.Password != nil {
		if trial.userID == "" {
			return failedPrecondition("COMMAND-Sfw3f", "User ID missing")
		}
		if err := c.checkPassword(trial.userID, checks.Password.Password); err != nil {
			return err
		}
		trial.passwordChecked, trial.passwordForgotten = c.now(), false
	}
	*sess = trial
	return nil
}

func (c *call) checkUser(sess *session, checks *sessionChecks) error {
	u, err := c.userToCheck(checks)
	if err != nil {
		return err
	}
	if sess.userID != "" && sess.userID != u.id {
		return invalidArgument("", "user change not possible")
	}
	// Locked, inactive and locked out look alike.
	if u.state != userActive && !(c.config.Lag > 0 && c.lagging(u.record)) {
		return errNotActive()
	}
	sess.userID, sess.orgID, sess.userChecked = u.id, u.orgID, c.now()
	return nil
}

// userToCheck finds the user by id, which lags after a creation, or by login
// name, which does not. An e-mail address is no login name.
func (c *call) userToCheck(checks *sessionChecks) (*user, error) {
	var u *user
	if checks.User.UserID != nil {
		u = c.users[*checks.User.UserID]
		if u != nil && c.now().Before(u.created.Add(c.config.Lag)) {
			u = nil
		}
	} else {
		u = c.userByLoginName(*checks.User.LoginName)
	}
	if u == nil {
		return nil, errUserNotFound()
	}
	return u, nil
}

func errNotActive() *apiError    { return failedPrecondition("SESSION-Gj4ko", "Errors.User.NotActive") }
func errUserNotFound() *apiError { return notFound("QUERY-Dfbg2", "User could not be found") }
