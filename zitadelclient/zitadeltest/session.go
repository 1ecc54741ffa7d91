package zitadeltest

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// sessionRoutes are the v2 session service.
func (s *Server) sessionRoutes() []route {
	return []route{
		{pattern: "POST /v2/sessions", api: (*call).createSession, status: http.StatusCreated},
		{pattern: "GET /v2/sessions/{id}", api: (*call).getSession, query: []string{"sessionToken"}},
		{pattern: "PATCH /v2/sessions/{id}", api: (*call).patchSession},
		{pattern: "DELETE /v2/sessions/{id}", api: (*call).deleteSession},
		{pattern: "POST /v2/sessions/search", api: (*call).searchSessions},
	}
}

// sessionByToken is the session whose newest token this is, nil for none.
func (s *Server) sessionByToken(token string) *session {
	for _, sess := range s.sessions {
		if sess.token == token && !sess.expired(s.now()) {
			return sess
		}
	}
	return nil
}

// usableSession finds a session that neither ended nor expired. It says
// nothing about factors: ZITADEL uses a session that checked none.
func (s *Server) usableSession(id string) (*session, error) {
	sess := s.sessions[id]
	switch {
	case s.terminated[id] != nil:
		return nil, failedPrecondition("COMMAND-Hewfq", "Session already terminated")
	case sess == nil:
		return nil, failedPrecondition("COMMAND-Flk38", "Session does not exist")
	case sess.expired(s.now()):
		return nil, failedPrecondition("COMMAND-Hkl3d", "Session has expired")
	}
	return sess, nil
}

// requireSession is the right to change a session: its newest token, or a role.
func (c *call) requireSession(id, token string, p permission) error {
	if token == "" {
		return c.require(p)
	}
	sess := firstNonNil(c.sessions[id], c.terminated[id])
	if sess == nil || sess.token != token {
		return permissionDenied("COMMAND-sGr42", "Session Token is invalid")
	}
	return nil
}

func firstNonNil[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

func (c *call) getSession() (any, error) {
	sess := c.sessions[c.id()]
	if sess == nil {
		return nil, notFound("QUERY-SFeaa", "Session does not exist")
	}
	token := c.request.URL.Query().Get("sessionToken")
	switch {
	case token != "" && token != sess.token:
		return nil, permissionDenied("QUERY-dsfr3", "Errors.PermissionDenied")
	case token == "" && !c.ownsSession(sess):
		if err := c.require(sessionRead); err != nil {
			return nil, err
		}
	}
	return object{"session": c.sessionBody(sess)}, nil
}

// ownsSession says whether the caller made the session or it is of the caller.
func (c *call) ownsSession(sess *session) bool {
	return sess.creator == c.caller.user.id || sess.userID == c.caller.user.id
}

// sessionBody is a session as reads show it. An expired one is shown like any
// other: callers must look at the expirationDate.
func (s *Server) sessionBody(sess *session) object {
	body := compact(object{
		"id": sess.id, "creationDate": timestamp(sess.created), "changeDate": timestamp(sess.changed),
		"sequence": decimal(sess.sequence), "metadata": sess.metadata, "userAgent": sess.userAgent,
		"factors": s.factorsBody(sess),
	})
	if !sess.expires.IsZero() {
		body["expirationDate"] = timestamp(sess.expires)
	}
	return body
}

func (s *Server) factorsBody(sess *session) object {
	if sess.userID == "" {
		return nil
	}
	user := object{"verifiedAt": timestamp(sess.userChecked), "id": sess.userID, "organizationId": sess.orgID}
	if u := s.users[sess.userID]; u != nil {
		user["loginName"], user["displayName"] = s.loginName(u), u.displayName()
	}
	factors := object{"user": user}
	if !sess.passwordChecked.IsZero() && !sess.passwordForgotten {
		factors["password"] = object{"verifiedAt": timestamp(sess.passwordChecked)}
	}
	maps.Copy(factors, sess.factorChecks.body())
	return factors
}

// deleteSession succeeds for sessions that never were, as the real server does.
func (c *call) deleteSession() (any, error) {
	var request struct {
		SessionToken string `json:"sessionToken"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if err := c.requireSession(c.id(), request.SessionToken, sessionDelete); err != nil {
		return nil, err
	}
	if sess := c.terminated[c.id()]; sess != nil {
		return object{"details": sess.details()}, nil
	}
	sess := c.sessions[c.id()]
	if sess == nil {
		sess = &session{record: record{owner: c.instanceID}}
		c.touch(&sess.record)
		return object{"details": sess.details()}, nil
	}
	c.terminateSession(sess)
	return object{"details": sess.details()}, nil
}

// terminateSession ends a session and tells the applications that want to
// know. Refresh tokens live on.
func (s *Server) terminateSession(sess *session) {
	delete(s.sessions, sess.id)
	s.terminated[sess.id] = sess
	s.touch(&sess.record)
	s.sendLogoutTokens(sess.id)
}

// ExpireSessions ends the lifetime of all sessions of a user now.
func (s *Server) ExpireSessions(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		if sess.userID == userID {
			sess.expires = s.now()
		}
	}
}

// TerminateSessions ends all sessions of a user, as an administrator would.
func (s *Server) TerminateSessions(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		if sess.userID == userID {
			s.terminateSession(sess)
		}
	}
}

// Sessions are the ids of a user's live sessions, oldest first.
func (s *Server) Sessions(userID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.sessionOrder), func(id string) bool {
		return s.sessions[id] == nil || s.sessions[id].userID != userID
	})
}

// SessionExpiry is when a session ends, the zero time for never or unknown.
func (s *Server) SessionExpiry(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess := s.sessions[id]; sess != nil {
		return sess.expires
	}
	return time.Time{}
}
