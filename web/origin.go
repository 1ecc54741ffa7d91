package web

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origin is a web origin in the one form in which origins are compared: scheme
// and host in lower case, the default port left out. Only a parser makes one;
// the zero Origin equals none of them.
type Origin struct{ text string }

// String returns the origin ("https://app.example.com").
func (o Origin) String() string { return o.text }

// Origin returns the origin as a CSP source, for [SetFormAction]. CSP has no
// form for IPv6 addresses (a native app's [::1]), which leaves the scheme.
func (o Origin) Origin() string {
	if strings.Contains(o.text, "[") {
		return o.scheme() + ":"
	}
	return o.text
}

// scheme returns "https" or "http".
func (o Origin) scheme() string {
	scheme, _, _ := strings.Cut(o.text, ":")
	return scheme
}

// ParseOrigin parses an origin as an operator writes it: https, or http for
// localhost, *.localhost and loopback addresses. No path, no wildcard.
func ParseOrigin(s string) (Origin, error) {
	origin, err := parseOrigin(s)
	if err != nil {
		return Origin{}, fmt.Errorf("origin %q: %w", s, err)
	}
	if origin.scheme() == "http" && !isLocal(origin) {
		return Origin{}, fmt.Errorf("origin %q: http is for *.localhost and loopback only", s)
	}
	return origin, nil
}

// OriginOf returns the origin of a configured URL, whatever its path.
func OriginOf(rawURL string) (Origin, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Origin{}, fmt.Errorf("origin of URL: %w", errMalformed)
	}
	return ParseOrigin(u.Scheme + "://" + u.Host)
}

// Origins is an allow-list. Membership is equality: no wildcards, no suffixes.
type Origins []Origin

// ParseOrigins parses a comma-separated list; empty elements are skipped. All
// that is wrong is reported at once.
func ParseOrigins(s string) (Origins, error) {
	var origins Origins
	var problems []error
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		origin, err := ParseOrigin(part)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if !origins.Contain(origin) {
			origins = append(origins, origin)
		}
	}
	return origins, errors.Join(problems...)
}

// Contain reports whether origin is on the list.
func (list Origins) Contain(origin Origin) bool {
	for _, o := range list {
		if o == origin && o.text != "" {
			return true
		}
	}
	return false
}

// At returns the listed origin of a host (with its port, as a Host header has it),
// of two the one by https. What was said of the scheme is not asked for: a proxy
// behind another that ends TLS says http, and clients say what they like.
func (list Origins) At(host string) (Origin, error) {
	schemes := [...]string{"https://", "http://"}
	for _, scheme := range schemes {
		for _, o := range list {
			if name, ok := strings.CutPrefix(o.text, scheme); ok && name == host {
				return o, nil // spelled as browsers spell it: nothing has to be parsed
			}
		}
	}
	for _, scheme := range schemes {
		origin, err := parseOrigin(scheme + host)
		if err != nil {
			return Origin{}, fmt.Errorf("host: %w", err)
		}
		if list.Contain(origin) {
			return origin, nil
		}
	}
	return Origin{}, fmt.Errorf("%w: host of no listed origin", ErrTarget)
}

// match returns the listed origin that an Origin header names. The header must
// be spelled as browsers spell it; "null" never is.
func (list Origins) match(header string) (Origin, bool) {
	for _, o := range list {
		if o.text == header && header != "" {
			return o, true
		}
	}
	return Origin{}, false
}

// parseOrigin parses scheme://host[:port] and nothing more.
func parseOrigin(s string) (Origin, error) {
	scheme, host, found := strings.Cut(s, "://")
	if !found || strings.ContainsAny(host, `/?#@\*`) {
		return Origin{}, errNoOrigin
	}
	return newOrigin(scheme, host)
}

var (
	errNoOrigin  = errors.New("want scheme://host[:port] without path, user or wildcard")
	errMalformed = errors.New("malformed URL")
)

// newOrigin is the one place where a scheme and a host become an Origin. The
// host is plain ASCII: browsers map 𝐚 and ａ to a, net/url does not, and where
// two parsers disagree an attacker chooses between them.
func newOrigin(scheme, hostport string) (Origin, error) {
	scheme = strings.ToLower(scheme)
	defaultPort := map[string]string{"https": "443", "http": "80"}[scheme]
	if defaultPort == "" {
		return Origin{}, errors.New("scheme is neither https nor http")
	}
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		host, port = hostport[:i], hostport[i+1:]
		// One spelling only: no "", no "00443", nothing that does not fit.
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return Origin{}, errors.New("bad port")
		}
	}
	host = strings.ToLower(host)
	if !validHost(host) {
		return Origin{}, errors.New("bad host")
	}
	if port == "" || port == defaultPort {
		return Origin{scheme + "://" + host}, nil
	}
	return Origin{scheme + "://" + host + ":" + port}, nil
}

// validHost accepts lower-case ASCII names, IPv4 and bracketed IPv6 addresses.
func validHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == "" && addr.String() == inner
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	// What ends in a number is an IPv4 address to a browser, however it is
	// spelled (2130706433, 0x7f.1): only the plain spelling means the same to us.
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	return len(host) <= 253
}

// notInLabel refuses what no lower-case host name holds.
func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// isLocal reports whether the origin is this machine's by name or address.
func isLocal(o Origin) bool {
	u, err := url.Parse(o.text)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
