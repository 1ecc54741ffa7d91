package main

import (
	"net/url"
	"strings"
	"time"

	"torhaus/session"
)

// readStore decides between memory and Redis. Memory loses every sign-in at a
// restart and shares none with a second replica, so outside development it has
// to be said.
func (c *Config) readStore(e *environment) {
	c.RedisURL = e.secret("REDIS_URL")
	c.Store = strings.ToLower(e.value("STORE"))
	switch {
	case c.Store == "" && !e.missing("REDIS_URL"):
		c.Store = storeRedis
	case c.Store == "" && c.development():
		c.Store = storeMemory
	case c.Store == "":
		e.refuse("STORE", "is missing: sessions have nowhere to live",
			"set "+prefix+"REDIS_URL, or "+prefix+"STORE=memory for a single replica that may forget every sign-in at a restart")
	case c.Store == storeMemory && !e.missing("REDIS_URL"):
		e.refuse("STORE", "is memory although "+prefix+"REDIS_URL is set", "keep one of them")
	case c.Store == storeRedis && e.missing("REDIS_URL"):
		e.refuse("REDIS_URL", "is missing", "set rediss://user:password@host:6379/0")
	case c.Store != storeMemory && c.Store != storeRedis:
		e.refuse("STORE", "is neither redis nor memory", "set one of them")
	}
	c.checkRedisURL(e)
}

// checkRedisURL looks at the URL without ever printing it: it holds a password.
func (c *Config) checkRedisURL(e *environment) {
	if c.RedisURL == "" {
		return
	}
	// Sentinel and Cluster list several hosts, which url.Parse takes as one odd
	// host: the session package parses in earnest, this is about the shape.
	u, err := url.Parse(c.RedisURL.reveal())
	if err != nil || !strings.HasPrefix(u.Scheme, "redis") || u.Host == "" {
		e.refuse("REDIS_URL", "is not a Redis URL", "set rediss://user:password@host:6379/0")
		return
	}
	if c.development() || isLoopback(u) {
		return
	}
	if _, password := u.User.Password(); !password {
		e.warn("REDIS_URL", "has no password: whoever reaches that port can end every session", "set rediss://user:password@host:6379/0")
	}
	if !strings.HasPrefix(u.Scheme, "rediss") {
		e.warn("REDIS_URL", "is not encrypted (redis:, not rediss:)", "use TLS, unless that network is private")
	}
}

func (c *Config) readSessions(e *environment) {
	c.SessionIdle = e.duration("SESSION_IDLE", time.Minute)
	c.SessionMax = e.duration("SESSION_MAX", time.Minute)
	c.RememberMax = e.duration("REMEMBER_MAX", time.Minute)
	c.Recheck = e.duration("RECHECK", time.Second)
	if c.SessionMax > 0 && c.Recheck >= c.SessionMax {
		e.warn("RECHECK", "is not shorter than "+prefix+"SESSION_MAX: most sessions end without ever being checked", "set something like 10m")
	}
	c.readSessionCache(e)
	if c.SessionIdle > c.SessionMax {
		e.refuse("SESSION_IDLE", "is longer than "+prefix+"SESSION_MAX, so it would never end a session", "set less than "+c.SessionMax.String())
	}
	if c.RememberMax < c.SessionMax {
		e.refuse("REMEMBER_MAX", "is shorter than "+prefix+"SESSION_MAX", "set at least "+c.SessionMax.String())
	}
}

// readSessionCache bounds for how long an ended session may still be answered for.
func (c *Config) readSessionCache(e *environment) {
	c.SessionCache = e.duration("SESSION_CACHE", 0)
	switch {
	case c.SessionCache > session.MaxCache:
		e.refuse("SESSION_CACHE", "is too long: a sign-out would go unnoticed at other replicas", "set "+session.MaxCache.String()+" at most")
	case c.SessionCache > 0 && c.Store == storeMemory:
		e.warn("SESSION_CACHE", "gains nothing with "+prefix+"STORE=memory", "leave it out")
	}
}

// duration reads Go's notation. Lifetimes below least are refused: "30" or
// "30s" where minutes were meant would sign everyone out at once.
func (e *environment) duration(name string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(e.value(name))
	if err != nil {
		e.refuse(name, "is not a duration with a unit", "set something like "+lookup(name).fallback)
		return 0
	}
	if d < least {
		e.refuse(name, "is too short", "set at least "+least.String())
	}
	return d
}
