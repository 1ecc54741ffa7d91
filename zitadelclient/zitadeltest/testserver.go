package zitadeltest

import (
	"fmt"
	"net"
	"net/http/httptest"
	"testing"
)

// NewServer starts a server on a free port of 127.0.0.1 and closes it when the
// test ends. The issuer is http://id.example.localhost:PORT unless given, the
// address to send requests to is [Server.URL]. It is strict unless Violation
// is given: the test fails when something unknown is sent.
func NewServer(t testing.TB, config Config) *Server {
	t.Helper()
	listening := httptest.NewUnstartedServer(nil)
	if config.Issuer == "" {
		config.Issuer = fmt.Sprintf("http://id.example.localhost:%d", listening.Listener.Addr().(*net.TCPAddr).Port)
	}
	if config.Violation == nil {
		config.Violation = func(format string, args ...any) {
			t.Helper()
			t.Errorf(format, args...)
		}
	}
	s := New(config)
	listening.Config.Handler = s
	listening.Start()
	t.Cleanup(listening.Close)
	s.url = listening.URL
	return s
}
