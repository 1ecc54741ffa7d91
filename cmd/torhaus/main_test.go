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
func localSettings(t *testing.T) map[string]string {
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
func closedPort(t *testing.T) string {
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
	grew chan struct{}
}

func newLogged() *logged { return &logged{grew: make(chan struct{}, 1)} }

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.grew <- struct{}{}:
	default:
	}
	return l.text.Write(p)
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

// TestServe starts the program with ZITADEL down, asks for its health on both
// listeners and ends it as an orchestrator does.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := newLogged()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, nil, environFrom(localSettings(t)), io.Discard, log)
	}()
	patience, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	listening := log.find(patience, "listening")
	if listening == nil {
		t.Fatalf("not listening:\n%s", log)
	}
	public, _ := listening["public"].(string)
	internal, _ := listening["internal"].(string)
	for url, want := range map[string]int{
		"http://" + public + "/healthz":        http.StatusOK,
		"http://" + public + "/readyz":         http.StatusOK, // the store is memory; ZITADEL's health is not ours
		"http://" + public + "/debug/pprof/":   http.StatusMisdirectedRequest,
		"http://" + internal + "/debug/pprof/": http.StatusOK,
	} {
		if got := status(t, url); got != want {
			t.Errorf("GET %s: %d, want %d", url, got, want)
		}
	}
	settings := map[string]string{"LISTEN": public}
	if code := run(t.Context(), []string{"health"}, environFrom(settings), io.Discard, log); code != exitOK {
		t.Errorf("health = %d", code)
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("serve = %d after being told to stop:\n%s", code, log)
	}
	if strings.Contains(log.String(), planted) || strings.Contains(log.String(), aKey) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
	if log.find(patience, "config_start") == nil {
		t.Errorf("the configuration was not logged:\n%s", log)
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
