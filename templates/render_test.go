package templates

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jba/templatecheck"

	"torhaus/locale"
)

func renderer(t *testing.T) *Renderer {
	t.Helper()
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t *testing.T, r *Renderer, page Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTypes checks every branch of every template against its page struct, the
// branches that no story reaches too.
func TestTypes(t *testing.T) {
	pages, err := parse(embedded) // not a renderer's: escaping rewrites what was executed
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range declared {
		if err := templatecheck.CheckHTML(pages[page.file()].Lookup("layout.html"), page); err != nil {
			t.Errorf("%T: %v", page, err)
		}
	}
}

// TestTexts checks that the keys in the templates exist, again in every branch.
func TestTexts(t *testing.T) {
	literal := regexp.MustCompile(`\.T "([^"]+)"`)
	found := 0
	err := fs.WalkDir(embedded, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(path)
		for _, match := range literal.FindAllSubmatch(data, -1) {
			found++
			if key := string(match[1]); !locale.Has(key) {
				t.Errorf("%s: no text for %q", path, key)
			}
		}
		return err
	})
	if err != nil || found < 30 {
		t.Errorf("%d texts found, %v", found, err)
	}
}

// TestDeclared holds the list of pages against the stories: a page without a
// story is a page that nobody looks at.
func TestDeclared(t *testing.T) {
	told := map[string]bool{}
	names := map[string]bool{}
	for _, story := range Stories(locale.Default()) {
		told[story.Page.file()] = true
		if names[story.Name] {
			t.Errorf("two stories are called %s", story.Name)
		}
		names[story.Name] = true
	}
	for _, page := range declared {
		if !told[page.file()] {
			t.Errorf("%T has no story", page)
		}
		delete(told, page.file())
	}
	for file := range told {
		t.Errorf("%s is not declared", file)
	}
}

// TestErrorStories sees to it that each kind of error can be looked at.
func TestErrorStories(t *testing.T) {
	var titles []string
	for _, story := range Stories(locale.Default()) {
		if page, ok := story.Page.(ErrorPage); ok {
			titles = append(titles, page.TitleKey)
		}
	}
	data, err := os.ReadFile("../locale/catalog/en.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`"(error\.[a-z_]+\.title)"`).FindAllSubmatch(data, -1) {
		if !slices.Contains(titles, string(match[1])) {
			t.Errorf("no story shows %s", match[1])
		}
	}
}

// TestAccountRows: an account without a name is called by its login name, once.
func TestAccountRows(t *testing.T) {
	for _, test := range []struct {
		row                    AccountRow
		first, second, initial string
	}{
		{AccountRow{Name: "Anna", LoginName: "a@example.com"}, "Anna", "a@example.com", "A"},
		{AccountRow{LoginName: "b@example.com"}, "b@example.com", "", "B"},
		{AccountRow{Name: "b@example.com", LoginName: "b@example.com", Initial: "X"}, "b@example.com", "", "X"},
	} {
		rows, err := AccountsPage{Accounts: []AccountRow{test.row}}.Rows()
		if err != nil || rows[0].First.Name != test.first || rows[0].Second.Name != test.second || rows[0].Initial != test.initial {
			t.Errorf("%+v: %+v, %v", test.row, rows, err)
		}
	}
}

// TestKeyCancelled: who changed their mind made no mistake. It is said beside the
// button, in the words for the key, and not as an error.
func TestKeyCancelled(t *testing.T) {
	r := renderer(t)
	b := Base{}.with(keyCancelled, "")
	for want, page := range map[string]Page{
		"No passkey was used.":       PasskeyPage{Base: b, Options: storyRequest},
		"No security key was used.":  SecurityKeyPage{Base: b, Options: storyRequest},
		"No passkey was created.":    SetUpKeyPage{Base: b, Options: storyCreate, Kind: WayPasskey},
		"No security key was added.": SetUpKeyPage{Base: b, Options: storyCreate, Kind: WayU2F},
	} {
		html := render(t, r, page)
		if !strings.Contains(html, `<p class="quietly" role="status">`+want) || strings.Contains(html, "Error:") || strings.Contains(html, "summary") {
			t.Errorf("%T: no %q, or an error:\n%s", page, want, html)
		}
	}
}

func TestConcurrentLanguages(t *testing.T) {
	r := renderer(t)
	want := map[string]string{"en": "Enter your password", "de": "Passwort eingeben"}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			tag := []string{"en", "de"}[i%2]
			text, _ := locale.Lookup(tag)
			var b bytes.Buffer
			if err := r.Render(&b, PasswordPage{Base: Base{Text: text}}); err != nil || !strings.Contains(b.String(), want[tag]) {
				t.Errorf("%s: %v, %s", tag, err, b.String())
			}
		})
	}
	all.Wait()
}

// TestUnknownText: a wrong key must fail loudly, not leave a gap.
func TestUnknownText(t *testing.T) {
	r := renderer(t)
	for name, base := range map[string]Base{
		"problem": {Problem: &Problem{Key: "problem.no_such"}},
		"args":    {Problem: &Problem{Key: "problem.attempts", Args: []any{1}}},
		"notice":  {Notice: "notice.no_such"},
	} {
		if err := r.Render(io.Discard, PasswordPage{Base: base}); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
}

// TestHostileValues: whatever a stranger typed or an administrator entered is
// text, and a link goes to the web or nowhere.
func TestHostileValues(t *testing.T) {
	const attack = `"><script>alert(1)</script>`
	base := Base{
		Who: attack, App: attack, Attempt: `x"&b=1`,
		Theme: Theme{Name: attack, LogoURL: "javascript:alert(1)", CSSURL: "/theme/x.css"},
		Legal: Legal{Terms: "javascript:alert(1)", Privacy: "data:text/html,x", Help: "//evil.example", SupportEmail: "a@example.com?bcc=b@example.com"},
	}
	r := renderer(t)
	for _, page := range []Page{
		LoginNamePage{Base: base, LoginName: attack},
		PasswordPage{Base: base, LoginName: attack},
		VerifyPage{Base: base, Email: attack, Code: attack},
		SignedInPage{Base: base, FullName: attack, Continue: "javascript:alert(1)"},
		LogoutPage{Base: base, FullName: attack, PostLogout: attack},
		AccountsPage{Base: base, Accounts: []AccountRow{{Name: attack, LoginName: attack, Initial: attack, ID: attack}}},
		PasskeyPage{Base: base, LoginName: attack, Options: attack, Others: []Way{{Kind: WayPassword, Href: "javascript:alert(1)", TestID: attack}}},
		CodePage{Base: base, Method: WayEmail, Masked: attack, Code: attack},
		SetUpTOTPPage{Base: base, QR: QR{Size: 1, Path: attack}, Secret: attack, URI: "javascript:alert(1)//otpauth://totp/"},
		SetUpTOTPPage{Base: base, Secret: attack, URI: "otpauth://totp/" + attack},
		SetUpCodePage{Base: base, Method: WaySMS, NeedCode: true, Address: attack},
		SetUpKeyPage{Base: base, Kind: WayPasskey, Name: attack, Options: attack},
		RegisterPage{Base: base, NeedTerms: true, GivenName: attack},
		ErrorPage{Base: base, TitleKey: "error.internal.title", TextKey: "error.internal.text", ErrorID: attack, Restart: "javascript:alert(1)"},
	} {
		html := render(t, r, page)
		for _, bad := range []string{"<script>", "javascript:", "data:text", "evil.example", "bcc=", `x"&b=1`} {
			if strings.Contains(html, bad) {
				t.Errorf("%T contains %s:\n%s", page, bad, html)
			}
		}
	}
}

func TestLegalLinks(t *testing.T) {
	de, _ := locale.Lookup("de")
	b := Base{Text: de, Legal: Legal{Terms: "https://example.com/{{.Lang}}/terms", SupportEmail: "help@example.com"}}
	if got := b.TermsURL(); got != "https://example.com/de/terms" {
		t.Errorf("TermsURL = %s", got)
	}
	if got := b.HelpURL(); got != "mailto:help@example.com" {
		t.Errorf("HelpURL = %s", got)
	}
	b.Legal.Help = "http://help.example.com"
	if got := b.HelpURL(); got != "http://help.example.com" {
		t.Errorf("HelpURL = %s", got)
	}
}

func TestProblemWording(t *testing.T) {
	r := renderer(t)
	for want, page := range map[string]Page{
		"Enter your username.":              LoginNamePage{Label: LabelUsername, Base: Base{}.with("problem.login_name_empty", FieldLoginName)},
		"Enter your e-mail address.":        LoginNamePage{Label: LabelEmail, Base: Base{}.with("problem.login_name_empty", FieldLoginName)},
		"Enter your last name.":             RegisterPage{Base: Base{}.with("problem.name_empty", FieldFamilyName)},
		"Enter a password.":                 PasswordPage{Base: Base{}.with("problem.password_empty", FieldPassword)},
		"Enter the code from the SMS.":      CodePage{Method: WaySMS, Base: Base{}.with("problem.code_empty", FieldCode)},
		"Enter the code from your app.":     SetUpTOTPPage{Secret: storySecret, Base: Base{}.with("problem.code_empty", FieldCode)},
		"Wait for the next one in your app": CodePage{Method: WayTOTP, Base: Base{}.with("problem.code_otp", FieldCode)},
		"Enter your current password.":      PasswordChangePage{Base: Base{}.with("problem.password_empty", FieldCurrent)},
	} {
		// Once in the summary, once at the field.
		if html := render(t, r, page); strings.Count(html, want) != 2 {
			t.Errorf("%T: %q appears %d times", page, want, strings.Count(html, want))
		}
	}
}

func TestErrorKey(t *testing.T) {
	r := renderer(t)
	for status := 400; status < 600; status++ {
		stem := ErrorKey(status)
		if !locale.Has(stem+".title") || !locale.Has(stem+".text") {
			t.Errorf("%d: no texts for %s", status, stem)
		}
		if unkeyed := render(t, r, ErrorPage{Status: status, TitleKey: ".title"}); !strings.Contains(unkeyed, locale.Default().T(stem+".title")) {
			t.Errorf("%d: without a key the page is\n%s", status, unkeyed)
		}
	}
	if keyed := render(t, r, ErrorPage{Status: 403, TitleKey: "error.denied.title"}); !strings.Contains(keyed, "Access denied") {
		t.Errorf("its own key is not used:\n%s", keyed)
	}
}

func TestPasswordRules(t *testing.T) {
	f := Field{Rules: &PasswordRules{MinLength: 10, Uppercase: true, Symbol: true}}
	if got, want := f.PasswordRules(), "minlength: 10; required: upper; required: [-!#$%&*+.=?_];"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	list, err := f.RuleList()
	if err != nil || len(list) != 3 || list[0].Min != 10 || list[0].TestID != "length-check" {
		t.Errorf("RuleList = %+v, %v", list, err)
	}
}

// TestDev edits a template on disk and expects to see the edit.
func TestDev(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, embedded); err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Dev: true, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pages", "verified.html")
	edited := `{{define "title"}}x{{end}}{{define "path"}}/x{{end}}{{define "content"}}edited just now{{end}}`
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if html := render(t, r, VerifiedPage{}); !strings.Contains(html, "edited just now") {
		t.Errorf("the edit is not there:\n%s", html)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := r.Render(io.Discard, VerifiedPage{}); err == nil {
		t.Error("rendered a page whose template is gone")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"a page without its template": func(dir string) error { return os.Remove(filepath.Join(dir, "pages", "logout.html")) },
		"a template without its page": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "pages", "stray.html"), []byte("x"), 0o600)
		},
		"a template that does not parse": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "pages", "logout.html"), []byte("{{"), 0o600)
		},
		"no layout": func(dir string) error { return os.Remove(filepath.Join(dir, "layout.html")) },
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, embedded); err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{Dev: true, Dir: dir}); err == nil {
			t.Errorf("New accepted %s", name)
		}
	}
}

func TestFatal(t *testing.T) {
	if html := string(renderer(t).Fatal()); !strings.Contains(html, "Something went wrong") {
		t.Errorf("Fatal is\n%s", html)
	}
}

func BenchmarkRender(b *testing.B) {
	r, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	page := passwordStories(storyBase(locale.Default()))[0].Page
	for b.Loop() {
		if err := r.Render(io.Discard, page); err != nil {
			b.Fatal(err)
		}
	}
}
