package redistest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is one real Redis of a test's own.
type Server struct {
	t     testing.TB
	port  string
	args  []string // besides port and folder
	ready string   // what it says when it is up
	dir   string
	cmd   *exec.Cmd   // nil while it does not run
	still bool        // frozen
	tls   *tls.Config // how clients reach it; nil in the open

	secure []string // the arguments that go with it
}

// Start starts a Redis with these arguments besides the usual ones. What it has
// stored survives [Server.Kill]: it is written before it is answered, though not
// to the disk, which others may keep busy.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t, args...)
	s.Restart()
	return s
}

func newServer(t testing.TB, args ...string) *Server {
	t.Helper()
	args = append([]string{"--appendonly", "yes", "--appendfsync", "no", "--repl-diskless-sync-delay", "0"}, args...)
	return &Server{t: t, args: args, dir: t.TempDir(), ready: "Ready to accept connections"}
}

// Restart starts a server that was killed, on the same port with the same data,
// and lets one go on that is frozen. A new one gets a port, which may be taken
// between asking for it and using it; then another is tried.
func (s *Server) Restart() {
	s.t.Helper()
	if s.still {
		s.Thaw()
	}
	if s.cmd != nil {
		return
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Skip("redis-server is not installed: what a real Redis does is not tested")
	}
	for range 5 {
		port := s.port
		if port == "" {
			port = freePort(s.t)
		}
		if s.launch(program, port) {
			s.port = port
			return
		}
	}
	s.t.Fatal("redis-server does not start")
}

// launch starts the process and waits until it says that it is ready.
func (s *Server) launch(program, port string) bool {
	s.t.Helper()
	listen := []string{"--port", port}
	if s.tls != nil {
		listen = append([]string{"--port", "0", "--tls-port", port}, s.secure...)
	}
	cmd := exec.Command(program, slices.Concat(s.args, listen, []string{"--bind", "127.0.0.1", "--dir", s.dir, "--save", ""})...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	if !says(out, s.ready) {
		_ = cmd.Wait()
		return false
	}
	s.cmd = cmd
	s.t.Cleanup(s.Kill)
	return true
}

// says reads until a line has the text; then it keeps reading, so that the
// process never waits for a full pipe.
func says(out io.Reader, text string) bool {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return true
		}
	}
	return false
}

// Kill ends the process at once, frozen or not.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_, _ = s.cmd.Process.Wait()
	s.cmd, s.still = nil, false
}

// answers is false for a server that was killed or frozen.
func (s *Server) answers() bool { return s.cmd != nil && !s.still }

// Freeze stops the process without ending it: connections stay open and nothing
// answers, as on a machine that swaps.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	s.still = signal == syscall.SIGSTOP
}

// Address is host and port.
func (s *Server) Address() string { return "127.0.0.1:" + s.port }

// URL names it to session.NewRedis.
func (s *Server) URL() string {
	if s.tls != nil {
		return "rediss://" + s.Address()
	}
	return "redis://" + s.Address()
}

// Folder is where it writes.
func (s *Server) Folder() string { return s.dir }

// Client is a plain client, to look at what is stored and to spoil it.
func (s *Server) Client() *redis.Client {
	client := redis.NewClient(&redis.Options{
		Addr: s.Address(), TLSConfig: s.tls, Protocol: 2, DisableIdentity: true,
		ContextTimeoutEnabled: true, ReadTimeout: time.Second, MaxRetries: -1, DialerRetries: 1,
	})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Do asks the server something and fails the test when it refuses.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	client := s.Client()
	defer client.Close()
	answer, err := client.Do(s.t.Context(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// Info is what the server tells of itself in one section of INFO; nothing while
// it does not answer.
func (s *Server) Info(section string) map[string]string {
	client := s.Client()
	defer client.Close()
	text, _ := client.Info(s.t.Context(), section).Result()
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// Calls is how often each command was executed, by the server's own count: GET as
// "get", EVALSHA as "evalsha".
func (s *Server) Calls() map[string]int { return s.counted("calls=") }

// Rejected is how often each command was refused before it was executed.
func (s *Server) Rejected() map[string]int { return s.counted("rejected_calls=") }

func (s *Server) counted(field string) map[string]int {
	counts := map[string]int{}
	for name, line := range s.Info("commandstats") {
		for part := range strings.SplitSeq(line, ",") {
			text, ok := strings.CutPrefix(part, field)
			if n, err := strconv.Atoi(text); ok && err == nil && n > 0 {
				counts[strings.TrimPrefix(name, "cmdstat_")] = n
			}
		}
	}
	return counts
}

// patience is how long anything is waited for that other processes bring about,
// on however slow a machine.
const patience = 60 * time.Second

// Until waits for something that another process brings about.
func Until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if t.Context().Err() != nil || time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func freePort(t testing.TB) string {
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

// Spoil replaces every record: make is given the value, "" where there is no
// string, and gives a command without the key that comes second.
func (s *Server) Spoil(make func(value string) []any) {
	s.t.Helper()
	client := s.Client()
	defer client.Close()
	for _, key := range s.Do("KEYS", "*").([]any) {
		value, _ := client.Get(s.t.Context(), key.(string)).Result()
		command := make(value)
		s.Do("DEL", key)
		s.Do(slices.Insert(command, 1, key)...)
	}
}
