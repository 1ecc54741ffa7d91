package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"torhaus/session"
	"torhaus/zitadelclient"
)

// parting is what ZITADEL is told of sessions that have ended here: refresh
// tokens outlive their session there, and a ZITADEL session would sign in again
// whoever holds it.
type parting struct {
	refreshTokens []string
	sessions      map[string]bool // ZITADEL's, to be deleted
	everyOneOf    string          // a user all of whose ZITADEL sessions go,
	but           string          // except this one
}

// partingFrom is about these sessions and the ZITADEL sessions that they rested on.
func partingFrom(ended []session.Ended) *parting {
	p := &parting{sessions: map[string]bool{}}
	for _, one := range ended {
		p.refreshTokens = append(p.refreshTokens, one.Tokens.RefreshToken)
		p.sessions[one.ZitadelSession] = true
	}
	return p
}

// logoutTime bounds what a sign-out waits for each thing that ZITADEL is told.
const logoutTime = 3 * time.Second

// tellZitadel says all at once: a revocation that hangs must not cost the
// deletions their time. It comes after the end here, and may fail: that is logged,
// and keeps nobody signed in. No session's token is sent, since an old one would
// be refused: who may end these was settled by our own records.
func (h *Handlers) tellZitadel(ctx context.Context, p *parting) {
	var group sync.WaitGroup
	defer group.Wait()
	say := func(what string, call func(context.Context) error) {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, logoutTime)
			defer cancel()
			if err := call(ctx); err != nil && !errors.Is(err, zitadelclient.NotFound) {
				h.Logger.WarnContext(ctx, "ZITADEL was not told of a sign-out", "what", what, "error", err)
			}
		})
	}
	for _, token := range p.refreshTokens {
		if token != "" {
			say("refresh token", func(ctx context.Context) error { return h.Zitadel.Revoke(ctx, token) })
		}
	}
	delete(p.sessions, "") // an account that was signed out before
	for id := range p.sessions {
		say("session", func(ctx context.Context) error {
			return h.Zitadel.DeleteSession(ctx, zitadelclient.SessionRef{ID: id})
		})
	}
	if p.everyOneOf != "" {
		say("all sessions", func(ctx context.Context) error { return h.Zitadel.DeleteSessionsOf(ctx, p.everyOneOf, p.but) })
	}
}
