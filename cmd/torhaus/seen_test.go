package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bearable bounds how long anybody waits for a store that does not answer, on a
// machine that does something else, too. What is promised is a second.
const bearable = 3 * time.Second

// seen is what users saw of a fault: how many answers of each kind, and how long the
// fastest and the slowest of each status took.
type seen struct {
	mu               sync.Mutex
	answers          map[string]map[int]int // by way and status
	fastest, slowest map[int]time.Duration
}

func newSeen() *seen {
	return &seen{answers: map[string]map[int]int{}, fastest: map[int]time.Duration{}, slowest: map[int]time.Duration{}}
}

// note fails the test where an answer says more than that one cannot know, or touches
// the cookie. Nobody may be taken for signed out.
func (s *seen) note(t testing.TB, way string, status int, header http.Header, took time.Duration) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(way, status, 1)
	s.took(status, took, took)
	if status == 0 {
		return // a process that was killed meanwhile
	}
	unknown := status == http.StatusServiceUnavailable && header.Get("Retry-After") != ""
	if right := status == http.StatusOK || unknown; (!right || len(header["Set-Cookie"]) > 0) && s.answers[way][status] == 1 { // of its kind
		t.Errorf("%s: %d, Retry-After %q, Set-Cookie %q", way, status, header["Retry-After"], header["Set-Cookie"])
	}
}

func (s *seen) count(way string, status, n int) {
	if s.answers[way] == nil {
		s.answers[way] = map[int]int{}
	}
	s.answers[way][status] += n
}

func (s *seen) took(status int, fastest, slowest time.Duration) {
	if before, ok := s.fastest[status]; ok {
		fastest = min(fastest, before)
	}
	s.fastest[status], s.slowest[status] = fastest, max(slowest, s.slowest[status])
}

// add takes over what others saw.
func (s *seen) add(others *seen) {
	for way, counts := range others.answers {
		for status, n := range counts {
			s.count(way, status, n)
		}
	}
	for status := range others.fastest {
		s.took(status, others.fastest[status], others.slowest[status])
	}
}

// all is how many answers of a status there were.
func (s *seen) all(status int) (n int) {
	for _, counts := range s.answers {
		n += counts[status]
	}
	return n
}

// only is true when everybody saw the same.
func (s *seen) only(status int) bool {
	_, some := s.fastest[status]
	return some && len(s.fastest) == 1
}

// String is a row of the fault table.
func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, way := range slices.Sorted(maps.Keys(s.answers)) {
		for _, status := range slices.Sorted(maps.Keys(s.answers[way])) {
			parts = append(parts, fmt.Sprintf("%d × %s %d", s.answers[way][status], way, status))
		}
	}
	for _, status := range slices.Sorted(maps.Keys(s.slowest)) {
		parts = append(parts, fmt.Sprintf("%d after %v to %v", status, s.fastest[status].Round(time.Millisecond), s.slowest[status].Round(time.Millisecond)))
	}
	return strings.Join(parts, ", ")
}

// signInMany signs alice in at several browsers, by the one process and the other.
func (d *deployment) signInMany(processes ...*process) (visitors []visitor) {
	d.t.Helper()
	for i := range 6 {
		visitors = append(visitors, d.signIn(processes[i%len(processes)]))
	}
	return visitors
}

// crowd has all visitors ask all processes who they are, as an app and as a proxy
// does, all at once, and waits for the answers.
func (d *deployment) crowd(s *seen, visitors []visitor, processes []*process) {
	var group sync.WaitGroup
	for _, v := range visitors {
		for _, p := range processes {
			for _, way := range []string{"GET /session", "/auth"} {
				group.Go(func() {
					status, header, took := d.ask(p, way, v)
					s.note(d.t, way, status, header, took)
				})
			}
		}
	}
	group.Wait()
}

// nobodyIsLost counts the visitors whom some process does not know.
func (d *deployment) nobodyIsLost(visitors []visitor, processes ...*process) {
	d.t.Helper()
	lost := 0
	for _, v := range visitors {
		found := newSeen()
		d.crowd(found, []visitor{v}, processes)
		if !found.only(http.StatusOK) {
			d.t.Errorf("in the end: %v", found)
			lost++
		}
	}
	d.t.Logf("sessions lost: %d of %d", lost, len(visitors))
}

// aBit is between two times that somebody asks.
const aBit = 100 * time.Millisecond

// insist has a visitor ask one process in one way until an answer is good enough.
func (d *deployment) insist(s *seen, p *process, way string, v visitor, enough func(status int) bool) {
	pace := time.NewTicker(aBit)
	defer pace.Stop()
	for d.t.Context().Err() == nil && !d.t.Failed() {
		status, header, took := d.ask(p, way, v)
		s.note(d.t, way, status, header, took)
		if enough(status) {
			return
		}
		<-pace.C
	}
}

// crowdUntil has a visitor ask until something has happened.
func (d *deployment) crowdUntil(happened <-chan struct{}, s *seen, v visitor, p *process) {
	d.t.Helper()
	pace := time.NewTicker(aBit)
	defer pace.Stop()
	for deadline := time.After(2 * time.Minute); ; {
		d.crowd(s, []visitor{v}, []*process{p})
		select {
		case <-happened:
			return
		case <-deadline:
			d.t.Fatalf("waited in vain, meanwhile: %v", s)
		case <-pace.C:
		}
	}
}
