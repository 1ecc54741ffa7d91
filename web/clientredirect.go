package web

import (
	"fmt"
	"net/url"
	"slices"
)

// ClientRedirect is where a sign-in for another client of the instance ends: the
// callbackUrl that ZITADEL built for an auth request. It may be of an app's own
// scheme ("com.example.app:/callback").
type ClientRedirect struct{ redirectURL }

// forbiddenSchemes run or show what is in the URL itself, under some origin or
// outside of the web. No client has a use for them, whatever it registered.
var forbiddenSchemes = []string{
	"javascript", "data", "vbscript", "file", "filesystem", "blob", "about", "view-source",
}

// ParseClientRedirect accepts callbackURL only where it equals the redirect URI
// of the auth request in scheme, host (and port) and path; query and fragment
// hold the answer and are free. A surprise in ZITADEL's answer thus leads
// nowhere that the client has not registered.
func ParseClientRedirect(callbackURL, registeredRedirectURI string) (ClientRedirect, error) {
	callback, err := parseClientURL(callbackURL)
	if err != nil {
		return ClientRedirect{}, fmt.Errorf("callback URL: %w", err)
	}
	registered, err := parseClientURL(registeredRedirectURI)
	if err != nil {
		return ClientRedirect{}, fmt.Errorf("registered redirect URI: %w", err)
	}
	if callback.endpoint != registered.endpoint {
		return ClientRedirect{}, fmt.Errorf("%w: callback is not the registered redirect URI", ErrTarget)
	}
	return ClientRedirect{callback.redirectURL}, nil
}

// clientURL is a client's URL with the part of it that is compared.
type clientURL struct {
	redirectURL
	endpoint string
}

// parseClientURL parses a web URL or one of an app's own scheme.
func parseClientURL(raw string) (clientURL, error) {
	u, err := parseURL(raw, maxCallback)
	if err != nil {
		return clientURL{}, err
	}
	if slices.Contains(forbiddenSchemes, u.Scheme) {
		return clientURL{}, fmt.Errorf("%w: forbidden scheme", ErrTarget)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		endpoint := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath, OmitHost: u.OmitHost}
		return clientURL{redirectURL{u.Scheme + ":", u.String()}, endpoint.String()}, nil
	}
	origin, err := webOrigin(u)
	if err != nil {
		return clientURL{}, err
	}
	endpoint := serialise(&url.URL{Path: u.Path, RawPath: u.RawPath}, origin)
	return clientURL{redirectURL{origin.Origin(), serialise(u, origin)}, endpoint}, nil
}
