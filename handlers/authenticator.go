package handlers

import (
	"errors"
	"net/url"

	"torhaus/flow"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// setUpAuthenticatorStep lets somebody who has no way to sign in choose the first.
// Each of its ways is a link to the page that sets it up, and asks flow again.
var setUpAuthenticatorStep = step{
	kind: flow.SetUpAuthenticator,
	path: stepPaths[flow.SetUpAuthenticator],
	show: func(v *visit) (templates.Page, error) {
		base := v.base()
		base.Notice = "notice.invited"
		return templates.SetUpChoicePage{Base: base, Kind: templates.SetUpAuthenticator, Ways: v.ways(v.step.Also)}, nil
	},
}

// firstPasswordStep sets the first password. It has the address of the step that
// sets a forgotten one, as in the hosted login.
var firstPasswordStep = step{
	kind:   flow.FirstPassword,
	path:   stepPaths[flow.FirstPassword],
	show:   showFirstPassword,
	submit: submitFirstPassword,
}

func showFirstPassword(v *visit) (templates.Page, error) {
	rules, err := v.rules()
	if err != nil {
		return nil, err
	}
	return templates.FirstPasswordPage{Base: v.base(), Rules: rules, Others: v.others()}, nil
}

func submitFirstPassword(v *visit, form url.Values) error {
	password := form.Get(templates.FieldPassword)
	if err := v.checkNewPassword(templates.FieldPassword, password); err != nil {
		return err
	}
	v.fresh = false
	// One browser at a time, though several may have proven the mailbox: a second
	// code would put an end to the first, and a list that lags to a new password.
	unlock, err := v.Sessions.Lock(v.ctx, "first-password:"+v.state.User.ID, submitTime)
	if err != nil {
		return unavailable(err)
	}
	defer unlock()
	proof, err := v.Zitadel.ProveFirstPassword(v.ctx, v.state.User.ID)
	if kindOf(err) == zitadelclient.AlreadyHandled {
		return nil // somebody was faster: what there is now is asked for
	}
	if err != nil {
		return err
	}
	switch err := v.Zitadel.SetPassword(v.ctx, v.state.User.ID, password, proof); kindOf(err) {
	case "":
	case zitadelclient.WrongCode, zitadelclient.NotFound:
		return nil // the same
	default:
		return passwordRefused(templates.FieldPassword, err)
	}
	v.enrolled(zitadelclient.MethodPassword)
	if err := v.checkPassword(password); !errors.As(err, new(*problem)) {
		return err
	}
	return nil // it is set, and its own page asks for it
}

// registerOnArrival asks for what a new passkey is to sign, so that its page goes
// on by itself where it is the step, and not merely one of several.
func (v *visit) registerOnArrival() error {
	if v.enrolment(flow.SetUpPasskey) != nil {
		return nil
	}
	switch err := v.registerKey(flow.SetUpPasskey); {
	case errors.As(err, new(*problem)):
		return nil // too many: the page offers to start it later
	case !errors.Is(err, errStay):
		return err
	}
	return v.save()
}

// useProof uses up the proof of the mailbox: there is a way to sign in now, and the
// attempt is that of a user who is asked for it like any other. This browser has
// nothing to learn about them any more, whatever policy hides.
func (v *visit) useProof(method zitadelclient.AuthMethod) {
	a := v.attempt
	a.User = snapshot(*v.state.User)
	a.User.Methods = []string{string(method)}
	if a.LoginName == "" {
		a.LoginName = a.User.LoginName // came by a link
	}
	a.Proof, a.FromLink, a.Verified, a.Preferred = nil, false, false, ""
	a.Recalled, a.Concealed = true, false
	if method == zitadelclient.MethodPasskey {
		a.Notice = "notice.passkey_added"
	}
}
