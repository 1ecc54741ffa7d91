package web

import (
	"errors"
	"net/http"
	"strings"
)

// Target is where a browser may be sent. Only this package's parsers make one,
// so a handler cannot redirect to a string that nobody checked.
type Target interface {
	FormActionSource
	// String is the Location: an absolute URL, or a path of our own.
	String() string
	sealed()
}

// Redirect answers 303 See Other: whatever the method was, the browser follows
// with GET and never repeats a form with a password in it at another origin, as
// it would after 307. It is the only way to redirect.
func Redirect(w http.ResponseWriter, _ *http.Request, target Target) error {
	if target == nil || target.String() == "" {
		return errors.New("redirect: zero target")
	}
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// redirectURL is what the targets outside of our own pages share.
type redirectURL struct{ origin, text string }

// String returns the URL as it is sent, re-serialised from its parsed form.
func (u redirectURL) String() string { return u.text }

// Origin returns the URL's origin, or the scheme of an app's own scheme.
func (u redirectURL) Origin() string { return u.origin }

// Host returns the host, to tell a person where they are going; it is empty for
// an app's own scheme.
func (u redirectURL) Host() string {
	_, host, _ := strings.Cut(u.origin, "://")
	return host
}

func (redirectURL) sealed() {}
