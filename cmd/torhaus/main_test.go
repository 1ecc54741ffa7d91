package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

// localSettings is a whole torhaus on this machine, whose ZITADEL does not answer.
func localSettings(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{
		"PUBLIC_URL":            "http://auth.example.localhost:8400",
		"LISTEN":                "127.0.0.1:0",
		"INTERNAL_LISTEN":       "127.0.0.1:0",
		"ZITADEL_ISSUER":        "http://id.example.localhost:8300",
		"ZITADEL_API_URL":       "http://" + closedPort(t),
		"ZITADEL_CLIENT_ID":     "torhaus",
		"ZITADEL_CLIENT_SECRET": planted,
		"OIDC_CLIENT_ID":        "227",
		"APP_ORIGINS":           "http://app.example.localhost:8500",
		"COOKIE_DOMAIN":         "example.localhost",
		"COOKIE_KEYS":           aKey,
	}
}

// closedPort is an address on which nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// logged collects the program's log while it runs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
	deaf bool
	grew chan struct{}
}

func newLogged() *logged { return &logged{grew: make(chan struct{}, 1)} }

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf {
		return len(p), nil
	}
	select {
	case l.grew <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

// discard drops what comes from now on.
func (l *logged) discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = true
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// find waits for the log line with the message and returns its fields.
func (l *logged) find(ctx context.Context, message string) map[string]any {
	for {
		for line := range strings.Lines(l.String()) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
				return fields
			}
		}
		select {
		case <-l.grew:
		case <-ctx.Done():
			return nil
		}
	}
}

// served is a program that runs until it is stopped.
type served struct {
	log              *logged
	public, internal string
	stop             context.CancelFunc
	ended            chan int
}

// start runs serve and waits until it listens.
func start(t *testing.T, settings map[string]string) *served {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &served{log: newLogged(), stop: stop, ended: make(chan int, 1)}
	t.Cleanup(stop)
	go func() { s.ended <- run(ctx, nil, environFrom(settings), io.Discard, s.log) }()
	listening := s.find(t, "listening")
	s.public, _ = listening["public"].(string)
	s.internal, _ = listening["internal"].(string)
	return s
}

// find waits for a log line.
func (s *served) find(t testing.TB, message string) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fields := s.log.find(ctx, message)
	if fields == nil {
		t.Fatalf("no %q in the log:\n%s", message, s.log)
	}
	return fields
}

// TestServe starts the program with ZITADEL down, asks both listeners, and ends
// it as an orchestrator does.
func TestServe(t *testing.T) {
	s := start(t, localSettings(t))
	for url, want := range map[string]int{
		"http://" + s.public + "/healthz":               http.StatusOK,
		"http://" + s.public + "/readyz":                http.StatusOK, // the store is memory; ZITADEL's health is not ours
		"http://" + s.public + "/debug/pprof/":          http.StatusMisdirectedRequest,
		"http://" + s.internal + "/debug/pprof/":        http.StatusOK,
		"http://" + s.public + "/auth/envoy/default/":   http.StatusMisdirectedRequest,
		"http://" + s.internal + "/auth/envoy/default/": http.StatusForbidden,  // of no app of ours
		"http://" + s.internal + "/auth/nginx/default":  http.StatusBadRequest, // the proxy says too little
		"http://" + s.internal + "/auth/nginx/staff":    http.StatusNotFound,
		"http://" + s.internal + "/healthz":             http.StatusNotFound,
	} {
		if got := status(t, url); got != want {
			t.Errorf("GET %s: %d, want %d", url, got, want)
		}
	}
	settings := map[string]string{"LISTEN": s.public}
	if code := run(t.Context(), []string{"health"}, environFrom(settings), io.Discard, s.log); code != exitOK {
		t.Errorf("health = %d", code)
	}
	s.find(t, "config_start")
	s.stop()
	if code := <-s.ended; code != exitOK {
		t.Errorf("serve = %d after being told to stop:\n%s", code, s.log)
	}
	if strings.Contains(s.log.String(), planted) || strings.Contains(s.log.String(), aKey) {
		t.Errorf("the log holds a secret:\n%s", s.log)
	}
}

// TestServeDrains: in production the listeners stay open for a moment in which
// /readyz sends new visitors elsewhere.
func TestServeDrains(t *testing.T) {
	settings := localSettings(t)
	maps.Copy(settings, map[string]string{
		"PUBLIC_URL": "https://auth.example.com", "APP_ORIGINS": "https://app.example.com",
		"COOKIE_DOMAIN": "example.com", "STORE": "memory",
	})
	s := start(t, settings)
	if got := status(t, "http://"+s.public+"/readyz"); got != http.StatusOK {
		t.Errorf("readyz = %d before the end", got)
	}
	s.stop()
	s.find(t, "draining")
	if got := status(t, "http://"+s.public+"/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("readyz = %d while draining", got)
	}
	if code := <-s.ended; code != exitOK {
		t.Errorf("serve = %d:\n%s", code, s.log)
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestRun(t *testing.T) {
	broken := map[string]string{"APP_ORIGINS": "*", "COOKIE_DOMAIN": "localhost"}
	tests := []struct {
		name     string
		args     []string
		changes  map[string]string
		code     int
		says     []string // on either output
		saysNone []string
	}{
		{"version", []string{"version"}, nil, exitOK, []string{"go1."}, nil},
		{"unknown command", []string{"start"}, nil, exitUsage, []string{"usage:"}, nil},
		{"too many arguments", []string{"serve", "now"}, nil, exitUsage, []string{"usage:"}, nil},
		{"all problems at once", []string{"serve"}, broken, exitFault, []string{"TORHAUS_APP_ORIGINS", "TORHAUS_COOKIE_DOMAIN"}, []string{planted}},
		{"doctor tells them too", []string{"doctor"}, broken, exitFault, []string{"TORHAUS_APP_ORIGINS", "TORHAUS_COOKIE_DOMAIN"}, []string{planted}},
		{"doctor meets a ZITADEL that is down", []string{"doctor"}, nil, exitFault, []string{"ok    configuration", "FAIL  ZITADEL", "ok    session store"}, []string{planted}},
		{"health of nobody", []string{"health"}, map[string]string{"LISTEN": closedPort(t)}, exitFault, []string{"refused"}, nil},
		{"a taken port", []string{"serve"}, map[string]string{"LISTEN": takenPort(t)}, exitFault, []string{"TORHAUS_LISTEN", "in use"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := localSettings(t)
			maps.Copy(settings, tt.changes)
			var output bytes.Buffer
			if code := run(t.Context(), tt.args, environFrom(settings), &output, &output); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, text := range tt.says {
				if !strings.Contains(output.String(), text) {
					t.Errorf("%q is not in:\n%s", text, &output)
				}
			}
			for _, text := range tt.saysNone {
				if strings.Contains(output.String(), text) {
					t.Errorf("%q is in:\n%s", text, &output)
				}
			}
		})
	}
}

// TestDoctorFindsNothing: with a ZITADEL that answers and knows the service
// user, every line is ok.
func TestDoctorFindsNothing(t *testing.T) {
	zitadel := zitadeltest.NewServer(t, zitadeltest.Config{})
	service := zitadel.AddServiceUser("torhaus", "IAM_LOGIN_CLIENT")
	settings := localSettings(t)
	settings["ZITADEL_ISSUER"], settings["ZITADEL_API_URL"] = zitadel.Issuer(), zitadel.URL()
	settings["ZITADEL_CLIENT_ID"], settings["ZITADEL_CLIENT_SECRET"] = service.ClientID, service.ClientSecret
	var output bytes.Buffer
	if code := run(t.Context(), []string{"doctor"}, environFrom(settings), &output, &output); code != exitOK || strings.Contains(output.String(), "FAIL") {
		t.Errorf("doctor = %d:\n%s", code, &output)
	}
}

// takenPort is an address on which somebody else listens.
func takenPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
