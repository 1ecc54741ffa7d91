package flow

import (
	"slices"

	"torhaus/zitadelclient"
)

// Identity providers: who may come by which, and where a visit to one leads.

// returned has what a provider said looked at before anything else is asked.
func returned(s State) (Step, bool) {
	if !s.Returned {
		return Step{}, false
	}
	return Step{Kind: ProviderReturn, Also: []Kind{LoginName}}, true
}

// providers are those by which somebody may come here: active for the
// organization, allowed by its policy, and the one that the client asks for. Of a
// user whom the page may know they are those that they are known to.
func (s State) providers() []string {
	theirs := s.User != nil && !s.hidesMethods()
	return s.providersThat(func(p zitadelclient.IdentityProvider) bool {
		return !theirs || slices.Contains(s.Linked, p.ID)
	})
}

// creating are the providers that may bring somebody new.
func (s State) creating() []string {
	if !s.Settings.AllowRegister {
		return nil
	}
	return s.providersThat(func(p zitadelclient.IdentityProvider) bool { return p.CreationAllowed })
}

// providersThat is the one place that holds a provider against policy and client.
func (s State) providersThat(fit func(zitadelclient.IdentityProvider) bool) (ids []string) {
	if !s.Settings.AllowExternalIDP {
		return nil
	}
	for _, p := range s.Providers {
		if fit(p) && (s.Request.Provider == "" || s.Request.Provider == p.ID) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// externalIsFresh reports whether a provider's word stands in the session. It is
// that of a provider which may still be come by and still knows the user: what was
// switched off or unlinked since, or is not the one that the client asks for, says
// nothing any more. A link that was just made is believed before the list shows it.
func (s State) externalIsFresh() bool {
	named := func(p zitadelclient.IdentityProvider) bool { return p.ID == s.CameBy }
	linked := slices.Contains(s.Linked, s.CameBy) || slices.Contains(s.Shown, IdentityProvider)
	return linked && len(s.providersThat(named)) > 0 &&
		s.fresh(IdentityProvider, s.Session.Factors.Intent, s.Settings.ExternalLoginCheckLifetime)
}

// withProviders adds the way by a provider to the others. Where the client asks
// for users of one, no other way will do.
func (s State) withProviders(ways []Kind) []Kind {
	if s.Request.Provider != "" {
		ways = nil
	}
	if len(s.providers()) > 0 {
		ways = append(ways, IdentityProvider)
	}
	return ways
}

// askProvider sends a visitor of whom nothing is known to one of these providers.
func (s State) askProvider(providers []string) Step {
	if len(providers) == 0 {
		return Step{Kind: Deny, Reason: NoMethod, Also: []Kind{LoginName}}
	}
	return Step{Kind: IdentityProvider, Also: []Kind{LoginName}, Providers: providers}
}

// askCreating is for somebody new where nobody new may have a password.
func (s State) askCreating() Step {
	if creating := s.creating(); len(creating) > 0 {
		return s.askProvider(creating)
	}
	return Step{Kind: Deny, Reason: RegisterClosed, Also: []Kind{LoginName}}
}

// leaving reports whether the visitor is on the way to a provider: the one that
// they chose, or that the client asks for.
func (s State) leaving() bool {
	return s.Request.Provider != "" || s.Chosen != "" && slices.Contains(s.providers(), s.Chosen)
}

// askNewcomer completes the account of somebody whom a provider knows and nobody
// here does.
func (s State) askNewcomer() Step {
	if !slices.Contains(s.creating(), s.Chosen) {
		return Step{Kind: Deny, Reason: RegisterClosed, Also: []Kind{LoginName}}
	}
	return Step{Kind: Register, Also: []Kind{LoginName}}
}
