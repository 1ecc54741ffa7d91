package handlers

import (
	"net/url"

	"torhaus/flow"
	"torhaus/session"
	"torhaus/templates"
)

// accountsStep lets the visitor choose among the accounts of this browser,
// remove one, or use another.
var accountsStep = step{
	kind:   flow.SelectAccount,
	path:   stepPaths[flow.SelectAccount],
	show:   showAccounts,
	submit: submitAccounts,
	names:  true,
	bare:   func(a *session.Attempt) { a.Request.Prompts = append(a.Request.Prompts, "select_account") },
}

func showAccounts(v *visit) (templates.Page, error) {
	choices, err := v.choices()
	if err != nil {
		return nil, err
	}
	page := templates.AccountsPage{Base: v.base(), CanAdd: true}
	for _, a := range choices {
		page.Accounts = append(page.Accounts, templates.AccountRow{
			Name: a.DisplayName, LoginName: a.LoginName, SignedIn: a.ZitadelSession != "", ID: v.rowID(a),
		})
	}
	return page, nil
}

// rowID names an account within its page. It is no user id: those stay here.
func (v *visit) rowID(a session.Account) string {
	return v.attempt.Fingerprint([]byte("account " + a.UserID))[:12]
}

func submitAccounts(v *visit, form url.Values) error {
	v.fresh = false
	if form.Get(templates.FieldAction) == templates.ActionAdd {
		v.attempt.AddingAccount = true
		return nil
	}
	choices, err := v.choices()
	if err != nil {
		return err
	}
	for _, account := range choices {
		if v.rowID(account) != form.Get(templates.FieldAccount) {
			continue
		}
		if form.Get(templates.FieldAction) == templates.ActionRemove {
			if err := v.endOwnSession(account.ZitadelSession); err != nil {
				return err
			}
			// Forgotten first: what ZITADEL is about to delete is offered to nobody.
			if err := v.Sessions.ForgetAccount(v.ctx, v.w, v.r, account.ZitadelSession); err != nil {
				return unavailable(err)
			}
			v.tellZitadel(&parting{sessions: map[string]bool{account.ZitadelSession: true}})
			return nil
		}
		v.dropProvisional()
		v.attempt.Recall(account)
	}
	return nil
}
