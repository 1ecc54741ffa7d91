package zitadeltest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what kind of ZITADEL to be. The zero value is a good one.
type Config struct {
	// Issuer is the external URL, default http://id.example.localhost:8300.
	// Its host is the only one that is answered.
	Issuer string
	// LoginBaseURI is the login UI that browsers are sent to and that default
	// mail links name, default http://auth.example.localhost:8400/.
	LoginBaseURI string
	// Now is the clock, default time.Now. Advance moves on top of it.
	Now func() time.Time
	// Lag is how long searches and sessions by user id do not see a write yet.
	// 30 ms is what a real server shows; 0 is none.
	Lag time.Duration
	// AccessTokenLifetime is that of the instance's OIDC settings, default 12 hours.
	AccessTokenLifetime time.Duration
	// PasswordDelay is how long a password check takes, as bcrypt would.
	PasswordDelay time.Duration
	// RecoveryCodes lets sessions check recovery codes, as servers of 2026 do.
	// That part is written after documentation: the recorded server has none.
	RecoveryCodes bool
	// Fixtures serves the administrator calls that the recorder makes, and
	// sends mails and SMS out, see WriteFixtures.
	Fixtures bool
	// Violation is told whatever a real server would overlook or that no
	// recording shows: unknown paths, fields and parameters. Nil ignores it.
	Violation func(format string, args ...any)
}

// Server is an in-memory ZITADEL and an http.Handler.
type Server struct {
	config Config
	issuer *url.URL
	url    string
	mux    *http.ServeMux
	held   atomic.Int64 // requests that a fault holds back

	mu       sync.Mutex // guards everything below
	offset   time.Duration
	lastID   int64
	keysUsed int
	world
	oidc   *oidcState
	outbox outbox
	faults []*Fault
	calls  []Call
}

// route is one row of the route table. Exactly one of api and raw is set.
type route struct {
	// pattern is a method and a path as net/http has them.
	pattern string
	// api answers a REST call: a bearer token is needed, JSON comes and goes.
	api func(*call) (any, error)
	// raw answers anything else. It runs under the server's lock.
	raw http.HandlerFunc
	// status is that of a successful api answer, default 200.
	status int
	// query names the parameters that are known; others are a violation.
	query []string
}

// New makes a server with one organization, named Example, and no users.
func New(config Config) *Server {
	if config.Issuer == "" {
		config.Issuer = "http://id.example.localhost:8300"
	}
	if config.LoginBaseURI == "" {
		config.LoginBaseURI = "http://auth.example.localhost:8400/"
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.AccessTokenLifetime == 0 {
		config.AccessTokenLifetime = accessTokenLifetime
	}
	if config.Violation == nil {
		config.Violation = func(string, ...any) {}
	}
	issuer, err := url.Parse(config.Issuer)
	if err != nil {
		panic("zitadeltest: issuer: " + err.Error()) // a wrong test, not a wrong world
	}
	s := &Server{config: config, issuer: issuer, url: config.Issuer, lastID: firstID}
	s.world = newWorld(s)
	s.oidc = newOIDCState()
	s.outbox.generators = defaultGenerators()
	s.buildMux()
	return s
}

// Issuer is the external URL, as in tokens.
func (s *Server) Issuer() string { return s.config.Issuer }

// URL is where the server listens; the issuer's when it does not listen itself.
func (s *Server) URL() string { return s.url }

// routes are the one route table, made from those of the areas.
func (s *Server) routes() []route {
	table := slices.Concat(
		s.sessionRoutes(), s.userRoutes(), s.credentialRoutes(), s.factorRoutes(), s.inviteRoutes(), s.settingsRoutes(), s.providerRoutes(),
		s.organizationRoutes(), s.miscRoutes(), s.oidcRoutes(),
	)
	if s.config.Fixtures {
		table = append(table, s.fixtureRoutes()...)
	}
	return table
}

func (s *Server) buildMux() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/", s.serveUnknown)
	for _, row := range s.routes() {
		s.mux.HandleFunc(row.pattern, func(w http.ResponseWriter, r *http.Request) { s.serveRow(w, r, row) })
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	// Read before the lock is taken: a slow body must not hold up the others.
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, pattern := s.mux.Handler(r)
	grant := grantOf(r, body)
	defer func() { s.recordCall(Call{r.Method, pattern, recorder.status, grant}) }()
	fault, faulty := s.takeFault(r, grant)
	if faulty && fault.serve(recorder, r, &s.held) {
		return
	}
	if fault.Lost || fault.Late {
		answer := httptest.NewRecorder()
		recorder.ResponseWriter = answer
		defer func() { fault.deliver(w, r, answer, &s.held) }() // without the lock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("X-Robots-Tag", "none")
	if isPreflight(r) {
		servePreflight(recorder, r)
		return
	}
	if s.refuseHost(recorder, r) {
		return
	}
	s.mux.ServeHTTP(recorder, r)
}

func (s *Server) serveRow(w http.ResponseWriter, r *http.Request, row route) {
	for name := range r.URL.Query() {
		if !slices.Contains(row.query, name) {
			s.config.Violation("zitadeltest: %s: unknown query parameter %q", row.pattern, name)
		}
	}
	if row.raw != nil {
		row.raw(w, r)
		return
	}
	s.serveAPI(w, r, row)
}

// serveUnknown answers what no row of the table fits: 405 when another method
// would, else 404.
func (s *Server) serveUnknown(w http.ResponseWriter, r *http.Request) {
	s.config.Violation("zitadeltest: unknown path: %s %s", r.Method, r.URL.Path)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			writeJSON(w, http.StatusMethodNotAllowed, object{"code": 12, "message": "Method Not Allowed"})
			return
		}
	}
	writeJSON(w, http.StatusNotFound, object{"code": 5, "message": "Not Found"})
}
