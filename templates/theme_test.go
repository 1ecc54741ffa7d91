package templates

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"torhaus/static"
)

var update = flag.Bool("update", false, "write the golden files anew")

// brandings are ordinary and odd choices of organizations.
var brandings = map[string]Branding{
	"zitadel": {
		Light: BrandColors{"#5469d4", "#fafafa", "#cd3d56", "#000000"},
		Dark:  BrandColors{"#2073c4", "#111827", "#ff3b5b", "#ffffff"},
	},
	"blue": {
		Light: BrandColors{"#0b5fff", "#ffffff", "#b00020", "#111111"},
		Dark:  BrandColors{"#7aa7ff", "#101418", "#ff8a80", "#f5f5f5"},
	},
	"yellow": {
		Light: BrandColors{"#ffd400", "#fffdf2", "#b00020", "#222222"},
		Dark:  BrandColors{"#ffd400", "#1b1a14", "#ff8a80", "#f5f5f5"},
	},
	"black": {
		Light: BrandColors{"#000000", "#f4f4f4", "#b00020", "#111111"},
		Dark:  BrandColors{"#000000", "#000000", "#b00020", "#000000"},
	},
	"inside-out": { // the light theme is dark, and the dark one light
		Light: BrandColors{"#ffffff", "#000000", "#ffeeee", "#ffffff"},
		Dark:  BrandColors{"#000000", "#ffffff", "#330000", "#000000"},
	},
	"grey":    {Light: BrandColors{"#808080", "#808080", "#808080", "#808080"}, Dark: BrandColors{"#808080", "#808080", "#808080", "#808080"}},
	"light":   {Light: BrandColors{PrimaryColor: "#087f5b"}, ThemeMode: ModeLight},
	"dark":    {Dark: BrandColors{PrimaryColor: "#63e6be"}, ThemeMode: ModeDark},
	"hostile": {Light: BrandColors{"red;}body{display:none", "url(//evil.example)", "</style><script>", "expression(1)"}, ThemeMode: "}x{"},
}

func TestGolden(t *testing.T) {
	for name, branding := range brandings {
		file := filepath.Join("testdata", "theme-"+name+".css")
		got := branding.Stylesheet()
		if *update {
			if err := os.WriteFile(file, got.CSS, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got.CSS)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(got.Hash) {
			t.Errorf("%s: hash %q", name, got.Hash)
		}
	}
}

// TestHash: one branding has one hash, and two have two. What is no colour
// counts as not given, so the hostile one looks like ZITADEL's defaults.
func TestHash(t *testing.T) {
	seen := map[string]string{}
	for name, branding := range brandings {
		hash := branding.Stylesheet().Hash
		if again := branding.Stylesheet().Hash; again != hash {
			t.Errorf("%s has the hashes %s and %s", name, hash, again)
		}
		if name == "hostile" {
			continue
		}
		if other, taken := seen[hash]; taken {
			t.Errorf("%s and %s share a hash", name, other)
		}
		seen[hash] = name
	}
	if got := seen[brandings["hostile"].Stylesheet().Hash]; got != "zitadel" {
		t.Errorf("a string from outside made a stylesheet of its own (%q)", got)
	}
}

// TestThemesCanBeRead measures every colour as it is written, on every ground
// that it is used on.
func TestThemesCanBeRead(t *testing.T) {
	for name, branding := range brandings {
		checkContrast(t, name+" light", properties(t, branding.Light.parse(defaultLight).palette(false).properties()))
		checkContrast(t, name+" dark", properties(t, branding.Dark.parse(defaultDark).palette(true).properties()))
	}
}

// TestOwnLook holds the colours in app.css to the same bar, and to the same names.
func TestOwnLook(t *testing.T) {
	css, err := static.Bytes("app.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllSubmatch(css, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of tokens, want light and dark", len(blocks))
	}
	generated := properties(t, defaultLight.palette(false).properties())
	for i, mode := range []string{"light", "dark"} {
		own := properties(t, strings.ReplaceAll(string(blocks[i][1]), "color-scheme: light dark;", ""))
		checkContrast(t, "app.css "+mode, own)
		for name := range generated {
			if own[name] == "" {
				t.Errorf("app.css %s has no --%s, which themes set", mode, name)
			}
		}
		for name := range own {
			if generated[name] == "" {
				t.Errorf("app.css %s has --%s, which no theme sets", mode, name)
			}
		}
	}
	for _, use := range regexp.MustCompile(`var\(--([a-z0-9-]+)\)`).FindAllSubmatch(css, -1) {
		if generated[string(use[1])] == "" {
			t.Errorf("app.css uses --%s, which is not set", use[1])
		}
	}
}

// properties reads "--name:value;" declarations.
func properties(t *testing.T, css string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, declaration := range strings.Split(css, ";") {
		name, value, found := strings.Cut(strings.TrimSpace(declaration), ":")
		if !found {
			continue
		}
		all[strings.TrimPrefix(name, "--")] = strings.TrimSpace(value)
	}
	return all
}

func checkContrast(t *testing.T, name string, p map[string]string) {
	t.Helper()
	for _, pair := range []struct {
		front, ground string
		ratio         float64
	}{
		{"text", "surface", ratioText}, {"text-2", "surface", ratioText}, {"link", "surface", ratioText},
		{"text", "danger-tint", ratioText}, {"danger", "danger-tint", ratioText}, {"danger", "surface", ratioText},
		{"success", "surface", ratioText}, {"page-text", "page", ratioText}, {"page-text", "wash", ratioText},
		{"on-primary", "primary", ratioText}, {"on-primary", "primary-hover", ratioText},
		{"control", "surface", ratioControl}, {"primary-edge", "surface", ratioControl},
	} {
		front, ground := mustParse(t, p[pair.front]), mustParse(t, p[pair.ground])
		if got := contrast(front, ground); got < pair.ratio {
			t.Errorf("%s: %s %s on %s %s is %.2f:1, less than %.1f", name, pair.front, front, pair.ground, ground, got, pair.ratio)
		}
	}
}

func TestThemeParts(t *testing.T) {
	both := Theme{LogoURL: "/light", LogoDarkURL: "/dark"}
	for _, test := range []struct {
		mode                       Mode
		scheme, logo, darkOnDemand string
	}{
		{"", "light dark", "/light", "/dark"},
		{ModeAuto, "light dark", "/light", "/dark"},
		{ModeLight, "light", "/light", ""},
		{ModeDark, "dark", "/dark", ""},
	} {
		both.Mode = test.mode
		if both.ColorScheme() != test.scheme || both.MainLogo() != test.logo || both.DarkSource() != test.darkOnDemand {
			t.Errorf("%q: %s, %s, %s", test.mode, both.ColorScheme(), both.MainLogo(), both.DarkSource())
		}
	}
}
