package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAdaptStatus(t *testing.T) {
	store := errors.New("store: connection refused")
	for _, test := range []struct {
		name       string
		err        error
		status     int
		retryAfter string
		level      string
	}{
		{"plain error", store, 500, "", "ERROR"},
		{"zero status", Error{Err: store}, 500, "", "ERROR"},
		{"nonsense status", Error{Status: 200, Err: store}, 500, "", "ERROR"},
		{"no error status", Error{Status: 303, Err: store}, 500, "", "ERROR"},
		{"as is", Error{Status: 404}, 404, "", "INFO"},
		{"pointer", &Error{Status: 404}, 404, "", "INFO"},
		{"wrapped", fmt.Errorf("sign in: %w", Error{Status: 409, Err: store}), 409, "", "INFO"},
		{"outermost wins", Error{Status: 403, Err: Error{Status: 404}}, 403, "", "INFO"},
		{"too many", Error{Status: 429, RetryAfter: 1500 * time.Millisecond}, 429, "2", "INFO"},
		{"too many, default", Error{Status: 429}, 429, "10", "INFO"},
		{"unavailable, default", Error{Status: 503, Err: store}, 503, "5", "WARN"},
		{"body limit", fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1}), 413, "", "INFO"},
		{"time-out below", fmt.Errorf("users: %w", context.DeadlineExceeded), 503, "5", "WARN"},
		{"cancelled below, client still here", fmt.Errorf("users: %w", context.Canceled), 500, "", "ERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log testLog
			w := serve(kit(t, &log, func(http.ResponseWriter, *http.Request) error { return test.err }), request("GET", "/x"))
			line := log.only(t)
			if w.Code != test.status || line["status"] != float64(test.status) {
				t.Errorf("status %d, logged %v, want %d", w.Code, line["status"], test.status)
			}
			if got := w.Header().Get("Retry-After"); got != test.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, test.retryAfter)
			}
			if line["level"] != test.level {
				t.Errorf("level %v, want %s", line["level"], test.level)
			}
			id, _ := line["error_id"].(string)
			if len(id) != 10 || !strings.Contains(w.Body.String(), id) {
				t.Errorf("error id %q is not both logged and shown: %s", id, w.Body)
			}
			if strings.Contains(w.Body.String(), "refused") {
				t.Errorf("the cause is shown: %s", w.Body)
			}
			if errors.Is(test.err, store) && !strings.Contains(fmt.Sprint(line["error"]), store.Error()) {
				t.Errorf("the cause is not logged: %v", line["error"])
			}
		})
	}
}

// TestAdaptUnauthorized: nothing turns into a 401 but a handler's own word.
func TestAdaptUnauthorized(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, errors.New("redis: nil"), http.ErrNoCookie} {
		w := serve(Adapt(func(http.ResponseWriter, *http.Request) error { return err }, nil), request("GET", "/session"))
		if w.Code < 500 {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
}

func TestAdaptSpeaksTheClientsLanguage(t *testing.T) {
	fails := func(http.ResponseWriter, *http.Request) error {
		return Error{Status: 401, Key: "error.signed-out", Err: errors.New("private"), Next: Page("/login", "")}
	}
	w := serve(Adapt(fails, testPage), request("GET", "/session", "Accept", "application/json"))
	var body struct {
		Type, Title, Next string
		Status            int
		ErrorID           string `json:"error_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || body.Type != "urn:torhaus:error.signed-out" ||
		body.Title != "Unauthorized" || body.Next != "/login" || body.Status != 401 || len(body.ErrorID) != 10 {
		t.Errorf("got %v %+v", w.Header(), body)
	}
	if w := serve(Adapt(fails, nil), request("GET", "/session", "Accept", "text/html")); w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("no page: %v", w.Header())
	}
	if w := serve(Adapt(fails, testPage), request("GET", "/session", "Accept", "text/html")); !strings.Contains(w.Body.String(), "<p>error.signed-out</p>") {
		t.Errorf("page: %s", w.Body)
	}
}

func TestWantsJSON(t *testing.T) {
	for _, test := range []struct {
		mode, accept string
		want         bool
	}{
		{"", "", false},
		{"", "*/*", false},
		{"", "text/html,application/xhtml+xml,*/*;q=0.8", false},
		{"", "application/json", true},
		{"", "application/problem+json", true},
		{"", "Application/JSON; charset=utf-8", true},
		{"", "text/event-stream", true},
		{"", "application/json, text/html", true},
		{"", "text/html, application/json", false},
		{"navigate", "application/json", false},
		{"cors", "*/*", true},
		{"cors", "text/html", true},
		{"same-origin", "*/*", true},
		{"no-cors", "image/*", true},
	} {
		r := request("GET", "/", "Accept", test.accept)
		if test.mode != "" {
			r.Header.Set("Sec-Fetch-Mode", test.mode)
		}
		if got := WantsJSON(r); got != test.want {
			t.Errorf("mode %q, accept %q: %v", test.mode, test.accept, got)
		}
	}
}

// TestAdaptCancelled: a closed tab is recorded as 499 and answered with nothing.
func TestAdaptCancelled(t *testing.T) {
	var log testLog
	ctx, cancel := context.WithCancel(t.Context())
	w := serve(kit(t, &log, func(_ http.ResponseWriter, r *http.Request) error {
		cancel()
		return fmt.Errorf("session: %w", r.Context().Err())
	}), request("GET", "/x").WithContext(ctx))
	line := log.only(t)
	if line["status"] != float64(499) || line["level"] != "INFO" || line["error_id"] != nil {
		t.Errorf("logged %v", line)
	}
	if w.Body.Len() != 0 {
		t.Errorf("wrote %q", w.Body)
	}
}

// TestAdaptDropsHalfAnAnswer: headers of the answer that failed do not describe
// the error page, and no cache keeps it.
func TestAdaptDropsHalfAnAnswer(t *testing.T) {
	w := serve(Adapt(func(w http.ResponseWriter, _ *http.Request) error {
		for _, name := range []string{"Content-Length", "Etag", "Location", "Content-Encoding"} {
			w.Header().Set(name, "1")
		}
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Set-Cookie", "a=b")
		return errors.New("late")
	}, testPage), request("GET", "/"))
	h := w.Header()
	if h.Get("Content-Length")+h.Get("Etag")+h.Get("Location")+h.Get("Content-Encoding") != "" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", h)
	}
	if h.Get("Set-Cookie") == "" {
		t.Error("the handler's cookie is gone")
	}
}

func TestAdaptAfterTheResponseBegan(t *testing.T) {
	var log testLog
	w := serve(kit(t, &log, func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusAccepted)
		return errors.New("too late")
	}), request("GET", "/"))
	if w.Code != http.StatusAccepted || w.Body.Len() != 0 {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if line := log.only(t); line["status"] != float64(202) || line["error"] != "too late" || line["response_begun"] != true {
		t.Errorf("logged %v", line)
	}
}

// TestAdaptBrokenPage: when the error page itself fails there still is an answer.
func TestAdaptBrokenPage(t *testing.T) {
	for name, page := range map[string]ErrorPage{
		"panics":         func(http.ResponseWriter, *http.Request, Error, string) { panic("template") },
		"writes nothing": func(http.ResponseWriter, *http.Request, Error, string) {},
	} {
		w := serve(Adapt(func(http.ResponseWriter, *http.Request) error { return Error{Status: 403} }, page), request("GET", "/"))
		if w.Code != 403 || !strings.HasPrefix(w.Body.String(), "Forbidden\n") {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
	}
}

func TestAdaptAbort(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	serve(Adapt(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("proxy: %w", http.ErrAbortHandler)
	}, testPage), request("GET", "/"))
}

func TestErrorText(t *testing.T) {
	for want, err := range map[string]error{
		"404 Not Found":                         Error{Status: 404},
		"500 Internal Server Error: boom":       Error{Err: errors.New("boom")},
		"429 Too Many Requests (error.slow): x": Error{Status: 429, Key: "error.slow", Err: errors.New("x")},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	w := httptest.NewRecorder()
	if err := WriteJSON(w, http.StatusCreated, map[string]string{"name": "</script>"}); err != nil {
		t.Fatal(err)
	}
	if w.Code != 201 || w.Header().Get("Content-Type") != "application/json" || w.Body.String() != `{"name":"\u003c/script\u003e"}`+"\n" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	w = httptest.NewRecorder()
	if err := WriteJSON(w, 200, make(chan int)); err == nil || w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("what cannot be encoded: %v, %d bytes", err, w.Body.Len())
	}
}

func TestMethods(t *testing.T) {
	route := Adapt(Methods{"GET": ok, "POST": ok}.Serve, testPage)
	for method, want := range map[string]int{
		"GET": 200, "HEAD": 200, "POST": 200, "PUT": 405, "DELETE": 405, "OPTIONS": 405, "TRACE": 405, "BREW": 405, "get": 405,
	} {
		w := serve(route, request(method, "/password"))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
		if got := w.Header().Get("Allow"); want == 405 && got != "GET, HEAD, POST" {
			t.Errorf("%s: Allow %q", method, got)
		}
	}
	// A route that changes something does not exist for GET.
	w := serve(Adapt(Methods{"POST": ok}.Serve, testPage), request("GET", "/logout", "Sec-Fetch-Site", "cross-site"))
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET of a POST route: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}
