package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// verifier is what the challenge of authorizeURL was made from (RFC 7636, appendix B).
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// idToken is what the other client gets for the code that it was sent.
func (w *world) idToken(page *page) string {
	w.t.Helper()
	response, err := newBrowser(w.t).client.PostForm(w.zitadel.Issuer()+"/oauth/v2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {page.at("/cb").url.Query().Get("code")},
		"redirect_uri": {w.app + "/cb"}, "client_id": {w.other.ClientID}, "code_verifier": {verifier},
	})
	w.must(err)
	defer response.Body.Close()
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	w.must(json.NewDecoder(response.Body).Decode(&tokens))
	if tokens.IDToken == "" {
		w.t.Fatalf("no ID token: %s", response.Status)
	}
	return tokens.IDToken
}

// subject is whom an ID token is about; its signature is not what is tested here.
func subject(t *testing.T, token string) string {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	var claims struct{ Sub string }
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Sub == "" {
		t.Fatalf("no ID token: %v", err)
	}
	return claims.Sub
}

// An id_token_hint says who is meant: whoever it names goes on, nobody else does,
// whether they are signed in already or sign in for it (OIDC Core 3.1.2.1).
func TestIDTokenHint(t *testing.T) {
	w := newWorld(t)
	w.addPerson()
	b := newBrowser(t)
	sign := func(b *browser, name string) *page {
		return b.open(w.authorizeURL("&prompt=select_account")).beside("/loginname").
			fill(map[string]string{"loginName": name}).at("/password").fill(map[string]string{"password": password}).at("/cb")
	}
	alice := w.idToken(sign(b, "alice"))
	w.zitadel.Advance(minute)
	bob := w.idToken(sign(b, "bob")) // the one that was used last
	for _, hint := range []string{alice, bob} {
		for _, prompt := range []string{"", "&prompt=none"} {
			again := w.idToken(b.open(w.authorizeURL("&id_token_hint=" + hint + prompt)))
			if subject(t, again) != subject(t, hint) {
				t.Errorf("%q: somebody else was signed in than the hint names", prompt)
			}
		}
	}

	alone := newBrowser(t)
	sign(alone, "alice")
	if got := alone.open(w.authorizeURL("&prompt=none&id_token_hint=" + bob)).at("/cb").url.Query().Get("error"); got != "login_required" {
		t.Errorf("without a page, who is not meant was answered %q", got)
	}
	asked := alone.open(w.authorizeURL("&id_token_hint=" + bob)).at("/loginname")
	asked.fill(map[string]string{"loginName": "alice"}).at("/loginname").saying("asks for another account")

	page := newBrowser(t).open(w.authorizeURL("&id_token_hint=" + bob)).
		fill(map[string]string{"loginName": "alice"}).at("/password").fill(map[string]string{"password": password}).at("/loginname").saying("asks for another account")
	page.fill(map[string]string{"loginName": "bob"}).at("/password").fill(map[string]string{"password": password}).at("/cb")
}

// A login_hint names somebody by their login name or their address, to another
// client's request and to one of our own apps': who is meant is not asked again, and
// nobody else answers for them.
func TestLoginHintNamesAnAccount(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	for _, hint := range []string{"alice", "alice@example.com", "ALICE@example.com"} {
		w.zitadel.Advance(minute)
		if got := b.open(w.authorizeURL("&prompt=none&login_hint=" + hint)).at("/cb").url.Query(); got.Get("code") == "" {
			t.Errorf("%s: another client was answered %v", hint, got)
		}
		w.zitadel.ResetCalls()
		b.open(w.auth + "/login?return_to=" + w.app + "/mail&login_hint=" + hint).at("/mail")
		if calls := w.calls(); len(calls) > 0 {
			t.Errorf("%s: ZITADEL was asked for %v though they are signed in", hint, calls)
		}
	}
	for _, hint := range []string{"bob", "bob@example.com"} {
		if got := b.open(w.authorizeURL("&prompt=none&login_hint=" + hint)).at("/cb").url.Query().Get("error"); got != "login_required" {
			t.Errorf("%s: another client was answered %q", hint, got)
		}
		b.open(w.auth + "/login?return_to=" + w.app + "/mail&login_hint=" + hint).at("/loginname")
	}
}

// Nor is the address forgotten by a sign-in that was begun and given up.
func TestLoginHintAfterASignInThatWasGivenUp(t *testing.T) {
	w := newWorld(t)
	secret := w.zitadel.AddTOTP(w.alice)
	b := newBrowser(t)
	b.open(w.auth + "/login?return_to=" + w.app + "/inbox").fill(map[string]string{"loginName": "alice"}).typePassword(password).
		at("/otp/time-based").typeCode(w.zitadel.TOTPCode(secret)).at("/inbox")
	w.zitadel.Advance(minute)
	b.open(w.authorizeURL("&prompt=login")).at("/password").typePassword(password).at("/otp/time-based")
	if got := b.open(w.authorizeURL("&prompt=none&login_hint=alice@example.com")).at("/cb").url.Query(); got.Get("code") == "" {
		t.Errorf("another client was answered %v", got)
	}
}
