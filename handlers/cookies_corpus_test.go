package handlers_test

import (
	"net/http"
	"regexp"
	"strings"

	"torhaus/session"
)

// cookieCase is a row of the corpus of Cookie lines, with live values in it.
type cookieCase struct {
	row, line, valid string
	allowed          []int // 200 where somebody is served
}

// bareName is the corpus's name for the session's cookie where it stands alone.
var bareName = regexp.MustCompile(`(^|[ ;,=])(sid|SID)( ?=)`)

// cookieCases are all rows, for the mode that has this session cookie. Bob's are the
// other values.
func (w *world) cookieCases(cookie string) (cases []cookieCase) {
	w.t.Helper()
	w.addPerson()
	value := func(name string) string {
		b := newBrowser(w.t)
		b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": name}).typePassword(password).at("/inbox")
		return b.cookie(w.auth, cookie)
	}
	expired := value("alice")
	w.zitadel.Advance(12 * 60 * minute)
	gone := newBrowser(w.t)
	w.signIn(gone)
	deleted := gone.cookie(w.auth, cookie)
	gone.open(w.auth + "/logout").fill(nil)
	begun := newBrowser(w.t)
	begun.open(w.auth + "/loginname")
	domain := map[string]string{"__Secure-torhaus": "example.localhost", "__Host-torhaus": ""}[cookie]
	staging, err := session.NewManager(session.Config{Store: w.store, Keys: session.Keys{w.key}, Environment: "staging", CookieDomain: domain, Now: w.now})
	w.must(err)
	valid := value("alice")
	names := strings.NewReplacer("__Host-sid", "__Host-torhaus", "__host-sid", "__host-torhaus", "__Secure-sid", "__Secure-torhaus")
	values := strings.NewReplacer("<state cookie value>", begun.cookie(w.auth, "__Host-attempt-"), "<sid cookie value>", valid, "valid-of-deleted-session", deleted,
		"VALID-of-other-environment", startedSession(w.t, staging), "VALID-with-one-bit-flipped", flipped(valid), "VALID", valid, "OTHER", value("bob"), "EXPIRED", expired)
	for _, row := range corpus(w.t, "testdata/cookie_header_abuse.tsv") {
		if strings.HasPrefix(row[0], "__Secure-sid=OTHER") && cookie != "__Host-torhaus" {
			continue // says what host-only mode does: here the shared one is Bob's own
		}
		bare := cookie
		if strings.Contains(strings.ToLower(row[0]), "__host-sid") {
			bare = "torhaus" // a name without a prefix, beside one with it
		}
		line := bareName.ReplaceAllStringFunc(row[0], func(match string) string {
			return strings.Replace(strings.Replace(match, "sid", bare, 1), "SID", strings.ToUpper(bare), 1)
		})
		cases = append(cases, cookieCase{row[0], values.Replace(names.Replace(line)), valid, allowedFor(row, cookie)})
	}
	return cases
}

// allowedFor are the answers that a row leaves open.
func allowedFor(row []string, cookie string) []int {
	nobody, somebody := []int{http.StatusUnauthorized}, []int{http.StatusOK}
	switch expected := row[1]; {
	case len(row[0]) > 4000: // over the limits of a request
		return append(nobody, http.StatusRequestHeaderFieldsTooLarge)
	case strings.Contains(row[0], "__Host-sid=VALID") && cookie != "__Host-torhaus":
		return nobody // the same
	case strings.Contains(expected, "or VALID"), strings.Contains(expected, "or same as VALID"):
		return append(nobody, somebody...)
	case strings.HasPrefix(expected, "200"), expected == "host cookie wins":
		return somebody
	}
	return nobody
}
