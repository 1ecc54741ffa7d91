package templates

func factorStories(b Base) []Story {
	return []Story{
		{"accounts/one", AccountsPage{Base: b}},
		{"passkey/ask", PasskeyPage{Base: b}},
		{"u2f/ask", SecurityKeyPage{Base: b}},
		{"mfa/choose", ChooseFactorPage{Base: b}},
		{"mfa-set/choose", SetUpChoicePage{Base: b}},
		{"code/app", CodePage{Base: b, Method: WayTOTP}},
		{"totp-set/ask", SetUpTOTPPage{Base: b}},
		{"code-set/sms", SetUpCodePage{Base: b, Method: WaySMS}},
		{"key-set/ask", SetUpKeyPage{Base: b, Kind: WayPasskey}},
	}
}
