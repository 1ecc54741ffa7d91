package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/static"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// cookieDomain is what all sites have in common: the session is shared with it,
// and passkeys are bound to it.
const cookieDomain = "example.localhost"

// product is everything: its sites, and what they share.
type product struct {
	id, auth, app, mail, gallery, provider site

	zitadel  *zitadeltest.Server
	client   *zitadelclient.Client
	pages    *handlers.Handlers
	renderer *templates.Renderer
	logger   *slog.Logger
}

// sourceDirs are where templates and assets lie in the repository; "" when dev
// was started elsewhere, and what is embedded serves.
type sourceDirs struct{ templates, assets string }

func findSources() sourceDirs {
	dirs := sourceDirs{"templates", "static/files"}
	for _, dir := range []string{dirs.templates, dirs.assets} {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return sourceDirs{}
		}
	}
	return dirs
}

// serveProduct starts everything on the ports that the documentation names.
func serveProduct(ctx context.Context, stdout io.Writer) error {
	p, err := newProduct([6]int{8300, 8400, 8500, 8600, 8700, 8800}, slog.New(slog.NewTextHandler(stdout, nil)))
	if err != nil {
		return err
	}
	defer p.close()
	fmt.Fprintf(stdout, "\nBegin at %s\nThe password of everyone who has one is %s\n", p.app.url(), password)
	for _, person := range people {
		fmt.Fprintf(stdout, "  %-20s %s\n", person.seed.UserName+"@example.com", person.special)
	}
	fmt.Fprintln(stdout)
	return serveSites(ctx, []site{p.app, p.auth, p.id, p.mail, p.gallery, p.provider}, stdout)
}

// newProduct makes everything, listening but not yet served. Port 0 is any.
func newProduct(ports [6]int, logger *slog.Logger) (*product, error) {
	p := &product{logger: logger}
	for i, s := range []struct {
		site       *site
		name, host string
	}{
		{&p.id, "ZITADEL", "id.example.localhost"},
		{&p.auth, "torhaus", "auth.example.localhost"},
		{&p.app, "demo app", "app.example.localhost"},
		{&p.mail, "mails", "mail.example.localhost"},
		{&p.gallery, "page gallery", "gallery.example.localhost"},
		{&p.provider, "provider", "provider.localhost"},
	} {
		*s.site = site{name: s.name, host: s.host, address: fmt.Sprintf("127.0.0.1:%d", ports[i])}
		if err := s.site.listen(); err != nil {
			return nil, err
		}
	}
	p.zitadel = zitadeltest.New(zitadeltest.Config{
		Issuer:       p.id.url(),
		LoginBaseURI: p.auth.url() + "/",
		Violation:    func(format string, args ...any) { logger.Warn(fmt.Sprintf(format, args...)) },
	})
	p.zitadel.EnableBackchannelLogout()
	p.id.handler = p.zitadel
	p.mail.handler = mails(p.zitadel, seedPeople(p.zitadel, p.auth.url()))
	p.provider.handler = p.zitadel.Upstream(seedProvider(p.zitadel, p.provider.url()))
	p.app.handler = demo{Auth: p.auth.url(), MailURL: p.mail.url(), GalleryURL: p.gallery.url()}.handler()
	sources := findSources()
	var err error
	if p.renderer, err = templates.New(templates.Config{Dev: sources.templates != "", Dir: sources.templates}); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	p.gallery.handler = gallery(p.renderer, sources.assets)
	if err := p.wireTorhaus(sources); err != nil {
		return nil, err
	}
	return p, nil
}

// wireTorhaus does what cmd/torhaus does, with a memory store and a key that
// lives as long as the process.
func (p *product) wireTorhaus(sources sourceDirs) (err error) {
	login := p.zitadel.AddServiceUser("torhaus", "IAM_LOGIN_CLIENT")
	p.client, err = zitadelclient.New(zitadelclient.Config{
		Issuer:  p.id.url(),
		APIURL:  "http://" + p.id.listener.Addr().String(),
		Service: zitadelclient.ServiceCredentials{Key: string(login.KeyFile)},
		OIDC: zitadelclient.OIDCConfig{
			ClientID:    client(p.zitadel, p.auth.url(), p.app.url()).ClientID,
			RedirectURI: p.auth.url() + "/callback",
		},
		Logger: p.logger,
	})
	if err != nil {
		return fmt.Errorf("ZITADEL client: %w", err)
	}
	sessions, err := session.NewManager(session.Config{
		Store:        session.NewMemory(nil),
		Keys:         session.Keys{session.GenerateKey()},
		Environment:  "dev",
		CookieDomain: cookieDomain,
	})
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	public, issuer, app := mustOrigin(p.auth.url()), mustOrigin(p.id.url()), mustOrigin(p.app.url())
	apps := web.Origins{app}
	home, err := apps.ReturnTo(p.app.url() + "/")
	if err != nil {
		return fmt.Errorf("demo app: %w", err)
	}
	p.pages = handlers.New(handlers.Config{
		PublicURL:  public,
		Issuer:     issuer,
		Zitadel:    p.client,
		Sessions:   sessions,
		Pages:      p.renderer,
		Static:     static.Handler(static.Config{Dir: sources.assets}),
		RPID:       cookieDomain,
		AppOrigins: apps,
		DefaultApp: home,
		Logger:     p.logger,
	})
	p.auth.handler, p.auth.drain = p.pages.Public(), p.pages.Drain
	return nil
}

// close ends what runs in the background. Neither can fail.
func (p *product) close() {
	_ = p.pages.Close()
	_ = p.client.Close()
}

// mustOrigin parses an origin that this program made.
func mustOrigin(raw string) web.Origin {
	origin, err := web.ParseOrigin(raw)
	if err != nil {
		panic(err)
	}
	return origin
}
