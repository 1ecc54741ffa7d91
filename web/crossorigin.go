package web

import (
	"errors"
	"net/http"
)

// CrossOrigin refuses, with 403, requests that change something and come from
// another origin. Another sub-domain of ours is another origin: one forgotten
// app must not be able to sign its visitors in or out. trusted names the origins
// that may all the same; give it on the routes that apps call, and nowhere else.
// Safe methods pass, so nothing may change anything on GET. So do requests
// without any word on their origin: those are no browser's.
func CrossOrigin(public Origin, trusted Origins, page ErrorPage) Middleware {
	protection := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := protection.AddTrustedOrigin(origin.text); err != nil {
			panic(err) // only the zero Origin: a mistake in our own wiring
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := protection.Check(r)
			if err == nil {
				err = consistent(r, public, trusted)
			}
			if err != nil {
				refuseCrossOrigin(w, r, err, page)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// consistent refuses a request whose Sec-Fetch-Site says that it is our own
// while its Origin names somebody else. No browser sends that. It also closes
// the gap that an old browser's Origin is compared by host alone: http is not us.
func consistent(r *http.Request, public Origin, trusted Origins) error {
	origin := r.Header.Get("Origin")
	if isSafe(r.Method) || origin == "" || origin == public.text {
		return nil
	}
	if origin == "null" && r.Header.Get("Sec-Fetch-Site") != "" {
		return nil // a privacy setting hid it; Sec-Fetch-Site has been checked
	}
	if _, ok := trusted.match(origin); ok {
		return nil
	}
	return errors.New("origin is neither ours nor trusted")
}

// RequireOrigin is for routes that scripts call with the visitor's cookies: a
// request that changes something must name an allowed Origin. Browsers always
// do; what does not is no app of ours.
func RequireOrigin(allowed Origins, page ErrorPage) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isSafe(r.Method) {
				sent := r.Header.Values("Origin")
				if len(sent) != 1 {
					refuseCrossOrigin(w, r, errors.New("want one Origin"), page)
					return
				}
				if _, ok := allowed.match(sent[0]); !ok {
					refuseCrossOrigin(w, r, errors.New("origin is not allowed"), page)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// refuseCrossOrigin answers 403 and leaves a mark for the auditor.
func refuseCrossOrigin(w http.ResponseWriter, r *http.Request, err error, page ErrorPage) {
	EventFrom(r.Context()).Set("security_event", "csrf_rejected")
	fail(record(w), r, Error{Status: http.StatusForbidden, Err: err}, page)
}

// isSafe reports the methods that change nothing.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
