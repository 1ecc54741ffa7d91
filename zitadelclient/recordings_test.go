package zitadelclient

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ours are the requests that this package makes.
var ours = regexp.MustCompile(`^(GET|POST) /v2/oidc/auth_requests/[^/]+$|^POST /v2/sessions$|^(GET|PATCH|DELETE) /v2/sessions/[^/]+$|^POST /v2/sessions/search$` +
	`|^GET /v2/users/[^/]+$|^POST /v2/users(/human)?$|^POST /v2/users/[^/]+/(email/(verify|resend|send)|password|password_reset)$|^GET /v2/users/[^/]+/authentication_methods$` +
	`|^POST /v2/users/[^/]+/(totp(/verify)?|otp_sms|otp_email|passkeys(/registration_link)?|(passkeys|u2f)/[0-9]+|u2f|mfa_init_skipped|invite_code(/verify)?|phone(/resend|/verify)?|links/_search)$` +
	`|^POST /v2/idp_intents(/[0-9]+)?$|^GET /v2/settings(/(login(/idps)?|branding|domain|legal_support|lockout|security|password/\w+))?$|^POST /v2/organizations/_search$|^POST /oauth/v2/(token|revoke)$|^GET /oauth/v2/authorize$`)

// Every error that a real ZITADEL gave to a request of ours has the kind that
// testdata/error_kinds.tsv says; one that is not listed there is undecided.
func TestKindOfEveryRecordedError(t *testing.T) {
	want := map[string]string{}
	data, err := os.ReadFile("testdata/error_kinds.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), "\t")
		want[name] = kind
	}
	files, err := filepath.Glob(recordings + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	got := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		r := readRecording(t, name)
		path, _, _ := strings.Cut(r.Request.Path, "?")
		if r.Response.Status < 400 || !ours.MatchString(r.Request.Method+" "+path) {
			continue
		}
		in := incoming{status: r.Response.Status, body: r.Response.Body}
		e := apiError("test", in.status, in.body)
		switch {
		case strings.HasPrefix(path, "/oauth/v2/authorize"):
			_, err := authorizeAnswer(in)
			errors.As(err, &e)
		case strings.HasPrefix(path, "/oauth/"):
			e = oauthError("test", in)
		}
		got[name] = string(e.Kind)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-listed +computed):\n%s", diff)
	}
}

// These recorded answers decode to the values and kinds that are written down
// here by hand. That no other success is left out is for
// TestEveryRecordedSuccessDecodes to see, which compares with the JSON.
func TestDecodeRecordings(t *testing.T) {
	for _, test := range []struct {
		recording string
		call      func(*Client) (any, error)
		want      any
	}{
		{"127-session-get-ok-token", func(c *Client) (any, error) {
			return c.Session(t.Context(), SessionRef{"400700339663146022", "<SESSION_TOKEN_1>"})
		}, Session{
			ID: "400700339663146022", Created: at("07:20:15.010701"), Changed: at("07:20:15.010701"),
			Factors: Factors{
				User:     UserFactor{"400700338069310502", "user-r6b0297ab", "Test user-r6b0297ab", "400692564413451302", at("07:20:14.078994")},
				Password: at("07:20:15.010066"),
			},
		}},
		{"417-session-get-webauthn", func(c *Client) (any, error) {
			s, err := c.Session(t.Context(), SessionRef{ID: "400700470928084006", Token: "t"})
			return []any{s.Factors.WebAuthN, s.Factors.UserVerified, s.Factors.Password}, err
		}, []any{at("07:21:32.370300"), true, time.Time{}}},
		{"430-session-get-u2f", func(c *Client) (any, error) {
			s, err := c.Session(t.Context(), SessionRef{ID: "400700471280405542", Token: "t"})
			return []any{s.Factors.WebAuthN, s.Factors.UserVerified, s.Factors.Password}, err
		}, []any{at("07:21:33.509100"), false, at("07:21:33.484119")}},
		{"362-session-get-totp", func(c *Client) (any, error) {
			s, err := c.Session(t.Context(), SessionRef{ID: "400700448798936102", Token: "t"})
			return s.Factors.TOTP, err
		}, at("07:21:20.119113")},
		{"382-session-get-otpemail", func(c *Client) (any, error) {
			s, err := c.Session(t.Context(), SessionRef{ID: "400700455828589606", Token: "t"})
			return s.Factors.OTPEmail, err
		}, at("07:21:24.280886")},
		{"146-session-list-by-ids", func(c *Client) (any, error) {
			s, err := c.SearchSessions(t.Context(), SessionQuery{IDs: []string{"400700339663146022", "400700364627643430"}})
			if err != nil {
				return nil, err
			}
			return []any{len(s), s[0].Expires, s[1].ID}, nil
		}, []any{2, at("07:20:32.955767"), "400700339663146022"}},
		{"149-session-list-empty", func(c *Client) (any, error) {
			return c.SearchSessions(t.Context(), SessionQuery{IDs: []string{"400000000000000000"}})
		}, []Session{}},
		{"150-session-list-nobody", func(c *Client) (any, error) {
			return c.SearchSessions(t.Context(), SessionQuery{IDs: []string{"400700339663146022"}})
		}, NotPermitted},
		{"302-user-list-nobody", func(c *Client) (any, error) {
			return c.SearchUsers(t.Context(), UserQuery{LoginName: "signup-r6b0297ab"})
		}, NotPermitted},
		{"301-user-list-none", func(c *Client) (any, error) {
			return c.SearchUsers(t.Context(), UserQuery{LoginName: "nobody-r6b0297ab"})
		}, []User{}},
		{"075-authrequest-get-hints", func(c *Client) (any, error) {
			return c.AuthRequest(t.Context(), "V2_400700336190262310")
		}, AuthRequest{
			ID: "V2_400700336190262310", Created: at("07:20:12.001016"), ClientID: "400693152354208806",
			RedirectURI: "http://auth.example.localhost:8400/callback", LoginHint: "alice",
			Scopes:    []string{"openid", "profile", "email", "offline_access", "urn:zitadel:iam:org:id:400692564413451302"},
			UILocales: []string{"de", "en"}, Prompts: []Prompt{PromptLogin, PromptSelectAccount}, MaxAge: new(time.Duration),
		}},
		{"112-user-get-password-change-required", func(c *Client) (any, error) {
			return c.User(t.Context(), "400700351440751654")
		}, User{
			ID: "400700351440751654", OrganizationID: "400692564413451302", UserName: "chg-r6b0297ab", PreferredLoginName: "chg-r6b0297ab", LoginNames: []string{"chg-r6b0297ab"},
			GivenName: "Test", FamilyName: "chg-r6b0297ab", DisplayName: "Test chg-r6b0297ab", Email: "chg-r6b0297ab@example.com",
			EmailVerified: true, Human: true, PasswordChangeRequired: true, State: UserActive, PasswordChanged: at("07:20:22.004749"),
		}},
		{"297-user-get-machine", func(c *Client) (any, error) {
			return c.User(t.Context(), "400693151917935654")
		}, User{
			ID: "400693151917935654", OrganizationID: "400692564413451302", UserName: "login-bff", PreferredLoginName: "login-bff", LoginNames: []string{"login-bff"}, State: UserActive,
		}},
		{"363-user-authmethods-totp", func(c *Client) (any, error) {
			return c.AuthMethods(t.Context(), "400700446919887910")
		}, []AuthMethod{MethodTOTP, MethodPassword}},
		{"395-user-authmethods-otp", func(c *Client) (any, error) {
			return c.AuthMethods(t.Context(), "400700452473146406")
		}, []AuthMethod{MethodOTPSMS, MethodOTPEmail, MethodPassword}},
		{"521-settings-login-force-mfa", func(c *Client) (any, error) {
			return c.LoginSettings(t.Context(), "")
		}, LoginSettings{
			AllowUsernamePassword: true, AllowExternalIDP: true, ForceMFA: true, PasskeysType: true, IgnoreUnknownUsernames: true,
			AllowDomainDiscovery: true, DisableLoginWithEmail: true,
			PasswordCheckLifetime: 240 * time.Hour, ExternalLoginCheckLifetime: 240 * time.Hour, MFAInitSkipLifetime: 720 * time.Hour,
			SecondFactorCheckLifetime: 18 * time.Hour, MultiFactorCheckLifetime: 12 * time.Hour,
			SecondFactors: []AuthMethod{MethodTOTP, MethodU2F, MethodOTPEmail, MethodOTPSMS}, MultiFactors: []AuthMethod{MethodPasskey},
		}},
		{"434-settings-password-complexity", func(c *Client) (any, error) {
			return c.PasswordComplexity(t.Context(), "")
		}, PasswordComplexity{8, true, true, true, true}},
		{"775-settings-password-expiry-days", func(c *Client) (any, error) {
			return c.PasswordExpiry(t.Context(), "")
		}, PasswordExpiry{90, 10}},
		{"443-settings-lockout-org", func(c *Client) (any, error) {
			return c.Lockout(t.Context(), "400693156028353574")
		}, Lockout{3, 3}},
		{"767-settings-branding-full", func(c *Client) (any, error) {
			return c.Branding(t.Context(), "")
		}, Branding{
			Light: Theme{"#0b5fff", "#ffffff", "#b00020", "#111111",
				"http://id.example.localhost:8300/assets/v1/400692564413385766/policy/label/logo-400703431905381414",
				"http://id.example.localhost:8300/assets/v1/400692564413385766/policy/label/icon-400703431938935846"},
			Dark: Theme{PrimaryColor: "#7aa7ff", BackgroundColor: "#101418", WarnColor: "#ff8a80", FontColor: "#f5f5f5",
				LogoURL: "http://id.example.localhost:8300/assets/v1/400692564413385766/policy/label/logo-dark-400703431922158630"},
			ThemeMode: ThemeAuto, HideLoginNameSuffix: true, DisableWatermark: true,
		}},
		{"772-settings-legal-support-links", func(c *Client) (any, error) {
			return c.LegalAndSupport(t.Context(), "")
		}, LegalAndSupport{"https://example.com/{{.Lang}}/tos", "https://example.com/{{.Lang}}/privacy", "https://example.com/{{.Lang}}/help",
			"support@example.com", "https://example.com/docs", "https://example.com/custom", "Custom"}},
		{"779-settings-domain-org", func(c *Client) (any, error) {
			return c.DomainSettings(t.Context(), "400703430831639590")
		}, DomainSettings{true}},
		{"440-settings-security", func(c *Client) (any, error) { return c.Security(t.Context(), "") }, Security{}},
		{"785-settings-general-restricted", func(c *Client) (any, error) {
			g, err := c.GeneralSettings(t.Context(), "")
			return []any{g.DefaultOrganizationID, g.DefaultLanguage, len(g.SupportedLanguages)}, err
		}, []any{"400692564413451302", "de", 20}},
		{"700-org-inactive-search", func(c *Client) (any, error) {
			return c.Organizations(t.Context(), OrganizationQuery{ID: "400703410564828198"})
		}, []Organization{{ID: "400703410564828198", Name: "Own r6b029ec1", PrimaryDomain: "own-r6b029ec1.id.example.localhost"}}},
		{"165-callback-ok", func(c *Client) (any, error) {
			return c.Finalize(t.Context(), "V2_400700377814666278", SessionRef{"1", "t"})
		}, "http://auth.example.localhost:8400/callback?code=<AUTH_CODE_1>&state=state-123"},
		{"084-session-create-password-ok", func(c *Client) (any, error) {
			ref, err := c.CreateSession(t.Context(), NewSession{Checks: Checks{UserID: "1", Password: "p"}, Lifetime: time.Hour})
			return ref.ID + ref.Token, err
		}, "400700339663146022<SESSION_TOKEN_1>"},
		{"093-session-create-wrong-password-2", func(c *Client) (any, error) {
			_, err := c.CreateSession(t.Context(), NewSession{Checks: Checks{UserID: "1", Password: "p"}, Lifetime: time.Hour})
			var e *Error
			errors.As(err, &e)
			return []any{e.Kind, e.FailedAttempts, e.ID, e.Status}, nil
		}, []any{WrongPassword, 2, "COMMAND-3M0fs", 400}},
		{"433-settings-login-idps", func(c *Client) (any, error) { return c.IdentityProviders(t.Context(), "") }, []IdentityProvider{
			{ID: "400693156095462438", Name: "Fake OIDC", Type: "oidc", CreationAllowed: true, LinkingAllowed: true},
			{ID: "400693156129016870", Name: "Fake LDAP", Type: ProviderLDAP, CreationAllowed: true, LinkingAllowed: true},
		}},
		{"450-idp-intent-start-oidc", func(c *Client) (any, error) {
			s, err := c.StartIntent(t.Context(), "400693156095462438", ReturnURLs{"s", "f"})
			return s.ID, err
		}, "400700473176230950"},
		{"454-idp-intent-retrieve", func(c *Client) (any, error) {
			return c.RetrieveIntent(t.Context(), IntentRef{"400700473176230950", "t"})
		}, Intent{
			Identity: Identity{"400693156095462438", "ida-r6b0297ab", "ida-r6b0297ab"},
			Newcomer: Newcomer{"Ida", "Provider", "Ida Provider", "en", "ida-r6b0297ab@idp.example.com", true},
		}},
		{"465-idp-intent-retrieve-linked", func(c *Client) (any, error) {
			return c.RetrieveIntent(t.Context(), IntentRef{"400700473494998054", "t"})
		}, Intent{Identity: Identity{"400693156095462438", "ida-r6b0297ab", "ida-r6b0297ab"}, UserID: "400700473344003110"}},
		{"455-idp-intent-retrieve-wrong-token", func(c *Client) (any, error) {
			return c.RetrieveIntent(t.Context(), IntentRef{"400700473176230950", "garbage"})
		}, IntentRefused},
		{"463-idp-links-list", func(c *Client) (any, error) {
			return c.IdentityLinks(t.Context(), "400700473344003110")
		}, []Identity{{"400693156095462438", "ida-r6b0297ab", "ida-r6b0297ab"}}},
		{"009-api-wrong-host", func(c *Client) (any, error) { return c.LoginSettings(t.Context(), "") }, Unavailable},
		{"000-api-unavailable-just-after-start", func(c *Client) (any, error) { return c.LoginSettings(t.Context(), "") }, Unavailable},
	} {
		t.Run(test.recording, func(t *testing.T) {
			got, err := test.call(replay(t, readRecording(t, test.recording)))
			if kind, ok := test.want.(Kind); ok {
				if !errors.Is(err, kind) {
					t.Errorf("got %v, want %q", err, kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// What we send is what the real one was sent.
func TestRequestsAreAsRecorded(t *testing.T) {
	link := "http://auth.example.localhost:8400/password/set?userId={{.UserID}}&code={{.Code}}&org={{.OrgID}}"
	verify := "http://auth.example.localhost:8400/verify?userId={{.UserID}}&code={{.Code}}&org={{.OrgID}}"
	current, _ := CurrentPassword("Password2!")
	for _, test := range []struct {
		recording string
		call      func(*Client) error
		add       string // what we send beyond the recording
	}{
		{"339-password-reset-sendlink", func(c *Client) error { return c.SendPasswordReset(t.Context(), "400700424102874150", link) }, ""},
		{"306-email-verify-ok", func(c *Client) error { return c.VerifyEmail(t.Context(), "400700402661592102", "G0JXD2") }, ""},
		{"331-password-set-current-ok", func(c *Client) error {
			return c.SetPassword(t.Context(), "400700424102874150", "Password4!", current)
		}, `{"newPassword":{"changeRequired":false}}`},
		{"153-session-delete-ok", func(c *Client) error {
			return c.DeleteSession(t.Context(), SessionRef{"400700339663146022", "<SESSION_TOKEN_1>"})
		}, ""},
		{"132-session-patch-password-ok", func(c *Client) error {
			_, err := c.UpdateSession(t.Context(), SessionRef{"400700364627643430", "<SESSION_TOKEN_13>"}, SessionUpdate{Checks: Checks{Password: "Password1!"}})
			return err
		}, ""},
		{"142-session-patch-lifetime", func(c *Client) error {
			_, err := c.UpdateSession(t.Context(), SessionRef{"400700364627643430", "t"}, SessionUpdate{Lifetime: 2 * time.Second})
			return err
		}, `{"sessionToken":"t"}`},
		{"165-callback-ok", func(c *Client) error {
			_, err := c.Finalize(t.Context(), "V2_400700377814666278", SessionRef{"400700376271031334", "<SESSION_TOKEN_19>"})
			return err
		}, ""},
		{"287-user-create-sendcode", func(c *Client) error {
			_, err := c.CreateUser(t.Context(), NewUser{OrganizationID: "400692564413451302", GivenName: "Sig", FamilyName: "Nup",
				Email: "signup-r6b0297ab-5@example.com", PreferredLanguage: "en", Password: "Password1!", VerifyTemplate: verify})
			return err
		}, `{"username":"signup-r6b0297ab-5@example.com"}`},
		{"450-idp-intent-start-oidc", func(c *Client) error {
			_, err := c.StartIntent(t.Context(), "400693156095462438", ReturnURLs{
				"http://auth.example.localhost:8400/idp/success", "http://auth.example.localhost:8400/idp/failure"})
			return err
		}, ""},
		{"454-idp-intent-retrieve", func(c *Client) error {
			_, err := c.RetrieveIntent(t.Context(), IntentRef{"400700473176230950", "<IDP_INTENT_TOKEN_1>"})
			return err
		}, ""},
		{"459-user-create-from-intent", func(c *Client) error {
			_, err := c.CreateExternalUser(t.Context(), ExternalUser{OrganizationID: "400692564413451302",
				Newcomer: Newcomer{"Ida", "Provider", "Ida Provider", "en", "ida-r6b0297ab@idp.example.com", true},
				Identity: Identity{"400693156095462438", "ida-r6b0297ab", "ida-r6b0297ab"}})
			return err
		}, `{"username":"ida-r6b0297ab@idp.example.com"}`},
		{"460-session-intent-ok", func(c *Client) error {
			_, err := c.CreateSession(t.Context(), NewSession{Lifetime: time.Hour, Checks: Checks{
				UserID: "400700473344003110", Intent: IntentRef{"400700473176230950", "<IDP_INTENT_TOKEN_1>"}}})
			return err
		}, `{"lifetime":"3600s","userAgent":{}}`},
		{"463-idp-links-list", func(c *Client) error {
			_, err := c.IdentityLinks(t.Context(), "400700473344003110")
			return err
		}, `{"query":{"limit":100}}`},
	} {
		t.Run(test.recording, func(t *testing.T) {
			c := expecting(t, readRecording(t, test.recording), test.add)
			if err := test.call(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// The two halves of a first password: the code that ZITADEL returns, and the
// password that is set with it.
func TestFirstPasswordIsAsRecorded(t *testing.T) {
	const id = "400700424102874150"
	code, set := readRecording(t, "326-password-reset-returncode"), readRecording(t, "329-password-set-code-ok")
	c := testClient(t, func(w http.ResponseWriter, got *http.Request) {
		switch got.URL.Path {
		case code.Request.Path:
			code.hold(t, w, got, "")
		case set.Request.Path:
			set.hold(t, w, got, "")
		default:
			readRecording(t, noMethods).write(w)
		}
	})
	proof, err := c.ProveFirstPassword(t.Context(), id)
	if err == nil {
		err = c.SetPassword(t.Context(), id, "Password2!", proof)
	}
	if err != nil {
		t.Error(err)
	}
}

// A user without a password is asked for as one with, but for it: so are those
// of the recordings that have none.
func TestUserWithoutPasswordIsAsRecorded(t *testing.T) {
	with, without := readRecording(t, "287-user-create-sendcode"), readRecording(t, "525-user-create-register-disallowed")
	asked, recorded := parse(with.Request.Body), parse(without.Request.Body)
	delete(asked, "password")
	if recorded["password"] != nil || without.Response.Status != http.StatusOK {
		t.Fatalf("the recording has a password: %v", recorded)
	}
	with.Request.Body = must(json.Marshal(asked))
	c := expecting(t, with, `{"username":"signup-r6b0297ab-5@example.com"}`)
	_, err := c.CreateUser(t.Context(), NewUser{OrganizationID: "400692564413451302", GivenName: "Sig", FamilyName: "Nup",
		Email: "signup-r6b0297ab-5@example.com", PreferredLanguage: "en", WithoutPassword: true,
		VerifyTemplate: "http://auth.example.localhost:8400/verify?userId={{.UserID}}&code={{.Code}}&org={{.OrgID}}"})
	if err != nil {
		t.Error(err)
	}
}
