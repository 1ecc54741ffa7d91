package torhaus_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// requirement is something that must be true of cookies, sessions, sign-out, browsers or
// proxies, and the tests that prove it from outside: by what is answered to a request,
// or by what lies in a real Redis.
type requirement struct {
	number int
	says   string
	tests  string // between spaces; the folder of a test's package stands before its name
}

// requirements are numbered by subject, with gaps between the subjects (ranges).
var requirements = []requirement{
	// Cookies.
	{24, "ours are __Host-, the shared one __Secure- with a Domain; two of a name are nobody, and nothing is cleared",
		"handlers.TestSetCookieRules handlers.TestTwoSessionCookies handlers.TestForwardAuthTwoCookies handlers.TestEndpointsCookieCorpus handlers.TestForwardAuthCookieCorpus"},
	{25, "each is Secure, HttpOnly, SameSite, Path=/", "handlers.TestSetCookieRules cmd/dev.TestBrowserSessionCookie"},
	{26, "a host-only mode exists, and works as the shared one does", "handlers.TestHostOnlyCookie handlers.TestSetCookieRules cmd/torhaus.TestStartupCorpus"},
	{27, "values are opaque, short, and of 256 random bits", "handlers.TestSetCookieRules session.TestCookiesShowNothing"},
	{28, "a value is useless in another cookie, in another environment, or changed by a bit",
		"handlers.TestCookieValuesAreGoodOnceOver handlers.TestForwardAuthCookieCorpus session.TestSealedCookies session.TestOtherEnvironment"},
	{29, "a malformed cookie is 401, never 2xx or 5xx", "handlers.TestEndpointsCookieCorpus handlers.TestForwardAuthCookieCorpus session.TestCookieHeaders"},
	{30, "contradictions are refused at start", "cmd/torhaus.TestStartupCorpus session.TestStartupCorpus"},
	{31, "cookies are cleared as they were set", "handlers.TestSetCookieRules cmd/dev.TestBrowserSignOut"},
	{32, "none of ours reaches an app behind a proxy",
		"handlers.TestForwardAuthStripsOurCookies handlers.TestProxyNginx handlers.TestProxyCaddy handlers.TestDeployTraefik handlers.TestDeployEnvoy"},
	{33, "the first key writes, all read; a dropped one ends its own alone", "handlers.TestCookieKeysRotate session.TestKeyRotation"},

	// Sessions.
	{40, "a new id at every sign-in and step-up, and the old one is nobody's",
		"handlers.TestStepUpAsksForTheMissingFactorAlone handlers.TestForwardAuthStepUp handlers.TestHostOnlyCookie handlers.TestAdvisories session.TestNewSessionReplacesOld"},
	{41, "nothing extends the absolute lifetime; idle ones end", "handlers.TestForwardAuthEndedSession handlers.TestSessionAnswer session.TestIdleSlides"},
	{42, "a session ends with the grant that stands behind it", "handlers.TestRefreshEndsSessions handlers.TestHealingAsksTheGate"},
	{43, "a Redis shows nothing of anybody", "session.TestDumpShowsNothing"},
	{44, "records cannot be swapped", "session.TestSwappedRecords"},
	{45, "a Redis in trouble is 503 within a second, and touches no cookie",
		"handlers.TestRedisTrouble handlers.TestFailoverHang handlers.TestFailoverHangInTheMiddle handlers.TestEndpointsWhileTheStoreIsDown handlers.TestSetCookieRules"},
	{46, "when it is back the same cookies are good", "handlers.TestRedisTrouble handlers.TestFailoverHang session.TestOutage"},
	{47, "junk where a record should be is 401", "handlers.TestRedisTrouble session.TestSpoiledRecords"},
	{48, "one sees and ends one's own sessions, and nobody else's", "handlers.TestSessionsOfAUser handlers.TestEndOneSession handlers.TestEndOtherSessions"},
	{49, "a changed password ends the other sessions, a removed factor those that it let in",
		"handlers.TestChangeEndsOtherSessions handlers.TestChangedPasswordHere handlers.TestRecheckEndsSessions handlers.TestRemovedFactorEndsSessions"},
	{50, "who is locked, deactivated or deleted is out by the next check", "handlers.TestRecheckEndsSessions handlers.TestRefreshEndsSessions"},
	{51, "one refresh for all requests of all replicas", "handlers.TestOneRefreshForAHundredRequests handlers.TestEverybodyWaitsForTheRefresh"},
	{52, "who is killed while holding the lock only delays", "handlers.TestReplicaDiesInTheMiddle handlers.TestReplicaDiesAfterTheTokens handlers.TestSlowerThanTheLock"},
	{53, "a refresh outlives the browser's connection", "handlers.TestRefreshOutlivesTheBrowsers"},
	{54, "a sign-out during a refresh stays one", "handlers.TestSignOutDuringARefresh session.TestSaveTokens"},
	{55, "trouble signs nobody out, a refusal does when the gate says so too", "handlers.TestTroubleSignsNobodyOut handlers.TestHealingAsksTheGate zitadelclient.TestRefreshFailures"},
	{56, "the old refresh token is kept where no new one comes, and goes to ZITADEL alone",
		"zitadelclient.TestRefreshedIdentity zitadelclient.TestHostIsTheIssuers zitadelclient.TestDiscoveryIsCompared"},
	{57, "refreshes are spread", "session.TestRefreshesAreSpread handlers.TestTriesBackOff"},
	{58, "no sign-out waits for a refresh", "handlers.TestSignOutDuringARefresh handlers.TestSignOutDoesNotWaitForZitadel"},
	{59, "a session is bounded; more roles than it holds are refused, not cut", "handlers.TestMoreRolesThanASessionHolds session.TestSessionThatCannotBe"},
	{60, "a user has twenty sessions at most", "handlers.TestTwentyFiveSignIns session.TestTwentySessions"},
	{61, "GET /session tells when it ends, and a poll extends nothing", "handlers.TestSessionAnswer handlers.TestSessionAnswerToAPoll"},
	{62, "a demand for a fresh check or a second factor is held to when factors were shown",
		"handlers.TestMaxAgeOfOurOwnSession handlers.TestForwardAuthStepUp handlers.TestRemovedFactorIsNotAMethod flow.TestNext"},
	{63, "a session is of the domain that it was made for", "handlers.TestSessionOfAnotherDomain session.TestCookieNames"},
	{64, "strangers write nothing and get no cookie, unless they begin to sign in", "handlers.TestStrangersLeaveNothing handlers.TestStrangersCostRedisNothing session.TestAnonymousLeavesNoTrace"},

	// Sign-out.
	{70, "only the form signs out", "handlers.TestOnlyTheFormSignsOut handlers.TestSignOut"},
	{71, "it is complete here before ZITADEL is told, whatever ZITADEL does", "handlers.TestSignOutWhileZitadelFails handlers.TestSignOutDoesNotWaitForZitadel"},
	{72, "it clears what the browser has kept of pages", "handlers.TestPostLogoutTargets handlers.TestEndOwnSession"},
	{73, "the page after it signs nobody in", "handlers.TestOnlyTheFormSignsOut"},
	{74, "no ID token stands in an address", "handlers.TestOnlyTheFormSignsOut"},
	{75, "a logout token is verified in every part", "handlers.TestLogoutTokenCorpus zitadelclient.TestLogoutTokenCases"},
	{76, "it ends all that it is about, on all replicas", "handlers.TestTerminatedAtZitadel handlers.TestLogoutTokenCorpus"},
	{77, "it is answered 200, 400 or 503, in time and in a document", "handlers.TestLogoutTokenCorpus handlers.TestEarlyRefusalsOfEndpoints"},
	{78, "forgeries cost neither ZITADEL nor Redis anything", "handlers.TestLogoutTokenCorpus zitadelclient.TestLogoutTokensCostFewKeyReads"},
	{79, "nobody is signed out by a bare session id", "handlers.TestRoutes"},

	// Browsers.
	{80, "what changes something comes from where it may, at every route", "handlers.TestWritesByOriginOfEveryRoute handlers.TestWritesByOrigin"},
	{81, "a sibling is a stranger", "handlers.TestWritesByOriginOfEveryRoute handlers.TestForeignForms"},
	{82, "nobody is signed in by another site", "handlers.TestForeignForms handlers.TestAttemptOfAnotherBrowser"},
	{83, "only listed origins read, and preflights are granted for what a route can do", "handlers.TestEndpointsToNobody handlers.TestEndpointsToTheApp handlers.TestPreflights"},
	{84, "scripts send JSON or nothing, and not too much", "handlers.TestEndpointsTakeJSONAlone web.TestRequireJSON"},
	{85, "every answer has the headers of SECURITY.md", "handlers.TestRouteLaw handlers.TestRouteLawWithoutAMethod web.TestSecurityHeaders"},
	{86, "nothing is stored but files that are named by their hash", "handlers.TestRouteLaw handlers.TestEndpointsToNobody static.TestHandler"},
	{87, "HTML is escaped, without inline script, and works without JavaScript", "templates.TestPagesAreSound templates.TestHostileValues cmd/dev.TestBrowserGallery cmd/dev.TestBrowserSignIn"},
	{88, "nothing that users have put up is served", "handlers.TestRoutes handlers.TestRouteLaw"},

	// Proxies.
	{90, "forwarding headers count from trusted proxies alone, one set for each kind", "handlers.TestForwardedCorpus handlers.TestForwardAuthHeaderCorpus handlers.TestForwardAuthMisledProxy"},
	{91, "the client is the right-most address that is no proxy's", "handlers.TestClientAddressCorpus web.TestClientIPCorpus"},
	{92, "our address comes from the configuration; another host is 421", "handlers.TestForwardedCorpus handlers.TestForeignHost handlers.TestAdvisories"},
	{93, "who passes is named in full, who does not is not named", "handlers.TestForwardAuthLaw handlers.TestForwardAuthIdentity"},
	{94, "no header that a visitor sends says who they are, in any spelling",
		"handlers.TestIdentityHeadersChangeNothing handlers.TestProxyNginx handlers.TestProxyCaddy handlers.TestDeployTraefik handlers.TestDeployEnvoy"},
	{95, "no name ends a header", "handlers.TestForwardAuthEncodesIdentity"},
	{96, "nothing but a live session that satisfies the rule is 200", "handlers.TestForwardAuthLaw handlers.TestForwardAuthStoreTrouble handlers.TestForwardAuthTokenTrouble handlers.TestOverloadBehindAProxy"},
	{97, "navigations are redirected, scripts told", "handlers.TestForwardAuthSendsToLogin handlers.TestForwardAuthTellsScripts"},
	{98, "no spelling of a path makes a difference", "handlers.TestForwardAuthLooksAtNoPath handlers.FuzzForwardAuthOriginal handlers.TestProxyNginx handlers.TestProxyCaddy"},
	{99, "a host is compared once, in lower case", "handlers.TestForwardAuthHosts handlers.TestForwardedCorpus"},
	{100, "browsers reach nothing of operators', and no client's name opens anything", "handlers.TestRoutes handlers.TestForwardAuthAdvisories handlers.TestForwardAuthAnswersProxiesOnly"},
	{101, "an assertion is verified by an app that trusts no network", "assertion.TestAssertionIsVerifiedByAnApp assertion.TestAssertionIsRefusedByAnApp handlers.TestForwardAuthAssertion"},
	{102, "what is kept of sessions is a second old at most, and forgotten at a sign-out", "handlers.TestNearCache handlers.TestNearCacheForgetsAtOnce"},
	{103, "the access token goes to the proxy that a rule names, and nowhere on", "handlers.TestForwardAuthToken handlers.TestRoutes"},
	{104, "a WebSocket without a session is 401", "handlers.TestForwardAuthLaw handlers.TestProxyNginx handlers.TestProxyCaddy"},
	{105, "no request is hidden in another", "web.TestServerSmuggling"},
}

// ranges are the numbers that must be there.
var ranges = [][2]int{{24, 33}, {40, 64}, {70, 79}, {80, 88}, {90, 105}}

// corpora are the hostile inputs on the same subjects, and who runs each of them, whole,
// through the whole chain; and of the packages below, where they say more.
var corpora = map[string]string{
	"cookie_header_abuse.tsv":   "handlers.TestEndpointsCookieCorpus handlers.TestForwardAuthCookieCorpus session.TestCookieHeaders",
	"set_cookie_rules.tsv":      "handlers.TestSetCookieRules session.TestCookiesShowNothing",
	"csrf_sec_fetch.tsv":        "handlers.TestWritesByOriginOfEveryRoute handlers.TestWritesByOrigin web.TestCrossOriginCorpus",
	"forwarded_abuse.tsv":       "handlers.TestForwardedCorpus handlers.TestForwardAuthHeaderCorpus handlers.TestForwardAuthMisledProxy web.TestForwardedCorpus",
	"identity_header_names.txt": "handlers.TestIdentityHeadersChangeNothing handlers.TestProxyNginx handlers.TestProxyCaddy handlers.TestDeployTraefik handlers.TestDeployEnvoy",
	"xff_parsing.tsv":           "handlers.TestClientAddressCorpus web.TestClientIPCorpus",
	"callback_abuse.tsv":        "handlers.TestCallbackAbuseCorpus",
	"id_token_cases.tsv":        "zitadelclient.TestIDTokenCases",
	"logout_token_cases.tsv":    "handlers.TestLogoutTokenCorpus zitadelclient.TestLogoutTokenCases",
	"startup_config.tsv":        "cmd/torhaus.TestStartupCorpus session.TestStartupCorpus",
}

// Every requirement has a test, which is there.
func TestRequirements(t *testing.T) {
	found := testsOfTheTree(t)
	var numbers, want []int
	for _, r := range requirements {
		numbers = append(numbers, r.number)
		if r.says == "" || r.tests == "" {
			t.Errorf("%d says nothing, or nothing proves it", r.number)
		}
		for name := range strings.FieldsSeq(r.tests) {
			if !found[name] {
				t.Errorf("%d, %s: there is no %s", r.number, r.says, name)
			}
		}
	}
	for _, ends := range ranges {
		for n := ends[0]; n <= ends[1]; n++ {
			want = append(want, n)
		}
	}
	if !slices.Equal(numbers, want) {
		t.Errorf("the requirements are\n%v, want\n%v", numbers, want)
	}
}

// Every corpus on these subjects is read by the packages that are said to run it, and is
// the same wherever it lies.
func TestCorpora(t *testing.T) {
	found := testsOfTheTree(t)
	for file, tests := range corpora {
		var first string
		for name := range strings.FieldsSeq(tests) {
			folder, _, _ := strings.Cut(name, ".")
			text, err := os.ReadFile(filepath.Join(folder, "testdata", file))
			if err != nil || !found[name] {
				t.Errorf("%s: %s is not there, or has no such file: %v", file, name, err)
				continue
			}
			if first == "" {
				first = string(text)
			}
			if string(text) != first || strings.Count(first, "\n") < 5 {
				t.Errorf("%s differs in %s, or is empty", file, folder)
			}
		}
	}
}

// testsOfTheTree are the tests and fuzz targets of all packages, as requirements name
// them.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				found[filepath.ToSlash(filepath.Dir(path))+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil || len(found) < 500 {
		t.Fatalf("%d tests found: %v", len(found), err)
	}
	return found
}
