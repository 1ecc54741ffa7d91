package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// contentPolicy allows what our own pages load from our own origin, and nothing
// else; form-action is appended per response.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// permissions denies every feature that a sign-in page could be tricked into
// using; passkeys are for our own origin alone.
const permissions = "publickey-credentials-get=(self), publickey-credentials-create=(self), " +
	"accelerometer=(), browsing-topics=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), " +
	"gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), screen-wake-lock=(), serial=(), usb=()"

// SecurityHeaders sets the headers of every response before the handler runs, so
// that error pages have them too and a route can replace one: static files set a
// Cache-Control of their own, [CORS] opens Cross-Origin-Resource-Policy. hsts is
// how long browsers shall insist on TLS; 0 leaves the header out.
func SecurityHeaders(hsts time.Duration) Middleware {
	headers := [][2]string{
		{"Content-Security-Policy", contentPolicy},
		// Not no-referrer: that turns the Origin of our own form posts into "null".
		{"Referrer-Policy", "same-origin"},
		{"X-Content-Type-Options", "nosniff"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Permissions-Policy", permissions},
		{"Cache-Control", "no-store"},
	}
	if hsts > 0 {
		seconds := strconv.FormatInt(int64(hsts/time.Second), 10)
		headers = append(headers, [2]string{"Strict-Transport-Security", "max-age=" + seconds + "; includeSubDomains"})
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, header := range headers {
				w.Header().Set(header[0], header[1])
			}
			next.ServeHTTP(w, r)
		})
	}
}

// FormActionSource is something that a form's answer may lead to: a [Target], or
// an [Origin] that stands further down a chain of redirects.
type FormActionSource interface {
	// Origin is a CSP source ("https://app.example.com", "com.example.app:"), or
	// "" for our own origin.
	Origin() string
}

// SetFormAction lets the forms of this response end at the given sources besides
// ourselves. Browsers check form-action against the whole chain of redirects
// after a POST: without the app's origin here, the last click of a sign-in does
// nothing. Call it before the first byte is written.
func SetFormAction(w http.ResponseWriter, sources ...FormActionSource) {
	policy := contentPolicy
	for _, source := range sources {
		origin := source.Origin()
		if origin == "" || strings.ContainsAny(origin, " ;,'\r\n") {
			continue // nothing may end this directive and begin another
		}
		policy += " " + origin
	}
	w.Header().Set("Content-Security-Policy", policy)
}
