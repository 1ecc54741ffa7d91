package web

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Methods is a route's handlers by method:
//
//	web.Adapt(web.Methods{"GET": s.showPassword, "POST": s.checkPassword}.Serve, page)
//
// HEAD is answered as GET, without the body; what a HEAD must not complete asks
// [TopLevelNavigation]. Any other method is 405 with Allow.
type Methods map[string]Handler

// Serve is the Handler of m.
func (m Methods) Serve(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h, ok := m[method]; ok {
		return h(w, r)
	}
	allowed := slices.Collect(maps.Keys(m))
	if _, ok := m[http.MethodGet]; ok {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(slices.Compact(allowed), ", "))
	return Error{Status: http.StatusMethodNotAllowed, Err: errors.New("method not allowed")}
}
