package templates

// The stories of identity providers.

var storyProviders = []Provider{
	{"1", "Example ID"}, {"2", "Contoso"}, {"3", "Stadtwerke Hohenstein"}, {"4", "GitHub"}, {"5", "Acme"}, {"6", "University"}, {"7", "Another one"},
}

const (
	storyProvider     = "Example ID"
	storyProviderLong = "Verwaltungsgemeinschaft Hohenstein-Waldenfels, Anmeldung für Beschäftigte"
)

func providerStories(b Base) []Story {
	one, who := storyProviders[:1], b.of(storyName)
	name := func(b Base, providers ...Provider) LoginNamePage {
		return LoginNamePage{Base: b, Label: LabelEmailOrPhone, CanRegister: true, Providers: providers}
	}
	ask := func(b Base, providers ...Provider) ProviderPage { return ProviderPage{Base: b, Providers: providers} }
	known := ask(who, one...)
	known.Others = []Way{{Kind: WayPassword, Href: "/password?a=k3v9p2qa", TestID: "password-link"}}
	password := PasswordPage{Base: who, LoginName: storyName, Others: []Way{{Kind: WayProvider, Href: "/idp?a=k3v9p2qa", Name: storyProvider, TestID: "provider-link"}}}
	several := password
	several.Others = []Way{{Kind: WayProvider, Href: "/idp?a=k3v9p2qa", TestID: "provider-link"}}
	back := ProviderReturnPage{Base: b, Provider: "1", Name: storyProvider} // Auto would have it leave the gallery
	tooMany := back
	tooMany.Base = b.with("problem.too_many", "", 30)
	return []Story{
		{"loginname/provider", name(b, one...)},
		{"loginname/providers", name(b, storyProviders[:5]...)},
		{"loginname/many-providers", name(b, storyProviders...)},
		{"loginname/provider-failed", name(b.noted("notice.provider_failed", storyProvider), one...)},
		{"loginname/provider-long", name(b.noted("notice.provider_failed", storyProviderLong), Provider{"1", storyProviderLong})},
		{"loginname/provider-no-account", name(b.noted("notice.provider_no_account", storyProvider), one...)},
		{"loginname/provider-address-taken", name(b.noted("notice.address_taken", storyProvider), one...)},
		{"loginname/provider-not-offered", name(b.with("problem.provider_unavailable", ""), one...)},
		{"password/provider", password},
		{"password/providers", several},
		{"idp/one", ask(b, one...)},
		{"idp/many", ask(b, storyProviders...)},
		{"idp/known", known},
		{"idp/failed", ask(who.noted("notice.provider_failed", storyProvider), one...)},
		{"idp/other-user", ask(who.noted("notice.provider_other_user", storyProvider), one...)},
		{"idp/unlinked", ask(who.noted("notice.provider_unlinked", storyProvider), one...)},
		{"idp/unavailable", ask(b.noted("notice.provider_unavailable", storyProvider), storyProviders[1:3]...)},
		{"idp/not-offered", ask(b.with("problem.provider_unavailable", ""), one...)},
		{"idp-leave/leaving", ProviderLeavePage{Base: b, Provider: "1", Name: storyProvider, Onward: "https://idp.example.com/authorize"}},
		{"idp-return/back", back},
		{"idp-return/too-many", tooMany},
	}
}

func newcomerStories(b Base) []Story {
	choice := RegisterPage{Base: b, NeedTerms: true, NeedPrivacy: true, Providers: storyProviders[:2]}
	methods := choice
	methods.Passwords, methods.Passkeys = true, true
	filled := RegisterPage{Base: b, NeedTerms: true, NeedPrivacy: true, GivenName: "Anna", FamilyName: "Lindqvist", Email: storyName, FromProvider: storyProvider, Vouched: true}
	lacking := filled
	lacking.FamilyName, lacking.Email, lacking.Vouched = "", "", false
	refused := lacking
	refused.Base = b.with("problem.name_empty", FieldFamilyName)
	return []Story{
		{"register/providers", choice},
		{"register/providers-and-methods", methods},
		{"register/from-provider", filled},
		{"register/from-provider-lacking", lacking},
		{"register/from-provider-missing", refused},
	}
}
