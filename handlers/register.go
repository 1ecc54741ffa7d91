package handlers

import (
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// registerStep asks for a name and an e-mail address.
var registerStep = step{
	kind:   flow.Register,
	path:   "/register",
	show:   showRegister,
	submit: submitRegister,
	names:  true,
	bare:   func(a *session.Attempt) { a.Request.Create = true },
}

// registerPasswordStep creates the account.
var registerPasswordStep = step{
	kind:   flow.RegisterPassword,
	path:   "/register/password",
	show:   showRegisterPassword,
	submit: submitRegisterPassword,
}

func showRegister(v *visit) (templates.Page, error) {
	legal, err := v.Zitadel.LegalAndSupport(v.ctx, v.organization())
	if err != nil {
		return nil, err
	}
	page := templates.RegisterPage{Base: v.base(), NeedTerms: legal.TOSLink != "", NeedPrivacy: legal.PrivacyPolicyLink != ""}
	if r := v.attempt.Registration; r != nil {
		page.GivenName, page.FamilyName, page.Email = r.GivenName, r.FamilyName, r.Email
		page.Method, page.Terms, page.Privacy = r.Method, r.Terms, r.Privacy
	} else if strings.Contains(v.attempt.LoginName, "@") {
		page.Email = v.attempt.LoginName // typed before; never asked for twice
	}
	if v.state.Registration == flow.ByProvider {
		page.FromProvider, page.Vouched = v.attempt.Intent.Name, v.vouchedAddress()
		return page, nil
	}
	settings, err := v.Zitadel.LoginSettings(v.ctx, v.organization())
	if err != nil {
		return nil, err
	}
	page.Passwords, page.Passkeys = allowsMethod(settings, templates.MethodPassword), allowsMethod(settings, templates.MethodPasskey)
	page.Providers = buttons(slices.DeleteFunc(v.listed(v.step.Providers), func(p zitadelclient.IdentityProvider) bool { return !p.CreationAllowed }))
	return page, nil
}

// longestName is ZITADEL's own limit for a given or family name.
const longestName = 200

func submitRegister(v *visit, form url.Values) error {
	typed := &session.Registration{
		GivenName:  strings.TrimSpace(form.Get(templates.FieldGivenName)),
		FamilyName: strings.TrimSpace(form.Get(templates.FieldFamilyName)),
		Email:      strings.TrimSpace(form.Get(templates.FieldEmail)),
		Method:     form.Get(templates.FieldMethod),
		Terms:      form.Has(templates.FieldTerms), Privacy: form.Has(templates.FieldPrivacy),
	}
	if id := form.Get(templates.FieldProvider); id != "" {
		return v.chooseAnew(id, false)
	}
	shownBy, intent := v.organization(), v.attempt.Intent
	if before := v.attempt.Registration; before != nil && before.Email == typed.Email {
		typed.Organization = before.Organization
	}
	v.attempt.ForgetUser()
	v.attempt.Registration = typed // kept as typed, also when it is refused
	if v.state.Registration == flow.ByProvider {
		v.attempt.Intent = intent // which vouches for them
	}
	v.attempt.LoginName = typed.Email
	v.fresh = false
	if err := v.checkRegistration(typed, shownBy); err != nil {
		return err
	}
	switch {
	case v.state.Registration == flow.ByProvider:
		return v.createNewcomer()
	case typed.Method == templates.MethodPasskey:
		return v.registerWithoutPassword()
	}
	hidden, err := v.hidesNewcomers()
	if err != nil {
		return err
	}
	if hidden {
		return v.registerWithoutPassword()
	}
	typed.Complete = true
	return nil
}

// hidesNewcomers reports whether policy hides users. A password is then chosen behind
// the mailed code, as a passkey is: one that was chosen before could be tried out, and
// would only be right where the address had no account.
func (v *visit) hidesNewcomers() (bool, error) {
	settings, err := v.Zitadel.LoginSettings(v.ctx, v.organization())
	return settings.IgnoreUnknownUsernames || v.state.Settings.IgnoreUnknownUsernames, err
}

// checkRegistration holds the form to what ZITADEL accepts and policy demands,
// and names all that is wrong with it at once. ZITADEL is asked whose the domain
// is only where the rest would do.
func (v *visit) checkRegistration(r *session.Registration, shownBy string) error {
	found := misfilled(r)
	if len(found) == 0 {
		if err := v.discover(r); err != nil {
			return err
		}
	}
	unusable, err := v.unusableMethod(r)
	if err != nil {
		return err
	}
	unagreed, err := v.unagreed(r, shownBy)
	if err != nil {
		return err
	}
	found = slices.Concat(found, unusable, unagreed)
	if len(found) == 0 {
		return nil
	}
	found[0].Also = found[1:]
	return &problem{status: http.StatusUnprocessableEntity, Problem: found[0]}
}

// misfilled is what is wrong with the inputs themselves.
func misfilled(r *session.Registration) (found []templates.Problem) {
	wrong := func(is bool, field, key string) {
		if is {
			found = append(found, templates.Problem{Key: key, Field: field})
		}
	}
	wrong(r.GivenName == "", templates.FieldGivenName, "problem.name_empty")
	wrong(!isName(r.GivenName), templates.FieldGivenName, "problem.name_invalid")
	wrong(r.FamilyName == "", templates.FieldFamilyName, "problem.name_empty")
	wrong(!isName(r.FamilyName), templates.FieldFamilyName, "problem.name_invalid")
	wrong(!isEmail(r.Email), templates.FieldEmail, "problem.email_invalid")
	return found
}

// unagreed is what the organization wants agreed to and is not. It is asked of
// the handler, not of the checkbox: a form without the box must not get around it.
// Boxes that were ticked beside another organization's links count for nothing.
func (v *visit) unagreed(r *session.Registration, shownBy string) (found []templates.Problem, err error) {
	shown, err := v.Zitadel.LegalAndSupport(v.ctx, shownBy)
	if err != nil {
		return nil, err
	}
	meant, err := v.Zitadel.LegalAndSupport(v.ctx, v.organization())
	if err != nil {
		return nil, err
	}
	r.Terms = r.Terms && shown.TOSLink == meant.TOSLink
	r.Privacy = r.Privacy && shown.PrivacyPolicyLink == meant.PrivacyPolicyLink
	if meant.TOSLink != "" && !r.Terms {
		found = append(found, templates.Problem{Key: "problem.terms", Field: templates.FieldTerms})
	}
	if meant.PrivacyPolicyLink != "" && !r.Privacy {
		found = append(found, templates.Problem{Key: "problem.privacy", Field: templates.FieldPrivacy})
	}
	return found, nil
}

// isName accepts what ZITADEL does, and nothing that would end a line.
func isName(name string) bool {
	return utf8.RuneCountInString(name) <= longestName && strings.IndexFunc(name, isControl) < 0
}

// isEmail accepts an address as people have them: no display name, no comment,
// a domain, and nothing that would end a header.
func isEmail(s string) bool {
	if len(s) > longestName || strings.IndexFunc(s, isControl) >= 0 {
		return false
	}
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Address == s && !strings.ContainsAny(s, " \"<>(),;:\\")
}

func showRegisterPassword(v *visit) (templates.Page, error) {
	rules, err := v.rules()
	if err != nil {
		return nil, err
	}
	return templates.RegisterPasswordPage{Base: v.base(), Email: v.attempt.Registration.Email, Rules: rules}, nil
}

func submitRegisterPassword(v *visit, form url.Values) error {
	password := form.Get(templates.FieldPassword)
	if err := v.checkNewPassword(templates.FieldPassword, password); err != nil {
		return err
	}
	if err := v.limitRegister(v.attempt.Registration.Email); err != nil {
		return err
	}
	began := v.Now()
	made, err := v.createUser(password)
	if err != nil {
		return err
	}
	if !made {
		return v.addressTaken(began)
	}
	err = v.firstSession(v.attempt.User.ID, zitadelclient.Checks{Password: password})
	v.signUpPace.saw(v.Now().Sub(began))
	if kindOf(err) == notZitadels || err == nil {
		return err
	}
	// The account is made, whatever ails its first session: the password page
	// goes on from here, and not the sign-up, whose address is taken by now.
	v.Logger.WarnContext(v.ctx, "a new user has no session yet", "error", err)
	return nil
}

// firstSession signs the new user in, by login name: by the id, a user this young
// is not found yet. Where login names end in the organization's domain, ZITADEL
// has made another of the address, and says which.
func (v *visit) firstSession(userID string, checks zitadelclient.Checks) error {
	checks.LoginName = v.attempt.Registration.Email
	err := v.createSession(checks)
	if kindOf(err) != zitadelclient.NotFound {
		return err
	}
	user, err := v.Zitadel.User(v.ctx, userID)
	if err != nil {
		return err
	}
	v.attempt.User.LoginName = user.PreferredLoginName
	checks.LoginName = user.PreferredLoginName
	return v.createSession(checks)
}

// createUser makes the account, with a password or, if that is "", without any way
// to sign in yet. It reports false for an address that has an account, whose owner
// is told by mail.
func (v *visit) createUser(password string) (made bool, err error) {
	v.attempt.VerifySent = true // with the creation itself, or so it looks
	// Also the address of a user with another name: ZITADEL would make a second
	// one with it, and neither could be found by it any more.
	owners, err := v.findOwners()
	if err != nil {
		return false, err
	}
	if len(owners) > 0 {
		v.tellOwner(owners)
		return false, nil
	}
	r, organization := v.attempt.Registration, v.organization()
	userID, err := v.Zitadel.CreateUser(v.ctx, zitadelclient.NewUser{
		OrganizationID: organization, GivenName: r.GivenName, FamilyName: r.FamilyName, Email: r.Email,
		PreferredLanguage: v.plainBase(v.r, v.attempt.Request.UILocales).Lang(),
		Password:          password, WithoutPassword: password == "", VerifyTemplate: v.verifyTemplate(),
	})
	switch kindOf(err) {
	case "":
	case zitadelclient.AlreadyExists:
		return false, nil
	case zitadelclient.PasswordPolicy:
		return false, refuse(templates.FieldPassword, "problem.password_policy")
	case zitadelclient.Invalid, zitadelclient.NotFound:
		return false, refuse("", "problem.register_failed")
	default:
		return false, err
	}
	v.attempt.User = session.UserSnapshot{
		ID: userID, OrganizationID: organization, LoginName: r.Email, State: string(zitadelclient.UserActive),
		DisplayName: r.GivenName + " " + r.FamilyName, Methods: []string{},
	}
	if password != "" {
		v.attempt.User.Methods = []string{string(zitadelclient.MethodPassword)}
	}
	return true, nil
}

// findOwners are the users of any organization that have the address.
func (v *visit) findOwners() ([]zitadelclient.User, error) {
	email := v.attempt.Registration.Email
	return v.Zitadel.SearchUsers(v.ctx, zitadelclient.UserQuery{LoginName: email, Email: email})
}

// tellOwner mails the owner of a taken address: what resets the password, or, where
// there is no way to sign in yet, what sets up the first. A sign-up that was left
// in the middle goes on so.
func (v *visit) tellOwner(owners []zitadelclient.User) {
	if len(owners) != 1 || !owners[0].Human || !v.mayMail(owners[0].ID) {
		return
	}
	id := owners[0].ID
	methods, err := v.Zitadel.AuthMethods(v.ctx, id)
	switch {
	case err != nil:
	case len(methods) == 0:
		err = v.Zitadel.SendInvite(v.ctx, id, v.inviteTemplate(), v.inviter())
	default:
		err = v.Zitadel.SendPasswordReset(v.ctx, id, v.resetTemplate())
	}
	if err != nil {
		v.Logger.WarnContext(v.ctx, "the owner of a taken address could not be told", "error", err)
	}
}

// addressTaken answers a sign-up with an address that has an account exactly as
// it answers a new one.
func (v *visit) addressTaken(began time.Time) error {
	v.attempt.Registration.Taken = true
	v.fresh = false
	v.signUpPace.even(v.ctx, v.Wait, began, v.Now)
	return unavailable(v.Sessions.RefreshAccounts(v.ctx, v.w, v.r)) // the same cookie that a new account gets
}
