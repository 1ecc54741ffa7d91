package zitadelclient

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the values must be, as the JSON of a recording names them: the far side
// of TestEveryRecordedSuccessDecodes, with nothing of the client's decoding.

func claimsOf(o object) IDClaims {
	moment := func(name string) time.Time {
		if o[name] == nil { // auth_time, where nothing but the user was checked
			return time.Time{}
		}
		return time.Unix(int64(o.number(name)), 0)
	}
	organization := o.text("urn:zitadel:iam:user:resourceowner:id")
	claims := IDClaims{
		Issuer: o.text("iss"), Subject: o.text("sub"), SessionID: o.text("sid"),
		AuthTime: moment("auth_time"), IssuedAt: moment("iat"), Expires: moment("exp"), Methods: o.texts("amr"),
		Name: o.text("name"), GivenName: o.text("given_name"), FamilyName: o.text("family_name"),
		Email: o.text("email"), EmailVerified: o.flag("email_verified"), Username: o.text("preferred_username"), Locale: o.text("locale"),
		OrganizationID: organization,
	}
	for role := range o.child("urn:zitadel:iam:org:project:roles") {
		if o.child("urn:zitadel:iam:org:project:roles").child(role)[organization] != nil {
			claims.Roles = append(claims.Roles, role)
		}
	}
	slices.Sort(claims.Roles)
	return claims
}

func authRequestOf(o object) AuthRequest {
	r := AuthRequest{
		ID: AuthRequestID(o.text("id")), Created: o.time("creationDate"), ClientID: o.text("clientId"), RedirectURI: o.text("redirectUri"),
		LoginHint: o.text("loginHint"), HintUserID: o.text("hintUserId"), Scopes: o.texts("scope"), UILocales: o.texts("uiLocales"),
	}
	for _, prompt := range o.texts("prompt") {
		r.Prompts = append(r.Prompts, Prompt(unprefixed("PROMPT_", prompt)))
	}
	if o["maxAge"] != nil {
		age := o.seconds("maxAge")
		r.MaxAge = &age
	}
	return r
}

func sessionOf(o object) Session {
	return Session{
		ID: o.text("id"), Created: o.time("creationDate"), Changed: o.time("changeDate"), Expires: o.time("expirationDate"),
		Factors: Factors{
			User: UserFactor{
				ID: o.text("factors.user.id"), LoginName: o.text("factors.user.loginName"), DisplayName: o.text("factors.user.displayName"),
				OrganizationID: o.text("factors.user.organizationId"), Verified: o.time("factors.user.verifiedAt"),
			},
			Password: o.time("factors.password.verifiedAt"), Intent: o.time("factors.intent.verifiedAt"),
			WebAuthN: o.time("factors.webAuthN.verifiedAt"), UserVerified: o.flag("factors.webAuthN.userVerified"),
			TOTP: o.time("factors.totp.verifiedAt"), OTPSMS: o.time("factors.otpSms.verifiedAt"), OTPEmail: o.time("factors.otpEmail.verifiedAt"),
			RecoveryCode: o.time("factors.recoveryCode.verifiedAt"),
		},
	}
}

func userOf(o object) User {
	language := o.text("human.profile.preferredLanguage")
	if language == "und" { // ZITADEL's word for none
		language = ""
	}
	return User{
		ID: o.text("userId"), OrganizationID: o.text("details.resourceOwner"), State: UserState(unprefixed("USER_STATE_", o.text("state"))),
		UserName: o.text("username"), PreferredLoginName: o.text("preferredLoginName"), LoginNames: o.texts("loginNames"), Human: o["human"] != nil,
		GivenName: o.text("human.profile.givenName"), FamilyName: o.text("human.profile.familyName"),
		DisplayName: o.text("human.profile.displayName"), PreferredLanguage: language,
		Email: o.text("human.email.email"), EmailVerified: o.flag("human.email.isVerified"),
		Phone: o.text("human.phone.phone"), PhoneVerified: o.flag("human.phone.isVerified"),
		PasswordChanged: o.time("human.passwordChanged"), PasswordChangeRequired: o.flag("human.passwordChangeRequired"),
		MFAInitSkipped: o.time("human.mfaInitSkipped"),
	}
}

func organizationOf(o object) Organization {
	return Organization{ID: o.text("id"), Name: o.text("name"), PrimaryDomain: o.text("primaryDomain"), Active: o.text("state") == "ORGANIZATION_STATE_ACTIVE"}
}

func loginSettingsOf(o object) LoginSettings {
	o = o.child("settings")
	return LoginSettings{
		AllowUsernamePassword: o.flag("allowUsernamePassword"), AllowRegister: o.flag("allowRegister"), AllowExternalIDP: o.flag("allowExternalIdp"),
		ForceMFA: o.flag("forceMfa"), ForceMFALocalOnly: o.flag("forceMfaLocalOnly"), PasskeysType: o.text("passkeysType") == "PASSKEYS_TYPE_ALLOWED",
		HidePasswordReset: o.flag("hidePasswordReset"), IgnoreUnknownUsernames: o.flag("ignoreUnknownUsernames"),
		AllowDomainDiscovery: o.flag("allowDomainDiscovery"), DisableLoginWithEmail: o.flag("disableLoginWithEmail"),
		DisableLoginWithPhone: o.flag("disableLoginWithPhone"), DefaultRedirectURI: o.text("defaultRedirectUri"),
		PasswordCheckLifetime: o.seconds("passwordCheckLifetime"), ExternalLoginCheckLifetime: o.seconds("externalLoginCheckLifetime"),
		MFAInitSkipLifetime: o.seconds("mfaInitSkipLifetime"), SecondFactorCheckLifetime: o.seconds("secondFactorCheckLifetime"),
		MultiFactorCheckLifetime: o.seconds("multiFactorCheckLifetime"),
		SecondFactors:            methodsOf("SECOND_FACTOR_TYPE_", o.texts("secondFactors")),
		MultiFactors:             methodsOf("MULTI_FACTOR_TYPE_", o.texts("multiFactors")),
	}
}

// methodsOf knows the two that a policy calls otherwise than a user's list.
func methodsOf(prefix string, types []string) []AuthMethod {
	var methods []AuthMethod
	for _, name := range types {
		switch method := AuthMethod(unprefixed(prefix, name)); method {
		case "otp":
			methods = append(methods, MethodTOTP)
		case "u2f_with_verification":
			methods = append(methods, MethodPasskey)
		default:
			methods = append(methods, method)
		}
	}
	return methods
}

func brandingOf(o object) Branding {
	o = o.child("settings")
	theme := func(o object) Theme {
		return Theme{PrimaryColor: o.text("primaryColor"), BackgroundColor: o.text("backgroundColor"), WarnColor: o.text("warnColor"),
			FontColor: o.text("fontColor"), LogoURL: o.text("logoUrl"), IconURL: o.text("iconUrl")}
	}
	return Branding{
		Light: theme(o.child("lightTheme")), Dark: theme(o.child("darkTheme")), FontURL: o.text("fontUrl"),
		ThemeMode: ThemeMode(unprefixed("THEME_MODE_", o.text("themeMode"))), HideLoginNameSuffix: o.flag("hideLoginNameSuffix"),
		DisableWatermark: o.flag("disableWatermark"),
	}
}

func legalAndSupportOf(o object) LegalAndSupport {
	o = o.child("settings")
	return LegalAndSupport{
		TOSLink: o.text("tosLink"), PrivacyPolicyLink: o.text("privacyPolicyLink"), HelpLink: o.text("helpLink"), SupportEmail: o.text("supportEmail"),
		DocsLink: o.text("docsLink"), CustomLink: o.text("customLink"), CustomLinkText: o.text("customLinkText"),
	}
}

func generalSettingsOf(o object) GeneralSettings {
	return GeneralSettings{DefaultOrganizationID: o.text("defaultOrgId"), DefaultLanguage: o.text("defaultLanguage"), SupportedLanguages: o.texts("supportedLanguages")}
}

func domainSettingsOf(o object) DomainSettings {
	return DomainSettings{LoginNameIncludesDomain: o.flag("settings.loginNameIncludesDomain")}
}

func lockoutOf(o object) Lockout {
	return Lockout{MaxPasswordAttempts: o.number("settings.maxPasswordAttempts"), MaxOTPAttempts: o.number("settings.maxOtpAttempts")}
}

func securityOf(o object) Security {
	return Security{EmbeddedIframe: o.flag("settings.embeddedIframe.enabled"), AllowedOrigins: o.texts("settings.embeddedIframe.allowedOrigins")}
}

func passwordComplexityOf(o object) PasswordComplexity {
	o = o.child("settings")
	return PasswordComplexity{MinLength: o.number("minLength"), RequiresUppercase: o.flag("requiresUppercase"),
		RequiresLowercase: o.flag("requiresLowercase"), RequiresNumber: o.flag("requiresNumber"), RequiresSymbol: o.flag("requiresSymbol")}
}

func passwordExpiryOf(o object) PasswordExpiry {
	return PasswordExpiry{MaxAgeDays: o.number("settings.maxAgeDays"), ExpireWarnDays: o.number("settings.expireWarnDays")}
}

// object is JSON as it stands there. Names are told apart by case, and joined
// by dots they lead to what is inside; what is absent is zero.
type object map[string]any

func parse(data []byte) object {
	var o object
	_ = json.Unmarshal(data, &o) // what is no object has no members
	return o
}

func (o object) at(path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return o[name]
	}
	return o.child(name).at(rest)
}

func (o object) child(path string) object {
	child, _ := o.at(path).(map[string]any)
	return child
}

func (o object) text(path string) string {
	s, _ := o.at(path).(string)
	return s
}

func (o object) flag(path string) bool {
	b, _ := o.at(path).(bool)
	return b
}

// number is one that is written as such or, like a 64-bit one, as a string.
func (o object) number(path string) int {
	if f, ok := o.at(path).(float64); ok {
		return int(f)
	}
	n, _ := strconv.Atoi(o.text(path))
	return n
}

func (o object) time(path string) time.Time {
	parsed, _ := time.Parse(time.RFC3339Nano, o.text(path))
	return parsed
}

func (o object) seconds(path string) time.Duration {
	n, _ := strconv.ParseFloat(strings.TrimSuffix(o.text(path), "s"), 64)
	return time.Duration(n * float64(time.Second))
}

func (o object) list(path string) []object {
	var found []object
	values, _ := o.at(path).([]any)
	for _, value := range values {
		child, _ := value.(map[string]any)
		found = append(found, child)
	}
	return found
}

func (o object) texts(path string) []string {
	var found []string
	values, _ := o.at(path).([]any)
	for _, value := range values {
		s, _ := value.(string)
		found = append(found, s)
	}
	return found
}

func unprefixed(prefix, name string) string {
	return strings.ToLower(strings.TrimPrefix(name, prefix))
}
