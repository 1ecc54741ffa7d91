package zitadeltest

import (
	"net/http"
	"net/url"
	"time"
)

// intent is one visit of a browser to a provider.
type intent struct {
	record
	id, providerID         string
	successURL, failureURL string
	state                  intentState
	token                  string
	person                 UpstreamUser
	userID                 string // who had the identity when the intent was answered
	answered               time.Time
}

type intentState int

const (
	intentStarted intentState = iota
	intentSucceeded
	intentFailed
	intentConsumed
)

// intentLifetime is how long an answer may wait to be used.
const intentLifetime = time.Hour

// Who ZITADEL is at the provider.
const upstreamClient = "zit"

var upstreamScopes = []string{"openid", "profile", "email"}

// startIntent needs no role. It names the address to send the browser to, whose
// state is the intent's id: the answer does not say that otherwise.
func (c *call) startIntent() (any, error) {
	var request struct {
		IDPID string `json:"idpId"`
		URLs  *struct {
			SuccessURL string `json:"successUrl"`
			FailureURL string `json:"failureUrl"`
		} `json:"urls"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p := c.providerByID(request.IDPID)
	switch {
	case request.URLs == nil:
		return nil, refuse(12, "USERv2-S2g21", "type oneOf <nil> in method StartIdentityProviderIntent not implemented")
	case p == nil || p.inactive:
		return nil, failedPrecondition("COMMAND-as02jin", "Identity Provider Configuration doesn't exist")
	}
	i := &intent{id: c.newID(), providerID: p.id, successURL: request.URLs.SuccessURL, failureURL: request.URLs.FailureURL}
	i.owner = c.instanceID
	c.touch(&i.record)
	c.intents[i.id] = i
	return object{"details": i.details(), "authUrl": p.authURL(c.config.Issuer+"/idps/callback", i.id)}, nil
}

// authURL is where a browser is sent. For a provider that wants name and password
// instead, the real server makes one that leads nowhere.
func (p *identityProvider) authURL(callback, state string) string {
	if p.seed.Type == "LDAP" {
		return callback + state
	}
	return p.seed.URL + "/authorize?" + url.Values{
		"client_id": {upstreamClient}, "prompt": {"select_account"}, "redirect_uri": {callback},
		"response_type": {"code"}, "scope": {"openid profile email"}, "state": {state},
	}.Encode()
}

// providerCallback is where the provider sends the browser back to. It is bound
// to no browser: whoever brings state and code is answered.
func (s *Server) providerCallback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	i := s.intents[query.Get("state")]
	if i == nil {
		http.Error(w, "ID=IDP-gy3ctgkqe7 Message=Errors.Intent.NotStarted", http.StatusBadRequest)
		return
	}
	if i.state != intentStarted {
		i.fail(w, r, "IDP-Sfrgs", "Errors.Intent.NotStarted")
		return
	}
	if refusal := query.Get("error"); refusal != "" {
		i.state = intentFailed
		i.fail(w, r, refusal, query.Get("error_description"))
		return
	}
	person, ok := s.redeemUpstream(s.providerByID(i.providerID), query.Get("code"))
	if !ok {
		i.state = intentFailed
		i.fail(w, r, `oauth2: "invalid_grant"`, "")
		return
	}
	i.state, i.person, i.token, i.answered = intentSucceeded, person, newSecret(34), s.now()
	s.touch(&i.record)
	back := url.Values{"id": {i.id}, "token": {i.token}}
	if u := s.linked(i.identity()); u != nil {
		i.userID = u.id
		back.Set("user", u.id)
	}
	sendBack(w, r, i.successURL, back)
}

func (i *intent) fail(w http.ResponseWriter, r *http.Request, code, description string) {
	sendBack(w, r, i.failureURL, url.Values{"id": {i.id}, "error": {code}, "error_description": {description}})
}

// sendBack adds parameters to a URL of the login UI, beside its own.
func sendBack(w http.ResponseWriter, r *http.Request, target string, parameters url.Values) {
	u, err := url.Parse(target)
	if err != nil {
		http.Error(w, "the URL does not parse", http.StatusInternalServerError)
		return
	}
	query := u.Query()
	for name, values := range parameters {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	http.Redirect(w, r, u.String(), http.StatusFound)
}

func (i *intent) identity() identityLink {
	return identityLink{IDPID: i.providerID, UserID: i.person.ID, UserName: i.person.userName()}
}

// openIntent finds an intent by its token. It is no secret which part is wrong.
func (s *Server) openIntent(id, token string) (*intent, error) {
	i := s.intents[id]
	if i != nil && token != "" && i.token == token {
		return i, nil
	}
	for _, other := range s.intents {
		if token != "" && other.token == token {
			return nil, permissionDenied("CRYPTO-CRYPTO", "Intent Token is invalid")
		}
	}
	return nil, permissionDenied("CRYPTO-Sf4gt", "Intent Token is invalid")
}

// ConfuseIntents has the answers that came so far be another provider's, as a
// ZITADEL did that could be made to take one's answer for the other's
// (GHSA-x4c7-fpcx-w9q6).
func (s *Server) ConfuseIntents(providerID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.intents {
		i.providerID, i.userID = providerID, ""
		if u := s.linked(i.identity()); u != nil {
			i.userID = u.id
		}
	}
}

// UseIntents has all answers used up, as by a request whose answer was lost.
func (s *Server) UseIntents() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.intents {
		i.state = intentConsumed
	}
}

// usable says whether the intent has an answer that was not used and is not too old.
func (s *Server) usable(i *intent) bool {
	return i.state == intentSucceeded && s.now().Before(i.answered.Add(intentLifetime))
}

// retrieveIntent tells what the provider said, as often as it is asked until a
// session has used the intent. It needs no role either.
func (c *call) retrieveIntent() (any, error) {
	var request struct {
		IDPIntentToken string `json:"idpIntentToken"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	i, err := c.openIntent(c.id(), request.IDPIntentToken)
	if err != nil {
		return nil, err
	}
	if !c.usable(i) {
		return nil, failedPrecondition("IDP-nme4gszsvx", "Intent has not succeeded")
	}
	link, person := i.identity(), i.person
	answer := object{
		"details": i.details(),
		"idpInformation": object{
			"oauth": object{"accessToken": newSecret(12), "idToken": newSecret(200)},
			"idpId": link.IDPID, "userId": link.UserID, "userName": link.UserName, "rawInformation": person.claims(),
		},
	}
	if i.userID != "" {
		answer["userId"] = i.userID
		return answer, nil
	}
	answer["addHumanUser"] = compact(object{
		"username": person.userName(),
		"profile": compact(object{
			"givenName": person.GivenName, "familyName": person.FamilyName, "displayName": person.displayName(), "preferredLanguage": person.Language,
		}),
		"email":    compact(object{"email": person.Email, "isVerified": person.EmailVerified}),
		"idpLinks": []identityLink{link},
	})
	return answer, nil
}

// checkIntent takes the provider's word for who the session's user is: the one who
// had the identity then, or who has it by now.
func (c *call) checkIntent(sess *session, u *user, check *checkIntent) error {
	i, err := c.openIntent(check.IDPIntentID, check.IDPIntentToken)
	if err != nil {
		return err
	}
	if !c.usable(i) {
		return failedPrecondition("COMMAND-Df4bw", "Intent has not succeeded")
	}
	owner := i.userID
	if by := c.linked(i.identity()); owner == "" && by != nil {
		owner = by.id
	}
	if owner != u.id {
		return failedPrecondition("COMMAND-O8xk3w", "Intent meant for another user")
	}
	sess.intentChecked, sess.challenges.intent = c.now(), i
	return nil
}
