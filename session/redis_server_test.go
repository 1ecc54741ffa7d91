package session

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// redisServer is a real Redis of this test's own, on a free port of loopback.
type redisServer struct {
	port string
	args []string
	cmd  *exec.Cmd
	dir  string
}

// startRedis starts one, or skips the test where none is installed. What it
// stores survives a kill.
func startRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{dir: t.TempDir(), args: append([]string{"--appendonly", "yes", "--appendfsync", "always"}, args...)}
	s.launch(t, "Ready to accept connections")
	return s
}

// startSentinel starts a sentinel that watches a server by the name "main".
func startSentinel(t *testing.T, watched *redisServer) *redisServer {
	t.Helper()
	s := &redisServer{dir: t.TempDir()}
	s.args = []string{s.dir + "/sentinel.conf", "--sentinel"}
	if err := os.WriteFile(s.args[0], []byte("sentinel monitor main 127.0.0.1 "+watched.port+" 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.launch(t, "+monitor master main")
	return s
}

// launch starts the process and waits until it says that it is ready. The port
// may be taken between asking for a free one and using it: then it tries again.
func (s *redisServer) launch(t *testing.T, ready string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed: what a real Redis does is not tested")
	}
	for range 5 {
		port := s.port
		if port == "" {
			port = freePort(t)
		}
		cmd := exec.Command(program, append(s.args, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "")...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if !says(out, ready) {
			_ = cmd.Wait()
			continue
		}
		s.port, s.cmd = port, cmd
		t.Cleanup(s.kill)
		return
	}
	t.Fatal("redis-server does not start")
}

// says reads until a line has the text; then it keeps reading, so that the
// process never waits for a full pipe.
func says(out interface{ Read([]byte) (int, error) }, text string) bool {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			go func() {
				for lines.Scan() {
				}
			}()
			return true
		}
	}
	return false
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// kill ends the process, frozen or not.
func (s *redisServer) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_, _ = s.cmd.Process.Wait()
	s.cmd = nil
}

// restart starts it again, on the same port with the same data.
func (s *redisServer) restart(t *testing.T) {
	t.Helper()
	s.launch(t, "Ready to accept connections")
}

// freeze stops the process without ending it: connections stay open and nothing
// answers, as on a machine that swaps.
func (s *redisServer) freeze(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func (s *redisServer) thaw(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

func (s *redisServer) addr() string { return "127.0.0.1:" + s.port }

// open connects a store.
func (s *redisServer) open(t *testing.T) *Redis {
	t.Helper()
	return openRedis(t, "redis://"+s.addr()+"/0")
}

func openRedis(t *testing.T, url string) *Redis {
	t.Helper()
	store, err := NewRedis(RedisConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// raw is a plain client, to look at what is stored and to spoil it.
func (s *redisServer) raw(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.addr(), Protocol: 2})
	t.Cleanup(func() { _ = client.Close() })
	return client
}
