package templates

import (
	"fmt"
	"math"
)

// colour is an opaque sRGB colour as it will be written, so that a contrast
// that was measured is the contrast that is seen.
type colour struct{ r, g, b uint8 }

var (
	black = colour{}
	white = colour{255, 255, 255}
)

// parseColour reads "#rgb" and "#rrggbb", the two notations that ZITADEL
// accepts. Anything else is not a colour: no string from an API reaches CSS.
func parseColour(s string) (colour, bool) {
	if len(s) == 4 && s[0] == '#' {
		s = string([]byte{'#', s[1], s[1], s[2], s[2], s[3], s[3]})
	}
	if len(s) != 7 || s[0] != '#' {
		return colour{}, false
	}
	var parts [6]uint8
	for i := range parts {
		digit, ok := hexDigit(s[i+1])
		if !ok {
			return colour{}, false
		}
		parts[i] = digit
	}
	return colour{parts[0]<<4 | parts[1], parts[2]<<4 | parts[3], parts[4]<<4 | parts[5]}, true
}

func hexDigit(c byte) (uint8, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// String is the colour as CSS writes it.
func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// linear is one channel as an amount of light.
func linear(v uint8) float64 {
	s := float64(v) / 255
	if s <= 0.04045 {
		return s / 12.92
	}
	return math.Pow((s+0.055)/1.055, 2.4)
}

// encoded is the opposite of linear. ok is false outside of what a screen shows.
func encoded(light float64) (v uint8, ok bool) {
	s := 12.92 * light
	if light > 0.0031308 {
		s = 1.055*math.Pow(light, 1/2.4) - 0.055
	}
	const slack = 0.0005
	return uint8(math.Round(255 * min(1, max(0, s)))), s >= -slack && s <= 1+slack
}

// luminance and contrast are WCAG 2's.
func (c colour) luminance() float64 {
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

func contrast(a, b colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// oklch is a colour by lightness (0–1), chroma and hue (radians) in Björn
// Ottosson's OKLab, in which a step of lightness looks the same in every hue.
type oklch struct{ l, c, h float64 }

func (c colour) oklch() oklch {
	r, g, b := linear(c.r), linear(c.g), linear(c.b)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return oklch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), math.Atan2(y, x)}
}

// colour gives up chroma, never hue or lightness, where the screen cannot show it.
func (o oklch) colour() colour {
	o.l = min(1, max(0, o.l))
	if c, ok := o.exact(); ok {
		return c
	}
	low, high := 0.0, o.c
	for range 20 {
		o.c = (low + high) / 2
		if _, ok := o.exact(); ok {
			low = o.c
		} else {
			high = o.c
		}
	}
	o.c = low
	c, _ := o.exact()
	return c
}

func (o oklch) exact() (colour, bool) {
	x, y := o.c*math.Cos(o.h), o.c*math.Sin(o.h)
	l := math.Pow(o.l+0.3963377774*x+0.2158037573*y, 3)
	m := math.Pow(o.l-0.1055613458*x-0.0638541728*y, 3)
	s := math.Pow(o.l-0.0894841775*x-1.2914855480*y, 3)
	r, okR := encoded(4.0767416621*l - 3.3077115913*m + 0.2309699292*s)
	g, okG := encoded(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s)
	b, okB := encoded(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s)
	return colour{r, g, b}, okR && okG && okB
}

// lighter moves the lightness by d; a negative d darkens.
func (c colour) lighter(d float64) colour {
	o := c.oklch()
	o.l += d
	return o.colour()
}

// mix is share of c and the rest of other, mixed as light is seen.
func (c colour) mix(other colour, share float64) colour {
	a, b := c.oklch(), other.oklch()
	x := share*a.c*math.Cos(a.h) + (1-share)*b.c*math.Cos(b.h)
	y := share*a.c*math.Sin(a.h) + (1-share)*b.c*math.Sin(b.h)
	return oklch{share*a.l + (1-share)*b.l, math.Hypot(x, y), math.Atan2(y, x)}.colour()
}

// readable is c, or the colour of its hue nearest in lightness that has the
// ratio on every one of the grounds. Where none has, it is black or white,
// whichever comes closer.
func (c colour) readable(ratio float64, grounds ...colour) colour {
	if worst(c, grounds) >= ratio {
		return c
	}
	best, found := colour{}, math.Inf(1)
	for _, end := range []float64{0, 1} {
		if moved, distance, ok := c.toward(end, ratio, grounds); ok && distance < found {
			best, found = moved, distance
		}
	}
	if !math.IsInf(found, 1) {
		return best
	}
	if worst(black, grounds) > worst(white, grounds) {
		return black
	}
	return white
}

// toward moves the lightness in small steps until the ratio is met. Steps, not
// a bisection: between two grounds the contrast does not only rise.
func (c colour) toward(end, ratio float64, grounds []colour) (moved colour, distance float64, ok bool) {
	const steps = 400
	from := c.oklch()
	for i := 1; i <= steps; i++ {
		o := from
		o.l += (end - from.l) * float64(i) / steps
		if moved = o.colour(); worst(moved, grounds) >= ratio {
			return moved, math.Abs(o.l - from.l), true
		}
	}
	return colour{}, 0, false
}

func worst(c colour, grounds []colour) float64 {
	ratio := math.Inf(1)
	for _, ground := range grounds {
		ratio = min(ratio, contrast(c, ground))
	}
	return ratio
}

// ink is black or white, whichever reads better on c.
func (c colour) ink() colour {
	if contrast(black, c) > contrast(white, c) {
		return black
	}
	return white
}
