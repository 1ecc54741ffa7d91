package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// What a [Provider] says of a session that cannot simply go on. Any other error
// is trouble that passes: nobody is signed out for it.
var (
	// ErrEnded says that the session must not go on, whatever it holds.
	ErrEnded = errors.New("session: ended")
	// ErrRefused says that what the session holds is worth nothing any more: a
	// refresh token that was used, a ZITADEL session that another has replaced.
	// The account behind it may still be good for new tokens.
	ErrRefused = errors.New("session: refresh refused")
)

// Refresher gets new tokens for a session: by the refresh token that is held or,
// held none, by the account that stands behind the session. It may bring what is
// known of the session up to date.
type Refresher interface {
	Refresh(ctx context.Context, s *Session, held TokenSet) (TokenSet, error)
}

// Checker says whether a session may go on, and brings what is known of it up to
// date.
type Checker interface {
	Check(ctx context.Context, s *Session) error
}

// Revoker ends a refresh token that nobody will use again.
type Revoker interface {
	Revoke(ctx context.Context, refreshToken string) error
}

// Provider is who signed the users in.
type Provider interface {
	Refresher
	Checker
	Revoker
}

// The time that each thing may take. The lock outlives the slowest work: with
// less, a second replica would use a refresh token that the first is still using.
const (
	askTime    = 20 * time.Second         // everything that is asked of the provider
	flightTime = askTime + 4*time.Second  // and what is stored of it
	flightLock = flightTime + time.Second // on any other replica
	tellTime   = 10 * time.Second         // of what has ended here

	checkPatience   = 2 * time.Second        // of a request with good tokens
	refreshPatience = 15 * time.Second       // of one without
	lookAgain       = 200 * time.Millisecond // at the session, by whoever waits
)

// KeeperConfig says what a [Keeper] keeps, and by whom.
type KeeperConfig struct {
	Sessions *Manager
	Provider Provider
	Logger   *slog.Logger
	// Patience is how long a request waits for a check before it goes on with
	// what was known before; default 2 s.
	Patience time.Duration
}

// Keeper keeps sessions true over their life: it is how an app's request gets to
// its session. Tokens are refreshed before they end, once for all requests of
// all replicas; and a session in use is checked every few minutes against what
// ZITADEL says of session, user and organization.
type Keeper struct {
	sessions *Manager
	provider Provider
	logger   *slog.Logger
	patience time.Duration
	flights  *flights
	stuck    sync.Map // hashes of sessions whose new tokens the store does not take
}

// NewKeeper makes a keeper. It has to be closed.
func NewKeeper(cfg KeeperConfig) *Keeper {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Patience == 0 {
		cfg.Patience = checkPatience
	}
	return &Keeper{
		sessions: cfg.Sessions, provider: hurried{cfg.Provider}, logger: cfg.Logger, patience: cfg.Patience, flights: newFlights(),
	}
}

// Close waits until what is under way has ended: tokens that were refreshed and
// not stored would be lost.
func (k *Keeper) Close() error {
	k.flights.close()
	return nil
}

// Session is who is signed in, checked and with good tokens. slide notes that
// they were here. [ErrNotFound] is nobody; [ErrUnavailable] says that it cannot be
// told, because the store is in trouble, or because the tokens have ended and
// ZITADEL gives no new ones now. With nothing due it is one read of the store.
func (k *Keeper) Session(ctx context.Context, r *http.Request, slide bool) (*Session, error) {
	return k.session(ctx, k.sessions.sessionHash(r), slide)
}

func (k *Keeper) session(ctx context.Context, hash string, slide bool) (*Session, error) {
	s, err := k.sessions.loadSession(ctx, hash)
	if err != nil {
		return nil, err
	}
	if now := k.sessions.now(); s.checkDue(now) {
		if s, err = k.checked(ctx, s); err != nil {
			return nil, err
		}
	}
	if now := k.sessions.now(); s.refreshDue(now) || s.tokensEnded(now) {
		if s, err = k.refreshed(ctx, s); err != nil {
			return nil, err
		}
	}
	if slide {
		k.sessions.touch(ctx, s)
	}
	return s, nil
}

// Glance is [Keeper.Session] for who is told later what becomes of the session: a check
// or a refresh that is due is begun and not waited for. It is no use of the session.
func (k *Keeper) Glance(ctx context.Context, r *http.Request) (*Session, error) {
	s, err := k.sessions.Peek(ctx, r)
	if err != nil {
		return nil, err
	}
	now := k.sessions.now()
	if s.checkDue(now) {
		k.fly("check", s.hash, k.check)
	}
	if s.refreshDue(now) {
		k.fly("refresh", s.hash, k.refresh)
	}
	return s, nil
}

// RefreshNow is [Keeper.Session] for an app that knows of a change: the session is
// checked and gets new tokens, due or not. [ErrUnavailable] is also a ZITADEL that
// gives none now.
//
// What ZITADEL was asked for before says nothing of the change: a refresh that is under
// way is waited for, and then there is another. Only who comes before that has begun
// shares it.
func (k *Keeper) RefreshNow(ctx context.Context, r *http.Request, slide bool) (*Session, error) {
	s, err := k.sessions.Peek(ctx, r)
	if err != nil {
		return nil, err
	}
	what, renew := "refresh", k.refreshAnew
	if s.Refresh.IsZero() {
		what, renew = "check", k.check // there is nothing to refresh
	}
	flight := "now " + s.hash
	s, err = k.await(ctx, s.hash, refreshPatience, k.flights.share(flight, func(ctx context.Context) (*Session, error) {
		return k.alone(ctx, what, s.hash, func(ctx context.Context, s *Session) (*Session, error) {
			k.flights.depart(flight)
			s.Recheck = k.sessions.now()
			return renew(ctx, s)
		})
	}))
	if err == nil && s.failures > 0 {
		return nil, unavailable("refresh tokens", errLater)
	}
	if err == nil && slide {
		k.sessions.touch(ctx, s)
	}
	return s, err
}

// checked waits for a check, but not for ever: a ZITADEL that is down or slow
// keeps the session.
func (k *Keeper) checked(ctx context.Context, s *Session) (*Session, error) {
	checked, err := k.await(ctx, s.hash, k.patience, k.fly("check", s.hash, k.check))
	if errors.Is(err, errPatience) || errors.Is(err, errHeld) {
		return s, nil
	}
	return checked, err
}

// refreshed sees to it that tokens are refreshed. Good ones are gone on with
// meanwhile; without, the request waits for new ones, unless it is not yet time
// for another try.
func (k *Keeper) refreshed(ctx context.Context, s *Session) (*Session, error) {
	now := k.sessions.now()
	if !s.refreshDue(now) {
		return nil, unavailable("refresh tokens", errLater)
	}
	refresh := k.fly("refresh", s.hash, k.refresh)
	if !s.tokensEnded(now) {
		return s, nil
	}
	refreshed, err := k.await(ctx, s.hash, refreshPatience, refresh)
	if err == nil && refreshed.tokensEnded(k.sessions.now()) {
		return nil, unavailable("refresh tokens", errLater)
	}
	return refreshed, err
}

var (
	// errLater is why a session without good tokens is not answered for.
	errLater = errors.New("no new tokens for now")
	// errPatience is what a request ends with that waits no longer.
	errPatience = errors.New("still under way")
	// errStuck is the same where the store reads and does not write.
	errStuck = errors.New("new tokens cannot be stored for now")
)

// fly has something done for a session, unless it is under way already. It knows
// the session by its hash alone: the one that was read is the request's.
func (k *Keeper) fly(what, hash string, run func(context.Context, *Session) (*Session, error)) <-chan singleflight.Result {
	return k.flights.share(what+" "+hash, func(ctx context.Context) (*Session, error) { return k.alone(ctx, what, hash, run) })
}

// await waits for a flight that all requests for the same thing share. Each gets a
// session of its own.
//
// Meanwhile it looks at the session again and again. A flight may be busy with a slow
// ZITADEL, or with storing what it must not lose, and neither notices nor says that the
// store is gone: whoever waits is told so within a second all the same, and the flight
// goes on. And a session that has ended is not waited for.
func (k *Keeper) await(ctx context.Context, hash string, patience time.Duration, flight <-chan singleflight.Result) (*Session, error) {
	timer, look := time.NewTimer(patience), time.NewTicker(lookAgain)
	defer timer.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, unavailable("renew session", ctx.Err())
		case <-timer.C:
			return nil, unavailable("renew session", errPatience)
		case <-look.C:
			_, err := k.sessions.loadSession(ctx, hash)
			if _, stuck := k.stuck.Load(hash); err == nil && stuck {
				err = unavailable("renew session", errStuck)
			}
			if err != nil {
				return nil, err
			}
		case result := <-flight:
			if result.Err != nil {
				return nil, result.Err
			}
			own := *result.Val.(*Session)
			return &own, nil
		}
	}
}

// Discard revokes refresh tokens that nobody will use again, as [Keeper.Tell] does.
func (k *Keeper) Discard(held ...TokenSet) {
	for _, tokens := range held {
		if tokens.RefreshToken != "" {
			k.Tell("refresh token", func(ctx context.Context) error { return k.provider.Revoke(ctx, tokens.RefreshToken) })
		}
	}
}

// Tell tells ZITADEL of something that has ended here, which nothing depends on. It
// does not wait, but [Keeper.Close] does, for as long as a call may take; a call that
// fails is logged and not made again.
func (k *Keeper) Tell(what string, call func(context.Context) error) {
	k.flights.detach(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, tellTime)
		defer cancel()
		if err := call(ctx); err != nil {
			k.logger.WarnContext(ctx, "ZITADEL was not told of an end", "what", what, "error", err)
		}
	})
}

// hurried is a provider that leaves time to store what came of it.
type hurried struct{ Provider }

// Check asks within askTime.
func (p hurried) Check(ctx context.Context, s *Session) error {
	ctx, cancel := leavingTime(ctx)
	defer cancel()
	return p.Provider.Check(ctx, s)
}

// Refresh asks within askTime.
func (p hurried) Refresh(ctx context.Context, s *Session, held TokenSet) (TokenSet, error) {
	ctx, cancel := leavingTime(ctx)
	defer cancel()
	return p.Provider.Refresh(ctx, s, held)
}

func leavingTime(ctx context.Context) (context.Context, context.CancelFunc) {
	ends, _ := ctx.Deadline()
	return context.WithDeadline(ctx, ends.Add(askTime-flightTime))
}
