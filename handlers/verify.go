package handlers

import (
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
		Base: v.base(), Code: v.attempt.Code, FromLink: v.attempt.FromLink,
		CanResend: !v.attempt.FromLink,
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
	if form.Get(templates.FieldAction) == templates.ActionResend {
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
	err := v.Zitadel.VerifyEmail(v.ctx, v.attempt.User.ID, code)
	v.codePace.saw(v.Now().Sub(began))
	switch kindOf(err) {
	case "":
	case zitadelclient.WrongCode, zitadelclient.NotFound, zitadelclient.Invalid:
		return refuse(templates.FieldCode, "problem.code_unverified")
	default:
		return err
	}
	v.attempt.Code, v.attempt.Verifying = "", false
	v.attempt.Verified = v.attempt.ZitadelSession == ""
	v.fresh = false
	return nil
}

// resendVerification mails a new code; the older ones stop working.
func (v *visit) resendVerification() error {
	if v.attempt.FromLink {
		return nil // a link proves nothing about who asks
	}
	if err := v.limitMail(); err != nil {
		return err
	}
	v.attempt.Notice = "notice.code_sent"
	v.attempt.VerifySent = true
	if v.attempt.User.ID == "" {
		return nil
	}
	err := v.Zitadel.ResendEmailCode(v.ctx, v.attempt.User.ID, v.verifyTemplate())
	if kindOf(err) == zitadelclient.Invalid {
		err = v.Zitadel.SendEmailCode(v.ctx, v.attempt.User.ID, v.verifyTemplate()) // none to resend yet
	}
	return err
}

// getVerify also takes the links of verification mails.
func (h *Handlers) getVerify(w http.ResponseWriter, r *http.Request) error {
	taken, err := h.mailLink(w, r, verifyStep, func(a *session.Attempt) { a.Verifying = true })
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
