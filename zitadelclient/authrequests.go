package zitadelclient

import (
	"context"
	"net/http"
	"regexp"
	"time"
)

// AuthRequestID names an OIDC auth request of ZITADEL. Only
// [ParseAuthRequestID] makes one of what a browser sent.
type AuthRequestID string

var authRequestID = regexp.MustCompile(`^V2_[0-9]{1,32}$`)

// ParseAuthRequestID checks that s has the form of an auth request's id.
func ParseAuthRequestID(s string) (AuthRequestID, error) {
	if !authRequestID.MatchString(s) {
		return "", invalid("parse auth request id", "not of the form V2_ and digits")
	}
	return AuthRequestID(s), nil
}

// AuthRequest is what an OIDC client asked for. MaxAge is nil when it did not
// say; ZITADEL sets it to zero with prompt=login.
type AuthRequest struct {
	ID                                           AuthRequestID
	Created                                      time.Time
	ClientID, RedirectURI, LoginHint, HintUserID string
	Scopes, UILocales                            []string
	Prompts                                      []Prompt
	MaxAge                                       *time.Duration
}

// Prompt is an OIDC prompt value.
type Prompt string

// The prompts that ZITADEL knows; others it drops.
const (
	PromptNone          Prompt = "none"
	PromptLogin         Prompt = "login"
	PromptSelectAccount Prompt = "select_account"
	PromptConsent       Prompt = "consent"
	PromptCreate        Prompt = "create"
)

// FailReason is why an auth request is answered with an error.
type FailReason string

// The reasons a sign-in can fail with. An unknown one would reach the client
// as server_error.
const (
	AccessDenied             FailReason = "ERROR_REASON_ACCESS_DENIED"
	LoginRequired            FailReason = "ERROR_REASON_LOGIN_REQUIRED"
	InteractionRequired      FailReason = "ERROR_REASON_INTERACTION_REQUIRED"
	AccountSelectionRequired FailReason = "ERROR_REASON_ACCOUNT_SELECTION_REQUIRED"
	ConsentRequired          FailReason = "ERROR_REASON_CONSENT_REQUIRED"
	ServerError              FailReason = "ERROR_REASON_SERVER_ERROR"
)

// AuthRequest reads an auth request. One that was answered is NotFound.
func (c *Client) AuthRequest(ctx context.Context, id AuthRequestID) (AuthRequest, error) {
	const op = "read auth request"
	var answer struct {
		AuthRequest struct {
			ID                    AuthRequestID
			CreationDate          time.Time
			ClientID, RedirectURI string
			Scope                 []string
			Prompt                []string
			UILocales             []string
			LoginHint, HintUserID string
			MaxAge                *duration
		}
	}
	err := c.call(ctx, request{op: op, method: http.MethodGet, path: "/v2/oidc/auth_requests/{id}", id: string(id)}, &answer)
	if err != nil {
		return AuthRequest{}, err
	}
	a := answer.AuthRequest
	if a.ID != id {
		return AuthRequest{}, unavailable(op, errIncomplete)
	}
	r := AuthRequest{
		ID: a.ID, Created: a.CreationDate, ClientID: a.ClientID, RedirectURI: a.RedirectURI,
		LoginHint: a.LoginHint, HintUserID: a.HintUserID, Scopes: a.Scope, UILocales: a.UILocales,
		MaxAge: (*time.Duration)(a.MaxAge),
	}
	for _, p := range a.Prompt {
		r.Prompts = append(r.Prompts, Prompt(enum("PROMPT_", p)))
	}
	return r, nil
}

// Finalize answers an auth request with a session and returns where to send
// the browser. ZITADEL checks next to nothing here: the caller has decided on
// freshly read facts that the session suffices.
func (c *Client) Finalize(ctx context.Context, id AuthRequestID, ref SessionRef) (callbackURL string, err error) {
	const op = "finalize auth request"
	if err := ref.check(op); err != nil {
		return "", err
	}
	body := map[string]any{"session": map[string]string{"sessionId": ref.ID, "sessionToken": ref.Token}}
	return c.answerAuthRequest(ctx, op, id, body)
}

// Fail answers an auth request with an error and returns where to send the
// browser. An unknown request is AlreadyHandled, as ZITADEL cannot tell.
func (c *Client) Fail(ctx context.Context, id AuthRequestID, reason FailReason) (callbackURL string, err error) {
	body := map[string]any{"error": map[string]string{"error": string(reason)}}
	return c.answerAuthRequest(ctx, "fail auth request", id, body)
}

func (c *Client) answerAuthRequest(ctx context.Context, op string, id AuthRequestID, body any) (string, error) {
	var answer struct{ CallbackURL string }
	err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/oidc/auth_requests/{id}", id: string(id), body: body}, &answer)
	if err != nil {
		return "", err
	}
	if answer.CallbackURL == "" {
		return "", unavailable(op, errIncomplete)
	}
	return answer.CallbackURL, nil
}
