package zitadeltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// answer is what two servers are compared by.
type answer struct {
	Status  int
	Headers http.Header
	Body    any // decoded JSON, or the text
}

var (
	numbers  = regexp.MustCompile(`[0-9]{6,}`)
	requests = regexp.MustCompile(`V2_[0-9]+|[0-9]{6,}`)
)

// difference says how got differs from the recorded want, "" when it does not:
// status, error id and code, Location, Content-Type, WWW-Authenticate, and the
// set of JSON paths with their types. Values do not count.
func difference(want, got answer) string {
	if want.Status != got.Status {
		return fmt.Sprintf("status %d for %d", got.Status, want.Status)
	}
	if a, b := errorID(want.Body), errorID(got.Body); a != b {
		return fmt.Sprintf("error %q for %q", b, a)
	}
	if a, b := location(want.Headers), location(got.Headers); a != b {
		return fmt.Sprintf("Location %q for %q", b, a)
	}
	if a, b := contentType(want.Headers), contentType(got.Headers); a != b {
		return fmt.Sprintf("Content-Type %q for %q", b, a)
	}
	if a, b := want.Headers.Get("WWW-Authenticate") != "", got.Headers.Get("WWW-Authenticate") != ""; a != b {
		return "WWW-Authenticate"
	}
	a, b := map[string]bool{}, map[string]bool{}
	collectPaths(a, want.Body, "$")
	collectPaths(b, got.Body, "$")
	if maps.Equal(a, b) {
		return ""
	}
	return fmt.Sprintf("missing %v, extra %v", without(a, b), without(b, a))
}

// without lists what only the first set has.
func without(a, b map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(path string) bool { return b[path] })
}

// collectPaths notes each JSON path with its type. Of an array the first
// element counts; ids in keys do not.
func collectPaths(paths map[string]bool, v any, at string) {
	switch v := v.(type) {
	case map[string]any:
		paths[at+":object"] = true
		for key, value := range v {
			name := numbers.ReplaceAllString(key, "*")
			if strings.Contains(key, "V2_") {
				name = "*"
			}
			collectPaths(paths, value, at+"."+name)
		}
	case []any:
		paths[at+":array"] = true
		if len(v) > 0 {
			collectPaths(paths, v[0], at+"[]")
		}
	default:
		paths[fmt.Sprintf("%s:%T", at, v)] = true
	}
}

// errorID is what a caller can branch on: code, OAuth error, id of the details.
func errorID(body any) string {
	object, ok := body.(map[string]any)
	if !ok {
		return ""
	}
	id := ""
	if details, ok := object["details"].([]any); ok && len(details) > 0 {
		if detail, ok := details[0].(map[string]any); ok {
			id = text(detail["id"])
		}
	}
	return text(object["code"]) + "|" + text(object["error"]) + "|" + id
}

// text is a string or a number, and nothing of anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}

// location is the shape of a redirect: host, path without ids, parameter names.
func location(h http.Header) string {
	target := h.Get("Location")
	if target == "" {
		return ""
	}
	u, err := url.Parse(target)
	if err != nil {
		return "unparsable " + target
	}
	return u.Host + requests.ReplaceAllString(u.Path, "*") + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), ",")
}

func contentType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return media
}

// decodeBody is a body as recordings hold it: JSON if it is, else text.
func decodeBody(raw []byte) any {
	var v any
	if json.Unmarshal(raw, &v) == nil {
		return v
	}
	return string(raw)
}
