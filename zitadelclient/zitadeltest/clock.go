package zitadeltest

import "time"

// Now is the server's time: the configured clock plus what Advance added.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// Advance moves the server's clock forward, so that tokens, codes and sessions
// expire without waiting.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

// StopClock has time stand still but for Advance, so that what a test counts does not
// depend on how fast the machine is.
func (s *Server) StopClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.config.Now()
	s.config.Now = func() time.Time { return at }
}

// now is Now for those who hold the lock.
func (s *Server) now() time.Time { return s.config.Now().Add(s.offset).UTC() }

// timestamp writes a time as protobuf's JSON does.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// record is what every stored thing remembers of its changes.
type record struct {
	sequence         int
	created, changed time.Time
	owner            string // resource owner: an organization or the instance
	visible          time.Time
}

// touch notes a change: searches see it after the configured lag.
func (s *Server) touch(r *record) {
	now := s.now()
	if r.sequence == 0 {
		r.created = now
	}
	r.sequence++
	r.changed, r.visible = now, now.Add(s.config.Lag)
}

// lagging says whether a projection has not seen the last change yet.
func (s *Server) lagging(r record) bool { return s.now().Before(r.visible) }

// details is what most answers carry about the thing they changed.
func (r record) details() object {
	return object{"sequence": decimal(r.sequence), "changeDate": timestamp(r.changed), "resourceOwner": r.owner}
}

// readDetails is what answers to reads carry: the creation date as well.
func (r record) readDetails() object {
	d := r.details()
	d["creationDate"] = timestamp(r.created)
	return d
}
