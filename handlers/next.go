package handlers

import (
	"fmt"
	"net/http"

	"torhaus/flow"
	"torhaus/web"
)

// proceed goes where the facts point. It is how every form and every stale page
// ends; the facts are read anew if anything was written to ZITADEL since.
func (v *visit) proceed() error {
	if !v.fresh {
		if err := v.decide(); err != nil {
			return err
		}
	}
	switch v.step.Kind {
	case flow.Finish:
		return v.finish()
	case flow.Deny:
		return v.deny()
	}
	path, ok := stepPaths[v.step.Kind]
	if !ok {
		// A step without a page must stop people, never wave them through.
		return web.Error{Status: http.StatusForbidden, Key: "error.no_method", Err: fmt.Errorf("step %q has no page", v.step.Kind)}
	}
	if err := v.sendOnArrival(); err != nil {
		return err
	}
	return web.Redirect(v.w, v.r, v.path(path))
}

// stepPaths gives each step its page.
var stepPaths = map[flow.Kind]string{
	flow.LoginName:        "/loginname",
	flow.Password:         "/password",
	flow.ResetPassword:    "/password/set",
	flow.ChangePassword:   "/password/change",
	flow.Register:         "/register",
	flow.RegisterPassword: "/register/password",
	flow.VerifyEmail:      "/verify",
	flow.Verified:         "/verify/success",
}
