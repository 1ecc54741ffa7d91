package session

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"torhaus/session/redistest"
)

// crowd is a number of browsers, each with a session, an account and an attempt,
// and two replicas of torhaus that look after them.
type crowd struct {
	replicas [2]*Manager
	browsers []*browser
	attempts []*Attempt
}

const crowdSize = 48

// gather signs a crowd in, by the one replica and the other in turn.
func gather(t *testing.T, url string) *crowd {
	t.Helper()
	c := &crowd{}
	operator := testKeys(t, 1)
	for i := range c.replicas {
		c.replicas[i] = testManager(t, openRedis(t, url), func(c *Config) { c.Keys = operator })
	}
	for i := range crowdSize {
		m, b, w := c.replicas[i%2], newBrowser(), httptest.NewRecorder()
		s, tokens := alice()
		s.Subject, s.ZitadelSession = strconv.Itoa(i), strconv.Itoa(i)
		if _, err := m.StartSession(t.Context(), w, b.request(), s, tokens); err != nil {
			t.Fatal(err)
		}
		b.take(t, w)
		remember(t, m, b, Account{UserID: s.Subject, ZitadelSession: s.ZitadelSession, ZitadelToken: "token " + s.Subject}, false)
		c.attempts = append(c.attempts, startAttempt(t, m, b, Attempt{LoginName: s.Subject}))
		c.browsers = append(c.browsers, b)
	}
	return c
}

// look asks both replicas for everything of everybody, all at once, and counts:
// what was found, what is lost, and what nobody could tell.
func (c *crowd) look(t *testing.T) (found, lost, unknown int) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	count := func(what string, is bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil && is:
			found++
		case errors.Is(err, ErrUnavailable):
			unknown++
		default:
			lost++
			t.Logf("lost %s: %v", what, err)
		}
	}
	for i, b := range c.browsers {
		for _, m := range c.replicas {
			all.Go(func() {
				user := strconv.Itoa(i)
				s, err := m.Session(t.Context(), b.request())
				count("session", err == nil && s.Subject == user, err)
				accounts, err := m.Accounts(t.Context(), b.request())
				count("account", err == nil && len(accounts) == 1 && accounts[0].ZitadelToken == "token "+user, err)
				a, err := m.Attempt(t.Context(), b.request(), c.attempts[i].Short)
				count("attempt", err == nil && a.LoginName == user, err)
			})
		}
	}
	all.Wait()
	return found, lost, unknown
}

// nobodyIsLost looks while something is wrong: not everybody need be known, but
// nobody may be taken for signed out.
func (c *crowd) nobodyIsLost(t *testing.T, when string) (found int) {
	t.Helper()
	found, lost, unknown := c.look(t)
	t.Logf("%s: %d found, %d lost, %d unknown", when, found, lost, unknown)
	if lost > 0 {
		t.Errorf("%s: %d are lost", when, lost)
	}
	return found
}

// everybodyIsBack waits until everything of everybody is known again, without a
// restart of ours, and counts again and again that nothing is lost meanwhile.
func (c *crowd) everybodyIsBack(t *testing.T, when string) {
	t.Helper()
	began := time.Now()
	redistest.Until(t, "everybody to be back "+when, func() bool {
		found, lost, unknown := c.look(t)
		if lost > 0 {
			t.Fatalf("%s: %d of %d are lost", when, lost, found+lost+unknown)
		}
		return unknown == 0
	})
	t.Logf("%s: all back after %v", when, time.Since(began).Round(time.Millisecond))
}

// changes are what a browser may do next: all of it must work.
func (c *crowd) changes(t *testing.T) {
	t.Helper()
	c.tabsAtOnce(t)
	for i, m := range c.replicas {
		other, b, w := c.replicas[1-i], newBrowser(), httptest.NewRecorder()
		s := signIn(t, m, b)
		tokens, err := other.Tokens(t.Context(), s)
		a := startAttempt(t, m, b, Attempt{})
		_, errEnd := other.EndSessions(t.Context(), s.Subject)
		_, errAllow := other.Allow(t.Context(), "p", b.cookies[a.Short], Rate{9, time.Second})
		first, errOnce := m.Once(t.Context(), "p", a.Short, time.Minute)
		again, errAgain := other.Once(t.Context(), "p", a.Short, time.Minute)
		for op, err := range map[string]error{
			"tokens": err, "end": errEnd, "allow": errAllow, "once": errOnce, "again": errAgain,
			"save": m.SaveAttempt(t.Context(), a), "end attempt": m.EndAttempt(t.Context(), w, a),
		} {
			if err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
		if !first || again || tokens.RefreshToken == "" {
			t.Errorf("first %t, again %t, tokens %v", first, again, tokens)
		}
		if _, err := m.Session(t.Context(), b.request()); !errors.Is(err, ErrNotFound) {
			t.Errorf("signed out at the other replica: %v", err)
		}
	}
}

// tabsAtOnce has tabs of one browser sign in at the same time, at both replicas: no
// account is lost, whichever answer the browser keeps.
func (c *crowd) tabsAtOnce(t *testing.T) {
	t.Helper()
	b := newBrowser()
	remember(t, c.replicas[0], b, Account{UserID: "0", ZitadelSession: "0", ZitadelToken: "token 0"}, false)
	answers := make([]*httptest.ResponseRecorder, 8)
	var all sync.WaitGroup
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		all.Go(func() {
			user := strconv.Itoa(i + 1)
			account := Account{UserID: user, ZitadelSession: user, ZitadelToken: "token " + user}
			if err := c.replicas[i%2].RememberAccount(t.Context(), answers[i], b.request(), account, false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, answer := range answers {
		tab := copyOf(b)
		tab.take(t, answer)
		if found := users(accounts(t, c.replicas[(i+1)%2], tab)); found != "0 1 2 3 4 5 6 7 8" {
			t.Errorf("answer %d leads to %q", i, found)
		}
	}
}

// TestFailoverSentinel: a master that is gone, then one that only hangs, and both
// when they come back, lose nobody whom their replicas knew.
func TestFailoverSentinel(t *testing.T) {
	servers := redistest.StartSentinels(t)
	conformance(t, openPatient(t, servers.URL(), nil))
	c := gather(t, servers.URL())
	for name, begin := range outages {
		servers.WaitInSync()
		master := servers.Master()
		begin(master)
		c.nobodyIsLost(t, name)
		servers.WaitForOther(master)
		c.everybodyIsBack(t, name)
		c.changes(t)
	}
	for _, server := range servers.Servers {
		server.Restart()
	}
	servers.WaitForOne()
	c.everybodyIsBack(t, "with all servers")
	c.changes(t)
	conformance(t, openPatient(t, servers.URL(), nil))
}

// outages are two ways to lose a server: connections are refused, or time out.
var outages = map[string]func(*redistest.Server){
	"killed": (*redistest.Server).Kill,
	"frozen": (*redistest.Server).Freeze,
}

// TestFailoverCluster is the same with three masters that share everybody, and
// while a part of them moves from one to another.
func TestFailoverCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, true)
	conformance(t, openPatient(t, cluster.URL(), nil))
	c := gather(t, cluster.URL())
	masters := cluster.Servers[:3]
	for _, master := range masters {
		if size := fmt.Sprint(master.Do("DBSIZE")); size == "0" {
			t.Errorf("%s has nothing, so its loss would prove nothing", master.Address())
		}
	}
	cluster.Move(masters[0], masters[1], func(when string) {
		c.everybodyIsBack(t, when)
		c.changes(t)
	})
	for name, begin := range outages {
		cluster.WaitReady()
		master := masters[1]
		masters = masters[1:]
		begin(master)
		if found := c.nobodyIsLost(t, name); found == 0 {
			t.Errorf("%s: it is everybody's loss", name)
		}
		cluster.WaitForOther(master)
		c.everybodyIsBack(t, name)
		c.changes(t)
	}
	for _, server := range cluster.Servers {
		server.Restart()
	}
	cluster.WaitReady()
	c.everybodyIsBack(t, "with all servers")
	conformance(t, openPatient(t, cluster.URL(), nil))
	if n := cluster.CrossSlot(); n > 0 {
		t.Errorf("%d operations on several slots", n)
	}
}

// TestFailoverPing: a cluster is there as long as one of its masters answers, for
// who knew it before and for who has just begun; and is not when none does.
func TestFailoverPing(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false)
	known := openRedis(t, cluster.URL())
	if err := known.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for i, master := range cluster.Servers {
		master.Freeze()
		var all sync.WaitGroup
		for n := range 16 { // whichever is asked first
			store := known
			if n >= 12 {
				store = openRedis(t, cluster.URL())
			}
			all.Go(func() {
				if err := store.Ping(t.Context()); err != nil {
					t.Errorf("node %d hangs, ping %d: %v", i, n, err)
				}
			})
		}
		all.Wait()
		master.Thaw()
	}
	cluster.Servers[0].Kill()
	cluster.Servers[1].Freeze()
	if err := known.Ping(t.Context()); err != nil {
		t.Errorf("one is left: %v", err)
	}
	cluster.Servers[2].Freeze()
	if err := known.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("none is left: %v", err)
	}
	cluster.Servers[2].Thaw()
	redistest.Until(t, "one to answer", func() bool { return known.Ping(t.Context()) == nil })
}
