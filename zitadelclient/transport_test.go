package zitadelclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Answers that are not ZITADEL's are Unavailable, whatever they are.
func TestAnswersThatAreNotZitadels(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) }},
		{"empty", func(http.ResponseWriter, *http.Request) {}},
		{"another shape", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"user":[1,2]}`)) }},
		{"another user", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"user":{"userId":"2","state":"USER_STATE_ACTIVE"}}`))
		}},
		{"nobody", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }},
		{"two megabytes", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"user":{"userId":"1","username":"` + strings.Repeat("a", 2<<20) + `"}}`))
		}},
		{"404 of another server", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }},
		{"error page of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html>"))
		}},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"user":{"userId":"1"}`))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := testClient(t, test.answer).User(t.Context(), "1")
			if !errors.Is(err, Unavailable) {
				t.Errorf("got %+v, %v", u, err)
			}
		})
	}
}

// A redirect would carry the service token to wherever it points.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer other.Close()
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.User(t.Context(), "1")
	if !errors.Is(err, Unavailable) || followed.Load() != 0 {
		t.Errorf("got %v, %d requests elsewhere", err, followed.Load())
	}
}

// Every request goes to the one address under the issuer's name.
func TestHostIsTheIssuers(t *testing.T) {
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "id.example.localhost:8300" || r.Header.Get("User-Agent") != "torhaus" {
			t.Errorf("asked %s as %s", r.Host, r.Header.Get("User-Agent"))
		}
		_, _ = w.Write([]byte(`{"user":{"userId":"1"}}`))
	})
	if _, err := c.User(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}

// Ids from mail links stay within their part of the path.
func TestIDsAreEscaped(t *testing.T) {
	for _, id := range []string{"../../v2/users/2", "1/../2", "1?x=1", "1#", "1%2f2", "a b", "ü|x"} {
		c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
			if got, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/v2/users/"), "?"); strings.Contains(got, "/") || r.URL.Path != "/v2/users/"+id {
				t.Errorf("%q became %s", id, r.RequestURI)
			}
			w.WriteHeader(http.StatusNotFound)
		})
		_, err := c.User(t.Context(), id)
		if err == nil {
			t.Errorf("%q was found", id)
		}
	}
	for _, id := range []string{"", ".", "..", "a\x00b", "a\nb", "\xff", strings.Repeat("1", 201)} {
		c := testClient(t, func(http.ResponseWriter, *http.Request) { t.Errorf("%q was asked for", id) })
		if _, err := c.User(t.Context(), id); !errors.Is(err, Invalid) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A caller who leaves is told so, and not that ZITADEL is down.
func TestCancelledCall(t *testing.T) {
	arrived, over := make(chan struct{}), make(chan struct{})
	c := testClient(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-over // the server need not notice: what the caller is told is tested
	})
	defer close(over)
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-arrived; leave() }()
	_, err := c.CreateSession(ctx, NewSession{Checks: Checks{UserID: "1", Password: "p"}, Lifetime: time.Hour})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A server that hangs ends with the client's own time-out.
func TestSlowAnswer(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer server.Close()
	defer close(over)
	c := testClient(t, nil)
	c.transport.timeout = 10 * time.Millisecond
	c.transport.api.Host = server.Listener.Addr().String()
	_, err := c.User(t.Context(), "1")
	if !errors.Is(err, Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A GET that found no connection is tried once more, a POST never.
func TestOnlyUnsentReadsAreRepeated(t *testing.T) {
	var dials atomic.Int32
	c := testClient(t, nil)
	c.transport.roundTripper.DialContext = func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	_, readErr := c.User(t.Context(), "1")
	if n := dials.Swap(0); n != 2 || !errors.Is(readErr, Unavailable) {
		t.Errorf("a read dialled %d times: %v", n, readErr)
	}
	_, checkErr := c.CreateSession(t.Context(), NewSession{Checks: Checks{UserID: "1", Password: "p"}, Lifetime: time.Hour})
	if n := dials.Load(); n != 1 || !errors.Is(checkErr, Unavailable) {
		t.Errorf("a check dialled %d times: %v", n, checkErr)
	}
}

// Errors name neither the session token in the URL nor ZITADEL's message.
func TestErrorsKeepSecrets(t *testing.T) {
	c := testClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"code":3,"message":"alice@example.com is wrong (X-1)","details":[{"id":"X-1","message":"alice@example.com"}]}`))
	})
	_, err := c.Session(t.Context(), SessionRef{ID: "1", Token: "s3cret"})
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "alice") || !strings.Contains(err.Error(), "X-1") {
		t.Errorf("got %v", err)
	}
	_ = c.Close()
	c.transport.api.Host = "127.0.0.1:1"
	_, err = c.Session(t.Context(), SessionRef{ID: "1", Token: "s3cret"})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}
