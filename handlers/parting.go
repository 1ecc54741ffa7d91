package handlers

import (
	"context"
	"errors"

	"torhaus/session"
	"torhaus/zitadelclient"
)

// parting is what ZITADEL is told of sessions that have ended here: refresh
// tokens outlive their session there, and a ZITADEL session would sign in again
// whoever holds it.
type parting struct {
	tokens     []session.TokenSet // whose refresh tokens go
	sessions   map[string]bool    // ZITADEL's, to be deleted
	everyOneOf string             // a user all of whose ZITADEL sessions go,
	but        string             // except this one
}

// partingFrom is about these sessions and the ZITADEL sessions that they rested on.
func partingFrom(ended []session.Ended) *parting {
	p := &parting{sessions: map[string]bool{}}
	for _, one := range ended {
		p.tokens = append(p.tokens, one.Tokens)
		p.sessions[one.ZitadelSession] = true
	}
	return p
}

// tellZitadel comes after the end here. Nobody waits for it but a shutdown, and it may
// fail: that is logged, and keeps nobody signed in. All is said at once: a revocation
// that hangs must not cost the deletions their time. No session's token is sent, since
// an old one would be refused: who may end these was settled by our own records.
func (h *Handlers) tellZitadel(p *parting) {
	h.keeper.Discard(p.tokens...)
	delete(p.sessions, "") // an account that was signed out before
	for id := range p.sessions {
		h.keeper.Tell("session", func(ctx context.Context) error {
			err := h.Zitadel.DeleteSession(ctx, zitadelclient.SessionRef{ID: id})
			if errors.Is(err, zitadelclient.NotFound) {
				return nil
			}
			return err
		})
	}
	if p.everyOneOf != "" {
		h.keeper.Tell("all sessions", h.Zitadel.SessionsOfNow(p.everyOneOf, p.but))
	}
}
