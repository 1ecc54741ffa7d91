package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// theme is the address of the page's stylesheet of a branding.
func (p *page) theme() string {
	p.b.t.Helper()
	for _, asset := range p.assets() {
		if strings.HasPrefix(asset, "/theme/") {
			return p.url.Scheme + "://" + p.url.Host + asset
		}
	}
	p.b.t.Fatalf("%s has no theme: %v", p.url, p.assets())
	return ""
}

// fetch reads what is at an address.
func (b *browser) fetch(address string) (response *http.Response, body string) {
	b.t.Helper()
	response = b.do(http.MethodGet, address, nil)
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, string(read)
}

// brandedOrganization is one with colours of its own, and a user carol.
func (w *world) brandedOrganization() (id string) {
	id = w.zitadel.AddOrganization("Branded")
	w.zitadel.SetBranding(id, func(b *zitadeltest.Branding) { b.Light.PrimaryColor = "#123456" })
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "carol", Email: "carol@example.com", EmailVerified: true, Password: password, OrganizationID: id})
	return id
}

// What one replica links to, any other serves, and so does this one after a
// restart: the instance's look and an organization's.
func TestThemeOfAnotherReplica(t *testing.T) {
	w := newWorld(t)
	organization := w.brandedOrganization()
	for name, page := range map[string]*page{
		"instance":     newBrowser(t).open(w.auth + "/logout"),
		"organization": newBrowser(t).open(w.auth + "/loginname?organization=" + organization).at("/loginname"),
		"user's":       newBrowser(t).open(w.auth + "/loginname").fill(map[string]string{"loginName": "carol@example.com"}).at("/password"),
	} {
		address := page.theme()
		if got := strings.Contains(address, "/theme/"+organization+"-"); got != (name != "instance") {
			t.Errorf("%s: %s", name, address)
		}
		_, made := page.b.fetch(address)
		w.restart()
		response, again := newBrowser(t).fetch(address)
		if response.StatusCode != http.StatusOK || again != made {
			t.Fatalf("%s: %s after a restart: %d %q, want %q", name, address, response.StatusCode, again, made)
		}
		if strings.Contains(again, "#123456") != (name != "instance") {
			t.Errorf("%s: another's look: %s", name, again)
		}
		if got := response.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control is %q", name, got)
		}
		if got := response.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
			t.Errorf("%s: Content-Type is %q", name, got)
		}
	}
}

// A page that was made just before the branding changed gets the look of now,
// which nobody keeps under the old name.
func TestThemeThatHasChanged(t *testing.T) {
	w := newWorld(t)
	organization := w.brandedOrganization()
	address := newBrowser(t).open(w.auth + "/loginname?organization=" + organization).theme()
	w.zitadel.SetBranding(organization, func(b *zitadeltest.Branding) { b.Light.PrimaryColor = "#654321" })
	w.restart()
	response, css := newBrowser(t).fetch(address)
	if response.StatusCode != http.StatusOK || !strings.Contains(css, "#654321") {
		t.Errorf("%d %s", response.StatusCode, css)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}

// Garbage costs ZITADEL nothing.
func TestThemeNames(t *testing.T) {
	w := newWorld(t)
	const hash = "0123456789abcdef"
	b := newBrowser(t)
	w.zitadel.ResetCalls()
	for _, file := range []string{
		"none.css", ".css", hash, hash + ".css.css", hash[:14] + ".css", hash + "00.css", strings.ToUpper(hash) + ".css", "0123456789abcdeg.css",
		"-" + hash + ".css", "x-" + hash + ".css", "1x-" + hash + ".css", "1--" + hash + ".css", "1-2-" + hash + ".css", "1%2F-" + hash + ".css",
		strings.Repeat("1", 33) + "-" + hash + ".css", "%31%0a-" + hash + ".css", "..%2f" + hash + ".css",
	} {
		if response, _ := b.fetch(w.auth + "/theme/" + file); response.StatusCode != http.StatusNotFound {
			t.Errorf("/theme/%s: %d, want 404", file, response.StatusCode)
		}
	}
	if calls := w.calls(); len(calls) != 0 {
		t.Errorf("garbage was sent on to ZITADEL: %v", calls)
	}
}

// Organizations that somebody makes up are not looked up without end.
func TestThemesOfAClient(t *testing.T) {
	w := limitedWorld(t)
	b := from(t, here)
	w.zitadel.ResetCalls()
	try := func(b *browser, i int) int {
		response, _ := b.fetch(fmt.Sprintf("%s/theme/%d-0123456789abcdef.css", w.auth, 1000+i))
		return response.StatusCode
	}
	for i := range 20 {
		if got := try(b, i); got != http.StatusOK {
			t.Fatalf("try %d: %d", i+1, got)
		}
	}
	if got := try(b, 20); got != http.StatusTooManyRequests {
		t.Errorf("try 21: %d, want 429", got)
	}
	if got := try(from(t, there), 21); got != http.StatusOK {
		t.Errorf("another address: %d", got)
	}
	page := b.open(w.auth + "/loginname")
	if response, _ := b.fetch(page.theme()); response.StatusCode != http.StatusOK {
		t.Errorf("the stylesheet of a page that was shown: %d", response.StatusCode)
	}
}
