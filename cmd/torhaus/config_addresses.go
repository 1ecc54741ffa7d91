package main

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"torhaus/handlers"
	"torhaus/web"
)

// environmentName is short and plain, since it becomes a part of every store
// key and of what sealed values are bound to.
var environmentName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func (c *Config) readAddresses(e *environment) {
	c.PublicURL = e.origin("PUBLIC_URL", "https://auth.example.com")
	if plain(c.PublicURL) && !c.development() {
		// localhost itself and 127.0.0.1 can share no cookie with an app.
		e.refuse("PUBLIC_URL", "is plain http outside of *.localhost", "set http://auth.example.localhost:8400 for development")
	}
	var err error
	if c.BasePath, err = web.ParseBasePath(e.value("BASE_PATH")); err != nil {
		e.refuse("BASE_PATH", "cannot be used: "+err.Error(), "set something like /ui/v2/login, or nothing")
	}
	if address := c.PublicURL.String() + c.BasePath.String(); len(address) > handlers.LongestAddress {
		e.refuse("PUBLIC_URL", "is too long: with the base path, no link in a mail fits behind it", fmt.Sprintf("set both to %d characters at most", handlers.LongestAddress))
	}
	c.Listen = e.listenAddress("LISTEN")
	c.InternalListen = e.listenAddress("INTERNAL_LISTEN")
	if c.Listen == c.InternalListen && !strings.HasSuffix(c.Listen, ":0") {
		e.refuse("INTERNAL_LISTEN", "is the same address as "+prefix+"LISTEN", "give the internal listener a port of its own")
	}
	c.Env = e.value("ENV")
	if !environmentName.MatchString(c.Env) {
		e.refuse("ENV", "is not a plain name", "set up to 32 of a-z, 0-9 and -, such as production or staging")
	}
}

// origin reads a required origin. The zero Origin means that its problem has
// been reported: plain http, where anyone on the way reads passwords, is one.
func (e *environment) origin(name, example string) web.Origin {
	raw := e.value(name)
	if raw == "" {
		e.refuse(name, "is missing", "set it to something like "+example)
		return web.Origin{}
	}
	origin, err := web.ParseOrigin(raw)
	if err != nil {
		e.refuse(name, "cannot be used: "+err.Error(), "set something like "+example)
	}
	return origin
}

func (e *environment) listenAddress(name string) string {
	address := e.value(name)
	if _, _, err := net.SplitHostPort(address); err != nil {
		e.refuse(name, "is not host:port", "set something like "+lookup(name).fallback)
	}
	return address
}

// plain is true for an origin without TLS.
func plain(origin web.Origin) bool { return strings.HasPrefix(origin.String(), "http://") }

// hostOf is the host name of an origin, "" for the zero Origin.
func hostOf(origin web.Origin) string {
	u, err := url.Parse(origin.String())
	if err != nil {
		return ""
	}
	return u.Hostname()
}
