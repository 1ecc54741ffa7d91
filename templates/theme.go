package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Mode says which of light and dark a theme has.
type Mode string

// The modes. The empty mode is ModeAuto.
const (
	ModeAuto  Mode = "auto"
	ModeLight Mode = "light"
	ModeDark  Mode = "dark"
)

// ColorScheme is the mode for the page's own meta element, which a browser
// reads before any stylesheet: no white flash in the dark.
func (t Theme) ColorScheme() string {
	switch t.Mode {
	case ModeLight:
		return "light"
	case ModeDark:
		return "dark"
	}
	return "light dark"
}

// MainLogo is the logo to show when no media query says otherwise.
func (t Theme) MainLogo() string {
	if t.Mode == ModeDark && t.LogoDarkURL != "" {
		return t.LogoDarkURL
	}
	return t.LogoURL
}

// DarkSource is the logo for a visitor who prefers the dark, "" for the same one.
func (t Theme) DarkSource() string {
	if t.Mode == ModeLight || t.Mode == ModeDark {
		return ""
	}
	return t.LogoDarkURL
}

// Branding is what an organization chose, as strings from an API that this
// package does not trust: each is parsed as a colour or replaced by a default.
type Branding struct {
	Light, Dark BrandColors
	ThemeMode   Mode
}

// BrandColors are the colours of one mode, "#rrggbb" or "#rgb".
type BrandColors struct {
	PrimaryColor, BackgroundColor, WarnColor, FontColor string
}

// Stylesheet is the CSS of a theme, and the hash under which it is served.
type Stylesheet struct {
	CSS  []byte
	Hash string // of the CSS: the same branding always has the same URL
}

// Stylesheet turns the branding into custom properties: those of static's
// app.css, in the organization's colours.
func (b Branding) Stylesheet() Stylesheet {
	light := b.Light.parse(defaultLight).palette(false).properties()
	dark := b.Dark.parse(defaultDark).palette(true).properties()
	var css string
	switch b.ThemeMode {
	case ModeLight:
		css = ":root{color-scheme:light;" + light + "}\n"
	case ModeDark:
		css = ":root{color-scheme:dark;" + dark + "}\n"
	default:
		css = fmt.Sprintf(":root{color-scheme:light dark;%s}\n@media (prefers-color-scheme:dark){:root{%s}}\n", light, dark)
	}
	sum := sha256.Sum256([]byte(css))
	return Stylesheet{CSS: []byte(css), Hash: hex.EncodeToString(sum[:8])}
}
