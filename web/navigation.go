package web

import (
	"net/http"
	"strings"
)

// TopLevelNavigation reports whether r is a person's browser going to a page in
// a tab of its own: a GET, and where the browser says so a navigation to a
// document that is no prefetch. Only such a request may complete a sign-in:
// anything else (an image in a forum, a hidden frame, a link preview, a mail
// scanner's HEAD, a prerendered page) would do it without the person.
func TopLevelNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		return false
	}
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		purpose := strings.ToLower(r.Header.Get(name))
		if strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "prerender") || strings.Contains(purpose, "preview") {
			return false
		}
	}
	return true
}
