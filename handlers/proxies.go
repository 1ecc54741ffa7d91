package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"torhaus/web"
)

// original is the request that a proxy asks about. It says where a visitor comes
// back to; whether they may pass, it does not.
type original struct {
	method  string
	app     web.Origin
	uri     string // what of the address follows the host, as it was sent
	relayed bool   // an answer that is no yes reaches the visitor as it is, so it may be a redirect
}

// dialect is how one kind of proxy says which request it asks about. Each is
// believed the headers that this kind sets itself, and no other: what a proxy does
// not set is what its visitor sent (GHSA-5wcc-hf24-rf5h).
type dialect struct {
	// read finds the method, the host and the rest of the address in r; rest is
	// what came behind the rule in r's own address.
	read   func(r *http.Request, rest string) (method, host, uri string, err error)
	ends   string // what the name of the rule ends before
	relays bool   // the visitor gets what we answer, but for a yes
	route  string // for the log
}

// dialects are the proxies that are understood, by their name in the address.
var dialects = map[string]dialect{
	"nginx":   {read: readOriginalURL, ends: "?", route: forwardPath + "nginx/{rule}"},
	"traefik": {read: readForwarded, ends: "?", relays: true, route: forwardPath + "traefik/{rule}"},
	"caddy":   {read: readForwarded, ends: "?", relays: true, route: forwardPath + "caddy/{rule}"},
	"envoy":   {read: readPrefixed, ends: "/?", relays: true, route: forwardPath + "envoy/{rule}"},
}

// original is the request that is asked about. What has no proper form is 400, and
// a host that is no app of ours 403: nobody passes for either.
func (h *Handlers) original(d dialect, r *http.Request, rest string) (original, error) {
	method, host, uri, err := d.read(r, rest)
	if err != nil {
		return original{}, badRequest(err)
	}
	if !properMethod(method) {
		return original{}, badRequest(errors.New("the original method is none that an app is asked with"))
	}
	origin, err := h.AppOrigins.At(host)
	if errors.Is(err, web.ErrTarget) {
		return original{}, web.Error{Status: http.StatusForbidden, Key: "error.misdirected", Err: err}
	}
	if err != nil {
		return original{}, badRequest(fmt.Errorf("original %w", err))
	}
	return original{method: method, app: origin, uri: uri, relayed: d.relays}, nil
}

// comeBack is where a sign-in returns to: the address that was asked for, or where
// that is none that browsers and we read alike, the app's first page.
func (h *Handlers) comeBack(asked original) web.ReturnTo {
	if target, err := h.AppOrigins.ReturnTo(asked.app.String() + asked.uri); err == nil {
		return target
	}
	target, _ := h.AppOrigins.ReturnTo(asked.app.String() + "/") // a listed origin always parses
	return target
}

// properMethod accepts names of methods as registered, without those that no app
// should see (TRACE, CONNECT).
func properMethod(method string) bool {
	if len(method) > 20 || method == http.MethodTrace || method == http.MethodConnect {
		return false
	}
	return method != "" && strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == ""
}

// readOriginalURL is nginx's auth_request as deploy/nginx and ingress-nginx set it
// up. X-Original-URI, which nginx sets nowhere, is the visitor's.
func readOriginalURL(r *http.Request, _ string) (method, host, uri string, err error) {
	if method, err = only(r, "X-Original-Method"); err != nil {
		return "", "", "", err
	}
	address, err := only(r, "X-Original-Url")
	if err != nil {
		return "", "", "", err
	}
	scheme, rest, found := strings.Cut(address, "://")
	if !found || !webScheme(scheme) {
		return "", "", "", errors.New("X-Original-Url is no web address")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return method, rest[:end], rest[end:], nil
}

// webScheme accepts a WebSocket's as well, and believes none.
func webScheme(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "https", "http", "wss", "ws":
		return true
	}
	return false
}

// readForwarded is Traefik's ForwardAuth and Caddy's forward_auth.
func readForwarded(r *http.Request, _ string) (method, host, uri string, err error) {
	if method, err = only(r, "X-Forwarded-Method"); err != nil {
		return "", "", "", err
	}
	if host, err = only(r, "X-Forwarded-Host"); err != nil {
		return "", "", "", err
	}
	uri, err = only(r, "X-Forwarded-Uri")
	return method, host, uri, err
}

// readPrefixed is Envoy's ext_authz by HTTP: the original method and host, and the
// original address behind the prefix.
func readPrefixed(r *http.Request, rest string) (method, host, uri string, err error) {
	return r.Method, r.Host, rest, nil
}

// only is a header that was sent once. Of two, one reader takes the first and
// another the last.
func only(r *http.Request, name string) (string, error) {
	values := r.Header[name]
	if len(values) != 1 || values[0] == "" {
		return "", fmt.Errorf("%s was sent %d times or is empty: see deploy for what the proxy has to send", name, len(values))
	}
	return values[0], nil
}

// navigates reports whether the visitor's browser is going to a page, and so can
// be sent to sign in: by its own word, or where it does not say, by asking for
// HTML. A script, a form, a WebSocket or a frame cannot be.
func (o original) navigates(r *http.Request) bool {
	asked := *r
	asked.Method = o.method
	header := r.Header
	switch {
	case !web.TopLevelNavigation(&asked), web.WantsJSON(r):
		return false
	case header.Get("Upgrade") != "", header.Get("Sec-Websocket-Key") != "", header.Get("X-Requested-With") != "":
		return false
	}
	return header.Get("Sec-Fetch-Mode") == "navigate" || acceptsHTML(r)
}

// acceptsHTML reports whether a client says that it can show a page.
func acceptsHTML(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), "text/html")
}
