package session

import (
	"context"
	"errors"
	"net/http"
)

// WithTokens is [Keeper.Session] with the tokens of that session, for a call that is
// made with them now. A refresh that is due or under way is waited for a moment, since
// it ends the access token that it replaces, and may end the session or take a role:
// the two that it gives belong together. It reads the store, also with a near cache.
// Where there is no good access token, it cannot be told for now: [ErrUnavailable].
func (k *Keeper) WithTokens(ctx context.Context, r *http.Request, slide bool) (*Session, TokenSet, error) {
	s, err := k.Session(ctx, r, slide)
	if err != nil {
		return nil, TokenSet{}, err
	}
	tokens, err := k.tokensOf(ctx, s)
	if err == nil && s.refreshDue(k.sessions.now()) {
		s, tokens, err = k.settled(ctx, s, tokens)
	}
	if err == nil && !tokens.Expires.After(k.sessions.now()) {
		err = unavailable("read tokens", errLater)
	}
	if err != nil {
		return nil, TokenSet{}, err
	}
	return s, tokens, nil
}

// settled waits for a refresh, but not for ever. What was held before is gone on with
// where it takes longer: both of it, for what comes meanwhile is of another session.
func (k *Keeper) settled(ctx context.Context, s *Session, held TokenSet) (*Session, TokenSet, error) {
	refreshed, err := k.await(ctx, s.hash, k.patience, k.fly("refresh", s.hash, k.refresh))
	if errors.Is(err, errPatience) || errors.Is(err, errHeld) {
		return s, held, nil
	}
	if err != nil {
		return nil, TokenSet{}, err
	}
	fresh, err := k.tokensOf(ctx, refreshed)
	return refreshed, fresh, err
}

// tokensOf reads the tokens of a session. One that has none any more has ended a
// moment ago, or does now: it would be signed in, and never let through.
func (k *Keeper) tokensOf(ctx context.Context, s *Session) (TokenSet, error) {
	tokens, err := k.sessions.Tokens(ctx, s)
	if errors.Is(err, ErrNotFound) {
		err = k.end(ctx, s, err)
	}
	return tokens, err
}
