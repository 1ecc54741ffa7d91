package handlers

import (
	"cmp"
	"errors"
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
	if arrive, ok := arrivals[v.step.Kind]; ok && v.r.Method == http.MethodPost {
		if err := arrive(v); errors.Is(err, errElsewhere) {
			return v.proceed()
		} else if err != nil {
			return err
		}
	}
	return web.Redirect(v.w, v.r, v.path(cmp.Or(v.instead, path)))
}

// errElsewhere says that what a step needs cannot be had any more, and that the
// facts lead elsewhere by now.
var errElsewhere = errors.New("the facts have changed")

// stepPaths gives each step its page.
var stepPaths = map[flow.Kind]string{
	flow.SelectAccount:    "/accounts",
	flow.Passkey:          "/passkey",
	flow.SecondFactor:     "/mfa",
	flow.SecurityKey:      "/u2f",
	flow.TOTP:             "/otp/time-based",
	flow.OTPSMS:           "/otp/sms",
	flow.OTPEmail:         "/otp/email",
	flow.RecoveryCode:     "/recovery-code",
	flow.SetUpFactor:      "/mfa/set",
	flow.SetUpPasskey:     "/passkey/set",
	flow.SetUpSecurityKey: "/u2f/set",
	flow.SetUpTOTP:        "/otp/time-based/set",
	flow.SetUpOTPSMS:      "/otp/sms/set",
	flow.SetUpOTPEmail:    "/otp/email/set",
	flow.LoginName:        "/loginname",
	flow.Password:         "/password",
	flow.ResetPassword:    "/password/set",
	flow.ChangePassword:   "/password/change",
	flow.Register:         "/register",
	flow.RegisterPassword: "/register/password",
	flow.VerifyEmail:      "/verify",
	flow.Verified:         "/verify/success",
	flow.IdentityProvider: "/idp",
	flow.ProviderReturn:   "/idp/{provider}/process",

	flow.SetUpAuthenticator: "/authenticator/set",
	flow.FirstPassword:      "/password/set",
}

// arrivals are what a step needs done before its page is shown: a challenge to
// sign, a code to type. It is done once, and only as the result of a form: a page
// that is fetched, reloaded or prefetched sends nothing and changes nothing, and
// offers a button instead.
var arrivals = map[flow.Kind]func(*visit) error{
	flow.VerifyEmail:  (*visit).mailVerification,
	flow.Passkey:      (*visit).challengeOnArrival,
	flow.SecurityKey:  (*visit).challengeOnArrival,
	flow.OTPSMS:       (*visit).codeOnArrival,
	flow.OTPEmail:     (*visit).codeOnArrival,
	flow.SetUpPasskey: (*visit).registerOnArrival,

	flow.IdentityProvider: (*visit).leaveForProvider,
}
