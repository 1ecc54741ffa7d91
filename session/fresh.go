package session

import (
	"context"
	"errors"
)

// Tokens are the tokens of a session that [Keeper.Session] gave, for a call that is
// made with them now. A refresh that is due or under way is waited for a moment, since
// it ends the access token that it replaces. Where there is no good one, it cannot be
// told for now: [ErrUnavailable].
func (k *Keeper) Tokens(ctx context.Context, s *Session) (TokenSet, error) {
	if s.refreshDue(k.sessions.now()) {
		refreshed, err := await(ctx, k.patience, k.fly("refresh", s.hash, k.refresh))
		switch {
		case err == nil:
			s = refreshed
		case !errors.Is(err, errPatience) && !errors.Is(err, errHeld):
			return TokenSet{}, err
		}
	}
	tokens, err := k.sessions.Tokens(ctx, s)
	if err == nil && !tokens.Expires.After(k.sessions.now()) {
		err = unavailable("read tokens", errLater)
	}
	return tokens, err
}
