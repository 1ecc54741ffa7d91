package main

import (
	"strings"

	"torhaus/web"
)

// readOrigins reads where a browser may be sent. Everything is an exact
// origin: a pattern such as https://*.example.com would include the one
// forgotten subdomain that someone else can register.
func (c *Config) readOrigins(e *environment) {
	c.AppOrigins = e.origins("APP_ORIGINS")
	if e.value("APP_ORIGINS") == "" {
		e.refuse("APP_ORIGINS", "is missing", "set the origins of your apps, such as https://app.example.com")
	}
	c.LogoutOrigins = e.origins("LOGOUT_ORIGINS")
	c.ClientOrigins = e.origins("CLIENT_ORIGINS")
	c.readDefaultApp(e)
}

func (c *Config) readDefaultApp(e *environment) {
	if len(c.AppOrigins) == 0 {
		return // already reported
	}
	raw := e.value("DEFAULT_APP_URL")
	if raw == "" {
		raw = c.AppOrigins[0].String() + "/"
	}
	target, err := c.AppOrigins.ReturnTo(raw)
	if err != nil {
		e.refuse("DEFAULT_APP_URL", "is not under one of "+prefix+"APP_ORIGINS", "set something like "+c.AppOrigins[0].String()+"/")
		return
	}
	c.DefaultAppURL = target
}

// origins reads a comma-separated list. One bad entry spoils the list: an
// allow-list that is shorter than its operator thinks breaks sign-ins later.
func (e *environment) origins(name string) web.Origins {
	raw := strings.TrimSpace(e.value(name))
	if raw == "" {
		return nil
	}
	origins, err := web.ParseOrigins(raw)
	if err != nil {
		e.refuse(name, "is not a list of exact origins: "+err.Error(), "set something like https://app.example.com,https://www.example.com")
		return nil
	}
	return origins
}
