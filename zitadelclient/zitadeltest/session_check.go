package zitadeltest

import (
	"maps"
	"time"
)

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
	challenges, err := c.advanceSession(sess, request, lifetime)
	if err != nil {
		return nil, err
	}
	c.sessions[sess.id] = sess
	c.sessionOrder = append(c.sessionOrder, sess.id)
	return withChallenges(object{"details": sess.details(), "sessionId": sess.id, "sessionToken": sess.token}, challenges), nil
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
	if request.Checks == nil && request.Challenges == nil && len(request.Metadata) == 0 && lifetime == 0 {
		return object{"details": sess.details()}, nil // nothing changed: no new token
	}
	challenges, err := c.advanceSession(sess, request, lifetime)
	if err != nil {
		return nil, err
	}
	return withChallenges(object{"details": sess.details(), "sessionToken": sess.token}, challenges), nil
}

// withChallenges adds the challenges to an answer: an empty object where codes
// were sent, nothing where none was asked for.
func withChallenges(answer, challenges object) object {
	if challenges != nil {
		answer["challenges"] = challenges
	}
	return answer
}

// advanceSession runs checks and challenges, stores what they changed and
// rotates the token: the old one is dead from here on. When any fails the
// session stays as it is, and no code leaves the house.
func (c *call) advanceSession(sess *session, request sessionRequest, lifetime time.Duration) (object, error) {
	trial := *sess
	if err := c.check(&trial, request.Checks); err != nil {
		return nil, err
	}
	challenges, send, err := c.challenge(&trial, request.Challenges)
	if err != nil {
		return nil, err
	}
	*sess = trial
	if used := sess.challenges.intent; used != nil {
		used.state, sess.challenges.intent = intentConsumed, nil
	}
	maps.Copy(sess.metadata, request.Metadata)
	if lifetime > 0 {
		sess.expires = c.now().Add(lifetime)
	}
	sess.token = newSecret(58)
	c.touch(&sess.record)
	for _, m := range send {
		c.sendCode(c.users[sess.userID], m)
	}
	return challenges, nil
}

// check runs the checks on a trial copy of a session.
func (c *call) check(trial *session, checks *sessionChecks) error {
	if checks == nil {
		return nil
	}
	if checks.User != nil {
		if err := c.checkUser(trial, checks); err != nil {
			return err
		}
	}
	if checks.Password != nil {
		if trial.userID == "" {
			return errUserMissing()
		}
		if err := c.checkPassword(trial.userID, checks.Password.Password); err != nil {
			return err
		}
		trial.passwordChecked, trial.passwordForgotten = c.now(), false
	}
	return c.checkFactors(trial, checks)
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
