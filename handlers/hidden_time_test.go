package handlers_test

import (
	"sync"
	"testing"
	"time"

	"torhaus/handlers"
)

// tick is how long each call of ZITADEL takes by a [tickingClock].
const tick = 10 * time.Millisecond

// tickingClock goes on with the calls of ZITADEL, and with nothing else.
type tickingClock struct {
	w  *world
	mu sync.Mutex
	at time.Time
}

func (c *tickingClock) wind(w *world, config *handlers.Config) {
	c.w, c.at = w, w.now()
	config.Now = c.now
}

func (c *tickingClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(time.Duration(len(c.w.zitadel.Calls())) * tick)
}

// lap is how long the answers since the last one took their visitor: the calls that
// were made, and the time that was waited.
func (c *tickingClock) lap() time.Duration {
	calls := time.Duration(len(c.w.zitadel.Calls())) * tick
	c.w.zitadel.ResetCalls()
	c.w.mu.Lock()
	var waited time.Duration
	for _, d := range c.w.waits {
		waited += d
	}
	c.w.waits = nil
	c.w.mu.Unlock()
	c.mu.Lock()
	c.at = c.at.Add(calls + waited)
	c.mu.Unlock()
	return calls + waited
}

// leap goes on by an hour, for the process and for ZITADEL.
func (c *tickingClock) leap() {
	c.lap()
	c.w.zitadel.Advance(time.Hour)
	c.mu.Lock()
	c.at = c.w.now()
	c.mu.Unlock()
}

// Nor does the time of an answer tell anything: what was spared ZITADEL is waited for,
// as long as the real thing takes of late, to half a call.
func TestHiddenUsersTakeAsLong(t *testing.T) {
	for kind, domain := range map[string]string{"names": "", "addresses": "@example.com"} {
		t.Run(kind, func(t *testing.T) { hiddenUsersTakeAsLong(t, domain) })
	}
}

func hiddenUsersTakeAsLong(t *testing.T, domain string) {
	clock := &tickingClock{}
	w := newWorld(t, clock.wind)
	w.zitadel.StopClock()
	w.hideUsers()
	names := hiddenPeople(w)
	visit := func(name string) (took []time.Duration) {
		clock.leap()
		page := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
		clock.lap()
		page = page.fill(map[string]string{"loginName": name + domain})
		took = append(took, clock.lap())
		for _, step := range hiddenSteps {
			page = step.take(w, page)
			took = append(took, clock.lap())
		}
		return took
	}
	for range 24 { // until what stands before anything was seen is forgotten
		visit("aperson")
	}
	want := visit("aperson")
	for _, name := range names {
		for i, took := range visit(name) {
			step := "the name"
			if i > 0 {
				step = hiddenSteps[i-1].name
			}
			if difference := (took - want[i]).Abs(); difference > tick/2 {
				t.Errorf("%s is told by the time of %q: %v, not %v", name, step, took, want[i])
			}
		}
	}
}
