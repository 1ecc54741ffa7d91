package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/session/redistest"
	"torhaus/zitadelclient/zitadeltest"
)

// The fault table: what users see of each fault, at processes of the shipped binary,
// and that no session is lost. What needs a moved clock is tested in handlers: clocks
// that are wrong (TestClocksAMinuteOff), and a ZITADEL in trouble when tokens have
// ended (TestTroubleSignsNobodyOut).

// fault is something that goes wrong with what torhaus stands on.
type fault struct {
	begin, end func()
	lasts      time.Duration // at least
	met        func() bool   // whether torhaus has met it; nil for at once
}

// endure has visitors ask at every process while a fault lasts and until all is well
// again, and says what they saw meanwhile.
func (d *deployment) endure(f fault, visitors []visitor, processes ...*process) (meanwhile *seen) {
	d.t.Helper()
	f.begin()
	meanwhile = newSeen()
	began := time.Now()
	redistest.Until(d.t, "the fault to be met", func() bool {
		d.crowd(meanwhile, visitors, processes)
		return d.t.Failed() || time.Since(began) >= f.lasts && (f.met == nil || f.met())
	})
	f.end()
	after := newSeen()
	ended := time.Now()
	redistest.Until(d.t, "all to be well again", func() bool {
		last := newSeen()
		d.crowd(last, visitors, processes)
		after.add(last)
		return d.t.Failed() || last.only(http.StatusOK)
	})
	back := time.Since(ended)
	d.signIn(processes[0])
	d.t.Logf("meanwhile: %v", meanwhile)
	d.t.Logf("then for %v: %v", back.Round(time.Millisecond), after)
	d.nobodyIsLost(visitors, processes...)
	return meanwhile
}

// TestFailoverRedis: whatever becomes of Redis, who is signed in stays so. While it
// cannot be told who that is, everybody is told so, soon.
func TestFailoverRedis(t *testing.T) {
	single := func(begin, end func(*redistest.Server), lasts time.Duration) func(*testing.T) (string, fault) {
		return func(t *testing.T) (string, fault) {
			s := redistest.Start(t)
			return s.URL(), fault{begin: func() { begin(s) }, end: func() { end(s) }, lasts: lasts}
		}
	}
	const fine, unknown = http.StatusOK, http.StatusServiceUnavailable
	for name, test := range map[string]struct {
		start func(*testing.T) (string, fault)
		only  int // what everybody sees meanwhile; 0 where it depends on who they are
	}{
		"restarted":               {single((*redistest.Server).Kill, (*redistest.Server).Restart, 0), unknown},
		"paused for five seconds": {single((*redistest.Server).Freeze, (*redistest.Server).Thaw, 5*time.Second), unknown},
		"full": {single(
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") },
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "0") }, 0), fine},
		"failed over by Sentinel": {withoutMaster, unknown},
		"a Cluster's master lost": {withoutClusterMaster, 0},
	} {
		t.Run(name, func(t *testing.T) {
			url, f := test.start(t)
			d := deploy(t, url, 0, nil)
			a, b := d.start(), d.start()
			meanwhile := d.endure(f, d.signInMany(a, b), a, b)
			if test.only != 0 && !meanwhile.only(test.only) {
				t.Errorf("meanwhile, want %d alone: %v", test.only, meanwhile)
			}
			if test.only == fine {
				return
			}
			// Whoever waits for Redis to come back waits longer than this.
			if count := meanwhile.all(unknown); count == 0 || meanwhile.fastest[unknown] > time.Second || meanwhile.slowest[unknown] > bearable {
				t.Errorf("%d were told so, after %v to %v", count, meanwhile.fastest[unknown], meanwhile.slowest[unknown])
			}
		})
	}
}

// withoutMaster loses the master that Sentinels watch, when its replicas have caught
// up, and waits at the end for another.
func withoutMaster(t *testing.T) (url string, f fault) {
	servers := redistest.StartSentinels(t)
	var master *redistest.Server
	return servers.URL(), fault{
		begin: func() {
			servers.WaitInSync()
			master = servers.Master()
			master.Kill()
		},
		end: func() { servers.WaitForOther(master) },
	}
}

// withoutClusterMaster loses one of three masters, which has some of the sessions.
func withoutClusterMaster(t *testing.T) (url string, f fault) {
	cluster := redistest.StartCluster(t, 3, true)
	master := cluster.Servers[0]
	return cluster.URL(), fault{
		begin: func() {
			cluster.WaitReady()
			for _, server := range cluster.Servers[:3] {
				if len(server.Do("KEYS", "*:s:*").([]any)) > 0 {
					master = server
				}
			}
			master.Kill()
		},
		end: func() { cluster.WaitForOther(master) },
	}
}

// TestFailoverZitadel: whatever becomes of ZITADEL, who is signed in sees nothing of
// it, although sessions are checked every second.
func TestFailoverZitadel(t *testing.T) {
	d := deploy(t, redistest.Start(t).URL(), 0, map[string]string{"RECHECK": "1s"})
	a, b := d.start(), d.start()
	visitors := d.signInMany(a, b)
	answered := func(status int) func() bool {
		return func() bool {
			return slices.ContainsFunc(d.zitadel.Calls(), func(c zitadeltest.Call) bool { return c.Status == status })
		}
	}
	with := func(f zitadeltest.Fault, met func() bool) fault {
		return fault{begin: func() { d.zitadel.ResetCalls(); d.zitadel.Fault(f) }, end: d.zitadel.ClearFaults, met: met}
	}
	for _, test := range []struct {
		name string
		fault
	}{
		{"down", fault{begin: d.shut, end: d.open, met: func() bool { return strings.Contains(a.log.String()+b.log.String(), "session not renewed") }}},
		{"slow", with(zitadeltest.Fault{Delay: 3 * time.Second}, answered(http.StatusOK))},
		{"answering 429", with(zitadeltest.Fault{Status: 429, Body: `{"code":8}`}, answered(429))},
		{"answering 500", with(zitadeltest.Fault{Status: 500, Body: `{"code":13}`}, answered(500))},
	} {
		t.Run(test.name, func(t *testing.T) {
			d.t = t
			if meanwhile := d.endure(test.fault, visitors, a, b); !meanwhile.only(http.StatusOK) {
				t.Errorf("meanwhile: %v", meanwhile)
			}
			// A check of before the fault has ended with it, and another is made.
			d.zitadel.ResetCalls()
			redistest.Until(t, "sessions to be checked again", func() bool {
				d.crowd(newSeen(), visitors, []*process{a, b})
				return answered(http.StatusOK)()
			})
		})
	}
}

// TestFailoverReplicaKilled kills the process that refreshes, in the middle: ZITADEL
// has used up the refresh token, and its answer reaches nobody. The other process
// finds that out when the dead one's lock has ended, and heals the session by the
// account behind it, asked with nothing but the session's cookie.
func TestFailoverReplicaKilled(t *testing.T) {
	for name, test := range map[string]struct {
		tokens time.Duration
		way    string // by which a refresh is asked for
	}{
		"due, and tokens that end":    {10 * time.Second, "GET /session"},
		"asked for, with good tokens": {12 * time.Hour, "POST /session/refresh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, redistest.Start(t).URL(), test.tokens, nil)
			a, b := d.start(), d.start()
			v, meanwhile := d.signIn(a), newSeen()
			answer := make(chan struct{})
			d.zitadel.ResetCalls()
			d.zitadel.Fault(zitadeltest.Fault{Grant: "refresh_token", Late: true, Until: answer, Times: 1})
			go d.insist(newSeen(), a, test.way, v, func(int) bool { return d.zitadel.Held() > 0 })
			redistest.Until(t, "the refresh", func() bool { return d.zitadel.Held() > 0 })
			d.crowd(meanwhile, slices.Repeat([]visitor{v}, 25), []*process{a, b})
			a.kill()
			close(answer)
			healed := make(chan struct{})
			go func() { // whoever needs good tokens waits, or is told to come again
				defer close(healed)
				d.insist(meanwhile, b, test.way, v, func(status int) bool {
					return status == http.StatusOK && len(d.tokenCalls("refresh_token")) == 2
				})
			}()
			began := time.Now()
			d.crowdUntil(healed, meanwhile, v, b)
			t.Logf("healed after %v, meanwhile: %v", time.Since(began).Round(time.Millisecond), meanwhile)
			c := d.start()
			d.nobodyIsLost([]visitor{v}, b, c)
			if status, _, _ := d.ask(c, "POST /session/refresh", v); status != http.StatusOK {
				t.Errorf("by the refresh token that is stored: %d", status)
			}
			if minted := d.tokenCalls("authorization_code"); len(minted) != 1 {
				t.Errorf("tokens minted anew: %v, want once", minted)
			}
			used := d.tokenCalls("refresh_token")
			if slices.Sort(used[:2]); used[0] != http.StatusOK || used[1] != http.StatusBadRequest || slices.Max(append(used[2:], 0)) > http.StatusOK {
				t.Errorf("refreshes answered with %v, want one by each, and then good ones", used)
			}
		})
	}
}
