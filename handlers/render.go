package handlers

import (
	"bytes"
	"net/http"
	"strings"

	"torhaus/locale"
	"torhaus/templates"
)

// localeCookie holds the language that the visitor chose.
const localeCookie = "__Host-locale"

// render writes a page through a buffer: one that fails half way must not have
// reached the browser as a success.
func (h *Handlers) render(w http.ResponseWriter, status int, page templates.Page) error {
	var buffer bytes.Buffer
	if err := h.Pages.Render(&buffer, page); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(buffer.Bytes())
	return err
}

// base is what every page shows, in the looks of an organization. Branding and
// legal links are ornament: without them the page still works.
func (h *Handlers) base(r *http.Request, organization string, uiLocales ...string) templates.Base {
	base := h.plainBase(r, uiLocales)
	base.Theme = h.theme(r.Context(), organization)
	if legal, err := h.Zitadel.LegalAndSupport(r.Context(), organization); err == nil {
		lang := base.Text.Tag()
		base.Legal = templates.Legal{
			Terms: legalLink(legal.TOSLink, lang), Privacy: legalLink(legal.PrivacyPolicyLink, lang),
			Help: legalLink(legal.HelpLink, lang), SupportEmail: legal.SupportEmail,
		}
	}
	return base
}

// legalLink fills in the language that ZITADEL leaves to the reader.
func legalLink(link, lang string) string { return strings.ReplaceAll(link, "{{.Lang}}", lang) }

// plainBase is what a page can show without asking anybody.
func (h *Handlers) plainBase(r *http.Request, uiLocales []string) templates.Base {
	chosen := r.URL.Query().Get(templates.LangParam)
	if cookie, err := r.Cookie(localeCookie); err == nil && chosen == "" {
		chosen = cookie.Value
	}
	return templates.Base{
		Text:     locale.Negotiate(chosen, uiLocales, r.Header.Get("Accept-Language"), ""),
		BasePath: h.BasePath.String(),
	}
}

// rememberLanguage keeps the language picked in the footer of a page. It is a GET
// form, so that it keeps the step and works without a script; what it changes is
// the visitor's own taste.
func rememberLanguage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if printer, ok := locale.Lookup(r.URL.Query().Get(templates.LangParam)); ok {
			http.SetCookie(w, &http.Cookie{
				Name: localeCookie, Value: printer.Tag(), Path: "/", MaxAge: 365 * 24 * 3600,
				HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
			})
		}
		next.ServeHTTP(w, r)
	})
}
