package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"torhaus/templates"
	"torhaus/web"
)

// repeatable are the inputs that an error page may hold, to be sent once more.
// What is not here is a secret, or belongs to one page alone.
var repeatable = []string{
	templates.FieldLoginName, templates.FieldRemember,
	templates.FieldGivenName, templates.FieldFamilyName, templates.FieldEmail, templates.FieldMethod, templates.FieldTerms, templates.FieldPrivacy,
	templates.FieldPhone, templates.FieldProvider, templates.FieldAction, templates.FieldResume, templates.FieldTurn, templates.FieldAbout,
}

// keepTyped lets the page of an outage send the same form again: a store or a
// ZITADEL that is down for a moment costs nobody what they typed. A form with
// anything secret in it is asked for anew.
func keepTyped(err error, form url.Values) error {
	outage := web.Error{}
	err = translate(err)
	if !errors.As(err, &outage) || outage.Status < http.StatusInternalServerError || outage.Next != nil {
		return err
	}
	for name := range form {
		if !slices.Contains(repeatable, name) {
			return err
		}
	}
	outage.Form = form
	return outage
}

// repeatTargets is where a form that an error page repeats may lead: its attempt,
// which knows the one place, may be what could not be read.
func (h *Handlers) repeatTargets() []web.FormActionSource {
	targets := []web.FormActionSource{h.Issuer}
	for _, origin := range slices.Concat(h.AppOrigins, h.ClientOrigins) {
		targets = append(targets, origin)
	}
	return targets
}
