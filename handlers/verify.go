package handlers

import (
	"errors"
	"net/http"
	"net/url"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// verifyStep proves the e-mail address with a mailed code.
var verifyStep = step{
	kind:   flow.VerifyEmail,
	path:   "/verify",
	show:   showVerify,
	submit: submitVerify,
}

func showVerify(v *visit) (templates.Page, error) {
	page := templates.VerifyPage{
		Base: v.base(), Code: v.attempt.Code, FromLink: v.attempt.Verifying,
		Invited:   v.attempt.Invited || v.step.Reason == flow.Invited,
		CanResend: !v.attempt.FromLink, First: !v.attempt.Verifying && !v.attempt.VerifySent && v.attempt.Code == "",
	}
	switch {
	case v.attempt.Registration != nil:
		page.Email = v.attempt.Registration.Email
	case v.state.User != nil:
		page.Email = v.state.User.Email
	}
	return page, nil
}

func submitVerify(v *visit, form url.Values) error {
	switch form.Get(templates.FieldAction) {
	case templates.ActionSend, templates.ActionResend:
		return v.resendVerification()
	}
	v.attempt.Code = form.Get(templates.FieldCode) // kept as typed, should it be wrong
	code := cleanCode(v.attempt.Code)
	if code == "" {
		return refuse(templates.FieldCode, "problem.code_unverified")
	}
	if err := v.limitCode(); err != nil {
		return err
	}
	began := v.Now()
	if v.attempt.User.ID == "" { // a taken address: no code is ever right
		v.codePace.even(v.ctx, v.Wait, began, v.Now)
		return refuse(templates.FieldCode, "problem.code_unverified")
	}
	verify := v.Zitadel.VerifyEmail
	if v.attempt.Invited {
		verify = v.Zitadel.VerifyInvite
	}
	err := verify(v.ctx, v.attempt.User.ID, code)
	v.codePace.saw(v.Now().Sub(began))
	switch kindOf(err) {
	case "":
	case zitadelclient.WrongCode, zitadelclient.NotFound, zitadelclient.Invalid:
		return refuse(templates.FieldCode, "problem.code_unverified")
	default:
		return err
	}
	v.codeWasRight()
	return nil
}

// firstMethod is the purpose of a proof: to set up a way to sign in for a user who
// has none. What it is worth, flow says, on what the user has by then.
const firstMethod = string(flow.SetUpAuthenticator)

// codeWasRight notes that the mailbox of this very user was proven in this very
// attempt. A code of somebody else's was not right (CVE-2026-105209): ZITADEL holds
// it against the user that the attempt is about.
func (v *visit) codeWasRight() {
	v.inheritLate()
	a := v.attempt
	a.Prove(firstMethod, v.Now())
	if r := a.Registration; r != nil && r.Sent {
		// The sign-up is over, and from here on there is a user like any other
		// without a way to sign in. This one has said which it shall be.
		a.Registration, a.Preferred = nil, string(registerMethods[r.Method])
	}
	a.Code, a.Verifying, a.Invited = "", false, false
	a.VerifySent = a.VerifySent && v.state.Session != nil // should the proof run out, another is asked for
	a.Verified = a.FromLink
	v.fresh = false
}

// resendVerification mails a new code; the older ones stop working. For a taken
// address it takes as long.
func (v *visit) resendVerification() error {
	if v.attempt.FromLink {
		return nil // a link proves nothing about who asks
	}
	if err := v.limitMail(); err != nil {
		return err
	}
	if v.attempt.VerifySent {
		v.attempt.Notice = "notice.code_sent"
	}
	v.attempt.VerifySent, v.attempt.Code = true, ""
	began := v.Now()
	if v.attempt.User.ID == "" {
		v.mailPace.even(v.ctx, v.Wait, began, v.Now)
		return nil
	}
	err := v.mailAnother()
	v.mailPace.saw(v.Now().Sub(began))
	if errors.Is(err, errElsewhere) {
		return nil // flow is asked next, as after every form
	}
	return err
}

// mailAnother mails a code of the kind that is waited for, or of the other where
// ZITADEL has no use for the first any more.
func (v *visit) mailAnother() error {
	if v.attempt.Invited || v.step.Reason == flow.Invited {
		return v.invite()
	}
	err := v.Zitadel.ResendEmailCode(v.ctx, v.attempt.User.ID, v.verifyTemplate())
	switch kindOf(err) {
	case zitadelclient.Invalid: // none to resend yet
		return v.Zitadel.SendEmailCode(v.ctx, v.attempt.User.ID, v.verifyTemplate())
	case zitadelclient.AlreadyHandled: // the address was proven elsewhere meanwhile
		return v.invite()
	}
	return err
}

// getVerify also takes the links of verification mails, and of invitations.
func (h *Handlers) getVerify(w http.ResponseWriter, r *http.Request) error {
	taken, err := h.mailLink(w, r, verifyStep, func(a *session.Attempt) {
		a.Verifying, a.Invited = true, r.URL.Query().Get("invite") == "true"
	})
	if taken || err != nil {
		return err
	}
	return h.get(verifyStep)(w, r)
}

// verifiedStep tells a browser that began no sign-in that the address is
// proven, and to go back to where it was asked for.
var verifiedStep = step{
	kind: flow.Verified,
	path: "/verify/success",
	show: func(v *visit) (templates.Page, error) { return templates.VerifiedPage{Base: v.base()}, nil },
}
