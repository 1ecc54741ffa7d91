package zitadeltest

import (
	"net/http"
	"net/url"
	"slices"
)

// endSession answers GET and POST /oidc/v1/end_session. With an ID token as
// hint it terminates the ZITADEL session at once; without one it sends the
// browser to the login UI, which has to ask. Refresh tokens survive both.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	hint, clientID := r.Form.Get("id_token_hint"), r.Form.Get("client_id")
	var claims map[string]any
	if hint != "" {
		var ok bool
		if claims, ok = s.verifyOwn(hint); !ok {
			invalidRequest("id_token_hint invalid").write(w)
			return
		}
		party, _ := claims["azp"].(string)
		if clientID != "" && clientID != party {
			invalidRequest("client_id does not match azp of id_token_hint").write(w)
			return
		}
		clientID = party
	}
	target, refusal := s.postLogoutRedirect(clientID, r.Form)
	if refusal != nil {
		refusal.write(w)
		return
	}
	if claims == nil {
		http.Redirect(w, r, s.logoutPage(target, r.Form), http.StatusFound)
		return
	}
	sid, _ := claims["sid"].(string)
	if sess := s.sessions[sid]; sess != nil {
		s.terminateSession(sess)
	}
	http.Redirect(w, r, target, http.StatusFound)
}

// postLogoutRedirect is where the browser goes in the end: a registered URI of
// the client with the state, else a page of the issuer. Without a client the
// URI that was asked for is ignored, not refused.
func (s *Server) postLogoutRedirect(clientID string, form url.Values) (string, *oauthError) {
	const done = "/logout/done"
	uri := form.Get("post_logout_redirect_uri")
	if uri == "" || clientID == "" {
		return done, nil
	}
	client, ok := s.oidcClient(clientID)
	if !ok || !slices.Contains(client.postLogoutRedirectURIs, uri) {
		return "", invalidRequest("post_logout_redirect_uri invalid")
	}
	if form.Get("state") == "" {
		return uri, nil
	}
	target, err := url.Parse(uri)
	if err != nil {
		return "", invalidRequest("post_logout_redirect_uri invalid")
	}
	query := target.Query()
	query.Set("state", form.Get("state"))
	target.RawQuery = query.Encode()
	return target.String(), nil
}

// logoutPage is the page of the login UI that asks whether to sign out.
func (s *Server) logoutPage(target string, form url.Values) string {
	query := url.Values{"post_logout_redirect": {target}}
	for _, name := range []string{"logout_hint", "ui_locales"} {
		if value := form.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	return s.config.LoginBaseURI + "logout?" + query.Encode()
}
