package handlers

import (
	"slices"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// registerMethods gives the ways to sign in that a newcomer may choose from their
// words in the form.
var registerMethods = map[string]flow.Kind{
	templates.MethodPassword: flow.FirstPassword,
	templates.MethodPasskey:  flow.SetUpPasskey,
}

func allowsMethod(settings zitadelclient.LoginSettings, method string) bool {
	return slices.Contains(flow.FirstMethods(settings), registerMethods[method])
}

// unusableMethod is what is wrong with how the newcomer wants to sign in: held here
// and not by the choices on the page, against the policy of the organization that
// they will belong to. Where there is one way alone, nobody need choose it, and who
// comes by a provider has theirs.
func (v *visit) unusableMethod(r *session.Registration) ([]templates.Problem, error) {
	if v.state.Registration == flow.ByProvider {
		return nil, nil
	}
	settings, err := v.Zitadel.LoginSettings(v.ctx, v.organization())
	if err != nil {
		return nil, err
	}
	passwords, passkeys := allowsMethod(settings, templates.MethodPassword), allowsMethod(settings, templates.MethodPasskey)
	switch {
	case r.Method == "" && passwords != passkeys:
		r.Method = templates.MethodPassword
		if passkeys {
			r.Method = templates.MethodPasskey
		}
		return nil, nil
	case registerMethods[r.Method] == "":
		return []templates.Problem{{Key: "problem.method", Field: templates.FieldMethod}}, nil
	case allowsMethod(settings, r.Method):
		return nil, nil
	case r.Method == templates.MethodPasskey:
		return []templates.Problem{{Key: "problem.passkeys_unavailable", Field: templates.FieldMethod}}, nil
	}
	return []templates.Problem{{Key: "problem.passwords_unavailable", Field: templates.FieldMethod}}, nil
}

// registerWithoutPassword makes the account of a newcomer whose way to sign in is set
// up behind the mailed code: a passkey, or where users are hidden any. Nobody is signed in by that: until the mailed code is typed the new user
// is treated as nobody, which is what a taken address is, so that their pages are
// the same by construction.
func (v *visit) registerWithoutPassword() error {
	if err := v.limitRegister(v.attempt.Registration.Email); err != nil {
		return err
	}
	began := v.Now()
	made, err := v.createUser("")
	if err != nil {
		return err
	}
	if made {
		// Twice, for a taken address needs other calls: both take longer than
		// either does.
		v.keySignUpPace.saw(2 * v.Now().Sub(began))
	}
	v.attempt.Registration.Sent = true
	v.fresh = false
	v.keySignUpPace.even(v.ctx, v.Wait, began, v.Now)
	return nil
}
