package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"torhaus/session"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// login starts a sign-in: for another client by the id of its auth request, for
// one of our own apps by return_to. Nothing is asked of ZITADEL for the latter
// until somebody types a name, so a robot that fetches /login costs nothing.
func (h *Handlers) login(w http.ResponseWriter, r *http.Request) error {
	return h.start(w, r, false)
}

// signup starts a sign-up for one of our own apps.
func (h *Handlers) signup(w http.ResponseWriter, r *http.Request) error {
	return h.start(w, r, true)
}

func (h *Handlers) start(w http.ResponseWriter, r *http.Request, create bool) error {
	if err := navigated(r); err != nil {
		return h.refuseInFrame(w, r, err)
	}
	if h.Sessions.Conflicting(r) {
		// Signing in again would not help: the browser goes on sending both.
		return web.Error{Status: http.StatusBadRequest, Key: "error.cookies", Err: errors.New("two cookies of one name")}
	}
	query, err := entryQuery(r)
	if err != nil {
		return err
	}
	attempt, err := h.entry(r, query, create)
	if err != nil {
		return h.refuseSilently(w, r, attempt, err)
	}
	signedIn := ""
	if attempt.Request.Kind == session.KindOwn && !create {
		var done bool
		if signedIn, done, err = h.alreadySignedIn(w, r, attempt); done || err != nil {
			return err
		}
	}
	if err := h.recallAccount(r, attempt, signedIn); err != nil {
		return err
	}
	v, err := h.begin(w, r, *attempt)
	if err != nil {
		return err
	}
	if err := v.readyKey(); err != nil {
		return err
	}
	return v.proceed()
}

// startBare begins a sign-in without a client for a step page opened directly.
func (h *Handlers) startBare(w http.ResponseWriter, r *http.Request, prepare func(*session.Attempt)) (*visit, error) {
	if err := navigated(r); err != nil {
		return nil, err
	}
	query, err := entryQuery(r)
	if err != nil {
		return nil, err
	}
	attempt, err := h.bareEntry(r, query)
	if err != nil {
		return nil, err
	}
	prepare(attempt)
	if err := h.recallAccount(r, attempt, ""); err != nil {
		return nil, err
	}
	return h.begin(w, r, *attempt)
}

// bareEntry reads what Login V2's own pages carry in their addresses: a client's
// request, or nobody's.
func (h *Handlers) bareEntry(r *http.Request, query url.Values) (*session.Attempt, error) {
	id, err := authRequestID(query)
	if err != nil {
		return nil, err
	}
	if id != "" {
		return h.clientEntry(r, id)
	}
	attempt := &session.Attempt{Request: session.Request{Kind: session.KindBare, Created: h.Now()}}
	attempt.LoginHint(query.Get("loginName"))
	attempt.Organization, err = organizationID(query)
	return attempt, err
}

// entryQuery is the query of an entry page: each parameter once, and short.
func entryQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest(err)
	}
	for name, values := range query {
		if len(values) > 1 {
			// Two values are read differently by different programs, which is
			// how a check is made on one and a redirect on the other.
			return nil, badRequest(errors.New("a parameter was given more than once"))
		}
		if len(values[0]) > 2048 || len(name) > 64 || strings.ContainsRune(values[0], 0) {
			return nil, badRequest(errors.New("a parameter is too long or has a zero byte"))
		}
	}
	return query, nil
}

// entry reads which client asks for the sign-in, and for what.
func (h *Handlers) entry(r *http.Request, query url.Values, create bool) (*session.Attempt, error) {
	id, err := authRequestID(query)
	if err != nil {
		return nil, err
	}
	if id != "" {
		return h.clientEntry(r, id)
	}
	return h.ownEntry(query, create)
}

// authRequestID understands both names that Login V2 uses on entry.
func authRequestID(query url.Values) (zitadelclient.AuthRequestID, error) {
	raw := query.Get("authRequest")
	if request := query.Get("requestId"); request != "" && raw == "" {
		kind, id, _ := strings.Cut(request, "_")
		if kind != "oidc" {
			return "", web.Error{Status: http.StatusNotFound, Key: "error.unsupported_request", Err: errors.New("requestId of an unsupported kind")}
		}
		raw = id
	}
	if raw == "" && (query.Has("authRequest") || query.Has("requestId")) {
		return "", badRequest(errors.New("empty auth request id"))
	}
	if query.Has("samlRequest") {
		return "", web.Error{Status: http.StatusNotFound, Key: "error.unsupported_request", Err: errors.New("SAML requests are not supported yet")}
	}
	if raw == "" {
		return "", nil
	}
	id, err := zitadelclient.ParseAuthRequestID(raw)
	if err != nil {
		return "", badRequest(err) // refused here: no ZITADEL call for garbage
	}
	return id, nil
}

// clientEntry reads the auth request of another client.
func (h *Handlers) clientEntry(r *http.Request, id zitadelclient.AuthRequestID) (*session.Attempt, error) {
	ar, err := h.Zitadel.AuthRequest(r.Context(), id)
	if errors.Is(err, zitadelclient.NotFound) {
		return nil, expired(err)
	}
	if err != nil {
		return nil, err
	}
	request := session.Request{
		Kind: session.KindOIDC, AuthRequestID: string(ar.ID), ClientID: ar.ClientID, RedirectURI: ar.RedirectURI,
		HintUserID: ar.HintUserID, UILocales: ar.UILocales, Scopes: ar.Scopes,
		MaxAge: ar.MaxAge, Created: ar.Created,
	}
	for _, p := range ar.Prompts {
		request.Prompts = append(request.Prompts, string(p))
		request.Create = request.Create || p == zitadelclient.PromptCreate
	}
	if request.Provider, err = requestedProvider(ar.Scopes); err != nil {
		return nil, err
	}
	attempt := &session.Attempt{Request: request}
	attempt.LoginHint(ar.LoginHint)
	attempt.Organization, err = h.requestedOrganization(r, ar.Scopes)
	return attempt, err
}

// Scopes by which a client asks for users of one organization, and for those who
// come by one identity provider.
const (
	organizationScope = "urn:zitadel:iam:org:id:"
	domainScope       = "urn:zitadel:iam:org:domain:primary:"
	providerScope     = "urn:zitadel:iam:org:idp:id:"
)

// requestedProvider is the identity provider that the client's scopes ask for. One
// that cannot be is refused: to drop it would let in whoever came another way.
func requestedProvider(scopes []string) (string, error) {
	provider := ""
	for _, scope := range scopes {
		id, ok := strings.CutPrefix(scope, providerScope)
		switch {
		case !ok:
			continue
		case id == "" || numeric(id) != id || provider != "" && provider != id:
			return "", badRequest(errors.New("the scopes name no single identity provider"))
		}
		provider = id
	}
	return provider, nil
}

// requestedOrganization is the organization that the client's scopes ask for. What
// names none, or two, is refused: to drop it would let in the users of any.
func (h *Handlers) requestedOrganization(r *http.Request, scopes []string) (organization string, err error) {
	for _, scope := range scopes {
		id, byID := strings.CutPrefix(scope, organizationScope)
		domain, byDomain := strings.CutPrefix(scope, domainScope)
		switch {
		case byDomain:
			if id, err = h.ownerOf(r, domain); err != nil {
				return "", err
			}
		case !byID:
			continue
		}
		if id == "" || numeric(id) != id || organization != "" && organization != id {
			return "", badRequest(errors.New("the scopes name no single organization"))
		}
		organization = id
	}
	return organization, nil
}

// ownerOf is the organization that owns a domain, "" where there is no single one.
func (h *Handlers) ownerOf(r *http.Request, domain string) (string, error) {
	if domain == "" {
		return "", nil
	}
	found, err := h.Zitadel.Organizations(r.Context(), zitadelclient.OrganizationQuery{Domain: domain})
	if err != nil || len(found) != 1 {
		return "", err
	}
	return found[0].ID, nil
}

// ownEntry reads what one of our own apps asks for. An unusable return_to is
// not echoed and not an error page: the visitor ends at the default app.
func (h *Handlers) ownEntry(query url.Values, create bool) (*session.Attempt, error) {
	request := session.Request{Kind: session.KindOwn, Created: h.Now(), Create: create}
	target, err := h.AppOrigins.ReturnTo(query.Get("return_to"))
	if err != nil {
		target = h.DefaultApp
	}
	request.ReturnTo = target.String()
	if request.Prompts, err = prompts(query.Get("prompt")); err != nil {
		return nil, err
	}
	request.Create = request.Create || slices.Contains(request.Prompts, string(zitadelclient.PromptCreate))
	if raw := query.Get("max_age"); raw != "" {
		seconds, err := strconv.ParseUint(raw, 10, 31)
		if err != nil {
			return nil, badRequest(errors.New("max_age is not a number of seconds"))
		}
		age := time.Duration(seconds) * time.Second
		request.MaxAge = &age
	}
	if raw := query.Get("mfa"); raw != "" {
		if request.MFA, err = strconv.ParseBool(raw); err != nil {
			return nil, badRequest(errors.New("mfa is neither true nor false"))
		}
	}
	if locales := query.Get("ui_locales"); locales != "" {
		request.UILocales = strings.Fields(locales)
	}
	attempt := &session.Attempt{Request: request}
	attempt.LoginHint(query.Get("login_hint"))
	attempt.Organization, err = organizationID(query)
	return attempt, err
}

// organizationID reads which organization's users are asked for. One that cannot
// be is refused: to drop it would let in the users of any.
func organizationID(query url.Values) (string, error) {
	raw := query.Get("organization")
	id := numeric(raw)
	if id != raw {
		return "", badRequest(errors.New("organization is not an id"))
	}
	return id, nil
}

// prompts reads a prompt parameter; only values that mean something here.
func prompts(raw string) ([]string, error) {
	values := strings.Fields(raw)
	for _, p := range values {
		switch zitadelclient.Prompt(p) {
		case zitadelclient.PromptNone:
			if len(values) > 1 {
				return nil, badRequest(errors.New("prompt=none with another prompt")) // OIDC Core 3.1.2.1
			}
		case zitadelclient.PromptLogin, zitadelclient.PromptSelectAccount, zitadelclient.PromptCreate, zitadelclient.PromptConsent:
		default:
			return nil, badRequest(errors.New("unknown prompt"))
		}
	}
	return values, nil
}

// numeric keeps an id of ZITADEL's and drops whatever is none.
func numeric(id string) string {
	if len(id) > 32 || strings.Trim(id, "0123456789") != "" {
		return ""
	}
	return id
}

// alreadySignedIn sends a visitor with a live session straight back, without a
// word to ZITADEL. Where the session is not enough it says whose it is.
func (h *Handlers) alreadySignedIn(w http.ResponseWriter, r *http.Request, attempt *session.Attempt) (subject string, done bool, err error) {
	request := attempt.Request
	for _, p := range request.Prompts {
		if p != string(zitadelclient.PromptNone) && p != string(zitadelclient.PromptConsent) {
			return "", false, nil // somebody is asked for something anyway
		}
	}
	s, err := h.liveSession(r, true)
	if errors.Is(err, session.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if meant, err := h.meant(r, attempt.LoginName, s); err != nil || !meant {
		return s.Subject, false, err // somebody else is meant: asked below
	}
	if !demanded(attempt).met(s, h.Now()) {
		return s.Subject, false, nil
	}
	if err := h.guardLoop(r, s.Handle); err != nil {
		return s.Subject, false, err
	}
	target, err := h.AppOrigins.ReturnTo(request.ReturnTo)
	if err != nil {
		return s.Subject, false, err
	}
	return s.Subject, true, web.Redirect(w, r, target)
}

// meant reports whether a hint, if there is one, names the user of a session.
func (h *Handlers) meant(r *http.Request, hint string, s *session.Session) (bool, error) {
	if hint == "" || strings.EqualFold(hint, s.Email) {
		return true, nil
	}
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	return slices.ContainsFunc(accounts, func(a session.Account) bool { return a.UserID == s.Subject && a.Called(hint) }), unavailable(err)
}

// recallAccount offers the account that this browser used last, unless the
// client asks for a choice; before all others that of whoever is signed in, from
// whom more is asked, and in their place nobody's. Whether its ZITADEL session still counts is for flow.Next
// to say.
func (h *Handlers) recallAccount(r *http.Request, attempt *session.Attempt, signedIn string) error {
	request := attempt.Request
	if request.Create || slices.Contains(request.Prompts, string(zitadelclient.PromptSelectAccount)) {
		return nil
	}
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	if err != nil {
		return unavailable(err)
	}
	byUse := accounts.ByUse()
	if i := slices.IndexFunc(byUse, func(a session.Account) bool { return a.UserID == signedIn }); i > 0 {
		byUse = slices.Concat(byUse[i:i+1], byUse[:i], byUse[i+1:])
	}
	for _, account := range byUse {
		if !account.Offered {
			continue // never passed the gate: nobody's business, not even the browser's
		}
		if hint := attempt.LoginName; hint != "" && !account.Called(hint) {
			continue
		}
		if request.HintUserID != "" && request.HintUserID != account.UserID {
			continue
		}
		if attempt.Organization != "" && attempt.Organization != account.OrganizationID {
			continue
		}
		if request.Provider != "" && request.Provider != account.Provider {
			continue
		}
		if signedIn != "" && account.UserID != signedIn {
			// Asked for, and not done at once: any site could otherwise put its visitor
			// into another of their accounts, and end the session of this one, by a link.
			return nil
		}
		attempt.Recall(account)
		return nil
	}
	return nil
}
