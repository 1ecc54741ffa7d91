package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// visit is one request to a page of an attempt, with what was found out so far.
type visit struct {
	*Handlers
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context // outlives the browser's connection while a form is worked on
	attempt *session.Attempt
	account *session.Account // of the attempt's ZITADEL session, with its token
	renewed *session.Account // the account as this request left it, before the browser knows
	state   flow.State
	step    flow.Step
	problem *problem
	fresh   bool // the state was read since the last write to ZITADEL

	shown      flow.Kind // the page that is shown: of the step, or one beside it
	stay       bool      // the page has more to ask
	unknownKey string    // a key that the browser offers in vain, as its script is to be told

	defaultOrganization string
	instead             string // where an arrival leads, in place of the step's own page
	vouches             string // the provider whose word this request puts into the session
}

// problem is a form that cannot be accepted: the page is shown again with it.
type problem struct {
	templates.Problem
	status int
	wait   time.Duration
}

// Error names the text, never what was typed.
func (p *problem) Error() string { return "refused: " + p.Key }

// kept is the problem as the attempt remembers it, for a form that comes twice.
func (p *problem) kept() *session.Problem {
	kept := keptProblem(p.Problem)
	kept.Status = p.status
	return &kept
}

func keptProblem(p templates.Problem) session.Problem {
	kept := session.Problem{Key: p.Key, Args: p.Args, Field: p.Field}
	for _, also := range p.Also {
		kept.Also = append(kept.Also, keptProblem(also))
	}
	return kept
}

// shownProblem is a kept problem as the page shows it.
func shownProblem(kept session.Problem) templates.Problem {
	p := templates.Problem{Key: kept.Key, Args: kept.Args, Field: kept.Field}
	for _, also := range kept.Also {
		p.Also = append(p.Also, shownProblem(also))
	}
	return p
}

// refuse says what is wrong with a form. field is the input to point at, "" for
// the form as a whole.
func refuse(field, key string, args ...any) error {
	return &problem{status: http.StatusUnprocessableEntity, Problem: templates.Problem{Key: key, Args: args, Field: field}}
}

// visit finds the attempt that a request belongs to.
func (h *Handlers) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{Handlers: h, w: w, r: r, ctx: r.Context()}
	short, err := attemptName(r)
	if err != nil {
		return nil, err
	}
	v.attempt, err = h.Sessions.Attempt(v.ctx, r, short)
	if errors.Is(err, session.ErrNotFound) {
		return nil, expired(err)
	}
	return v, unavailable(err)
}

// alone waits until no other request works on the attempt. What was read of it before
// may be old by then.
func (v *visit) alone() (unlock func(), err error) {
	unlock, err = v.Sessions.Lock(v.ctx, "attempt:"+v.attempt.Short, submitTime)
	return unlock, unavailable(err)
}

// attemptName is the public name of the attempt that the URL points at.
func attemptName(r *http.Request) (string, error) {
	values := r.URL.Query()["a"]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", badRequest(errors.New("parameter a was given more than once"))
}

// navigated refuses what completes something outside of a top-level navigation:
// an image, a fetch or a prefetch must not finish a sign-in that nobody looks at
// (login CSRF, burnt codes), nor push live attempts out of the browser.
func navigated(r *http.Request) error {
	if r.Method == http.MethodPost || web.TopLevelNavigation(r) {
		return nil
	}
	return web.Error{Status: http.StatusForbidden, Key: "error.forbidden", Err: errors.New("outside of a top-level navigation")}
}

// begin stores a new attempt. It is the only way to start one.
func (h *Handlers) begin(w http.ResponseWriter, r *http.Request, attempt session.Attempt) (*visit, error) {
	if err := navigated(r); err != nil {
		return nil, err
	}
	v := &visit{Handlers: h, w: w, r: r, ctx: r.Context()}
	var err error
	v.attempt, err = h.Sessions.StartAttempt(v.ctx, w, r, attempt)
	return v, unavailable(err)
}

// decide loads the facts and asks for the step that they call for.
func (v *visit) decide() error {
	if err := v.ask(); err != nil {
		return err
	}
	web.EventFrom(v.r.Context()).Set("step", string(v.step.Kind))
	return nil
}

// ask loads the facts and asks flow. Nobody is handed over on policies that were read
// a while ago: those are read anew, and flow is asked once more. It is also where a
// newer answer has come meanwhile that this request has not seen.
func (v *visit) ask() error {
	if err := v.load(); err != nil {
		return err
	}
	v.step = flow.Next(v.state)
	if v.step.Kind != flow.Finish {
		return nil
	}
	v.Zitadel.ForgetPolicies(v.organization(), policyAge)
	if err := v.loadSettings(); err != nil {
		return err
	}
	v.step = flow.Next(v.state)
	return nil
}

// policyAge is how old the login policy may be at the gate: as old as the one that the
// same form has read on its way there, on a slow day.
const policyAge = 5 * time.Second

// base is what every page of an attempt shows.
func (v *visit) base() templates.Base {
	base := v.Handlers.base(v.r, v.organization(), v.attempt.Request.UILocales...)
	base.Attempt, base.Turn, base.Resume = v.attempt.Short, v.attempt.Turn, resumption(v.attempt)
	base.About = v.about()
	base.App = v.clientName()
	base.Who = v.attempt.LoginName
	if base.Who == "" && v.state.User != nil && !v.state.Proven.IsZero() {
		base.Who = v.state.User.PreferredLoginName // came by a link, and has redeemed its code
	}
	base.Notice = v.attempt.Notice
	for _, arg := range v.attempt.NoticeArgs {
		base.NoticeArgs = append(base.NoticeArgs, arg)
	}
	if v.problem != nil {
		base.Problem = &v.problem.Problem
	}
	return base
}

// about is a word for whoever is signing in, for the forms of a page. It goes by the
// name that was typed and not by the user, so that two names of one user stay two.
func (v *visit) about() string {
	return v.attempt.Fingerprint([]byte("about " + canonical(v.attempt.LoginName)))[:12]
}

// clientName is the host that the visitor goes to next. It is shown where
// phishing matters, so it is the real target and never a client's own claim.
func (v *visit) clientName() string {
	request := v.attempt.Request
	target := request.ReturnTo
	if request.Kind == session.KindOIDC {
		target = request.RedirectURI
	}
	return hostname(target)
}

func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// path is the address of one of our pages within this attempt. A page that is a
// provider's is that of the attempt's own.
func (v *visit) path(page string) web.Path {
	if i := v.attempt.Intent; i != nil {
		page = strings.Replace(page, "{provider}", i.Provider, 1)
	}
	return v.BasePath.Page(page, v.attempt.Short)
}

// formTargets is where the form of this page may lead in the end. Chromium holds
// form-action against the whole chain of redirects after a POST.
func (v *visit) formTargets() []web.FormActionSource {
	targets := []web.FormActionSource{v.Issuer} // the way through the browser, should it be needed
	switch v.attempt.Request.Kind {
	case session.KindOwn:
		if target, err := v.returnTo(); err == nil {
			targets = append(targets, target)
		}
	case session.KindOIDC:
		if target, err := web.ParseClientRedirect(v.attempt.Request.RedirectURI, v.attempt.Request.RedirectURI); err == nil {
			targets = append(targets, target)
		}
		for _, origin := range v.ClientOrigins {
			targets = append(targets, origin)
		}
	case session.KindBare:
		if target, err := v.defaultRedirect(); err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

// userAgent is what ZITADEL's list of sessions calls this browser. The address
// is the one that our trusted proxies vouch for.
func (v *visit) userAgent() zitadelclient.UserAgent {
	agent := zitadelclient.UserAgent{Description: clip(v.r.UserAgent(), 200)}
	if address := web.ClientIPFrom(v.r.Context()); address.IsValid() {
		agent.IP = address.String()
	}
	return agent
}

// clip keeps what a stranger sent to a length that is fit to be stored.
func clip(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }
