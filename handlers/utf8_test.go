package handlers_test

import (
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// brokenTexts are the byte strings that no text field holds, by what is wrong.
func brokenTexts(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/invalid_utf8.hex.tsv")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		digits, note, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		raw, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		texts[note+" "+digits] = string(raw)
	}
	if len(texts) < 9 {
		t.Fatalf("only %d rows", len(texts))
	}
	return texts
}

// Broken UTF-8 in a field is refused before anybody is asked about it: what
// replaced the bytes on the way would be another name than the one that was
// checked. The form itself is still good.
func TestBrokenTextInFields(t *testing.T) {
	w := newWorld(t)
	w.signIn(newBrowser(t)) // warm
	name := newBrowser(t).open(w.auth + "/loginname")
	register := newBrowser(t).open(w.auth + "/register")
	verify := w.signUp(newBrowser(t), "nora@example.com")
	set := w.reset(newBrowser(t), "alice").at("/password/set")
	complete := map[string]string{"givenName": "N", "familyName": "N", "email": "n@example.com", "terms": "on", "privacy": "on"}
	w.zitadel.ResetCalls()
	for what, text := range brokenTexts(t) {
		for _, field := range []struct {
			page *page
			name string
			rest map[string]string
		}{
			{name, "loginName", nil},
			{register, "givenName", complete},
			{register, "familyName", complete},
			{register, "email", complete},
			{verify, "code", nil},
			{set, "code", map[string]string{"password": "Another1!"}},
			{set, "password", map[string]string{"code": "ABC123"}},
		} {
			for _, value := range []string{text, "a" + text + "@example.com"} {
				values := map[string]string{}
				maps.Copy(values, field.rest)
				values[field.name] = value
				answer := field.page.fill(values)
				if answer.status != http.StatusBadRequest || !utf8.ValidString(answer.body) {
					t.Errorf("%s in %s of %s: %d, want 400", what, field.name, field.page.url.Path, answer.status)
				}
			}
		}
	}
	if calls := w.calls(); len(calls) > 0 {
		t.Errorf("what was refused was sent on to ZITADEL: %v", calls)
	}
	name.fill(map[string]string{"loginName": "alice"}).at("/password")
	register.fill(complete).at("/register/password")
	verify.fill(map[string]string{"code": w.zitadel.LastMail("nora@example.com").Code}).at("/welcome")
	set.fill(map[string]string{"code": w.zitadel.LastMail("alice@example.com").Code, "password": "Another1!"}).at("/signedin")
}

// In an address it is not worth an error: a hint is dropped, a return target is
// replaced, and what is left is a sign-in. A zero byte is refused.
func TestBrokenTextInAddresses(t *testing.T) {
	w := newWorld(t)
	w.signIn(newBrowser(t)) // warm
	w.zitadel.ResetCalls()
	for what, text := range brokenTexts(t) {
		for parameter, value := range map[string]string{"login_hint": text, "return_to": w.app + "/" + text} {
			answer := newBrowser(t).open(w.auth + "/login?" + parameter + "=" + url.QueryEscape(value))
			want := http.StatusOK
			if strings.Contains(text, "\x00") {
				want = http.StatusBadRequest
			}
			if answer.status != want || "http://"+answer.url.Host != w.auth || !utf8.ValidString(answer.body) {
				t.Errorf("%s in %s: %d at %s, want %d", what, parameter, answer.status, answer.url, want)
			}
			if want == http.StatusOK && answer.value("loginName") != "" {
				t.Errorf("%s in %s: it became the name %q", what, parameter, answer.value("loginName"))
			}
		}
	}
	if calls := w.calls(); len(calls) > 0 {
		t.Errorf("it was sent on to ZITADEL: %v", calls)
	}
	// Where the sign-in leads that had such a target.
	broken := newBrowser(t).open(w.auth + "/login?return_to=" + url.QueryEscape(w.app+"/\xff"))
	broken.fill(map[string]string{"loginName": "alice"}).fill(map[string]string{"password": password}).at("/")
}
