package handlers

import (
	"encoding/json"
	"net/url"
	"strings"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// setUpTOTPStep sets up an authenticator app. What the app is to know is made by
// a form, never by opening the page: each registration replaces the last.
var setUpTOTPStep = step{
	kind: flow.SetUpTOTP,
	path: stepPaths[flow.SetUpTOTP],
	show: func(v *visit) (templates.Page, error) {
		e := v.enrolment(flow.SetUpTOTP)
		if e == nil {
			return templates.SetUpTOTPPage{Base: v.base()}, nil
		}
		qr, err := templates.NewQR(e.URI)
		if err != nil {
			qr = templates.QR{} // the page shows the key alone
		}
		return templates.SetUpTOTPPage{Base: v.base(), QR: qr, Secret: e.Secret, URI: e.URI, Code: v.attempt.Code}, nil
	},
	submit: submitSetUpTOTP,
}

func submitSetUpTOTP(v *visit, form url.Values) error {
	e := v.enrolment(flow.SetUpTOTP)
	if e == nil {
		if err := v.limitKey(); err != nil {
			return err
		}
		made, err := v.Zitadel.RegisterTOTP(v.ctx, v.state.User.ID)
		if err != nil {
			return err
		}
		v.attempt.Enrolment = &session.Enrolment{Kind: string(flow.SetUpTOTP), Secret: made.Secret, URI: made.URI}
		return errStay
	}
	v.attempt.Code = form.Get(templates.FieldCode)
	code := cleanCode(v.attempt.Code)
	if code == "" {
		return refuse(templates.FieldCode, "problem.code_otp")
	}
	if err := v.limitCode(); err != nil {
		return err
	}
	switch err := v.Zitadel.VerifyTOTP(v.ctx, v.state.User.ID, code); kindOf(err) {
	case "":
	case zitadelclient.WrongCode, zitadelclient.Invalid:
		return refuse(templates.FieldCode, "problem.code_otp")
	default:
		return err
	}
	v.enrolled(zitadelclient.MethodTOTP)
	// The code that proved the app is shown to the session as well: nobody types
	// two codes in a row, and the same one is not taken again later.
	if first, err := v.acceptOnce(flow.TOTP, code); err != nil || !first {
		return err
	}
	return v.checkCode(flow.TOTP, code)
}

// enrolment is what is being set up, if it is of this kind.
func (v *visit) enrolment(kind flow.Kind) *session.Enrolment {
	if e := v.attempt.Enrolment; e != nil && e.Kind == string(kind) {
		return e
	}
	return nil
}

// enrolled ends an enrolment: the method is there, and will be asked for.
func (v *visit) enrolled(method zitadelclient.AuthMethod) {
	v.attempt.Enrolment, v.attempt.SettingUp, v.attempt.Code = nil, false, ""
	v.attempt.Enrolled = &session.Enrolled{Method: string(method), At: v.Now()}
	v.fresh = false
	if len(v.state.Methods) == 0 && !v.state.Proven.IsZero() {
		v.useProof(method)
	}
}

// setUpOTPEmailStep lets codes be sent to the proven e-mail address.
var setUpOTPEmailStep = step{
	kind: flow.SetUpOTPEmail,
	path: stepPaths[flow.SetUpOTPEmail],
	show: func(v *visit) (templates.Page, error) {
		return templates.SetUpCodePage{Base: v.base(), Method: templates.WayEmail, Address: v.state.User.Email}, nil
	},
	submit: func(v *visit, _ url.Values) error {
		err := v.Zitadel.AddOTPEmail(v.ctx, v.state.User.ID)
		if err != nil && kindOf(err) != zitadelclient.AlreadyEnrolled {
			return err
		}
		v.enrolled(zitadelclient.MethodOTPEmail)
		return nil
	},
}

// setUpOTPSMSStep lets codes be sent to a phone, which is proven first.
var setUpOTPSMSStep = step{
	kind:   flow.SetUpOTPSMS,
	path:   stepPaths[flow.SetUpOTPSMS],
	show:   showSetUpOTPSMS,
	submit: submitSetUpOTPSMS,
}

func showSetUpOTPSMS(v *visit) (templates.Page, error) {
	page := templates.SetUpCodePage{Base: v.base(), Method: templates.WaySMS}
	e := v.enrolment(flow.SetUpOTPSMS)
	switch {
	case v.state.User.PhoneVerified:
		page.Address = v.state.User.Phone
	case e != nil && e.ID != "":
		page.Address, page.NeedCode, page.Code = e.Phone, true, v.attempt.Code
	default:
		page.NeedPhone = true
		if e != nil {
			page.Phone = e.Phone
		}
	}
	return page, nil
}

func submitSetUpOTPSMS(v *visit, form url.Values) error {
	e := v.enrolment(flow.SetUpOTPSMS)
	switch {
	case v.state.User.PhoneVerified:
	case e != nil && e.ID != "" && form.Has(templates.FieldCode):
		if err := v.verifyPhone(form); err != nil {
			return err
		}
	default:
		return v.setPhone(form)
	}
	err := v.Zitadel.AddOTPSMS(v.ctx, v.state.User.ID)
	if err != nil && kindOf(err) != zitadelclient.AlreadyEnrolled {
		return err
	}
	v.enrolled(zitadelclient.MethodOTPSMS)
	return nil
}

// setPhone has a code sent to the phone.
func (v *visit) setPhone(form url.Values) error {
	typed := strings.TrimSpace(form.Get(templates.FieldPhone))
	phone := phoneNumber(typed)
	v.attempt.Enrolment = &session.Enrolment{Kind: string(flow.SetUpOTPSMS), Phone: typed}
	v.attempt.Code = "" // of an earlier message
	if phone == "" {
		return refuse(templates.FieldPhone, "problem.phone_invalid")
	}
	if err := v.limitPhone(phone); err != nil {
		return err
	}
	if err := v.Zitadel.SetPhone(v.ctx, v.state.User.ID, phone); err != nil {
		if kindOf(err) == zitadelclient.Invalid {
			return refuse(templates.FieldPhone, "problem.phone_invalid")
		}
		return err
	}
	v.attempt.Enrolment.Phone, v.attempt.Enrolment.ID = phone, "sent"
	v.fresh = false
	return errStay
}

func (v *visit) verifyPhone(form url.Values) error {
	v.attempt.Code = form.Get(templates.FieldCode) // kept as typed, should it be wrong
	code := cleanCode(v.attempt.Code)
	if code == "" {
		return refuse(templates.FieldCode, "problem.code_wrong")
	}
	if err := v.limitCode(); err != nil {
		return err
	}
	switch err := v.Zitadel.VerifyPhone(v.ctx, v.state.User.ID, code); kindOf(err) {
	case "":
		return nil
	case zitadelclient.WrongCode, zitadelclient.Invalid, zitadelclient.NotFound:
		return refuse(templates.FieldCode, "problem.code_wrong")
	default:
		return err
	}
}

// The keys to set up.
var (
	setUpPasskeyStep     = setUpKeyStep(flow.SetUpPasskey, templates.WayPasskey)
	setUpSecurityKeyStep = setUpKeyStep(flow.SetUpSecurityKey, templates.WayU2F)
)

func setUpKeyStep(kind flow.Kind, way string) step {
	return step{
		kind: kind,
		path: stepPaths[kind],
		show: func(v *visit) (templates.Page, error) {
			page := templates.SetUpKeyPage{Base: v.base(), Kind: way, Name: deviceName(v.r.UserAgent()), Auto: v.problem == nil, Others: v.others()}
			if e := v.enrolment(kind); e != nil {
				page.Options = string(e.Options)
			}
			return page, nil
		},
		submit: func(v *visit, form url.Values) error { return v.submitNewKey(kind, form) },
	}
}

func (v *visit) submitNewKey(kind flow.Kind, form url.Values) error {
	e := v.enrolment(kind)
	if e == nil || form.Get(templates.FieldAction) == templates.ActionChallenge {
		return v.registerKey(kind)
	}
	credential := form.Get(templates.FieldCredential)
	if credential == "" {
		return refuse("", "problem.key_cancelled")
	}
	if err := v.checkAnswer(credential, "webauthn.create", e.Options); err != nil {
		v.attempt.Enrolment = nil
		return refuse("", "problem.key_refused")
	}
	verify, method := v.Zitadel.VerifyU2F, zitadelclient.MethodU2F
	if kind == flow.SetUpPasskey {
		verify, method = v.Zitadel.VerifyPasskey, zitadelclient.MethodPasskey
	}
	err := verify(v.ctx, v.state.User.ID, e.ID, json.RawMessage(credential), keyName(form.Get(templates.FieldName)))
	switch kindOf(err) {
	case "":
		v.enrolled(method)
		return nil
	case zitadelclient.CredentialRefused, zitadelclient.NoChallenge, zitadelclient.Invalid:
		v.attempt.Enrolment = nil
		return refuse("", "problem.key_refused")
	}
	return err
}

// registerKey asks ZITADEL for what the new key is to sign.
func (v *visit) registerKey(kind flow.Kind) error {
	if err := v.limitKey(); err != nil {
		return err // each leaves a key without an answer at ZITADEL
	}
	register := v.Zitadel.RegisterU2F
	if kind == flow.SetUpPasskey {
		register = v.Zitadel.RegisterPasskey
	}
	made, err := register(v.ctx, v.state.User.ID, v.RPID)
	if err != nil {
		return err
	}
	v.attempt.Enrolment = &session.Enrolment{Kind: string(kind), ID: made.ID, Options: made.Options}
	return errStay
}

// keyName is what the list of keys calls this one.
func keyName(typed string) string {
	name := strings.Map(func(r rune) rune {
		if isControl(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(typed))
	if name == "" {
		return "Key"
	}
	return clip(name, 100)
}

// deviceName suggests one from the browser's own words.
func deviceName(userAgent string) string {
	for _, device := range []string{"iPhone", "iPad", "Android", "Macintosh", "Windows", "CrOS", "Linux"} {
		if strings.Contains(userAgent, device) {
			return device
		}
	}
	return ""
}
