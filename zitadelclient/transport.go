package zitadelclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxBody bounds every answer that is read.
const maxBody = 1 << 20

// transport sends every request to the one configured address, with the
// issuer's Host. It is used below http.Client on purpose: there are no
// redirects to follow, no cookies to keep, and no errors that quote a URL with
// a session token in it.
type transport struct {
	roundTripper *http.Transport
	api          *url.URL
	issuerHost   string
	timeout      time.Duration
}

func newTransport(config Config, issuerHost string, api *url.URL) *transport {
	dialer := &net.Dialer{Timeout: config.ConnectTimeout, KeepAlive: 30 * time.Second}
	return &transport{
		roundTripper: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    config.ConnectTimeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           100,
			MaxIdleConnsPerHost:    100, // all requests go to one host
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		api:        api,
		issuerHost: issuerHost,
		timeout:    config.CallTimeout,
	}
}

func (t *transport) close() { t.roundTripper.CloseIdleConnections() }

// outgoing is one HTTP request to the issuer's host.
type outgoing struct {
	method, path string // the path is escaped already
	query        url.Values
	header       http.Header
	body         string
}

// incoming is its answer, read completely.
type incoming struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request. A GET that found no connection is tried once more;
// nothing else ever is, since ZITADEL may have acted on it.
func (t *transport) send(ctx context.Context, out outgoing) (incoming, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	in, err := t.roundTrip(ctx, out)
	if err != nil && out.method == http.MethodGet && notSent(err) && ctx.Err() == nil {
		in, err = t.roundTrip(ctx, out)
	}
	if err != nil {
		return incoming{}, cause(ctx, err)
	}
	return in, nil
}

func (t *transport) roundTrip(ctx context.Context, out outgoing) (incoming, error) {
	target := t.api.Scheme + "://" + t.api.Host + out.path
	if len(out.query) > 0 {
		target += "?" + out.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, out.method, target, strings.NewReader(out.body))
	if err != nil {
		return incoming{}, errors.New("the request cannot be formed")
	}
	r.Host = t.issuerHost
	r.Header.Set("User-Agent", "torhaus")
	for name, values := range out.header {
		r.Header[name] = values
	}
	response, err := t.roundTripper.RoundTrip(r)
	if err != nil {
		return incoming{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return incoming{}, err
	}
	if len(body) > maxBody {
		return incoming{}, fmt.Errorf("the answer is larger than %d bytes", maxBody)
	}
	return incoming{response.StatusCode, response.Header, body}, nil
}

// notSent reports whether the error came before anything was sent.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// cause keeps the context's own error recognisable, so that a closed tab is
// not taken for an outage.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// request is one call of the v2 API. An {id} in the path is replaced by id,
// a {credential} by credential.
type request struct {
	op           string
	method, path string
	id           string
	credential   string
	query        url.Values
	body         any        // sent as JSON
	answered     *time.Time // takes when ZITADEL answered, by its own clock; stays zero where it does not say
}

// call makes an API call with the service token and decodes the answer unless
// answer is nil. A 401 says that the token is no longer good, before anything
// was looked at: one more try with a new one cannot count twice.
func (c *Client) call(ctx context.Context, r request, answer any) error {
	out, err := r.outgoing()
	if err != nil {
		return err
	}
	token, err := c.service.get(ctx)
	if err != nil {
		return err
	}
	in, err := c.callWith(ctx, r.op, out, token)
	if err == nil && in.status == http.StatusUnauthorized {
		if token, err = c.service.replace(ctx, token); err != nil {
			return err
		}
		in, err = c.callWith(ctx, r.op, out, token)
	}
	if err != nil {
		return err
	}
	return r.decode(in, answer)
}

func (c *Client) callWith(ctx context.Context, op string, out outgoing, token string) (incoming, error) {
	out.header.Set("Authorization", "Bearer "+token)
	in, err := c.transport.send(ctx, out)
	if err != nil {
		return incoming{}, unavailable(op, err)
	}
	return in, nil
}

func (r request) outgoing() (outgoing, error) {
	out := outgoing{method: r.method, path: r.path, query: r.query, header: http.Header{"Accept": {"application/json"}}}
	for _, part := range []struct{ name, id string }{{"{id}", r.id}, {"{credential}", r.credential}} {
		if !strings.Contains(r.path, part.name) {
			continue
		}
		if !validID(part.id) {
			return outgoing{}, invalid(r.op, "the id has no form that ZITADEL gives")
		}
		out.path = strings.Replace(out.path, part.name, url.PathEscape(part.id), 1)
	}
	if r.body != nil {
		body, err := json.Marshal(r.body)
		if err != nil {
			return outgoing{}, invalid(r.op, "the request has no JSON form")
		}
		out.body = string(body)
		out.header.Set("Content-Type", "application/json")
	}
	return out, nil
}

// validID refuses what could change which endpoint is called: ids also come
// from mail links. Escaping does the rest.
func validID(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= 200 &&
		utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

func (r request) decode(in incoming, answer any) error {
	switch {
	case in.status >= 400:
		return apiError(r.op, in.status, in.body)
	case in.status < 200 || in.status >= 300:
		return &Error{Kind: Unavailable, Op: r.op, Status: in.status, Err: errors.New("redirects are not followed: TORHAUS_ZITADEL_API_URL must lead to ZITADEL itself")}
	case answer == nil:
		answer = new(struct{})
	}
	if r.answered != nil {
		*r.answered, _ = http.ParseTime(in.header.Get("Grpcgateway-Date")) // a proxy may write a Date of its own
	}
	if err := json.Unmarshal(in.body, answer); err != nil {
		// The decoder's own words may quote the answer.
		return &Error{Kind: Unavailable, Op: r.op, Status: in.status, Err: errors.New("the answer is not the JSON that ZITADEL gives")}
	}
	return nil
}
