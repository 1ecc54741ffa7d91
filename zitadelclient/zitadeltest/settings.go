package zitadeltest

// languages are those the server has texts for.
var languages = []string{
	"bg", "cs", "de", "en", "es", "fr", "hu", "id", "it", "ja", "ko", "mk", "nl", "pl", "pt", "ro", "ru", "sv", "tr", "zh",
}

// settingsRoutes are the v2 settings service, read only.
func (s *Server) settingsRoutes() []route {
	context := []string{"ctx.orgId", "ctx.instance"}
	return []route{
		{pattern: "GET /v2/settings", api: reading((*call).generalSettings)},
		{pattern: "GET /v2/settings/security", api: reading((*call).securitySettings)},
		{pattern: "GET /v2/settings/login", api: reading(settings(loginPolicy, loginBody)), query: context},
		{pattern: "GET /v2/settings/login/idps", api: reading((*call).identityProviders), query: context},
		{pattern: "GET /v2/settings/password/complexity", api: reading(settings(complexityPolicy, complexityBody)), query: context},
		{pattern: "GET /v2/settings/password/expiry", api: reading(settings(expiryPolicy, expiryBody)), query: context},
		{pattern: "GET /v2/settings/branding", api: reading(settings(brandingPolicy, brandingBody)), query: context},
		{pattern: "GET /v2/settings/domain", api: reading(settings(domainPolicy, domainBody)), query: context},
		{pattern: "GET /v2/settings/legal_support", api: reading(settings(legalPolicy, legalBody)), query: context},
		{
			pattern: "GET /v2/settings/hosted_login_translation", api: reading((*call).getTranslation),
			query: []string{"system", "instance", "organizationId", "locale", "ignoreInheritance"},
		},
		{pattern: "GET /v2/settings/lockout", api: reading(settings(lockoutPolicy, lockoutBody)), query: context},
	}
}

// reading wraps a call that needs policy.read.
func reading(next func(*call) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if err := c.require(policyRead); err != nil {
			return nil, err
		}
		return next(c)
	}
}

// settings answers with the policy of the organization in ctx.orgId; one that
// does not exist has the instance's.
func settings[T any](pick func(*policies) **policy[T], body func(T) object) func(*call) (any, error) {
	return func(c *call) (any, error) {
		p := effective(c.Server, c.request.URL.Query().Get("ctx.orgId"), pick)
		settings := body(p.value)
		settings["resourceOwnerType"] = "RESOURCE_OWNER_TYPE_ORG"
		if p.owner == c.instanceID {
			settings["resourceOwnerType"] = "RESOURCE_OWNER_TYPE_INSTANCE"
		}
		return object{"details": p.readDetails(), "settings": compact(settings)}, nil
	}
}

func (c *call) generalSettings() (any, error) {
	return object{"defaultOrgId": c.defaultOrgID, "defaultLanguage": c.defaultLanguage, "supportedLanguages": languages}, nil
}

func (c *call) securitySettings() (any, error) {
	return object{"settings": object{"embeddedIframe": object{}}}, nil
}

func loginBody(v LoginSettings) object {
	passkeys := "PASSKEYS_TYPE_NOT_ALLOWED"
	if v.PasskeysAllowed {
		passkeys = "PASSKEYS_TYPE_ALLOWED"
	}
	return object{
		"allowUsernamePassword": v.AllowUsernamePassword, "allowRegister": v.AllowRegister, "allowExternalIdp": v.AllowExternalIDP,
		"forceMfa": v.ForceMFA, "forceMfaLocalOnly": v.ForceMFALocalOnly, "passkeysType": passkeys,
		"hidePasswordReset": v.HidePasswordReset, "ignoreUnknownUsernames": v.IgnoreUnknownUsernames,
		"allowDomainDiscovery": v.AllowDomainDiscovery, "disableLoginWithEmail": v.DisableLoginWithEmail,
		"disableLoginWithPhone": v.DisableLoginWithPhone, "defaultRedirectUri": v.DefaultRedirectURI,
		"passwordCheckLifetime": seconds(v.PasswordCheckLifetime), "externalLoginCheckLifetime": seconds(v.ExternalLoginCheckLifetime),
		"mfaInitSkipLifetime": seconds(v.MFAInitSkipLifetime), "secondFactorCheckLifetime": seconds(v.SecondFactorCheckLifetime),
		"multiFactorCheckLifetime": seconds(v.MultiFactorCheckLifetime), "secondFactors": v.SecondFactors, "multiFactors": v.MultiFactors,
	}
}

func complexityBody(v PasswordComplexity) object {
	return object{
		"minLength": decimalOrNothing(v.MinLength), "requiresUppercase": v.RequiresUppercase, "requiresLowercase": v.RequiresLowercase,
		"requiresNumber": v.RequiresNumber, "requiresSymbol": v.RequiresSymbol,
	}
}

func expiryBody(v PasswordExpiry) object {
	return object{"maxAgeDays": decimalOrNothing(v.MaxAgeDays), "expireWarnDays": decimalOrNothing(v.ExpireWarnDays)}
}

func brandingBody(v Branding) object {
	return object{
		"lightTheme": themeBody(v.Light), "darkTheme": themeBody(v.Dark), "fontUrl": v.FontURL,
		"hideLoginNameSuffix": v.HideLoginNameSuffix, "disableWatermark": v.DisableWatermark, "themeMode": v.ThemeMode,
	}
}

func themeBody(t Theme) object {
	return compact(object{
		"primaryColor": t.PrimaryColor, "backgroundColor": t.BackgroundColor, "warnColor": t.WarnColor, "fontColor": t.FontColor,
		"logoUrl": t.LogoURL, "iconUrl": t.IconURL,
	})
}

func domainBody(v DomainSettings) object {
	return object{"loginNameIncludesDomain": v.LoginNameIncludesDomain}
}

func legalBody(v LegalAndSupport) object {
	return object{
		"tosLink": v.TOSLink, "privacyPolicyLink": v.PrivacyPolicyLink, "helpLink": v.HelpLink, "supportEmail": v.SupportEmail,
		"docsLink": v.DocsLink, "customLink": v.CustomLink, "customLinkText": v.CustomLinkText,
	}
}

func lockoutBody(v Lockout) object {
	return object{"maxPasswordAttempts": decimalOrNothing(v.MaxPasswordAttempts), "maxOtpAttempts": decimalOrNothing(v.MaxOTPAttempts)}
}
