package web

import (
	"net/http"
	"slices"
	"strings"
)

// CORS lets scripts of the listed origins read a route's answers with the
// visitor's cookies. An origin that is not listed learns nothing: it is never
// answered with *, null or its own name. Preflights are answered here, and
// granted only for the listed methods and headers.
type CORS struct {
	Origins Origins
	Methods []string
	Headers []string
}

// Handler is the middleware of c.
func (c CORS) Handler(next http.Handler) http.Handler {
	methods := strings.Join(c.Methods, ", ")
	headers := strings.Join(c.Headers, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// Also where nothing is granted: a cache must not serve one origin's
		// answer to another, nor one visitor's.
		h.Add("Vary", "Origin, Cookie")
		origin, ok := c.Origins.match(r.Header.Get("Origin"))
		if ok {
			h.Set("Access-Control-Allow-Origin", origin.text)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		if !ok || !c.grants(r) {
			h.Del("Access-Control-Allow-Origin")
			h.Del("Access-Control-Allow-Credentials")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.Set("Access-Control-Allow-Methods", methods)
		if headers != "" {
			h.Set("Access-Control-Allow-Headers", headers)
		}
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// grants reports whether all that a preflight asks for is listed. HEAD is where
// GET is.
func (c CORS) grants(r *http.Request) bool {
	method := r.Header.Get("Access-Control-Request-Method")
	if !slices.Contains(c.Methods, method) && !(method == http.MethodHead && slices.Contains(c.Methods, http.MethodGet)) {
		return false
	}
	for name := range strings.SplitSeq(r.Header.Get("Access-Control-Request-Headers"), ",") {
		name = strings.TrimSpace(name)
		listed := func(header string) bool { return strings.EqualFold(header, name) }
		if name != "" && !slices.ContainsFunc(c.Headers, listed) {
			return false
		}
	}
	return true
}
