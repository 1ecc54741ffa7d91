package session

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"torhaus/session/redistest"
)

// openRedis connects a store.
func openRedis(t testing.TB, url string) *Redis {
	t.Helper()
	store, err := NewRedis(RedisConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// openPatient connects a store that waits: for tests of what is done, however long
// a busy machine takes for it.
func openPatient(t testing.TB, url string, trust *tls.Config) *Redis {
	t.Helper()
	options, err := redisOptions(RedisConfig{URL: url, TLS: trust})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []*time.Duration{&options.DialTimeout, &options.ReadTimeout, &options.WriteTimeout, &options.PoolTimeout} {
		*limit = time.Minute
	}
	store := newRedis(options, time.Minute)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestRedis(t *testing.T) { conformance(t, openPatient(t, redistest.Start(t).URL(), nil)) }

// TestRedisTLS: a certificate that is not trusted is refused, whatever else the
// server could do; nothing is said in the open.
func TestRedisTLS(t *testing.T) {
	server, trust := redistest.StartSecure(t)
	conformance(t, openPatient(t, server.URL(), trust))
	sentinel := "rediss+sentinel://" + redistest.Watch(t, server).Address() + "/main"
	conformance(t, openPatient(t, sentinel, trust))
	for name, store := range map[string]*Redis{
		"a stranger's certificate": openRedis(t, server.URL()),
		"a stranger's sentinel":    openRedis(t, sentinel),
		"no TLS":                   openRedis(t, "redis://"+server.Address()),
		"no TLS at the server":     openPatient(t, "rediss://"+redistest.Start(t).Address(), trust),
	} {
		if err := store.Put(t.Context(), "test:key", []byte("x"), time.Minute); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPrivateAuthority: an operator names a folder, and what is in it is trusted.
// It runs in a process of its own, which reads the folder when it starts.
func TestPrivateAuthority(t *testing.T) {
	if url := os.Getenv("TEST_REDIS_URL"); url != "" {
		if err := openRedis(t, url).Ping(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	server, _ := redistest.StartSecure(t)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPrivateAuthority$")
	child.Env = append(os.Environ(), "TEST_REDIS_URL="+server.URL(), "SSL_CERT_DIR="+server.Authority())
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRedisSentinel runs on a server that a sentinel watches; three of each are
// in [TestFailoverSentinel].
func TestRedisSentinel(t *testing.T) {
	conformance(t, openPatient(t, "redis+sentinel://"+redistest.Watch(t, redistest.Start(t)).Address()+"/main", nil))
}

// TestRedisCluster runs on one node that serves all slots: like a large cluster
// it refuses an operation whose keys are in different slots. A large one is in
// [TestFailoverCluster].
func TestRedisCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 1, false)
	store := openPatient(t, cluster.URL(), nil)
	conformance(t, store)
	if n := cluster.CrossSlot(); n > 0 {
		t.Errorf("%d operations on several slots", n)
	}
	if err := store.Delete(t.Context(), "test:{a}", "test:{b}"); !errors.Is(err, ErrUnavailable) || cluster.CrossSlot() != 1 {
		t.Errorf("keys of several slots: %v; counted %d times", err, cluster.CrossSlot())
	}
}

// narrow makes a user who may do what the documentation of [Redis] says and no
// more, on keys of one environment, and leaves others what a sentinel needs.
func narrow(server *redistest.Server, rules ...string) {
	for _, rule := range [][]string{
		append([]string{"torhaus", "on", ">pass@word/", "-@all"}, rules...),
		{"default", "reset", "on", "nopass", "&*", "+info", "+ping", "+publish", "+subscribe"},
	} {
		command := []any{"ACL", "SETUSER"}
		for _, part := range rule {
			command = append(command, part)
		}
		server.Do(command...)
	}
}

// What [Redis] says that its user needs.
var (
	narrowUser     = strings.Fields("~test:* +get +set +del +eval +evalsha +type +time +pttl +pexpire +zadd +zrem +zrangebyscore +zremrangebyscore +ping")
	narrowCluster  = strings.Fields("+cluster|slots +asking")
	narrowSentinel = strings.Fields("&* +ping +subscribe +sentinel|get-master-addr-by-name +sentinel|sentinels")
)

// withUser is a URL with that user.
func withUser(url string) string { return strings.Replace(url, "://", "://torhaus:pass%40word%2F@", 1) }

// TestNarrowUser: the commands that [Redis] says its user needs are all it needs,
// on keys of its environment alone.
func TestNarrowUser(t *testing.T) {
	for name, start := range map[string]func() (string, *redistest.Server){
		"single": func() (string, *redistest.Server) {
			server := redistest.Start(t)
			narrow(server, append(narrowUser, "+select")...)
			return withUser(server.URL() + "/3"), server
		},
		"cluster": func() (string, *redistest.Server) {
			cluster := redistest.StartCluster(t, 1, false)
			narrow(cluster.Servers[0], append(narrowUser, narrowCluster...)...)
			return withUser(cluster.URL()), cluster.Servers[0]
		},
		"sentinel": func() (string, *redistest.Server) {
			server := redistest.Start(t)
			sentinel := redistest.Watch(t, server)
			narrow(sentinel, narrowSentinel...)
			narrow(server, narrowUser...)
			return withUser("redis+sentinel://"+sentinel.Address()+"/main") + "?sentinel_username=torhaus&sentinel_password=pass@word/", server
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, server := start()
			conformance(t, openPatient(t, url, nil))
			m := testManager(t, openPatient(t, url, nil), nil)
			b := newBrowser()
			a := fill(t, m, b)
			somebody(t, m, b)
			if err := m.EndAttempt(t.Context(), httptest.NewRecorder(), a); err != nil {
				t.Error(err)
			}
			if _, err := m.EndSessions(t.Context(), "346511890217304067"); err != nil {
				t.Error(err)
			}
			if rejected := server.Rejected(); len(rejected) > 0 {
				t.Errorf("asked for what it may not have: %v", rejected)
			}
			// What the rule forbids is trouble, never an answer about the visitor.
			other := testManager(t, openRedis(t, url), func(c *Config) { c.Environment = "other" })
			if err := other.SaveAttempt(t.Context(), startedElsewhere(t, other)); !errors.Is(err, ErrUnavailable) {
				t.Errorf("beyond the rule: %v", err)
			}
		})
	}
}

// startedElsewhere is an attempt that the manager believes it has stored.
func startedElsewhere(t *testing.T, m *Manager) *Attempt {
	t.Helper()
	a := &Attempt{Short: "aaaaaaaaaa", id: newSealedID(m.now()), Created: m.now()}
	a.stored = m.attempts.Seal(m.attemptKey(a.id), []byte{schema})
	return a
}

// TestRedisTries: what may be done twice is tried again where a connection broke,
// a token is not taken twice, and what hangs is asked once.
func TestRedisTries(t *testing.T) {
	for name, test := range map[string]struct {
		kind kind
		err  error
		want int
	}{
		"done":                     {repeatable, nil, 1},
		"a broken connection":      {repeatable, io.EOF, 2},
		"a reset connection":       {repeatable, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, 2},
		"a broken one, for once":   {once, io.EOF, 1},
		"a replica":                {once, redisAnswer("READONLY You can't write against a read only replica."), 2},
		"full":                     {repeatable, redisAnswer("OOM command not allowed when used memory > 'maxmemory'."), 1},
		"time-out":                 {repeatable, os.ErrDeadlineExceeded, 1},
		"refused":                  {repeatable, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 1},
		"the caller gave up":       {repeatable, context.Canceled, 1},
		"no connection was free":   {repeatable, redis.ErrPoolTimeout, 1},
		"a node without a word":    {once, unanswered{io.EOF}, 1},
		"… and harmless to repeat": {repeatable, unanswered{io.EOF}, 2},
	} {
		tried := 0
		store := openRedis(t, "redis+cluster://127.0.0.1:1") // which is never asked
		err := store.try(t.Context(), test.kind, func(ctx context.Context) error {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > redisOperation {
				t.Errorf("%s: may take until %v", name, deadline)
			}
			tried++
			return test.err
		})
		if tried != test.want || errors.As(err, new(unanswered)) || (err == nil) != (test.err == nil) {
			t.Errorf("%s: tried %d times, want %d; %v", name, tried, test.want, err)
		}
	}
}

// redisAnswer is an error as Redis sends it.
type redisAnswer string

func (e redisAnswer) Error() string { return string(e) }

// RedisError marks it as an answer.
func (redisAnswer) RedisError() {}
