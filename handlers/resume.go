package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
)

// resumption is what a form carries to begin the same sign-in anew: where it was
// to end, as an entry's query says it. It holds nothing secret, and is read as if
// it had been typed.
func resumption(a *session.Attempt) string {
	request := a.Request
	switch request.Kind {
	case session.KindOwn:
		query := demanded(a).query()
		query.Set("return_to", request.ReturnTo)
		prompts := request.Prompts
		if request.Create && !slices.Contains(prompts, "create") {
			prompts = append(slices.Clone(prompts), "create") // began at /signup
		}
		if len(prompts) > 0 {
			query.Set("prompt", strings.Join(prompts, " "))
		}
		return query.Encode()
	case session.KindOIDC:
		return url.Values{"authRequest": {request.AuthRequestID}}.Encode()
	}
	return ""
}

// resume answers a form whose attempt has run out, in a tab that was left open:
// it says so, and the way on is the same sign-in with the same name. The name
// goes into the new attempt, and never into an address.
func (h *Handlers) resume(w http.ResponseWriter, r *http.Request, form url.Values, ranOut error) error {
	query, err := url.ParseQuery(form.Get(templates.FieldResume))
	if err != nil || len(query) == 0 {
		return ranOut
	}
	for _, values := range query {
		if len(values) > 1 {
			return ranOut
		}
	}
	attempt, err := h.entry(r, query, false)
	if err != nil {
		return errors.Join(ranOut, err)
	}
	attempt.LoginHint(cmp.Or(form.Get(templates.FieldLoginName), form.Get(templates.FieldEmail)))
	v, err := h.begin(w, r, *attempt)
	if err != nil {
		return errors.Join(ranOut, err)
	}
	wayOn := loginNameStep.path
	if attempt.Request.Create {
		wayOn = registerStep.path
	}
	return web.Error{Status: http.StatusGone, Key: "error.expired", Err: ranOut, Next: v.path(wayOn)}
}
