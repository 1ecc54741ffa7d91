package web

import (
	"fmt"
	"net/url"
	"strings"
)

// BasePath is the path under which all pages live: "" or "/ui/v2/login".
type BasePath struct{ text string }

// ParseBasePath parses a base path. A lone "/" is none; a trailing slash is cut.
func ParseBasePath(s string) (BasePath, error) {
	trimmed := strings.TrimSuffix(s, "/")
	if trimmed == "" {
		return BasePath{}, nil
	}
	if trimmed[0] != '/' {
		return BasePath{}, fmt.Errorf("base path %q: must begin with /", s)
	}
	for segment := range strings.SplitSeq(trimmed[1:], "/") {
		if segment == "" || segment == "." || segment == ".." || url.PathEscape(segment) != segment {
			return BasePath{}, fmt.Errorf("base path %q: bad segment", s)
		}
	}
	return BasePath{trimmed}, nil
}

// String returns the base path, without a trailing slash.
func (b BasePath) String() string { return b.text }

// Page returns the path of one of our pages under the base path, for the attempt
// of the given short name ("" for none).
func (b BasePath) Page(path, attemptShort string) Path {
	p := Path{path: b.text + rooted(path)}
	if attemptShort != "" {
		p.query = "?a=" + url.QueryEscape(attemptShort)
	}
	return p
}

// Path is a page of ours. It carries at most the public short name of an
// attempt: no login name, code or token, for URLs are remembered and logged.
type Path struct{ path, query string }

// Page returns the path of one of our pages where there is no base path.
func Page(path, attemptShort string) Path { return BasePath{}.Page(path, attemptShort) }

// String returns the path with its query.
func (p Path) String() string { return p.path + p.query }

// Origin is empty: a page of ours is 'self'.
func (Path) Origin() string { return "" }

func (Path) sealed() {}

// rooted escapes path and gives it one slash at its head: with two, a browser
// would take what follows for a host.
func rooted(path string) string {
	u := url.URL{Path: "/" + strings.TrimLeft(path, `/\`)}
	return u.EscapedPath()
}
