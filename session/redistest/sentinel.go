package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mainName is what the sentinels call the master.
const mainName = "main"

// Sentinels are a master, two replicas, and three sentinels that agree on who is
// the master, two of them being enough.
type Sentinels struct {
	t         testing.TB
	Servers   []*Server // the first one begins as the master
	Sentinels []*Server
}

// StartSentinels starts all six and waits until each knows the others and the
// replicas have caught up. A master that does not answer for a second is down.
func StartSentinels(t testing.TB) *Sentinels {
	t.Helper()
	s := &Sentinels{t: t, Servers: []*Server{Start(t)}}
	first := s.Servers[0]
	for range 2 {
		s.Servers = append(s.Servers, Start(t, "--replicaof", "127.0.0.1", first.port))
	}
	for range 3 {
		s.Sentinels = append(s.Sentinels, startSentinel(t, first, 2))
	}
	Until(t, "the sentinels to know each other", func() bool {
		return !slices.ContainsFunc(s.Sentinels, func(sentinel *Server) bool {
			known := sentinel.Info("sentinel")["master0"]
			return !strings.Contains(known, "status=ok,") || !strings.HasSuffix(known, ",slaves=2,sentinels=3")
		})
	})
	s.WaitInSync()
	return s
}

// startSentinel starts one that watches a master.
func startSentinel(t testing.TB, master *Server, quorum int) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), ready: "+monitor master " + mainName, tls: master.tls, secure: master.secure}
	config := filepath.Join(s.dir, "sentinel.conf") // which it rewrites
	must(t, os.WriteFile(config, fmt.Appendf(nil, `sentinel monitor %[1]s 127.0.0.1 %[2]s %[3]d
sentinel down-after-milliseconds %[1]s 1000
sentinel failover-timeout %[1]s 1000
sentinel parallel-syncs %[1]s 2
`, mainName, master.port, quorum), 0o600))
	s.args = []string{config, "--sentinel"}
	s.Restart()
	// It asks and tells every half a second instead of every two or ten. Versions
	// that cannot are slower.
	client := s.Client()
	defer client.Close()
	_ = client.Do(t.Context(), "SENTINEL", "DEBUG", "INFO-PERIOD", "500", "PUBLISH-PERIOD", "500").Err()
	return s
}

// URL names the three sentinels to session.NewRedis.
func (s *Sentinels) URL() string {
	var hosts []string
	for _, sentinel := range s.Sentinels {
		hosts = append(hosts, sentinel.Address())
	}
	return "redis+sentinel://" + strings.Join(hosts, ",") + "/" + mainName
}

// Master is the server that most sentinels call the master.
func (s *Sentinels) Master() *Server {
	votes := map[string]int{}
	for _, sentinel := range s.Sentinels {
		_, address, _ := strings.Cut(sentinel.Info("sentinel")["master0"], "address=")
		address, _, _ = strings.Cut(address, ",")
		votes[address]++
	}
	for _, server := range s.Servers {
		if votes[server.Address()] > len(s.Sentinels)/2 {
			return server
		}
	}
	return nil
}

// WaitForOther waits until another server is the master, and says so itself.
func (s *Sentinels) WaitForOther(than *Server) {
	s.t.Helper()
	Until(s.t, "another master", func() bool {
		master := s.Master()
		return master != nil && master != than && master.Info("replication")["role"] == "master"
	})
}

// WaitForOne waits until all servers but the master follow it.
func (s *Sentinels) WaitForOne() {
	s.t.Helper()
	Until(s.t, "all servers to follow one master", func() bool {
		master := s.Master()
		return master != nil && !slices.ContainsFunc(s.Servers, func(server *Server) bool {
			return server != master && server.Info("replication")["master_link_status"] != "up"
		})
	})
	s.WaitInSync()
}

// WaitInSync waits until every server that answers and is a replica has all that
// its master has.
func (s *Sentinels) WaitInSync() {
	s.t.Helper()
	waitInSync(s.t, s.Servers)
}

// waitInSync compares what replicas have received with what there was to send.
func waitInSync(t testing.TB, servers []*Server) {
	t.Helper()
	Until(t, "the replicas to catch up", func() bool {
		masters, replicas := map[string]string{}, map[string]string{}
		for _, server := range servers {
			if !server.answers() {
				continue
			}
			info := server.Info("replication")
			if info["role"] == "master" {
				masters[server.port] = info["master_repl_offset"]
				continue
			}
			if info["master_link_status"] != "up" {
				return false
			}
			replicas[info["master_port"]+" "+server.port] = info["slave_repl_offset"]
		}
		for pair, offset := range replicas {
			port, _, _ := strings.Cut(pair, " ")
			if masters[port] == "" || masters[port] != offset {
				return false
			}
		}
		return len(masters) > 0
	})
}

// Watch starts a single sentinel for a server that is there already, which speaks
// as that one does. It calls the master "main".
func Watch(t testing.TB, server *Server) *Server {
	t.Helper()
	return startSentinel(t, server, 1)
}
