package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// denials gives each reason its page.
var denials = map[flow.Reason]struct {
	status int
	key    string
}{
	flow.UserLocked:         {http.StatusForbidden, "error.locked"},
	flow.UserNotActive:      {http.StatusForbidden, "error.not_active"},
	flow.UserInitial:        {http.StatusForbidden, "error.not_set_up"},
	flow.NotAPerson:         {http.StatusForbidden, "error.not_a_person"},
	flow.OrganizationClosed: {http.StatusForbidden, "error.organization_closed"},
	flow.WrongOrganization:  {http.StatusForbidden, "error.wrong_organization"},
	flow.NoMethod:           {http.StatusForbidden, "error.no_method"},
	flow.RegisterClosed:     {http.StatusForbidden, "error.register_closed"},
}

// deny ends in a page, or in an answer to the client where it asked that no
// page be shown.
func (v *visit) deny() error {
	if v.step.Reason == flow.LoginRequired {
		return v.answerLoginRequired()
	}
	denial, ok := denials[v.step.Reason]
	if !ok {
		return fmt.Errorf("denied without a page: %q", v.step.Reason)
	}
	return web.Error{
		Status: denial.status, Key: denial.key, Err: fmt.Errorf("denied: %s", v.step.Reason),
		Next: v.path("/loginname"), // as somebody else; /login would lead back here
	}
}

// answerLoginRequired tells the client that prompt=none cannot be met
// (OIDC Core 3.1.2.6): through ZITADEL for a client of its own, by a parameter
// for one of our apps.
func (v *visit) answerLoginRequired() error {
	if err := navigated(v.r); err != nil {
		return err
	}
	if v.attempt.Request.Kind == session.KindOIDC {
		return v.fail(zitadelclient.LoginRequired)
	}
	target, err := v.returnTo()
	if err != nil {
		return err
	}
	if target, err = v.withError(target, "login_required"); err != nil {
		return err
	}
	return v.leave(target)
}

// fail answers another client's request with an error.
func (v *visit) fail(reason zitadelclient.FailReason) error {
	id, err := zitadelclient.ParseAuthRequestID(v.attempt.Request.AuthRequestID)
	if err != nil {
		return err
	}
	callback, err := v.Zitadel.Fail(v.ctx, id, reason)
	if errors.Is(err, zitadelclient.AlreadyHandled) || errors.Is(err, zitadelclient.NotFound) {
		return expired(err)
	}
	if err != nil {
		return err
	}
	target, err := web.ParseClientRedirect(callback, v.attempt.Request.RedirectURI)
	if err != nil {
		return err
	}
	return v.leave(target)
}

// withError adds an error parameter to a return-to and parses the result anew.
func (v *visit) withError(target web.ReturnTo, code string) (web.ReturnTo, error) {
	u, err := url.Parse(target.String())
	if err != nil {
		return target, err
	}
	query := u.Query()
	query.Set("error", code)
	u.RawQuery = query.Encode()
	return v.AppOrigins.ReturnTo(u.String())
}
