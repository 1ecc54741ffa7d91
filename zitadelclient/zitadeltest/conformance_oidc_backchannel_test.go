package zitadeltest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func init() {
	scenarios = append(scenarios, scenario{"back-channel logout", playBackchannel})
}

// logoutDelivery is one POST of a logout token.
type logoutDelivery struct {
	Path, Method string
	Headers      map[string]any
	Form         map[string]any
	Answered     int
	Decoded      struct {
		LogoutToken struct {
			Header, Claims map[string]any
		} `json:"logout_token"`
	}
	SignatureVerifies bool
}

// receivers are the applications' ends, as the recorder had them: /a, /b and /c.
type receivers struct {
	*replay
	address string
	apps    map[string]string // path → name in replay.apps

	mu      sync.Mutex
	answers map[string]int
	got     []logoutDelivery
}

func newReceivers(r *replay) *receivers {
	in := &receivers{replay: r, answers: map[string]int{}, apps: map[string]string{}}
	server := httptest.NewServer(in)
	r.t.Cleanup(server.Close)
	in.address = server.URL
	return in
}

func (in *receivers) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	d := logoutDelivery{Path: request.URL.Path, Method: request.Method, Headers: map[string]any{"Host": request.Host}, Form: map[string]any{}}
	for name := range request.Header {
		if name != "Content-Length" {
			d.Headers[name] = request.Header.Get(name)
		}
	}
	if err := request.ParseForm(); err != nil {
		in.t.Error(err)
	}
	for name := range request.PostForm {
		d.Form[name] = request.PostForm.Get(name)
	}
	d.Answered = cmp.Or(in.answers[d.Path], http.StatusOK)
	in.got = append(in.got, d)
	w.WriteHeader(d.Answered)
}

// app adds an application that is told at a path.
func (in *receivers) app(path string) string {
	name := "bcl" + strings.ReplaceAll(path, "/", "-")
	in.replay.apps[name] = in.z.AddApp(AppSeed{
		Name: name, RedirectURIs: fixtureRedirects[:1], PostLogoutRedirectURIs: fixtureLogouts[:1], BackchannelLogoutURI: in.address + path,
	})
	return name
}

// delivered notes how what has arrived since the last call differs from what a
// recording says did: how many and where to, their form, the token's header, its
// claims and their types, and for which session and client it is.
func (in *receivers) delivered(topic string) {
	in.t.Helper()
	in.z.WaitForLogouts()
	in.mu.Lock()
	got := in.got
	in.got = nil
	in.mu.Unlock()
	want := slices.Clone(in.recordings[topic].Deliveries)
	byPath := func(a, b logoutDelivery) int { return strings.Compare(a.Path, b.Path) }
	slices.SortStableFunc(want, byPath)
	slices.SortStableFunc(got, byPath)
	in.results[topic] = ""
	if len(got) != len(want) {
		in.results[topic] = fmt.Sprintf("%d deliveries for %d", len(got), len(want))
		return
	}
	seen := map[string]bool{}
	for i := range got {
		in.decode(&got[i])
		id := text(got[i].Decoded.LogoutToken.Claims["jti"])
		if seen[id] {
			in.results[topic] = "two tokens of one jti"
		}
		seen[id] = true
		in.results[topic] = cmp.Or(in.results[topic], in.deliveryDifference(want[i], got[i]))
	}
}

// decode fills in what the recorder writes down of a token.
func (in *receivers) decode(d *logoutDelivery) {
	in.t.Helper()
	token := text(d.Form["logout_token"])
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		in.t.Fatalf("logout token: %v", err)
	}
	header := signed.Signatures[0].Protected
	d.Decoded.LogoutToken.Header = map[string]any{"alg": header.Algorithm, "kid": header.KeyID, "typ": header.ExtraHeaders[jose.HeaderType]}
	in.z.mu.Lock()
	defer in.z.mu.Unlock()
	d.Decoded.LogoutToken.Claims, d.SignatureVerifies = in.z.verifyOwn(token)
}

func (in *receivers) deliveryDifference(want, got logoutDelivery) string {
	wantToken, gotToken := want.Decoded.LogoutToken, got.Decoded.LogoutToken
	paths := func(d logoutDelivery) map[string]bool {
		all := map[string]bool{}
		collectPaths(all, map[string]any{"headers": d.Headers, "form": d.Form, "header": d.Decoded.LogoutToken.Header, "claims": d.Decoded.LogoutToken.Claims}, "$")
		return all
	}
	a, b := paths(want), paths(got)
	lifetime := func(claims map[string]any) float64 { return claims["exp"].(float64) - claims["iat"].(float64) }
	switch {
	case len(without(a, b))+len(without(b, a)) > 0:
		return fmt.Sprintf("delivery: missing %v, extra %v", without(a, b), without(b, a))
	case want.Path != got.Path || want.Method != got.Method || want.Answered != got.Answered || !got.SignatureVerifies:
		return fmt.Sprintf("delivery %+v for %+v", got, want)
	case want.Headers["Content-Type"] != got.Headers["Content-Type"] || want.Headers["User-Agent"] != got.Headers["User-Agent"]:
		return "delivery: headers"
	case wantToken.Header["alg"] != gotToken.Header["alg"] || wantToken.Header["typ"] != gotToken.Header["typ"]:
		return fmt.Sprintf("delivery: header %v for %v", gotToken.Header, wantToken.Header)
	case lifetime(wantToken.Claims) != lifetime(gotToken.Claims):
		return "delivery: lifetime"
	}
	for _, name := range []string{"iss", "sub", "sid"} {
		if expected := in.here(text(wantToken.Claims[name])); expected != gotToken.Claims[name] {
			return fmt.Sprintf("delivery: %s %v for %v", name, gotToken.Claims[name], expected)
		}
	}
	if audience := gotToken.Claims["aud"].([]any); len(audience) != 1 || audience[0] != in.replay.apps[in.apps[got.Path]].ClientID {
		return fmt.Sprintf("delivery: aud %v", audience)
	}
	return ""
}

// playBackchannel ends sessions as the recorder did, and does what ends none.
func playBackchannel(r *replay) {
	in := newReceivers(r)
	r.bind("http://127.0.0.1:8398", in.address)
	r.step("backchannel-feature-set")
	for _, path := range []string{"/a", "/b", "/c"} {
		in.apps[path] = in.app(path)
	}
	a, b, c := in.apps["/a"], in.apps["/b"], in.apps["/c"]
	r.bind("400703445931133990", r.apps[a].ProjectID)
	r.bind("400703447659187238", r.apps[a].AppID)
	r.step("backchannel-app-get")
	user := r.user("bcl-r6b029ec1", "400703447743073318", withoutPassword)
	// session signs in at applications, with one ZITADEL session.
	session := func(recorded string, apps ...string) (id string, tokens map[string]any) {
		at := r.signedIn(user, "")
		r.bind(recorded, at.id)
		for _, app := range slices.Backward(apps) {
			tokens = r.signIn(app, at)
		}
		return at.id, tokens
	}
	end := func(id string) { r.do("DELETE", "/v2/sessions/"+id, object{}) }

	session("400703449471126566", a, b)
	r.step("backchannel-session-delete")
	in.delivered("backchannel-delivery-session-delete")
	twice, _ := session("400703450863897638", a, a)
	end(twice)
	in.delivered("backchannel-delivery-same-app-twice")
	in.answers = map[string]int{"/a": http.StatusNoContent, "/b": http.StatusNoContent}
	_, tokens := session("400703452222589990", a, b)
	r.bind("<ID_TOKEN_41>", text(tokens["id_token"]))
	r.step("backchannel-end-session")
	in.delivered("backchannel-delivery-end-session")

	in.playNothing(a)

	in.answers = map[string]int{"/b": http.StatusBadRequest}
	refused, _ := session("400703467020094502", a, b)
	end(refused)
	in.delivered("backchannel-retry-400")
	in.answers = map[string]int{"/b": http.StatusInternalServerError, "/c": http.StatusServiceUnavailable}
	broken, _ := session("400703476314672166", a, b)
	down, _ := session("400703476415335462", c)
	well, _ := session("400703476465667110", a)
	for _, id := range []string{broken, down, well} {
		end(id)
	}
	in.delivered("backchannel-retry-500-503")
	r.step("backchannel-feature-reset")
}

// playNothing does what leaves the ZITADEL session as it is: nobody is told.
func (in *receivers) playNothing(app string) {
	in.t.Helper()
	for name, act := range map[string]func(userID, sessionID, refreshToken string){
		"lock":       func(userID, _, _ string) { in.z.LockUser(userID) },
		"deactivate": func(userID, _, _ string) { in.z.DeactivateUser(userID) },
		"delete":     func(userID, _, _ string) { in.z.DeleteUser(userID) },
		"password": func(userID, _, _ string) {
			in.do("POST", "/v2/users/"+userID+"/password", object{"newPassword": object{"password": "Password2!"}})
		},
		"expiry": func(_, sessionID, _ string) {
			in.do("PATCH", "/v2/sessions/"+sessionID, object{"lifetime": "1s"})
			in.z.Advance(2 * time.Second)
		},
		"revocation": func(_, _, refreshToken string) {
			request := httptest.NewRequest(http.MethodPost, "/oauth/v2/revoke", strings.NewReader(url.Values{
				"token": {refreshToken}, "client_id": {in.replay.apps[app].ClientID},
			}.Encode()))
			request.Host = in.z.issuer.Host
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if got := in.send(request); got.Status != http.StatusOK {
				in.t.Fatalf("revoke: %d %v", got.Status, got.Body)
			}
		},
	} {
		user := in.user("bcl-"+name, "", withoutPassword)
		session := in.signedIn(user, "")
		act(user, session.id, text(in.signIn(app, session)["refresh_token"]))
	}
	in.delivered("backchannel-delivery-none")
}
