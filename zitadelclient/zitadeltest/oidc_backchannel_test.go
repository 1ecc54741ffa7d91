package zitadeltest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestBackchannelLogout holds the recordings 816 to 823: one POST for each
// sign-in, once, only when the session is terminated.
func TestBackchannelLogout(t *testing.T) {
	p := newProvider(t)
	var mu sync.Mutex
	var received []string // path and token
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		received = append(received, r.URL.Path+" "+r.PostFormValue("logout_token"))
		w.WriteHeader(http.StatusInternalServerError) // nobody tries again
	}))
	t.Cleanup(receiver.Close)
	first := p.AddApp(AppSeed{RedirectURIs: []string{testCallback}, BackchannelLogoutURI: receiver.URL + "/a"})
	second := p.AddApp(AppSeed{RedirectURIs: []string{testCallback}, BackchannelLogoutURI: receiver.URL + "/b"})
	deliveries := func() []string {
		p.WaitForLogouts()
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(slices.Values(received))
	}
	p.EnableBackchannelLogout()
	session, other := p.session(), p.session()
	for _, app := range []App{first, first, second} {
		p.tokens(app, p.callback(app, session, nil))
	}
	p.tokens(first, p.callback(first, other, nil))

	p.LockUser(p.alice)
	p.ReactivateUser(p.alice)
	p.api("POST", "/v2/users/"+p.alice+"/password", object{"newPassword": object{"password": "Password2!"}})
	if got := deliveries(); len(got) != 0 {
		t.Fatalf("told of a lock or a password: %v", got)
	}
	id := session["sessionId"].(string)
	p.api("DELETE", "/v2/sessions/"+id, object{})
	p.api("DELETE", "/v2/sessions/"+id, object{}) // the second ends nothing
	got := deliveries()
	if len(got) != 3 || !strings.HasPrefix(got[1], "/a ") || !strings.HasPrefix(got[2], "/b ") {
		t.Fatalf("received %d logout tokens: %v", len(got), got)
	}
	_, token, _ := strings.Cut(got[2], " ")
	claims := p.claims(token)
	names := strings.Join(slices.Sorted(maps.Keys(claims)), " ")
	if names != "aud events exp iat iss jti sid sub" {
		t.Errorf("claims %s", names)
	}
	if claims["sid"] != id || claims["sub"] != p.alice || claims["aud"].([]any)[0] != second.ClientID {
		t.Errorf("claims %v", claims)
	}
	if claims["exp"].(float64)-claims["iat"].(float64) != 901 {
		t.Errorf("exp %v, iat %v: want 901 seconds between", claims["exp"], claims["iat"])
	}
}
