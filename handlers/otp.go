package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// The second factors that are a code to type.
var (
	totpStep     = codeStep(flow.TOTP, templates.WayTOTP)
	otpSMSStep   = codeStep(flow.OTPSMS, templates.WaySMS)
	otpEmailStep = codeStep(flow.OTPEmail, templates.WayEmail)
	recoveryStep = codeStep(flow.RecoveryCode, templates.WayRecovery)
)

func codeStep(kind flow.Kind, method string) step {
	return step{
		kind:   kind,
		path:   stepPaths[kind],
		show:   func(v *visit) (templates.Page, error) { return v.codePage(method), nil },
		submit: func(v *visit, form url.Values) error { return v.submitCode(kind, form) },
	}
}

func (v *visit) codePage(method string) templates.Page {
	sent := slices.Contains(v.attempt.CodesSent, method)
	bySend := method == templates.WaySMS || method == templates.WayEmail
	return templates.CodePage{
		Base: v.base(), Method: method, Code: v.attempt.Code, Masked: v.masked(method),
		CanResend: bySend && sent, First: bySend && !sent, Others: v.others(),
	}
}

// masked says where a code goes, to whoever has shown a factor already.
func (v *visit) masked(method string) string {
	if v.state.User == nil || len(v.attempt.Shown) == 0 && !v.attempt.Recalled {
		return ""
	}
	switch method {
	case templates.WaySMS:
		phone := v.state.User.Phone
		return "•••" + phone[max(0, len(phone)-2):]
	case templates.WayEmail:
		name, domain, _ := strings.Cut(v.state.User.Email, "@")
		dot := strings.LastIndex(domain, ".")
		if name == "" || dot < 1 {
			return ""
		}
		return firstRune(name) + "•••@" + firstRune(domain) + "•••" + domain[dot:]
	}
	return ""
}

func firstRune(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

func (v *visit) submitCode(kind flow.Kind, form url.Values) error {
	switch form.Get(templates.FieldAction) {
	case templates.ActionSend, templates.ActionResend:
		v.attempt.Notice = "notice.code_sent"
		return v.sendCode(kind)
	}
	v.attempt.Code = form.Get(templates.FieldCode) // kept as typed, should it be wrong
	code := cleanCode(v.attempt.Code)
	if kind == flow.RecoveryCode {
		code = strings.TrimSpace(v.attempt.Code) // as it was printed, dashes and all
	}
	if v.attempt.Code == "" {
		return refuse(templates.FieldCode, "problem.code_empty")
	}
	if code == "" {
		return refuse(templates.FieldCode, "problem.code_otp")
	}
	if err := v.limitCode(); err != nil {
		return err
	}
	first, err := v.acceptOnce(kind, code)
	if err != nil {
		return err
	}
	if !first {
		return refuse(templates.FieldCode, "problem.code_otp")
	}
	return v.checkCode(kind, code)
}

// totpWindow is how long ZITADEL would take the same code again.
const totpWindow = 3 * time.Minute

// acceptOnce refuses a TOTP step that was accepted before: ZITADEL takes one
// twice, and whoever looked over a shoulder would get in with it.
func (v *visit) acceptOnce(kind flow.Kind, code string) (bool, error) {
	if kind != flow.TOTP {
		return true, nil
	}
	first, err := v.Sessions.Once(v.ctx, "totp", v.attempt.User.ID+" "+code, totpWindow)
	return first, unavailable(err)
}

// checkCode has ZITADEL check the code in the user's session.
func (v *visit) checkCode(kind flow.Kind, code string) error {
	if adopted, err := v.adoptInstead(); adopted || err != nil {
		return err
	}
	err := v.updateSession(codeChecks(kind, code))
	switch kindOf(err) {
	case "":
		v.attempt.Code = ""
		v.showed(kind)
		return nil
	case zitadelclient.SessionEnded:
		v.forgetCode(kind, code)
		v.fresh = false
		return nil // the first factor is gone: flow says so
	case zitadelclient.WrongCode, zitadelclient.NotEnrolled, zitadelclient.NoChallenge, zitadelclient.Invalid:
		v.forgetCode(kind, code)
		return v.codeRefused()
	case zitadelclient.NotActive:
		return refuse("", "problem.locked")
	}
	return err // it may have been accepted: it stays used
}

// codeRefused words a wrong code, and where policy locks a user for too many of
// them. ZITADEL counts without telling, so the one that was too many shows in the
// user's state alone.
func (v *visit) codeRefused() error {
	lockout, err := v.Zitadel.Lockout(v.ctx, v.organization())
	if err != nil || lockout.MaxOTPAttempts == 0 {
		return refuse(templates.FieldCode, "problem.code_otp")
	}
	user, err := v.Zitadel.User(v.ctx, v.attempt.User.ID)
	if err == nil && user.State == zitadelclient.UserLocked {
		return refuse("", "problem.locked")
	}
	return refuse(templates.FieldCode, "problem.code_otp_lockout", lockout.MaxOTPAttempts)
}

// forgetCode takes back that a code was used: it was not accepted, and a clock
// that is ahead makes the same code right a little later.
func (v *visit) forgetCode(kind flow.Kind, code string) {
	if kind != flow.TOTP {
		return
	}
	if err := v.Sessions.Undo(v.ctx, "totp", v.attempt.User.ID+" "+code); err != nil {
		v.Logger.WarnContext(v.ctx, "a code that was not accepted stays used", "error", err)
	}
}

func codeChecks(kind flow.Kind, code string) zitadelclient.Checks {
	switch kind {
	case flow.TOTP:
		return zitadelclient.Checks{TOTP: code}
	case flow.OTPSMS:
		return zitadelclient.Checks{OTPSMS: code}
	case flow.OTPEmail:
		return zitadelclient.Checks{OTPEmail: code}
	}
	return zitadelclient.Checks{RecoveryCode: code}
}

// codeOnArrival sends the code that the page asks for, once an attempt.
func (v *visit) codeOnArrival() error {
	if slices.Contains(v.attempt.CodesSent, wayKinds[v.step.Kind]) {
		return nil
	}
	if err := v.sendCode(v.step.Kind); err != nil {
		if _, refused := err.(*problem); refused {
			return nil // the page offers to send it later
		}
		return err
	}
	return v.save()
}

// sendCode has ZITADEL send a one-time code, to the address it knows. Whatever
// was typed before is none of the new one.
func (v *visit) sendCode(kind flow.Kind) error {
	if err := v.limitMail(); err != nil {
		return err
	}
	v.attempt.Code = ""
	asked := zitadelclient.Challenges{OTPSMS: kind == flow.OTPSMS}
	if kind == flow.OTPEmail {
		asked.OTPEmailTemplate = v.otpTemplate()
	}
	if err := v.challenge(asked); err != nil {
		return err
	}
	if way := wayKinds[kind]; !slices.Contains(v.attempt.CodesSent, way) {
		v.attempt.CodesSent = append(v.attempt.CodesSent, way)
	}
	return nil
}

// getOTPEmail also takes the links of mails with a one-time code. The code goes
// into the sign-in that waits for it, and out of the URL; a button submits it.
// In another browser it opens nothing: whoever reads a mail has not shown the
// first factor.
func (h *Handlers) getOTPEmail(w http.ResponseWriter, r *http.Request) error {
	query, err := entryQuery(r)
	if err != nil {
		return err
	}
	if !query.Has("code") {
		return h.get(otpEmailStep)(w, r)
	}
	if err := navigated(r); err != nil {
		return err
	}
	v := &visit{Handlers: h, w: w, r: r, ctx: r.Context()}
	id := numeric(query.Get("sessionId"))
	if v.attempt, err = h.awaitingMail(r, id); err != nil {
		return err
	}
	unlock, err := v.alone() // a form that is worked on must not lose to the link
	if err != nil {
		return err
	}
	defer unlock()
	if v.attempt, err = h.awaitingMail(r, id); err != nil {
		return err
	}
	if v.attempt.Outcome != nil {
		return v.repeatOutcome()
	}
	v.attempt.Code = cleanCode(query.Get("code"))
	if err := v.save(); err != nil {
		return err
	}
	return web.Redirect(w, r, v.path(otpEmailStep.path))
}

// awaitingMail finds the attempt of this browser that waits for a code which was
// mailed for a ZITADEL session, or else one that such a code has ended.
func (h *Handlers) awaitingMail(r *http.Request, zitadelSession string) (*session.Attempt, error) {
	attempts, err := h.Sessions.Attempts(r.Context(), r)
	if err != nil {
		return nil, unavailable(err)
	}
	attempts = slices.DeleteFunc(attempts, func(a *session.Attempt) bool {
		return zitadelSession == "" || a.ZitadelSession != zitadelSession || !slices.Contains(a.CodesSent, templates.WayEmail)
	})
	if i := slices.IndexFunc(attempts, func(a *session.Attempt) bool { return a.Outcome == nil }); i >= 0 {
		return attempts[i], nil
	}
	if len(attempts) > 0 {
		return attempts[0], nil
	}
	return nil, web.Error{Status: http.StatusForbidden, Key: "error.session_other", Err: errors.New("no sign-in of this browser waits for the code")}
}
