package zitadeltest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Fault makes matching requests fail, before they are looked at.
type Fault struct {
	Method string        // "" for any
	Path   string        // a prefix, "" for any
	Grant  string        // the grant type that the token endpoint is asked by, "" for any
	Status int           // answered with Body; 0 with no Garbage and Drop only delays
	Body   string        // JSON unless it is not
	Delay  time.Duration // before anything else; ends early when the caller leaves
	// Until holds the request back until it is closed, or the caller leaves. The
	// request is looked at then, if nothing else is said.
	Until <-chan struct{}
	// Late does what is asked for at once, and holds the answer back until Until.
	Late bool
	// Lost does what is asked for and closes the connection without an answer.
	Lost bool
	// Garbage answers 200 with something that is not JSON.
	Garbage bool
	// Drop closes the connection without an answer. Mind that net/http tries a
	// GET again by itself when it used an open connection.
	Drop bool
	// Times is how many requests fail, 0 for all from now on.
	Times int
}

// Fault injects a fault. Faults are tried in the order they were injected.
func (s *Server) Fault(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault finds the fault for a request and counts it down.
func (s *Server) takeFault(r *http.Request, grant string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, fault := range s.faults {
		if fault.Method != "" && fault.Method != r.Method || !strings.HasPrefix(r.URL.Path, fault.Path) ||
			fault.Grant != "" && fault.Grant != grant {
			continue
		}
		taken := *fault
		if fault.Times--; fault.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return taken, true
	}
	return Fault{}, false
}

// Held is how many requests are held back at the moment.
func (s *Server) Held() int { return int(s.held.Load()) }

// serve plays the fault and says whether the request is answered with that.
func (f Fault) serve(w http.ResponseWriter, r *http.Request, held *atomic.Int64) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	if !f.Late {
		f.hold(r, held)
	}
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler) // the one way to hang up that net/http knows
	case f.Garbage:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>garbage"))
	case f.Status != 0:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	default:
		return false
	}
	return true
}

// hold waits until the request, or its answer, is let go.
func (f Fault) hold(r *http.Request, held *atomic.Int64) {
	if f.Until == nil {
		return
	}
	held.Add(1)
	defer held.Add(-1)
	select {
	case <-f.Until:
	case <-r.Context().Done():
	}
}

// deliver gives an answer that was made already, late or never.
func (f Fault) deliver(w http.ResponseWriter, r *http.Request, answer *httptest.ResponseRecorder, held *atomic.Int64) {
	f.hold(r, held)
	if f.Lost {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// SetLag changes how long reads do not see a write yet, see [Config].Lag.
func (s *Server) SetLag(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Lag = lag
}

// Call is one request that was answered.
type Call struct {
	Method string
	Route  string // the pattern of the route table, such as "GET /v2/users/{id}"
	Status int
	Grant  string // the grant type that the token endpoint was asked by
}

// grantOf is the grant type of a request to the token endpoint, "" for others.
func grantOf(r *http.Request, body []byte) string {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return ""
	}
	form, _ := url.ParseQuery(string(body)) // what cannot be parsed is answered later
	return form.Get("grant_type")
}

// maxCalls is how many calls are remembered; the older half goes first.
const maxCalls = 10_000

// Calls are the requests since the start or the last ResetCalls, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ResetCalls forgets the calls so far.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *Server) recordCall(call Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) >= maxCalls {
		s.calls = slices.Delete(s.calls, 0, maxCalls/2) // a development server runs for days
	}
	s.calls = append(s.calls, call)
}
