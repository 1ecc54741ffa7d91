package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// errExpired marks an attempt that is over, or never was.
var errExpired = errors.New("no such attempt")

// expired says that a sign-in has run out and offers to begin anew.
func expired(err error) error {
	if errors.Is(err, session.ErrUnavailable) {
		return unavailable(err)
	}
	return web.Error{Status: http.StatusGone, Key: "error.expired", Err: errors.Join(errExpired, err)}
}

// badRequest says that an address or a form is not one that we understand.
func badRequest(err error) error {
	return web.Error{Status: http.StatusBadRequest, Key: "error.bad_request", Err: err}
}

// unavailable says that something behind us is down. It is nil for nil, and
// never touches a cookie: the visitor is still signed in.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return web.Error{Status: http.StatusServiceUnavailable, Key: "error.unavailable", Err: err, RetryAfter: 5 * time.Second}
}

// kinds maps what ZITADEL said to what the visitor sees, once. Every kind is
// here: a handler that expects one has worded it before.
var kinds = map[zitadelclient.Kind]web.Error{
	zitadelclient.NotFound:         {Status: http.StatusGone, Key: "error.expired"},
	zitadelclient.SessionEnded:     {Status: http.StatusGone, Key: "error.expired"},
	zitadelclient.AlreadyHandled:   {Status: http.StatusGone, Key: "error.already_handled"},
	zitadelclient.NotActive:        {Status: http.StatusForbidden, Key: "error.not_active"},
	zitadelclient.GrantRequired:    {Status: http.StatusForbidden, Key: "error.no_grant"},
	zitadelclient.InvalidGrant:     {Status: http.StatusForbidden, Key: "error.denied"},
	zitadelclient.RateLimited:      {Status: http.StatusServiceUnavailable, Key: "error.unavailable", RetryAfter: 10 * time.Second},
	zitadelclient.Unavailable:      {Status: http.StatusServiceUnavailable, Key: "error.unavailable", RetryAfter: 5 * time.Second},
	zitadelclient.Unauthorized:     {Status: http.StatusServiceUnavailable, Key: "error.unavailable", RetryAfter: 30 * time.Second},
	zitadelclient.NotPermitted:     {Status: http.StatusServiceUnavailable, Key: "error.unavailable", RetryAfter: 30 * time.Second},
	zitadelclient.Invalid:          {Status: http.StatusBadGateway, Key: "error.unavailable"},
	zitadelclient.InvalidToken:     {Status: http.StatusBadGateway, Key: "error.unavailable"},
	zitadelclient.AuthorizeRefused: {Status: http.StatusBadGateway, Key: "error.unavailable"},
	zitadelclient.AlreadyExists:    {Status: http.StatusConflict, Key: "error.unavailable"},
	zitadelclient.WrongPassword:    {Status: http.StatusForbidden, Key: "error.denied"},
	zitadelclient.WrongCode:        {Status: http.StatusForbidden, Key: "error.denied"},
	zitadelclient.NoPassword:       {Status: http.StatusForbidden, Key: "error.denied"},
	zitadelclient.PasswordPolicy:   {Status: http.StatusForbidden, Key: "error.denied"},

	// Factors that are gone, or have come, between two pages: the next look at
	// the facts says what is asked for.
	zitadelclient.NotVerified:       {Status: http.StatusConflict, Key: "error.expired"},
	zitadelclient.NotEnrolled:       {Status: http.StatusConflict, Key: "error.expired"},
	zitadelclient.AlreadyEnrolled:   {Status: http.StatusConflict, Key: "error.expired"},
	zitadelclient.NoChallenge:       {Status: http.StatusConflict, Key: "error.expired"},
	zitadelclient.NoCredential:      {Status: http.StatusConflict, Key: "error.expired"},
	zitadelclient.CredentialRefused: {Status: http.StatusForbidden, Key: "error.denied"},
	zitadelclient.CredentialUnknown: {Status: http.StatusForbidden, Key: "error.denied"},
	zitadelclient.IntentRefused:     {Status: http.StatusConflict, Key: "error.expired"},
	zitadelclient.Unsupported:       {Status: http.StatusForbidden, Key: "error.no_method"},
}

// kindOf is the kind of ZITADEL's answer: "" for success, [notZitadels] for an
// error that is none of it.
func kindOf(err error) zitadelclient.Kind {
	if err == nil {
		return ""
	}
	if failed := new(zitadelclient.Error); errors.As(err, &failed) {
		return failed.Kind
	}
	return notZitadels
}

const notZitadels zitadelclient.Kind = "not an answer of ZITADEL's"

// translate turns errors of the layers below into what the visitor sees. What
// it does not know is a fault of ours: 500.
func translate(err error) error {
	if err == nil || errors.As(err, new(web.Error)) {
		return err
	}
	if errors.Is(err, session.ErrUnavailable) {
		return unavailable(err)
	}
	if shown, ok := kinds[kindOf(err)]; ok {
		shown.Err = err
		return shown
	}
	if errors.Is(err, web.ErrTarget) {
		// ZITADEL, or a setting in it, names a place that is on no list.
		return web.Error{Status: http.StatusBadGateway, Key: "error.unavailable", Err: err}
	}
	return err
}

// forScripts are the paths that no person opens, and those below them.
var forScripts = []string{"/session", "/sessions", "/backchannel-logout"}

// earlyError answers what is refused before its route is known: what no person opens
// gets a document, whatever it says that it takes. ZITADEL, for one, says nothing.
func (h *Handlers) earlyError(w http.ResponseWriter, r *http.Request, e web.Error, id string) {
	path, _ := strings.CutPrefix(r.URL.Path, h.BasePath.String())
	if slices.ContainsFunc(forScripts, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) {
		web.ProblemPage(w, r, e, id)
		return
	}
	h.errorPage(w, r, e, id)
}

// errorPage renders an error. It asks nothing of ZITADEL: it must also work
// when ZITADEL is what is broken.
func (h *Handlers) errorPage(w http.ResponseWriter, r *http.Request, e web.Error, id string) {
	page := templates.ErrorPage{
		Base: h.plainBase(r, nil), Status: e.Status, TitleKey: e.Key + ".title", TextKey: e.Key + ".text",
		ErrorID: id, RetryAfter: e.RetryAfter, Form: e.Form,
	}
	switch {
	case e.Next != nil:
		page.Restart = e.Next.String()
	case e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests: // later is no better
		page.Restart = h.PublicURL.String() + h.BasePath.String() + "/login" // also from a host that is not ours
	}
	if e.Form != nil {
		page.Action = r.URL.RequestURI() // of a page of ours: nothing else has forms to repeat
		web.SetFormAction(w, h.repeatTargets()...)
	}
	if err := h.render(w, e.Status, page); err != nil {
		h.Logger.ErrorContext(r.Context(), "error page not rendered", "error", err, "error_id", id)
	}
}
