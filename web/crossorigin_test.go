package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestCrossOriginCorpus runs the corpus as it was written: the general rows
// against example.com trusting https://trusted.example, our own against
// auth.example.com trusting its app.
func TestCrossOriginCorpus(t *testing.T) {
	general := CrossOrigin(mustOrigin(t, "https://example.com"), mustOrigins(t, "https://trusted.example"), testPage)
	own := CrossOrigin(mustOrigin(t, "https://auth.example.com"), mustOrigins(t, appOrigins), testPage)
	for _, row := range readTSV(t, "csrf_sec_fetch.tsv") {
		method, site, origin, note := row[0], row[1], row[2], row[4]
		want, err := strconv.Atoi(row[3])
		if err != nil {
			t.Fatal(err)
		}
		r := request(method, "/session/refresh")
		r.Host = "example.com"
		middleware, route := general, Adapt(ok, testPage)
		if strings.HasPrefix(note, "own") {
			r.Host, middleware = "auth.example.com", own
		}
		if method == "GET" && want == 403 {
			// No middleware can know that a GET changes something: the route
			// must not exist for GET.
			route, want = Adapt(Methods{"POST": ok}.Serve, testPage), 405
		}
		if note == "own: unknown Sec-Fetch-Site value" {
			r.Host, middleware = "example.com", general
		}
		setIf(r, "Sec-Fetch-Site", site)
		setIf(r, "Origin", origin)
		if w := serve(middleware(route), r); w.Code != want {
			t.Errorf("%s site=%q origin=%q: %d, want %d (%s)", method, site, origin, w.Code, want, note)
		}
	}
}

func setIf(r *http.Request, name, value string) {
	if value != "" {
		r.Header.Set(name, value)
	}
}

func TestCrossOrigin(t *testing.T) {
	public := mustOrigin(t, "https://auth.example.com")
	for _, test := range []struct {
		site, origin string
		pages, json  int // without and with the app as a trusted origin
	}{
		{"same-origin", "https://auth.example.com", 200, 200},
		{"none", "https://auth.example.com", 200, 200},
		{"same-origin", "", 200, 200},
		{"same-origin", "null", 200, 200},
		{"", "https://auth.example.com", 200, 200},
		{"", "", 200, 200},
		// The app is a stranger wherever it is not expected.
		{"same-site", "https://app.example.com", 403, 200},
		{"", "https://app.example.com", 403, 200},
		// Siblings, look-alikes, other ports and schemes always are.
		{"same-site", "https://evil.example.com", 403, 403},
		{"same-site", "https://app.example.com:8443", 403, 403},
		{"same-site", "http://app.example.com", 403, 403},
		{"same-site", "https://APP.example.com", 403, 403},
		{"same-site", "", 403, 403},
		{"cross-site", "https://evil.com", 403, 403},
		{"cross-site", "null", 403, 403},
		{"cross-site", "https://auth.example.com", 403, 403},
		{"bogus", "https://auth.example.com", 403, 403},
		{"", "null", 403, 403},
		// Headers that contradict each other are no browser's.
		{"same-origin", "https://evil.com", 403, 403},
		{"none", "https://evil.com", 403, 403},
		// An old browser's Origin is compared by scheme, too.
		{"", "http://auth.example.com", 403, 403},
	} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "BREW"} {
			r := request(method, "/password")
			setIf(r, "Sec-Fetch-Site", test.site)
			setIf(r, "Origin", test.origin)
			if w := serve(CrossOrigin(public, nil, testPage)(Adapt(ok, nil)), r); w.Code != test.pages {
				t.Errorf("page: %s site=%q origin=%q: %d, want %d", method, test.site, test.origin, w.Code, test.pages)
			}
			if w := serve(CrossOrigin(public, mustOrigins(t, appOrigins), testPage)(Adapt(ok, nil)), r); w.Code != test.json {
				t.Errorf("json: %s site=%q origin=%q: %d, want %d", method, test.site, test.origin, w.Code, test.json)
			}
		}
	}
}

func TestCrossOriginIsRecorded(t *testing.T) {
	var log testLog
	serve(kit(t, &log, ok), request("POST", "/password", "Sec-Fetch-Site", "cross-site"))
	if line := log.only(t); line["security_event"] != "csrf_rejected" || line["status"] != 403.0 {
		t.Errorf("logged %v", line)
	}
}

func TestRequireOrigin(t *testing.T) {
	h := RequireOrigin(mustOrigins(t, appOrigins+",https://auth.example.com"), testPage)(Adapt(ok, nil))
	for _, test := range []struct {
		method  string
		origins []string
		want    int
	}{
		{"POST", []string{appOrigins}, 200},
		{"DELETE", []string{"https://auth.example.com"}, 200},
		{"GET", nil, 200},
		{"POST", nil, 403},
		{"POST", []string{""}, 403},
		{"POST", []string{"null"}, 403},
		{"POST", []string{"https://evil.example.com"}, 403},
		{"POST", []string{appOrigins + "/"}, 403},
		{"POST", []string{appOrigins, appOrigins}, 403},
		{"POST", []string{appOrigins, "https://evil.com"}, 403},
	} {
		r := request(test.method, "/session/refresh")
		r.Header["Origin"] = test.origins
		if w := serve(h, r); w.Code != test.want {
			t.Errorf("%s %q: %d, want %d", test.method, test.origins, w.Code, test.want)
		}
	}
}

func TestCORS(t *testing.T) {
	cors := CORS{Origins: mustOrigins(t, appOrigins), Methods: []string{"GET", "POST"}, Headers: []string{"Content-Type"}}
	h := SecurityHeaders(0)(cors.Handler(Adapt(ok, nil)))
	for _, origin := range []string{
		"", "null", "*", "https://evil.com", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.com",
		"https://evilapp.example.com", "https://APP.example.com", "https://app.example.com/", "https://evil.example.com",
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			r := request(method, "/session", "Access-Control-Request-Method", "GET")
			setIf(r, "Origin", origin)
			w := serve(h, r)
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control") {
					t.Errorf("%s from %q: %s: %s", method, origin, name, w.Header().Get(name))
				}
			}
			if w.Header().Get("Vary") != "Origin, Cookie" || w.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s from %q: %v", method, origin, w.Header())
			}
		}
	}
	w := serve(h, request("GET", "/session", "Origin", appOrigins))
	header := w.Header()
	if w.Code != 200 || header.Get("Access-Control-Allow-Origin") != appOrigins || header.Get("Access-Control-Allow-Credentials") != "true" ||
		header.Get("Vary") != "Origin, Cookie" || header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("the app: %d %v", w.Code, header)
	}
}

func TestCORSPreflight(t *testing.T) {
	cors := CORS{Origins: mustOrigins(t, appOrigins), Methods: []string{"GET", "POST"}, Headers: []string{"Content-Type"}}
	for _, test := range []struct {
		method, headers string
		want            int
	}{
		{"POST", "", 204},
		{"HEAD", "", 204},
		{"POST", "content-type", 204},
		{"POST", "Content-Type , ", 204},
		{"DELETE", "", 403},
		{"post", "", 403},
		{"*", "", 403},
		{"POST", "x-csrf", 403},
		{"POST", "content-type,authorization", 403},
		{"POST", "*", 403},
	} {
		called := false
		h := cors.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
		r := request("OPTIONS", "/session", "Origin", appOrigins, "Access-Control-Request-Method", test.method)
		setIf(r, "Access-Control-Request-Headers", test.headers)
		w := serve(h, r)
		if w.Code != test.want || called {
			t.Errorf("%s %q: %d, called %v, want %d", test.method, test.headers, w.Code, called, test.want)
		}
		granted := w.Header().Get("Access-Control-Allow-Origin")+w.Header().Get("Access-Control-Allow-Methods") == appOrigins+"GET, POST"
		if granted != (test.want == 204) {
			t.Errorf("%s %q: %v", test.method, test.headers, w.Header())
		}
	}
	if (CORS{Methods: []string{"POST"}}).grants(request("OPTIONS", "/", "Access-Control-Request-Method", "HEAD")) {
		t.Error("HEAD is granted where GET is not")
	}
	// Without a method asked for it is no preflight: the route answers.
	if w := serve(cors.Handler(Adapt(Methods{"GET": ok}.Serve, nil)), request("OPTIONS", "/session", "Origin", appOrigins)); w.Code != 405 {
		t.Errorf("plain OPTIONS: %d", w.Code)
	}
}
