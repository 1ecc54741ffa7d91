package handlers

import (
	"net/http"
	"slices"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
)

// signedIn ends a sign-in that no client asked for: it says who is signed in.
func (h *Handlers) signedIn(w http.ResponseWriter, r *http.Request) error {
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	if err != nil {
		return unavailable(err)
	}
	used := offered(accounts)
	if len(used) == 0 {
		return web.Redirect(w, r, h.BasePath.Page("/loginname", ""))
	}
	page := templates.SignedInPage{Base: h.base(r, used[0].OrganizationID), FullName: used[0].DisplayName}
	page.Continue = h.DefaultApp.String()
	return h.render(w, http.StatusOK, page)
}

// offered are the accounts that this browser may speak of, the one used last
// first: those that have passed the gate.
func offered(accounts session.Accounts) []session.Account {
	return slices.DeleteFunc(accounts.ByUse(), func(a session.Account) bool { return !a.Offered })
}
