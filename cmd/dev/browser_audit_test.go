package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// rules is what holds for every page: the basics of WCAG 2.2 that only a
// rendered page can show. It answers with the faults.
const rules = `(() => {
	const faults = [], all = (s) => [...document.querySelectorAll(s)];
	const name = (e) => e.outerHTML.slice(0, 90);
	const count = (s, n) => { const is = all(s).filter((e) => e.checkVisibility()).length; if (is !== n) faults.push(is + " of " + s + ", want " + n); };
	count("h1", 1);
	count("main", 1);
	if (!document.title) faults.push("no title");
	if (!document.documentElement.lang) faults.push("no language");
	const ids = all("[id]").map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push("id twice: " + id);
	for (const e of all("[aria-describedby], [aria-controls], [aria-labelledby]"))
		for (const a of ["aria-describedby", "aria-controls", "aria-labelledby"])
			for (const id of (e.getAttribute(a) ?? "").split(" ").filter(Boolean))
				if (!ids.includes(id)) faults.push(a + " leads nowhere: " + name(e));
	for (const e of all("input:not([type=hidden]):not([aria-hidden]), select, textarea"))
		if (e.checkVisibility() && ![...e.labels].some((l) => l.textContent.trim())) faults.push("no label: " + name(e));
	for (const e of all("a[href], button"))
		if (e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel)) faults.push("no name: " + name(e));
	for (const e of all("img")) if (!e.hasAttribute("alt")) faults.push("no alt: " + name(e));
	for (const e of all("[tabindex]")) if (e.tabIndex > 0) faults.push("tab order forced: " + name(e));
	// 2.5.8: 24 px, but for links in the flow of a sentence. A box to tick is as
	// large as its label.
	for (const e of all("a[href], button, input:not([type=hidden], [type=checkbox], [type=radio], [aria-hidden]), select")) {
		const r = e.getBoundingClientRect(), style = getComputedStyle(e);
		const sentence = e.localName === "a" && style.display === "inline" && e.parentElement.textContent.trim() !== e.textContent.trim();
		if (e.checkVisibility({ opacityProperty: true }) && !sentence && (r.height < 24 || r.width < 24)) faults.push("small target, " + r.width + " by " + r.height + ": " + name(e));
	}
	return faults;
})()`

// audit holds the page to the rules, at the width of a small phone, too, and
// walks to its button with the keyboard.
func (b *tab) audit() {
	b.t.Helper()
	for _, fault := range ask[[]string](b, rules) {
		b.t.Errorf("%s: %s", b.here(), fault)
	}
	b.resize(320, 640)
	if wide := ask[string](b, widest); wide != "" {
		b.t.Errorf("%s scrolls sideways at 320 px: %s", b.here(), wide)
	}
	b.resize(1280, 800)
	if b.visible(submitButton) {
		b.tabWalk()
	}
}

// widest is "" on a page that does not scroll sideways, or what sticks out.
const widest = `(() => {
	const root = document.scrollingElement;
	if (root.scrollWidth <= root.clientWidth) return "";
	const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth);
	return root.scrollWidth + " px, " + (out.at(-1)?.outerHTML.slice(0, 120) ?? "nobody");
})()`

// resize gives the window another size.
func (b *tab) resize(width, height int64) {
	b.t.Helper()
	tell(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	b.until("the window to have its size", fmt.Sprintf("innerWidth === %d && innerHeight === %d", width, height))
}

// tabWalk presses Tab from the top of the page until the primary button has the
// focus, which must show wherever it stops. Afterwards the focus is where it
// was.
func (b *tab) tabWalk() {
	b.t.Helper()
	ask[bool](b, `(() => {
		window.focused = document.activeElement;
		document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex");
		return true;
	})()`)
	var stops []string
	for range 20 {
		b.key("\t")
		stop := ask[string](b, `(() => {
			const e = document.activeElement, style = getComputedStyle(e);
			if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1) return "invisible focus: " + e.outerHTML.slice(0, 90);
			return e.matches('[data-testid="submit-button"]') ? "" : e.name || e.textContent.trim();
		})()`)
		if stop == "" {
			ask[bool](b, `(focused === document.body ? document.activeElement.blur() : focused.focus({ preventScroll: true })) ?? true`)
			return
		}
		if stops = append(stops, stop); strings.HasPrefix(stop, "invisible") {
			break
		}
	}
	b.t.Errorf("%s: the keyboard does not reach the button: %q", b.here(), stops)
}

// screenshots is where pictures of all pages go, "" for none.
var screenshots = os.Getenv("TORHAUS_SCREENSHOTS")

// shoot takes pictures of the page, in light and dark, wide and narrow.
func (b *tab) shoot() {
	b.t.Helper()
	if screenshots == "" || !b.script {
		return // without script the pages look the same but for what it adds
	}
	b.shots++
	place := ask[string](b, `location.host.split(".")[0] + location.pathname`)
	b.shootAs(fmt.Sprintf("%s-%02d-%s", strings.TrimPrefix(b.t.Name(), "TestBrowser"), b.shots, place))
}

// shootAs takes the pictures under a name.
func (b *tab) shootAs(name string) {
	b.t.Helper()
	name = strings.Trim(strings.NewReplacer("/", "_", " ", "_").Replace(name), "_")
	for _, scheme := range []string{"light", "dark"} {
		b.prefer(scheme)
		for _, width := range []int64{1280, 360} {
			b.resize(width, 800)
			// A page that is longer than the window is taken whole.
			b.resize(width, max(800, ask[int64](b, "document.scrollingElement.scrollHeight")))
			shot := tell(b, page.CaptureScreenshot, page.CaptureScreenshotParams{})
			b.save(fmt.Sprintf("%s-%d-%s.png", name, width, scheme), shot.Data)
		}
	}
	b.prefer("light")
	b.resize(1280, 800)
}

// prefer makes the visitor one who likes these colours, and no motion: a
// picture of a transition is of no page.
func (b *tab) prefer(scheme string) {
	b.t.Helper()
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func (b *tab) save(name string, picture []byte) {
	b.t.Helper()
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
