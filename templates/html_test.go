package templates

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"torhaus/locale"
)

// document is a rendered page, parsed.
type document struct {
	root *html.Node
	ids  map[string]*html.Node
}

func parseDocument(t *testing.T, source string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	d := document{root, map[string]*html.Node{}}
	for n := range root.Descendants() {
		if id := attr(n, "id"); id != "" {
			if d.ids[id] != nil {
				t.Errorf("two elements have the id %q", id)
			}
			d.ids[id] = n
		}
	}
	return d
}

// all are the elements with the tag name ("" for any) for which keep says yes.
func (d document) all(tag string, keep func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && (tag == "" || n.Data == tag) && (keep == nil || keep(n)) {
			found = append(found, n)
		}
	}
	return found
}

func (d document) testID(id string) *html.Node {
	found := d.all("", func(n *html.Node) bool { return attr(n, "data-testid") == id })
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestPagesAreSound holds every story in every language against the rules of
// sound HTML: what a screen reader, a password manager and the content
// security policy need.
func TestPagesAreSound(t *testing.T) {
	r := renderer(t)
	for _, language := range locale.Languages() {
		printer, _ := locale.Lookup(language.Tag)
		for _, story := range Stories(printer) {
			t.Run(language.Tag+"/"+story.Name, func(t *testing.T) {
				source := render(t, r, story.Page)
				d := parseDocument(t, source)
				checkFrame(t, d, language.Tag)
				checkNothingInline(t, d)
				checkControls(t, d)
				checkReferences(t, d)
				checkForms(t, d)
				checkCeremonies(t, d)
				for _, bad := range []string{"ZgotmplZ", "{{", "<no value>", "%!"} {
					if strings.Contains(source, bad) {
						t.Errorf("the page contains %s", bad)
					}
				}
			})
		}
	}
}

func checkFrame(t *testing.T, d document, tag string) {
	t.Helper()
	for name, want := range map[string]int{"h1": 1, "main": 1, "title": 1, "footer": 1} {
		if found := d.all(name, nil); len(found) != want {
			t.Errorf("%d %s elements, want %d", len(found), name, want)
		} else if name != "footer" && text(found[0]) == "" {
			t.Errorf("%s is empty", name)
		}
	}
	page := d.all("html", nil)[0]
	if attr(page, "lang") != tag || attr(page, "dir") != "ltr" {
		t.Errorf("lang %q, dir %q", attr(page, "lang"), attr(page, "dir"))
	}
	title := text(d.all("title", nil)[0])
	for _, personal := range []string{storyName, storyLong, "Lindqvist", storyCode} {
		if strings.Contains(title, personal) {
			t.Errorf("the title, which a browser's history keeps, names %s", personal)
		}
	}
	for _, meta := range d.all("meta", func(n *html.Node) bool { return attr(n, "name") == "viewport" }) {
		if strings.Contains(attr(meta, "content"), "scal") && attr(meta, "content") != "width=device-width, initial-scale=1" {
			t.Errorf("zoom is restricted: %s", attr(meta, "content"))
		}
	}
}

// checkNothingInline is what the content security policy will insist on.
func checkNothingInline(t *testing.T, d document) {
	t.Helper()
	for _, n := range d.all("", nil) {
		if n.DataAtom == atom.Style || (n.DataAtom == atom.Script && (n.FirstChild != nil || attr(n, "type") != "module")) {
			t.Errorf("inline %s", n.Data)
		}
		if n.DataAtom == atom.Iframe || n.DataAtom == atom.Object || n.DataAtom == atom.Base {
			t.Errorf("a %s element", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s has the attribute %s", n.Data, a.Key)
			}
			if (a.Key == "src" || a.Key == "srcset" || (a.Key == "href" && n.DataAtom == atom.Link)) && !strings.HasPrefix(a.Val, "/") {
				t.Errorf("%s loads %s from elsewhere", n.Data, a.Val)
			}
		}
		if index := attr(n, "tabindex"); index != "" && index != "-1" {
			t.Errorf("%s has tabindex %s", n.Data, index)
		}
		if n.DataAtom == atom.Img && (!has(n, "alt") || !has(n, "height")) {
			t.Error("an image without alt or height")
		}
		if n.DataAtom == atom.Svg && attr(n, "aria-hidden") != "true" {
			t.Error("an icon that is read out")
		}
	}
}

// autocompleteTokens are the HTML standard's tokens as far as pages here use them.
var autocompleteTokens = []string{"username", "current-password", "new-password", "one-time-code",
	"given-name", "family-name", "email", "tel", "off",
	"username webauthn", "current-password webauthn"}

func checkControls(t *testing.T, d document) {
	t.Helper()
	focus := d.all("", func(n *html.Node) bool { return has(n, "autofocus") })
	if len(focus) > 1 || (len(focus) == 1 && d.testID("error") != nil) {
		t.Error("more than one thing asks for the focus")
	}
	for _, n := range d.all("", func(n *html.Node) bool { return n.DataAtom == atom.Input || n.DataAtom == atom.Select }) {
		kind, name := attr(n, "type"), attr(n, "name")
		if name == "" {
			t.Error("an input without a name")
		}
		if kind == "hidden" {
			continue
		}
		if attr(n, "aria-hidden") != "true" {
			labels := d.all("label", func(l *html.Node) bool { return attr(l, "for") == attr(n, "id") })
			if len(labels) != 1 || text(labels[0]) == "" {
				t.Errorf("%s has %d labels", name, len(labels))
			}
		} else if attr(n, "tabindex") != "-1" {
			t.Errorf("%s is hidden from a screen reader but not from the keyboard", name)
		}
		if kind == "checkbox" || kind == "radio" {
			continue
		}
		if token := attr(n, "autocomplete"); !slices.Contains(autocompleteTokens, token) {
			t.Errorf("%s has autocomplete=%q", name, token)
		}
		if has(n, "placeholder") || has(n, "maxlength") || has(n, "pattern") || has(n, "disabled") {
			t.Errorf("%s has an attribute that gets in the way", name)
		}
		if kind == "password" && has(n, "value") {
			t.Errorf("%s sends a password back", name)
		}
	}
	for _, n := range d.all("button", nil) {
		if kind := attr(n, "type"); (kind != "submit" && kind != "button") || text(n) == "" {
			t.Errorf("a button of type %q, %q", kind, text(n))
		}
	}
	// A password manager wants to know whose password it is.
	for _, form := range d.all("form", nil) {
		f := document{root: form}
		for _, secret := range f.all("input", func(n *html.Node) bool { return attr(n, "type") == "password" }) {
			name := f.all("input", func(n *html.Node) bool {
				return attr(n, "autocomplete") == "username" && attr(n, "type") == "text" && has(n, "readonly")
			})
			code := f.all("input", func(n *html.Node) bool { return attr(n, "name") == FieldCode })
			if len(name) != 1 && len(code) == 0 {
				t.Errorf("%s stands without a login name", attr(secret, "name"))
			}
		}
	}
}

// checkCeremonies: what only a script can do says so to whom has none, brings
// options that parse, and every text for what may come of it.
func checkCeremonies(t *testing.T, d document) {
	t.Helper()
	for _, form := range d.all("form", func(n *html.Node) bool { return attr(n, "class") == "ceremony" || has(n, "data-ceremony") }) {
		conditional := attr(form, "data-ceremony") == "conditional"
		if !conditional && len(d.all("noscript", nil)) != 1 {
			t.Error("nothing tells a visitor without a script")
		}
		f := document{root: form}
		holder := f.all("input", func(n *html.Node) bool { return attr(n, "name") == FieldCredential && attr(n, "value") == "" })
		if len(holder) != 1 {
			t.Errorf("%d places for the credential", len(holder))
		}
		script := d.all("script", func(n *html.Node) bool { return strings.Contains(attr(n, "src"), "passkey.") })
		wish := f.all("input", func(n *html.Node) bool { return attr(n, "name") == FieldAction && attr(n, "value") == ActionChallenge })
		if !has(form, "data-ceremony") {
			if len(wish) != 1 || len(script) != 0 {
				t.Error("a form without options does not ask for them, or loads what it does not need")
			}
			continue
		}
		var options struct {
			PublicKey struct{ Challenge string }
		}
		if err := json.Unmarshal([]byte(attr(form, "data-options")), &options); err != nil || options.PublicKey.Challenge == "" {
			t.Errorf("options that no script can use: %v", err)
		}
		if len(wish) != 0 || len(script) != 1 {
			t.Errorf("a form with options asks for %d others, with %d scripts", len(wish), len(script))
		}
		if !conditional && (attr(form, "data-cancelled") == "" || attr(form, "data-failed") == "") {
			t.Error("no words for when nothing comes of it")
		}
		if attr(form, "data-ceremony") == "create" && attr(form, "data-exists") == "" {
			t.Error("no words for a key that is known already")
		}
	}
}

// checkReferences follows whatever points at an id.
func checkReferences(t *testing.T, d document) {
	t.Helper()
	for _, n := range d.all("", nil) {
		for _, name := range []string{"for", "aria-describedby", "aria-labelledby", "aria-controls", "data-for", "form"} {
			for _, id := range strings.Fields(attr(n, name)) {
				if d.ids[id] == nil {
					t.Errorf("%s=%q points at nothing", name, id)
				}
			}
		}
		if id, local := strings.CutPrefix(attr(n, "href"), "#"); local && d.ids[id] == nil {
			t.Errorf("a link points at #%s, which is not there", id)
		}
		if has(n, "aria-invalid") && !strings.Contains(attr(n, "aria-describedby"), "-error") {
			t.Errorf("%s is invalid, but its error is not tied to it", attr(n, "name"))
		}
	}
}

func checkForms(t *testing.T, d document) {
	t.Helper()
	forms := 0
	for _, form := range d.all("form", nil) {
		f := document{root: form}
		path, query, _ := strings.Cut(attr(form, "action"), "?")
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			t.Errorf("a form goes to %q", path)
		}
		switch attr(form, "method") {
		case "get":
			if query != "" || len(f.all("select", nil)) != 1 {
				t.Errorf("the language select goes to %s?%s", path, query)
			}
		case "post":
			forms++
			checkSubmits(t, d, form)
			if query != "" && query != "a=k3v9p2qa" {
				t.Errorf("a form's query is %q", query)
			}
		default:
			t.Errorf("a form with the method %q", attr(form, "method"))
		}
	}
	if len(d.all("", func(n *html.Node) bool { return attr(n, "data-testid") == "submit-button" })) > 1 {
		t.Error("more than one main button")
	}
	if forms > 3 {
		t.Errorf("%d forms", forms)
	}
}

// checkSubmits: a form has one button, and one for each value that it can send
// instead. Its own stands first, for that is what Enter presses. Only the form of a suggested passkey has none.
func checkSubmits(t *testing.T, d document, form *html.Node) {
	t.Helper()
	within := slices.Collect(form.Descendants())
	submits := d.all("button", func(n *html.Node) bool {
		owner := attr(n, "form")
		mine := owner == "" && slices.Contains(within, n) || owner != "" && owner == attr(form, "id")
		return mine && attr(n, "type") == "submit"
	})
	if attr(form, "data-ceremony") == "conditional" {
		if len(submits) != 0 || !has(form, "hidden") {
			t.Error("the form of a suggested passkey can be seen")
		}
		return
	}
	if len(submits) == 0 {
		t.Errorf("the form to %s has no submit button", attr(form, "action"))
	}
	values := map[string]bool{}
	for i, n := range submits {
		if attr(n, "data-testid") == "" {
			t.Errorf("the button %q has no data-testid", text(n))
		}
		if attr(n, "name") == "" && i > 0 || values[attr(n, "value")] {
			t.Errorf("the button %q sends what another one sends", text(n))
		}
		values[attr(n, "value")] = true
	}
}
