package templates

import "strings"

// Parts of the pages of passkeys, second factors and accounts.

// Ways is a list of ways, each a link.
type Ways struct {
	Heading string // "" where the page's own heading says it
	Items   []WayItem
}

// WayItem is one of them in words.
type WayItem struct {
	Way
	Text, Hint string
}

// ways puts the ways into words. Where a page is about something else and only
// lists them as a way out, they need no explanation.
func (b Base) ways(list []Way, explained bool) (Ways, error) {
	var all Ways
	for _, way := range list {
		item := WayItem{Way: way}
		var err error
		if item.Text, err = b.wayText(way); err != nil {
			return all, err
		}
		if explained {
			if item.Hint, err = b.T("way." + stem(way.Kind) + ".hint"); err != nil {
				return all, err
			}
		}
		all.Items = append(all.Items, item)
	}
	return all, nil
}

func (b Base) wayText(way Way) (string, error) {
	if way.Name != "" {
		return b.T("providers.continue", way.Name)
	}
	return b.T("way." + stem(way.Kind))
}

func (b Base) others(list []Way) (Ways, error) {
	all, err := b.ways(list, false)
	if err != nil || len(list) == 0 {
		return all, err
	}
	all.Heading, err = b.T("ways.others")
	return all, err
}

// OtherWays are those besides the password.
func (p PasswordPage) OtherWays() (Ways, error) { return p.others(p.Others) }

// OtherWays are those besides a password.
func (p FirstPasswordPage) OtherWays() (Ways, error) { return p.others(p.Others) }

// OtherWays are those besides the passkey.
func (p PasskeyPage) OtherWays() (Ways, error) { return p.others(p.Others) }

// OtherWays are those besides the security key.
func (p SecurityKeyPage) OtherWays() (Ways, error) { return p.others(p.Others) }

// OtherWays are those besides this code.
func (p CodePage) OtherWays() (Ways, error) { return p.others(p.Others) }

// OtherWays are what else can be set up.
func (p SetUpKeyPage) OtherWays() (Ways, error) { return p.others(p.Others) }

// WayList are the second factors to choose from.
func (p ChooseFactorPage) WayList() (Ways, error) { return p.ways(p.Ways, true) }

// WayList is what there is to set up.
func (p SetUpChoicePage) WayList() (Ways, error) { return p.ways(p.Ways, true) }

// Chip shows who is signing in, and lets them be someone else.
func (p PasskeyPage) Chip() Chip { return Chip{p.Base, or(p.Who, p.LoginName), true} }

// Chip shows who is signing in, and lets them be someone else.
func (p SecurityKeyPage) Chip() Chip { return Chip{p.Base, or(p.Who, p.LoginName), true} }

// Chip shows who is signing in, and lets them be someone else.
func (p CodePage) Chip() Chip { return Chip{p.Base, p.Who, true} }

// Chip shows who is signing in, and lets them be someone else.
func (p ChooseFactorPage) Chip() Chip { return Chip{p.Base, p.Who, true} }

// Chip shows for whom something is set up.
func (p SetUpChoicePage) Chip() Chip { return Chip{p.Base, p.Who, false} }

// Chip shows for whom something is set up.
func (p SetUpTOTPPage) Chip() Chip { return Chip{p.Base, p.Who, false} }

// Chip shows for whom something is set up.
func (p SetUpCodePage) Chip() Chip { return Chip{p.Base, p.Who, false} }

// Chip shows for whom something is set up.
func (p SetUpKeyPage) Chip() Chip { return Chip{p.Base, p.Who, false} }

// Rows are the accounts as the list shows them.
func (p AccountsPage) Rows() ([]AccountItem, error) {
	var rows []AccountItem
	for _, account := range p.Accounts {
		row := AccountItem{AccountRow: account, First: Chip{Name: or(account.Name, account.LoginName)}}
		if row.First.Name != account.LoginName {
			row.Second.Name = account.LoginName
		}
		row.Initial = or(account.Initial, row.First.Initial())
		state := "accounts.signed_out"
		if account.SignedIn {
			state = "accounts.signed_in"
		}
		var err error
		if row.State, err = p.T(state); err != nil {
			return nil, err
		}
		if row.RemoveLabel, err = p.T("accounts.remove", account.LoginName); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// AccountItem is an account in words.
type AccountItem struct {
	AccountRow
	First, Second Chip   // name and login name, or the login name alone
	State         string // "Signed in"
	RemoveLabel   string
}

// key is the text of this page's method.
func (p CodePage) key(part string) string { return "code." + stem(p.Method) + "." + part }

// Path is where the page is and its form goes.
func (p CodePage) Path() string {
	if p.Method == WayRecovery {
		return "/recovery-code"
	}
	return "/otp/" + p.Method
}

// Title is the heading.
func (p CodePage) Title() (string, error) {
	switch {
	case p.First:
		return p.T(p.key("first_title"))
	case !p.TypeCode():
		return p.T("code.email.from_link_title")
	}
	return p.T(p.key("title"))
}

// Instruction says where the code is to be found, or where it will go.
func (p CodePage) Instruction() (string, error) {
	if p.Method == WayTOTP || p.Method == WayRecovery {
		return p.T(p.key("text"))
	}
	if !p.First && !p.TypeCode() {
		return p.T("code.email.from_link") // only mails have links
	}
	part := "text"
	if p.First {
		part = "first"
	}
	return p.addressed(p.key(part), p.Masked)
}

// Help says what to do when no code comes, "" where none was sent.
func (p CodePage) Help() (string, error) {
	if p.First || !p.TypeCode() || (p.Method != WaySMS && p.Method != WayEmail) {
		return "", nil
	}
	return p.T(p.key("no_code"))
}

// addressed is a text that names an address, in the wording for when it is known.
func (b Base) addressed(key, address string) (string, error) {
	if address == "" {
		return b.T(key + "_no_address")
	}
	return b.T(key, address)
}

// ResendForm asks for another code.
func (p CodePage) ResendForm() (MailForm, error) {
	return p.mailForm(p.Path(), ActionResend, "resend-button", "action.send_new_code")
}

// NoticeText words the notice for the kind of code.
func (p CodePage) NoticeText() (string, error) { return p.worded(p.Method).NoticeText() }

// Errors words the problems for the kind of code.
func (p CodePage) Errors() (ErrorSummary, error) { return p.worded(p.Method).Errors() }

// Errors words the problems for the kind of code.
func (p SetUpTOTPPage) Errors() (ErrorSummary, error) { return p.worded(WayTOTP).Errors() }

// Errors words the problems for the kind of code.
func (p SetUpCodePage) Errors() (ErrorSummary, error) { return p.worded(p.Method).Errors() }

// Path is where the page is and its form goes.
func (p SetUpChoicePage) Path() string {
	if p.Kind == SetUpAuthenticator {
		return "/authenticator/set"
	}
	return "/mfa/set"
}

// Title is the heading.
func (p SetUpChoicePage) Title() (string, error) {
	if p.Kind == SetUpAuthenticator {
		return p.T("authenticator_set.title")
	}
	return p.T("mfa_set.title")
}

// Reason says why something is to be set up.
func (p SetUpChoicePage) Reason() (string, error) {
	switch {
	case p.Kind == SetUpAuthenticator:
		return p.T("authenticator_set.text")
	case p.Forced:
		return p.T("mfa_set.forced")
	}
	return p.T("mfa_set.text")
}

// SkipForm puts it off.
func (p SetUpChoicePage) SkipForm() (MailForm, error) {
	return p.mailForm(p.Path(), ActionSkip, "reset-button", "action.not_now")
}

// key is the text of this page's method.
func (p SetUpCodePage) key(part string) string { return "code_set." + p.Method + "." + part }

// Path is where the page is and its form goes.
func (p SetUpCodePage) Path() string { return "/otp/" + p.Method + "/set" }

// Title is the heading.
func (p SetUpCodePage) Title() (string, error) { return p.T(p.key("title")) }

// Instruction says what comes next.
func (p SetUpCodePage) Instruction() (string, error) {
	switch {
	case p.NeedPhone:
		return p.T("code_set.phone_text")
	case p.NeedCode:
		return p.addressed("code."+p.Method+".text", p.Address)
	}
	return p.addressed(p.key("text"), p.Address)
}

// ButtonText is what pressing the button does.
func (p SetUpCodePage) ButtonText() (string, error) {
	switch {
	case p.NeedPhone:
		return p.T("action.send_code")
	case p.NeedCode:
		return p.T("action.verify")
	}
	return p.T(p.key("confirm"))
}

// ResendForm asks for another code, to the same number.
func (p SetUpCodePage) ResendForm() (MailForm, error) {
	f, err := p.mailForm(p.Path(), ActionResend, "resend-button", "action.send_new_code")
	f.Phone = p.Address
	return f, err
}

// SMSForm asks for the code by SMS.
func (p PasswordSetPage) SMSForm() (MailForm, error) {
	return p.mailForm("/password/set", ActionSMS, "sms-button", "password_set.send_sms")
}

// key is the text of this page's kind.
func (p SetUpKeyPage) key(part string) string { return "key_set." + p.Kind + "." + part }

// Path is where the page is and its form goes.
func (p SetUpKeyPage) Path() string { return "/" + p.Kind + "/set" }

// Title is the heading.
func (p SetUpKeyPage) Title() (string, error) { return p.T(p.key("title")) }

// Explanation is the text below it.
func (p SetUpKeyPage) Explanation() (string, error) { return p.T(p.key("text")) }

// SkipForm puts it off.
func (p SetUpKeyPage) SkipForm() (MailForm, error) {
	return p.mailForm(p.Path(), ActionSkip, "reset-button", "action.not_now")
}

// withPasskeys adds the word with which a browser shows passkeys among the
// suggestions for a field. The standard wants it last.
func withPasskeys(f Field, options string) Field {
	if options != "" {
		f.Autocomplete = strings.TrimSpace(f.Autocomplete + " webauthn")
	}
	return f
}
