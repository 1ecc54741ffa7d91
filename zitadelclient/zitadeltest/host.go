package zitadeltest

import (
	"fmt"
	"net/http"
	"strings"
)

// refuseHost answers requests for a host that is not the instance's, and says
// whether it did. ZITADEL finds its instance by the Host header, or by what a
// proxy says in its place.
func (s *Server) refuseHost(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/debug/") {
		return false
	}
	instance := firstOf(r.Header.Get("x-zitadel-instance-host"), r.Header.Get("X-Forwarded-Host"), r.Host)
	public := r.Header.Get("x-zitadel-public-host")
	problem := ""
	switch {
	case instance != s.issuer.Host:
		problem = "ID=QUERY-1kIjX Message=Instance not found. Make sure you got the domain right."
	case public != "" && public != s.issuer.Host:
		problem = "ID=QUERY-IuGh1 Message=Instance not found. Make sure you got the domain right."
	default:
		return false
	}
	s.config.Violation("zitadeltest: unknown host %q (public host %q)", instance, public)
	text := fmt.Sprintf("unable to set instance using origin &{%s %s http} (ExternalDomain is %s): %s", instance, public, s.issuer.Hostname(), problem)
	if isREST(r.URL.Path) {
		(&apiError{status: http.StatusNotFound, code: 5, message: text}).write(s, w)
		return true
	}
	w.Header().Set("Vary", "Origin")
	noStore(w, s)
	http.Error(w, text, http.StatusNotFound)
	return true
}

// isREST tells the JSON API from the OpenID Connect endpoints.
func isREST(path string) bool {
	for _, prefix := range []string{"/v2/", "/v2beta/", "/management/v1/", "/admin/v1/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// noStore sets the cache headers of the OpenID Connect endpoints.
func noStore(w http.ResponseWriter, s *Server) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Expires", s.now().Format(http.TimeFormat))
	w.Header().Set("Pragma", "no-cache")
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// servePreflight allows any origin to do anything, as the real server does.
func servePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}
