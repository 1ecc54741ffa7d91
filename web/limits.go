package web

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
)

// What a request may weigh. Every limit is below what a browser can be made to
// send, and above what a browser sends to a sign-in page.
const (
	// MaxBodyBytes is the limit of a request body.
	MaxBodyBytes = 64 << 10
	// MaxURIBytes is the limit of path and query.
	MaxURIBytes = 8000
	// MaxQueryFields is the limit of fields in a query.
	MaxQueryFields = 100
	// MaxHeaderLines is the limit of header lines.
	MaxHeaderLines = 80
	// MaxHeaderLineBytes is the limit of one header line, name and value, but for
	// Cookie: what siblings have put there is not the visitor's to shorten.
	MaxHeaderLineBytes = 8000
	// MaxCookies is the limit of cookies in a request. Browsers keep up to 180 for a
	// domain with all that is below it: with fewer allowed, a sibling could keep
	// visitors out by cookies of its own.
	MaxCookies = 400
)

// Limits refuses requests that are too long (414), have too many query fields
// (400), or too many or too large headers or too many cookies (431), before anything
// parses them. The size of cookies, and of all headers together, is the server's to
// limit, see [NewServer].
func Limits(page ErrorPage) Middleware {
	return refuse(page, func(r *http.Request) int {
		return cmp.Or(addressOverLimit(r), linesOverLimit(r.Header), cookiesOverLimit(r.Header))
	})
}

// AskedLimits is for what a proxy asks about an app's request: the limit of cookies
// alone (431), besides those of the server. Address and headers are the app's, which
// may take more than our pages do; what stands in them is passed over.
func AskedLimits(page ErrorPage) Middleware {
	return refuse(page, func(r *http.Request) int { return cookiesOverLimit(r.Header) })
}

// refuse answers a request for which over has a status.
func refuse(page ErrorPage, over func(*http.Request) int) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status := over(r); status != 0 {
				fail(record(w), r, Error{Status: status, Err: errors.New("request over limit")}, page)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// addressOverLimit returns the status of the first limit that r's address exceeds,
// or 0.
func addressOverLimit(r *http.Request) int {
	if len(r.RequestURI) > MaxURIBytes || len(r.URL.Path)+len(r.URL.RawQuery) > MaxURIBytes {
		return http.StatusRequestURITooLong
	}
	if strings.Count(r.URL.RawQuery, "&") >= MaxQueryFields {
		return http.StatusBadRequest
	}
	return 0
}

// linesOverLimit returns 431 where there are too many lines, or where one that holds no
// cookies is too long, else 0.
func linesOverLimit(header http.Header) int {
	lines := 0
	for name, values := range header {
		lines += len(values)
		for _, value := range values {
			if name != "Cookie" && len(name)+len(": ")+len(value) > MaxHeaderLineBytes {
				return http.StatusRequestHeaderFieldsTooLarge
			}
		}
	}
	if lines > MaxHeaderLines {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return 0
}

// cookiesOverLimit returns 431 where there are too many cookies, else 0.
func cookiesOverLimit(header http.Header) int {
	cookies := 0
	for _, value := range header["Cookie"] {
		cookies += 1 + strings.Count(value, ";")
	}
	if cookies > MaxCookies {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return 0
}

// MaxBody limits the request body: at once with 413 where Content-Length says
// that it is too large, else while it is read ([Adapt] knows the error). A
// Content-Encoding is 415: we never unpack what a stranger has packed, for a few
// kilobytes can become gigabytes.
func MaxBody(limit int64, page ErrorPage) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.ContentLength > limit:
				fail(record(w), r, Error{Status: http.StatusRequestEntityTooLarge, Err: errors.New("body over limit")}, page)
				return
			case r.ContentLength != 0 && r.Header.Get("Content-Encoding") != "":
				fail(record(w), r, Error{Status: http.StatusUnsupportedMediaType, Err: errors.New("body is encoded")}, page)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			next.ServeHTTP(w, r)
		})
	}
}

// WholeBody reads a body before next begins, and refuses one that is too large: who
// sends slowly is waited for where nobody else has to wait behind them.
func WholeBody(page ErrorPage) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength != 0 {
				body, err := wholeBody(r)
				if err != nil {
					fail(record(w), r, err, page)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// MaxInFlight serves n requests at a time, of all routes that it is put before
// together, and answers the others 503 at once: a queue would only let all of them time
// out, and memory grow meanwhile. What takes its time without work does not belong
// behind it: streams, and bodies (see [WholeBody]).
func MaxInFlight(n int, page ErrorPage) Middleware {
	slots := make(chan struct{}, n)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				next.ServeHTTP(w, r)
			default:
				fail(record(w), r, Error{Status: http.StatusServiceUnavailable, Err: errors.New("too many requests in flight")}, page)
			}
		})
	}
}
