package main

import (
	"fmt"
	"io"
	"log/slog"

	"torhaus/assertion"
	"torhaus/handlers"
	"torhaus/session"
	"torhaus/static"
	"torhaus/templates"
	"torhaus/zitadelclient"
)

// parts are the long-lived pieces of the program. None of them has spoken to
// the network when wire returns.
type parts struct {
	store    session.Store
	sessions *session.Manager
	zitadel  *zitadelclient.Client
	pages    *handlers.Handlers
}

// wire connects the parts. An error is one of a setting that load could not
// judge, such as a key file with a broken key.
func wire(cfg Config, logger *slog.Logger) (*parts, error) {
	zitadel, err := zitadelclient.New(cfg.zitadelConfig(logger))
	if err != nil {
		return nil, fmt.Errorf("ZITADEL: %w", err)
	}
	store, err := openStore(cfg)
	if err != nil {
		return nil, fmt.Errorf("session store: %w", err)
	}
	sessions, err := session.NewManager(session.Config{
		Store:        store,
		Keys:         cfg.CookieKeys,
		Environment:  cfg.Env,
		CookieDomain: cfg.CookieDomain,
		Idle:         cfg.SessionIdle,
		Max:          cfg.SessionMax,
		RememberMax:  cfg.RememberMax,
		Recheck:      cfg.Recheck,
		Cache:        cfg.SessionCache,
	})
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	assertions, err := newAssertions(cfg)
	if err != nil {
		return nil, err
	}
	renderer, err := templates.New(templates.Config{})
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return &parts{store: store, sessions: sessions, zitadel: zitadel, pages: handlers.New(handlers.Config{
		PublicURL:      cfg.PublicURL,
		BasePath:       cfg.BasePath,
		Issuer:         cfg.ZitadelIssuer,
		Zitadel:        zitadel,
		Sessions:       sessions,
		Pages:          renderer,
		Static:         static.Handler(static.Config{}),
		RPID:           cfg.RPID,
		EmailCodeFirst: cfg.EmailCodeFirst,
		RecoveryCodes:  cfg.RecoveryCodes,
		AppOrigins:     cfg.AppOrigins,
		LogoutOrigins:  cfg.LogoutOrigins,
		ClientOrigins:  cfg.ClientOrigins,
		DefaultApp:     cfg.DefaultAppURL,
		TrustedProxies: cfg.TrustedProxies,
		HSTS:           cfg.HSTS,
		Rules:          cfg.Rules,
		Assertions:     assertions,
		Logger:         logger,
	})}, nil
}

// close gives back connections and stops what runs in the background.
func (p *parts) close(logger *slog.Logger) {
	for _, part := range []struct {
		name string
		io.Closer
	}{{"pages", p.pages}, {"zitadel", p.zitadel}, {"sessions", p.sessions}, {"store", p.store}} { // each stands on the next
		if err := part.Close(); err != nil {
			logger.Warn("not closed cleanly", "part", part.name, "error", err)
		}
	}
}

// newAssertions makes the keys of assertions out of the cookie keys, so that replicas
// agree; and another of each environment's.
func newAssertions(cfg Config) (*assertion.Signer, error) {
	secrets, err := cfg.CookieKeys.Secrets("assertion "+cfg.Env, assertion.SecretSize)
	if err != nil {
		return nil, err
	}
	return assertion.New(assertion.Config{Secrets: secrets, Issuer: cfg.PublicURL.String()})
}

func openStore(cfg Config) (session.Store, error) {
	if cfg.Store == storeMemory {
		return session.NewMemory(nil), nil
	}
	return session.NewRedis(session.RedisConfig{URL: cfg.RedisURL.reveal()})
}

func (c *Config) zitadelConfig(logger *slog.Logger) zitadelclient.Config {
	return zitadelclient.Config{
		Issuer: c.ZitadelIssuer.String(),
		APIURL: c.ZitadelAPIURL,
		Service: zitadelclient.ServiceCredentials{
			KeyFile:      c.ZitadelKeyFile,
			Key:          c.ZitadelKey.reveal(),
			PAT:          c.ZitadelPAT.reveal(),
			ClientID:     c.ZitadelClientID,
			ClientSecret: c.ZitadelClientSecret.reveal(),
		},
		OIDC: zitadelclient.OIDCConfig{
			ClientID:      c.OIDCClientID,
			ClientSecret:  c.OIDCClientSecret.reveal(),
			ClientKeyFile: c.OIDCClientKeyFile,
			ClientKey:     c.OIDCClientKey.reveal(),
			RedirectURI:   c.PublicURL.String() + c.BasePath.Page("/callback", "").String(),
			Scopes:        c.OIDCScopes,
		},
		Logger: logger,
	}
}
