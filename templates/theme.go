package templates

// Mode says which of light and dark a theme has.
type Mode string

// The modes. The empty mode is ModeAuto.
const (
	ModeAuto  Mode = "auto"
	ModeLight Mode = "light"
	ModeDark  Mode = "dark"
)

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

// Stylesheet turns the branding into custom properties.
func (b Branding) Stylesheet() Stylesheet { return Stylesheet{} }
