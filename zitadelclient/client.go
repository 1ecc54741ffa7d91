package zitadelclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says which ZITADEL to speak to, and as whom.
type Config struct {
	// Issuer is the instance's URL exactly as it stands in tokens:
	// https://id.example.com.
	Issuer string
	// APIURL is where every request is sent, http://zitadel.internal:8080 for
	// example; the Host header is the issuer's all the same. Default: Issuer.
	APIURL  string
	Service ServiceCredentials
	OIDC    OIDCConfig
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default slog.Default()

	ConnectTimeout time.Duration // default 2 s
	CallTimeout    time.Duration // for one call, connecting included; default 10 s
}

// ServiceCredentials say how the service token is got: by exactly one of a key
// file, a personal access token, or client id and secret.
type ServiceCredentials struct {
	KeyFile                string // path of a service user's key, read again for every token
	Key                    string // the contents of such a file
	PAT                    string
	ClientID, ClientSecret string // the id is the service user's name
}

// OIDCConfig describes our own client. It authenticates by a key
// (private_key_jwt), by a secret, or, with PKCE alone, not at all.
type OIDCConfig struct {
	ClientID      string
	ClientSecret  string
	ClientKeyFile string // path of an application's key
	ClientKey     string // the contents of such a file
	RedirectURI   string
	Scopes        []string // default openid, profile, email, offline_access
}

// Client speaks to one ZITADEL. It is safe for concurrent use.
type Client struct {
	config    Config
	transport *transport
	flights   *flights
	service   *serviceToken
	provider  *provider
	cache     *cache
}

// New checks the configuration. It makes no network call: torhaus starts while
// ZITADEL is down.
func New(config Config) (*Client, error) {
	config.setDefaults()
	issuer, err := parseIssuer(config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("TORHAUS_ZITADEL_ISSUER: %w", err)
	}
	api, err := parseAPIURL(config.APIURL)
	if err != nil {
		return nil, fmt.Errorf("TORHAUS_ZITADEL_API_URL: %w", err)
	}
	c := &Client{
		config:    config,
		transport: newTransport(config, issuer.Host, api),
		flights:   newFlights(config.CallTimeout),
		cache:     newCache(config.Now),
	}
	c.provider, err = newProvider(c, issuer)
	if err != nil {
		return nil, err
	}
	c.service, err = newServiceToken(c)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close stops the background refreshes and waits for them.
func (c *Client) Close() error {
	c.flights.close()
	c.transport.close()
	return nil
}

// Issuer returns the configured issuer.
func (c *Client) Issuer() string { return c.config.Issuer }

// Check reports whether ZITADEL answers and lets the service user read its
// settings. The error's text says what is wrong and what to set.
func (c *Client) Check(ctx context.Context) error {
	if _, err := c.discover(ctx); err != nil {
		return err
	}
	return c.call(ctx, request{op: "check", method: http.MethodGet, path: "/v2/settings/login"}, nil)
}

func (c *Config) setDefaults() {
	if c.APIURL == "" {
		c.APIURL = c.Issuer
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = 2 * time.Second
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = 10 * time.Second
	}
	if len(c.OIDC.Scopes) == 0 {
		c.OIDC.Scopes = []string{"openid", "profile", "email", "offline_access"}
	}
	// A copy: what New made of the configuration must not change with the
	// caller's slice.
	c.OIDC.Scopes = slices.Clone(c.OIDC.Scopes)
}

// parseIssuer takes an origin: what tokens carry as iss is compared byte for
// byte, so a slash at the end or a path would never match.
func parseIssuer(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != s {
		return nil, errors.New("must be the instance's origin, as in https://id.example.com, without a path or a slash at the end")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("must begin with https:// (http:// only for *.localhost)")
	}
	return u, nil
}

// parseAPIURL takes an origin as well. Plain HTTP is allowed: inside a cluster
// or a machine the address need not speak TLS.
func parseAPIURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != strings.TrimSuffix(s, "/") {
		return nil, errors.New("must be an address, as in http://zitadel.internal:8080, without a path")
	}
	return u, nil
}

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
