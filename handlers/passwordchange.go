package handlers

import (
	"net/url"
	"time"
	"unicode/utf8"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// passwordChangeStep sets a new password with the current one as proof.
var passwordChangeStep = step{
	kind:   flow.ChangePassword,
	path:   "/password/change",
	show:   showPasswordChange,
	submit: submitPasswordChange,
	bare:   func(a *session.Attempt) { a.Changing = true },
}

func showPasswordChange(v *visit) (templates.Page, error) {
	rules, err := v.rules()
	if err != nil {
		return nil, err
	}
	return templates.PasswordChangePage{
		Base: v.base(), LoginName: v.attempt.LoginName, Rules: rules, Reason: string(v.step.Reason),
		Days: int(v.state.PasswordExpires().Sub(v.state.Now) / (24 * time.Hour)),
	}, nil
}

func submitPasswordChange(v *visit, form url.Values) error {
	if form.Get(templates.FieldAction) == templates.ActionSkip {
		// By flow's reason, not by the button: what is demanded is not put off by
		// a form that somebody made up.
		v.attempt.Postponed, v.fresh = v.step.Reason == flow.PasswordExpiring, false
		return nil
	}
	current, password := form.Get(templates.FieldCurrent), form.Get(templates.FieldPassword)
	if current == "" {
		return refuse(templates.FieldCurrent, "problem.password_empty.current")
	}
	if utf8.RuneCountInString(current) > longestPassword {
		return refuse(templates.FieldCurrent, "problem.current_password") // cannot be anybody's
	}
	proof, err := zitadelclient.CurrentPassword(current)
	if err != nil {
		return err
	}
	if err := v.checkNewPassword(templates.FieldPassword, password); err != nil {
		return err
	}
	if password == current {
		return refuse(templates.FieldPassword, "problem.password_same")
	}
	if err := v.limitPassword(); err != nil {
		return err
	}
	unlock, err := v.Sessions.Lock(v.ctx, changeLock(v.attempt.ZitadelSession), submitTime)
	if err != nil {
		return unavailable(err)
	}
	defer unlock()
	if err := v.Zitadel.SetPassword(v.ctx, v.state.User.ID, password, proof); err != nil {
		if kindOf(err) == zitadelclient.WrongPassword {
			return refuse(templates.FieldCurrent, "problem.current_password")
		}
		return passwordRefused(templates.FieldPassword, err)
	}
	v.attempt.Changing = false
	v.fresh = false
	if err := v.endSessions(v.state.User.ID, v.ownSession()); err != nil {
		return err
	}
	defer v.endZitadelSessions(v.state.User.ID, v.attempt.ZitadelSession)()
	// ZITADEL takes the password factor from every older session, this one
	// too: it is shown once more, with the password that was just set.
	return v.checkPassword(password)
}
