package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a flight does. It is alone with its session over all replicas, reads it
// anew, and writes by compare-and-set: another replica may have been faster, and
// a sign-out waits for nobody.

// alone runs something for a session while nobody else, on any replica, does the
// same. Whoever comes second finds it done.
func (k *Keeper) alone(ctx context.Context, what, hash string, run func(context.Context, *Session) (*Session, error)) (*Session, error) {
	unlock, err := k.sessions.Lock(ctx, what+" "+hash, flightLock)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// From here on also a shutdown waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTime)
	defer cancel()
	s, err := k.sessions.loadSession(ctx, hash)
	if err != nil {
		return nil, err
	}
	return run(ctx, s)
}

// check asks whether the session may go on.
func (k *Keeper) check(ctx context.Context, s *Session) (*Session, error) {
	if !s.checkDue(k.sessions.now()) {
		return s, nil
	}
	err := k.provider.Check(ctx, s)
	switch {
	case err == nil:
		s.checked(k.sessions)
		return s, k.sessions.saveRenewed(ctx, s, checking.take)
	case errors.Is(err, ErrRefused):
		return k.alone(ctx, "refresh", s.hash, k.replace)
	}
	return k.failed(ctx, s, checking, err)
}

// refresh checks the session and gets new tokens for it.
func (k *Keeper) refresh(ctx context.Context, s *Session) (*Session, error) {
	if !s.refreshDue(k.sessions.now()) {
		return s, nil
	}
	held, err := k.sessions.Tokens(ctx, s)
	if err != nil {
		return k.failed(ctx, s, refreshing, err)
	}
	if held.Expires.After(s.TokensEnd) {
		return k.adopt(ctx, s, held) // whoever stored them did not live to say so
	}
	return k.exchange(ctx, s, held)
}

// refreshAnew is refresh, due or not, and also where new tokens are stored already:
// they came before the session was to be refreshed.
func (k *Keeper) refreshAnew(ctx context.Context, s *Session) (*Session, error) {
	s.Refresh = s.Recheck
	held, err := k.sessions.Tokens(ctx, s)
	if err != nil {
		return k.failed(ctx, s, refreshing, err)
	}
	return k.exchange(ctx, s, held)
}

// exchange checks a session and gets new tokens for those that it holds.
func (k *Keeper) exchange(ctx context.Context, s *Session, held TokenSet) (*Session, error) {
	err := k.provider.Check(ctx, s)
	if err == nil {
		var fresh TokenSet
		if fresh, err = k.provider.Refresh(ctx, s, held); err == nil {
			return k.keep(ctx, s, fresh)
		}
	}
	if !errors.Is(err, ErrRefused) {
		return k.failed(ctx, s, refreshing, err)
	}
	latest, err := k.sessions.Tokens(ctx, s)
	if err != nil {
		return k.failed(ctx, s, refreshing, err)
	}
	if latest != held {
		return k.adopt(ctx, s, latest) // by somebody who was slower than the lock
	}
	return k.mint(ctx, s, held, refreshing)
}

// replace gets tokens for a session whose ZITADEL session has been replaced.
func (k *Keeper) replace(ctx context.Context, s *Session) (*Session, error) {
	held, err := k.sessions.Tokens(ctx, s)
	if err != nil || !s.checkDue(k.sessions.now()) {
		return s, err
	}
	return k.mint(ctx, s, held, checking)
}

// mint gets new tokens by the account, where what is held is worth nothing any
// more. A replica that was killed between ZITADEL's answer and the store signs
// nobody out: the refresh token that it used up is refused, and that is all.
func (k *Keeper) mint(ctx context.Context, s *Session, held TokenSet, p part) (*Session, error) {
	from := s.ZitadelSession
	fresh, err := k.provider.Refresh(ctx, s, TokenSet{})
	if errors.Is(err, ErrRefused) {
		err = fmt.Errorf("%w: %w", ErrEnded, err)
	}
	if err != nil {
		return k.failed(ctx, s, p, err)
	}
	if err := k.sessions.reindex(ctx, s, from); err != nil {
		k.Discard(fresh)
		return nil, err
	}
	k.Discard(held)
	return k.keep(ctx, s, fresh)
}

// failed is what becomes of a session that could not be renewed: the end if that
// is what was said, and else another try later.
func (k *Keeper) failed(ctx context.Context, s *Session, p part, err error) (*Session, error) {
	switch {
	case errors.Is(err, ErrEnded), errors.Is(err, ErrNotFound), errors.Is(err, ErrTooLarge):
		return nil, k.end(ctx, s, err)
	case errors.Is(err, ErrUnavailable):
		return nil, err // the store: nothing can be noted, either
	}
	k.logger.WarnContext(ctx, "session not renewed", "error", err)
	s.postpone(p, k.sessions.now())
	return s, k.sessions.saveRenewed(ctx, s, p.take)
}

// storeRetry is how soon a write is tried again that must not be lost, and storeTries
// how often before whoever waits for it is told to come back.
const (
	storeRetry = 200 * time.Millisecond
	storeTries = 3
)

// keep stores new tokens. A session that has ended meanwhile stays ended, and
// what came too late for it is revoked.
func (k *Keeper) keep(ctx context.Context, s *Session, fresh TokenSet) (*Session, error) {
	save := k.sessions.tokenSaver(s, fresh)
	err := k.untilStored(ctx, s.hash, func() error { return save(ctx) })
	if errors.Is(err, ErrChanged) {
		k.Discard(fresh)
		return k.sessions.loadSession(ctx, s.hash)
	}
	if err != nil {
		return nil, err // whether it is stored nobody knows: if not, the old ones are refused
	}
	s.checked(k.sessions)
	return k.adopt(ctx, s, fresh)
}

// adopt notes what follows from tokens that are stored.
func (k *Keeper) adopt(ctx context.Context, s *Session, stored TokenSet) (*Session, error) {
	s.keepTimes(stored, k.sessions.now())
	err := k.untilStored(ctx, s.hash, func() error { return k.sessions.saveRenewed(ctx, s, takeTokens) })
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrTooLarge) {
		return nil, k.end(ctx, s, err)
	}
	return s, err
}

// end ends a session for good, and says so as [ErrNotFound].
func (k *Keeper) end(ctx context.Context, s *Session, why error) error {
	held, err := k.sessions.endSession(ctx, s)
	if err != nil {
		return err
	}
	k.Discard(held)
	k.logger.InfoContext(ctx, "session ended", "reason", why.Error())
	return ErrNotFound
}

// untilStored tries again what a store in trouble did not do: ZITADEL has used up
// the old refresh token already.
func (k *Keeper) untilStored(ctx context.Context, hash string, store func() error) error {
	defer k.stuck.Delete(hash)
	for tries := 1; ; tries++ {
		err := store()
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		if tries == storeTries {
			k.stuck.Store(hash, nil)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(storeRetry):
		}
	}
}
