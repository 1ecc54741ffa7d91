package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
)

// step is one page of a sign-in: what it shows, and what its form does.
type step struct {
	kind   flow.Kind
	path   string
	show   func(*visit) (templates.Page, error)
	submit func(*visit, url.Values) error
	// bare says that the page may be opened without an attempt; it then starts
	// one without a client (hosted Login V2 works so, and bookmarks do).
	bare func(*session.Attempt)
	// names says that the form itself tells who is meant.
	names bool
	// other shares the address, and is never called for at the same time.
	other *step
}

// of is the step that the facts call for, of those that share an address.
func (v *visit) of(s step) step {
	if s.other != nil && v.step.Allows(s.other.kind) {
		return *s.other
	}
	return s
}

// formFields is more inputs than any of our forms has.
const formFields = 16

// submitTime bounds the work on one form: the slowest is a password check on a
// busy ZITADEL, followed by the code exchange.
const submitTime = 25 * time.Second

// get shows the page, if the facts call for it or allow it.
func (h *Handlers) get(s step) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.visit(w, r)
		bare := s.bare != nil && !r.URL.Query().Has("a")
		if bare && errors.Is(err, errExpired) {
			return h.openBare(w, r, s)
		}
		if err != nil {
			return err
		}
		if v.attempt.Outcome != nil {
			return v.repeatOutcome()
		}
		if err := v.decide(); err != nil {
			return err
		}
		called := v.of(s)
		if !v.step.Allows(called.kind) {
			if bare {
				return h.openBare(w, r, s) // an old tab's attempt is not what was asked for
			}
			return v.proceed()
		}
		return v.show(called, http.StatusOK)
	}
}

// openBare shows a step page that was opened without an attempt.
func (h *Handlers) openBare(w http.ResponseWriter, r *http.Request, s step) error {
	v, err := h.startBare(w, r, s.bare)
	if err != nil {
		return err
	}
	if err := v.readyKey(); err != nil {
		return err
	}
	if err := v.decide(); err != nil {
		return err
	}
	if !v.step.Allows(s.kind) {
		return v.proceed()
	}
	return v.show(s, http.StatusOK)
}

// post works on the page's form, once. A browser whose visitor clicks twice
// drops the first answer and waits for the second, so the second submission of
// the same form waits for the first and is given the same outcome; a wrong
// password counts once, a code is redeemed once, a mail is sent once.
func (h *Handlers) post(s step) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := web.Form(r, formFields)
		if err != nil {
			return err
		}
		return keepTyped(h.take(w, r, s, form), form)
	}
}

// take works on a form that was read.
func (h *Handlers) take(w http.ResponseWriter, r *http.Request, s step, form url.Values) error {
	// From here on the browser may go away: a check that ZITADEL counts must
	// not be left half done, nor a rotated token be lost.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), submitTime)
	defer cancel()
	v, err := h.visit(w, r)
	if errors.Is(err, errExpired) {
		return h.resume(w, r, form, err)
	}
	if err != nil {
		return err
	}
	v.ctx = ctx
	unlock, err := v.alone()
	if err != nil {
		return err
	}
	defer unlock()
	if v.attempt, err = h.Sessions.Attempt(ctx, r, v.attempt.Short); err != nil {
		return expired(err)
	}
	if v.attempt.Outcome != nil {
		return v.repeatOutcome() // it has just ended: there is one way it ends
	}
	mark := v.attempt.Fingerprint([]byte(s.path + "?" + form.Encode()))
	if v.attempt.LastForm == mark {
		return v.replay(s)
	}
	v.attempt.LastAccounts = v.accountsMark()
	v.attempt.LastForm, v.attempt.LastProblem, v.attempt.LastCookies = mark, nil, nil
	v.attempt.Notice, v.attempt.NoticeArgs = "", nil
	v.attempt.Turn++
	return v.submit(s, form)
}

// submit asks once more whether the form's step may be taken at all, takes it,
// and keeps what came of it before answering.
func (v *visit) submit(s step, form url.Values) error {
	if err := v.decide(); err != nil {
		return err
	}
	s = v.of(s)
	names := s.names || form.Has(templates.FieldLoginName) && !v.named()
	if about := form.Get(templates.FieldAbout); !names && about != "" && about != v.about() {
		return v.setAside()
	}
	if !v.step.Allows(s.kind) {
		return v.proceed()
	}
	v.attempt.Preferred = string(s.kind) // what was taken is what comes next, too
	err := s.submit(v, form)
	if errors.Is(err, errStay) {
		v.stay, err = true, nil
	}
	v.attempt.LastCookies = slices.Clone(v.w.Header()["Set-Cookie"])
	if errors.As(err, &v.problem) {
		v.attempt.LastProblem = v.problem.kept()
		if v.problem.wait > 0 {
			v.attempt.LastForm = "" // sent again later, it is worth another look
		}
	} else if err != nil {
		// What was typed and what was achieved stay; the form may come again.
		v.attempt.LastForm = ""
		return errors.Join(err, v.Sessions.SaveAttempt(v.ctx, v.attempt))
	}
	if err := v.save(); err != nil {
		return err
	}
	if v.problem != nil {
		return v.show(s, v.problem.status)
	}
	if v.stay {
		return web.Redirect(v.w, v.r, v.path(s.path))
	}
	return v.proceed()
}

// setAside answers the form of a page that was left open while the sign-in went on
// with somebody else: a password must not be tried on them, nor a mail be sent to
// them, nor a factor be set up for them.
func (v *visit) setAside() error {
	v.attempt.Notice = "notice.somebody_else"
	if err := v.save(); err != nil {
		return err
	}
	return v.proceed()
}

// errStay says that a form has been worked on and its page has more to ask.
var errStay = errors.New("stay on this page")

// replay answers the second submission of a form as the first was answered.
func (v *visit) replay(s step) error {
	web.EventFrom(v.r.Context()).Set("replayed", true)
	v.repeatCookies()
	if err := v.decide(); err != nil {
		return err
	}
	s = v.of(s)
	last := v.attempt.LastProblem
	if last == nil || !v.step.Allows(s.kind) {
		return v.proceed()
	}
	v.problem = &problem{status: last.Status, Problem: shownProblem(*last)}
	return v.show(s, last.Status)
}

// repeatCookies gives the browser the cookies of an answer that it dropped, and
// goes on as if it had sent them; unless the browser has moved on since, and
// what was set then is dead by now.
func (v *visit) repeatCookies() {
	if v.attempt.LastAccounts != v.accountsMark() {
		return
	}
	dropped := http.Response{Header: http.Header{"Set-Cookie": v.attempt.LastCookies}}
	request := v.r.Clone(v.r.Context())
	request.Header.Del("Cookie")
	for _, c := range v.r.Cookies() {
		if !slices.ContainsFunc(dropped.Cookies(), func(d *http.Cookie) bool { return d.Name == c.Name }) {
			request.AddCookie(c)
		}
	}
	for _, c := range dropped.Cookies() {
		request.AddCookie(c)
	}
	v.r = request
	for _, line := range v.attempt.LastCookies {
		v.w.Header().Add("Set-Cookie", line)
	}
}

// accountsMark recognises the accounts cookie that a form came with.
func (v *visit) accountsMark() string {
	cookie := session.AccountsCookie(v.r)
	if cookie == "" {
		return ""
	}
	return v.attempt.Fingerprint([]byte(cookie))
}

// save stores the attempt as this request leaves it.
func (v *visit) save() error {
	err := v.Sessions.SaveAttempt(v.ctx, v.attempt)
	if errors.Is(err, session.ErrChanged) {
		return expired(err) // it has ended, or another request of it won
	}
	return unavailable(err)
}

// show renders the page of a step.
func (v *visit) show(s step, status int) error {
	v.shown = s.kind
	page, err := s.show(v)
	if err != nil {
		return err
	}
	if v.problem != nil && v.problem.wait > 0 {
		v.w.Header().Set("Retry-After", strconv.Itoa(seconds(v.problem.wait)))
	}
	web.SetFormAction(v.w, v.formTargets()...)
	return v.render(v.w, status, page)
}
