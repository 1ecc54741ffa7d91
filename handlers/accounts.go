package handlers

import (
	"crypto/sha256"
	"encoding/hex"
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
			Name: a.DisplayName, LoginName: a.LoginName, SignedIn: a.ZitadelSession != "", ID: rowID(a),
		})
	}
	return page, nil
}

// rowID names an account within its page. It is no user id: those stay here.
func rowID(a session.Account) string {
	sum := sha256.Sum256([]byte("account " + a.UserID))
	return hex.EncodeToString(sum[:8])
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
		if rowID(account) != form.Get(templates.FieldAccount) {
			continue
		}
		if form.Get(templates.FieldAction) == templates.ActionRemove {
			v.endZitadelSession(account)
			return unavailable(v.Sessions.ForgetAccount(v.ctx, v.w, v.r, account.ZitadelSession))
		}
		v.attempt.Recall(account)
	}
	return nil
}
