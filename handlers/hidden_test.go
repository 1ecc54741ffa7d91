package handlers_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

// hiddenPeople are all kinds of people behind names of one length, so that an
// answer about one is as long as about another. "anobody" is none of them.
func hiddenPeople(w *world) []string {
	add := func(name string, edit func(*zitadeltest.UserSeed)) string {
		seed := zitadeltest.UserSeed{UserName: name, Email: name + "@example.com", EmailVerified: true, Password: password}
		edit(&seed)
		return w.zitadel.AddUser(seed)
	}
	asIs := func(*zitadeltest.UserSeed) {}
	other := w.zitadel.AddOrganization("Other")
	add("aperson", asIs)
	w.zitadel.AddPasskey(add("apasske", withoutPassword), "example.localhost", zitadeltest.NewAuthenticator())
	w.zitadel.AddPasskey(add("aotherk", asIs), "other.localhost", zitadeltest.NewAuthenticator())
	w.zitadel.AddTOTP(add("aprotec", asIs))
	w.zitadel.LockUser(add("alocked", asIs))
	w.zitadel.DeactivateUser(add("aninact", asIs))
	add("anopass", withoutPassword)
	add("aunveri", func(s *zitadeltest.UserSeed) { s.EmailVerified = false })
	add("achange", func(s *zitadeltest.UserSeed) { s.ChangeRequired = true })
	add("aforeig", func(s *zitadeltest.UserSeed) { s.OrganizationID = other })
	return []string{"anobody", "aperson", "apasske", "aotherk", "aprotec", "alocked", "aninact", "anopass", "aunveri", "achange", "aforeig"}
}

// varying is what differs between two visits of the same page by the same visitor.
var varying = regexp.MustCompile(`a=[a-z2-7]+|:\d+|&#34;challenge&#34;:&#34;[\w-]{43}&#34;|[A-Z2-7]{16}|name="(turn|a|about)" value="[\w-]+"|"time":"[^"]+"`)

// seen is all that a visitor can tell two names apart by.
type seen struct {
	Path, Headers, Body string
	Work                string // calls of ZITADEL, or a wait in their place
}

func (w *world) seen(p *page, name string) seen {
	var headers []string
	for key, values := range p.header {
		if key != "Date" && key != "Set-Cookie" {
			headers = append(headers, key+": "+varying.ReplaceAllString(strings.Join(values, ","), "…"))
		}
		if key == "Set-Cookie" {
			headers = append(headers, fmt.Sprintf("%d cookies", len(values)))
		}
	}
	slices.Sort(headers)
	name, _, _ = strings.Cut(name, "@") // as pages break an address
	body := varying.ReplaceAllString(strings.NewReplacer(name, "NAME", "anobody", "NAME").Replace(p.body), "…")
	return seen{Path: fmt.Sprint(p.status, " ", p.url.Path), Headers: strings.Join(headers, "\n"), Body: body, Work: w.work()}
}

// work is what the answers since the last look cost. Whatever was spared ZITADEL
// must have been waited for.
func (w *world) work() string {
	calls := w.calls()
	w.zitadel.ResetCalls()
	w.mu.Lock()
	waits := slices.Clone(w.waits)
	w.waits = nil
	w.mu.Unlock()
	if slices.ContainsFunc(waits, func(d time.Duration) bool { return d <= 0 }) {
		return "a wait for nothing"
	}
	if len(waits) > 0 {
		return waited // as long as the real thing takes, however much of it was done
	}
	return fmt.Sprintf("%d calls", len(calls))
}

// stoppedClock shows what it was set to. What is held back asks for the whole of its
// wait then, on a busy machine as on an idle one.
type stoppedClock struct {
	mu sync.Mutex
	at time.Time
}

// wind gives the clock to a process.
func (c *stoppedClock) wind(w *world, config *handlers.Config) {
	c.set(w.now())
	config.Now = c.now
}

func (c *stoppedClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func (c *stoppedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// waited is the work of an answer that was held back.
const waited = "a wait"

// Where policy hides users, nobody learns from pages, headers, the work that is
// done or the time that is waited who has an account, of which kind, in what
// state, with which methods (CVE-2026-23511, CVE-2026-105206, CVE-2024-41952).
func TestHiddenUsersLookAlike(t *testing.T) {
	for kind, domain := range map[string]string{"names": "", "addresses": "@example.com"} {
		t.Run(kind, func(t *testing.T) { hiddenUsersLookAlike(t, domain, hiddenSteps) })
	}
}

// hiddenStep is something that anybody can do with a name that they typed.
type hiddenStep struct {
	name string
	take func(w *world, p *page) *page
}

var hiddenSteps = []hiddenStep{
	{"look at the page", func(_ *world, p *page) *page { return p.b.open(p.url.String()) }},
	{"a wrong password", func(_ *world, p *page) *page { return p.fill(map[string]string{"password": "wrong"}) }},
	{"an endless password", func(_ *world, p *page) *page {
		return p.fill(map[string]string{"password": strings.Repeat("x", 201)})
	}},
	{"the page of the passkey", func(_ *world, p *page) *page { return p.follow("passkey-link").at("/passkey") }},
	{"a challenge", func(_ *world, p *page) *page { return p.fill(nil).at("/passkey") }},
	{"the passkey of a stranger", func(w *world, p *page) *page { return p.strangersKey(w) }},
	{"another challenge", func(_ *world, p *page) *page { return p.fill(nil).at("/passkey") }},
	{"a closed dialog", func(_ *world, p *page) *page { return p.fill(nil).at("/passkey") }},
	{"the password after all", func(_ *world, p *page) *page { return p.follow("password-link").at("/password") }},
	{"a code by e-mail, which is not on the page", func(w *world, p *page) *page { return p.beside("/otp/email") }},
	{"a second factor, which is not", func(w *world, p *page) *page { return p.beside("/mfa") }},
	{"a verification, which is not", func(w *world, p *page) *page { return p.beside("/verify") }},
	{"a forgotten password", func(_ *world, p *page) *page {
		return p.beside("/password").fill(nil, "reset-button").at("/password/set")
	}},
	{"a wrong code", func(_ *world, p *page) *page {
		return p.fill(map[string]string{"code": "WRONG1", "password": "Another1!"})
	}},
	{"one more mail", func(_ *world, p *page) *page { return p.fill(nil, "resend-button") }},
	{"somebody else", func(_ *world, p *page) *page {
		return p.b.open(strings.Replace(p.url.String(), "/password/set", "/loginname", 1))
	}},
	{"another name", func(_ *world, p *page) *page { return p.fill(map[string]string{"loginName": "anobody"}) }},
}

// hiddenUsersLookAlike types all kinds of names, with this behind them.
func hiddenUsersLookAlike(t *testing.T, domain string, steps []hiddenStep) {
	clock := &stoppedClock{}
	w := newWorld(t, clock.wind)
	w.zitadel.StopClock() // what is cached for all of them stays so
	w.hideUsers()
	names := hiddenPeople(w)
	nobody, real := map[string]seen{}, map[string]string{}
	for i := range names {
		names[i] += domain
	}
	for _, name := range names {
		// None of this is about limits; and nothing is cached of what is asked for
		// one of them only.
		w.zitadel.Advance(time.Hour)
		clock.set(w.now())
		start := newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
		w.work()
		page := start.fill(map[string]string{"loginName": name})
		look := func(step string) {
			got := w.seen(page, name)
			// Who is not held back does the real thing, and all of them as much.
			if got.Work != waited {
				if earlier, done := real[step]; done && earlier != got.Work {
					t.Errorf("%s is told from others by %q: %s, not %s", name, step, got.Work, earlier)
				}
				real[step] = got.Work
			}
			if got.Work = "work"; real[step] == "0 calls" {
				got.Work = "no work"
			}
			if name == names[0] {
				nobody[step] = got
			} else if diff := cmp.Diff(nobody[step], got); diff != "" {
				t.Errorf("%s is told from nobody by %q:\n%s", name, step, diff)
			}
		}
		look("the name")
		for _, step := range steps {
			clock.set(w.now())
			page = step.take(w, page)
			look(step.name)
		}
	}
	if len(nobody) != len(steps)+1 || real["a wrong password"] != "1 calls" || real["look at the page"] != "0 calls" {
		t.Errorf("this test saw too little: %v", real)
	}
}

// strangersKey answers the challenge with a key that nobody registered.
func (p *page) strangersKey(w *world) *page {
	p.b.t.Helper()
	stranger := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.alice, "example.localhost", stranger)
	return p.key(stranger, w.auth, false).at("/passkey").with(http.StatusUnprocessableEntity)
}

// beside opens another page of the same attempt by its address.
func (p *page) beside(path string) *page {
	p.b.t.Helper()
	return p.b.open(strings.Replace(p.url.String(), p.url.Path, path, 1))
}

// Whoever has the passkey gets in where users are hidden, in a browser that has
// never seen them, and although it is all that they have.
func TestHiddenUserWithAPasskey(t *testing.T) {
	w := newWorld(t)
	w.hideUsers()
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.addPerson(withoutPassword), "example.localhost", a)
	page := w.atAppAs("bob").at("/password").follow("passkey-link").at("/passkey").fill(nil).at("/passkey").byItself("get")
	if strings.Contains(string(page.options()), "allowCredentials") {
		t.Error("the options tell how many keys the user has")
	}
	page.key(a, w.auth, false).at("/inbox")
}

// Where passwords are off and users hidden, everybody begins with the passkey.
func TestHiddenUsersWithoutPasswords(t *testing.T) {
	w := newWorld(t)
	w.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) {
		s.IgnoreUnknownUsernames, s.AllowUsernamePassword = true, false
	})
	a := zitadeltest.NewAuthenticator()
	w.zitadel.AddPasskey(w.addPerson(withoutPassword), "example.localhost", a)
	for _, name := range []string{"alice", "nobody"} {
		page := w.atAppAs(name).at("/passkey").byItself("get")
		if page.find("a", func(n *html.Node) bool { return strings.Contains(attr(n, "href"), "/password") }) != nil {
			t.Error("a password is offered")
		}
		page.strangersKey(w).saying("could not verify this passkey")
	}
	w.atAppAs("bob").at("/passkey").key(a, w.auth, false).at("/inbox")
}
