package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"torhaus/zitadelclient/zitadeltest"
)

// methods are how the visitor's session says that they signed in.
func (w *world) methods(b *browser) []string {
	w.t.Helper()
	status, answer := w.session(b)
	if status != http.StatusOK {
		w.t.Fatalf("GET /session: %d", status)
	}
	return texts(answer["methods"])
}

// Who is signed in by a password and is asked for a second factor shows that
// factor and nothing else, and goes on under a new session id.
func TestStepUpAsksForTheMissingFactorAlone(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	before := b.cookie(w.auth, "__Secure-torhaus")
	secret := w.zitadel.AddTOTP(w.alice)
	if methods := w.methods(b); slices.Contains(methods, "mfa") {
		t.Fatalf("methods before: %v", methods)
	}
	page := b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/otp/time-based").saying("alice")
	page.fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/vault")
	if methods := w.methods(b); !slices.Contains(methods, "mfa") || !slices.Contains(methods, "pwd") {
		t.Errorf("methods after: %v", methods)
	}
	thief := newBrowser(t)
	thief.header.Set("Cookie", "__Secure-torhaus="+before)
	if status, _ := w.session(thief); b.cookie(w.auth, "__Secure-torhaus") == before || status != http.StatusUnauthorized {
		t.Errorf("the session kept its id, or the old one still counts: %d", status)
	}
	w.zitadel.ResetCalls()
	b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/vault")
	// The tokens that the step-up replaced may be revoked after its answer.
	calls := slices.DeleteFunc(w.calls(), func(call string) bool { return call == revoked })
	if len(calls) > 0 {
		t.Errorf("a session that has what is asked for was asked about: %v", calls)
	}
}

// A second factor that is asked for is set up by whoever has none; where policy
// allows none there is no way in.
func TestStepUpSetsUpAFactor(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.signIn(b)
	page := b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/mfa/set").
		follow("time-based-link").at("/otp/time-based/set").fill(nil)
	if page.testid("skip-button") != nil {
		t.Error("what is asked for may be skipped")
	}
	secret := strings.ReplaceAll(nodeText(page.testid("secret")), " ", "")
	page.fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/vault")

	other := newWorld(t)
	other.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.SecondFactors, s.PasskeysAllowed = nil, false })
	visitor := newBrowser(t)
	other.signIn(visitor)
	visitor.open(other.auth + "/login?mfa=true&return_to=" + other.app + "/vault").with(http.StatusForbidden)
}

// What is asked for is asked of a first sign-in as well, and of the one that
// begins anew after its attempt has run out.
func TestSecondFactorAskedForAtSignIn(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	page := b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").fill(map[string]string{"loginName": "alice"}).at("/password")
	w.zitadel.Advance(31 * minute)
	page = page.fill(map[string]string{"password": password}).with(http.StatusGone)
	link := page.find("a", func(n *html.Node) bool { return strings.Contains(attr(n, "href"), "/loginname?a=") })
	if link == nil {
		t.Fatalf("no way on:\n%s", page.body)
	}
	b.open(w.auth + attr(link, "href")).fill(map[string]string{"loginName": "alice"}).
		fill(map[string]string{"password": password}).at("/mfa/set")
}

func TestEntryParameterMFA(t *testing.T) {
	w := newWorld(t)
	for _, value := range []string{"yes", "2", "true%20", "true%00", "true&mfa=false"} {
		newBrowser(t).open(w.auth + "/login?return_to=" + w.app + "/vault&mfa=" + value).with(http.StatusBadRequest)
	}
	page := newBrowser(t).open(w.auth + "/login?mfa=true&prompt=none&return_to=" + w.app + "/vault").at("/vault")
	if got := page.url.Query().Get("error"); got != "login_required" {
		t.Errorf("prompt=none: error %q", got)
	}
	b := newBrowser(t)
	w.signIn(b)
	b.open(w.auth + "/login?mfa=false&return_to=" + w.app + "/vault").at("/vault")
	page = b.open(w.auth + "/login?mfa=true&prompt=none&return_to=" + w.app + "/vault").at("/vault")
	if got := page.url.Query().Get("error"); got != "login_required" {
		t.Errorf("prompt=none with a password alone: error %q", got)
	}
}

// ZITADEL counts a factor that was shown once in its session for ever, also when
// it has been taken away since. The gate does not, and so the session does not.
func TestRemovedFactorIsNotAMethod(t *testing.T) {
	w := newWorld(t)
	secret := w.zitadel.AddTOTP(w.alice)
	b := newBrowser(t)
	w.atPassword(b).fill(map[string]string{"password": password}).fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/inbox")
	if methods := w.methods(b); !slices.Contains(methods, "mfa") {
		t.Fatalf("methods of a sign-in with two factors: %v", methods)
	}
	w.remove(w.alice, "totp")
	w.zitadel.Advance(minute)
	b.open(w.auth + "/login?max_age=1&return_to=" + w.app + "/inbox").at("/password").fill(map[string]string{"password": password}).at("/inbox")
	if methods := w.methods(b); slices.Contains(methods, "mfa") {
		t.Errorf("methods: %v", methods)
	}
	b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/mfa/set")
}

// Who came by a provider shows a second factor here: the provider's word is one, and
// whatever it asked for is not seen. Once shown, it is not asked for again.
func TestStepUpAfterAProvider(t *testing.T) {
	w := newWorld(t)
	provider := w.addProvider()
	user := w.addIda(provider)
	page := w.inbox().visits(provider).at("/inbox")
	if methods := w.methods(page.b); slices.Contains(methods, "mfa") {
		t.Fatalf("methods of who came by a provider: %v", methods)
	}
	secret := w.zitadel.AddTOTP(user)
	for _, path := range []string{"/vault", "/again"} {
		answer := page.b.open(w.auth + "/login?mfa=true&max_age=900&return_to=" + w.app + path)
		if path == "/vault" {
			answer = answer.at("/otp/time-based").fill(map[string]string{"code": w.zitadel.TOTPCode(secret)})
		}
		answer.at(path)
	}
}

// With several people in one browser it is whoever is signed in who is asked for
// more, not whoever used it last.
func TestStepUpIsOfWhoeverIsSignedIn(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	w.zitadel.AddUser(zitadeltest.UserSeed{UserName: "bob", Email: "bob@example.com", EmailVerified: true, Password: password})
	w.signIn(b)
	w.zitadel.Advance(minute)
	b.open(w.authorizeURL("&login_hint=bob")).at("/loginname").
		fill(map[string]string{"loginName": "bob"}).fill(map[string]string{"password": password}).at("/cb")
	secret := w.zitadel.AddTOTP(w.alice)
	page := b.open(w.auth + "/login?mfa=true&return_to=" + w.app + "/vault").at("/otp/time-based").saying("alice")
	page.fill(map[string]string{"code": w.zitadel.TOTPCode(secret)}).at("/vault")
	if _, answer := w.session(b); answer["subject"] != w.alice {
		t.Errorf("stepped up as %v", answer["subject"])
	}
}
