package zitadeltest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recording is one exchange with the real server.
type recording struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         any
		BodyEncoding string
		RawBody      *string
	}
	Decoded map[string]any // the JWTs of the answer, by field
	Mail    struct {
		Headers map[string]string
		Links   []string
		Text    string
	} // instead of an answer: what was sent
	WebhookPayload map[string]any   // or posted
	Deliveries     []logoutDelivery // or delivered to receivers of logout tokens
	AuthURL        struct {
		Base  string
		Query map[string]string
	} // or an address, taken apart
	Response struct {
		Status  int
		Headers map[string]any // a value is a string or a list of them
		Body    any
	}
}

// loadRecordings reads testdata/recordings by topic, the name without its number.
func loadRecordings(t *testing.T) map[string]recording {
	t.Helper()
	paths, err := filepath.Glob("testdata/recordings/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]recording{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_, topic, _ := strings.Cut(r.Name, "-")
		all[topic] = r
	}
	return all
}

// want is the recorded answer.
func (r recording) want() answer {
	h := http.Header{}
	for name, value := range r.Response.Headers {
		switch value := value.(type) {
		case string:
			h.Set(name, value)
		case []any:
			for _, v := range value {
				h.Add(name, text(v))
			}
		}
	}
	return answer{Status: r.Response.Status, Headers: h, Body: r.Response.Body}
}

// replay is one scenario: a fresh server with the recorder's fixtures, and the
// recorded requests sent to it. Ids, tokens and codes of the recordings are
// bound to those of this server: the fixtures' from the start, the others as
// the answers show them.
type replay struct {
	t          *testing.T
	z          *Server
	recordings map[string]recording
	bound      map[string]string
	tokens     map[string]string // bearer tokens by the recorder's name for the caller
	state      map[string]string // ids of the fixtures by the recorder's names
	apps       map[string]App
	results    map[string]string // topic → difference
	hit        map[string]bool   // routes that a step reached
}

// recordedIDs are the fixtures' ids on the real server.
var recordedIDs = map[string]string{
	"org": "400692564413451302", "lockout_org": "400693156028353574", "project": "400693152320588838",
	"alice": "400693152689687590", "bob": "400693154317077542",
	"login-bff": "400693151917935654", "nobody-sa": "400693152085707814", "idp_oidc": "400693156095462438", "idp_ldap": "400693156129016870",
}

// recordedClients are the client ids of the fixtures on the real server.
var recordedClients = map[string]string{
	"app_pkce": "400693152354208806", "app_basic": "400693152421252134", "app_post": "400693152454806566",
	"app_jwtat": "400693152488426534", "app_pkjwt": "400693152521980966",
}

// newReplay makes the server and binds the fixtures.
func newReplay(t *testing.T, recordings map[string]recording) *replay {
	t.Helper()
	r := &replay{
		t: t, z: New(Config{Fixtures: true}), recordings: recordings, bound: map[string]string{}, tokens: map[string]string{},
		state: map[string]string{}, apps: map[string]App{}, results: map[string]string{}, hit: map[string]bool{},
	}
	state, files := object{}, map[string][]byte{}
	r.z.seedServiceUsers(state, files)
	r.z.seedUsers(state)
	r.z.seedApps(state, files)
	r.z.seedIdentityProviders(state)
	for name, value := range state {
		switch value := value.(type) {
		case string:
			r.state[name] = value
		case object:
			r.apps[name] = App{AppID: value["appId"].(string), ClientID: value["clientId"].(string), ClientSecret: value["clientSecret"].(string)}
		}
	}
	for name, id := range recordedIDs {
		r.bind(id, r.state[name])
	}
	for name, id := range recordedClients {
		r.bind(id, r.apps[name].ClientID)
	}
	r.apps["app_pkjwt"] = App{ClientID: r.apps["app_pkjwt"].ClientID, KeyFile: files["web-pkjwt.json"]}
	r.tokens["login-bff (IAM_LOGIN_CLIENT)"] = r.z.bearerFor(r.state["login-bff"])
	r.tokens["nobody-sa (no role)"] = r.z.bearerFor(r.state["nobody-sa"])
	r.tokens["admin-sa (IAM_OWNER)"] = r.z.bearerFor(r.state["admin-sa"])
	r.tokens["user-manager-sa (IAM_USER_MANAGER)"] = r.z.bearerFor(r.state["user-manager-sa"])
	r.tokens["login-client PAT"] = string(files["login-client.pat"])
	r.tokens["garbage"] = "garbage"
	return r
}

// bearerFor is a new personal access token of a user.
func (s *Server) bearerFor(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := newSecret(54)
	s.personalAccessTokens[token] = userID
	return token
}

// bind says what a recorded value is on this server. The first binding stays.
func (r *replay) bind(recorded, actual string) {
	if _, ok := r.bound[recorded]; !ok && recorded != "" {
		r.bound[recorded] = actual
	}
}

// here translates recorded values, the longest first.
func (r *replay) here(text string) string {
	var pairs []string
	for recorded := range r.bound {
		pairs = append(pairs, recorded)
	}
	slices.SortFunc(pairs, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, recorded := range pairs {
		text = strings.ReplaceAll(text, recorded, r.bound[recorded])
	}
	return text
}

// option changes a recorded request before it is sent.
type option func(*replay, *http.Request)

// as sends another bearer token: that of a caller whom only the scenario knows.
func as(token string) option {
	return func(_ *replay, request *http.Request) { request.Header.Set("Authorization", "Bearer "+token) }
}

// basic sends client credentials, which recordings do not show.
func basic(clientID, secret string) option {
	return func(_ *replay, request *http.Request) {
		request.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(secret))
	}
}

// step sends the request of a recording and notes how the answer differs. It
// returns the answer's JSON object, nil if it is none.
func (r *replay) step(topic string, options ...option) map[string]any {
	r.t.Helper()
	rec, ok := r.recordings[topic]
	if !ok {
		r.t.Fatalf("no recording %s", topic)
	}
	request := r.request(rec)
	for _, option := range options {
		option(r, request)
	}
	got := r.send(request)
	r.results[topic] = difference(rec.want(), got)
	r.learn("", rec.Response.Body, got.Body)
	r.learn("Location", rec.want().Headers.Get("Location"), got.Headers.Get("Location"))
	body, _ := got.Body.(map[string]any)
	return body
}

// steps are several recordings one after the other, sent as they are.
func (r *replay) steps(topics ...string) {
	r.t.Helper()
	for _, topic := range topics {
		r.step(topic)
	}
}

// request is the recorded request with the bindings of this server.
func (r *replay) request(rec recording) *http.Request {
	body := ""
	switch fields, isForm := rec.Request.Body.(map[string]any); {
	case rec.Request.RawBody != nil:
		body = *rec.Request.RawBody
	case isForm && rec.Request.BodyEncoding == "form":
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, r.here(text(value)))
		}
		body = form.Encode()
	case rec.Request.Body != nil:
		// Unescaped, or the placeholders' angle brackets are not found.
		var raw strings.Builder
		encoder := json.NewEncoder(&raw)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(rec.Request.Body); err != nil {
			r.t.Fatal(err)
		}
		body = r.here(raw.String())
	}
	request := httptest.NewRequest(rec.Request.Method, r.here(rec.Request.Path), strings.NewReader(body))
	for name, value := range rec.Request.Headers {
		switch name {
		case "Host":
			request.Host = value
		case "Authorization":
			r.authorize(request, value)
		default:
			request.Header.Set(name, r.here(value))
		}
	}
	return request
}

// authorize fills in what the recording only names.
func (r *replay) authorize(request *http.Request, recorded string) {
	if name, ok := strings.CutPrefix(recorded, "Bearer <"); ok {
		if token, ok := r.tokens[strings.TrimSuffix(name, ">")]; ok {
			request.Header.Set("Authorization", "Bearer "+token)
		}
	}
}

func (r *replay) send(request *http.Request) answer {
	w := httptest.NewRecorder()
	r.z.ServeHTTP(w, request)
	calls := r.z.Calls()
	r.hit[calls[len(calls)-1].Route] = true
	if request.Method == http.MethodHead {
		w.Body.Reset() // as net/http does on a connection
	}
	return answer{Status: w.Code, Headers: w.Header(), Body: decodeBody(w.Body.Bytes())}
}

// do makes a call that was not recorded, as the login client unless an option
// says otherwise, and returns the JSON object of the answer.
func (r *replay) do(method, path string, body any, options ...option) map[string]any {
	r.t.Helper()
	payload := ""
	if body != nil {
		payload = string(mustJSON(body))
	}
	request := httptest.NewRequest(method, path, strings.NewReader(payload))
	request.Host = r.z.issuer.Host
	request.Header.Set("Authorization", "Bearer "+r.tokens["login-bff (IAM_LOGIN_CLIENT)"])
	for _, option := range options {
		option(r, request)
	}
	got := r.send(request)
	if got.Status >= 300 {
		r.t.Fatalf("%s %s: %d %v", method, path, got.Status, got.Body)
	}
	object, _ := got.Body.(map[string]any)
	return object
}

// admin is the option for do to be the administrator, in an organization.
func admin(org string) option {
	return func(r *replay, request *http.Request) {
		request.Header.Set("Authorization", "Bearer "+r.tokens["admin-sa (IAM_OWNER)"])
		if org != "" {
			request.Header.Set("x-zitadel-orgid", org)
		}
	}
}

// volatile are recorded values that another server has others for.
var volatile = regexp.MustCompile(`^(<[A-Z_]+_[0-9]+>|(V2_)?4[0-9]{17})$`)

// codes are the fields whose value is a code.
var codes = []string{"verificationCode", "emailCode", "phoneCode", "inviteCode"}

// learn walks a recorded and an actual answer side by side and binds what
// differs by nature. Lists of strings are left out: their order is not ours.
func (r *replay) learn(key string, recorded, actual any) {
	switch want := recorded.(type) {
	case map[string]any:
		if got, ok := actual.(map[string]any); ok {
			for name := range want {
				r.learn(name, want[name], got[name])
			}
		}
	case []any:
		got, _ := actual.([]any)
		for i := range min(len(want), len(got)) {
			if _, isText := want[i].(string); !isText {
				r.learn(key, want[i], got[i])
			}
		}
	case string:
		got, _ := actual.(string)
		if got == "" {
			return
		}
		if volatile.MatchString(want) || slices.Contains(codes, key) {
			r.bind(want, got)
		} else if a, err := url.Parse(want); err == nil && a.RawQuery != "" {
			b, _ := url.Parse(got)
			for name, value := range a.Query() {
				r.learn(name, value[0], b.Query().Get(name))
			}
		}
	}
}

// user adds a person as the recorder does, with Password1! and a verified
// address, and binds the recorded id.
func (r *replay) user(name, recordedID string, edits ...func(*UserSeed)) string {
	seed := UserSeed{UserName: name, GivenName: "Test", FamilyName: name, Email: name + "@example.com", EmailVerified: true, Password: "Password1!"}
	for _, edit := range edits {
		edit(&seed)
	}
	id := r.z.AddUser(seed)
	r.bind(recordedID, id)
	return id
}

// session signs a user in, with the password unless it is "", and returns id
// and token of the ZITADEL session.
func (r *replay) session(userID, password string) (id, token string) {
	r.t.Helper()
	checks := object{"user": object{"userId": userID}}
	if password != "" {
		checks["password"] = object{"password": password}
	}
	made := r.do("POST", "/v2/sessions", object{"checks": checks})
	return text(made["sessionId"]), text(made["sessionToken"])
}
