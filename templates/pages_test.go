package templates

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"torhaus/locale"
	"torhaus/static"
)

// TestTestIDs holds the pages against the ids that end-to-end suites written
// for the hosted Login V2 look for.
func TestTestIDs(t *testing.T) {
	want := map[string][]string{
		"loginname/empty":             {"username-text-input", "submit-button", "register-button"},
		"loginname/unknown":           {"error"},
		"password/empty":              {"password-text-input", "submit-button", "reset-button", "back-button"},
		"password/wrong":              {"error"},
		"password-reset/known":        {"submit-button", "back-button"},
		"password-set/sent":           {"code-text-input", "password-set-text-input", "submit-button", "resend-button", "length-check", "symbol-check", "number-check", "uppercase-check", "lowercase-check"},
		"password-change/own":         {"password-text-input", "password-change-text-input", "submit-button", "length-check"},
		"register/passkeys":           {"firstname-text-input", "lastname-text-input", "email-text-input", "password-radio", "passkey-radio", "tos-checkbox", "privacy-policy-checkbox", "submit-button", "back-button"},
		"register-password/empty":     {"password-text-input", "submit-button", "length-check"},
		"verify/sent":                 {"code-text-input", "submit-button", "resend-button"},
		"verify/link":                 {"submit-button"},
		"verify/first":                {"submit-button"},
		"verify/invitation-sent":      {"code-text-input", "submit-button", "resend-button", "back-button"},
		"verify/invitation-link":      {"submit-button"},
		"register/passkeys-only":      {"passkey-radio"},
		"password-first/both":         {"password-set-text-input", "submit-button", "length-check", "passkey-way"},
		"mfa-set/authenticator":       {"passkey-way", "password-way"},
		"logout/ask":                  {"submit-button"},
		"error/expired":               {"error", "submit-button"},
		"register/everything-missing": {"error"},
		"accounts/one":                {"account-button", "remove-button"},
		"passkey/ready":               {"submit-button", "back-button", "password-way"},
		"u2f/ready":                   {"submit-button", "back-button", "time-based-way"},
		"code/app":                    {"code-text-input", "submit-button", "back-button"},
		"code/sms-sent":               {"code-text-input", "submit-button", "resend-button"},
		"code/email-link":             {"submit-button"},
		"code/app-wrong":              {"error"},
		"mfa-set/offered":             {"reset-button", "time-based-way"}, // so the hosted login calls the way to skip
		"totp-set/scan":               {"code-text-input", "submit-button", "secret"},
		"code-set/phone":              {"phone-text-input", "submit-button"},
		"key-set/passkey-offered":     {"name-text-input", "submit-button", "reset-button"},
		"loginname/passkey":           {"remember-checkbox"},
		"password-set/sms":            {"resend-button", "sms-button"},
	}
	r := renderer(t)
	for _, story := range Stories(locale.Default()) {
		d := parseDocument(t, render(t, r, story.Page))
		for _, id := range want[story.Name] {
			if d.testID(id) == nil {
				t.Errorf("%s: no single %s", story.Name, id)
			}
		}
		// The suites read the text from the one div inside.
		if summary := d.testID("error"); summary != nil {
			divs := document{root: summary}.all("div", nil)
			if len(divs) != 1 || text(divs[0]) == "" {
				t.Errorf("%s: %d divs in the error", story.Name, len(divs))
			}
		}
		delete(want, story.Name)
	}
	for name := range want {
		t.Errorf("no story %s", name)
	}
}

// TestErrorPattern: what is wrong is in the title, in the summary and at the
// field, in the same words, and the summary leads to the field.
func TestErrorPattern(t *testing.T) {
	r := renderer(t)
	for _, story := range Stories(locale.Default()) {
		d := parseDocument(t, render(t, r, story.Page))
		summary := d.all("section", func(n *html.Node) bool { return attr(n, "role") == "alert" && attr(n, "tabindex") == "-1" })
		title := text(d.all("title", nil)[0])
		if strings.HasPrefix(title, "Error: ") != (len(summary) == 1) {
			t.Errorf("%s: title %q, %d summaries", story.Name, title, len(summary))
		}
		if len(summary) == 0 {
			continue
		}
		for _, link := range (document{root: summary[0]}).all("a", nil) {
			input := d.ids[strings.TrimPrefix(attr(link, "href"), "#")]
			if input == nil || attr(input, "aria-invalid") != "true" {
				t.Errorf("%s: %q leads to a field that is not marked", story.Name, text(link))
				continue
			}
			message := d.ids[attr(input, "name")+"-error"]
			if message == nil || text(message) != "Error: "+text(link) {
				t.Errorf("%s: the summary says %q, the field something else", story.Name, text(link))
			}
		}
	}
}

// TestLanguageSelectKeepsTheStep: a GET to the page's own path with what it needs.
func TestLanguageSelectKeepsTheStep(t *testing.T) {
	de, _ := locale.Lookup("de")
	base := Base{Text: de, Attempt: "k3v9p2qa", BasePath: "/ui/v2/login"}
	r := renderer(t)
	d := parseDocument(t, render(t, r, PasswordPage{Base: base}))
	form := d.all("form", func(n *html.Node) bool { return attr(n, "method") == "get" })[0]
	f := document{root: form}
	if got := attr(form, "action"); got != "/ui/v2/login/password" {
		t.Errorf("it goes to %s", got)
	}
	if hidden := f.all("input", nil); len(hidden) != 1 || attr(hidden[0], "name") != "a" || attr(hidden[0], "value") != "k3v9p2qa" {
		t.Error("the attempt is lost")
	}
	chosen := f.all("option", func(n *html.Node) bool { return has(n, "selected") })
	if len(chosen) != 1 || attr(chosen[0], "value") != "de" || text(chosen[0]) != "Deutsch" {
		t.Error("the current language is not chosen")
	}
	d = parseDocument(t, render(t, r, LogoutPage{PostLogout: "https://app.example.com/"}))
	kept := d.all("input", func(n *html.Node) bool { return attr(n, "name") == FieldPostLogout })
	if len(kept) != 2 { // in the form, and in the select's
		t.Errorf("the way back is in %d forms", len(kept))
	}
}

// TestLinksFromMail: the code is sent by a button and need not be typed, until
// it turns out to be wrong.
func TestLinksFromMail(t *testing.T) {
	r := renderer(t)
	isCode := func(n *html.Node) bool { return attr(n, "name") == FieldCode }
	wrong := Base{}.with("problem.code_wrong", FieldCode)
	for _, test := range []struct {
		page Page
		kind string
	}{
		{VerifyPage{Code: "ABC123", FromLink: true}, "hidden"},
		{VerifyPage{Code: "ABC123"}, "text"},
		{VerifyPage{Code: "ABC123", FromLink: true, Base: wrong}, "text"},
		{PasswordSetPage{Code: "ABC123", FromLink: true}, "hidden"},
		{PasswordSetPage{Code: "ABC123"}, "text"},
		{PasswordSetPage{Code: "ABC123", FromLink: true, Base: wrong}, "text"},
		{CodePage{Method: WayEmail, Code: "ABC123", FromLink: true}, "hidden"},
		{CodePage{Method: WayEmail, Code: "ABC123"}, "text"},
		{CodePage{Method: WayEmail, Code: "ABC123", FromLink: true, Base: wrong}, "text"},
	} {
		inputs := parseDocument(t, render(t, r, test.page)).all("input", isCode)
		if len(inputs) != 1 || attr(inputs[0], "type") != test.kind || attr(inputs[0], "value") != "ABC123" {
			t.Errorf("%+v: want one %s input with the code", test.page, test.kind)
		}
	}
}

// TestTurn: every form says which turn of the attempt it belongs to.
func TestTurn(t *testing.T) {
	r := renderer(t)
	for _, story := range Stories(locale.Default()) {
		if slices.Contains([]string{"signedin", "logout", "logout_done", "error"}, story.Page.file()) {
			continue // no attempt, no turns
		}
		d := parseDocument(t, render(t, r, story.Page))
		for _, form := range d.all("form", func(n *html.Node) bool { return attr(n, "method") == "post" }) {
			turns := document{root: form}.all("input", func(n *html.Node) bool { return attr(n, "name") == FieldTurn && attr(n, "value") != "0" })
			if len(turns) != 1 {
				t.Errorf("%s: a form without its turn", story.Name)
			}
		}
	}
}

// TestBudgets: what a first visit costs, compressed, with a logo of 20 KB. The
// tab's icon is not counted: browsers ask for one of every site.
func TestBudgets(t *testing.T) {
	const logo, page, total, requests = 20 << 10, 6 << 10, 40 << 10, 5
	r := renderer(t)
	theme := Branding{}.Stylesheet()
	for _, language := range locale.Languages() {
		printer, _ := locale.Lookup(language.Tag)
		for _, story := range Stories(printer) {
			source := render(t, r, story.Page)
			size := zipped([]byte(source))
			if size > page {
				t.Errorf("%s %s: %d bytes of HTML, more than %d", language.Tag, story.Name, size, page)
			}
			size += logo + zipped(theme.CSS)
			for _, name := range []string{"app.css", "passkey.js"} { // form.js is in it
				data, err := static.Bytes(name)
				if err != nil {
					t.Fatal(err)
				}
				size += zipped(data)
			}
			if size > total {
				t.Errorf("%s %s: %d bytes in all, more than %d", language.Tag, story.Name, size, total)
			}
			d := parseDocument(t, source)
			const own = 1 + 1 + 1 // the page, and an organization's colours and logo, also where the story has none
			count := own + len(d.all("script", nil)) + len(d.all("link", func(n *html.Node) bool {
				return attr(n, "rel") == "stylesheet" && strings.Contains(attr(n, "href"), "/static/")
			}))
			if count > requests {
				t.Errorf("%s: %d requests, more than %d", story.Name, count, requests)
			}
		}
	}
	if size := zipped(theme.CSS); size > 1<<10 {
		t.Errorf("a theme is %d bytes", size)
	}
}

func zipped(data []byte) int {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data) // a bytes.Buffer takes everything
	w.Close()
	return b.Len()
}
