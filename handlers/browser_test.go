package handlers_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/publicsuffix"
)

// browser is a visitor without JavaScript: it follows redirects, keeps cookies,
// and submits the forms that it finds on the page, so that hidden fields, names
// and actions are exercised as people exercise them.
type browser struct {
	t      *testing.T
	client *http.Client
	jar    *secureJar
	// header is sent with every request, as an address or a language would be.
	header http.Header
	hops   []string // the addresses of the last navigation
	stays  bool     // on a page that leads on by itself
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, jar: &secureJar{jar}, header: http.Header{}}
	b.client = &http.Client{
		Jar:           b.jar,
		Transport:     &http.Transport{DialContext: dialLoopback, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b
}

// twin is the same browser making another request at the same time.
func (b *browser) twin() *browser {
	twin := *b
	twin.hops = nil
	return &twin
}

// dialLoopback resolves every *.localhost name to this machine.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(host, ".localhost") && host != "127.0.0.1" {
		return nil, fmt.Errorf("a test must stay on this machine, not go to %s", host)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}

// secureJar keeps Secure cookies for http://*.localhost, as Chromium does.
type secureJar struct{ http.CookieJar }

func (j *secureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(secured(u), cookies)
}

func (j *secureJar) Cookies(u *url.URL) []*http.Cookie { return j.CookieJar.Cookies(secured(u)) }

func secured(u *url.URL) *url.URL {
	https := *u
	https.Scheme = "https"
	return &https
}

// page is what the visitor sees at the end of a navigation.
type page struct {
	b      *browser
	url    *url.URL
	status int
	header http.Header
	body   string
	root   *html.Node
}

// open types an address.
func (b *browser) open(address string) *page {
	b.t.Helper()
	b.hops = nil
	return b.navigate(http.MethodGet, address, nil)
}

// navigate makes a request and follows what it is told to.
func (b *browser) navigate(method, address string, form url.Values) *page {
	b.t.Helper()
	for range 12 {
		response := b.do(method, address, form)
		location := response.Header.Get("Location")
		if response.StatusCode < 300 || response.StatusCode > 399 || location == "" {
			page := b.read(response)
			if location = page.onward(); location == "" {
				return page
			}
		}
		_ = response.Body.Close()
		if response.StatusCode > 299 && response.StatusCode != http.StatusSeeOther && method == http.MethodPost {
			b.t.Fatalf("redirect after POST with %d: the form would be sent on", response.StatusCode)
		}
		next, err := response.Request.URL.Parse(location)
		if err != nil {
			b.t.Fatal(err)
		}
		method, address, form = http.MethodGet, next.String(), nil
	}
	b.t.Fatalf("too many redirects: %v", b.hops)
	return nil
}

// do makes one request, with the headers that a browser's navigation has.
func (b *browser) do(method, address string, form url.Values) *http.Response {
	b.t.Helper()
	b.hops = append(b.hops, address)
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	r.Header.Set("User-Agent", "journey/1.0")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	maps.Copy(r.Header, b.header)
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	auditCookies(b.t, response)
	return response
}

func (b *browser) read(response *http.Response) *page {
	b.t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		b.t.Fatal(err)
	}
	return &page{b: b, url: response.Request.URL, status: response.StatusCode, header: response.Header, body: string(body), root: root}
}

// cookie is the value of a cookie that would be sent to an address.
func (b *browser) cookie(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if strings.HasPrefix(c.Name, name) {
			return c.Value
		}
	}
	return ""
}

// fill submits the page's form with these values, by the button that carries
// the given data-testid ("" for the first).
func (p *page) fill(values map[string]string, testid ...string) *page {
	p.b.t.Helper()
	method, action, form := p.form(values, testid...)
	p.b.hops = nil
	return p.b.navigate(method, action, form)
}

// form reads a form off the page and puts values into its fields.
func (p *page) form(values map[string]string, testid ...string) (method, action string, form url.Values) {
	p.b.t.Helper()
	node := p.find("form", nil)
	var button *html.Node
	if len(testid) > 0 {
		if button = p.testid(testid[0]); button == nil {
			p.b.t.Fatalf("no button %q on %s:\n%s", testid[0], p.url, p.text())
		}
		for node = button; node != nil && node.Data != "form"; node = node.Parent {
		}
		if attr(button, "form") != "" {
			node = p.find("form", func(n *html.Node) bool { return attr(n, "id") == attr(button, "form") })
		}
	} else {
		node = p.find("form", func(n *html.Node) bool {
			return strings.EqualFold(attr(n, "method"), "post") && !has(n, "hidden") && holds(n, values)
		})
	}
	if node == nil {
		p.b.t.Fatalf("no form on %s (%d):\n%s", p.url, p.status, p.text())
	}
	form = url.Values{}
	each(node, func(n *html.Node) {
		name := attr(n, "name")
		if n.Data != "input" || name == "" || has(n, "disabled") {
			return
		}
		switch attr(n, "type") {
		case "checkbox", "radio":
			if has(n, "checked") {
				form.Set(name, attr(n, "value"))
			}
		case "submit", "button":
		default:
			form.Set(name, attr(n, "value"))
		}
	})
	if button != nil && attr(button, "name") != "" {
		form.Set(attr(button, "name"), attr(button, "value"))
	}
	for name, value := range values {
		if p.find("input", func(n *html.Node) bool { return attr(n, "name") == name }) == nil {
			p.b.t.Fatalf("no field %q on %s; there are %v", name, p.url, slices.Sorted(maps.Keys(form)))
		}
		form.Set(name, value)
	}
	target, err := p.url.Parse(attr(node, "action"))
	if err != nil {
		p.b.t.Fatal(err)
	}
	return strings.ToUpper(attr(node, "method")), target.String(), form
}

// follow clicks the link with this data-testid.
func (p *page) follow(testid string) *page {
	p.b.t.Helper()
	node := p.testid(testid)
	if node == nil || node.Data != "a" {
		p.b.t.Fatalf("no link %q on %s:\n%s", testid, p.url, p.text())
	}
	target, err := p.url.Parse(attr(node, "href"))
	if err != nil {
		p.b.t.Fatal(err)
	}
	return p.b.open(target.String())
}

// at fails unless the visitor has arrived at this path.
func (p *page) at(path string) *page {
	p.b.t.Helper()
	if p.url.Path != path {
		p.b.t.Fatalf("at %s (%d), want %s; went %v\n%s", p.url, p.status, path, p.b.hops, p.text())
	}
	return p
}

// with fails unless the answer has this status.
func (p *page) with(status int) *page {
	p.b.t.Helper()
	if p.status != status {
		p.b.t.Fatalf("%s answered %d, want %d\n%s", p.url, p.status, status, p.text())
	}
	return p
}

// saying fails unless the page says this.
func (p *page) saying(text string) *page {
	p.b.t.Helper()
	if !strings.Contains(p.text(), text) {
		p.b.t.Fatalf("%s does not say %q:\n%s", p.url, text, p.text())
	}
	return p
}

// value is what stands in a field.
func (p *page) value(name string) string {
	p.b.t.Helper()
	node := p.find("input", func(n *html.Node) bool { return attr(n, "name") == name })
	if node == nil {
		p.b.t.Fatalf("no field %q on %s", name, p.url)
	}
	return attr(node, "value")
}

// assets are the addresses of what the page loads.
func (p *page) assets() (list []string) {
	each(p.root, func(n *html.Node) {
		switch {
		case n.Data == "link" && strings.Contains(attr(n, "rel"), "stylesheet"), n.Data == "link" && strings.Contains(attr(n, "rel"), "icon"):
			list = append(list, attr(n, "href"))
		case n.Data == "script", n.Data == "img", n.Data == "source":
			list = append(list, attr(n, "src")+attr(n, "srcset"))
		}
	})
	return list
}

func gzipped(t *testing.T, data []byte) int {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Len()
}

func (p *page) testid(id string) *html.Node {
	return p.find("", func(n *html.Node) bool { return attr(n, "data-testid") == id })
}

// find is the first element of a name that matches.
func (p *page) find(name string, matches func(*html.Node) bool) (found *html.Node) {
	each(p.root, func(n *html.Node) {
		if found == nil && (name == "" || n.Data == name) && (matches == nil || matches(n)) {
			found = n
		}
	})
	return found
}

// text is what a reader reads, white space folded.
func (p *page) text() string { return nodeText(p.root) }

func nodeText(root *html.Node) string {
	var words []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			words = append(words, strings.Fields(n.Data)...)
		}
		for child := n.FirstChild; child != nil; child = child.NextSibling {
			walk(child)
		}
	}
	walk(root)
	return strings.Join(words, " ")
}

func each(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		each(child, visit)
	}
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// auditCookies holds every cookie of every answer in every journey to the rules
// of SECURITY.md.
func auditCookies(t *testing.T, response *http.Response) {
	t.Helper()
	for _, c := range response.Cookies() {
		if strings.HasPrefix(c.Name, "zitadel.") {
			continue // the emulated ZITADEL's own
		}
		switch {
		case !c.Secure, !c.HttpOnly, c.SameSite != http.SameSiteLaxMode, c.Path != "/":
			t.Errorf("%s: cookie without its attributes: %s", response.Request.URL.Path, c)
		case strings.HasPrefix(c.Name, "__Host-") && c.Domain != "":
			t.Errorf("%s: __Host- cookie with a Domain: %s", response.Request.URL.Path, c)
		case strings.HasPrefix(c.Name, "__Secure-") && c.Domain == "":
			t.Errorf("%s: shared cookie without its Domain: %s", response.Request.URL.Path, c)
		case len(c.Raw) > 4096, len(c.Value) > 200:
			t.Errorf("%s: cookie too large: %d bytes", response.Request.URL.Path, len(c.Value))
		}
	}
}
