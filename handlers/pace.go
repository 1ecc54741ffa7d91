package handlers

import (
	"context"
	"sync"
	"time"
)

// pace remembers how long real work with a password hash has taken of late, so
// that an answer which needed none can take as long. Without it the clock tells who has
// an account: a hash takes a second, a refusal three milliseconds.
type pace struct {
	mu     sync.Mutex
	recent time.Duration
}

// What stands until the real thing was seen: bcrypt at ZITADEL's default cost on
// a small machine, once for a check, twice for an account and its first session.
const (
	firstPasswordPace = 900 * time.Millisecond
	firstSignUpPace   = 2 * firstPasswordPace
	firstCallPace     = 15 * time.Millisecond // one call of the API
	firstLoadPace     = 3 * firstCallPace

	firstKeySignUpPace = 2 * 2 * firstCallPace // twice a search and the creation
	firstSearchPace    = 3 * firstCallPace     // see [visit.search]
	firstResetPace     = 2 * 3 * firstCallPace // see [visit.evenReset]
)

func newPace(first time.Duration) *pace { return &pace{recent: first} }

// saw takes one real duration into the average.
func (p *pace) saw(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent += (took - p.recent) / 4
}

// even waits until as much time has passed since began as the real thing takes.
func (p *pace) even(ctx context.Context, wait func(context.Context, time.Duration), began time.Time, now func() time.Time) {
	p.mu.Lock()
	rest := p.recent - now().Sub(began)
	p.mu.Unlock()
	if rest > 0 {
		wait(ctx, rest)
	}
}
