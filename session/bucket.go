package session

import "time"

// take is the generic cell rate algorithm, which needs one number a bucket: the
// time at which it is full again. Each token taken moves that time on by Every;
// it may lie at most Burst·Every ahead. The script of [Redis] is the same
// arithmetic.
func (r Rate) take(now, full time.Time) (wait time.Duration, next time.Time) {
	span := time.Duration(r.Burst) * r.Every
	if full.Before(now) || full.After(now.Add(span)) {
		full = now // full by now; or written at another rate, or junk
	}
	next = full.Add(r.Every)
	if wait = next.Sub(now) - span; wait > 0 {
		return wait, full
	}
	return 0, next
}
