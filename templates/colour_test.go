package templates

import (
	"math"
	"testing"
)

func TestParseColour(t *testing.T) {
	for text, want := range map[string]string{
		"#5469d4": "#5469d4", "#FFF": "#ffffff", "#0aF": "#00aaff", "#000000": "#000000",
	} {
		if got, ok := parseColour(text); !ok || got.String() != want {
			t.Errorf("parseColour(%q) = %v, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "#", "#12", "#1234", "#12345", "#1234567", "#12345678", "123456", "red", "#ggg", "# 12", "#12 456",
		"rgb(0,0,0)", "#fff;}", "var(--x)", "url(x)", "#ff\n", "#１２３",
	} {
		if got, ok := parseColour(text); ok {
			t.Errorf("parseColour(%q) = %v, want none", text, got)
		}
	}
}

// FuzzParseColour: whatever comes in, what comes out is six hexadecimal digits.
func FuzzParseColour(f *testing.F) {
	f.Add("#5469d4")
	f.Add("#fff;}body{")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseColour(text)
		if !ok {
			return
		}
		if again, ok := parseColour(c.String()); !ok || again != c || len(c.String()) != 7 {
			t.Errorf("%q became %s", text, c)
		}
	})
}

func mustParse(t *testing.T, text string) colour {
	t.Helper()
	c, ok := parseColour(text)
	if !ok {
		t.Fatalf("%q is no colour", text)
	}
	return c
}

// TestContrast holds our arithmetic against ratios published elsewhere.
func TestContrast(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want float64
	}{
		{"#ffffff", "#000000", 21}, {"#ffffff", "#ffffff", 1}, {"#767676", "#ffffff", 4.54},
		{"#2073c4", "#111827", 3.64}, {"#ffffff", "#ff3b5b", 3.48}, {"#5469d4", "#ffffff", 4.83}, {"#5469d4", "#000000", 4.35},
	} {
		a, b := mustParse(t, test.a), mustParse(t, test.b)
		if got := contrast(a, b); math.Abs(got-test.want) > 0.01 || got != contrast(b, a) {
			t.Errorf("contrast(%s, %s) = %.2f, want %.2f", a, b, got, test.want)
		}
	}
}

// TestOKLCH holds the conversion against Björn Ottosson's and CSS Color 4's
// examples, and shows that it loses nothing.
func TestOKLCH(t *testing.T) {
	for text, want := range map[string]oklch{
		"#ffffff": {1, 0, 0}, "#000000": {0, 0, 0},
		"#ff0000": {0.628, 0.258, 29.23}, "#00ff00": {0.866, 0.295, 142.5}, "#0000ff": {0.452, 0.313, 264.05},
	} {
		got := mustParse(t, text).oklch()
		degrees := math.Mod(got.h*180/math.Pi+360, 360)
		if math.Abs(got.l-want.l) > 0.001 || math.Abs(got.c-want.c) > 0.001 || (want.c > 0 && math.Abs(degrees-want.h) > 0.1) {
			t.Errorf("%s is %.3f %.3f %.2f, want %v", text, got.l, got.c, degrees, want)
		}
	}
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := colour{uint8(r), uint8(g), uint8(b)}
				if got := c.oklch().colour(); got != c {
					t.Errorf("%s came back as %s", c, got)
				}
			}
		}
	}
}

// TestReadable: the ratio is met on all grounds wherever black or white meets
// it, a colour that is fine is left alone, and one that moved kept its hue.
func TestReadable(t *testing.T) {
	grounds := []string{"#ffffff", "#1a2233", "#000000", "#808080", "#ffd400", "#fafafa"}
	for _, text := range []string{"#5469d4", "#ffd400", "#ff3b5b", "#2073c4", "#000000", "#ffffff", "#00ff00", "#777777"} {
		for _, on := range grounds {
			c, ground := mustParse(t, text), mustParse(t, on)
			got := c.readable(4.5, ground)
			if contrast(got, ground) < 4.5 {
				t.Errorf("%s on %s became %s: %.2f", text, on, got, contrast(got, ground))
			}
			if contrast(c, ground) >= 4.5 && got != c {
				t.Errorf("%s on %s was fine and became %s", text, on, got)
			}
			before, after := c.oklch(), got.oklch()
			turn := math.Abs(math.Remainder(before.h-after.h, 2*math.Pi))
			if before.c > 0.05 && after.c > 0.05 && turn > 0.08 {
				t.Errorf("%s on %s became %s: the hue turned by %.2f", text, on, got, turn)
			}
		}
	}
	if got := mustParse(t, "#777777").readable(7, mustParse(t, "#808080")); got != black {
		t.Errorf("out of reach: %s, want the better of black and white", got)
	}
	// Between two grounds there may be a way only on one side.
	if got := mustParse(t, "#888888").readable(4.5, white, mustParse(t, "#dddddd")); contrast(got, white) < 4.5 || contrast(got, mustParse(t, "#dddddd")) < 4.5 {
		t.Errorf("two grounds: %s", got)
	}
}
