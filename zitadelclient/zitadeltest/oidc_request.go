package zitadeltest

import (
	"net/url"
	"slices"
	"strings"
)

func errNoAuthRequest(id string) *apiError { return notFound(id, "Auth Request does not exist") }

func errRequestHandled(id string) *apiError {
	return failedPrecondition(id, "Auth Request has already been handled")
}

// getAuthRequest answers GET /v2/oidc/auth_requests/{id}. Any login client may
// read any request, whichever one the application named.
func getAuthRequest(c *call) (any, error) {
	if err := c.require(sessionLink); err != nil {
		return nil, err
	}
	if !lengthBetween(c.id(), 1, 200) {
		return nil, badRequest("invalid GetAuthRequestRequest.AuthRequestId: value length must be between 1 and 200 runes, inclusive")
	}
	request := c.oidc.authRequests[c.id()]
	if request == nil || request.handled {
		return nil, errNoAuthRequest("QUERY-Thee9")
	}
	body := compact(object{
		"id": request.id, "creationDate": timestamp(request.created), "clientId": request.clientID,
		"scope": request.scopes, "redirectUri": request.redirectURI, "prompt": request.prompts,
		"uiLocales": request.uiLocales, "loginHint": request.loginHint, "hintUserId": request.hintUserID,
	})
	if request.maxAge != nil {
		body["maxAge"] = firstOf(seconds(*request.maxAge), "0s") // 0 and absent differ
	}
	return object{"authRequest": body}, nil
}

// finalizeRequest is the body of POST /v2/oidc/auth_requests/{id}.
type finalizeRequest struct {
	Session *struct {
		SessionID    string `json:"sessionId"`
		SessionToken string `json:"sessionToken"`
	} `json:"session"`
	Error *struct {
		Error            string `json:"error"`
		ErrorDescription string `json:"errorDescription"`
		ErrorURI         string `json:"errorUri"`
	} `json:"error"`
}

// finalizeAuthRequest answers POST /v2/oidc/auth_requests/{id}: with the URL
// that takes the browser back to the application.
func finalizeAuthRequest(c *call) (any, error) {
	if err := c.require(sessionLink); err != nil {
		return nil, err
	}
	var body finalizeRequest
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	request := c.oidc.authRequests[c.id()]
	var answer url.Values
	var err error
	switch {
	case body.Session != nil:
		answer, err = c.finalize(request, body)
	case body.Error != nil:
		answer, err = fail(request, body)
	default:
		err = badRequest("invalid CreateCallbackRequest.CallbackKind: value is required")
	}
	if err != nil {
		return nil, err
	}
	request.handled = true
	c.touch(&request.record)
	return object{"details": request.details(), "callbackUrl": request.callbackURL(answer)}, nil
}

// finalize issues a code for a session. It asks for a session that lives and
// its newest token, and for a grant where the project wants one. It does not
// ask whether a password was checked, when, or whether the user is the one
// that was asked for, verified, active or even a person.
func (c *call) finalize(request *authRequest, body finalizeRequest) (url.Values, error) {
	if !lengthBetween(body.Session.SessionToken, 1, 200) {
		return nil, badRequest("invalid CreateCallbackRequest.Session: embedded message failed validation | caused by: invalid Session.SessionToken: value length must be between 1 and 200 runes, inclusive")
	}
	if request == nil {
		return nil, errNoAuthRequest("COMMAND-jae5P")
	}
	if request.handled {
		return nil, errRequestHandled("COMMAND-Sx208nt")
	}
	sess, err := c.usableSession(body.Session.SessionID)
	switch {
	case err != nil:
		return nil, err
	case sess.token != body.Session.SessionToken:
		return nil, permissionDenied("COMMAND-sGr42", "Session Token is invalid")
	case c.lacksGrant(sess.userID, request.clientID):
		return nil, permissionDenied("OIDC-foSyH49RvL", "Errors.User.GrantRequired")
	}
	request.sessionID = sess.id
	code := newSecret(37) // 50 characters, as on the real server
	c.oidc.codes[code] = request
	return url.Values{"code": {code}}, nil
}

// lacksGrant says whether the application's project wants a role that the user
// has not got.
func (s *Server) lacksGrant(userID, clientID string) bool {
	client := s.apps[clientID]
	if client == nil {
		return false
	}
	project := s.projects[client.projectID]
	return project != nil && project.roleCheck && len(s.grantsOf(userID, project.id)) == 0
}

// errorCodes are the codes that a login client may send to an application.
var errorCodes = []string{
	"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope",
	"server_error", "temporary_unavailable", "interaction_required", "login_required", "account_selection_required",
	"consent_required", "invalid_request_uri", "invalid_request_object", "request_not_supported",
	"request_uri_not_supported", "registration_not_supported",
}

// errorCode turns the API's enum name into OAuth's code. A name that the enum
// does not have becomes server_error.
func errorCode(reason string) string {
	code := strings.ToLower(strings.TrimPrefix(reason, "ERROR_REASON_"))
	switch {
	case code == "temporary_unavailable":
		return "temporarily_unavailable" // the one whose names differ
	case slices.Contains(errorCodes, code):
		return code
	}
	return "server_error"
}

// fail sends an error to the application. A request that does not exist was
// "already handled", says the real server.
func fail(request *authRequest, body finalizeRequest) (url.Values, error) {
	if request == nil || request.handled {
		return nil, errRequestHandled("COMMAND-Sx202nt")
	}
	answer := url.Values{"error": {errorCode(body.Error.Error)}}
	if body.Error.ErrorDescription != "" {
		answer.Set("error_description", body.Error.ErrorDescription)
	}
	return answer, nil
}

// callbackURL adds the answer to the redirect URI. A missing state comes back
// empty; form_post comes back as a query.
func (r *authRequest) callbackURL(answer url.Values) string {
	if r.state != "" || answer.Has("code") {
		answer.Set("state", r.state)
	}
	separator := "?"
	switch {
	case r.responseMode == "fragment":
		separator = "#"
	case strings.Contains(r.redirectURI, "?"):
		separator = "&"
	}
	return r.redirectURI + separator + answer.Encode()
}
