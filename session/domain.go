package session

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// CheckCookieDomain gives the normal form of the domain that the session cookie
// is shared with: lower case, without a leading dot, in ASCII. It refuses a
// domain that a browser would ignore (no parent of the auth host) or that
// belongs to strangers as well (a public suffix: everybody under co.uk or
// github.io would receive the cookie). No domain at all is host-only mode.
func CheckCookieDomain(domain, authHost string) (string, error) {
	normal, err := normalDomain(domain)
	if normal == "" || err != nil {
		return "", err
	}
	host, err := idna.Lookup.ToASCII(strings.TrimSuffix(authHost, "."))
	if err != nil {
		return "", fmt.Errorf("the auth host %q is not a host name", authHost)
	}
	switch {
	case host == normal && !registrable(normal):
		return "", fmt.Errorf("%s is the auth host itself, so no app would receive the session; use the domain that both have in common", normal)
	case host != normal && !strings.HasSuffix(host, "."+normal): // at a dot: auth.example.com is not below xample.com
		return "", fmt.Errorf("%s is not a parent of the auth host %s, so browsers would drop the cookie", normal, host)
	}
	return normal, nil
}

// normalDomain checks what can be checked without knowing the auth host.
func normalDomain(domain string) (string, error) {
	domain = strings.TrimPrefix(strings.TrimSpace(domain), ".") // RFC 6265 ignores the dot as well
	if domain == "" {
		return "", nil
	}
	if strings.Contains(domain, "/") {
		return "", fmt.Errorf("%q is a URL; give the domain alone, such as example.com", domain)
	}
	if _, err := netip.ParseAddr(strings.Trim(domain, "[]")); err == nil {
		return "", fmt.Errorf("%q is an address; cookies can be shared only under a name", domain)
	}
	if strings.Contains(domain, ":") {
		return "", fmt.Errorf("%q has a port; cookies do not know ports, give the domain alone", domain)
	}
	normal, err := idna.Lookup.ToASCII(domain)
	if err != nil || strings.HasSuffix(normal, ".") || strings.Contains(normal, "..") {
		return "", fmt.Errorf("%q is not a domain name", domain)
	}
	if !strings.Contains(normal, ".") {
		return "", fmt.Errorf("%q is a single label; browsers refuse a cookie for it", normal)
	}
	if suffix, _ := publicsuffix.PublicSuffix(normal); suffix == normal {
		return "", fmt.Errorf("%s is a public suffix: strangers have names below it and would receive the session", normal)
	}
	return normal, nil
}

// registrable is true for a domain directly below a public suffix: there is no
// wider one that could be shared.
func registrable(domain string) bool {
	base, err := publicsuffix.EffectiveTLDPlusOne(domain)
	return err == nil && base == domain
}

// checkEnvironment keeps the name of an environment to what can stand in a key:
// a brace would move a record to another slot of a cluster, and a separator
// could make one environment's keys look like another's.
func checkEnvironment(name string) error {
	if name == "" || len(name) > 32 {
		return errors.New("session: the environment needs a name of 1 to 32 characters")
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return fmt.Errorf("session: environment %q has characters beyond a-z, 0-9, -, _ and .", name)
	}
	return nil
}
