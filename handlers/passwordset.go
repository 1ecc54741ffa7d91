package handlers

import (
	"net/http"
	"net/url"
	"slices"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// passwordSetStep sets a forgotten password with a mailed code.
var passwordSetStep = step{
	kind:   flow.ResetPassword,
	path:   "/password/set",
	show:   showPasswordSet,
	submit: submitPasswordSet,
	bare:   func(*session.Attempt) {},
	other:  &firstPasswordStep,
}

func showPasswordSet(v *visit) (templates.Page, error) {
	if !v.attempt.Resetting {
		return templates.PasswordResetPage{Base: v.base(), LoginName: v.attempt.LoginName, Known: v.named()}, nil
	}
	rules, err := v.rules()
	if err != nil {
		return nil, err
	}
	return templates.PasswordSetPage{
		Base: v.base(), LoginName: v.attempt.LoginName,
		Code: v.attempt.Code, FromLink: v.attempt.FromLink, Rules: rules, CanSMS: v.mayResetBySMS(),
	}, nil
}

func submitPasswordSet(v *visit, form url.Values) error {
	switch form.Get(templates.FieldAction) {
	case templates.ActionFirst:
		return nil // of a page before there was a way to sign in: there is one by now
	case templates.ActionSend, templates.ActionResend:
		return v.sendReset(form)
	case templates.ActionSMS:
		if !v.mayResetBySMS() {
			return nil // not on the page; ZITADEL would say yes and send nothing
		}
		return v.requestResetBy(v.Zitadel.SendPasswordResetSMS)
	}
	v.attempt.Code = form.Get(templates.FieldCode) // kept as typed, should it be wrong
	code := cleanCode(v.attempt.Code)
	password := form.Get(templates.FieldPassword)
	if code == "" {
		return refuse(templates.FieldCode, "problem.code_wrong")
	}
	check := v.checkNewPassword
	if v.guessesRules() {
		check = checkAnyPassword // ZITADEL holds it against the right ones
	}
	if err := check(templates.FieldPassword, password); err != nil {
		return err
	}
	if err := v.limitCode(); err != nil {
		return err
	}
	if err := v.evenReset(func() (usual bool, err error) { return v.setForgotten(code, password) }); err != nil {
		return err
	}
	return v.passwordWasReset(password)
}

// setForgotten has ZITADEL take the password for the code. What is usual is that it does
// not: to take one, it spends a second on the hash.
func (v *visit) setForgotten(code, password string) (usual bool, err error) {
	owner, err := v.resettable()
	if err != nil {
		return false, err
	}
	if owner == nil {
		return false, refuse(templates.FieldCode, "problem.code_wrong") // nobody's: no code can be right
	}
	proof, err := zitadelclient.VerificationCode(code)
	if err == nil {
		err = v.Zitadel.SetPassword(v.ctx, owner.ID, password, proof)
	}
	if kindOf(err) == zitadelclient.PasswordPolicy {
		// The code was right, and whoever has it may see whose rules these are.
		v.attempt.User.Policies = owner.OrganizationID
		if broken := v.checkNewPassword(templates.FieldPassword, password); broken != nil {
			return true, broken
		}
	}
	if err != nil {
		return true, passwordRefused(templates.FieldPassword, err)
	}
	return false, nil
}

// evenReset does what is asked about somebody who has forgotten their password. The
// answer takes twice as long as that does, be there such a user or not: some of it
// is only asked about some, such as the settings of another organization. do reports
// whether it did all that is usually done, by which the time is measured.
func (v *visit) evenReset(do func() (usual bool, err error)) error {
	began := v.Now()
	usual, err := do()
	if usual {
		v.resetPace.saw(2 * v.Now().Sub(began))
	}
	v.resetPace.even(v.ctx, v.Wait, began, v.Now)
	return err
}

// resettable is the attempt's user, if they may reset a password: by the policy of
// their own organization, whatever policy the page was shown by, and because they have
// one, or nothing at all yet. A mailbox alone is no way into an account that has a
// passkey or a provider and no password.
func (v *visit) resettable() (*zitadelclient.User, error) {
	if v.attempt.User.ID == "" {
		return nil, nil
	}
	user, err := v.Zitadel.User(v.ctx, v.attempt.User.ID)
	if kindOf(err) == zitadelclient.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	settings, err := v.Zitadel.LoginSettings(v.ctx, user.OrganizationID)
	if err != nil || !user.Human || !settings.AllowUsernamePassword || settings.HidePasswordReset {
		return nil, err
	}
	has, err := v.Zitadel.AuthMethods(v.ctx, user.ID)
	if err != nil || len(has) > 0 && !slices.Contains(has, zitadelclient.MethodPassword) {
		return nil, err
	}
	return &user, nil
}

// mayResetBySMS reports whether the code can go to a phone. Where policy hides
// users it is not offered: the offer would tell.
func (v *visit) mayResetBySMS() bool {
	return v.attempt.User.Phone && !v.attempt.Concealed && !v.attempt.FromLink
}

// named reports whether it is settled whose password is to be reset, be it
// nobody's.
func (v *visit) named() bool {
	return v.attempt.User.ID != "" || v.attempt.Hidden || v.attempt.FromLink
}

// sendReset has a code mailed, to whom the form names where nobody is named yet.
func (v *visit) sendReset(form url.Values) error {
	if !v.named() {
		if err := submitLoginName(v, form); err != nil {
			return err
		}
		if err := v.decide(); err != nil { // for the one who is named by now
			return err
		}
	}
	return v.requestReset()
}

// passwordWasReset ends what the old password had opened. The browser that
// asked for the code goes on signed in; one that merely opened the link does
// not: whoever reads a mail is not yet whoever began the sign-in.
func (v *visit) passwordWasReset(password string) error {
	v.inheritLate()
	userID, fromLink := v.attempt.User.ID, v.attempt.FromLink
	v.attempt.Resetting, v.attempt.Code = false, "" // the code is spent, whatever follows
	v.attempt.Notice = "notice.password_set"
	v.fresh = false
	if fromLink {
		v.attempt.ForgetUser()
	}
	if err := v.endSessions(userID, ""); err != nil {
		return err
	}
	defer v.endZitadelSessions(userID, "")()
	if fromLink {
		return nil
	}
	return v.checkPassword(password)
}

// mailLink takes a link from a mail: the code goes into a fresh attempt and out
// of the URL, and nothing is redeemed until somebody presses the button. Mail
// scanners open links too. Its organization is by whose policies the page is shown,
// and no more: the user's own are held to what is sent, and sign-ins by anybody else
// are not kept out for it.
func (h *Handlers) mailLink(w http.ResponseWriter, r *http.Request, s step, prepare func(*session.Attempt)) (bool, error) {
	query, err := entryQuery(r)
	if err != nil {
		return true, err
	}
	if !query.Has("code") {
		return false, nil
	}
	userID, code := mailCode(query)
	attempt := &session.Attempt{
		Request: session.Request{Kind: session.KindBare, Created: h.Now()}, FromLink: true, Code: code,
		User: session.UserSnapshot{ID: userID, State: string(zitadelclient.UserActive), Methods: []string{}, Policies: numeric(query.Get("organization"))},
	}
	if err := h.inherit(r, attempt, false); err != nil {
		return true, err
	}
	prepare(attempt)
	v, err := h.begin(w, r, *attempt)
	if err != nil {
		return true, err
	}
	return true, web.Redirect(w, r, v.path(s.path))
}

// inherit lets a link that is opened in the browser that asked for it go on with
// what was begun there. Where users are hidden it does so once the code was right:
// before, a made-up link would tell whether a name and an id belong together.
func (h *Handlers) inherit(r *http.Request, attempt *session.Attempt, codeWasRight bool) error {
	waiting, err := h.Sessions.Attempts(r.Context(), r)
	if err != nil {
		return unavailable(err)
	}
	for _, a := range waiting {
		if a.Concealed && !codeWasRight {
			continue
		}
		if attempt.User.ID != "" && a.User.ID == attempt.User.ID && a.Outcome == nil && !a.FromLink {
			attempt.Request, attempt.User, attempt.Organization = a.Request, a.User, a.Organization
			attempt.LoginName, attempt.ZitadelSession, attempt.FromLink = a.LoginName, a.ZitadelSession, false
			attempt.Registration, attempt.VerifySent, attempt.Concealed = a.Registration, a.VerifySent, a.Concealed
			attempt.Shown, attempt.Recalled, attempt.Persistent = a.Shown, a.Recalled, a.Persistent // in the same ZITADEL session
			attempt.Preferred, attempt.SettingUp, attempt.Skipped, attempt.Postponed = a.Preferred, a.SettingUp, a.Skipped, a.Postponed
			return nil
		}
	}
	return nil
}

// inheritLate is for a link whose code was right just now. The code is spent: a store
// that fails here costs the way back to the sign-in, and nothing else.
func (v *visit) inheritLate() {
	if !v.attempt.FromLink {
		return
	}
	if err := v.inherit(v.r, v.attempt, true); err != nil {
		v.Logger.WarnContext(v.ctx, "a sign-in that waits for a link was not found", "error", err)
	}
}

// getPasswordSet also takes the links of reset mails.
func (h *Handlers) getPasswordSet(w http.ResponseWriter, r *http.Request) error {
	taken, err := h.mailLink(w, r, passwordSetStep, func(a *session.Attempt) { a.Resetting = true })
	if taken || err != nil {
		return err
	}
	return h.get(passwordSetStep)(w, r)
}
