package redistest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

const slots = 16384

// Cluster is a Redis Cluster of masters with a replica each.
type Cluster struct {
	t       testing.TB
	Servers []*Server // the masters first, then their replicas in the same order
	masters int
}

// StartCluster starts a number of masters that share the slots, with a replica
// each if wanted, and waits until every one of them knows it. A node that does
// not answer for a second is down.
func StartCluster(t testing.TB, masters int, replicas bool) *Cluster {
	t.Helper()
	c := &Cluster{t: t, masters: masters}
	nodes := masters
	if replicas {
		nodes = 2 * masters
	}
	for range nodes {
		c.Servers = append(c.Servers, Start(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t),
			"--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0", "--cluster-require-full-coverage", "no"))
	}
	for i, server := range c.Servers {
		server.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		c.Servers[0].meet(server)
	}
	for i, master := range c.Servers[:masters] {
		master.Do("CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
	}
	c.waitFor("all nodes to know each other", func(s *Server) bool {
		return s.state()["cluster_known_nodes"] == strconv.Itoa(nodes)
	})
	for i, replica := range c.Servers[masters:] {
		replica.Do("CLUSTER", "REPLICATE", c.Servers[i].Do("CLUSTER", "MYID"))
	}
	c.WaitReady()
	return c
}

// meet introduces a node to another.
func (s *Server) meet(other *Server) {
	s.t.Helper()
	if s == other {
		return
	}
	s.Do("CLUSTER", "MEET", "127.0.0.1", other.port, other.busPort())
}

// busPort is where the nodes of a cluster talk among themselves.
func (s *Server) busPort() string { return s.args[slices.Index(s.args, "--cluster-port")+1] }

// state is what a node of a cluster says of it; nothing while it is down.
func (s *Server) state() map[string]string {
	client := s.Client()
	defer client.Close()
	text, _ := client.ClusterInfo(s.t.Context()).Result()
	state := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		state[name] = value
	}
	return state
}

// waitFor waits until something is true of every node that answers.
func (c *Cluster) waitFor(what string, done func(*Server) bool) {
	c.t.Helper()
	Until(c.t, what, func() bool {
		return !slices.ContainsFunc(c.Servers, func(s *Server) bool { return s.answers() && !done(s) })
	})
}

// WaitReady waits until all nodes that answer agree that every slot is served, and
// replicas have all that their masters have.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	c.waitFor("the cluster", func(s *Server) bool {
		state := s.state()
		return state["cluster_state"] == "ok" && state["cluster_slots_ok"] == strconv.Itoa(slots)
	})
	waitInSync(c.t, c.Servers)
}

// URL names all nodes to session.NewRedis.
func (c *Cluster) URL() string {
	var hosts []string
	for _, server := range c.Servers {
		hosts = append(hosts, server.Address())
	}
	return "redis+cluster://" + strings.Join(hosts, ",")
}

// WaitForOther waits until a replica has taken the place of a master that is gone
// or frozen.
func (c *Cluster) WaitForOther(than *Server) {
	c.t.Helper()
	replica := c.Servers[c.masters+slices.Index(c.Servers, than)]
	Until(c.t, "a replica to be promoted", func() bool {
		return replica.Info("replication")["role"] == "master" && replica.state()["cluster_state"] == "ok"
	})
}

// CrossSlot is how often a node that runs was asked for keys of several slots at
// once, which no cluster can do.
func (c *Cluster) CrossSlot() (count int) {
	for _, server := range c.Servers {
		n, _ := strconv.Atoi(strings.TrimPrefix(server.Info("errorstats")["errorstat_CROSSSLOT"], "count="))
		count += n
	}
	return count
}

// Move moves all slots of one master that hold something to another, as a cluster
// does that grows: slot by slot, and key by key. What happens in the middle of it
// is told to the caller.
func (c *Cluster) Move(from, to *Server, during func(when string)) {
	c.t.Helper()
	source, target := from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	taken := from.occupied()
	for i, slot := range taken {
		to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
		from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
		for _, key := range from.Do("CLUSTER", "GETKEYSINSLOT", slot, 1000).([]any) {
			from.Do("MIGRATE", "127.0.0.1", to.port, key, 0, 5000)
		}
		if i == len(taken)/2 {
			during("half of the slots have moved, and the keys of one more")
		}
		to.Do("CLUSTER", "SETSLOT", slot, "NODE", target)
		from.Do("CLUSTER", "SETSLOT", slot, "NODE", target)
	}
	during("all slots have moved")
}

// occupied are the slots of the server's keys.
func (s *Server) occupied() (slots []any) {
	s.t.Helper()
	known := map[any]bool{}
	for _, key := range s.Do("KEYS", "*").([]any) {
		if slot := s.Do("CLUSTER", "KEYSLOT", key); !known[slot] {
			known[slot] = true
			slots = append(slots, slot)
		}
	}
	return slots
}
