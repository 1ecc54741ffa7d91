package zitadeltest

import (
	"slices"
	"strconv"
	"time"
)

// fixtureRoutes are the administrator calls of the recorder.
func (s *Server) fixtureRoutes() []route {
	rows := []route{
		{pattern: "POST /admin/v1/members", api: (*call).addMember},
		{pattern: "GET /admin/v1/secretgenerators/{type}", api: (*call).getGenerator},
		{pattern: "PUT /admin/v1/secretgenerators/{type}", api: (*call).putGenerator},
		{pattern: "GET /admin/v1/policies/login", api: adminGet(loginPolicy, adminLoginBody)},
		{pattern: "PUT /admin/v1/policies/login", api: (*call).putLoginPolicy},
		{pattern: "GET /admin/v1/policies/privacy", api: adminGet(legalPolicy, adminLegalBody)},
		{pattern: "PUT /admin/v1/policies/privacy", api: (*call).putPrivacyPolicy},
		{pattern: "GET /admin/v1/policies/password/age", api: adminGet(expiryPolicy, expiryBody)},
		{pattern: "PUT /admin/v1/policies/password/age", api: (*call).putPasswordAge},
		{pattern: "POST /admin/v1/orgs/{id}/policies/domain", api: (*call).addDomainPolicy},
		{pattern: "PUT /admin/v1/restrictions", api: (*call).putRestrictions},
		{pattern: "PUT /admin/v1/languages/default/{language}", api: (*call).putDefaultLanguage},
		{pattern: "GET /v2/features/instance", api: (*call).getFeatures, query: []string{"inheritance"}},
		{pattern: "PUT /v2/features/instance", api: (*call).putFeatures},
	}
	for i := range rows {
		rows[i].api = administrating(rows[i])
	}
	rows = append(rows, route{pattern: "PUT /v2/settings/hosted_login_translation", api: (*call).putTranslation})
	return slices.Concat(rows, s.brandingRoutes(), s.managementRoutes())
}

// administrating wraps the calls of administrators; those of the user service
// among the fixtures are the login client's.
func administrating(row route) func(*call) (any, error) {
	next := row.api
	return func(c *call) (any, error) {
		needed := administration
		if c.request.PathValue("id") != "" && row.pattern != "POST /admin/v1/orgs/{id}/policies/domain" {
			needed = userWrite
		}
		if err := c.require(needed); err != nil {
			return nil, err
		}
		return next(c)
	}
}

// adminGet reads a policy of the instance as the older API shows it.
func adminGet[T any](pick func(*policies) **policy[T], body func(T) object) func(*call) (any, error) {
	return func(c *call) (any, error) {
		p := effective(c.Server, "", pick)
		shown := compact(body(p.value))
		shown["details"] = p.readDetails()
		return object{"policy": shown}, nil
	}
}

func adminLoginBody(v LoginSettings) object {
	body := loginBody(v)
	body["passwordlessType"] = "PASSWORDLESS_TYPE_ALLOWED"
	delete(body, "passkeysType")
	return body
}

func adminLegalBody(v LegalAndSupport) object {
	body := legalBody(v)
	body["privacyLink"] = body["privacyPolicyLink"]
	delete(body, "privacyPolicyLink")
	return body
}

func (c *call) putLoginPolicy() (any, error) {
	var request struct {
		ForceMFA               bool   `json:"forceMfa"`
		ForceMFALocalOnly      bool   `json:"forceMfaLocalOnly"`
		AllowUsernamePassword  bool   `json:"allowUsernamePassword"`
		AllowRegister          bool   `json:"allowRegister"`
		AllowExternalIDP       bool   `json:"allowExternalIdp"`
		HidePasswordReset      bool   `json:"hidePasswordReset"`
		IgnoreUnknownUsernames bool   `json:"ignoreUnknownUsernames"`
		AllowDomainDiscovery   bool   `json:"allowDomainDiscovery"`
		DisableLoginWithEmail  bool   `json:"disableLoginWithEmail"`
		DisableLoginWithPhone  bool   `json:"disableLoginWithPhone"`
		DefaultRedirectURI     string `json:"defaultRedirectUri"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p := change(c.Server, "", loginPolicy, func(v *LoginSettings) {
		v.ForceMFA, v.ForceMFALocalOnly, v.AllowUsernamePassword = request.ForceMFA, request.ForceMFALocalOnly, request.AllowUsernamePassword
		v.AllowRegister, v.AllowExternalIDP, v.HidePasswordReset = request.AllowRegister, request.AllowExternalIDP, request.HidePasswordReset
		v.IgnoreUnknownUsernames, v.AllowDomainDiscovery = request.IgnoreUnknownUsernames, request.AllowDomainDiscovery
		v.DisableLoginWithEmail, v.DisableLoginWithPhone = request.DisableLoginWithEmail, request.DisableLoginWithPhone
		v.DefaultRedirectURI = request.DefaultRedirectURI
	})
	return object{"details": p.details()}, nil
}

func (c *call) putPrivacyPolicy() (any, error) {
	var request struct {
		TOSLink        string `json:"tosLink"`
		PrivacyLink    string `json:"privacyLink"`
		HelpLink       string `json:"helpLink"`
		SupportEmail   string `json:"supportEmail"`
		DocsLink       string `json:"docsLink"`
		CustomLink     string `json:"customLink"`
		CustomLinkText string `json:"customLinkText"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p := change(c.Server, "", legalPolicy, func(v *LegalAndSupport) {
		*v = LegalAndSupport{
			TOSLink: request.TOSLink, PrivacyPolicyLink: request.PrivacyLink, HelpLink: request.HelpLink, SupportEmail: request.SupportEmail,
			DocsLink: request.DocsLink, CustomLink: request.CustomLink, CustomLinkText: request.CustomLinkText,
		}
	})
	return object{"details": p.details()}, nil
}

func (c *call) putPasswordAge() (any, error) {
	var request struct {
		MaxAgeDays     any `json:"maxAgeDays"` // a number or, 64 bits, a string
		ExpireWarnDays any `json:"expireWarnDays"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p := change(c.Server, "", expiryPolicy, func(v *PasswordExpiry) {
		*v = PasswordExpiry{MaxAgeDays: wholeNumber(request.MaxAgeDays), ExpireWarnDays: wholeNumber(request.ExpireWarnDays)}
	})
	return object{"details": p.details()}, nil
}

func wholeNumber(v any) int {
	switch v := v.(type) {
	case float64:
		return int(v)
	case string:
		n, _ := strconv.Atoi(v)
		return n
	}
	return 0
}

func (c *call) addDomainPolicy() (any, error) {
	var request struct {
		UserLoginMustBeDomain                  bool `json:"userLoginMustBeDomain"`
		ValidateOrgDomains                     bool `json:"validateOrgDomains"`
		SMTPSenderAddressMatchesInstanceDomain bool `json:"smtpSenderAddressMatchesInstanceDomain"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p := change(c.Server, c.id(), domainPolicy, func(v *DomainSettings) { v.LoginNameIncludesDomain = request.UserLoginMustBeDomain })
	return object{"details": p.addDetails()}, nil
}

// addDetails is what older calls answer to additions: no change date.
func (r record) addDetails() object {
	return object{"sequence": decimal(r.sequence), "creationDate": timestamp(r.changed), "resourceOwner": r.owner}
}

func (c *call) putRestrictions() (any, error) {
	var request struct {
		AllowedLanguages *struct {
			List []string `json:"list"`
		} `json:"allowedLanguages"`
		DisallowPublicOrgRegistration bool `json:"disallowPublicOrgRegistration"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.AllowedLanguages != nil {
		c.allowedLanguages = request.AllowedLanguages.List
	}
	return c.instanceDetails(), nil
}

func (c *call) instanceDetails() object {
	r := record{owner: c.instanceID}
	c.touch(&r)
	return object{"details": r.details()}
}

func (c *call) putDefaultLanguage() (any, error) {
	language := c.request.PathValue("language")
	if len(c.allowedLanguages) > 0 && !slices.Contains(c.allowedLanguages, language) {
		return nil, failedPrecondition("LANG-2M9fs", "Language is not allowed")
	}
	c.defaultLanguage = language
	return c.instanceDetails(), nil
}

func (c *call) getFeatures() (any, error) {
	body := c.instanceDetails()
	body["enableBackChannelLogout"] = compact(object{"enabled": c.backchannelLogout})
	body["loginV2"] = object{"required": true, "baseUri": c.config.LoginBaseURI, "source": "SOURCE_INSTANCE"}
	return body, nil
}

func (c *call) putFeatures() (any, error) {
	var request struct {
		EnableBackChannelLogout *bool `json:"enableBackChannelLogout"`
		OIDCTokenExchange       *bool `json:"oidcTokenExchange"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.EnableBackChannelLogout != nil {
		c.backchannelLogout = *request.EnableBackChannelLogout
	}
	return c.instanceDetails(), nil
}

func (c *call) getGenerator() (any, error) {
	g := c.outbox.generators[c.request.PathValue("type")]
	return object{"secretGenerator": object{"length": g.length, "expiry": seconds(g.expiry)}}, nil
}

func (c *call) putGenerator() (any, error) {
	var request struct {
		Length              int    `json:"length"`
		Expiry              string `json:"expiry"`
		IncludeUpperLetters bool   `json:"includeUpperLetters"`
		IncludeDigits       bool   `json:"includeDigits"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	expiry, err := time.ParseDuration(request.Expiry)
	if err != nil {
		return nil, badRequest(err.Error())
	}
	changed := c.outbox.generators[c.request.PathValue("type")] // the alphabet stays
	changed.length, changed.expiry = request.Length, expiry
	c.outbox.generators[c.request.PathValue("type")] = changed
	return c.instanceDetails(), nil
}

func (c *call) addMember() (any, error) {
	var request struct {
		UserID string   `json:"userId"`
		Roles  []string `json:"roles"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u := c.users[request.UserID]
	switch {
	case u == nil:
		return nil, failedPrecondition("INSTA-GSXOn", "User could not be found")
	case len(u.roles) > 0:
		return nil, alreadyExists("INSTA-pFDwe", "Errors.Instance.Member.AlreadyExists")
	}
	u.roles = request.Roles
	r := record{owner: c.instanceID}
	c.touch(&r)
	return object{"details": r.addDetails()}, nil
}
