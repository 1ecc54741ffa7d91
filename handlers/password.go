package handlers

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// passwordStep asks for the password.
var passwordStep = step{
	kind:   flow.Password,
	path:   "/password",
	show:   showPassword,
	submit: submitPassword,
}

func showPassword(v *visit) (templates.Page, error) {
	return templates.PasswordPage{
		Base:      v.base(),
		LoginName: v.attempt.LoginName,
		CanReset:  v.step.Allows(flow.ResetPassword),
		Remember:  v.attempt.Persistent,
		Others:    v.others(),

		PasskeyOptions: v.suggestion(),
	}, nil
}

// longestPassword is ZITADEL's own limit, in characters.
const longestPassword = 200

func submitPassword(v *visit, form url.Values) error {
	if form.Get(templates.FieldAction) == templates.ActionReset {
		return v.requestReset()
	}
	password := form.Get(templates.FieldPassword)
	v.attempt.Persistent = form.Has(templates.FieldRemember)
	if password == "" {
		return refuse(templates.FieldPassword, "problem.password_empty")
	}
	if len([]rune(password)) > longestPassword {
		return v.credentialsRefused(nil) // cannot be anybody's: no hash is spent on it
	}
	if err := v.limitPassword(); err != nil {
		return err
	}
	if v.attempt.User.ID == "" || v.state.User == nil {
		v.passwordPace.even(v.ctx, v.Wait, v.Now(), v.Now) // as long as a real check takes
		return v.credentialsRefused(nil)
	}
	return v.checkPassword(password)
}

// checkPassword has ZITADEL check the password, in the session that this
// browser has of the user, or in a new one.
func (v *visit) checkPassword(password string) error {
	if err := v.adoptSession(); err != nil {
		return err
	}
	checks := zitadelclient.Checks{UserID: v.attempt.User.ID, Password: password}
	began := v.Now()
	err := v.updateSession(checks)
	if errors.Is(err, zitadelclient.SessionEnded) {
		err = v.createSession(checks)
	}
	switch kind := kindOf(err); kind {
	case "":
		v.passwordPace.saw(v.Now().Sub(began))
		v.showed(flow.Password)
		v.attempt.Resetting = false
		return nil
	case zitadelclient.WrongPassword:
		v.passwordPace.saw(v.Now().Sub(began))
		return v.credentialsRefused(err)
	case zitadelclient.NotActive, zitadelclient.NoPassword, zitadelclient.NotFound, zitadelclient.Invalid:
		// ZITADEL refused without hashing; where users are hidden the time must
		// not say so.
		if v.state.Settings.IgnoreUnknownUsernames {
			v.passwordPace.even(v.ctx, v.Wait, began, v.Now)
		}
		return v.credentialsRefused(err)
	}
	return err
}

// adoptSession goes on with the ZITADEL session that another tab has made of the user
// since this sign-in began. A new one with a password alone would take its place, and
// end what was signed in by more.
func (v *visit) adoptSession() error {
	if v.attempt.ZitadelSession != "" || v.attempt.User.ID == "" {
		return nil
	}
	if err := v.reuseSession(); err != nil || v.attempt.ZitadelSession == "" {
		return err
	}
	return v.load()
}

// adoptInstead does so where a code is about to be checked that would be the first
// factor of a new session. Whether the other one will do, flow says.
func (v *visit) adoptInstead() (bool, error) {
	if v.attempt.Provisional == nil {
		return false, nil
	}
	accounts, err := v.Sessions.Accounts(v.ctx, v.r)
	if err != nil {
		return false, unavailable(err)
	}
	i := slices.IndexFunc(accounts, func(a session.Account) bool { return a.UserID == v.attempt.User.ID })
	if i < 0 {
		return false, nil
	}
	switch _, err := v.Zitadel.Session(v.ctx, ref(accounts[i])); kindOf(err) {
	case "":
	case zitadelclient.NotFound, zitadelclient.SessionEnded:
		return false, nil
	default:
		return false, err
	}
	v.dropProvisional()
	v.attempt.ZitadelSession, v.attempt.CodesSent, v.attempt.Code = accounts[i].ZitadelSession, nil, ""
	v.fresh = false
	return true, nil
}

// credentialsRefused words a failed sign-in. Where policy hides users there is
// one wording for every cause, and no counter.
func (v *visit) credentialsRefused(err error) error {
	if v.state.Settings.IgnoreUnknownUsernames {
		return refuse("", "problem.credentials")
	}
	if errors.Is(err, zitadelclient.NotActive) {
		return v.notActive()
	}
	var failed *zitadelclient.Error
	if errors.As(err, &failed) && failed.FailedAttempts > 0 {
		lockout, lockoutErr := v.Zitadel.Lockout(v.ctx, v.organization())
		if lockoutErr == nil && lockout.MaxPasswordAttempts > 0 {
			if failed.FailedAttempts >= lockout.MaxPasswordAttempts {
				return refuse("", "problem.locked")
			}
			return refuse("", "problem.attempts", failed.FailedAttempts, lockout.MaxPasswordAttempts)
		}
	}
	return refuse("", "problem.credentials")
}

// notActive tells a locked user, who may have been locked just now by wrong
// passwords, from one who was deactivated. ZITADEL's answer to a check does not.
func (v *visit) notActive() error {
	user, err := v.Zitadel.User(v.ctx, v.attempt.User.ID)
	if err == nil && user.State == zitadelclient.UserLocked {
		return refuse("", "problem.user_locked")
	}
	return refuse("", "problem.not_active")
}

// accountWith is the identified user with a ZITADEL session.
func (v *visit) accountWith(ref zitadelclient.SessionRef) *session.Account {
	snapshot := v.attempt.User
	return &session.Account{
		UserID: snapshot.ID, OrganizationID: snapshot.OrganizationID,
		LoginName: snapshot.LoginName, DisplayName: snapshot.DisplayName,
		ZitadelSession: ref.ID, ZitadelToken: ref.Token, Used: v.Now(), Persistent: v.attempt.Persistent,
		Provider: v.cameBy(ref),
	}
}

// errNoSession says that this browser has no live ZITADEL session of the user.
var errNoSession = &zitadelclient.Error{Kind: zitadelclient.SessionEnded, Op: "find the session of this browser"}

// updateSession adds checks to the user's ZITADEL session. One PATCH is in
// flight per session, across replicas: each rotates the token and kills the
// last, and two at once would leave the browser with a dead one.
func (v *visit) updateSession(checks zitadelclient.Checks) error {
	s := v.state.Session
	if s == nil || v.account == nil || s.Factors.User.ID != v.attempt.User.ID || !s.Expires.IsZero() && !s.Expires.After(v.Now()) {
		return errNoSession
	}
	unlock, err := v.Sessions.Lock(v.ctx, "zitadel:"+v.account.ZitadelSession, submitTime)
	if err != nil {
		return unavailable(err)
	}
	defer unlock()
	if err := v.refreshAccount(); err != nil {
		return err
	}
	checks.UserID = "" // the user of a session cannot be set again
	ref, err := v.Zitadel.UpdateSession(v.ctx, ref(*v.account), zitadelclient.SessionUpdate{Checks: checks, Lifetime: v.ZitadelSessionLifetime})
	if err != nil {
		return err
	}
	return v.keepAccount(ref)
}

// refreshAccount reads the account anew behind the lock: the request that held it
// has rotated the token. A provisional session's is in the attempt, which has a
// lock of its own.
func (v *visit) refreshAccount() error {
	if v.attempt.Provisional != nil {
		return nil
	}
	if v.renewed != nil && v.renewed.ZitadelSession == v.account.ZitadelSession {
		v.account = v.renewed // this request's own: nobody else can have it yet
		return nil
	}
	accounts, err := v.Sessions.Accounts(v.ctx, v.r)
	if err != nil {
		return unavailable(err)
	}
	if v.account = accounts.BySession(v.account.ZitadelSession); v.account == nil {
		return errNoSession
	}
	return nil
}

// createSession makes a ZITADEL session, credential and all, in one call: one
// that nobody has proven anything in never exists.
func (v *visit) createSession(checks zitadelclient.Checks) error {
	ref, err := v.Zitadel.CreateSession(v.ctx, zitadelclient.NewSession{
		Checks: checks, UserAgent: v.userAgent(), Lifetime: v.ZitadelSessionLifetime,
	})
	if err != nil {
		return err
	}
	return v.keepAccount(ref)
}

// keepAccount stores the one copy of the newest token and ties the attempt to
// its session.
func (v *visit) keepAccount(ref zitadelclient.SessionRef) error {
	v.renewed = v.accountWith(ref)
	if ref.ID != v.attempt.ZitadelSession {
		v.attempt.Challenge, v.attempt.CodesSent = nil, nil // those were of the session before
	}
	v.attempt.ZitadelSession, v.attempt.Provisional = ref.ID, nil
	v.fresh = false
	displaced, err := v.Sessions.RememberAccountReplacing(v.ctx, v.w, v.r, *v.renewed, v.attempt.Persistent)
	if err != nil {
		v.endZitadelSession(*v.renewed) // nobody will ever have its token
		return unavailable(err)
	}
	for _, account := range displaced {
		if account.ZitadelSession != ref.ID {
			v.endZitadelSession(account)
		}
	}
	return nil
}

// wait is the real clock's Wait.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
