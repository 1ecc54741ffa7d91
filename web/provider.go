package web

import (
	"errors"
	"fmt"
	"net/http"
)

// ProviderURL is where a browser is sent so that an identity provider can say
// who its visitor is: the address that ZITADEL made for one intent. It is no
// [Target], for it cannot be the answer to a form: see [Onward].
type ProviderURL struct{ origin, text string }

// String returns the URL as it is sent, re-serialised from its parsed form.
func (u ProviderURL) String() string { return u.text }

// ParseProviderURL accepts an https URL. Where we are plain http ourselves, which
// is on a developer's machine alone, it may also be plain http on this machine. Any
// origin will do, since providers are where they are; it is ZITADEL's
// administrators who choose them, and none may be javascript: (CVE-2026-29191).
func ParseProviderURL(raw string, public Origin) (ProviderURL, error) {
	u, err := parseURL(raw, maxCallback)
	if err != nil {
		return ProviderURL{}, err
	}
	origin, err := webOrigin(u)
	if err != nil {
		return ProviderURL{}, err
	}
	if origin.scheme() != "https" && (public.scheme() != "http" || !isLocal(origin)) {
		return ProviderURL{}, fmt.Errorf("%w: plain http", ErrTarget)
	}
	return ProviderURL{origin.Origin(), serialise(u, origin)}, nil
}

// Onward has the browser leave the page that is about to be written for a
// provider, by itself and without a script. Call it before the first byte.
//
// A redirect would not do. Browsers hold form-action against the whole chain of
// redirects that follows a form, and where a provider's chain leads (to a sign-in
// server, another one for a company's users, and back) nobody knows beforehand:
// the policy would have to allow every site, or the button would do nothing. A
// page of our own in between ends the chain of the form.
func Onward(w http.ResponseWriter, target ProviderURL) error {
	if target.String() == "" {
		return errors.New("onward: zero target")
	}
	w.Header().Set("Refresh", "0;url="+target.String())
	return nil
}
