package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"torhaus/handlers"
	"torhaus/zitadelclient/zitadeltest"
)

// checked are the steps at which ZITADEL checks something, each up to its page, with
// what is typed there: right, and wrong.
var checked = map[string]struct {
	reach        func(*world, *page) *page // from the password page
	right, wrong func(*world, *page) url.Values
}{
	"password": {
		func(_ *world, p *page) *page { return p },
		func(*world, *page) url.Values { return url.Values{"password": {password}} },
		func(*world, *page) url.Values { return url.Values{"password": {"wrong"}} },
	},
	"TOTP": {
		func(w *world, p *page) *page {
			w.zitadel.AddTOTP(w.alice)
			return p.fill(map[string]string{"password": password}).at("/otp/time-based")
		},
		func(w *world, _ *page) url.Values {
			return url.Values{"code": {w.zitadel.TOTPCode(w.zitadel.AddTOTP(w.alice))}}
		},
		func(*world, *page) url.Values { return url.Values{"code": {"000000"}} },
	},
	"code by e-mail": {
		func(w *world, p *page) *page {
			w.zitadel.AddOTPEmail(w.alice)
			return p.fill(map[string]string{"password": password}).at("/otp/email")
		},
		func(w *world, _ *page) url.Values { return url.Values{"code": {w.mailedCode("alice@example.com")}} },
		func(*world, *page) url.Values { return url.Values{"code": {"00000000"}} },
	},
	"security key": {
		func(w *world, p *page) *page {
			w.zitadel.AddU2F(w.alice, "example.localhost", aliceKey)
			return p.fill(map[string]string{"password": password}).at("/u2f")
		},
		func(w *world, p *page) url.Values { return w.signedBy(aliceKey, p) },
		func(w *world, p *page) url.Values {
			signed := w.signedBy(aliceKey, p)
			before, signature, _ := strings.Cut(signed.Get("credential"), `"signature":"`)
			changed := strings.Map(func(r rune) rune { return map[bool]rune{true: 'B', false: 'A'}[r == 'A'] }, signature[40:44])
			signed.Set("credential", before+`"signature":"`+signature[:40]+changed+signature[44:])
			return signed
		},
	},
}

// aliceKey is the key that alice has in these tests.
var aliceKey = zitadeltest.NewAuthenticator()

func (w *world) signedBy(a *zitadeltest.Authenticator, p *page) url.Values {
	w.t.Helper()
	credential, err := a.Get(p.options(), w.auth)
	w.must(err)
	return url.Values{"credential": {string(credential)}}
}

// credentialCalls counts the calls in which ZITADEL checked something.
func (w *world) credentialCalls() (n int) {
	for _, call := range w.calls() {
		if call == "POST /v2/sessions" || strings.HasPrefix(call, "PATCH ") {
			n++
		}
	}
	return n
}

// One form that is sent many times at once is checked once, whatever it holds: a wrong
// one is one failure, a right one leads all of its copies to the one place.
func TestFormsSentTogetherAreCheckedOnce(t *testing.T) {
	for name, step := range checked {
		for what, typed := range map[string]func(*world, *page) url.Values{"right": step.right, "wrong": step.wrong} {
			t.Run(name+" "+what, func(t *testing.T) {
				w := newWorld(t)
				b := newBrowser(t)
				page := step.reach(w, w.atPassword(b))
				_, action, form := page.form(nil)
				for field, values := range typed(w, page) {
					form[field] = values
				}
				w.zitadel.ResetCalls()
				frozen := b.freeze(page.url)
				var group sync.WaitGroup
				for range 5 {
					group.Go(func() {
						twin := frozen.twin()
						response := twin.do(http.MethodPost, action, form)
						_ = response.Body.Close()
						if ended := response.Header.Get("Location") == w.app+"/inbox"; ended != (what == "right") {
							t.Errorf("answered %d, to %q", response.StatusCode, response.Header.Get("Location"))
						}
					})
				}
				group.Wait()
				if n := w.credentialCalls(); n != 1 {
					t.Errorf("ZITADEL checked %d times", n)
				}
			})
		}
	}
}

// Two different forms of one sign-in are worked on one after the other: ZITADEL is
// asked about one credential at a time.
func TestOneCheckAtATime(t *testing.T) {
	tried := make(chan struct{}, 1)
	w := newWorld(t, func(w *world, _ *handlers.Config) { w.store = locksmith{w.store, tried} })
	w.zitadel.AddTOTP(w.alice)
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/otp/time-based")
	held, letGo := w.hold(zitadeltest.Fault{Method: http.MethodPatch})
	var group sync.WaitGroup
	defer group.Wait()
	defer letGo()
	for i, code := range []string{"000000", "000001"} {
		method, action, form := page.form(map[string]string{"code": code})
		for len(tried) > 0 {
			<-tried
		}
		group.Go(func() { _ = b.twin().do(method, action, form).Body.Close() })
		if i == 0 {
			held()
		} else {
			<-tried
		}
	}
	if n := w.zitadel.Held(); n != 1 {
		t.Errorf("%d checks at a time", n)
	}
}

// A page of somebody's sign-in is nothing in another browser: neither its address nor
// its form, nor the code or key that is asked for there.
func TestStepPageInAnotherBrowser(t *testing.T) {
	for name, step := range checked {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			theirs := step.reach(w, w.atPassword(newBrowser(t)))
			method, action, form := theirs.form(nil)
			for field, values := range step.right(w, theirs) {
				form[field] = values
			}
			w.zitadel.ResetCalls()
			begun := newBrowser(t)
			begun.open(w.auth + "/login?return_to=" + w.app + "/inbox").at("/loginname")
			for _, thief := range []*browser{newBrowser(t), begun} {
				for _, p := range []*page{thief.open(theirs.url.String()), thief.navigate(method, action, form)} {
					if strings.Contains(p.text(), "alice") || p.url.Path == "/inbox" {
						t.Errorf("%s: shows %s", p.url, p.text())
					}
				}
				if status, _ := w.session(thief); status != http.StatusUnauthorized {
					t.Errorf("the thief is signed in: %d", status)
				}
			}
			if n := w.credentialCalls(); n > 0 {
				t.Errorf("ZITADEL checked %d times", n)
			}
			theirs.b.navigate(method, action, form).at("/inbox") // it is still whose it was
		})
	}
}
