package main

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"torhaus/web"
)

// readZitadel reads where ZITADEL is and who torhaus is there.
func (c *Config) readZitadel(e *environment) {
	c.readIssuer(e)
	c.ZitadelKeyFile = e.path("ZITADEL_KEY")
	if c.ZitadelKeyFile == "" {
		c.ZitadelKey = e.secret("ZITADEL_KEY")
	}
	e.checkKey("ZITADEL_KEY", "serviceaccount", "userId")
	c.ZitadelPAT = e.secret("ZITADEL_PAT")
	c.ZitadelClientID = e.value("ZITADEL_CLIENT_ID")
	c.ZitadelClientSecret = e.secret("ZITADEL_CLIENT_SECRET")
	c.checkServiceUser(e)
}

// readIssuer keeps the issuer byte for byte: tokens carry it, and it is
// compared exactly. ZITADEL's issuer is an origin, so a path or a trailing
// slash can only be a mistake that every single token check would meet.
func (c *Config) readIssuer(e *environment) {
	c.ZitadelIssuer = e.origin("ZITADEL_ISSUER", "https://id.example.com")
	if c.ZitadelIssuer != (web.Origin{}) && c.ZitadelIssuer.String() != e.value("ZITADEL_ISSUER") {
		e.refuse("ZITADEL_ISSUER", "is not written as ZITADEL writes it in tokens", "set "+c.ZitadelIssuer.String())
	}
	c.ZitadelAPIURL = e.value("ZITADEL_API_URL")
	if c.ZitadelAPIURL == "" {
		c.ZitadelAPIURL = c.ZitadelIssuer.String()
		return
	}
	api, err := url.Parse(c.ZitadelAPIURL)
	if err != nil || api.Host == "" || (api.Scheme != "https" && api.Scheme != "http") || api.User != nil || strings.Trim(api.Path, "/") != "" || api.RawQuery != "" {
		e.refuse("ZITADEL_API_URL", "is not scheme, host and port", "set something like http://zitadel:8080, or nothing")
		return
	}
	c.ZitadelAPIURL = api.Scheme + "://" + api.Host
	if api.Scheme == "http" && !c.development() && !isLoopback(api) {
		e.warn("ZITADEL_API_URL", "is plain http: passwords and tokens cross that network readable",
			"keep that network private, or set https://"+api.Host)
	}
}

// checkServiceUser wants exactly one way to be the service user: with two, the
// one that is used would be a guess.
func (c *Config) checkServiceUser(e *environment) {
	ways := 0
	for _, way := range []string{"ZITADEL_KEY", "ZITADEL_PAT", "ZITADEL_CLIENT_ID"} {
		if !e.missing(way) {
			ways++
		}
	}
	const fix = "set one of " + prefix + "ZITADEL_KEY_FILE, " + prefix + "ZITADEL_CLIENT_ID with its secret, and " + prefix + "ZITADEL_PAT"
	switch {
	case ways == 0:
		e.refuse("ZITADEL_KEY", "is missing: torhaus has no service user", fix)
	case ways > 1:
		e.refuse("ZITADEL_KEY", "is one of several credentials of the service user that are set", fix)
	}
	if (c.ZitadelClientID == "") != (c.ZitadelClientSecret == "") {
		e.refuse("ZITADEL_CLIENT_SECRET", "and "+prefix+"ZITADEL_CLIENT_ID are a pair, and one is missing", "set both")
	}
}

// readClient reads who our own apps are to ZITADEL.
func (c *Config) readClient(e *environment) {
	c.OIDCClientID = e.value("OIDC_CLIENT_ID")
	if c.OIDCClientID == "" {
		e.refuse("OIDC_CLIENT_ID", "is missing", "set the client id of the web application that redirects to "+prefix+"PUBLIC_URL/callback")
	}
	c.OIDCClientSecret = e.secret("OIDC_CLIENT_SECRET")
	c.OIDCClientKeyFile = e.path("OIDC_CLIENT_KEY")
	if c.OIDCClientKeyFile == "" {
		c.OIDCClientKey = e.secret("OIDC_CLIENT_KEY")
	}
	e.checkKey("OIDC_CLIENT_KEY", "application", "clientId")
	if e.value("OIDC_CLIENT_KEY") != "" && c.OIDCClientSecret != "" {
		e.refuse("OIDC_CLIENT_KEY", "is set and so is "+prefix+"OIDC_CLIENT_SECRET", "keep the one that the application is configured for")
	}
	c.OIDCScopes = strings.Fields(e.value("OIDC_SCOPES"))
	if !slices.Contains(c.OIDCScopes, "openid") {
		e.refuse("OIDC_SCOPES", "lacks openid, without which there is no ID token", "set "+lookup("OIDC_SCOPES").fallback)
	}
}

// checkKey recognises a ZITADEL key file of the right type. The two types look
// alike in the console's download, and ZITADEL answers every bad assertion with
// the same 500, so the mistake is told here.
func (e *environment) checkKey(name, wantType, idField string) {
	raw := e.value(name)
	if raw == "" {
		return
	}
	var key map[string]any
	if err := json.Unmarshal([]byte(raw), &key); err != nil {
		e.refuse(name, "is not a key file of ZITADEL (no JSON)", "set "+prefix+name+fileSuffix+" to the path of the file that ZITADEL gave")
		return
	}
	for _, field := range []string{"keyId", "key", idField} {
		if text, ok := key[field].(string); !ok || text == "" {
			e.refuse(name, "is a key file without "+field, "download a key of type "+wantType+" from ZITADEL again")
			return
		}
	}
	if key["type"] != wantType {
		e.refuse(name, "is a key of another type", "use one whose \"type\" is \""+wantType+"\"")
	}
}

// isLoopback is true for a URL whose traffic stays on this machine.
func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.IsLoopback()
}
