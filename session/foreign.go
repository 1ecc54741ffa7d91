package session

import (
	"net/http"
	"strings"
)

// ForeignCookies is the Cookie header of a request without the cookies that are
// ours, for an app behind a proxy: whoever has one of those is the visitor, and the
// app has no use for that. What is left keeps its order and its spelling; "" is
// nothing left.
func ForeignCookies(r *http.Request) string {
	lines := r.Header["Cookie"]
	if len(lines) == 1 && !strings.Contains(lines[0], "__") {
		return lines[0]
	}
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.Trim(part, " \t")
			name, _, _ := strings.Cut(part, "=")
			if part != "" && !isOurs(strings.Trim(name, " \t")) {
				kept = append(kept, part)
			}
		}
	}
	return strings.Join(kept, "; ")
}

// isOurs reports whether a cookie of this name proves something to us.
func isOurs(name string) bool {
	switch name {
	case sharedSession, hostOnlySession, accountsName:
		return true
	}
	return strings.HasPrefix(name, attemptPrefix)
}
