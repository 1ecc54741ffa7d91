package handlers

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// themes keeps the stylesheets made of brandings. A branding is the same bytes
// on every replica, so any of them can serve what another linked to. It is made
// once: to move colours until they can be read takes milliseconds, and every
// page has one.
type themes struct {
	mu     sync.Mutex
	made   map[templates.Branding]templates.Stylesheet
	sheets map[string][]byte // by hash
}

// mostThemes bounds how many stylesheets are kept; one is a kilobyte.
const mostThemes = 256

func newThemes() *themes {
	return &themes{made: map[templates.Branding]templates.Stylesheet{}, sheets: map[string][]byte{}}
}

// of is the stylesheet of a branding.
func (t *themes) of(branding templates.Branding) templates.Stylesheet {
	t.mu.Lock()
	sheet, ok := t.made[branding]
	t.mu.Unlock()
	if ok {
		return sheet
	}
	sheet = branding.Stylesheet()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.made) >= mostThemes {
		clear(t.made) // each is made again when it is next asked for
		clear(t.sheets)
	}
	t.made[branding], t.sheets[sheet.Hash] = sheet, sheet.CSS
	return sheet
}

func (t *themes) find(hash string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	css, ok := t.sheets[hash]
	return css, ok
}

// theme is how an organization looks. Without an answer it is our own look.
func (h *Handlers) theme(ctx context.Context, organization string) templates.Theme {
	organization = numeric(organization) // it came from a client's scope and goes into an address
	sheet, mode, err := h.stylesheet(ctx, organization)
	if err != nil {
		return templates.Theme{}
	}
	return templates.Theme{CSSURL: h.BasePath.String() + "/theme/" + themeFile(organization, sheet.Hash), Mode: mode}
}

// stylesheet makes the stylesheet of an organization, "" for the instance, from
// a branding that is cached for seconds.
func (h *Handlers) stylesheet(ctx context.Context, organization string) (templates.Stylesheet, templates.Mode, error) {
	b, err := h.Zitadel.Branding(ctx, organization)
	if err != nil {
		return templates.Stylesheet{}, "", err
	}
	mode := templates.Mode(b.ThemeMode)
	return h.themes.of(templates.Branding{Light: colors(b.Light), Dark: colors(b.Dark), ThemeMode: mode}), mode, nil
}

// themeFile names a stylesheet: {hash}.css for the instance's,
// {organization}-{hash}.css for an organization's, so that a replica that has
// never shown a page of it knows whose branding to ask for.
func themeFile(organization, hash string) string {
	if organization == "" {
		return hash + ".css"
	}
	return organization + "-" + hash + ".css"
}

// parseThemeFile reads what themeFile wrote, and nothing else: whatever passes
// here may cost a call.
func parseThemeFile(file string) (organization, hash string, ok bool) {
	name, ok := strings.CutSuffix(file, ".css")
	if !ok {
		return "", "", false
	}
	organization, hash, ok = strings.Cut(name, "-")
	if !ok {
		organization, hash = "", name
	} else if organization == "" || numeric(organization) == "" {
		return "", "", false
	}
	sum, err := hex.DecodeString(hash)
	return organization, hash, err == nil && len(sum) == themeHashBytes && hash == strings.ToLower(hash)
}

// themeHashBytes is how much of a hash a stylesheet's name has.
const themeHashBytes = 8

// perClientTheme bounds how often an address can have a stylesheet made anew:
// each organization that it makes up is a call to ZITADEL.
var perClientTheme = session.Rate{Burst: 20, Every: time.Second}

// themeCSS serves a stylesheet. Its address is its content, so it never changes.
func (h *Handlers) themeCSS(w http.ResponseWriter, r *http.Request) error {
	organization, hash, ok := parseThemeFile(r.PathValue("file"))
	if !ok {
		return notFound(w, r)
	}
	css, ok := h.themes.find(hash)
	if !ok {
		sheet, err := h.remakeTheme(r, organization)
		if err != nil {
			return err
		}
		css, ok = sheet.CSS, sheet.Hash == hash
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	if ok {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} // else the branding has just changed, here or there: the look of now, not to be kept
	_, err := w.Write(css)
	return err
}

// remakeTheme makes a stylesheet that another replica linked to, or this one
// before a restart.
func (h *Handlers) remakeTheme(r *http.Request, organization string) (templates.Stylesheet, error) {
	wait, err := h.Sessions.Allow(r.Context(), "theme", clientPrefix(r), perClientTheme)
	if err != nil {
		return templates.Stylesheet{}, unavailable(err)
	}
	if wait > 0 {
		return templates.Stylesheet{}, web.Error{Status: http.StatusTooManyRequests, Key: "error.too_many", RetryAfter: wait}
	}
	sheet, _, err := h.stylesheet(r.Context(), organization)
	return sheet, err
}

func colors(t zitadelclient.Theme) templates.BrandColors {
	return templates.BrandColors{
		PrimaryColor: t.PrimaryColor, BackgroundColor: t.BackgroundColor,
		WarnColor: t.WarnColor, FontColor: t.FontColor,
	}
}
