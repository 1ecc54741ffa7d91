package handlers

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"torhaus/templates"
	"torhaus/zitadelclient"
)

// themes keeps the stylesheets made of brandings, by hash. A branding is the
// same bytes on every replica, so any of them can serve what another linked to.
type themes struct {
	mu     sync.Mutex
	sheets map[string][]byte
}

// mostThemes bounds how many stylesheets are kept; one is a kilobyte.
const mostThemes = 256

func newThemes() *themes { return &themes{sheets: map[string][]byte{}} }

func (t *themes) keep(sheet templates.Stylesheet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sheets) >= mostThemes {
		clear(t.sheets) // rebuilt by the next page of each organization
	}
	t.sheets[sheet.Hash] = sheet.CSS
}

func (t *themes) find(hash string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	css, ok := t.sheets[hash]
	return css, ok
}

// theme is how an organization looks. Without an answer it is our own look.
func (h *Handlers) theme(ctx context.Context, organization string) templates.Theme {
	b, err := h.Zitadel.Branding(ctx, organization)
	if err != nil {
		return templates.Theme{}
	}
	sheet := templates.Branding{
		Light:     colors(b.Light),
		Dark:      colors(b.Dark),
		ThemeMode: templates.Mode(b.ThemeMode),
	}.Stylesheet()
	h.themes.keep(sheet)
	return templates.Theme{CSSURL: h.BasePath.String() + "/theme/" + sheet.Hash + ".css", Mode: templates.Mode(b.ThemeMode)}
}

// themeCSS serves a stylesheet. Its address is its content, so it never changes.
func (h *Handlers) themeCSS(w http.ResponseWriter, r *http.Request) error {
	hash := strings.TrimSuffix(r.PathValue("file"), ".css")
	css, ok := h.themes.find(hash)
	if !ok {
		h.theme(r.Context(), "") // after a restart: the instance's own is made again
		if css, ok = h.themes.find(hash); !ok {
			return notFound(w, r)
		}
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(css)
	return err
}

func colors(t zitadelclient.Theme) templates.BrandColors {
	return templates.BrandColors{
		PrimaryColor: t.PrimaryColor, BackgroundColor: t.BackgroundColor,
		WarnColor: t.WarnColor, FontColor: t.FontColor,
	}
}
