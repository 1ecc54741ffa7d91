package zitadeltest

import (
	"net/http"
	"slices"
	"strings"
)

// userRoutes are the v2 user service, without what proves and verifies.
func (s *Server) userRoutes() []route {
	return []route{
		{pattern: "POST /v2/users/human", api: (*call).addHumanUser},
		{pattern: "POST /v2/users/new", api: (*call).createUser},
		{pattern: "PUT /v2/users/human/{id}", api: (*call).updateHumanUser},
		{pattern: "GET /v2/users/{id}", api: (*call).getUser},
		{pattern: "DELETE /v2/users/{id}", api: (*call).deleteUser},
		{pattern: "POST /v2/users", api: (*call).searchUsers},
		{pattern: "POST /v2/users/{id}/lock", api: changeState(userLocked)},
		{pattern: "POST /v2/users/{id}/unlock", api: changeState(userActive)},
		{pattern: "POST /v2/users/{id}/deactivate", api: changeState(userInactive)},
		{pattern: "POST /v2/users/{id}/reactivate", api: changeState(userActive)},
		{pattern: "POST /v2/users/{id}/metadata", api: (*call).setMetadata},
		{pattern: "POST /v2/users/{id}/metadata/search", api: (*call).searchMetadata},
		{pattern: "DELETE /v2/users/{id}/metadata", api: (*call).deleteMetadata, query: []string{"keys"}},
	}
}

// loginName is the preferred one.
func (s *Server) loginName(u *user) string { return s.loginNames(u)[0] }

// loginNames are all that the user can be named by, the preferred one first: the
// user name, or one for every domain of the organization where its policy says so.
func (s *Server) loginNames(u *user) []string {
	o := s.organizations[u.orgID]
	if o == nil || !effective(s, u.orgID, domainPolicy).value.LoginNameIncludesDomain {
		return []string{u.userName}
	}
	names := []string{u.userName + "@" + o.primaryDomain}
	for _, domain := range o.domains {
		names = append(names, u.userName+"@"+domain)
	}
	return names
}

// namedBy says whether one of the login names compares so.
func (s *Server) namedBy(u *user, compare func(name string) bool) bool {
	return slices.ContainsFunc(s.loginNames(u), compare)
}

// userByLoginName ignores case, nil for none.
func (s *Server) userByLoginName(name string) *user {
	for _, id := range s.userOrder {
		if s.namedBy(s.users[id], func(own string) bool { return strings.EqualFold(own, name) }) {
			return s.users[id]
		}
	}
	return nil
}

// displayName is the name to show.
func (u *user) displayName() string {
	if u.human == nil {
		return u.machine.name
	}
	return u.human.displayName
}

// knownUser finds the user of the path.
func (c *call) knownUser() (*user, error) {
	if u := c.users[c.id()]; u != nil {
		return u, nil
	}
	return nil, errUserNotFound()
}

// humanOf is the human side of a user, nil for machines and nobody.
func (s *Server) humanOf(id string) (*user, *human) {
	u := s.users[id]
	if u == nil || u.human == nil {
		return nil, nil
	}
	return u, u.human
}

func (c *call) getUser() (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	if err := c.requireOrSelf(userRead, u.id); err != nil {
		return nil, err
	}
	return object{"details": u.readDetails(), "user": c.userBody(u)}, nil
}

// userBody is a user as reads show it.
func (s *Server) userBody(u *user) object {
	login := s.loginName(u)
	body := object{
		"userId": u.id, "details": u.readDetails(), "state": u.state,
		"username": u.userName, "loginNames": s.loginNames(u), "preferredLoginName": login,
	}
	if u.machine != nil {
		body["machine"] = compact(object{"name": u.machine.name, "description": u.machine.description, "hasSecret": u.machine.secret != ""})
		return body
	}
	body["human"] = s.humanBody(u.human)
	return body
}

func (s *Server) humanBody(h *human) object {
	body := object{
		"profile": object{
			"givenName": h.givenName, "familyName": h.familyName, "nickName": h.nickName, "displayName": h.displayName,
			"preferredLanguage": firstOf(h.language, "und"), "gender": firstOf(h.gender, "GENDER_UNSPECIFIED"),
		},
		"email": compact(object{"email": h.email, "isVerified": h.emailVerified}),
		"phone": compact(object{"phone": h.phone, "isVerified": h.phoneVerified}),
	}
	if h.passwordChangeRequired {
		body["passwordChangeRequired"] = true
	}
	if skipped := h.factors.setUpSkipped; !skipped.IsZero() {
		body["mfaInitSkipped"] = timestamp(skipped)
	}
	// The projection lags: right after a change it still has the old date.
	changed := h.passwordChanged
	if s.now().Before(changed.Add(s.config.Lag)) {
		changed = h.passwordChangedBefore
	}
	if !changed.IsZero() {
		body["passwordChanged"] = timestamp(changed)
	}
	return body
}

// changeState locks, unlocks, deactivates or reactivates. The login client may.
func changeState(state userState) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if err := c.require(userWrite); err != nil {
			return nil, err
		}
		u := c.users[c.id()]
		if u == nil {
			return nil, notFound("COMMAND-450yxuqrh1", "User could not be found")
		}
		if u.state == state {
			return nil, failedPrecondition("COMMAND-lgws8wtsqf", "Errors.User.ShouldBeActiveOrInitial")
		}
		u.setState(c.Server, state)
		return object{"details": u.details()}, nil
	}
}

func (c *call) deleteUser() (any, error) {
	if err := c.require(userDelete); err != nil {
		return nil, err
	}
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	c.touch(&u.record)
	c.removeUser(u.id)
	return object{"details": u.details()}, nil
}

// miscRoutes are what belongs to no service.
func (s *Server) miscRoutes() []route {
	text := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		}
	}
	return []route{
		{pattern: "GET /debug/ready", raw: text("application/json", `"ok"`)},
		{pattern: "GET /debug/healthz", raw: text("text/plain; charset=utf-8", "ok")},
		{pattern: "POST /zitadel.session.v2.SessionService/{method}", raw: refuseContentType},
	}
}

// refuseContentType is all there is of the Connect protocol here.
func refuseContentType(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Accept-Post", "application/grpc, application/json, application/proto")
	w.Header().Set("Vary", "Origin")
	w.WriteHeader(http.StatusUnsupportedMediaType)
}
