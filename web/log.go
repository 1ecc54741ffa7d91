package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Event is the one log line of a request. Handlers add what they learn with Set
// instead of logging on their own; [RequestLog] writes it when the request ends.
type Event struct {
	mu        sync.Mutex
	fields    []slog.Attr
	usual     [usualFields]slog.Attr // room for fields
	status    int
	level     slog.Level
	requestID string
	clientIP  netip.Addr
}

// maxEventFields bounds a line whatever a handler does in a loop.
const maxEventFields = 48

// usualFields is how many a line has as a rule.
const usualFields = 6

// maxLogValue is how much of a value is logged, in bytes.
const maxLogValue = 512

type eventKey struct{}

// EventFrom returns the event of the request that ctx belongs to. It is never
// nil: outside of a request it is one that nobody writes.
func EventFrom(ctx context.Context) *Event {
	if event, ok := ctx.Value(eventKey{}).(*Event); ok {
		return event
	}
	return new(Event)
}

// withEvent returns the request's event, and the request that carries it, and what
// else is carried.
func withEvent(r *http.Request, carried ...func(context.Context) context.Context) (*Event, *http.Request) {
	if event, ok := r.Context().Value(eventKey{}).(*Event); ok {
		return event, r
	}
	event := &Event{}
	event.fields = event.usual[:0]
	ctx := context.WithValue(r.Context(), eventKey{}, event)
	for _, carry := range carried {
		ctx = carry(ctx)
	}
	return event, r.WithContext(ctx)
}

// Set adds a field to the request's line; the last value of a key wins. Two keys
// have a meaning to the kit: "route" is the route's template ("/idp/{provider}"),
// never the path that was sent, and "security_event" names what an auditor
// counts. Text is cut at 512 bytes, and what is not printable is escaped. Do not
// set secrets, login names or form values.
func (e *Event) Set(key string, value any) {
	attr := slog.Attr{Key: key, Value: logValue(value)}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.fields {
		if e.fields[i].Key == key {
			e.fields[i] = attr
			return
		}
	}
	if len(e.fields) < maxEventFields {
		e.fields = append(e.fields, attr)
	}
}

// setStatus records a status other than the one that was sent.
func (e *Event) setStatus(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

// raise makes the line at least as urgent as level.
func (e *Event) raise(level slog.Level) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.level = max(e.level, level)
}

// RequestLog writes one line for each request: method, status, duration, request
// id, client address, and what handlers Set. Never the path, the query, cookies,
// credentials or the body: a mail link's code is in a query, and logs are read
// by more people than the store is. What else the context of every request is to carry
// it adds as well: in a middleware of its own that would be another copy of the request.
func RequestLog(logger *slog.Logger, now func() time.Time, carried ...func(context.Context) context.Context) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := now()
			event, r := withEvent(r, carried...)
			rec := record(w)
			aborted := true
			defer func() { // deferred, so that an aborted response is logged too
				if aborted {
					event.Set("aborted", true)
				}
				event.write(logger, r, rec, now().Sub(start))
			}()
			next.ServeHTTP(rec, r)
			aborted = false
		})
	}
}

// write logs the event, under an id of our own unless a trusted proxy's was taken.
func (e *Event) write(logger *slog.Logger, r *http.Request, rec *recorder, took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !logger.Enabled(r.Context(), e.level) {
		return
	}
	if e.requestID == "" {
		e.requestID = rand.Text()[:16]
	}
	status := e.status
	if status == 0 {
		status = rec.status
	}
	if status == 0 {
		status = http.StatusOK // net/http's answer to a handler that wrote nothing
	}
	attrs := make([]slog.Attr, 0, 8+len(e.fields))
	attrs = append(attrs,
		slog.String("method", clean(r.Method, 16)),
		slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", rec.bytes),
		slog.String("request_id", e.requestID),
		slog.String("user_agent", clean(r.UserAgent(), 100)),
	)
	if e.clientIP.IsValid() {
		attrs = append(attrs, slog.String("client_ip", e.clientIP.String()))
	}
	logger.LogAttrs(r.Context(), e.level, "request", append(attrs, e.fields...)...)
}

// logValue keeps numbers, times and the like, and cleans whatever prints as
// text. A slog.LogValuer is resolved first, so that a secret stays redacted.
func logValue(value any) slog.Value {
	v := slog.AnyValue(value).Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(clean(v.String(), maxLogValue))
	case slog.KindAny, slog.KindGroup:
		return slog.StringValue(clean(fmt.Sprint(v.Any()), maxLogValue))
	}
	return v
}

// clean cuts s at limit bytes and escapes what is not printable: a line break, a
// U+2028 or an ANSI sequence would let a visitor write log lines of their own,
// or the terminal of whoever reads them.
func clean(s string, limit int) string {
	if len(s) <= limit && plain(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case i >= limit:
			b.WriteString("…")
			return b.String()
		case r == utf8.RuneError && s[i] != '\xef': // a byte that is no UTF-8
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// plain reports whether s is printable ASCII, as nearly everything is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
