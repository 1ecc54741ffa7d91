package zitadelclient

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recording is one exchange with a real ZITADEL.
type recording struct {
	Name    string
	Request struct {
		Method, Path string
		Body         json.RawMessage
	}
	Response struct {
		Status  int
		Headers map[string]any
		Body    json.RawMessage
	}
}

// recordings are kept with the emulator, which answers as they do.
const recordings = "zitadeltest/testdata/recordings"

func readRecording(t *testing.T, name string) recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recordings, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// write answers as the real one did.
func (r recording) write(w http.ResponseWriter) {
	for name, value := range r.Response.Headers {
		if s, ok := value.(string); ok {
			w.Header().Set(name, s)
		}
	}
	body := []byte(r.Response.Body)
	if len(body) > 0 && body[0] == '"' {
		var text string
		_ = json.Unmarshal(body, &text)
		body = []byte(text)
	}
	w.WriteHeader(r.Response.Status)
	_, _ = w.Write(body)
}

// replay is a client whose next API call is answered as recorded, after it was
// held against the recorded request.
func replay(t *testing.T, r recording) *Client {
	t.Helper()
	return testClient(t, func(w http.ResponseWriter, got *http.Request) {
		// Some sessions were read without their token, which we never do.
		asked, err := url.QueryUnescape(strings.TrimSuffix(got.URL.RequestURI(), "?sessionToken=t"))
		if want := r.Request.Method + " " + r.Request.Path; err != nil || got.Method+" "+asked != want {
			t.Errorf("asked %s %s, recorded was %s", got.Method, asked, want)
		}
		r.write(w)
	})
}

func testClient(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c, err := New(Config{
		Issuer: "http://id.example.localhost:8300", APIURL: server.URL,
		Service:     ServiceCredentials{PAT: "pat"},
		OIDC:        OIDCConfig{ClientID: "400693152354208806", RedirectURI: "http://auth.example.localhost:8400/callback"},
		CallTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// expecting is a client that must send what was recorded, and add what it sends
// beyond (a JSON object, "" for nothing). It is answered as recorded.
func expecting(t *testing.T, r recording, add string) *Client {
	t.Helper()
	return testClient(t, func(w http.ResponseWriter, got *http.Request) { r.hold(t, w, got, add) })
}

func (r recording) hold(t *testing.T, w http.ResponseWriter, got *http.Request, add string) {
	t.Helper()
	var sent, want map[string]any
	if err := json.NewDecoder(got.Body).Decode(&sent); err != nil {
		t.Error(err)
	}
	_ = json.Unmarshal(r.Request.Body, &want)
	if add != "" {
		var more map[string]any
		if err := json.Unmarshal([]byte(add), &more); err != nil {
			t.Error(err)
		}
		merge(want, more)
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("body (-recorded +sent):\n%s", diff)
	}
	if got.Method != r.Request.Method || got.URL.Path != r.Request.Path || got.Host != "id.example.localhost:8300" ||
		got.Header.Get("Authorization") != "Bearer pat" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s of %s, header %v", got.Method, got.URL, got.Host, got.Header)
	}
	r.write(w)
}

func merge(into, from map[string]any) {
	for key, value := range from {
		below, isMap := value.(map[string]any)
		target, wasMap := into[key].(map[string]any)
		if isMap && wasMap {
			merge(target, below)
		} else {
			into[key] = value
		}
	}
}

func at(clock string) time.Time {
	parsed, err := time.Parse(time.RFC3339Nano, "2026-11-22T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return parsed
}
