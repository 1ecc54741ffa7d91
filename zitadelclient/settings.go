package zitadelclient

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Settings come from the organization, or from the instance where it has none
// of its own; an unknown organization has the instance's. Each is asked for by
// organization id, "" for the instance, and cached for seconds. Their slices
// are shared: callers do not change them.

// LoginSettings say which ways to sign in are allowed, and for how long each
// check counts. ZITADEL enforces none of it.
type LoginSettings struct {
	AllowUsernamePassword, AllowRegister, AllowExternalIDP bool
	ForceMFA, ForceMFALocalOnly                            bool
	PasskeysType                                           bool // allowed or not
	HidePasswordReset, IgnoreUnknownUsernames              bool
	AllowDomainDiscovery                                   bool
	DisableLoginWithEmail, DisableLoginWithPhone           bool
	DefaultRedirectURI                                     string
	PasswordCheckLifetime, ExternalLoginCheckLifetime      time.Duration
	MFAInitSkipLifetime                                    time.Duration
	SecondFactorCheckLifetime, MultiFactorCheckLifetime    time.Duration
	SecondFactors, MultiFactors                            []AuthMethod
}

// PasswordComplexity is what a new password needs.
type PasswordComplexity struct {
	MinLength                                                            int
	RequiresUppercase, RequiresLowercase, RequiresNumber, RequiresSymbol bool
}

// PasswordExpiry says after how many days a password must be changed; 0 means
// never. ZITADEL only tells.
type PasswordExpiry struct{ MaxAgeDays, ExpireWarnDays int }

// Branding is the look of the pages.
type Branding struct {
	Light, Dark                           Theme
	FontURL                               string
	ThemeMode                             ThemeMode
	HideLoginNameSuffix, DisableWatermark bool
}

// Theme is one colour scheme; its URLs are on the issuer's host, open to all.
type Theme struct {
	PrimaryColor, BackgroundColor, WarnColor, FontColor string
	LogoURL, IconURL                                    string
}

// ThemeMode says which theme a page has.
type ThemeMode string

// The modes.
const (
	ThemeAuto  ThemeMode = "auto" // what the browser prefers
	ThemeLight ThemeMode = "light"
	ThemeDark  ThemeMode = "dark"
)

// LegalAndSupport are the links at the foot of the pages. They may contain
// {{.Lang}}, which is left as it is.
type LegalAndSupport struct {
	TOSLink, PrivacyPolicyLink, HelpLink, SupportEmail string
	DocsLink, CustomLink, CustomLinkText               string
}

// Lockout says after how many wrong tries a user is locked; 0 means never.
type Lockout struct{ MaxPasswordAttempts, MaxOTPAttempts int }

// Security says who may show the pages in a frame.
type Security struct {
	EmbeddedIframe bool
	AllowedOrigins []string
}

// DomainSettings say how login names are formed.
type DomainSettings struct{ LoginNameIncludesDomain bool }

// GeneralSettings are the instance's.
type GeneralSettings struct {
	DefaultOrganizationID, DefaultLanguage string
	SupportedLanguages                     []string
}

// LoginSettings returns the login settings.
func (c *Client) LoginSettings(ctx context.Context, organizationID string) (LoginSettings, error) {
	a, err := settings[loginAnswer](ctx, c, "/v2/settings/login", organizationID)
	return a.settings(), err
}

// PasswordComplexity returns the rules for passwords.
func (c *Client) PasswordComplexity(ctx context.Context, organizationID string) (PasswordComplexity, error) {
	a, err := settings[struct {
		MinLength                                                            number
		RequiresUppercase, RequiresLowercase, RequiresNumber, RequiresSymbol bool
	}](ctx, c, "/v2/settings/password/complexity", organizationID)
	return PasswordComplexity{int(a.MinLength), a.RequiresUppercase, a.RequiresLowercase, a.RequiresNumber, a.RequiresSymbol}, err
}

// PasswordExpiry returns the age limit for passwords.
func (c *Client) PasswordExpiry(ctx context.Context, organizationID string) (PasswordExpiry, error) {
	a, err := settings[struct{ MaxAgeDays, ExpireWarnDays number }](ctx, c, "/v2/settings/password/expiry", organizationID)
	return PasswordExpiry{int(a.MaxAgeDays), int(a.ExpireWarnDays)}, err
}

// Branding returns the look of the pages. A change shows once it is activated.
func (c *Client) Branding(ctx context.Context, organizationID string) (Branding, error) {
	a, err := settings[struct {
		LightTheme, DarkTheme                 Theme
		FontURL, ThemeMode                    string
		HideLoginNameSuffix, DisableWatermark bool
	}](ctx, c, "/v2/settings/branding", organizationID)
	return Branding{
		Light: a.LightTheme, Dark: a.DarkTheme, FontURL: a.FontURL, ThemeMode: ThemeMode(enum("THEME_MODE_", a.ThemeMode)),
		HideLoginNameSuffix: a.HideLoginNameSuffix, DisableWatermark: a.DisableWatermark,
	}, err
}

// LegalAndSupport returns the links at the foot of the pages.
func (c *Client) LegalAndSupport(ctx context.Context, organizationID string) (LegalAndSupport, error) {
	return settings[LegalAndSupport](ctx, c, "/v2/settings/legal_support", organizationID)
}

// Lockout returns the limits for wrong tries.
func (c *Client) Lockout(ctx context.Context, organizationID string) (Lockout, error) {
	a, err := settings[struct{ MaxPasswordAttempts, MaxOTPAttempts number }](ctx, c, "/v2/settings/lockout", organizationID)
	return Lockout{int(a.MaxPasswordAttempts), int(a.MaxOTPAttempts)}, err
}

// DomainSettings returns how login names are formed.
func (c *Client) DomainSettings(ctx context.Context, organizationID string) (DomainSettings, error) {
	return settings[DomainSettings](ctx, c, "/v2/settings/domain", organizationID)
}

// Security returns the security settings. They are the instance's, whatever
// the organization.
func (c *Client) Security(ctx context.Context, _ string) (Security, error) {
	a, err := settings[struct {
		EmbeddedIframe struct {
			Enabled        bool
			AllowedOrigins []string
		}
	}](ctx, c, "/v2/settings/security", "")
	return Security{a.EmbeddedIframe.Enabled, a.EmbeddedIframe.AllowedOrigins}, err
}

// GeneralSettings returns the general settings. They are the instance's,
// whatever the organization.
func (c *Client) GeneralSettings(ctx context.Context, _ string) (GeneralSettings, error) {
	return cached(ctx, c, "read general settings", func(ctx context.Context) (GeneralSettings, error) {
		var a struct {
			DefaultOrgID, DefaultLanguage string
			SupportedLanguages            []string
		}
		err := c.call(ctx, request{op: "read general settings", method: http.MethodGet, path: "/v2/settings"}, &a)
		return GeneralSettings{a.DefaultOrgID, a.DefaultLanguage, a.SupportedLanguages}, err
	})
}

// ForgetPolicies has what decides on a sign-in to an organization read anew, when it
// is next asked for, if it is not fresh: by which providers one comes, how old a
// password may be, whether the organization is open. How one signs in must not have
// been read longer ago than age.
func (c *Client) ForgetPolicies(organizationID string, age time.Duration) {
	c.cache.forget(age, settingsKey("/v2/settings/login", organizationID))
	c.cache.forget(cacheFresh,
		settingsKey("/v2/settings/password/expiry", organizationID), providersKey(organizationID), organizationKey(organizationID))
}

func settingsKey(path, organizationID string) string {
	return "read " + path[len("/v2/"):] + " " + organizationID
}

// settings reads what stands under "settings" in the answer, through the cache.
func settings[T any](ctx context.Context, c *Client, path, organizationID string) (T, error) {
	op := "read " + path[len("/v2/"):]
	return cached(ctx, c, settingsKey(path, organizationID), func(ctx context.Context) (T, error) {
		var query url.Values
		if organizationID != "" {
			query = url.Values{"ctx.orgId": {organizationID}}
		}
		var answer struct{ Settings *T }
		err := c.call(ctx, request{op: op, method: http.MethodGet, path: path, query: query}, &answer)
		if err == nil && answer.Settings == nil {
			// Zero values are absent, so an empty answer would read as "all
			// forbidden, nothing required".
			err = unavailable(op, errIncomplete)
		}
		if err != nil {
			var none T
			return none, err
		}
		return *answer.Settings, nil
	})
}

// loginAnswer holds both names of the password switch: newer versions renamed
// it.
type loginAnswer struct {
	AllowUsernamePassword, AllowLocalAuthentication     bool
	AllowRegister, AllowExternalIDP                     bool
	ForceMFA, ForceMFALocalOnly                         bool
	PasskeysType                                        string
	HidePasswordReset, IgnoreUnknownUsernames           bool
	AllowDomainDiscovery                                bool
	DisableLoginWithEmail, DisableLoginWithPhone        bool
	DefaultRedirectURI                                  string
	PasswordCheckLifetime, ExternalLoginCheckLifetime   duration
	MFAInitSkipLifetime                                 duration
	SecondFactorCheckLifetime, MultiFactorCheckLifetime duration
	SecondFactors, MultiFactors                         []string
}

func (a loginAnswer) settings() LoginSettings {
	return LoginSettings{
		AllowUsernamePassword:      a.AllowUsernamePassword || a.AllowLocalAuthentication,
		AllowRegister:              a.AllowRegister,
		AllowExternalIDP:           a.AllowExternalIDP,
		ForceMFA:                   a.ForceMFA,
		ForceMFALocalOnly:          a.ForceMFALocalOnly,
		PasskeysType:               a.PasskeysType == "PASSKEYS_TYPE_ALLOWED",
		HidePasswordReset:          a.HidePasswordReset,
		IgnoreUnknownUsernames:     a.IgnoreUnknownUsernames,
		AllowDomainDiscovery:       a.AllowDomainDiscovery,
		DisableLoginWithEmail:      a.DisableLoginWithEmail,
		DisableLoginWithPhone:      a.DisableLoginWithPhone,
		DefaultRedirectURI:         a.DefaultRedirectURI,
		PasswordCheckLifetime:      time.Duration(a.PasswordCheckLifetime),
		ExternalLoginCheckLifetime: time.Duration(a.ExternalLoginCheckLifetime),
		MFAInitSkipLifetime:        time.Duration(a.MFAInitSkipLifetime),
		SecondFactorCheckLifetime:  time.Duration(a.SecondFactorCheckLifetime),
		MultiFactorCheckLifetime:   time.Duration(a.MultiFactorCheckLifetime),
		SecondFactors:              factorMethods(a.SecondFactors),
		MultiFactors:               factorMethods(a.MultiFactors),
	}
}

// factorMethods names the policy's factor types as methods. What it does not
// know is not offered.
func factorMethods(types []string) []AuthMethod {
	var methods []AuthMethod
	for _, t := range types {
		method, known := methodByFactorType[t]
		if known && !slices.Contains(methods, method) {
			methods = append(methods, method)
		}
	}
	return methods
}

var methodByFactorType = map[string]AuthMethod{
	"SECOND_FACTOR_TYPE_OTP":                  MethodTOTP,
	"SECOND_FACTOR_TYPE_TOTP":                 MethodTOTP, // its newer name
	"SECOND_FACTOR_TYPE_U2F":                  MethodU2F,
	"SECOND_FACTOR_TYPE_OTP_EMAIL":            MethodOTPEmail,
	"SECOND_FACTOR_TYPE_OTP_SMS":              MethodOTPSMS,
	"MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION": MethodPasskey,
}
