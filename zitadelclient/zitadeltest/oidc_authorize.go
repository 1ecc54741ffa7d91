package zitadeltest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// authorizeParameters are those of the authorize endpoint that ZITADEL reads.
var authorizeParameters = []string{
	"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "prompt", "max_age", "ui_locales", "id_token_hint",
	"login_hint", "acr_values", "display", "request",
}

// oauthError is a refusal of an OAuth endpoint. Status 0 is 400.
type oauthError struct {
	status            int
	code, description string
}

// Error has the code and the description as they are sent.
func (e *oauthError) Error() string { return e.code + ": " + e.description }

// write sends the refusal.
func (e *oauthError) write(w http.ResponseWriter) {
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	writeOAuthError(w, status, e.code, e.description)
}

func invalidRequest(description string) *oauthError {
	return &oauthError{code: "invalid_request", description: description}
}

func serverError(description string) *oauthError {
	return &oauthError{status: http.StatusInternalServerError, code: "server_error", description: description}
}

const (
	contactAdministrator = " If you have any questions, you may contact the administrator of the application."
	scopeMissing         = "The scope of your request is missing. Please ensure some scopes are requested." + contactAdministrator
)

// authorize answers GET and POST /oauth/v2/authorize: a redirect to the login
// UI that names the new auth request. Every refusal is JSON at the issuer;
// ZITADEL reports none of them to the application.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	request, refusal := s.newAuthRequest(r.Form)
	if refusal != nil {
		refusal.write(w)
		return
	}
	s.oidc.authRequests[request.id] = request
	http.Redirect(w, r, s.loginPage(request, r.Header.Get("x-zitadel-login-client")), http.StatusFound)
}

// loginPage is where the browser signs in. Where login v2 is required the
// header x-zitadel-login-client changes nothing; elsewhere it is what makes
// the request one for the session API. It may name any user, even none.
func (s *Server) loginPage(request *authRequest, loginClient string) string {
	if s.oidc.loginV1 && loginClient == "" {
		return "/ui/login/login?authRequestID=" + strings.TrimPrefix(request.id, "V2_")
	}
	return s.config.LoginBaseURI + "login?authRequest=" + request.id
}

// newAuthRequest checks the parameters in the order of the real server.
func (s *Server) newAuthRequest(form url.Values) (*authRequest, *oauthError) {
	maxAge, ok := parseMaxAge(form.Get("max_age"))
	switch {
	case !ok:
		return nil, invalidRequest("error decoding form")
	case form.Get("request") != "":
		return nil, serverError("parsing of request failed: token contains an invalid number of segments")
	case form.Get("client_id") == "":
		return nil, invalidRequest("auth request is missing client_id")
	case form.Get("redirect_uri") == "":
		return nil, serverError("auth request is missing redirect_uri")
	}
	client, ok := s.oidcClient(form.Get("client_id"))
	if !ok {
		return nil, invalidRequest("Errors.App.NotFound")
	}
	prompts := strings.Fields(form.Get("prompt"))
	if refusal := checkAuthorize(client, form, prompts); refusal != nil {
		return nil, refusal
	}
	request := &authRequest{
		id: "V2_" + s.newID(), clientID: client.clientID,
		redirectURI: form.Get("redirect_uri"), responseMode: form.Get("response_mode"),
		state: form.Get("state"), nonce: form.Get("nonce"),
		scopes:  s.grantedScopes(client, strings.Fields(form.Get("scope"))),
		prompts: promptNames(prompts), maxAge: maxAge,
		uiLocales: parseLocales(form.Get("ui_locales")), loginHint: form.Get("login_hint"),
		challenge: form.Get("code_challenge"), plain: form.Get("code_challenge_method") == "plain",
	}
	request.audience = s.audienceOf(client, request.scopes)
	// A bad hint is no error, and one of another user changes nothing.
	if claims, ok := s.verifyOwn(form.Get("id_token_hint")); ok {
		request.hintUserID, _ = claims["sub"].(string)
	}
	if slices.Contains(prompts, "login") {
		request.maxAge = new(time.Duration) // whatever max_age says
	}
	s.touch(&request.record)
	request.owner = s.instanceID
	return request, nil
}

// checkAuthorize is what the client's registration decides.
func checkAuthorize(client *app, form url.Values, prompts []string) *oauthError {
	switch {
	case slices.Contains(prompts, "none") && len(prompts) > 1:
		return invalidRequest("The prompt parameter `none` must only be used as a single value")
	case len(strings.Fields(form.Get("scope"))) == 0:
		return invalidRequest(scopeMissing)
	case !slices.Contains(client.redirectURIs, form.Get("redirect_uri")):
		return invalidRequest("The requested redirect_uri is missing in the client configuration." + contactAdministrator)
	case form.Get("response_type") == "":
		return invalidRequest("The response type is missing in your request." + contactAdministrator)
	case form.Get("response_type") != "code":
		return &oauthError{code: "unauthorized_client", description: "The requested response type is missing in the client configuration." + contactAdministrator}
	}
	return nil
}

// parseMaxAge reads whole seconds; absent is nil.
func parseMaxAge(value string) (*time.Duration, bool) {
	if value == "" {
		return nil, true
	}
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return nil, false
	}
	age := time.Duration(seconds) * time.Second
	return &age, true
}

// promptNames are the API's names; unknown prompts are ignored.
func promptNames(prompts []string) []string {
	names := map[string]string{
		"none": "PROMPT_NONE", "login": "PROMPT_LOGIN", "consent": "PROMPT_CONSENT",
		"select_account": "PROMPT_SELECT_ACCOUNT", "create": "PROMPT_CREATE",
	}
	var known []string
	for _, prompt := range prompts {
		if name, ok := names[prompt]; ok {
			known = append(known, name)
		}
	}
	return known
}

// parseLocales keeps the well-formed language tags.
func parseLocales(value string) []string {
	var locales []string
	for _, field := range strings.Fields(value) {
		if tag, err := language.Parse(field); err == nil {
			locales = append(locales, tag.String())
		}
	}
	return locales
}
