package zitadeltest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fixedTime is where the clock of these tests stands until it is advanced.
var fixedTime = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func fixedClock() time.Time { return fixedTime }

// apiClient sends REST calls over the network, as a client would.
type apiClient struct {
	t      *testing.T
	z      *Server
	bearer string
}

func newAPIClient(t *testing.T, config Config) apiClient {
	t.Helper()
	config.Now = fixedClock
	z := NewServer(t, config)
	return apiClient{t: t, z: z, bearer: z.AddServiceUser("login", "IAM_LOGIN_CLIENT").PAT}
}

// call returns the status and the JSON object of the answer.
func (a apiClient) call(method, path, body string) (int, map[string]any) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.z.URL()+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Host = strings.TrimPrefix(a.z.Issuer(), "http://")
	request.Close = true // or a dropped GET is tried again
	request.Header.Set("Authorization", "Bearer "+a.bearer)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	object, _ := decodeBody(raw).(map[string]any)
	return response.StatusCode, object
}

func (a apiClient) want(status int, method, path, body string) map[string]any {
	a.t.Helper()
	got, answer := a.call(method, path, body)
	if got != status {
		a.t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, answer)
	}
	return answer
}

func TestStrictServerReportsWhatTheRealOneOverlooks(t *testing.T) {
	tests := []struct{ name, method, path, body, want string }{
		{"field", "POST", "/v2/sessions", `{"bogus":1}`, `unknown field "bogus"`},
		{"nested field", "POST", "/v2/sessions", `{"checks":{"user":{"loginName":"alice","bogus":1}}}`, `unknown field "bogus"`},
		{"query parameter", "GET", "/v2/settings/login?bogus=1", ``, `unknown query parameter "bogus"`},
		{"path", "GET", "/v2/bogus", ``, `unknown path`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var told []string
			a := newAPIClient(t, Config{Violation: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }})
			a.z.AddUser(UserSeed{UserName: "alice"})
			a.call(test.method, test.path, test.body)
			if len(told) != 1 || !strings.Contains(told[0], test.want) {
				t.Errorf("told %q, want one that contains %q", told, test.want)
			}
		})
	}
}

func TestLagHidesWrites(t *testing.T) {
	a := newAPIClient(t, Config{Lag: 30 * time.Millisecond})
	a.z.Advance(time.Second)
	id := a.z.AddUser(UserSeed{UserName: "alice", Email: "alice@example.com", Password: "Password1!"})
	byID, byName := `{"checks":{"user":{"userId":"`+id+`"}}}`, `{"checks":{"user":{"loginName":"alice"}}}`
	search := `{"queries":[{"loginNameQuery":{"loginName":"alice"}}]}`

	a.want(http.StatusNotFound, "POST", "/v2/sessions", byID)
	a.want(http.StatusCreated, "POST", "/v2/sessions", byName)
	a.want(http.StatusOK, "GET", "/v2/users/"+id, "")
	if found := a.want(http.StatusOK, "POST", "/v2/users", search); found["result"] != nil {
		t.Errorf("search sees the new user at once: %v", found)
	}
	a.z.LockUser(id)
	a.want(http.StatusCreated, "POST", "/v2/sessions", byName)

	a.z.Advance(30 * time.Millisecond)
	a.want(http.StatusBadRequest, "POST", "/v2/sessions", byName)
	a.z.ReactivateUser(id)
	a.want(http.StatusCreated, "POST", "/v2/sessions", byID)
	if found := a.want(http.StatusOK, "POST", "/v2/users", search); found["result"] == nil {
		t.Errorf("search does not see the user after the lag: %v", found)
	}
}

func TestFaults(t *testing.T) {
	a := newAPIClient(t, Config{})
	const path = "/v2/settings/login"
	over := make(chan struct{})
	close(over)
	tests := []struct {
		name  string
		fault Fault
		want  int // 0 for no answer
	}{
		{"status", Fault{Path: path, Status: 503, Body: `{"code":14}`, Times: 1}, 503},
		{"garbage", Fault{Garbage: true, Times: 1}, 200},
		{"drop", Fault{Method: "GET", Drop: true, Times: 1}, 0},
		{"delay", Fault{Delay: time.Nanosecond, Times: 1}, 200},
		{"held back", Fault{Until: over, Times: 1}, 200},
		{"held back and failing", Fault{Until: over, Status: 500, Times: 1}, 500},
		{"another method", Fault{Method: "POST", Status: 500, Times: 1}, 200},
		{"another path", Fault{Path: "/v2/users", Status: 500, Times: 1}, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.z.ClearFaults()
			a.z.Fault(test.fault)
			if got, _ := a.call("GET", path, ""); got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
			if got, _ := a.call("GET", path, ""); got != http.StatusOK {
				t.Errorf("after the fault: status %d, want 200", got)
			}
		})
	}
}

// An answer can get lost although what was asked for is done.
func TestLostAnswer(t *testing.T) {
	a := newAPIClient(t, Config{})
	id := a.z.AddUser(UserSeed{UserName: "alice"})
	a.z.Fault(Fault{Path: "/v2/sessions", Lost: true, Times: 1})
	if status, _ := a.call("POST", "/v2/sessions", `{"checks":{"user":{"userId":"`+id+`"}}}`); status != 0 {
		t.Errorf("answered with %d", status)
	}
	if n := len(a.z.Sessions(id)); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// What is held back is looked at when it is let go, and not before; a late answer
// is one to what was true before.
func TestHeldBack(t *testing.T) {
	for late, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		a := newAPIClient(t, Config{})
		id := a.z.AddUser(UserSeed{UserName: "alice"})
		until, status := make(chan struct{}), make(chan int)
		a.z.Fault(Fault{Until: until, Late: late, Times: 1})
		go func() {
			got, _ := a.call("GET", "/v2/users/"+id, "")
			status <- got
		}()
		for a.z.Held() == 0 {
			runtime.Gosched()
		}
		a.z.DeleteUser(id)
		close(until)
		if got := <-status; got != want {
			t.Errorf("late %t: status %d of a user who was deleted meanwhile, want %d", late, got, want)
		}
	}
}

func TestCallsAreCountedByRoute(t *testing.T) {
	a := newAPIClient(t, Config{})
	id := a.z.AddUser(UserSeed{UserName: "alice"})
	a.call("GET", "/v2/users/"+id, "")
	a.call("GET", "/v2/users/1", "")
	want := []Call{{"GET", "GET /v2/users/{id}", 200, ""}, {"GET", "GET /v2/users/{id}", 404, ""}}
	if got := a.z.Calls(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("calls %v, want %v", got, want)
	}
	a.z.ResetCalls()
	if got := a.z.Calls(); len(got) != 0 {
		t.Errorf("calls after the reset: %v", got)
	}
}

func TestMailsCarryTheLinkOfTheTemplate(t *testing.T) {
	a := newAPIClient(t, Config{})
	id := a.z.AddUser(UserSeed{UserName: "alice", GivenName: "Alice", FamilyName: "Example", Email: "alice@example.com", Password: "Password1!", Phone: "+41791234567"})
	reset := "/v2/users/" + id + "/password_reset"

	a.want(http.StatusOK, "POST", reset, `{"sendLink":{"urlTemplate":"https://auth.example.com/password/set?code={{.Code}}&userId={{.UserID}}"}}`)
	mail := a.z.LastMail("alice@example.com")
	if want := "https://auth.example.com/password/set?code=" + mail.Code + "&userId=" + id; mail.Link != want || len(mail.Code) != 6 {
		t.Errorf("link %q, want %q", mail.Link, want)
	}
	if mail.Kind != "password-reset" || !strings.Contains(mail.Text, mail.Code) {
		t.Errorf("mail %+v", mail)
	}
	a.want(http.StatusOK, "POST", reset, `{}`)
	if link := a.z.LastMail("alice@example.com").Link; !strings.HasPrefix(link, "http://auth.example.localhost:8400//ui/v2/login/password/set?code=") {
		t.Errorf("default link %q", link)
	}
	a.want(http.StatusOK, "POST", reset, `{"sendLink":{"notificationType":"NOTIFICATION_TYPE_SMS"}}`)
	if got := a.z.SMS(); len(got) != 1 || got[0].To != "+41791234567" || len(a.z.Mails()) != 2 {
		t.Errorf("sms %v, %d mails", got, len(a.z.Mails()))
	}
	if none := a.z.LastMail("bob@example.com"); none != (Mail{}) {
		t.Errorf("mail to nobody: %v", none)
	}
}

func TestLockoutAfterAsManyFailuresAsThePolicySays(t *testing.T) {
	a := newAPIClient(t, Config{})
	a.z.SetLockout("", func(l *Lockout) { l.MaxPasswordAttempts = 2 })
	id := a.z.AddUser(UserSeed{UserName: "alice", Password: "Password1!"})
	session := func(password string) (int, map[string]any) {
		return a.call("POST", "/v2/sessions", `{"checks":{"user":{"loginName":"alice"},"password":{"password":"`+password+`"}}}`)
	}
	for attempt := 1; attempt <= 2; attempt++ {
		_, answer := session("wrong")
		if got := fmt.Sprint(answer["details"].([]any)[0].(map[string]any)["failedAttempts"]); got != fmt.Sprint(attempt) {
			t.Errorf("failedAttempts %s, want %d", got, attempt)
		}
	}
	if status, answer := session("Password1!"); status != 400 || errorID(answer) != "9||SESSION-Gj4ko" {
		t.Errorf("the right password of a locked user: %d %v", status, answer)
	}
	a.z.ReactivateUser(id)
	if status, _ := session("Password1!"); status != http.StatusCreated {
		t.Errorf("after the unlock: status %d", status)
	}
}

func TestPasswordDelayHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := New(Config{PasswordDelay: time.Hour})
		z.AddUser(UserSeed{UserName: "alice", Password: "Password1!"})
		pat := z.AddServiceUser("login", "IAM_LOGIN_CLIENT").PAT
		serve := func(method, path, body string) int {
			request := httptest.NewRequest(method, z.Issuer()+path, strings.NewReader(body))
			request.Header.Set("Authorization", "Bearer "+pat)
			answer := httptest.NewRecorder()
			z.ServeHTTP(answer, request)
			return answer.Code
		}
		checked := make(chan int)
		start := time.Now()
		go func() {
			checked <- serve("POST", "/v2/sessions", `{"checks":{"user":{"loginName":"alice"},"password":{"password":"Password1!"}}}`)
		}()
		synctest.Wait() // until the check waits
		if got := serve("GET", "/v2/settings/login", ""); got != http.StatusOK {
			t.Errorf("another request: status %d", got)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("another request waited %v", took)
		}
		if got, took := <-checked, time.Since(start); got != http.StatusCreated || took != time.Hour {
			t.Errorf("the check: status %d after %v, want 201 after 1h", got, took)
		}
	})
}

func TestWriteFixtures(t *testing.T) {
	dir := t.TempDir()
	if err := New(Config{Fixtures: true}).WriteFixtures(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(raw, &state); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"org", "lockout_org", "project", "alice", "bob", "login-bff", "app_pkce", "app_api", "idp_oidc"} {
		if state[name] == nil {
			t.Errorf("state.json lacks %s", name)
		}
	}
	for _, name := range []string{"admin-sa.json", "login-bff.json", "nobody-sa.json", "user-manager-sa.json", "web-pkjwt.json", "admin-sa.pat", "login-client.pat"} {
		if info, err := os.Stat(filepath.Join(dir, "keys", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("keys/%s: %v, want it for its owner alone", name, err)
		}
	}
}
