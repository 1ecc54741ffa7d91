package handlers

import (
	"net/http"

	"torhaus/templates"
	"torhaus/web"
)

// signedIn ends a sign-in that no client asked for: it says who is signed in.
func (h *Handlers) signedIn(w http.ResponseWriter, r *http.Request) error {
	accounts, err := h.Sessions.Accounts(r.Context(), r)
	if err != nil {
		return unavailable(err)
	}
	used := accounts.ByUse()
	if len(used) == 0 {
		return web.Redirect(w, r, h.BasePath.Page("/loginname", ""))
	}
	page := templates.SignedInPage{Base: h.base(r, used[0].OrganizationID), FullName: used[0].DisplayName}
	page.Continue = h.DefaultApp.String()
	return h.render(w, http.StatusOK, page)
}
