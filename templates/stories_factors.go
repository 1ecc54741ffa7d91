package templates

// What ZITADEL answers when it is asked for a challenge, and for the options of
// a new passkey; but for the RP ID, so that a browser takes the gallery's own.
const (
	storyRequest = `{"publicKey":{"allowCredentials":[{"id":"EbndJDrQWZXJLJY1fntph2YWPj9xnI-pKbEbEfLRFtY","type":"public-key"}],"challenge":"OYqiOgxW0eg85wejpJByHA0Dmhjm9xWvQ1V61nIecAA","timeout":300000,"userVerification":"required"}}`
	storyCreate  = `{"publicKey":{"attestation":"none","authenticatorSelection":{"userVerification":"required"},"challenge":"h__aYhjb6FqzeI91Osfn-Ebd6lVWPwvxYoR8mMPhZQ4","pubKeyCredParams":[{"alg":-7,"type":"public-key"},{"alg":-257,"type":"public-key"}],"rp":{"name":"ZITADEL"},"timeout":300000,"user":{"displayName":"Anna Lindqvist","id":"NDAwNzAwNDY5MDMyMjU4NTk4","name":"anna.lindqvist@example.com"}}}`
)

const (
	storySecret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	storyURI    = "otpauth://totp/ZITADEL:" + storyName + "?algorithm=SHA1&digits=6&issuer=ZITADEL&period=30&secret=" + storySecret
	storyMasked = "a•••@e•••.com"
	storyDigits = "492 039"
)

func storyWays(b Base, kinds ...string) []Way {
	paths := map[string]string{
		WayPassword: "/password", WayPasskey: "/passkey", WayU2F: "/u2f", WayRecovery: "/recovery-code", WayAccounts: "/accounts",
	}
	var all []Way
	for _, kind := range kinds {
		all = append(all, Way{Kind: kind, Href: b.Link(or(paths[kind], "/otp/"+kind)), TestID: kind + "-way"})
	}
	return all
}

func storyWaysToSetUp(b Base, kinds ...string) []Way {
	all := storyWays(b, kinds...)
	for i := range all {
		paths := map[string]string{WayPassword: "/password/set", WayPasskey: "/passkey/set", WayU2F: "/u2f/set"}
		all[i].Href = b.Link(or(paths[all[i].Kind], "/otp/"+all[i].Kind+"/set"))
	}
	return all
}

func accountStories(b Base) []Story {
	rows := []AccountRow{
		{Name: "Anna Lindqvist", LoginName: storyName, SignedIn: true, ID: "1"},
		{Name: "Ops", LoginName: "ops@example.com", ID: "2"},
		{LoginName: "anna.lindqvist@elsewhere.example", SignedIn: true, ID: "3"},
	}
	long := AccountRow{Name: "Maximiliane Charlotte von und zu Hohenstein-Waldenfels-Donaudampfschifffahrt", LoginName: storyLong, ID: "4"}
	with := func(b Base) AccountsPage { return AccountsPage{Base: b, Accounts: rows, CanAdd: true} }
	return []Story{
		{"accounts/several", with(b)},
		{"accounts/one", AccountsPage{Base: b, Accounts: rows[:1]}},
		{"accounts/long", AccountsPage{Base: b, Accounts: append(rows[:2:2], long), CanAdd: true}},
		{"accounts/removed", with(b.noted("notice.account_removed"))},
		{"accounts/gone", with(b.with("problem.account_gone", ""))},
		{"accounts/session-ended", with(b.with("problem.session_ended", ""))},
	}
}

func keyStories(b Base) []Story {
	b = b.of(storyName)
	others := storyWays(b, WayPassword, WayTOTP, WayRecovery)
	passkey := func(b Base) PasskeyPage {
		return PasskeyPage{Base: b, LoginName: b.Who, Options: storyRequest, Others: others[:1]}
	}
	key := func(b Base) SecurityKeyPage {
		return SecurityKeyPage{Base: b, LoginName: b.Who, Options: storyRequest, Others: others[1:]}
	}
	auto, asks := passkey(b), passkey(b)
	auto.Auto, asks.Options = true, ""
	autoKey, asksKey := key(b), key(b)
	autoKey.Auto, asksKey.Options = true, ""
	return []Story{
		{"passkey/ready", passkey(b)},
		{"passkey/auto", auto},
		{"passkey/asks-first", asks},
		{"passkey/just-made", PasskeyPage{Base: b.noted("notice.passkey_added"), LoginName: storyName, Options: storyRequest}},
		{"passkey/only-way", PasskeyPage{Base: b, LoginName: storyName, Options: storyRequest}},
		{"passkey/cancelled", passkey(b.with(keyCancelled, ""))},
		{"passkey/refused", passkey(b.with("problem.key_refused", ""))},
		{"passkey/unknown", passkey(b.with("problem.key_unknown", ""))},
		{"passkey/expired", passkey(b.with("problem.key_expired", ""))},
		{"passkey/not-enrolled", passkey(b.with("problem.not_enrolled", ""))},
		{"u2f/ready", key(b)},
		{"u2f/auto", autoKey},
		{"u2f/asks-first", asksKey},
		{"u2f/cancelled", key(b.with(keyCancelled, ""))},
		{"u2f/refused", key(b.with("problem.key_refused", ""))},
		{"u2f/unknown", key(b.with("problem.key_unknown", ""))},
		{"loginname/passkey", LoginNamePage{Base: b.of(""), Label: LabelEmail, LoginName: storyName, PasskeyOptions: storyRequest, Remember: true, CanReset: true, CanRegister: true}},
		{"password/passkey", PasswordPage{Base: b, LoginName: storyName, CanReset: true, PasskeyOptions: storyRequest, Others: storyWays(b, WayPasskey)}},
		{"password/remember", PasswordPage{Base: b, LoginName: storyName, CanReset: true, Remember: true}},
	}
}

func codeStories(b Base) []Story {
	b = b.of(storyName)
	others := storyWays(b, WayU2F, WayRecovery)
	with := func(b Base, method, typed string) CodePage {
		p := CodePage{Base: b, Method: method, Code: typed, Others: others}
		switch method {
		case WaySMS:
			p.Masked, p.CanResend = "•••89", true
		case WayEmail:
			p.Masked, p.CanResend = storyMasked, true
		case WayRecovery:
			p.Others = storyWays(b, WayTOTP)
		}
		return p
	}
	first := func(method string) CodePage {
		p := with(b, method, "")
		p.First, p.CanResend = true, false
		return p
	}
	link := with(b, WayEmail, storyDigits)
	link.FromLink, link.CanResend, link.Others = true, false, nil
	wrongLink := with(b.with("problem.code_otp", FieldCode), WayEmail, storyDigits)
	wrongLink.FromLink = true
	return []Story{
		{"code/app", with(b, WayTOTP, "")},
		{"code/app-alone", CodePage{Base: b, Method: WayTOTP}},
		{"code/app-missing", with(b.with("problem.code_empty", FieldCode), WayTOTP, "")},
		{"code/app-wrong", with(b.with("problem.code_otp", FieldCode), WayTOTP, storyDigits)},
		{"code/app-used", with(b.with("problem.code_used", FieldCode), WayTOTP, storyDigits)},
		{"code/app-too-many", with(b.with("problem.too_many", "", 30), WayTOTP, "")},
		{"code/sms-first", first(WaySMS)},
		{"code/sms-sent", with(b, WaySMS, "")},
		{"code/sms-resent", with(b.noted("notice.code_sent"), WaySMS, "")},
		{"code/sms-missing", with(b.with("problem.code_empty", FieldCode), WaySMS, "")},
		{"code/sms-wrong", with(b.with("problem.code_otp", FieldCode), WaySMS, storyDigits)},
		{"code/sms-not-sent", with(b.with("problem.code_not_sent", ""), WaySMS, "")},
		{"code/email-first", first(WayEmail)},
		{"code/email-sent", with(b, WayEmail, "")},
		{"code/email-resent", with(b.noted("notice.otp_sent"), WayEmail, "")},
		{"code/email-unknown-address", CodePage{Base: b, Method: WayEmail, CanResend: true}},
		{"code/email-missing", with(b.with("problem.code_empty", FieldCode), WayEmail, "")},
		{"code/email-wrong", with(b.with("problem.code_otp", FieldCode), WayEmail, storyDigits)},
		{"code/email-link", link},
		{"code/email-link-wrong", wrongLink},
		{"code/recovery", with(b, WayRecovery, "")},
		{"code/recovery-missing", with(b.with("problem.code_empty", FieldCode), WayRecovery, "")},
		{"code/recovery-wrong", with(b.with("problem.code_otp", FieldCode), WayRecovery, "7kx2-qf9m")},
	}
}

func setUpStories(b Base) []Story {
	b = b.of(storyName)
	factors := storyWaysToSetUp(b, WayTOTP, WayU2F, WaySMS, WayEmail)
	return []Story{
		{"mfa/choose", ChooseFactorPage{Base: b, Ways: storyWays(b, WayU2F, WayTOTP, WaySMS, WayEmail, WayRecovery)}},
		{"mfa/two", ChooseFactorPage{Base: b, Ways: storyWays(b, WayTOTP, WayEmail)}},
		{"mfa/not-allowed", ChooseFactorPage{Base: b.with("problem.factor_not_allowed", ""), Ways: storyWays(b, WayTOTP, WayU2F)}},
		{"mfa-set/offered", SetUpChoicePage{Base: b, Ways: factors, CanSkip: true}},
		{"mfa-set/forced", SetUpChoicePage{Base: b, Ways: factors, Forced: true}},
		{"mfa-set/already", SetUpChoicePage{Base: b.with("problem.already_enrolled", ""), Ways: factors[1:], CanSkip: true}},
		{"mfa-set/authenticator", SetUpChoicePage{Base: b.noted("notice.invited"), Kind: SetUpAuthenticator, Ways: storyWaysToSetUp(b, WayPasskey, WayPassword)}},
	}
}

func setUpCodeStories(b Base) []Story {
	b = b.of(storyName)
	// A text that is too long for a code leaves none: the secret alone will do.
	qr, _ := NewQR(storyURI)
	app := func(b Base, code string) SetUpTOTPPage {
		return SetUpTOTPPage{Base: b, QR: qr, Secret: storySecret, URI: storyURI, Code: code}
	}
	phone := func(b Base, typed string) SetUpCodePage {
		return SetUpCodePage{Base: b, Method: WaySMS, Phone: typed, NeedPhone: true}
	}
	sent := func(b Base) SetUpCodePage {
		return SetUpCodePage{Base: b, Method: WaySMS, Address: "+49 151 23456789", NeedCode: true}
	}
	return []Story{
		{"totp-set/begin", SetUpTOTPPage{Base: b}},
		{"totp-set/scan", app(b, "")},
		{"totp-set/no-picture", SetUpTOTPPage{Base: b, Secret: storySecret, URI: storyURI}},
		{"totp-set/missing", app(b.with("problem.code_empty", FieldCode), "")},
		{"totp-set/wrong", app(b.with("problem.code_otp", FieldCode), storyDigits)},
		{"code-set/phone", phone(b, "")},
		{"code-set/phone-missing", phone(b.with("problem.phone_empty", FieldPhone), "")},
		{"code-set/phone-invalid", phone(b.with("problem.phone_invalid", FieldPhone), "0151")},
		{"code-set/phone-sent", sent(b)},
		{"code-set/phone-wrong", sent(b.with("problem.code_otp", FieldCode))},
		{"code-set/sms", SetUpCodePage{Base: b, Method: WaySMS, Address: "•••89"}},
		{"code-set/email", SetUpCodePage{Base: b, Method: WayEmail, Address: storyName}},
		{"code-set/email-unknown-address", SetUpCodePage{Base: b, Method: WayEmail}},
	}
}

func setUpKeyStories(b Base) []Story {
	b = b.of(storyName)
	with := func(b Base, kind string) SetUpKeyPage {
		return SetUpKeyPage{Base: b, Kind: kind, Options: storyCreate, Name: "Firefox on Linux"}
	}
	offered, asks, auto := with(b, WayPasskey), with(b, WayPasskey), with(b, WayU2F)
	offered.CanSkip, offered.Others = true, storyWaysToSetUp(b, WayPassword)
	asks.Options, auto.Auto = "", true
	first := with(b, WayPasskey)
	first.Others = storyWaysToSetUp(b, WayPassword)
	return []Story{
		{"key-set/passkey", with(b, WayPasskey)},
		{"key-set/passkey-offered", offered},
		{"key-set/passkey-first", first},
		{"key-set/passkey-asks-first", asks},
		{"key-set/passkey-exists", with(b.with("problem.key_exists", ""), WayPasskey)},
		{"key-set/passkey-cancelled", with(b.with(keyCancelled, ""), WayPasskey)},
		{"key-set/passkey-name", with(b.with("problem.key_name_long", FieldName, 200), WayPasskey)},
		{"key-set/u2f", with(b, WayU2F)},
		{"key-set/u2f-auto", auto},
		{"key-set/u2f-exists", with(b.with("problem.key_exists", ""), WayU2F)},
		{"key-set/u2f-refused", with(b.with("problem.key_refused", ""), WayU2F)},
	}
}
