package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/zitadelclient/zitadeltest"
)

// Signing out everywhere ends all of the user's sessions on all replicas, their
// refresh tokens, and their ZITADEL sessions, those of other clients too; and
// nobody else's.
func TestSignOutEverywhere(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	laptop, phone := w.device(firefox), w.device(iphone)
	client := newBrowser(t)
	client.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
	bob := newBrowser(t)
	bob.open(w.auth + "/login?return_to=" + w.app + "/").fill(map[string]string{"loginName": "bob"}).fill(map[string]string{"password": password})
	other := w.twoReplicas()
	w.zitadel.ResetCalls()
	laptop.open(w.auth+"/logout?post_logout_redirect="+url.QueryEscape(w.app+"/bye")).fill(nil, "everywhere-button").at("/bye")
	other()
	w.alone(map[string]*browser{"bob": bob}, map[string]*browser{"laptop": laptop, "phone": phone})
	w.settle()
	revocations := 0
	for _, call := range w.calls() {
		if call == "POST /oauth/v2/revoke" {
			revocations++
		}
	}
	if n := w.live(w.alice); n != 0 || revocations != 2 {
		t.Errorf("%d ZITADEL sessions are left, %d refresh tokens were revoked, want 0 and 2", n, revocations)
	}
	for name, b := range map[string]*browser{"phone": phone, "another client's": client} {
		if page := b.open(w.authorizeURL("")); page.url.Path == "/cb" {
			t.Errorf("%s: signed in again by itself", name)
		}
	}
}

// ZITADEL is told behind the answer, and may take its time. Who signs in again
// meanwhile is not signed out by it, now or when the session is checked.
func TestSignInAfterSignOutEverywhere(t *testing.T) {
	w := newWorld(t)
	laptop := w.device(firefox)
	client := newBrowser(t)
	client.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
	until := make(chan struct{})
	w.zitadel.Fault(zitadeltest.Fault{Path: "/v2/sessions/search", Until: until})
	laptop.open(w.auth+"/logout").fill(nil, "everywhere-button").at("/logout/done")
	for w.zitadel.Held() == 0 {
		w.must(t.Context().Err())
		runtime.Gosched()
	}
	w.zitadel.Advance(5 * second)
	w.signIn(laptop)
	close(until)
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions are left, want the new one", n)
	}
	w.restart()
	w.zitadel.Advance(recheckDue)
	w.alone(map[string]*browser{"laptop": laptop}, nil)
}

// An app may ask for it by its own form, and nobody else may.
func TestSignOutEverywhereByForm(t *testing.T) {
	w := newWorld(t)
	laptop, phone := w.device(firefox), w.device(iphone)
	form := url.Values{templates.FieldAction: {templates.ActionEverywhere}}
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example.org"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"http://evil.example.localhost"}, "Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
	} {
		laptop.header = header
		response := laptop.do(http.MethodPost, w.auth+"/logout", form)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("from %v: %d", header, response.StatusCode)
		}
	}
	laptop.header = http.Header{}
	laptop.open(w.auth + "/logout?action=everywhere").at("/logout")
	w.alone(map[string]*browser{"laptop": laptop, "phone": phone}, nil)
	laptop.header = http.Header{"Origin": {w.app}, "Sec-Fetch-Site": {"same-site"}}
	_ = laptop.do(http.MethodPost, w.auth+"/logout", form).Body.Close()
	w.alone(nil, map[string]*browser{"laptop": laptop, "phone": phone})
}

// Who has no session of ours ends nobody's: an account of this browser may be one
// that somebody has merely named. Nor is it offered.
func TestSignOutEverywhereNeedsASession(t *testing.T) {
	w := newWorld(t)
	phone := w.device(iphone)
	begun := newBrowser(t)
	begun.open(w.auth + "/login?return_to=" + w.app + "/").fill(map[string]string{"loginName": "alice"}).at("/password")
	client := newBrowser(t)
	client.open(w.authorizeURL("")).fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/cb")
	for name, b := range map[string]*browser{"a name was typed": begun, "signed in to another client": client, "a stranger": newBrowser(t)} {
		if page := b.open(w.auth + "/logout"); page.testid("everywhere-button") != nil {
			t.Errorf("%s: it is offered", name)
		}
		_ = b.do(http.MethodPost, w.auth+"/logout", url.Values{"action": {"everywhere"}}).Body.Close()
		w.alone(map[string]*browser{"phone": phone}, nil)
	}
	if n := w.live(w.alice); n != 1 {
		t.Errorf("%d ZITADEL sessions, want the phone's", n)
	}
}

// What could not be ended elsewhere is said, and the visitor is signed in still, to
// try again.
func TestSignOutEverywhereWhileTheStoreFails(t *testing.T) {
	w := newWorld(t)
	laptop, phone := w.device(firefox), w.device(iphone)
	ask := laptop.open(w.auth + "/logout")
	real, failing := w.store, true
	w.over(&hookedStore{real, func(ctx context.Context) error {
		if failing && ctx.Done() == nil { // of a sign-out, which outlives its request
			return session.ErrUnavailable
		}
		return nil
	}})
	w.zitadel.ResetCalls()
	ask.fill(nil, "everywhere-button").with(http.StatusServiceUnavailable)
	w.alone(map[string]*browser{"laptop": laptop, "phone": phone}, nil)
	w.settle()
	if calls := strings.Join(w.calls(), " "); strings.Contains(calls, "DELETE") || strings.Contains(calls, "revoke") {
		t.Errorf("ZITADEL was told: %s", calls)
	}
	failing = false
	ask.fill(nil, "everywhere-button").at("/logout/done")
	w.alone(nil, map[string]*browser{"laptop": laptop, "phone": phone})
}
