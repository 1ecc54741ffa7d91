package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
)

// large are requests that no page of ours needs and that no app minds: what siblings
// have put into cookies, a filter in an address, a token of the app's own.
func large() map[string]question {
	many := http.Header{}
	for i := range 100 {
		many.Set(fmt.Sprintf("X-Many-%d", i), "1")
	}
	long := strings.Repeat("a", 12_000)
	foreign := make([]string, 3)
	for i := range foreign {
		foreign[i] = fmt.Sprintf("big%d=%s", i, strings.Repeat("a", 4000))
	}
	return map[string]question{
		"cookies of siblings":   {header: http.Header{"Cookie": {strings.Join(foreign, "; ")}}},
		"cookies in many lines": {header: http.Header{"Cookie": {"a=" + long, "b=" + long, "c=" + long}}},
		"a long address":        {uri: "/inbox?q=" + long},
		"many fields":           {uri: "/inbox?" + strings.Repeat("a=1&", 200)},
		"a long header":         {header: http.Header{"X-Long": {long}}},
		"many headers":          {header: many},
		"all of it":             {uri: "/inbox?q=" + long, header: http.Header{"Cookie": {strings.Join(foreign, "; ")}, "X-Long": {long}, "X-More": {long}}},
	}
}

// proveLarge: whatever the proxy takes, whoever is signed in passes with; and their
// cookies keep them out of our own pages neither.
func (d *deployed) proveLarge() {
	b := newBrowser(d.t)
	d.signIn(b)
	ours := "__Secure-torhaus=" + b.cookie(d.auth, "__Secure-torhaus")
	for name, q := range large() {
		if q.header == nil {
			q.header = http.Header{}
		}
		theirs := strings.Join(q.header["Cookie"], "; ")
		q.header["Cookie"] = append(q.header["Cookie"], ours)
		if q.uri == "" {
			q.uri = "/inbox"
		}
		response, got := d.reach(newBrowser(d.t), http.MethodGet, d.app+q.uri, q.header)
		if response.StatusCode != http.StatusOK || got == nil {
			d.t.Errorf("%s: %s", name, response.Status)
			continue
		}
		if got.URI != q.uri || got.Header.Get("Cookie") != theirs || got.Header.Get("X-Auth-Subject") != d.alice {
			d.t.Errorf("%s: the app was asked for %.40s with %.40q", name, got.URI, got.Header)
		}
		if answer, _ := d.reach(newBrowser(d.t), http.MethodGet, d.auth+"/session", http.Header{"Cookie": q.header["Cookie"]}); answer.StatusCode != http.StatusOK {
			d.t.Errorf("%s: torhaus itself: %s", name, answer.Status)
		}
	}
}
