package handlers_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient"
)

// What an app is told of who is signed in: these keys and no others, with what
// ZITADEL and the clock say, and nothing that opens a door.
func TestSessionAnswer(t *testing.T) {
	w := newWorld(t, askingForRoles)
	w.zitadel.AddGrant(w.alice, w.ours.ProjectID, "", "editor")
	b := newBrowser(t)
	// The user signs in to another client first and a while later, asked nothing,
	// to our app: so no two of the times below are the same.
	b.open(w.authorizeURL("")).at("/loginname").
		fill(map[string]string{"loginName": "alice"}).at("/password").
		fill(map[string]string{"password": password}).at("/cb")
	w.zitadel.Advance(10 * minute)
	began := w.during(func() { b.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/inbox") })
	w.zitadel.Advance(30 * minute)
	var body string
	asked := w.during(func() { body = w.sessionBody(b) })

	held := w.heldFor(b)
	proven, err := w.client.Session(t.Context(), zitadelclient.SessionRef{ID: held.account.ZitadelSession, Token: held.account.ZitadelToken})
	w.must(err)
	var answer map[string]any
	w.must(json.Unmarshal([]byte(body), &answer))
	for key, within := range map[string]span{
		"expires_at":       began.plus(12 * time.Hour),
		"idle_expires_at":  asked.plus(time.Hour),
		"tokens_expire_at": {began.from.Add(12*time.Hour - second), began.to.Add(12 * time.Hour)}, // ZITADEL counts whole seconds down
		"refresh_at":       {began.from.Add(9 * time.Hour), began.to.Add(11 * time.Hour)},         // a point of its own
	} {
		text, _ := answer[key].(string)
		if at, err := time.Parse(time.RFC3339, text); err != nil || !within.holds(at) {
			t.Errorf("%s = %v, want a time from %v to %v", key, answer[key], within.from, within.to)
		}
		delete(answer, key)
	}
	want := map[string]any{
		"subject":      w.alice,
		"name":         "Alice Example",
		"email":        "alice@example.com",
		"organization": w.zitadel.DefaultOrganization(),
		"roles":        []any{"editor"},
		"methods":      []any{"pwd"},
		"auth_time":    proven.Factors.Password.UTC().Truncate(second).Format(time.RFC3339),
	}
	if got, want := asJSON(t, answer), asJSON(t, want); got != want {
		t.Errorf("besides its ends, the session is told as\n%s\nwant\n%s", got, want)
	}
	for name, secret := range held.secrets {
		if secret == "" {
			t.Errorf("there is no %s: this test looks in the wrong place", name)
		} else if strings.Contains(body, secret) {
			t.Errorf("the %s is in the answer: %s", name, body)
		}
	}
}

// An app that polls may ask without keeping anybody signed in; the answer is the
// same but for that.
func TestSessionAnswerToAPoll(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	began := w.during(func() { w.signIn(b) })
	w.zitadel.Advance(30 * minute)
	var polled, asked map[string]any
	w.must(json.Unmarshal([]byte(w.sessionBody(b, "slide=false")), &polled))
	w.must(json.Unmarshal([]byte(w.sessionBody(b)), &asked))
	text, _ := polled["idle_expires_at"].(string)
	if at, err := time.Parse(time.RFC3339, text); err != nil || !began.plus(time.Hour).holds(at) {
		t.Errorf("a poll moved the idle end to %q", text)
	}
	if asked["idle_expires_at"] == polled["idle_expires_at"] {
		t.Errorf("a visit left the idle end at %q", text)
	}
	delete(polled, "idle_expires_at")
	delete(asked, "idle_expires_at")
	if asJSON(t, polled) != asJSON(t, asked) {
		t.Errorf("a poll is told\n%v\nand a visit\n%v", polled, asked)
	}
	if roles, ok := asked["roles"].([]any); !ok || len(roles) != 0 {
		t.Errorf("roles of a user without any: %v, want an empty list", asked["roles"])
	}
}

// sessionBody is the answer as it comes over the wire.
func (w *world) sessionBody(b *browser, query ...string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.auth+"/session?"+strings.Join(query, "&"), nil)
	w.must(err)
	r.Header.Set("Origin", w.app)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	response, err := b.client.Do(r)
	w.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	w.must(err)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		w.t.Fatalf("GET /session: %d %v %s", response.StatusCode, response.Header, body)
	}
	return string(body)
}

// held is what we keep of a browser that is signed in.
type held struct {
	account session.Account
	secrets map[string]string // by name: none may be told to an app
}

// heldFor reads, as torhaus does, what the browser's cookies stand for.
func (w *world) heldFor(b *browser) held {
	w.t.Helper()
	manager, err := session.NewManager(session.Config{
		Store: w.store, Keys: session.Keys{w.key}, Environment: "test", CookieDomain: "example.localhost", Now: w.now,
	})
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.auth+"/session", nil)
	w.must(err)
	secrets := map[string]string{}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
		secrets["cookie "+c.Name] = c.Value
	}
	own, err := manager.Peek(w.t.Context(), r)
	w.must(err)
	tokens, err := manager.Tokens(w.t.Context(), own)
	w.must(err)
	accounts, err := manager.Accounts(w.t.Context(), r)
	w.must(err)
	if len(accounts) != 1 {
		w.t.Fatalf("the browser has %d accounts, want 1", len(accounts))
	}
	maps.Copy(secrets, map[string]string{
		"access token": tokens.AccessToken, "refresh token": tokens.RefreshToken,
		"ZITADEL session": own.ZitadelSession, "ZITADEL session's token": accounts[0].ZitadelToken,
	})
	return held{accounts[0], secrets}
}

// askingForRoles has the sign-in ask for the roles of the app's project, which
// ZITADEL puts into no token unasked.
func askingForRoles(w *world, c *handlers.Config) {
	client, err := zitadelclient.New(zitadelclient.Config{
		Issuer: w.zitadel.Issuer(), APIURL: w.zitadel.URL(),
		Service: zitadelclient.ServiceCredentials{KeyFile: w.keyFile},
		OIDC: zitadelclient.OIDCConfig{
			ClientID: w.ours.ClientID, ClientSecret: w.ours.ClientSecret, RedirectURI: w.auth + "/callback",
			Scopes: []string{"openid", "profile", "email", "offline_access", "urn:zitadel:iam:org:projects:roles", "urn:zitadel:iam:org:project:id:" + w.ours.ProjectID + ":aud"},
		},
		Now: w.now, Logger: c.Logger,
	})
	w.must(err)
	w.t.Cleanup(func() { _ = client.Close() })
	c.Zitadel = client
}

// span is when something was done, in the whole seconds that records keep.
type span struct{ from, to time.Time }

// during is when this was done.
func (w *world) during(act func()) span {
	from := w.now()
	act()
	return span{from.Truncate(second), w.now().Truncate(second)}
}

func (s span) plus(d time.Duration) span { return span{s.from.Add(d), s.to.Add(d)} }

func (s span) holds(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }

// asJSON writes a value with its keys in order, so that two can be compared.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An app is served by liveSession and nothing else: whoever read a session past it
// would forget to refresh, to check, or to note the use. Looking without deciding
// anything is for signing out.
func TestOneWayToASession(t *testing.T) {
	may := map[string][]string{
		".keeper.Session(":    {"live.go"},
		".keeper.Recent(":     {"live.go"},
		".keeper.WithTokens(": {"live.go"},
		".sessionWithTokens(": {"forwardauth.go"},
		".recentSession(":     {"forwardauth.go", "session.go"}, // which change nothing
		".Sessions.Session(":  {},
		".Sessions.Peek(":     {"ended.go", "logout.go"},
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for call, where := range may {
		var found []string
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, "_test.go") && strings.Contains(string(source), call) {
				found = append(found, file)
			}
		}
		if !slices.Equal(found, where) {
			t.Errorf("%s is called in %v, want %v", call, found, where)
		}
	}
}

// Who asks again and again is told that nothing has changed, for as long as that
// is so, and to the same effect.
func TestSessionAnswerUnchanged(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	first := w.script(b, "GET", "/session?slide=false")
	tag := first.header.Get("ETag")
	if first.status != http.StatusOK || tag == "" {
		t.Fatalf("%d, tag %q", first.status, tag)
	}
	if exposed := first.header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "ETag") {
		t.Errorf("the app may not read the tag: %q", exposed)
	}
	for path, want := range map[string]int{"/session?slide=false": http.StatusNotModified, "/session": http.StatusNotModified} {
		got := w.script(b, "GET", path, "If-None-Match", tag)
		if got.status != want || got.body != "" || got.header.Get("ETag") != tag {
			t.Errorf("%s: %d %q %q", path, got.status, got.body, got.header.Get("ETag"))
		}
		w.readable(endpoint{"GET", path}, w.app, got)
	}
	head := w.script(b, "HEAD", "/session?slide=false")
	if head.status != http.StatusOK || head.header.Get("ETag") != tag || head.body != "" {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	w.zitadel.Advance(10 * minute)
	if got := w.script(b, "GET", "/session?slide=false", "If-None-Match", tag); got.status != http.StatusNotModified {
		t.Errorf("a poll moved something: %d", got.status)
	}
	if got := w.script(b, "GET", "/session", "If-None-Match", tag); got.status != http.StatusOK || got.header.Get("ETag") == tag {
		t.Errorf("a visit moved nothing: %d %s", got.status, got.header.Get("ETag"))
	}
	b.open(w.auth + "/logout").fill(nil)
	w.script(b, "GET", "/session", "If-None-Match", tag).problem(w, http.StatusUnauthorized)
}
