package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch notes what the browser asks the network for and what it complains
// about.
type watch struct {
	mu       sync.Mutex
	requests []request
	trouble  []string
}

// request is one that left the browser, or was answered by its cache. Each hop
// of a redirect is one.
type request struct {
	id       network.RequestID
	method   string
	url      string
	document bool // a navigation
	redirect bool // answered with another address
	cached   bool
	finished bool
	bytes    float64 // received, headers included
}

// note takes an event of the tab. It is called by one goroutine, in order.
func (w *watch) note(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if last := w.request(e.RequestID); last != nil && e.RedirectResponse != nil {
			last.redirect, last.finished, last.bytes = true, true, e.RedirectResponse.EncodedDataLength
		}
		w.requests = append(w.requests, request{
			id: e.RequestID, method: e.Request.Method, url: e.Request.URL, document: e.Type == network.ResourceTypeDocument,
		})
	case *network.EventRequestServedFromCache:
		if r := w.request(e.RequestID); r != nil {
			r.cached = true
		}
	case *network.EventResponseReceived:
		if r := w.request(e.RequestID); r != nil {
			r.cached = r.cached || e.Response.FromDiskCache || e.Response.FromPrefetchCache
		}
	case *network.EventLoadingFinished:
		if r := w.request(e.RequestID); r != nil {
			r.finished, r.bytes = true, e.EncodedDataLength
		}
	case *log.EventEntryAdded:
		if !expected(e.Entry) {
			w.complain("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		for _, arg := range e.Args {
			w.complain("console.%s: %s", e.Type, arg.Value)
		}
	case *runtime.EventExceptionThrown:
		w.complain("exception: %s", e.ExceptionDetails.Text)
	case *audits.EventIssueAdded:
		if !ours(e.Issue) {
			w.complain("issue: %s", describeIssue(e.Issue))
		}
	}
}

// expected are the log entries about answers that are meant: the demo app asks
// who is signed in, a form that was not accepted is a 422, a sign-in that is
// over a 410, and where a JSON answer is opened as a page the browser looks for
// an icon.
func expected(entry *log.Entry) bool {
	u, err := url.Parse(entry.URL)
	switch {
	case err != nil:
		return false
	case strings.HasPrefix(entry.Text, "Clear-Site-Data header on"):
		return entry.Level == log.EntryLevelInfo
	case strings.HasPrefix(entry.Text, "[DOM] Password forms should have (optionally hidden) username fields"):
		// The page behind the link of a reset mail must not tell whose account
		// it is: whoever forwards the mail would.
		return u.Path == "/password/set" || strings.HasPrefix(u.Path, "/story/")
	case entry.Source != log.EntrySourceNetwork:
		return false
	}
	return strings.Contains(entry.Text, "status of 422") || strings.Contains(entry.Text, "status of 410") ||
		strings.Contains(entry.Text, "status of 401") && (u.Path == "/session" || u.Path == "/session/events") ||
		strings.Contains(entry.Text, "status of 404") && u.Path == "/favicon.ico"
}

// ours says that the tests themselves are what the auditor found: they read
// document.cookie to see that it is empty, and have an identity provider that
// passes its visitor on without a click.
func ours(issue *audits.InspectorIssue) bool {
	if bounce := issue.Details.BounceTrackingIssueDetails; bounce != nil {
		return slices.Equal(bounce.TrackingSites, []string{"provider.localhost"})
	}
	performance := issue.Details.PerformanceIssueDetails
	return performance != nil && performance.PerformanceIssueType == audits.PerformanceIssueTypeDocumentCookie
}

// describeIssue names what the browser's own auditor found.
func describeIssue(issue *audits.InspectorIssue) string {
	details, text := issue.Details, string(issue.Code)
	if csp := details.ContentSecurityPolicyIssueDetails; csp != nil {
		text += fmt.Sprintf(" %s blocked %s", csp.ViolatedDirective, csp.BlockedURL)
	}
	if generic := details.GenericIssueDetails; generic != nil {
		text += " " + string(generic.ErrorType)
	}
	if bounce := details.BounceTrackingIssueDetails; bounce != nil {
		text += fmt.Sprintf(" %v", bounce.TrackingSites)
	}
	if cookie := details.CookieIssueDetails; cookie != nil {
		text += fmt.Sprintf(" %s %v %v", cookie.CookieURL, cookie.CookieExclusionReasons, cookie.CookieWarningReasons)
	}
	return text
}

func (w *watch) complain(format string, args ...any) {
	w.trouble = append(w.trouble, fmt.Sprintf(format, args...))
}

// request is the newest with this id; a redirect keeps it.
func (w *watch) request(id network.RequestID) *request {
	for i := len(w.requests) - 1; i >= 0; i-- {
		if w.requests[i].id == id {
			return &w.requests[i]
		}
	}
	return nil
}

// all is a copy of the requests so far.
func (w *watch) all() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]request(nil), w.requests...)
}

func (w *watch) complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.trouble...)
}

// documents are the navigations so far, hop by hop.
func (w *watch) documents() (list []string) {
	for _, r := range w.all() {
		if r.document {
			list = append(list, r.method+" "+r.url)
		}
	}
	return list
}

// count is how many navigations began so, as in "POST http://…/password".
func (w *watch) count(prefix string) (n int) {
	for _, document := range w.documents() {
		if strings.HasPrefix(document, prefix) {
			n++
		}
	}
	return n
}

// settled says that a request for this path has been made, and that none is
// under way.
func (w *watch) settled(path string) bool {
	all := w.all()
	return slices.ContainsFunc(all, func(r request) bool { return strings.Contains(r.url, path) }) &&
		!slices.ContainsFunc(all, func(r request) bool { return !r.finished })
}

// forgive drops the complaints of a test that provoked them.
func (w *watch) forgive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = nil
}

// judge fails the test for what the browser complained about, and for a request
// to anybody but us.
func (w *watch) judge(t *testing.T) {
	t.Helper()
	for _, complaint := range w.complaints() {
		t.Error("the browser complains: " + complaint)
	}
	for _, r := range w.all() {
		u, err := url.Parse(r.url)
		if err != nil || u.Scheme != "about" && u.Scheme != "data" && !strings.HasSuffix(u.Hostname(), ".localhost") {
			t.Errorf("a third party was asked: %s", r.url)
		}
	}
}
