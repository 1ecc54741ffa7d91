package templates

// The pages of identity providers, and their buttons on others.

// Provider is somebody else who can say who a visitor is.
type Provider struct{ ID, Name string }

// ProviderPage asks to which provider to go.
type ProviderPage struct {
	Base
	Providers []Provider
	Auto      bool // press the only button by itself, once
	Others    []Way
}

// ProviderLeavePage is the page from which a browser leaves for a provider.
type ProviderLeavePage struct {
	Base
	Provider string // id
	Name     string
	Onward   string // where to, already checked
}

// ProviderReturnPage is where a visitor comes back to. Its form has what they
// brought looked at.
type ProviderReturnPage struct {
	Base
	Provider string // id
	Name     string
	Auto     bool // press the button by itself, once
}

// mostButtons is how many providers a page shows that is about something else.
const mostButtons = 5

// ProviderButtons are the providers as a page offers them beside what it is about.
type ProviderButtons struct {
	Base
	Items []ProviderButton
	More  bool // there are others, on a page of their own
}

// ProviderButton is one of them in words.
type ProviderButton struct {
	Provider
	Text string
}

func (b Base) providerButtons(list []Provider, most int) (ProviderButtons, error) {
	all := ProviderButtons{Base: b, More: len(list) > most}
	for _, p := range list[:min(len(list), most)] {
		text, err := b.T("providers.continue", p.Name)
		if err != nil {
			return all, err
		}
		all.Items = append(all.Items, ProviderButton{p, text})
	}
	return all, nil
}

// ProviderButtons are below the button of the page's own form.
func (p LoginNamePage) ProviderButtons() (ProviderButtons, error) {
	return p.providerButtons(p.Providers, mostButtons)
}

// ProviderButtons are above the form.
func (p RegisterPage) ProviderButtons() (ProviderButtons, error) {
	return p.providerButtons(p.Providers, mostButtons)
}

// ProviderButtons are all that there are.
func (p ProviderPage) ProviderButtons() (ProviderButtons, error) {
	return p.providerButtons(p.Providers, len(p.Providers))
}

// Title is the heading.
func (p ProviderPage) Title() (string, error) {
	if len(p.Providers) == 1 {
		return p.T("idp.title_one", p.Providers[0].Name)
	}
	return p.T("idp.title")
}

// Chip shows who is signing in, where that is known.
func (p ProviderPage) Chip() Chip { return Chip{p.Base, p.Who, true} }

// OtherWays are those besides the providers.
func (p ProviderPage) OtherWays() (Ways, error) { return p.others(p.Others) }

// Path is where the page is.
func (p ProviderLeavePage) Path() string { return "/idp/" + p.Provider }

// Path is where the page is and its form goes.
func (p ProviderReturnPage) Path() string { return "/idp/" + p.Provider + "/process" }

// Introduction says whose words the form is filled in with.
func (p RegisterPage) Introduction() (string, error) {
	return p.T("register.from_provider", p.FromProvider)
}

// SubmitLabel is on the button: behind a provider's words the form is the last.
func (p RegisterPage) SubmitLabel() (string, error) {
	if p.FromProvider != "" {
		return p.T("action.create_account")
	}
	return p.T("action.continue")
}

func (ProviderPage) file() string       { return "idp" }
func (ProviderLeavePage) file() string  { return "idp_leave" }
func (ProviderReturnPage) file() string { return "idp_return" }
