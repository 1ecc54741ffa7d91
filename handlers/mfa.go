package handlers

import (
	"net/url"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
)

// secondFactorStep lets the visitor choose among the second factors they have.
var secondFactorStep = step{
	kind: flow.SecondFactor,
	path: stepPaths[flow.SecondFactor],
	show: func(v *visit) (templates.Page, error) {
		return templates.ChooseFactorPage{Base: v.base(), Ways: v.others()}, nil
	},
}

// setUpFactorStep lets the visitor choose a factor to set up, or put it off where
// policy allows that.
var setUpFactorStep = step{
	kind:   flow.SetUpFactor,
	path:   stepPaths[flow.SetUpFactor],
	show:   showSetUpFactor,
	submit: submitSetUpFactor,
	bare:   func(a *session.Attempt) { a.SettingUp = true },
}

func showSetUpFactor(v *visit) (templates.Page, error) {
	forced := v.step.Reason == flow.FactorRequired
	return templates.SetUpChoicePage{
		Base: v.base(), Kind: templates.SetUpFactor, Ways: v.ways(v.step.Also), CanSkip: !forced, Forced: forced,
	}, nil
}

// submitSetUpFactor puts the offer off. Whether it may be is asked of flow's
// reason, not of the button: a forced factor is not skipped by a made-up form.
func submitSetUpFactor(v *visit, form url.Values) error {
	if form.Get(templates.FieldAction) != templates.ActionSkip || v.step.Reason != flow.FactorOffered {
		return nil
	}
	if v.attempt.SettingUp {
		v.attempt.SettingUp = false
		return nil
	}
	v.attempt.Skipped = true
	v.fresh = false
	return v.Zitadel.SkipMFAInit(v.ctx, v.state.User.ID)
}
