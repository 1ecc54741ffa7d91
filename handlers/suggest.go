package handlers

import (
	"errors"

	"torhaus/flow"
)

// readyKey has the passkey of an account that this browser knows challenged
// before anybody asks: it can then be chosen among the suggestions for a field,
// and its button needs no second round. It is the one challenge that a GET makes:
// at the beginning of a sign-in, by a top-level navigation, for who holds the
// account's cookie. No robot, image or prefetch gets as far.
func (v *visit) readyKey() error {
	if !v.attempt.Recalled {
		return nil
	}
	if err := v.decide(); err != nil || v.step.Kind != flow.Passkey {
		return err
	}
	if err := v.challengeOnArrival(); !errors.Is(err, errElsewhere) {
		return err
	}
	return nil // where that is, is asked next
}

// suggestion is the challenge that a page with a field for a name or a password
// offers along with it, "" for none. What is chosen goes to the passkey's page.
func (v *visit) suggestion() string {
	c := v.attempt.Challenge
	if c == nil || c.Kind != string(flow.Passkey) || !v.step.Allows(flow.Passkey) {
		return ""
	}
	return string(c.Options)
}
