package web

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxReturnTo bounds a target that a browser brought, in bytes.
const maxReturnTo = 2048

// maxCallback bounds a target that ZITADEL built: it carries the client's state.
const maxCallback = 8192

// ErrTarget is wrapped by every refusal of a redirect target. Refusals never
// repeat the target: it would end up on a page or in the log.
var ErrTarget = errors.New("redirect target refused")

// ReturnTo is where one of our own apps wants its user back: a URL whose origin
// is, exactly, on the allow-list.
//
// What is sent is never what came but the parsed URL, written anew: host in
// lower case, default port dropped, path at least "/", everything outside
// printable ASCII percent-encoded. What is encoded stays so, it is never decoded
// twice. Query and fragment are kept (without one in Location a browser would
// carry over the fragment of the page it leaves). Relative targets are refused:
// on our own origin there is nothing to return to but the sign-in itself.
type ReturnTo struct{ redirectURL }

// ReturnTo parses a target that came with a request or out of a store.
func (list Origins) ReturnTo(raw string) (ReturnTo, error) {
	u, err := list.parse(raw)
	return ReturnTo{u}, err
}

// PostLogout is where to go after signing out. Without one the caller shows its
// own page.
type PostLogout struct{ redirectURL }

// PostLogout parses a post-logout target by the rules of [ReturnTo].
func (list Origins) PostLogout(raw string) (PostLogout, error) {
	u, err := list.parse(raw)
	return PostLogout{u}, err
}

// DefaultRedirect is the target that ZITADEL's login policy names for a sign-in
// without a client.
type DefaultRedirect struct{ redirectURL }

// ParseDefaultRedirect parses the policy's defaultRedirectUri by the rules of
// [ReturnTo]. Whoever may edit an organization's policy is not therefore trusted
// with every browser: the origin is an allowed one or the issuer's own.
func ParseDefaultRedirect(raw string, allowed Origins, issuer Origin) (DefaultRedirect, error) {
	listed := append(Origins{issuer}, allowed...)
	u, err := listed.parse(raw)
	return DefaultRedirect{u}, err
}

// parse parses an absolute URL at one of the listed origins. http is possible
// only where the list holds it, which [ParseOrigin] allows for local names alone.
func (list Origins) parse(raw string) (redirectURL, error) {
	u, err := parseURL(raw, maxReturnTo)
	if err != nil {
		return redirectURL{}, err
	}
	origin, err := webOrigin(u)
	if err != nil {
		return redirectURL{}, err
	}
	if !list.Contain(origin) {
		return redirectURL{}, fmt.Errorf("%w: origin is not on the list", ErrTarget)
	}
	text := serialise(u, origin)
	if len(text) > maxReturnTo {
		return redirectURL{}, fmt.Errorf("%w: too long", ErrTarget)
	}
	return redirectURL{origin.Origin(), text}, nil
}

// parseURL parses an absolute URL more strictly than net/url: what browsers read
// in another way than Go is refused. They strip tabs and line breaks, trim
// spaces, take \ for /, and take https:/evil.com and https:///evil.com for
// https://evil.com.
func parseURL(raw string, limit int) (*url.URL, error) {
	switch {
	case len(raw) > limit:
		return nil, fmt.Errorf("%w: too long", ErrTarget)
	case !utf8.ValidString(raw) || strings.ContainsFunc(raw, misread):
		return nil, fmt.Errorf("%w: forbidden character", ErrTarget)
	}
	u, err := url.Parse(encode(raw))
	if err != nil { // not wrapped: its text is the URL
		return nil, fmt.Errorf("%w: %w", ErrTarget, errMalformed)
	}
	if !u.IsAbs() || u.User != nil {
		return nil, fmt.Errorf("%w: relative or with a user", ErrTarget)
	}
	return u, nil
}

// misread reports the characters that browsers drop, trim or take for another.
func misread(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }

// encode percent-encodes every byte that RFC 3986 has no place for, so that
// parsing and writing the rest changes nothing.
func encode(raw string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(raw) {
		if c := raw[i]; c > '~' || strings.IndexByte("\"<>^`{|}", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// webOrigin returns the origin of an https or http URL.
func webOrigin(u *url.URL) (Origin, error) {
	origin, err := newOrigin(u.Scheme, u.Host)
	if err != nil || u.Opaque != "" {
		return Origin{}, fmt.Errorf("%w: no web origin", ErrTarget)
	}
	return origin, nil
}

// serialise writes u under its canonical origin.
func serialise(u *url.URL, origin Origin) string {
	out := *u
	out.Scheme, out.Host, _ = strings.Cut(origin.text, "://")
	if out.Path == "" {
		out.Path = "/"
	}
	return out.String()
}
