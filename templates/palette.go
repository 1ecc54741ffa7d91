package templates

import (
	"bytes"
	"fmt"
	"math"
)

// The least contrasts (WCAG 2.2, 1.4.3 and 1.4.11), and a better one for what
// is read most.
const (
	ratioText    = 4.5
	ratioBody    = 7
	ratioControl = 3
)

// palette is one mode's colours, by what they are for. The names are those of
// the custom properties in static/files/app.css.
type palette struct {
	page, wash, pageText              colour // behind the card, and the footer on it
	surface, text, text2              colour // the card
	line, control                     colour // hairlines, and the borders of inputs
	primary, hover, edge, onPrimary   colour // the button
	link, danger, dangerTint, success colour
	dark                              bool
}

// brand is BrandColors after parsing.
type brand struct{ primary, background, warn, font colour }

// ZITADEL's own defaults, for what an organization left empty or wrote wrong.
var (
	defaultLight = brand{colour{0x54, 0x69, 0xd4}, colour{0xfa, 0xfa, 0xfa}, colour{0xcd, 0x3d, 0x56}, black}
	defaultDark  = brand{colour{0x20, 0x73, 0xc4}, colour{0x11, 0x18, 0x27}, colour{0xff, 0x3b, 0x5b}, white}
)

func (b BrandColors) parse(fallback brand) brand {
	for _, slot := range []struct {
		text string
		into *colour
	}{
		{b.PrimaryColor, &fallback.primary},
		{b.BackgroundColor, &fallback.background},
		{b.WarnColor, &fallback.warn},
		{b.FontColor, &fallback.font},
	} {
		if c, ok := parseColour(slot.text); ok {
			*slot.into = c
		}
	}
	return fallback
}

// palette derives all colours from four. The brand decides hue and mood, and
// arithmetic decides whether it can be read: every text is moved in lightness,
// keeping its hue, until it can.
func (b brand) palette(dark bool) palette {
	p := palette{dark: dark, page: b.background, surface: white, primary: b.primary}
	if dark {
		// At least so much light that the card is seen to lie on a black page.
		p.surface = b.background.lighter(max(0.05, 0.2-b.background.oklch().l))
	}
	p.wash = b.primary.mix(p.page, 0.07)
	p.text = b.font.readable(ratioBody, p.surface)
	soft := softness(p.text, p.surface)
	p.text2 = b.tinted(p.text.mix(p.surface, 0.66*soft)).readable(ratioText, p.surface)
	p.pageText = p.text2.readable(ratioText, p.page, p.wash)
	p.line = b.tinted(p.text.mix(p.surface, 0.12*soft))
	p.control = b.tinted(p.text.mix(p.surface, 0.45*soft)).readable(ratioControl, p.surface)

	p.onPrimary = b.primary.ink()
	p.hover = hovered(b.primary, p.onPrimary)
	p.edge = b.primary.readable(ratioControl, p.surface)
	p.link = b.primary.readable(ratioText, p.surface)

	p.dangerTint = b.warn.mix(p.surface, 0.07)
	p.danger = b.warn.readable(ratioText, p.surface, p.dangerTint)
	p.success = colour{0x17, 0x72, 0x45}.readable(ratioText, p.surface)
	return p
}

// softness makes up for a text in plain black or white, of which greys would be
// too strong: the greys are those of a slightly gentler text.
func softness(text, surface colour) float64 {
	const gentle = 0.77
	return min(1, gentle/max(gentle, math.Abs(text.oklch().l-surface.oklch().l)))
}

// tinted gives a grey a breath of the primary's hue, so that it belongs.
func (b brand) tinted(grey colour) colour {
	o, hue := grey.oklch(), b.primary.oklch()
	if hue.c < 0.03 || o.c > 0.02 {
		return grey // a grey brand, or a font colour with a hue of its own
	}
	o.c, o.h = 0.012, hue.h
	return o.colour()
}

// hovered moves the button away from its ink, so that it only becomes easier to
// read; where there is no room it moves as far the other way as stays readable.
func hovered(fill, ink colour) colour {
	away := -0.06
	if ink == black {
		away = 0.06
	}
	if moved := fill.lighter(away); contrast(moved, fill) > 1.08 {
		return moved
	}
	return fill.lighter(-3 * away)
}

// properties are the palette as CSS. Only colours and constants get here.
func (p palette) properties() string {
	shadow, cardLine := "0 1px 2px rgb(20 26 40 / .06), 0 12px 32px rgb(20 26 40 / .09)", "transparent"
	if p.dark {
		shadow, cardLine = "none", p.line.String() // a shadow on the dark is not seen
	}
	var b bytes.Buffer
	for _, property := range []struct {
		name  string
		value any
	}{
		{"page", p.page}, {"wash", p.wash}, {"page-text", p.pageText},
		{"surface", p.surface}, {"text", p.text}, {"text-2", p.text2},
		{"line", p.line}, {"control", p.control},
		{"primary", p.primary}, {"primary-hover", p.hover}, {"primary-edge", p.edge}, {"on-primary", p.onPrimary},
		{"link", p.link}, {"danger", p.danger}, {"danger-tint", p.dangerTint}, {"success", p.success},
		{"shadow", shadow}, {"card-line", cardLine},
	} {
		fmt.Fprintf(&b, "--%s:%s;", property.name, property.value)
	}
	return b.String()
}
