package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ParseTrustedProxies parses a comma-separated list of addresses and prefixes.
// It refuses to trust everybody: then each client chooses its own address.
func ParseTrustedProxies(s string) ([]netip.Prefix, error) {
	var trusted []netip.Prefix
	var problems []error
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			prefix, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("trusted proxy %q: want an address or a prefix", part))
		case prefix.Bits() == 0:
			problems = append(problems, fmt.Errorf("trusted proxy %q: trusts every client", part))
		default:
			trusted = append(trusted, prefix.Masked())
		}
	}
	return trusted, errors.Join(problems...)
}

// ClientIP finds the address of the client, for the log, rate limits and
// ZITADEL's user agent: the peer's, or behind trusted proxies the right-most
// entry of X-Forwarded-For that is none of theirs. Whatever stands to the left of
// it was written by the client itself. From a trusted proxy a well-formed
// X-Request-Id is taken over as well. Forwarded, X-Real-IP and their kin are
// ignored: a proxy that does not set them passes on the client's.
func ClientIP(trusted []netip.Prefix) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			event, r := withEvent(r)
			peer := peerAddr(r)
			client, id := peer, ""
			if isTrusted(peer, trusted) {
				client = forwardedFor(r.Header.Values("X-Forwarded-For"), peer, trusted)
				id = requestID(r.Header.Values("X-Request-Id"))
			}
			event.setClient(client, id)
			next.ServeHTTP(w, r)
		})
	}
}

// OnlyProxies serves requests that come from a trusted proxy or from this machine,
// and answers everybody else 403: what is told to a proxy about a visitor is not
// for whoever else finds the port.
func OnlyProxies(trusted []netip.Prefix, page ErrorPage) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if peer := peerAddr(r); !peer.IsLoopback() && !isTrusted(peer, trusted) {
				fail(record(w), r, Error{Status: http.StatusForbidden, Err: errors.New("peer is no trusted proxy")}, page)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// ClientIPFrom returns the client's address; it is invalid where [ClientIP] did
// not run or the peer has none.
func ClientIPFrom(ctx context.Context) netip.Addr {
	event := EventFrom(ctx)
	event.mu.Lock()
	defer event.mu.Unlock()
	return event.clientIP
}

// setClient records whose request this is.
func (e *Event) setClient(ip netip.Addr, requestID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clientIP = ip
	if requestID != "" {
		e.requestID = requestID
	}
}

// peerAddr is the other end of the connection.
func peerAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// forwardedFor walks the hops from the right. One that is no address makes the
// whole header worthless: then it is the peer, never an error and never a skip,
// since either could be provoked. All trusted: the left-most, which began it.
func forwardedFor(lines []string, peer netip.Addr, trusted []netip.Prefix) netip.Addr {
	client := peer
	for _, hop := range slices.Backward(strings.Split(strings.Join(lines, ","), ",")) {
		if hop = strings.TrimSpace(hop); hop == "" {
			continue
		}
		addr, ok := parseHop(hop)
		if !ok {
			return peer
		}
		client = addr
		if !isTrusted(addr, trusted) {
			break
		}
	}
	return client
}

// parseHop parses an address, with or without a port.
func parseHop(hop string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(hop)
	if err != nil {
		withPort, err := netip.ParseAddrPort(hop)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	addr = addr.Unmap()
	return addr, addr.Zone() == "" && !addr.IsUnspecified()
}

// isTrusted reports whether addr belongs to one of our proxies.
func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// requestID returns the one id that was sent if it is 8 to 64 characters of
// [A-Za-z0-9._-], else "".
func requestID(sent []string) string {
	if len(sent) != 1 || len(sent[0]) < 8 || len(sent[0]) > 64 {
		return ""
	}
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	if strings.Trim(sent[0], allowed) != "" {
		return ""
	}
	return sent[0]
}
