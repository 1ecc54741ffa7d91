package templates

import (
	"net/http"
	"net/url"
	"time"

	"torhaus/locale"
)

// Story is one state of one page, ready to be looked at.
type Story struct {
	Name string // "password/wrong": the page and its state, fit for a URL
	Page Page
}

// Stories are all states of all pages, in the language of text. Tests render
// every one in every language; the gallery of cmd/dev shows them to people.
func Stories(text *locale.Printer) []Story {
	base := storyBase(text)
	var all []Story
	for _, stories := range [][]Story{
		loginNameStories(base), passwordStories(base), resetStories(base), changeStories(base),
		registerStories(base), verifyStories(base), endStories(base),
		accountStories(base), providerStories(base), newcomerStories(base), keyStories(base), codeStories(base), setUpStories(base), setUpCodeStories(base), setUpKeyStories(base),
		errorStories(base), themeStories(base),
	} {
		all = append(all, stories...)
	}
	return all
}

const (
	storyName  = "anna.lindqvist@example.com"
	storyLong  = "maximiliane-charlotte.von-und-zu-hohenstein-waldenfels@verwaltungsgemeinschaft.example.com"
	storyCode  = "7KX2QF"
	storyError = "4TQ2M7ZKX3AB"
)

var storyRules = PasswordRules{MinLength: 8, Uppercase: true, Lowercase: true, Number: true, Symbol: true}

func storyBase(text *locale.Printer) Base {
	return Base{
		Text: text, Attempt: "k3v9p2qa", Turn: 1, About: "mFq0xkT3aZsL", App: "app.example.com",
		Theme: Theme{Name: "Example"},
		Legal: Legal{
			Terms: "https://example.com/terms", Privacy: "https://example.com/privacy",
			Help: "https://example.com/help",
		},
	}
}

// with is the base after a form that was not accepted.
func (b Base) with(key, field string, args ...any) Base {
	b.Problem = &Problem{Key: key, Field: field, Args: args}
	b.Turn++
	return b
}

func (b Base) noted(key string, args ...any) Base {
	b.Notice, b.NoticeArgs = key, args
	return b
}

func (b Base) of(name string) Base {
	b.Who = name
	return b
}

func loginNameStories(b Base) []Story {
	page := LoginNamePage{Base: b, Label: LabelEmailOrPhone, CanRegister: true}
	with := func(b Base, name string) LoginNamePage {
		p := page
		p.Base, p.LoginName = b, name
		return p
	}
	bare := b
	bare.App, bare.Attempt, bare.Legal = "", "", Legal{}
	return []Story{
		{"loginname/empty", page},
		{"loginname/email", LoginNamePage{Base: b, Label: LabelEmail, CanRegister: true, CanReset: true}},
		{"loginname/username", LoginNamePage{Base: b, Label: LabelUsername}},
		{"loginname/username-or-phone", LoginNamePage{Base: b, Label: LabelUsernameOrPhone}},
		{"loginname/bare", LoginNamePage{Base: bare, Label: LabelEmail}},
		{"loginname/filled", with(b, storyName)},
		{"loginname/long", with(b, storyLong)},
		{"loginname/missing", with(b.with("problem.login_name_empty", FieldLoginName), "")},
		{"loginname/too-long", with(b.with("problem.login_name_long", FieldLoginName), storyLong)},
		{"loginname/unknown", with(b.with("problem.user_not_found", FieldLoginName), storyName)},
		{"loginname/locked", with(b.with("problem.user_locked", ""), storyName)},
		{"loginname/machine", with(b.with("problem.machine_user", FieldLoginName), "ci-robot")},
		{"loginname/too-many", with(b.with("problem.too_many", "", 90), storyName)},
		{"loginname/another-account", with(b.with("problem.wrong_user", ""), storyName)},
		{"loginname/password-set", with(b.noted("notice.password_set"), storyName)},
	}
}

func passwordStories(b Base) []Story {
	b = b.of(storyName)
	with := func(b Base) PasswordPage {
		return PasswordPage{Base: b, LoginName: b.Who, CanReset: true}
	}
	return []Story{
		{"password/empty", with(b)},
		{"password/no-reset", PasswordPage{Base: b, LoginName: storyName}},
		{"password/long-name", with(b.of(storyLong))},
		{"password/missing", with(b.with("problem.password_empty", FieldPassword))},
		{"password/wrong", with(b.with("problem.credentials", ""))},
		{"password/attempts", with(b.with("problem.attempts", "", 3, 5))},
		{"password/locked", with(b.with("problem.locked", ""))},
		{"password/not-active", with(b.with("problem.not_active", ""))},
		{"password/not-allowed", with(b.with("problem.password_not_allowed", ""))},
		{"password/too-many", with(b.with("problem.too_many", "", 30*time.Second))},
		{"password/session-ended", with(b.with("problem.session_ended_elsewhere", ""))},
		{"password/somebody-else", with(b.noted("notice.somebody_else"))},
		{"password/other-tab", with(b.with("problem.changed_elsewhere", ""))},
	}
}

func resetStories(b Base) []Story {
	who := b.of(storyName)
	set := func(b Base, code string) PasswordSetPage {
		return PasswordSetPage{Base: b, LoginName: b.Who, Code: code, Rules: storyRules}
	}
	link := PasswordSetPage{Base: b, Code: storyCode, FromLink: true, Rules: storyRules}
	wrongLink := link
	wrongLink.Base = b.with("problem.code_wrong", FieldCode)
	first := FirstPasswordPage{Base: who, Rules: storyRules, Others: storyWaysToSetUp(who, WayPasskey)}
	return []Story{
		{"password-reset/known", PasswordResetPage{Base: who, LoginName: storyName, Known: true}},
		{"password-reset/unknown", PasswordResetPage{Base: b}},
		{"password-reset/not-found", PasswordResetPage{Base: b.with("problem.user_not_found", FieldLoginName), LoginName: storyName}},
		{"password-reset/too-many", PasswordResetPage{Base: who.with("problem.too_many", "", 5*time.Minute), LoginName: storyName, Known: true}},
		{"password-set/sent", set(who.noted("notice.reset_sent"), "")},
		{"password-set/sms", PasswordSetPage{Base: who, LoginName: storyName, Rules: storyRules, CanSMS: true}},
		{"password-first/both", first},
		{"password-first/alone", FirstPasswordPage{Base: who, Rules: storyRules}},
		{"password-first/weak", FirstPasswordPage{Base: who.with("problem.password_number", FieldPassword), Rules: storyRules, Others: first.Others}},
		{"password-set/no-rules", PasswordSetPage{Base: who, LoginName: storyName}},
		{"password-set/wrong-code", set(who.with("problem.code_wrong", FieldCode), "WRONG1")},
		{"password-set/too-short", set(who.with("problem.password_short", FieldPassword, 8), storyCode)},
		{"password-set/policy", set(who.with("problem.password_policy", FieldPassword), storyCode)},
		{"password-set/too-long", set(who.with("problem.password_bytes", FieldPassword, 72), storyCode)},
		{"password-set/link", link},
		{"password-set/link-wrong", wrongLink},
	}
}

func changeStories(b Base) []Story {
	b = b.of(storyName)
	with := func(b Base, reason string) PasswordChangePage {
		return PasswordChangePage{Base: b, LoginName: b.Who, Reason: reason, Rules: storyRules}
	}
	return []Story{
		{"password-change/own", with(b, "")},
		{"password-change/required", with(b, ReasonRequired)},
		{"password-change/expired", with(b, ReasonExpired)},
		{"password-change/expiring", PasswordChangePage{Base: b, LoginName: b.Who, Reason: ReasonExpiring, Days: 5, Rules: storyRules}},
		{"password-change/expires-today", with(b, ReasonExpiring)},
		{"password-change/wrong", with(b.with("problem.current_password", FieldCurrent), ReasonRequired)},
		{"password-change/same", with(b.with("problem.password_same", FieldPassword), ReasonRequired)},
		{"password-change/symbol", with(b.with("problem.password_symbol", FieldPassword), "")},
	}
}

func registerStories(b Base) []Story {
	page := RegisterPage{Base: b, NeedTerms: true, NeedPrivacy: true}
	filled := page
	filled.GivenName, filled.FamilyName, filled.Email = "Anna", "Lindqvist", storyName
	with := func(p RegisterPage, b Base) RegisterPage {
		p.Base = b
		return p
	}
	all := b.with("problem.name_empty", FieldGivenName)
	all.Problem.Also = []Problem{
		{Key: "problem.name_empty", Field: FieldFamilyName},
		{Key: "problem.email_empty", Field: FieldEmail},
		{Key: "problem.terms", Field: FieldTerms},
		{Key: "problem.privacy", Field: FieldPrivacy},
	}
	passkeys := filled
	passkeys.Passwords, passkeys.Passkeys = true, true
	chosen, only, none := passkeys, passkeys, passkeys
	chosen.Method, only.Passwords = MethodPasskey, false
	none.Base = b.with("problem.method", FieldMethod)
	noPasswords := only
	noPasswords.Base = b.with("problem.passwords_unavailable", FieldMethod)
	password := RegisterPasswordPage{Base: b, Email: storyName, Rules: storyRules}
	weak := password
	weak.Base = b.with("problem.password_number", FieldPassword)
	return []Story{
		{"register/empty", page},
		{"register/no-terms", RegisterPage{Base: b}},
		{"register/passkeys", passkeys},
		{"register/passkey-chosen", chosen},
		{"register/passkeys-only", only},
		{"register/no-method", none},
		{"register/no-passwords", noPasswords},
		{"register/everything-missing", with(page, all)},
		{"register/bad-email", with(filled, b.with("problem.email_invalid", FieldEmail))},
		{"register/terms", with(filled, b.with("problem.terms", FieldTerms))},
		{"register/not-allowed", with(filled, b.with("problem.register_not_allowed", ""))},
		{"register-password/empty", password},
		{"register-password/weak", weak},
	}
}

func verifyStories(b Base) []Story {
	with := func(b Base, code string) VerifyPage {
		return VerifyPage{Base: b, Email: storyName, Code: code, CanResend: true}
	}
	link := VerifyPage{Base: b, Email: storyName, Code: storyCode, FromLink: true}
	wrong := VerifyPage{Base: b.with("problem.code_unverified", FieldCode), Code: storyCode, FromLink: true}
	invited := func(b Base, code string) VerifyPage {
		return VerifyPage{Base: b.of(storyName), Code: code, Invited: true, CanResend: true}
	}
	first, firstMail := with(b, ""), invited(b, "")
	first.First, firstMail.First = true, true
	invitation, usedUp := link, wrong
	invitation.Invited, invitation.Email, usedUp.Invited = true, "", true
	usedUpHere := usedUp
	usedUpHere.CanResend = true
	return []Story{
		{"verify/sent", with(b, "")},
		{"verify/resent", with(b.noted("notice.code_sent"), "")},
		{"verify/long-address", VerifyPage{Base: b, Email: storyLong, CanResend: true}},
		{"verify/wrong", with(b.with("problem.code_unverified", FieldCode), "WRONG1")},
		{"verify/link", link},
		{"verify/link-wrong", wrong},
		{"verify/link-no-address", VerifyPage{Base: b, Code: storyCode, FromLink: true}},
		{"verify/first", first},
		{"verify/invitation-first", firstMail},
		{"verify/invitation-too-many", VerifyPage{Base: b.of(storyName).with("problem.too_many", "", 4*time.Minute), Invited: true, CanResend: true, First: true}},
		{"verify/invitation-sent", invited(b, "")},
		{"verify/invitation-resent", invited(b.noted("notice.code_sent"), "")},
		{"verify/invitation-wrong", invited(b.with("problem.code_unverified", FieldCode), "WRONG1")},
		{"verify/invitation-link", invitation},
		{"verify/invitation-link-wrong", usedUp},
		{"verify/invitation-link-wrong-here", usedUpHere},
		{"verified/other-browser", VerifiedPage{Base: b}},
	}
}

func endStories(b Base) []Story {
	b.App, b.Attempt = "", ""
	return []Story{
		{"signedin/no-app", SignedInPage{Base: b, FullName: "Anna Lindqvist"}},
		{"signedin/continue", SignedInPage{Base: b, FullName: "Anna Lindqvist", Continue: "https://app.example.com/"}},
		{"signedin/long-name", SignedInPage{Base: b, FullName: "Maximiliane Charlotte von und zu Hohenstein-Waldenfels-Donaudampfschifffahrt"}},
		{"signedin/no-name", SignedInPage{Base: b}},
		{"logout/ask", LogoutPage{Base: b, FullName: "Anna Lindqvist", Everywhere: true, PostLogout: "https://app.example.com/bye?from=torhaus"}},
		{"logout/other-clients-only", LogoutPage{Base: b, FullName: "Anna Lindqvist"}},
		{"logout/no-name", LogoutPage{Base: b}},
		{"logout-done/no-way-back", LogoutDonePage{Base: b}},
		{"logout-done/back", LogoutDonePage{Base: b, Back: "https://app.example.com/"}},
	}
}

func errorStories(b Base) []Story {
	b.App, b.Attempt = "", ""
	restart := "/login"
	var all []Story
	for _, e := range []struct {
		name   string
		status int
		way    string
		wait   time.Duration
	}{
		{"expired", http.StatusGone, restart, 0},
		{"already_handled", http.StatusGone, "", 0},
		{"not_found", http.StatusNotFound, "", 0},
		{"unavailable", http.StatusServiceUnavailable, "", 5 * time.Second},
		{"too_many", http.StatusTooManyRequests, "", 2 * time.Minute},
		{"bad_request", http.StatusBadRequest, "", 0},
		{"method", http.StatusMethodNotAllowed, "", 0},
		{"too_large", http.StatusRequestEntityTooLarge, "", 0},
		{"unsupported_request", http.StatusNotFound, "", 0},
		{"forbidden", http.StatusForbidden, restart, 0},
		{"cross_origin", http.StatusForbidden, restart, 0},
		{"misdirected", http.StatusMisdirectedRequest, "", 0},
		{"cookies", http.StatusBadRequest, restart, 0},
		{"loop", http.StatusTooManyRequests, "", 5 * time.Second},
		{"internal", http.StatusInternalServerError, "", 0},
		{"unauthorized", http.StatusUnauthorized, restart, 0},
		{"step_up", http.StatusUnauthorized, restart, 0},
		{"denied", http.StatusForbidden, restart, 0},
		{"no_grant", http.StatusForbidden, "", 0},
		{"too_many_roles", http.StatusForbidden, "", 0},
		{"no_method", http.StatusForbidden, restart, 0},
		{"not_a_person", http.StatusForbidden, restart, 0},
		{"not_active", http.StatusForbidden, restart, 0},
		{"locked", http.StatusForbidden, restart, 0},
		{"not_set_up", http.StatusForbidden, restart, 0},
		{"organization_closed", http.StatusForbidden, restart, 0},
		{"register_closed", http.StatusForbidden, restart, 0},
		{"session_other", http.StatusForbidden, restart, 0},
		{"wrong_organization", http.StatusForbidden, restart, 0},
	} {
		all = append(all, Story{"error/" + e.name, ErrorPage{
			Base: b, Status: e.status, TitleKey: "error." + e.name + ".title", TextKey: "error." + e.name + ".text",
			ErrorID: storyError, Restart: e.way, RetryAfter: e.wait,
		}})
	}
	return append(all, Story{"error/unavailable-form", ErrorPage{
		Base: b, Status: http.StatusServiceUnavailable, TitleKey: "error.unavailable.title", TextKey: "error.unavailable.text",
		ErrorID: storyError, RetryAfter: 5 * time.Second, Action: "/register?a=k3v9p2qa",
		Form: url.Values{FieldGivenName: {"Alice"}, FieldEmail: {storyName}},
	}})
}

// themeStories show one page in the looks that an organization can give it.
func themeStories(b Base) []Story {
	b = b.of(storyName)
	themed := func(theme Theme) Page {
		b := b
		b.Theme = theme
		return PasswordPage{Base: b, LoginName: storyName, CanReset: true}
	}
	nameless := b
	nameless.Legal = Legal{SupportEmail: "help@example.com"}
	nameless.BasePath = "/ui/v2/login"
	nameless.Theme = Theme{}
	return []Story{
		{"theme/none", PasswordPage{Base: nameless, LoginName: storyName, CanReset: true}},
		{"theme/logo", themed(Theme{Name: "Example", LogoURL: "/theme/logo", LogoDarkURL: "/theme/logo-dark", IconURL: "/theme/icon"})},
		{"theme/dark-only", themed(Theme{Name: "Example", LogoURL: "/theme/logo", LogoDarkURL: "/theme/logo-dark", Mode: ModeDark})},
		{"theme/light-only", themed(Theme{Name: "Example", LogoURL: "/theme/logo", LogoDarkURL: "/theme/logo-dark", Mode: ModeLight})},
	}
}
