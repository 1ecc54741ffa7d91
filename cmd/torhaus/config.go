package main

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/web"
)

// Config is the environment, parsed and checked. Every field is ready to be
// handed to the package that needs it: what load accepted, the wiring does not
// check again.
type Config struct {
	PublicURL      web.Origin
	BasePath       web.BasePath
	Listen         string
	InternalListen string
	Env            string

	ZitadelIssuer       web.Origin
	ZitadelAPIURL       string
	ZitadelKey          secret // inline JSON; "" when ZitadelKeyFile is set
	ZitadelKeyFile      string
	ZitadelPAT          secret
	ZitadelClientID     string
	ZitadelClientSecret secret

	OIDCClientID      string
	OIDCClientSecret  secret
	OIDCClientKey     secret // inline JSON; "" when OIDCClientKeyFile is set
	OIDCClientKeyFile string
	OIDCScopes        []string

	AppOrigins    web.Origins
	DefaultAppURL web.ReturnTo
	LogoutOrigins web.Origins // beyond AppOrigins
	ClientOrigins web.Origins

	CookieDomain string // "" is host-only
	CookieKeys   session.Keys

	RPID           string // domain of passkeys: the public host or a parent
	EmailCodeFirst bool
	RecoveryCodes  bool

	Store        string // storeMemory or storeRedis
	RedisURL     secret
	SessionIdle  time.Duration
	SessionMax   time.Duration
	RememberMax  time.Duration
	Recheck      time.Duration
	SessionCache time.Duration

	Rules handlers.Rules // of forward authentication

	TrustedProxies []netip.Prefix
	HSTS           time.Duration
	LogLevel       slog.Level

	dump []slog.Attr
}

// The two values of TORHAUS_STORE.
const (
	storeMemory = "memory"
	storeRedis  = "redis"
)

// load reads the configuration from environ. The error is a problems: all that
// must be mended before torhaus starts. Warnings are what it starts with anyway.
func load(environ []string) (cfg Config, warnings problems, err error) {
	e := readEnvironment(environ)
	cfg.readAddresses(e)
	cfg.readZitadel(e)
	cfg.readClient(e)
	cfg.readOrigins(e)
	cfg.readCookies(e)
	cfg.readFactors(e)
	cfg.readStore(e)
	cfg.readSessions(e)
	cfg.readOperation(e)
	cfg.readRules(e)
	cfg.dump = e.dump()
	if len(e.refused) > 0 {
		return Config{}, inTableOrder(e.warnings), inTableOrder(e.refused)
	}
	return cfg, inTableOrder(e.warnings), nil
}

// development is true where everything happens on one machine: the public host
// is *.localhost, which browsers resolve to loopback and treat as secure.
func (c *Config) development() bool {
	return strings.HasSuffix(hostOf(c.PublicURL), ".localhost")
}

// Attrs is the configuration as it may be logged: secrets are redacted, and
// only whether they are set is told.
func (c Config) Attrs() []slog.Attr { return c.dump }

// dump lists what was read, in the table's order.
func (e *environment) dump() []slog.Attr {
	var attrs []slog.Attr
	for _, v := range variables {
		value := e.value(v.name)
		if v.secret {
			value = redact(value)
		}
		if value != "" {
			attrs = append(attrs, slog.String(prefix+v.name, value))
		}
	}
	return attrs
}

// inTableOrder sorts a report as the README lists the variables, with names
// that are not in the table last.
func inTableOrder(ps problems) problems {
	known := knownNames()
	place := func(p problem) int {
		if i := slices.Index(known, strings.TrimPrefix(p.name, prefix)); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(ps, func(a, b problem) int { return place(a) - place(b) })
	return ps
}
