package templates

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// The passkey tests talk to Chromium's virtual authenticator. The stage is then
// "localhost", since an address of numbers cannot have passkeys.

const (
	newKey   = `{"publicKey":{"attestation":"none","authenticatorSelection":{"userVerification":"required","residentKey":"required"},"challenge":"h__aYhjb6FqzeI91Osfn-Ebd6lVWPwvxYoR8mMPhZQ4","pubKeyCredParams":[{"alg":-7,"type":"public-key"}],"rp":{"id":"localhost","name":"ZITADEL"},"timeout":300000,"excludeCredentials":[EXCLUDED],"user":{"displayName":"Anna","id":"NDAwNzAwNDY5MDMyMjU4NTk4","name":"anna"}}}`
	aKey     = `{"publicKey":{"allowCredentials":[{"id":"ALLOWED","type":"public-key"}],"challenge":"OYqiOgxW0eg85wejpJByHA0Dmhjm9xWvQ1V61nIecAA","rpId":"localhost","timeout":300000,"userVerification":"required"}}`
	aMissing = "EbndJDrQWZXJLJY1fntph2YWPj9xnI-pKbEbEfLRFtY"
)

func allowing(id string) string { return strings.ReplaceAll(aKey, "ALLOWED", id) }

func authenticator(t *testing.T, ctx context.Context) {
	t.Helper()
	do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: "ctap2", Transport: "internal",
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		return err
	}))
}

// open shows the page at /page/<name>.
func (s *stage) open(t *testing.T, ctx context.Context, p Page) {
	t.Helper()
	s.shown.Store(&p)
	do(t, ctx, chromedp.Navigate(strings.Replace(s.URL, "127.0.0.1", "localhost", 1)+"/page"))
}

// sent is the form that arrived, with its credential taken apart.
func (s *stage) sent(t *testing.T, ctx context.Context) (form url.Values, id string, response map[string]string) {
	t.Helper()
	await(t, ctx, `document.querySelector("#next")`)
	form = *s.form.Load()
	var credential struct {
		ID, RawID, Type string
		Response        map[string]any
	}
	if err := json.Unmarshal([]byte(form.Get(FieldCredential)), &credential); err != nil {
		t.Fatalf("the credential is %q: %v", form.Get(FieldCredential), err)
	}
	if credential.Type != "public-key" || credential.ID == "" || credential.ID != credential.RawID {
		t.Errorf("type %q, id %q, raw %q", credential.Type, credential.ID, credential.RawID)
	}
	response = map[string]string{}
	for name, value := range credential.Response {
		if text, ok := value.(string); ok {
			response[name] = text
		}
	}
	return form, credential.ID, response
}

const (
	press    = `document.querySelector("[data-testid=submit-button]").click()`
	quietly  = `document.querySelector(".quietly").textContent`
	isBusy   = `document.querySelector("[data-testid=submit-button]").hasAttribute("aria-disabled")`
	noParser = `delete PublicKeyCredential.parseCreationOptionsFromJSON; delete PublicKeyCredential.parseRequestOptionsFromJSON;
		PublicKeyCredential.prototype.toJSON = () => { throw new TypeError("Illegal invocation") }`
)

// TestBrowserPasskey creates a passkey, uses it, and goes wrong in every way
// that has words of its own. Then it does so again as older browsers do.
func TestBrowserPasskey(t *testing.T) {
	for name, before := range map[string]string{"with the browser's parser": "", "with our own": noParser} {
		t.Run(name, func(t *testing.T) {
			s, ctx := newStage(t), browser(t)
			authenticator(t, ctx)
			do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: before})
				return err
			}))

			create := SetUpKeyPage{Kind: WayPasskey, Name: "Laptop", Options: strings.ReplaceAll(newKey, "EXCLUDED", "")}
			s.open(t, ctx, create)
			do(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=submit-button]")))
			form, id, response := s.sent(t, ctx)
			if form.Get(FieldName) != "Laptop" || response["attestationObject"] == "" || response["clientDataJSON"] == "" {
				t.Errorf("created: %v", form)
			}

			s.open(t, ctx, PasskeyPage{Options: allowing(id), Auto: true})
			if _, used, response := s.sent(t, ctx); used != id || response["signature"] == "" || response["authenticatorData"] == "" {
				t.Errorf("used %s: %v, want %s", used, response, id)
			}
			if got := s.posts.Load(); got != 2 {
				t.Errorf("%d forms arrived, want 2", got)
			}

			create.Options = strings.ReplaceAll(newKey, "EXCLUDED", `{"id":"`+id+`","type":"public-key"}`)
			s.open(t, ctx, create)
			ask[any](t, ctx, press)
			await(t, ctx, quietly+` === "This device already has a passkey for your account."`)

			s.open(t, ctx, PasskeyPage{Options: allowing(aMissing)})
			for range 2 { // the button is there again, and works
				ask[any](t, ctx, press)
				await(t, ctx, quietly+` === "No passkey was used. Try again or use another way." && !`+isBusy)
				ask[any](t, ctx, quietly+` = ""`)
			}
			s.open(t, ctx, SecurityKeyPage{Options: `{"publicKey":{}}`, Auto: true})
			await(t, ctx, quietly+` === "Security keys do not work in this browser. Use another way." && !`+isBusy)
			if got := s.posts.Load(); got != 2 {
				t.Errorf("%d forms arrived, want 2: one was sent without its answer", got)
			}
		})
	}
}

// TestBrowserSuggestedPasskey: what is chosen among the suggestions for a field
// goes to the passkey's page, with the box that is in the other form.
func TestBrowserSuggestedPasskey(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	authenticator(t, ctx)
	s.open(t, ctx, SetUpKeyPage{Kind: WayPasskey, Options: strings.ReplaceAll(newKey, "EXCLUDED", "")})
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=submit-button]")))
	_, id, _ := s.sent(t, ctx)
	for _, remember := range []bool{true, false} {
		s.open(t, ctx, LoginNamePage{PasskeyOptions: allowing(id), Remember: remember})
		form, used, _ := s.sent(t, ctx)
		if *s.path.Load() != "/passkey" || used != id || (form.Get(FieldRemember) == "on") != remember {
			t.Errorf("%s got %v from %s, want %s", *s.path.Load(), form, used, id)
		}
	}
}

// TestBrowserSuggestionGivesWay: the password's form ends the ceremony that
// waits behind it, and is sent at once.
func TestBrowserSuggestionGivesWay(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		const waits = `navigator.credentials.get = ({ signal, mediation }) => new Promise((_, no) => {
			window.asked = mediation;
			signal.addEventListener("abort", () => { sessionStorage.aborted = "yes"; no(signal.reason); });
		}); PublicKeyCredential.isConditionalMediationAvailable = async () => true`
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: waits})
		return err
	}))
	s.open(t, ctx, PasswordPage{LoginName: storyName, PasskeyOptions: allowing(aMissing)})
	await(t, ctx, `window.asked === "conditional"`)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#password"), "secret"))
	ask[any](t, ctx, press)
	await(t, ctx, `document.querySelector("#next") && sessionStorage.aborted === "yes"`)
	if *s.path.Load() != "/password" || s.form.Load().Get(FieldPassword) != "secret" || s.form.Load().Has(FieldCredential) {
		t.Errorf("%s got %v", *s.path.Load(), *s.form.Load())
	}
}

// TestBrowserPasskeyWithoutScript: the page says what is missing, shows the
// other ways, and not the button that would do nothing.
func TestBrowserPasskeyWithoutScript(t *testing.T) {
	s, ctx := newStage(t), browser(t)
	do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	do(t, ctx, chromedp.Navigate(s.URL+"/story/en/passkey/ready"))
	const seen = `(() => { const shown = (css) => document.querySelector(css).checkVisibility();
		return [shown("noscript .notice"), shown("[data-testid=password-way]"), shown("[data-testid=submit-button]")].join() })()`
	if got := ask[string](t, ctx, seen); got != "true,true,false" {
		t.Errorf("notice, other way and button are shown: %s", got)
	}
}
