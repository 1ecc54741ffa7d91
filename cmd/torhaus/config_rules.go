package main

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"torhaus/handlers"
)

// readRules reads the rules of forward authentication, and says where a proxy could
// never get a yes from them.
func (c *Config) readRules(e *environment) {
	raw := e.value("RULES")
	if raw == "" {
		return // there is always the default rule
	}
	rules, err := handlers.ParseRules(raw)
	if err != nil {
		e.refuse("RULES", "cannot be used: "+strings.ReplaceAll(err.Error(), "\n", "; "), `set something like {"staff": {"any_role": ["staff"], "mfa": true}}`)
		return
	}
	c.Rules = rules
	if rules.GiveTokens() && len(c.OIDCScopes) > 0 && !slices.Contains(c.OIDCScopes, "offline_access") {
		e.warn("RULES", "gives apps access tokens, which end and cannot be refreshed without the scope offline_access", "add it to "+prefix+"OIDC_SCOPES")
	}
	if host := hostOf(c.PublicURL); c.CookieDomain == "" && host != "" {
		for _, origin := range c.AppOrigins {
			if hostOf(origin) != host {
				e.warn("RULES", "has no effect at "+origin.String()+": the session cookie is bound to "+host+", and no proxy of the app gets it",
					"set "+prefix+"COOKIE_DOMAIN to a parent of both")
			}
		}
	}
	if len(c.TrustedProxies) == 0 && !onLoopback(c.InternalListen) {
		e.warn("RULES", "can be asked by proxies on this machine alone", "set "+prefix+"TRUSTED_PROXIES to the networks of the others")
	}
}

// onLoopback reports whether nobody but this machine reaches an address.
func onLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
