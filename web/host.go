package web

import (
	"errors"
	"net/http"
	"slices"
)

// Host serves requests for our own public host alone: another well-formed one is
// 421, a malformed one 400. A Host header chosen by an attacker (a rebound name,
// a poisoned cache) never reaches a handler. Requests for the paths in except
// are let through: a probe asks for the pod's address.
func Host(public Origin, page ErrorPage, except ...string) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked, err := parseOrigin(public.scheme() + "://" + r.Host)
			switch {
			case err == nil && asked == public, slices.Contains(except, r.URL.Path):
				next.ServeHTTP(w, r)
			case err != nil:
				fail(record(w), r, Error{Status: http.StatusBadRequest, Err: errors.New("malformed host")}, page)
			default:
				fail(record(w), r, Error{Status: http.StatusMisdirectedRequest, Err: errors.New("not our host")}, page)
			}
		})
	}
}
