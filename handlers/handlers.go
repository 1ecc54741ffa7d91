// Package handlers holds the pages and endpoints of torhaus, one file a page,
// and the one route table.
//
// No page routes to another page. A page changes what is known of an attempt
// and ends in [visit.proceed]: facts are loaded in one place (facts.go),
// [flow.Next] is asked, and the answer is a redirect to a step's path or the
// hand-over to the client (finish.go). The GET of every step asks the same
// question first, so a back button, a deep link or a stale tab lands where the
// facts say, and typing a URL skips nothing.
//
// The only way to add a step page is a row of [Handlers.steps]: its POST runs
// under a lock of its attempt, detached from the browser's connection, and a
// form that is submitted twice is acted on once.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"torhaus/assertion"
	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
	"torhaus/zitadelclient"
)

// Config is everything that the handlers stand on. All of it comes from the
// operator; nothing is ever taken from a request's Host or forwarding headers.
type Config struct {
	PublicURL web.Origin   // our own origin, https://auth.example.com
	BasePath  web.BasePath // "" or /ui/v2/login
	Issuer    web.Origin   // the ZITADEL's origin

	Zitadel  *zitadelclient.Client
	Sessions *session.Manager
	Pages    *templates.Renderer
	Static   http.Handler // serves /static/

	// RPID is the domain that passkeys are bound to: the registrable parent, so
	// that they work on every host below it. To change it orphans all keys.
	RPID string
	// EmailCodeFirst lets a code by e-mail be a first factor; RecoveryCodes says
	// that this ZITADEL knows them.
	EmailCodeFirst, RecoveryCodes bool

	AppOrigins     web.Origins  // where return_to may lead, and who may read /session
	LogoutOrigins  web.Origins  // where a sign-out may lead, beyond AppOrigins
	ClientOrigins  web.Origins  // where other clients' redirects may chain to (form-action)
	DefaultApp     web.ReturnTo // where a sign-in without return_to ends
	TrustedProxies []netip.Prefix
	HSTS           time.Duration // 0: not sent

	Rules      Rules             // of forward authentication
	Assertions *assertion.Signer // signs what a rule promises an app

	ZitadelSessionLifetime time.Duration // sent with each ZITADEL session, which else never ends; default 30 days

	// Patience is how long an app's request waits for a check of its session, see
	// [session.KeeperConfig].
	Patience time.Duration

	// MaxInFlight is how many requests each listener works on at a time, streams and
	// health checks apart; the others are 503 at once. Default 1000.
	MaxInFlight int

	Logger *slog.Logger
	Now    func() time.Time
	// Wait delays an answer that needed no password hash. A test gives its own
	// and reads what was asked for.
	Wait func(context.Context, time.Duration)
}

// Handlers serves the pages and endpoints. Make it with [New].
type Handlers struct {
	Config
	passwordPace *pace // of a password check
	signUpPace   *pace // of making an account
	mailPace     *pace // of having a mail sent
	codePace     *pace // of checking a mailed code
	loadPace     *pace // of reading the facts of a session
	keyPace      *pace // of a challenge for a passkey, or a check of its answer

	keySignUpPace *pace // of making an account that will have a passkey
	searchPace    *pace // of finding whose login name it is
	resetPace     *pace // of what is asked about somebody who has forgotten their password
	themes        *themes
	ready         readiness
	keeper        *session.Keeper // of our apps' sessions
}

// New fills in the defaults. What it returns has to be closed.
func New(cfg Config) *Handlers {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	if cfg.ZitadelSessionLifetime == 0 {
		cfg.ZitadelSessionLifetime = 30 * 24 * time.Hour
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = 1000
	}
	h := &Handlers{Config: cfg, passwordPace: newPace(firstPasswordPace), signUpPace: newPace(firstSignUpPace),
		mailPace: newPace(firstCallPace), codePace: newPace(firstCallPace), loadPace: newPace(firstLoadPace), keyPace: newPace(firstCallPace),
		keySignUpPace: newPace(firstKeySignUpPace), searchPace: newPace(firstSearchPace), resetPace: newPace(firstResetPace), themes: newThemes()}
	h.keeper = session.NewKeeper(session.KeeperConfig{Sessions: cfg.Sessions, Provider: provider{h}, Logger: cfg.Logger, Patience: cfg.Patience})
	return h
}

// Close ends what streams, and waits for what is under way without a request:
// refreshes of tokens above all, whose loss would cost a sign-in.
func (h *Handlers) Close() error {
	h.Sessions.StopWatching()
	return h.keeper.Close()
}
