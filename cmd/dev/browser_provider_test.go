package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"torhaus/templates"
	"torhaus/zitadelclient/zitadeltest"
)

const (
	providerButton = `[name="provider"]`
	idaThere       = `[data-testid="person-ida"]`
	noahThere      = `[data-testid="person-noah"]`
)

// toProvider presses the provider's button; the page in between leaves by itself,
// with a script and without.
func (b *tab) toProvider() *tab {
	b.t.Helper()
	return b.press(providerButton).passTo(b.provider.url() + "/authorize")
}

// passTo waits for a page, past those that only lead on.
func (b *tab) passTo(address string) *tab {
	b.t.Helper()
	b.until(address, fmt.Sprintf(`document.readyState === "complete" && location.origin + location.pathname === %q`, address))
	return b
}

// backAs says who one is at the provider. The page that takes the return goes on by
// itself where there is a script.
func (b *tab) backAs(person, then string) *tab {
	b.t.Helper()
	b.press(person)
	if b.script {
		return b.passTo(then)
	}
	b.until("the return", `location.pathname.endsWith("/process") && document.querySelector("h1")`)
	b.audit()
	if got := ask[string](b, "location.search"); strings.Contains(got, "token") {
		b.t.Errorf("the token stays in the address: %s", got)
	}
	return b.press(submitButton).passTo(then)
}

func TestBrowserSignInByProvider(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().toProvider().backAs(idaThere, b.app.url()+"/").home("Ida Provider")
		for _, document := range b.seen.documents() {
			if strings.Contains(document, "token=") && !strings.Contains(document, "/process?") {
				b.t.Errorf("the token got out: %s", document)
			}
		}
	})
}

// Many a provider sends the browser on, to a sign-in server of its own or to its
// customer's. Browsers hold a page's form-action against all of these hops.
func TestBrowserProviderThatLeadsOn(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().press(providerButton).passTo(b.elsewhere() + "/authorize")
		b.backAs(idaThere, b.app.url()+"/").home("Ida Provider")
	}, func(p *product) {
		pages := p.provider.handler
		p.provider.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Host, p.provider.host) {
				http.Redirect(w, r, "http://elsewhere.localhost"+r.Host[len(p.provider.host):]+r.URL.String(), http.StatusFound)
				return
			}
			pages.ServeHTTP(w, r)
		})
	})
}

// elsewhere is another name of the provider's server.
func (b *tab) elsewhere() string {
	return strings.Replace(b.provider.url(), b.provider.host, "elsewhere.localhost", 1)
}

// The provider knows the visitor and answers at once, without a page of its own.
func TestBrowserProviderThatAnswersAtOnce(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().press(providerButton)
		if !b.script {
			b.until("the return", `location.pathname.endsWith("/process") && document.querySelector("h1")`)
			b.press(submitButton)
		}
		b.passTo(b.app.url() + "/").home("Ida Provider")
	}, func(p *product) {
		pages := p.provider.handler
		p.provider.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRequest(http.MethodPost, r.URL.String(), strings.NewReader("person=ida"))
			answer.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			pages.ServeHTTP(w, answer)
		})
	})
}

// Behaviour 10: an external user, of whom policy demands a second factor.
func TestBrowserProviderAndForcedFactor(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().fill(map[string]string{templates.FieldLoginName: "ida@example.com"}).press(submitButton).passTo(b.provider.url() + "/authorize")
		b.backAs(idaThere, b.auth.url()+"/mfa/set").press(`[data-testid="time-based-link"]`).at(b.auth.url() + "/otp/time-based/set")
		b.press(submitButton).at(b.auth.url() + "/otp/time-based/set")
		secret := strings.ReplaceAll(b.text(`[data-testid="secret"]`), " ", "")
		b.fill(map[string]string{templates.FieldCode: b.zitadel.TOTPCode(strings.Join(strings.Fields(secret), ""))}).press(submitButton).home("Ida Provider")
	}, func(p *product) {
		p.zitadel.SetLoginSettings("", func(s *zitadeltest.LoginSettings) { s.ForceMFA = true })
	})
}

// Behaviour 23: sign-up is a choice, and the provider fills in the form.
func TestBrowserSignUpByProvider(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		form := b.auth.url() + "/register"
		b.startSignUp().toProvider().backAs(noahThere, form).at(form)
		if got := b.value(templates.FieldEmail); got != "noah@provider.localhost" {
			b.t.Errorf("the address is %q", got)
		}
		b.agree().press(submitButton).home("Noah New")
	})
}

// Who says no there is back where they began, and nothing sends them there again.
func TestBrowserProviderRefuses(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		page := b.auth.url() + "/loginname"
		b.startSignIn().toProvider().press(`[data-testid="cancel"]`).at(page)
		if got := b.text(".notice"); !strings.Contains(got, "Example ID did not sign you in") {
			b.t.Errorf("the page says %q", got)
		}
		b.nameAlice()
	})
}

// The back button leads to the page from which the visitor left, not to the one in
// between, which would send them there again.
func TestBrowserBackFromProvider(t *testing.T) {
	withAndWithoutScript(t, func(b *tab) {
		b.startSignIn().toProvider().back()
		b.until("the page that was left", `location.pathname === "/loginname" && document.querySelector("[name=loginName]")`)
		b.nameAlice()
	})
}
