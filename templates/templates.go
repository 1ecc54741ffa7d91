// Package templates turns typed page structs into HTML.
//
//	pages, err := templates.New(templates.Config{})
//	var b bytes.Buffer
//	err = pages.Render(&b, templates.PasswordPage{
//		Base:      templates.Base{Text: text, Attempt: "k3v9p2qa", Who: "anna@example.com"},
//		LoginName: "anna@example.com",
//		CanReset:  true,
//	})
//
// A page is a struct (pages.go, pages_factors.go), a template (pages/<name>.html), its texts in
// package locale, and its stories (stories.go): every state that it can be in,
// for the tests and for the gallery. Fields are made in Go (fields.go) and
// written by one partial, so that labels, errors and autocomplete tokens are
// right everywhere or nowhere.
//
// Templates are parsed once and shared. Text comes from a method of the page
// ($.T), never from functions re-bound for a request, which would let one
// visitor's language leak into another's page. There is no inline script, style
// or handler; every page works without JavaScript, but for what an authenticator
// has to be asked (ceremony.go): that page says so and offers the other ways.
//
// Organizations' colours become custom properties (theme.go), made readable by
// arithmetic (colour.go): no string from an API reaches CSS.
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

//go:embed layout.html partials/*.html pages/*.html
var embedded embed.FS

// Config says where the templates come from.
type Config struct {
	Dev bool   // parse anew for every render, so that an edit shows on reload
	Dir string // the folder templates/ on disk; used with Dev
}

// Renderer renders pages. It is safe for use by many requests at once.
type Renderer struct {
	dev   fs.FS // nil in production
	pages map[string]*template.Template
	fatal []byte
}

// New parses all templates. It fails when a page struct has no template or a
// template no page struct: better now than on the page that nobody opened.
func New(cfg Config) (*Renderer, error) {
	r := &Renderer{}
	var source fs.FS = embedded
	if cfg.Dev {
		r.dev = os.DirFS(cfg.Dir)
		source = r.dev
	}
	var err error
	if r.pages, err = parse(source); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := r.Render(&b, ErrorPage{Status: 500, TitleKey: "error.internal.title", TextKey: "error.internal.text"}); err != nil {
		return nil, err
	}
	r.fatal = b.Bytes()
	return r, nil
}

// declared are all page structs. TestDeclared holds it against the stories.
var declared = []Page{
	LoginNamePage{}, PasswordPage{}, PasswordResetPage{}, PasswordSetPage{}, FirstPasswordPage{}, PasswordChangePage{},
	RegisterPage{}, RegisterPasswordPage{}, VerifyPage{}, VerifiedPage{},
	AccountsPage{}, PasskeyPage{}, SecurityKeyPage{}, CodePage{}, ChooseFactorPage{},
	ProviderPage{}, ProviderLeavePage{}, ProviderReturnPage{},
	SetUpChoicePage{}, SetUpTOTPPage{}, SetUpCodePage{}, SetUpKeyPage{},
	SignedInPage{}, LogoutPage{}, LogoutDonePage{}, ErrorPage{},
}

// parse reads the layout and partials once, and adds each page to a copy.
func parse(source fs.FS) (map[string]*template.Template, error) {
	common, err := template.New("layout.html").Option("missingkey=error").ParseFS(source, "layout.html", "partials/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	files, err := fs.Glob(source, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	pages := make(map[string]*template.Template, len(files))
	for _, file := range files {
		page, err := common.Clone()
		if err == nil {
			page, err = page.ParseFS(source, file)
		}
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	for _, page := range declared {
		if pages[page.file()] == nil {
			return nil, fmt.Errorf("templates: no pages/%s.html for %T", page.file(), page)
		}
	}
	for name := range pages {
		if !slices.ContainsFunc(declared, func(p Page) bool { return p.file() == name }) {
			return nil, fmt.Errorf("templates: pages/%s.html belongs to no page", name)
		}
	}
	return pages, nil
}

// Render writes the page. Give it a buffer: what fails half way must not have
// reached the browser with a status of 200.
func (r *Renderer) Render(w io.Writer, page Page) error {
	pages := r.pages
	if r.dev != nil {
		var err error
		if pages, err = parse(r.dev); err != nil {
			return err
		}
	}
	if err := pages[page.file()].ExecuteTemplate(w, "layout.html", page); err != nil {
		return fmt.Errorf("templates: %s: %w", page.file(), err)
	}
	return nil
}

// Fatal is a page that was rendered at the start, for when rendering fails.
func (r *Renderer) Fatal() []byte { return r.fatal }
