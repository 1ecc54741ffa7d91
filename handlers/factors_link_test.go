package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/session"
	"torhaus/zitadelclient/zitadeltest"
)

// locksmith tells of every lock that is tried.
type locksmith struct {
	session.Store
	tried chan struct{}
}

func (l locksmith) Swap(ctx context.Context, key string, from, to []byte, ttl time.Duration) error {
	if strings.HasPrefix(key, "test:l:") && to != nil {
		select {
		case l.tried <- struct{}{}:
		default:
		}
	}
	return l.Store.Swap(ctx, key, from, to, ttl)
}

// The link of a mail, opened while the code in it is being checked, waits for that:
// neither of the two loses what the other has done.
func TestMailedLinkWhileItsCodeIsChecked(t *testing.T) {
	tried := make(chan struct{}, 1)
	w := newWorld(t, func(w *world, _ *handlers.Config) { w.store = locksmith{w.store, tried} })
	w.zitadel.AddOTPEmail(w.alice)
	b := newBrowser(t)
	page := w.atPassword(b).fill(map[string]string{"password": password}).at("/otp/email")
	mail := w.zitadel.LastMail("alice@example.com")
	method, action, form := page.form(map[string]string{"code": mail.Code})
	held, letGo := w.hold(zitadeltest.Fault{Method: http.MethodPatch})
	send := func(method, address string, form map[string][]string) <-chan *http.Response {
		answer := make(chan *http.Response, 1)
		go func() { answer <- b.twin().do(method, address, form) }()
		return answer
	}
	checked := send(method, action, form)
	held()
	for len(tried) > 0 {
		<-tried
	}
	opened := send(http.MethodGet, mail.Link, nil)
	select {
	case <-tried:
	case response := <-opened:
		t.Fatalf("the link did not wait: %d", response.StatusCode)
	}
	letGo()
	for name, answer := range map[string]<-chan *http.Response{"the code": checked, "the link": opened} {
		response := <-answer
		_ = response.Body.Close()
		if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != w.app+"/inbox" {
			t.Errorf("%s: %d to %q", name, response.StatusCode, response.Header.Get("Location"))
		}
	}
}
