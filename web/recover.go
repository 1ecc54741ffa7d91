package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// Recover turns a panic into a 500: one visitor's broken page must not end the
// sign-ins of everybody else. The panic and the calls that led to it are logged,
// never shown. http.ErrAbortHandler passes, and a response that has begun is cut
// off rather than passed off as complete.
func Recover(page ErrorPage) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := record(w)
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if v == http.ErrAbortHandler {
					panic(v)
				}
				begun := rec.started()
				event := EventFrom(r.Context())
				event.raise(slog.LevelError)
				event.Set("panic_at", panicFrames())
				fail(rec, r, Error{Status: http.StatusInternalServerError, Err: fmt.Errorf("panic: %v", v)}, page)
				if begun {
					panic(http.ErrAbortHandler)
				}
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

// panicFrames names the calls that led to a panic, innermost first, in one line.
func panicFrames() string {
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var names []string
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") && frame.Function != "" {
			names = append(names, path.Base(frame.File)+":"+strconv.Itoa(frame.Line))
		}
		if !more {
			return strings.Join(names, " < ")
		}
	}
}
