package main

import (
	"strconv"
	"strings"

	"torhaus/session"
	"torhaus/web"
)

// readFactors reads what the operator decides about factors beyond ZITADEL's
// policies.
func (c *Config) readFactors(e *environment) {
	c.readRPID(e)
	c.EmailCodeFirst = e.boolean("EMAIL_CODE_FIRST")
	c.RecoveryCodes = e.boolean("RECOVERY_CODES")
}

// readRPID settles the domain that passkeys are bound to. Browsers allow the
// host of the page and its parents, down to the registrable one: a key for
// co.uk would be everybody's. A wrong one is refused here, since a browser says
// so only to the first visitor, in a console that nobody reads.
func (c *Config) readRPID(e *environment) {
	if c.PublicURL == (web.Origin{}) {
		return // the public URL's problem comes first
	}
	host := hostOf(c.PublicURL)
	raw := e.value("RP_ID")
	if raw == "" {
		c.RPID = c.defaultRPID(host)
		e.derive("RP_ID", c.RPID)
		return
	}
	id, ok := rpID(raw, host)
	if !ok {
		e.refuse("RP_ID", "is neither "+host+" nor a parent of it that passkeys can be bound to (no public suffix, scheme, port or address)",
			"set "+c.defaultRPID(host)+", or nothing; on a ZITADEL whose users have passkeys, the RP ID that those have")
		return
	}
	c.RPID = id
}

// rpID is the normal form of a domain that pages of the host may use. Its rules
// are those of a cookie's Domain, but for the host itself, which may always.
func rpID(raw, host string) (id string, ok bool) {
	if strings.EqualFold(raw, host) {
		return host, true
	}
	if strings.HasPrefix(strings.TrimSpace(raw), ".") {
		return "", false // cookies ignore the dot, browsers refuse such a key
	}
	id, err := session.CheckCookieDomain(raw, host)
	return id, err == nil
}

// defaultRPID is the domain that torhaus and the apps have in common: what the
// session is shared with, or else the widest that the public suffix list allows.
func (c *Config) defaultRPID(host string) string {
	if c.CookieDomain != "" {
		return c.CookieDomain
	}
	widest := host
	for _, parent, more := strings.Cut(host, "."); more; _, parent, more = strings.Cut(parent, ".") {
		if id, err := session.CheckCookieDomain(parent, host); err == nil {
			widest = id
		}
	}
	return widest
}

// boolean reads true or false.
func (e *environment) boolean(name string) bool {
	value, err := strconv.ParseBool(e.value(name))
	if err != nil {
		e.refuse(name, "is neither true nor false", "set true or false")
	}
	return value
}
