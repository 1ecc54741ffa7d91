package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Handler answers a request or says why it could not. An error that is no
// [Error] is a 500 to the visitor; its text goes to the log and nowhere else.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Middleware wraps a handler with one concern.
type Middleware func(next http.Handler) http.Handler

// Error is what a visitor is told about a failure, with the private cause beside
// it: Status and Key are public, Err is for the log.
type Error struct {
	// Status is the HTTP status; 0 means 500.
	Status int
	// Key is the locale key of the text to show; empty lets the page choose by Status.
	Key string
	// Err is the cause. It is logged and never shown, and must hold no secret.
	Err error
	// RetryAfter is told to the client; 429 and 503 have a default.
	RetryAfter time.Duration
	// Next is the way on that the page offers; nil lets the page choose.
	Next Target
	// Form is the form that came to nothing, for the page to send once more. It
	// must hold no secret. nil offers nothing.
	Form url.Values
}

// Error describes the failure for the log.
func (e Error) Error() string {
	status := cmp.Or(e.Status, http.StatusInternalServerError)
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if e.Key != "" {
		text += " (" + e.Key + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the private cause.
func (e Error) Unwrap() error { return e.Err }

// ErrorPage renders a failure as a page. It writes the status of the Error and
// shows errorID, by which the log line is found.
type ErrorPage func(w http.ResponseWriter, r *http.Request, e Error, errorID string)

// StatusClientClosedRequest is recorded, never sent, for a request whose client
// went away: a closed tab is not a failure.
const StatusClientClosedRequest = 499

// Adapt turns a Handler into an http.HandlerFunc. A returned error is logged
// under a short random id, and answered with the page, or with
// application/problem+json where the client is a script or page is nil. When
// the response has begun already, the error is only logged.
func Adapt(h Handler, page ErrorPage) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := record(w)
		if err := h(rec, r); err != nil {
			fail(rec, r, err, page)
		}
	}
}

// fail answers a request with err. It is the one place where an error becomes a
// response.
func fail(w *recorder, r *http.Request, err error, page ErrorPage) {
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	event := EventFrom(r.Context())
	if errors.Is(r.Context().Err(), context.Canceled) {
		event.setStatus(StatusClientClosedRequest)
		event.Set("error", err)
		return
	}
	public := publicError(err)
	id := rand.Text()[:10]
	event.Set("error_id", id)
	event.Set("error", err)
	event.raise(levelOf(public.Status))
	if w.started() {
		event.Set("response_begun", true)
		return
	}
	prepareErrorHeader(w.Header(), public)
	if page == nil || WantsJSON(r) {
		page = ProblemPage
	}
	render(w, r, page, public, id)
}

// render calls the page, which may itself be what is broken: the visitor then
// gets a line of plain text, never an empty response with status 200.
func render(w *recorder, r *http.Request, page ErrorPage, e Error, id string) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			EventFrom(r.Context()).Set("error_page", fmt.Sprint("panic: ", v))
		}
		if !w.started() {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(e.Status)
			fmt.Fprintf(w, "%s\n%s\n", http.StatusText(e.Status), id)
		}
	}()
	page(w, r, e, id)
}

// publicError finds the Error in err. What is none of ours is a 500, but for the
// two that the standard library reports on our behalf. Nothing becomes a 401
// here: trouble with a store must never look like a missing sign-in.
func publicError(err error) Error {
	public := Error{Status: http.StatusInternalServerError, Err: err}
	if e, ok := errors.AsType[Error](err); ok {
		public = e
	} else if e, ok := errors.AsType[*Error](err); ok && e != nil {
		public = *e
	} else if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		public.Status = http.StatusRequestEntityTooLarge
	} else if errors.Is(err, context.DeadlineExceeded) {
		public.Status = http.StatusServiceUnavailable
	}
	if public.Status < 400 || public.Status > 599 {
		public.Status = http.StatusInternalServerError
	}
	if public.RetryAfter == 0 {
		public.RetryAfter = defaultRetryAfter[public.Status]
	}
	return public
}

// defaultRetryAfter keeps well-behaved clients from hammering a gate in trouble.
var defaultRetryAfter = map[int]time.Duration{
	http.StatusTooManyRequests:    10 * time.Second,
	http.StatusServiceUnavailable: 5 * time.Second,
}

// levelOf is Error only where a human must act.
func levelOf(status int) slog.Level {
	switch {
	case status == http.StatusInternalServerError:
		return slog.LevelError
	case status > http.StatusInternalServerError:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// prepareErrorHeader drops what the handler had announced of the response that
// it did not finish. Cookies stay: a handler that cleared one meant it.
func prepareErrorHeader(h http.Header, e Error) {
	for _, name := range []string{
		"Content-Length", "Content-Encoding", "Content-Disposition",
		"Etag", "Last-Modified", "Location", "Refresh",
	} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch e.Status {
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		// Closing beats reading on until the client has sent it all.
		h.Set("Connection", "close")
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
}
