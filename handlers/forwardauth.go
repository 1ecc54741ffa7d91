package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
)

// forwardPath begins the addresses that proxies ask at: the kind of proxy and the
// name of a rule follow, and for Envoy the address that is asked about.
const forwardPath = "/auth/"

// What a proxy is told that cannot pass our answer on: where to send a browser or,
// for what cannot be sent anywhere, what its own answer has to say.
const (
	loginHeader   = "X-Auth-Login"
	problemHeader = "X-Auth-Problem" // the type of the problem
	nextHeader    = "X-Auth-Next"    // the address to sign in at
)

// authorize answers a proxy that asks whether a request may pass: 200 to let it, and
// with it who it is; everything else does not. The body is never read, and no answer
// sets a cookie.
func (h *Handlers) authorize(w http.ResponseWriter, r *http.Request) error {
	d, rule, rest, err := h.question(r)
	if err != nil {
		return err
	}
	asked, err := h.original(d, r, rest)
	if err != nil {
		return err
	}
	s, bearer, err := h.whoPasses(r, rule)
	if errors.Is(err, session.ErrNotFound) {
		return h.sendToLogin(w, r, asked, rule.demands, notSignedIn)
	}
	if err != nil {
		return err
	}
	switch {
	case !rule.member(s):
		return web.Error{Status: http.StatusForbidden, Key: "error.wrong_organization", Err: errors.New("the rule asks for another organization")}
	case !rule.grants(s):
		return web.Error{Status: http.StatusForbidden, Key: "error.no_grant", Err: errors.New("the rule asks for roles that the user lacks")}
	case rule.lacks(s, h.Now()):
		return h.sendToLogin(w, r, asked, rule.demands, tooLittleShown)
	}
	return h.tell(w, r, s, rule, bearer)
}

// whoPasses is who asks to pass, and what the app will call others with, where the
// rule says so. That is settled before the rule is asked: a refresh may end the
// session, or take the role that the rule asks for.
func (h *Handlers) whoPasses(r *http.Request, rule rule) (s *session.Session, bearer string, err error) {
	if !rule.token {
		s, err = h.recentSession(r, true)
		return s, "", err
	}
	s, tokens, err := h.sessionWithTokens(r, true)
	return s, "Bearer " + tokens.AccessToken, err
}

// question reads which kind of proxy asks, and about which rule. It is cut off the
// address as it was sent, which nothing has cleaned: behind Envoy's stands what a
// visitor wrote.
func (h *Handlers) question(r *http.Request) (d dialect, found rule, rest string, err error) {
	address, ok := strings.CutPrefix(r.RequestURI, forwardPath)
	kind, address, _ := strings.Cut(address, "/")
	d, known := dialects[kind]
	name := address
	if end := strings.IndexAny(address, d.ends); end >= 0 {
		name, rest = address[:end], address[end:]
	}
	found, named := h.Rules.find(name)
	if !ok || !known || !named {
		return d, found, "", web.Error{Status: http.StatusNotFound, Key: "error.not_found", Err: errors.New("no such kind of proxy, or no such rule")}
	}
	event := web.EventFrom(r.Context())
	event.Set("route", d.route)
	event.Set("rule", name)
	return d, found, rest, nil
}

// The two reasons to send a visitor to sign in: nobody is, or who is has not shown
// what the rule asks for.
var (
	notSignedIn    = web.Error{Status: http.StatusUnauthorized, Key: "error.unauthorized", Err: errors.New("nobody is signed in")}
	tooLittleShown = web.Error{Status: http.StatusUnauthorized, Key: "error.step_up", Err: errors.New("the rule asks for more than the session has")}
)

// challenges say by which scheme one signs in, as a 401 must (RFC 9110, 15.5.2), and
// that it takes more than before (RFC 9470).
var challenges = map[string]string{
	notSignedIn.Key:    `Cookie realm="torhaus"`,
	tooLittleShown.Key: `Cookie realm="torhaus", error="insufficient_user_authentication"`,
}

// sendToLogin redirects a browser that is going to a page, for all that the rule asks
// for. Everything else is told why it may not pass: a script cannot follow a redirect
// to another origin, and a form must not be sent there.
func (h *Handlers) sendToLogin(w http.ResponseWriter, r *http.Request, asked original, d demands, why web.Error) error {
	if why.Key == tooLittleShown.Key {
		web.EventFrom(r.Context()).Set("step_up", true)
	}
	if asked.navigates(r) {
		entry := h.BasePath.Entry(h.PublicURL, "/login", h.comeBack(asked), d.query())
		if asked.relayed {
			return web.Redirect(w, r, entry)
		}
		w.Header().Set(loginHeader, entry.String())
	} else {
		// Where to come back to is the script's to say: nobody wants to be sent to
		// what it fetched.
		why.Next = h.BasePath.Entry(h.PublicURL, "/login", web.ReturnTo{}, d.query())
		if !asked.relayed {
			w.Header().Set(problemHeader, web.ProblemType(why))
			w.Header().Set(nextHeader, why.Next.String())
		}
	}
	w.Header().Set("WWW-Authenticate", challenges[why.Key])
	return why
}

// proxyError words an error for the visitor of an app. A person gets a few lines of
// text: none of the files of our pages can be had at the app's address.
func (h *Handlers) proxyError(w http.ResponseWriter, r *http.Request, e web.Error, id string) {
	page := templates.ErrorPage{
		Base: h.plainBase(r, nil), Status: e.Status, TitleKey: e.Key + ".title", TextKey: e.Key + ".text", RetryAfter: e.RetryAfter,
	}
	title, err := page.Title()
	text, textErr := page.Explanation()
	if !acceptsHTML(r) || err != nil || textErr != nil {
		web.ProblemPage(w, r, e, id)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Language", page.Text.Tag())
	w.WriteHeader(e.Status)
	fmt.Fprintf(w, "%s\n\n%s\n\n%s: %s\n", title, text, page.Text.T("error.id"), id)
}
