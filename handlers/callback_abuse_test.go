package handlers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

// answered is a browser that would open /callback next: signed in at ZITADEL,
// with a good code and the state of its attempt.
type answered struct {
	*world
	b           *browser
	step        string // the page of the attempt
	state, code string
	otherState  string // of another browser
	otherCode   string // … which is a good one, too
}

// abuse is how a row of the corpus is played, and what must come of it.
type abuse struct {
	play     func(*answered) *page // nil: the row is the query
	status   int
	signedIn bool // a session starts
	tokens   int  // calls of the token endpoint
	kept     bool // the genuine answer is still good afterwards
	retry    bool // used up, and the sign-in goes on by another one
}

var abuses = map[string]abuse{
	"code=VALID&state=VALID":                  signsIn(nil),
	"code=VALID&state=VALID (second time)":    {play: twice, status: 410, signedIn: true, tokens: 1},
	"two parallel identical callbacks":        {play: atOnce, status: 410, signedIn: true, tokens: 1},
	"state=VALID":                             {status: 400, kept: true},
	"code=VALID":                              {status: 400, kept: true},
	"":                                        {status: 400, kept: true},
	"code=&state=":                            {status: 400, kept: true},
	"code=VALID&state=OTHER_BROWSER":          {status: 410, kept: true},
	"code=VALID&state=VALID without cookie":   {play: withoutCookie, status: 410, kept: true},
	"code=VALID&state=EXPIRED":                {play: tooLate, status: 410},
	"code=INJECTED&state=VALID":               {status: 403, tokens: 1, retry: true},
	"code=VALID&state=VALID&iss=https://evil": {status: 400, retry: true},
	"code=VALID&state=VALID&iss=ISSUER":       signsIn(nil),
	"error=access_denied&state=VALID":         {status: 403, retry: true},
	"error=<script>alert(1)</script>&error_description=<img src=x onerror=1>&state=VALID": {
		status: 403, retry: true,
	},
	"error=login_required&state=VALID":          {status: 403, retry: true},
	"error=access_denied":                       {status: 400, kept: true},
	"code=VALID&code=EVIL&state=VALID":          {status: 400, kept: true},
	"code=VALID&state=VALID&state=OTHER":        {status: 400, kept: true},
	"POST body code=VALID&state=VALID":          {play: posted, status: 405, kept: true},
	"POST body code=EVIL with query code=VALID": {play: postedOver, status: 405, kept: true},
	oversizeCode:                {status: 414, kept: true},
	"code=%00&state=VALID":      {status: 400, kept: true},
	"code=a%0d%0ab&state=VALID": {status: 400, kept: true},
	"code=VALID&state=VALID&redirect_uri=https://evil": signsIn(nil),
	"code=VALID&state=VALID#frag":                      signsIn(nil),
	"HEAD request":                                     {play: head, status: 403, kept: true},
	"prefetch (Sec-Purpose: prefetch)":                 {play: prefetched, status: 403, kept: true},
	"token endpoint returns 500": {
		play: tokensFail(zitadeltest.Fault{Status: 500}), status: 503, tokens: 1, retry: true,
	},
	"token endpoint returns 10 MB": {
		play: tokensSay("padding", strings.Repeat("A", 10<<20)), status: 503, tokens: 1, retry: true,
	},
	"token response without id_token":                                {play: tokensSay("id_token", nil), status: 502, tokens: 1, retry: true},
	"token response without refresh_token though offline_access":     signsIn(tokensSay("refresh_token", nil)),
	"token response token_type=mac":                                  {play: tokensSay("token_type", "mac"), status: 503, tokens: 1, retry: true},
	"token response expires_in missing/negative/1e18":                signsIn(tokensSay("expires_in", nil)),
	"token response expires_in missing/negative/1e18: negative":      signsIn(tokensSay("expires_in", -1)),
	"token response expires_in missing/negative/1e18: beyond number": signsIn(tokensSay("expires_in", 1e18)),
}

func signsIn(play func(*answered) *page) abuse {
	return abuse{play: play, status: 200, signedIn: true, tokens: 1}
}

// oversizeCode stands for the one row that is too long to be written here.
const oversizeCode = "code=AAAA…&state=VALID"

// answeredOtherwise are the rows to which the corpus wants another answer than
// is given here, and why.
var answeredOtherwise = map[string]string{
	"code=VALID&state=OTHER_BROWSER":        "410 with a way to begin anew, as for every attempt that this browser does not have",
	"code=VALID&state=VALID without cookie": "the same",
	"code=VALID&state=EXPIRED":              "the same",
	oversizeCode:                            "414: refused before it is looked at",
	"error=login_required&state=VALID":      "an error like any other: no request of ours through the browser asks for prompt=none",
	"HEAD request":                          "403, not 405: refused as what is no top-level navigation",
	"prefetch (Sec-Purpose: prefetch)":      "403, not 400: the same",
	"token endpoint hangs":                  "503, not 504: a visitor cannot tell, and 503 says when to come back",
	"code=VALID&state=VALID (no iss though AS advertises authorization_response_iss_parameter_supported)": "ZITADEL does " +
		"not advertise it and sends no iss: to demand one would end every sign-in",
}

// Every way to abuse the redirect URI that the corpus knows: no session that is
// not due, no code spent twice, never a 500, never off the list; and whether the
// genuine answer is still good is what it is meant to be.
func TestCallbackAbuseCorpus(t *testing.T) {
	played := map[string]bool{}
	for _, row := range corpus(t, "testdata/callback_abuse.tsv") {
		query := strings.TrimSuffix(row[0], " (prompt=none flow)")
		name := query
		if len(name) > 4096 {
			name = oversizeCode
		}
		for variant, a := range abuses {
			if variant == name || strings.HasPrefix(variant, name+": ") {
				played[name], played[variant] = true, true
				t.Run(variant, func(t *testing.T) { a.as(query).check(t) })
				a.compare(t, name, row[1])
			}
		}
		if !played[name] && answeredOtherwise[name] == "" {
			t.Errorf("%.80q: nobody tests this row", name)
		}
	}
	for name := range abuses {
		if !played[name] {
			t.Errorf("%q is no row of the corpus", name)
		}
	}
}

// compare fails if the answer differs from what the corpus wants and no reason is
// given, or one is given that is none any more.
func (a abuse) compare(t *testing.T, name, wanted string) {
	t.Helper()
	wants := regexp.MustCompile(`\b[1-5]\d\d\b`).FindAllString(wanted, -1)
	differs := len(wants) > 0 && !a.signedIn && !slices.Contains(wants, strconv.Itoa(a.status))
	if explained := answeredOtherwise[name] != ""; len(wants) > 0 && differs != explained {
		t.Errorf("%q: %d, and the corpus wants %v; explained: %t", name, a.status, wants, explained)
	}
}

// as plays the row as a query, unless it is played in a way of its own.
func (a abuse) as(row string) abuse {
	if a.play == nil {
		a.play = func(v *answered) *page { return v.open(row) }
	}
	return a
}

func (a abuse) check(t *testing.T) {
	v := newAnswered(t)
	page := a.play(v).with(a.status)
	v.staysAt(page)
	for _, echoed := range []string{"<script>alert", "onerror=1", "a\r\nb"} {
		if strings.Contains(page.body, echoed) {
			t.Errorf("the page echoes %q", echoed)
		}
	}
	if page.status >= 400 && page.url.Path == "/callback" && strings.Contains(strings.Join(page.header["Set-Cookie"], " "), "torhaus") {
		t.Errorf("a refusal sets a session: %v", page.header["Set-Cookie"])
	}
	if page.status == http.StatusServiceUnavailable && page.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if page.status == http.StatusGone && page.testid("submit-button") == nil {
		t.Error("410 without a way to begin anew")
	}
	v.hasMadeTokenCalls(a.tokens)
	v.isSignedIn(a.signedIn)
	v.zitadel.ClearFaults()
	if !a.signedIn {
		a.checkGenuine(v)
	}
}

// checkGenuine opens the answer that was meant for the browser all along.
func (a abuse) checkGenuine(v *answered) {
	v.t.Helper()
	v.zitadel.ResetCalls()
	genuine := v.genuine()
	v.staysAt(genuine)
	switch {
	case a.kept:
		genuine.at("/inbox")
		v.hasMadeTokenCalls(1)
	default:
		genuine.with(http.StatusGone)
		v.hasMadeTokenCalls(0)
	}
	v.isSignedIn(a.kept)
	if a.retry {
		v.restart() // by one that reaches ZITADEL itself
		v.b.open(v.step).at("/inbox")
		v.isSignedIn(true)
	}
}

// newAnswered signs in up to the callback, in this browser and in another one.
func newAnswered(t *testing.T) *answered {
	t.Helper()
	v := &answered{world: newWorld(t), b: newBrowser(t)}
	v.otherState, v.otherCode = v.waitForCallback(newBrowser(t))
	v.state, v.code = v.waitForCallback(v.b)
	for _, hop := range v.b.hops { // the form of the last page was sent to it
		if strings.HasPrefix(hop, v.auth+"/password?") {
			v.step = hop
		}
	}
	if v.step == "" {
		t.Fatalf("the password page was not on the way: %v", v.b.hops)
	}
	v.b.hops = nil
	v.zitadel.ResetCalls()
	return v
}

// open goes to /callback with the query of a row, its words replaced by what
// they stand for.
func (v *answered) open(row string) *page {
	v.t.Helper()
	query := strings.NewReplacer(
		"code=VALID", "code="+url.QueryEscape(v.code), "code=INJECTED", "code="+url.QueryEscape(v.otherCode),
		"state=VALID", "state="+v.state, "state=OTHER_BROWSER", "state="+v.otherState,
		"iss=ISSUER", "iss="+url.QueryEscape(v.zitadel.Issuer()), " ", "%20",
	).Replace(row)
	return v.b.open(v.auth + "/callback?" + query)
}

func (v *answered) genuine() *page {
	v.t.Helper()
	return v.open("code=VALID&state=VALID")
}

// address is /callback with the genuine answer.
func (v *answered) address() string {
	return v.auth + "/callback?" + url.Values{"code": {v.code}, "state": {v.state}}.Encode()
}

// staysAt fails if the browser was led anywhere but to torhaus and the app.
func (v *answered) staysAt(p *page) {
	v.t.Helper()
	for _, hop := range append(slices.Clone(p.b.hops), p.url.String(), p.header.Get("Location")) {
		if hop != "" && !strings.HasPrefix(hop, v.auth+"/") && !strings.HasPrefix(hop, v.app+"/") {
			v.t.Errorf("led to %s", hop)
		}
	}
}

func (v *answered) hasMadeTokenCalls(want int) {
	v.t.Helper()
	if n := v.tokenCalls(); n != want {
		v.t.Errorf("%d token calls, want %d", n, want)
	}
}

func (v *answered) tokenCalls() (n int) {
	for _, call := range v.zitadel.Calls() {
		if call.Method == http.MethodPost && strings.HasSuffix(call.Route, "/oauth/v2/token") {
			n++
		}
	}
	return n
}

func (v *answered) isSignedIn(want bool) {
	v.t.Helper()
	status, _ := v.session(v.b)
	if (status == http.StatusOK) != want || status != http.StatusOK && status != http.StatusUnauthorized {
		v.t.Errorf("GET /session: %d, want signed in: %t", status, want)
	}
}

// The ways of play.

func twice(v *answered) *page {
	v.genuine().at("/inbox")
	before := v.b.cookie(v.auth, "__Secure-torhaus")
	again := v.genuine()
	if v.b.cookie(v.auth, "__Secure-torhaus") != before {
		v.t.Error("the second answer changed the session")
	}
	return again
}

// atOnce ends with a third one, which comes after both.
func atOnce(v *answered) *page {
	var group sync.WaitGroup
	locations := make([]string, 2)
	for i := range locations {
		group.Go(func() {
			response := v.b.twin().do(http.MethodGet, v.address(), nil)
			_ = response.Body.Close()
			locations[i] = response.Header.Get("Location")
		})
	}
	group.Wait()
	slices.Sort(locations)
	if locations[0] != "" || locations[1] != v.app+"/inbox" {
		v.t.Errorf("they led to %q, want one to the app", locations)
	}
	return v.genuine()
}

func withoutCookie(v *answered) *page { return newBrowser(v.t).open(v.address()) }

func tooLate(v *answered) *page {
	v.zitadel.Advance(31 * minute)
	return v.genuine()
}

func posted(v *answered) *page {
	return v.b.navigate(http.MethodPost, v.auth+"/callback", url.Values{"code": {v.code}, "state": {v.state}})
}

func postedOver(v *answered) *page {
	return v.b.navigate(http.MethodPost, v.address(), url.Values{"code": {"EVIL"}})
}

func head(v *answered) *page { return v.b.navigate(http.MethodHead, v.address(), nil) }

func prefetched(v *answered) *page {
	scanner := v.b.twin()
	scanner.header = maps.Clone(v.b.header)
	scanner.header.Set("Sec-Purpose", "prefetch")
	return scanner.open(v.address())
}

// tokensFail breaks the token endpoint, once everything else is at hand.
func tokensFail(fault zitadeltest.Fault) func(*answered) *page {
	fault.Method, fault.Path = http.MethodPost, "/oauth/v2/token"
	return func(v *answered) *page {
		v.zitadel.Fault(fault)
		return v.genuine()
	}
}

// tokensSay has a proxy in front of ZITADEL change a member of the answer to a
// code, or take it out.
func tokensSay(member string, value any) func(*answered) *page {
	return func(v *answered) *page {
		v.restartWith(func(c *zitadelclient.Config) { c.APIURL = v.tamper(member, value) })
		v.zitadel.ResetCalls()
		return v.genuine()
	}
}

// tamper starts the proxy. Answers without an ID token pass unchanged: they are
// the service user's.
func (v *answered) tamper(member string, value any) (address string) {
	zitadel, err := url.Parse(v.zitadel.URL())
	v.must(err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(zitadel)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(response *http.Response) error {
			if response.Request.URL.Path != "/oauth/v2/token" {
				return nil
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			var answer map[string]any
			if err := json.Unmarshal(body, &answer); err != nil {
				return err
			}
			if answer["refresh_token"] != nil {
				if answer[member] = value; value == nil {
					delete(answer, member)
				}
				if body, err = json.Marshal(answer); err != nil {
					return err
				}
			}
			response.Body = io.NopCloser(bytes.NewReader(body))
			response.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	})
	v.t.Cleanup(proxy.Close)
	return proxy.URL
}
