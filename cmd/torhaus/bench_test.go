package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"torhaus/session"
	"torhaus/session/redistest"
)

// What the benchmark of the process does: so many sessions in Redis, connections of
// proxies, requests before it is another's turn, and rounds of turns.
const (
	fewSessions      = 100
	manySessions     = 100_000
	benchConnections = 16
	benchTurn        = 320
	benchRounds      = 60
)

// populated is a process of the shipped binary, on a Redis of its own with sessions.
type populated struct {
	*deployment
	redis    *redistest.Server
	empty    int // what Redis takes without a session
	visitors []visitor
	process  *process
	client   *http.Client
	times    []time.Duration // of each request so far
}

// BenchmarkProcess is the shipped binary under load, by proxies that ask about
// somebody else each time: its memory among a hundred thousand sessions, with and
// without the near cache, and what Redis keeps of a session. of-few is how much of the
// rate among a hundred sessions is left, in turns in the same run, when as many
// visitors come: a cost that grew with the number of sessions would show. of-few-any
// is the same when all hundred thousand come, and the processor's caches hold none of
// what Redis knows of them. A good part of each time is the client's.
func BenchmarkProcess(b *testing.B) {
	few, many := populate(b, fewSessions), populate(b, manySessions)
	few.process = few.quiet()
	began := time.Now()
	many.process = many.quiet()
	started := time.Since(began)
	idle := many.process.memory(b, "VmRSS")
	turns := []func() time.Duration{
		func() time.Duration { return few.turn(fewSessions) },
		func() time.Duration { return many.turn(fewSessions) },
		func() time.Duration { return many.turn(manySessions) },
	}
	var same, anybody []float64
	for b.Loop() {
		for round := range benchRounds {
			var took [3]time.Duration
			for i := range turns {
				i = (i + round) % len(turns)
				took[i] = turns[i]()
			}
			same = append(same, float64(took[0])/float64(took[1]))
			anybody = append(anybody, float64(took[0])/float64(took[2]))
		}
	}
	slices.Sort(same)
	slices.Sort(anybody)
	slices.Sort(many.times)
	b.ReportMetric(0, "ns/op") // that of many turns
	b.ReportMetric(float64(started.Microseconds())/1000, "ms-to-start")
	b.ReportMetric(same[len(same)/2], "of-few")
	b.ReportMetric(anybody[len(anybody)/2], "of-few-any")
	b.ReportMetric(float64(many.times[len(many.times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(many.times[len(many.times)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(idle, "MB-RSS-idle")
	b.ReportMetric(many.process.memory(b, "VmHWM"), "MB-RSS-load")
	b.ReportMetric(many.near().memory(b, "VmHWM"), "MB-RSS-near")
	b.ReportMetric(float64(many.used()-many.empty)/manySessions, "Redis-B/session")
	if info, err := os.Stat(many.binary); err == nil {
		b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
	}
}

// populate signs others in behind torhaus's back, by the same keys.
func populate(b *testing.B, sessions int) *populated {
	b.Helper()
	server := redistest.Start(b, "--appendonly", "no") // others may keep the disk busy
	p := &populated{deployment: deploy(b, server.URL(), 0, nil), redis: server, visitors: make([]visitor, sessions)}
	p.empty = p.used()
	p.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConnections}}
	keys, err := session.ParseKeys(aKey)
	p.must(err)
	store, err := session.NewRedis(session.RedisConfig{URL: server.URL()})
	p.must(err)
	defer store.Close()
	manager, err := session.NewManager(session.Config{
		Store: store, Keys: keys, Environment: "production", CookieDomain: p.settings["COOKIE_DOMAIN"],
	})
	p.must(err)
	defer manager.Close()
	var group sync.WaitGroup
	for part := range benchConnections {
		group.Go(func() {
			for i := part; i < sessions; i += benchConnections {
				p.visitors[i] = p.member(manager, i)
			}
		})
	}
	group.Wait()
	return p
}

// member is somebody who has signed in, with opaque tokens.
func (p *populated) member(manager *session.Manager, i int) visitor {
	user := fmt.Sprintf("3465%014d", i)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, p.settings["PUBLIC_URL"], nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	tokens := session.TokenSet{AccessToken: strings.Repeat("a", 104), RefreshToken: strings.Repeat("r", 104), Expires: time.Now().Add(12 * time.Hour)}
	redistest.Until(p.t, "a session", func() bool { // of a Redis that is busy
		_, err := manager.StartSession(p.t.Context(), w, r, session.Session{
			Subject: user, Name: "Alice Example", Email: "alice@example.com", OrganizationID: "346511889965776899", Roles: []string{"user"},
			Methods: []string{"pwd"}, AuthTime: time.Now(), ZitadelSession: user, Issuer: p.zitadel.Issuer(), IP: "192.0.2.1",
		}, tokens)
		return err == nil
	})
	return visitor{w.Result().Cookies()[0].Value}
}

// turn has proxies ask, each time about one of so many visitors, and says how long all
// of them took.
func (p *populated) turn(among int) time.Duration {
	var group sync.WaitGroup
	each := make([]time.Duration, benchTurn)
	began := time.Now()
	for part := range benchConnections {
		group.Go(func() {
			for i := part; i < benchTurn; i += benchConnections {
				asked := time.Now()
				if err := p.passes(p.visitors[rand.IntN(among)]); err != nil {
					p.t.Error(err)
					return
				}
				each[i] = time.Since(asked)
			}
		})
	}
	group.Wait()
	p.times = append(p.times, each...)
	return time.Since(began)
}

// quiet starts a process whose log nobody keeps.
func (p *populated) quiet() *process {
	started := p.start()
	started.log.discard()
	return started
}

func (p *populated) passes(v visitor) error {
	r := ways["/auth"](p.deployment, p.process)
	r.RequestURI = "" // httptest makes requests for servers
	r.AddCookie(&http.Cookie{Name: "__Secure-torhaus", Value: v.cookie})
	response, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("/auth: %s, %v", response.Status, err)
	}
	return nil
}

// near is another process on the same Redis, with the near cache, after as many
// requests.
func (p *populated) near() *process {
	p.settings["SESSION_CACHE"] = session.MaxCache.String()
	other := *p
	other.process = p.quiet()
	for asked := 0; asked < len(p.times); asked += benchTurn {
		other.turn(manySessions)
	}
	return other.process
}

// used is what Redis has in memory.
func (p *populated) used() (bytes int) {
	bytes, err := strconv.Atoi(p.redis.Info("memory")["used_memory"])
	p.must(err)
	return bytes
}

// memory is what the kernel says of a process: VmRSS, or VmHWM for the most so far.
func (p *process) memory(b *testing.B, name string) (megabytes float64) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name+":" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kilobytes / 1024
		}
	}
	b.Fatalf("no %s in the status of the process", name)
	return 0
}
