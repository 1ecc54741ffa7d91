package handlers

import (
	"torhaus/flow"
	"torhaus/templates"
)

// wayKinds gives the steps that a visitor may choose between their words.
var wayKinds = map[flow.Kind]string{
	flow.Password:         templates.WayPassword,
	flow.IdentityProvider: templates.WayProvider,
	flow.Passkey:          templates.WayPasskey,
	flow.SecurityKey:      templates.WayU2F,
	flow.TOTP:             templates.WayTOTP,
	flow.OTPSMS:           templates.WaySMS,
	flow.OTPEmail:         templates.WayEmail,
	flow.RecoveryCode:     templates.WayRecovery,
	flow.SetUpPasskey:     templates.WayPasskey,
	flow.SetUpSecurityKey: templates.WayU2F,
	flow.SetUpTOTP:        templates.WayTOTP,
	flow.SetUpOTPSMS:      templates.WaySMS,
	flow.SetUpOTPEmail:    templates.WayEmail,
	flow.FirstPassword:    templates.WayPassword,
}

// ways lists steps as links. They lead to pages that ask flow again: a link that
// is made up opens nothing.
func (v *visit) ways(kinds []flow.Kind) []templates.Way {
	var ways []templates.Way
	for _, kind := range kinds {
		if word, ok := wayKinds[kind]; ok {
			way := templates.Way{Kind: word, Href: v.path(stepPaths[kind]).String(), TestID: word + "-link"}
			if kind == flow.IdentityProvider && len(v.step.Providers) == 1 {
				way.Name = v.providerName(v.step.Providers[0])
			}
			ways = append(ways, way)
		}
	}
	return ways
}

// others are the ways beside the page's own: those that this user has.
func (v *visit) others() []templates.Way {
	kinds := []flow.Kind{v.step.Kind}
	return v.ways(without(append(kinds, v.step.Also...), v.shown))
}

func without(kinds []flow.Kind, one flow.Kind) []flow.Kind {
	var rest []flow.Kind
	for _, kind := range kinds {
		if kind != one {
			rest = append(rest, kind)
		}
	}
	return rest
}
