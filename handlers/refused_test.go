package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// noCodes are no codes of ZITADEL's, whoever asks.
var noCodes = []string{"", " ", "123", "garbage!", "ABC_12", "ÄBCDEF", "ABC\a123", strings.Repeat("A", 21)}

// weakPasswords break the rules of the emulator's policy, each another one.
var weakPasswords = []string{"", "Short1!", "password1!", "PASSWORD1!", "Password!!", "Password11", strings.Repeat("aA1!", 30), strings.Repeat("aA1!", 60)}

// signedInReads is what is asked at every look at a page when there is a ZITADEL
// session: whether it, its user and their methods still are what they were.
var signedInReads = []string{
	"GET /v2/sessions/{id}", "GET /v2/users/{id}", "GET /v2/users/{id}/authentication_methods",
}

// refusedHere submits a form that can be refused without ZITADEL, so that no
// attempt is counted and no code is spent on it. It fails unless ZITADEL was
// asked for these reads alone: none, where there is no session yet.
func (w *world) refusedHere(p *page, typed map[string]string, reads ...string) *page {
	w.t.Helper()
	w.zitadel.ResetCalls()
	refused := p.fill(typed).at(p.url.Path).with(http.StatusUnprocessableEntity)
	if calls := w.calls(); !slices.Equal(calls, reads) {
		w.t.Errorf("%s with %.30q: ZITADEL was asked %q, want %q", p.url.Path, typed, calls, reads)
	}
	return refused
}

func TestSignInRefusals(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").at("/loginname")
	for _, name := range []string{"", "  ", "ali\ace", strings.Repeat("a", 201), strings.Repeat("ä", 201)} {
		page = w.refusedHere(page, map[string]string{"loginName": name})
	}
	page = page.fill(map[string]string{"loginName": "alice"}).at("/password")
	for _, wrong := range []string{"", strings.Repeat("x", 201), strings.Repeat("ä", 201)} {
		page = w.refusedHere(page, map[string]string{"password": wrong})
	}
	page.fill(map[string]string{"password": password}).at("/signedin")
}

func TestResetRefusals(t *testing.T) {
	w := newWorld(t)
	page := newBrowser(t).open(w.auth + "/loginname").follow("reset-button").at("/password/set")
	for _, name := range []string{"", "  ", strings.Repeat("a", 201)} {
		page = w.refusedHere(page, map[string]string{"loginName": name})
	}
	page = page.fill(map[string]string{"loginName": "alice"}).at("/password/set")
	code := w.zitadel.LastMail("alice@example.com").Code
	for _, none := range noCodes {
		page = w.refusedHere(page, map[string]string{"code": none, "password": "Another1!"})
	}
	for _, weak := range weakPasswords {
		page = w.refusedHere(page, map[string]string{"code": code, "password": weak})
	}
	page.fill(map[string]string{"code": code, "password": "Another1!"}).at("/signedin")
}

func TestChangeRefusals(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	page := b.open(w.auth + "/password/change").at("/password/change")
	for _, current := range []string{"", strings.Repeat("x", 201)} {
		page = w.refusedHere(page, map[string]string{"current": current, "password": "Another1!"}, signedInReads...)
	}
	for _, weak := range append([]string{password}, weakPasswords...) {
		page = w.refusedHere(page, map[string]string{"current": password, "password": weak}, signedInReads...)
	}
	page.fill(map[string]string{"current": password, "password": "Another1!"}).at("/signedin")
}

// A code of no code's shape, on each page that asks for one.
func TestCodeRefusals(t *testing.T) {
	w := newWorld(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "dave", Email: "dave@example.com", Password: password})
	signIn := func(name string) *page {
		return newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": name}).
			fill(map[string]string{"password": password})
	}
	verify := signIn("dave").at("/verify")
	link := newBrowser(t).open(w.zitadel.LastMail("dave@example.com").Link).at("/verify")
	totp := w.zitadel.AddTOTP(w.alice)
	app := signIn("alice").at("/otp/time-based")
	for _, code := range noCodes {
		link = w.refusedHere(link, map[string]string{"code": code})
		verify = w.refusedHere(verify, map[string]string{"code": code}, signedInReads...)
		app = w.refusedHere(app, map[string]string{"code": code}, signedInReads...)
	}
	link.fill(map[string]string{"code": w.zitadel.LastMail("dave@example.com").Code}).at("/verify/success")
	app.fill(map[string]string{"code": w.zitadel.TOTPCode(totp)}).at("/signedin")
}
