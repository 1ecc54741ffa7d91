package zitadeltest

import "time"

// policies are what an organization, or the instance, set for itself. Nil is
// inherited from the instance.
type policies struct {
	login      *policy[LoginSettings]
	complexity *policy[PasswordComplexity]
	expiry     *policy[PasswordExpiry]
	lockout    *policy[Lockout]
	legal      *policy[LegalAndSupport]
	domain     *policy[DomainSettings]
	branding   *policy[Branding]
}

// policy is a value with the record of its changes.
type policy[T any] struct {
	record
	value T
}

// LoginSettings say how users may sign in.
type LoginSettings struct {
	AllowUsernamePassword, AllowRegister, AllowExternalIDP bool
	ForceMFA, ForceMFALocalOnly                            bool
	PasskeysAllowed                                        bool
	HidePasswordReset, IgnoreUnknownUsernames              bool
	AllowDomainDiscovery                                   bool
	DisableLoginWithEmail, DisableLoginWithPhone           bool
	DefaultRedirectURI                                     string
	PasswordCheckLifetime, ExternalLoginCheckLifetime      time.Duration
	MFAInitSkipLifetime                                    time.Duration
	SecondFactorCheckLifetime, MultiFactorCheckLifetime    time.Duration
	SecondFactors, MultiFactors                            []string // as the API spells them
}

// PasswordComplexity says what a password must contain.
type PasswordComplexity struct {
	MinLength                                                            int
	RequiresUppercase, RequiresLowercase, RequiresNumber, RequiresSymbol bool
}

// PasswordExpiry says when a password is too old. ZITADEL only informs.
type PasswordExpiry struct{ MaxAgeDays, ExpireWarnDays int }

// Lockout says how many failures lock a user, 0 for never.
type Lockout struct{ MaxPasswordAttempts, MaxOTPAttempts int }

// LegalAndSupport are the links that a login UI shows; {{.Lang}} is kept as it is.
type LegalAndSupport struct {
	TOSLink, PrivacyPolicyLink, HelpLink, SupportEmail string
	DocsLink, CustomLink, CustomLinkText               string
}

// DomainSettings say whether login names end in the organization's domain.
type DomainSettings struct{ LoginNameIncludesDomain bool }

// Branding is how a login UI should look.
type Branding struct {
	Light, Dark                           Theme
	FontURL                               string
	HideLoginNameSuffix, DisableWatermark bool
	ThemeMode                             string // THEME_MODE_AUTO, THEME_MODE_LIGHT or THEME_MODE_DARK
}

// Theme is one half of the branding. URLs are absolute, on the issuer.
type Theme struct {
	PrimaryColor, BackgroundColor, WarnColor, FontColor string
	LogoURL, IconURL                                    string
}

// instancePolicies are those of the instance that was recorded.
func instancePolicies(s *Server, owner string) *policies {
	p := &policies{
		login: &policy[LoginSettings]{value: LoginSettings{
			AllowUsernamePassword: true, AllowRegister: true, AllowExternalIDP: true, PasskeysAllowed: true, AllowDomainDiscovery: true,
			PasswordCheckLifetime: 240 * time.Hour, ExternalLoginCheckLifetime: 240 * time.Hour, MFAInitSkipLifetime: 720 * time.Hour,
			SecondFactorCheckLifetime: 18 * time.Hour, MultiFactorCheckLifetime: 12 * time.Hour,
			SecondFactors: []string{"SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F", "SECOND_FACTOR_TYPE_OTP_EMAIL", "SECOND_FACTOR_TYPE_OTP_SMS"},
			MultiFactors:  []string{"MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION"},
		}},
		complexity: &policy[PasswordComplexity]{value: PasswordComplexity{
			MinLength: 8, RequiresUppercase: true, RequiresLowercase: true, RequiresNumber: true, RequiresSymbol: true,
		}},
		expiry:  &policy[PasswordExpiry]{},
		lockout: &policy[Lockout]{},
		legal: &policy[LegalAndSupport]{value: LegalAndSupport{
			TOSLink: "https://example.com/tos", PrivacyPolicyLink: "https://example.com/privacy", HelpLink: "https://example.com/help",
			SupportEmail: "support@example.com", DocsLink: "https://zitadel.com/docs",
		}},
		domain: &policy[DomainSettings]{},
		branding: &policy[Branding]{value: Branding{
			Light:     Theme{PrimaryColor: "#5469d4", BackgroundColor: "#fafafa", WarnColor: "#cd3d56", FontColor: "#000000"},
			Dark:      Theme{PrimaryColor: "#2073c4", BackgroundColor: "#111827", WarnColor: "#ff3b5b", FontColor: "#ffffff"},
			ThemeMode: "THEME_MODE_AUTO",
		}},
	}
	for _, r := range []*record{
		&p.login.record, &p.complexity.record, &p.expiry.record, &p.lockout.record,
		&p.legal.record, &p.domain.record, &p.branding.record,
	} {
		r.owner = owner
		s.touch(r)
	}
	return p
}

// effective is the policy that applies to an organization: its own, else the
// instance's. An organization that does not exist has the instance's too.
func effective[T any](s *Server, org string, pick func(*policies) **policy[T]) *policy[T] {
	if own := s.policies[org]; own != nil && *pick(own) != nil {
		return *pick(own)
	}
	return *pick(s.policies[""])
}

// change sets the policy of an organization, or of the instance ("").
func change[T any](s *Server, org string, pick func(*policies) **policy[T], edit func(*T)) *policy[T] {
	value := effective(s, org, pick).value
	edit(&value)
	if s.policies[org] == nil {
		s.policies[org] = &policies{}
	}
	slot := pick(s.policies[org])
	if *slot == nil {
		*slot = &policy[T]{record: record{owner: org}}
	}
	(*slot).value = value
	s.touch(&(*slot).record)
	return *slot
}

func loginPolicy(p *policies) **policy[LoginSettings]           { return &p.login }
func complexityPolicy(p *policies) **policy[PasswordComplexity] { return &p.complexity }
func expiryPolicy(p *policies) **policy[PasswordExpiry]         { return &p.expiry }
func lockoutPolicy(p *policies) **policy[Lockout]               { return &p.lockout }
func legalPolicy(p *policies) **policy[LegalAndSupport]         { return &p.legal }
func domainPolicy(p *policies) **policy[DomainSettings]         { return &p.domain }
func brandingPolicy(p *policies) **policy[Branding]             { return &p.branding }

// SetLoginSettings edits the login settings of an organization; "" is the instance.
func (s *Server) SetLoginSettings(org string, edit func(*LoginSettings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, loginPolicy, edit)
}

// SetPasswordComplexity edits what passwords must contain.
func (s *Server) SetPasswordComplexity(org string, edit func(*PasswordComplexity)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, complexityPolicy, edit)
}

// SetPasswordExpiry edits when passwords are too old.
func (s *Server) SetPasswordExpiry(org string, edit func(*PasswordExpiry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, expiryPolicy, edit)
}

// SetLockout edits how many failures lock a user.
func (s *Server) SetLockout(org string, edit func(*Lockout)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, lockoutPolicy, edit)
}

// SetLegalAndSupport edits the links of the login UI.
func (s *Server) SetLegalAndSupport(org string, edit func(*LegalAndSupport)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, legalPolicy, edit)
}

// SetDomainSettings edits whether login names end in the organization's
// domain. Those of users that exist follow at once.
func (s *Server) SetDomainSettings(org string, edit func(*DomainSettings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, domainPolicy, edit)
}

// SetBranding edits colours and logos.
func (s *Server) SetBranding(org string, edit func(*Branding)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s, org, brandingPolicy, edit)
}
