package main

import (
	"strings"

	"torhaus/session"
	"torhaus/web"
)

// readCookies reads what the session cookie is shared with and what seals it.
func (c *Config) readCookies(e *environment) {
	c.readCookieDomain(e)
	raw := e.secret("COOKIE_KEYS")
	const fix = "set the output of: head -c 32 /dev/urandom | base64"
	if e.missing("COOKIE_KEYS") {
		e.refuse("COOKIE_KEYS", "is missing", fix)
	}
	if raw == "" {
		return
	}
	keys, err := session.ParseKeys(raw.reveal())
	if err != nil {
		e.refuse("COOKIE_KEYS", "cannot be used: "+err.Error(), fix)
		return
	}
	c.CookieKeys = keys
}

// readCookieDomain refuses a Domain that the browser would ignore or share with
// strangers: a public suffix, or one that is no parent of the auth host.
func (c *Config) readCookieDomain(e *environment) {
	raw := e.value("COOKIE_DOMAIN")
	if raw == "" || c.PublicURL == (web.Origin{}) {
		return // host-only, or the public URL's problem comes first
	}
	domain, err := session.CheckCookieDomain(raw, hostOf(c.PublicURL))
	if err != nil {
		e.refuse("COOKIE_DOMAIN", "cannot be used: "+err.Error(),
			"set the domain that "+hostOf(c.PublicURL)+" and the apps have in common, such as example.com, or nothing")
		return
	}
	c.CookieDomain = domain
	for _, origin := range c.AppOrigins {
		if host := hostOf(origin); host != domain && !strings.HasSuffix(host, "."+domain) {
			e.refuse("COOKIE_DOMAIN", "does not cover the app "+origin.String()+", so its requests would carry no session",
				"set a parent domain of both; or nothing, and serve the app on torhaus's own host or have its pages ask GET /session from the same site")
		}
	}
}
