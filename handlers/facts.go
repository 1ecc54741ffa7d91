package handlers

import (
	"context"
	"errors"
	"slices"
	"time"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/zitadelclient"
)

// load reads the facts of the attempt: the one place that asks ZITADEL what is
// true. A ZITADEL session, its user and their methods are never cached: what
// is handed over is decided on what ZITADEL says in this very request.
func (v *visit) load() error {
	a := v.attempt
	began := v.Now()
	v.state = flow.State{
		Now:          v.Now(),
		Request:      request(a),
		LoginName:    a.LoginName,
		Hidden:       a.Hidden,
		Registration: registration(a),
		Resetting:    a.Resetting,
		Verifying:    a.Verifying,
		Verified:     a.Verified,
		Proven:       a.Proven(firstMethod),
		Changing:     a.Changing,
		FromLink:     a.FromLink,
		Shown:        kindsOf(a.Shown),
		NoKeyHere:    kindsOf(a.NoKeyHere),
		SettingUp:    a.SettingUp,
		Skipped:      a.Skipped,
		Postponed:    a.Postponed,

		AddingAccount: a.AddingAccount,
		Recalled:      a.Recalled,
		Preferred:     flow.Kind(a.Preferred),
		Chosen:        chosen(a),
		Returned:      a.Intent != nil && a.Intent.Token != "" && a.Intent.Newcomer == nil,

		EmailCodeFirst: v.EmailCodeFirst,
		RecoveryCodes:  v.RecoveryCodes,
	}
	if err := v.loadAccount(); err != nil {
		return err
	}
	if err := v.loadUser(); err != nil {
		return err
	}
	v.fresh = true
	if v.state.Session != nil {
		v.loadPace.saw(v.Now().Sub(began))
	} else if v.state.Registration == flow.AddressTaken {
		v.loadPace.even(v.ctx, v.Wait, began, v.Now) // as long as a new account is read
	}
	return v.loadSettings()
}

// loadAccount finds the attempt's ZITADEL session and reads it with its token:
// possession of the token, not our service's rights, makes it this browser's.
func (v *visit) loadAccount() error {
	v.account = nil
	if err := v.countAccounts(); err != nil {
		return err
	}
	if v.attempt.ZitadelSession == "" {
		return nil
	}
	if p := v.attempt.Provisional; p != nil && p.ID == v.attempt.ZitadelSession {
		v.account = v.accountWith(zitadelclient.SessionRef{ID: p.ID, Token: p.Token})
	} else if v.renewed != nil && v.renewed.ZitadelSession == v.attempt.ZitadelSession {
		v.account = v.renewed // made by this request: the browser cannot have sent it
	} else {
		accounts, err := v.Sessions.Accounts(v.ctx, v.r)
		if err != nil {
			return unavailable(err)
		}
		if v.account = accounts.BySession(v.attempt.ZitadelSession); v.account == nil {
			return nil
		}
	}
	s, err := v.Zitadel.Session(v.ctx, ref(*v.account))
	switch {
	case errors.Is(err, zitadelclient.NotFound), errors.Is(err, zitadelclient.SessionEnded):
		return nil
	case err != nil:
		return err
	}
	v.state.Session, v.state.CameBy = &s, v.account.Provider
	return nil
}

// loadUser reads the user of the session afresh, or takes what the login name
// step found while there is no session to hand over. Who has proven their mailbox
// is read afresh too: what they may do with that depends on what they have.
func (v *visit) loadUser() error {
	snapshot := v.attempt.User
	id := snapshot.ID
	if v.unproven() && (id == "" || v.attempt.FromLink || v.state.Registration == flow.CodeSent) {
		return nil // an id that came with a link, or was just made, names nobody who signs in
	}
	if id == "" {
		id = v.state.Session.Factors.User.ID
	}
	if v.unproven() && snapshot.State != "" {
		v.state.User = &zitadelclient.User{
			ID: id, OrganizationID: snapshot.OrganizationID,
			State: zitadelclient.UserState(snapshot.State), Human: true,
		}
		v.state.Methods, v.state.Linked = methods(snapshot.Methods), snapshot.Providers
		return nil
	}
	user, err := v.Zitadel.User(v.ctx, id)
	if errors.Is(err, zitadelclient.NotFound) {
		v.state.User = &zitadelclient.User{ID: id, Human: true, State: zitadelclient.UserDeleted}
		return nil
	}
	if err != nil {
		return err
	}
	v.state.User = &user
	// All of them, keys of other domains too: one that cannot be shown here is a
	// factor all the same, and a password alone must not do in its place.
	if v.state.Methods, err = v.Zitadel.AuthMethods(v.ctx, id); err != nil {
		return err
	}
	v.addEnrolled()
	v.state.Linked, err = v.linked(id, v.state.Methods)
	return err
}

// unproven reports whether nothing was shown of the user in this attempt that
// ZITADEL vouches for: no session, and no mailbox.
func (v *visit) unproven() bool { return v.state.Session == nil && v.state.Proven.IsZero() }

// settling is longer than ZITADEL's list of methods takes to show a new one.
const settling = 10 * time.Second

// addEnrolled counts the method that was just set up in this attempt: until the
// list has it, its owner would be asked for a first one again, or for a second.
func (v *visit) addEnrolled() {
	e := v.attempt.Enrolled
	if e == nil || v.Now().Sub(e.At) > settling || slices.Contains(v.state.Methods, zitadelclient.AuthMethod(e.Method)) {
		return
	}
	v.state.Methods = append(v.state.Methods, zitadelclient.AuthMethod(e.Method))
}

func kindsOf(names []string) []flow.Kind {
	kinds := make([]flow.Kind, len(names))
	for i, name := range names {
		kinds[i] = flow.Kind(name)
	}
	return kinds
}

// showed notes that a factor was shown in this attempt: a demand for a new check
// is met by it, and by no other.
func (v *visit) showed(kind flow.Kind) {
	if !slices.Contains(v.attempt.Shown, string(kind)) {
		v.attempt.Shown = append(v.attempt.Shown, string(kind))
	}
}

// countAccounts finds out whether there is a choice of accounts, where nothing
// says yet who is signing in.
func (v *visit) countAccounts() error {
	a := v.attempt
	if a.User.ID != "" || a.LoginName != "" || a.AddingAccount || a.Registration != nil || a.Request.Create {
		return nil
	}
	choices, err := v.choices()
	v.state.Accounts = len(choices)
	return err
}

// choices are the accounts that may be chosen here: those of the organization, of
// the provider and of the user that are asked for.
func (v *visit) choices() ([]session.Account, error) {
	accounts, err := v.Sessions.Accounts(v.ctx, v.r)
	return slices.DeleteFunc(offered(accounts), func(a session.Account) bool {
		return v.attempt.Organization != "" && a.OrganizationID != v.attempt.Organization ||
			v.attempt.Request.Provider != "" && a.Provider != v.attempt.Request.Provider ||
			v.attempt.Request.HintUserID != "" && a.UserID != v.attempt.Request.HintUserID
	}), unavailable(err)
}

// loadSettings reads the policies of the user's organization (cached for
// seconds), or of the requested one while nobody is known.
func (v *visit) loadSettings() (err error) {
	if err := v.loadDefaultOrganization(); err != nil {
		return err
	}
	organization := v.organization()
	if v.state.Settings, err = v.Zitadel.LoginSettings(v.ctx, organization); err != nil {
		return err
	}
	if v.state.Providers, err = v.providersOf(organization, v.state.Settings); err != nil {
		return err
	}
	if v.state.User == nil {
		if v.signingUp() || v.attempt.Request.Create {
			return v.loadOrganization(organization)
		}
		return nil
	}
	if v.unproven() && v.state.Settings.IgnoreUnknownUsernames {
		return nil // before a factor was shown, a call about somebody would tell that they exist
	}
	if v.state.Expiry, err = v.Zitadel.PasswordExpiry(v.ctx, organization); err != nil {
		return err
	}
	return v.loadOrganization(v.state.User.OrganizationID)
}

// loadDefaultOrganization reads where sign-ups go that name no organization. Its
// policies are asked, not the instance's: they may be stricter.
func (v *visit) loadDefaultOrganization() error {
	if v.attempt.Organization != "" {
		return nil
	}
	settings, err := v.Zitadel.GeneralSettings(v.ctx, "")
	v.defaultOrganization = settings.DefaultOrganizationID
	return err
}

// loadOrganization reads whether the organization is open that the user belongs to,
// or is to.
func (v *visit) loadOrganization(id string) error {
	open, err := v.organizationOpen(v.ctx, id)
	v.state.OrganizationClosed = !open
	return err
}

// organizationOpen reports whether an organization is open. ZITADEL lets the users
// of a deactivated one in (CVE-2026-105213).
func (h *Handlers) organizationOpen(ctx context.Context, id string) (bool, error) {
	if id == "" {
		return true, nil
	}
	found, err := h.Zitadel.Organizations(ctx, zitadelclient.OrganizationQuery{ID: id})
	return len(found) == 1 && found[0].Active, err
}

// organization is whose policies and branding apply: the user's, unless policy
// hides users and nothing was shown yet, for then the looks alone would tell;
// else the requested one, or the one that sign-ups go to.
func (v *visit) organization() string {
	user := v.state.User
	if user != nil && user.OrganizationID != "" && (!v.attempt.Concealed || !v.unproven()) {
		return user.OrganizationID
	}
	if v.attempt.FromLink && v.attempt.User.Policies != "" {
		return v.attempt.User.Policies
	}
	if v.attempt.Organization != "" {
		return v.attempt.Organization
	}
	if r := v.attempt.Registration; r != nil && r.Organization != "" {
		return r.Organization
	}
	return v.defaultOrganization
}

// request is what the client demands, as flow knows it.
func request(a *session.Attempt) flow.Request {
	r := a.Request
	prompts := make([]zitadelclient.Prompt, len(r.Prompts))
	for i, p := range r.Prompts {
		prompts[i] = zitadelclient.Prompt(p)
	}
	return flow.Request{
		Prompts:      prompts,
		MaxAge:       r.MaxAge,
		HintUserID:   r.HintUserID,
		Organization: a.Organization,
		Create:       r.Create,
		Provider:     r.Provider,
		MFA:          r.MFA,
	}
}

func registration(a *session.Attempt) flow.Registration {
	switch r := a.Registration; {
	case r == nil:
		return flow.NotRegistering
	case r.Sent:
		return flow.CodeSent
	case r.Taken:
		return flow.AddressTaken
	case a.Intent != nil && a.Intent.Newcomer != nil:
		return flow.ByProvider
	case r.Complete:
		return flow.Named
	}
	return flow.Unnamed
}

func methods(names []string) []zitadelclient.AuthMethod {
	out := make([]zitadelclient.AuthMethod, len(names))
	for i, name := range names {
		out[i] = zitadelclient.AuthMethod(name)
	}
	return out
}

// ref is how ZITADEL knows an account's session.
func ref(a session.Account) zitadelclient.SessionRef {
	return zitadelclient.SessionRef{ID: a.ZitadelSession, Token: a.ZitadelToken}
}
