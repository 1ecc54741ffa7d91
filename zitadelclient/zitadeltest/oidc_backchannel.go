package zitadeltest

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// logoutTimeout is how long a receiver of logout tokens may take.
const logoutTimeout = 5 * time.Second

// logoutClient delivers logout tokens. It knows that every name under
// localhost is this machine (RFC 6761 §6.3), which not every resolver does.
var logoutClient = &http.Client{
	Timeout: logoutTimeout,
	Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}},
}

// EnableBackchannelLogout turns the instance feature on. Applications that have
// a back-channel logout URI are then told when a ZITADEL session is terminated,
// and of nothing else: not of a lock, a new password or an expiry.
func (s *Server) EnableBackchannelLogout() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backchannelLogout = true
}

// WaitForLogouts returns when every logout token so far was delivered or lost.
func (s *Server) WaitForLogouts() { s.oidc.deliveries.Wait() }

// sendLogoutTokens tells the applications that a ZITADEL session ended: one
// token for each sign-in, all at once. Each is sent a single time, whatever the
// receiver answers, so it is a hint and nothing to rely on.
func (s *Server) sendLogoutTokens(sessionID string) {
	if !s.backchannelLogout {
		return
	}
	for _, o := range s.oidc.sessions {
		client := s.apps[o.clientID]
		if o.sessionID != sessionID || client == nil || client.backchannelLogoutURI == "" {
			continue
		}
		form := url.Values{"logout_token": {s.sign(s.logoutTokenClaims(o))}}
		s.oidc.deliveries.Go(func() { deliverLogoutToken(client.backchannelLogoutURI, form) })
	}
}

// logoutTokenClaims are those of OpenID Connect Back-Channel Logout §2.4. The
// header's typ is JWT all the same, as on the real server.
func (s *Server) logoutTokenClaims(o *oidcSession) object {
	now := s.now()
	return object{
		"iss": s.config.Issuer, "sub": o.userID, "aud": []string{o.clientID}, "jti": s.newID(), "sid": o.sessionID,
		"iat": now.Add(-time.Second).Unix(), "exp": now.Add(15 * time.Minute).Unix(),
		"events": object{"http://schemas.openid.net/event/backchannel-logout": object{}},
	}
}

func deliverLogoutToken(uri string, form url.Values) {
	response, err := logoutClient.PostForm(uri, form)
	if err != nil {
		return // dropped, as on the real server
	}
	_ = response.Body.Close()
}

// LogoutToken is a logout token for an application about a user's ZITADEL session,
// as it would be delivered. A test may change its claims and its type before it is
// signed; nil changes nothing.
func (s *Server) LogoutToken(clientID, userID, sessionID string, change func(header, claims map[string]any)) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	claims := s.logoutTokenClaims(&oidcSession{clientID: clientID, userID: userID, sessionID: sessionID})
	header := map[string]any{"typ": "JWT"}
	if change != nil {
		change(header, claims)
	}
	return s.signAs(header, claims)
}
