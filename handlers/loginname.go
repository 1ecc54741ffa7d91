package handlers

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// loginNameStep asks who is signing in.
var loginNameStep = step{
	kind:   flow.LoginName,
	path:   "/loginname",
	show:   showLoginName,
	submit: submitLoginName,
	names:  true,
	bare:   func(*session.Attempt) {},
}

// longestLoginName is ZITADEL's own limit.
const longestLoginName = 200

func showLoginName(v *visit) (templates.Page, error) {
	providers, err := v.openProviders()
	if err != nil {
		return nil, err
	}
	if v.step.Reason == flow.WrongUser && v.problem == nil {
		v.problem = &problem{Problem: templates.Problem{Key: "problem.wrong_user"}} // or who is meant would wonder
	}
	return templates.LoginNamePage{
		Base:        v.base(),
		LoginName:   v.attempt.LoginName,
		Label:       loginNameLabel(v.state.Settings),
		CanRegister: v.step.Allows(flow.Register),
		CanReset:    v.step.Allows(flow.ResetPassword),
		Remember:    v.attempt.Persistent && !v.attempt.Recalled, // another's choice is not this one's
		Providers:   buttons(providers),

		PasskeyOptions: v.suggestion(),
	}, nil
}

// loginNameLabel says what may be typed, by policy.
func loginNameLabel(s zitadelclient.LoginSettings) string {
	switch {
	case s.DisableLoginWithEmail && s.DisableLoginWithPhone:
		return "username"
	case s.DisableLoginWithPhone:
		return "email"
	case s.DisableLoginWithEmail:
		return "username-or-phone"
	}
	return "email-or-phone"
}

// submitLoginName finds the user. A new name forgets whatever an earlier one
// had found: factors never move from one user to another.
func submitLoginName(v *visit, form url.Values) error {
	if id := form.Get(templates.FieldProvider); id != "" {
		return v.chooseAnew(id, form.Has(templates.FieldRemember))
	}
	name := strings.TrimSpace(form.Get(templates.FieldLoginName))
	v.dropProvisional()
	v.attempt.ForgetUser()
	v.attempt.LoginName = name
	v.attempt.Persistent = form.Has(templates.FieldRemember)
	v.state.User, v.state.Session = nil, nil // settings below are then those of the request's organization
	v.fresh = false
	switch {
	case name == "":
		return refuse(templates.FieldLoginName, "problem.login_name_empty")
	case utf8.RuneCountInString(name) > longestLoginName:
		return refuse(templates.FieldLoginName, "problem.login_name_long")
	case strings.IndexFunc(name, isControl) >= 0:
		return v.unknownUser() // nobody's name; ZITADEL need not be asked
	}
	if err := v.limitSearch(); err != nil {
		return err
	}
	if err := v.loadSettings(); err != nil {
		return err
	}
	v.attempt.Concealed = v.state.Settings.IgnoreUnknownUsernames
	return v.search(name)
}

// search goes on with the user whose name it is, or with nobody. Where policy hides
// users both take the time of three searches: what one more thing is asked about some
// of them, such as the settings of their organization, is done within it.
func (v *visit) search(name string) error {
	began := v.Now()
	user, err := v.findUser(name)
	switch {
	case err != nil:
		return err
	case user == nil:
		err = v.unknownUser()
	default:
		err = v.identified(*user)
	}
	if v.attempt.Concealed {
		v.searchPace.even(v.ctx, v.Wait, began, v.Now)
	}
	return err
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// unknownUser says so, or goes on as if there were one where policy hides it, or
// begins the sign-up that the name belongs to.
func (v *visit) unknownUser() error {
	if v.state.Settings.IgnoreUnknownUsernames {
		v.attempt.Hidden = true
		return nil
	}
	if newcomer, err := v.newcomer(); newcomer || err != nil {
		return err
	}
	return refuse(templates.FieldLoginName, "problem.user_not_found")
}

// snapshot is what an attempt keeps of a user.
func snapshot(user zitadelclient.User) session.UserSnapshot {
	return session.UserSnapshot{
		ID: user.ID, OrganizationID: user.OrganizationID, LoginName: user.PreferredLoginName,
		DisplayName: user.DisplayName, State: string(user.State), Phone: user.PhoneVerified,
	}
}

// identified keeps what the password page needs to know of the user.
func (v *visit) identified(user zitadelclient.User) error {
	v.attempt.User = snapshot(user)
	if err := v.reuseSession(); err != nil {
		return err
	}
	if v.attempt.Concealed {
		// Not asked for: the call would tell known from unknown by its time. Should
		// policy change under way, they are taken for somebody who has a password,
		// and not for somebody without any way to sign in.
		v.attempt.User.Methods = []string{string(zitadelclient.MethodPassword)}
		return nil
	}
	return v.findMethods()
}

// findMethods keeps what the user has set up.
func (v *visit) findMethods() error {
	found, err := v.Zitadel.AuthMethods(v.ctx, v.attempt.User.ID)
	if err != nil {
		return err
	}
	v.attempt.User.Methods = make([]string, len(found))
	for i, m := range found {
		v.attempt.User.Methods[i] = string(m)
	}
	v.attempt.User.Providers, err = v.linked(v.attempt.User.ID, found)
	return err
}

// reuseSession goes on in the ZITADEL session that this browser has of the user:
// a second one would leave the first behind, alive and forgotten.
func (v *visit) reuseSession() error {
	accounts, err := v.Sessions.Accounts(v.ctx, v.r)
	if err != nil {
		return unavailable(err)
	}
	for _, account := range accounts {
		if account.UserID == v.attempt.User.ID {
			v.attempt.ZitadelSession = account.ZitadelSession
		}
	}
	return nil
}
