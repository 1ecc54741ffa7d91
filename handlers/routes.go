package handlers

import (
	"maps"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"torhaus/session"
	"torhaus/web"
)

// steps are the pages of a sign-in. A row here is the only way to add one.
func (h *Handlers) steps() []step {
	return []step{
		accountsStep,
		loginNameStep,
		passwordStep,
		passwordSetStep,
		passwordChangeStep,
		registerStep,
		registerPasswordStep,
		verifyStep,
		verifiedStep,
		passkeyStep,
		securityKeyStep,
		totpStep,
		otpSMSStep,
		otpEmailStep,
		recoveryStep,
		secondFactorStep,
		setUpFactorStep,
		setUpPasskeyStep,
		setUpSecurityKeyStep,
		setUpTOTPStep,
		setUpOTPSMSStep,
		setUpOTPEmailStep,
		providerStep,
		providerReturnStep,
		setUpAuthenticatorStep,
	}
}

// linkGets are the steps whose address also stands in mails, or that ZITADEL sends
// a browser to.
func (h *Handlers) linkGets() map[string]web.Handler {
	return map[string]web.Handler{
		passwordSetStep.path: h.getPasswordSet,
		verifyStep.path:      h.getVerify,
		otpEmailStep.path:    h.getOTPEmail,

		providerReturnStep.path: h.getProviderReturn,
	}
}

// Public is the handler of the listener that browsers reach.
func (h *Handlers) Public() http.Handler {
	root := chi.NewRouter()
	root.Use(
		web.RequestLog(h.Logger, h.Now, session.WithPatience),
		web.ClientIP(h.TrustedProxies),
		web.Recover(h.earlyError),
		web.SecurityHeaders(h.HSTS),
		web.Limits(h.earlyError),
		web.Host(h.PublicURL, h.earlyError, "/healthz", "/readyz"),
		web.MaxBody(web.MaxBodyBytes, h.earlyError),
	)
	bound := chi.Middlewares{web.WholeBody(h.earlyError), web.MaxInFlight(h.MaxInFlight, h.earlyError)}
	root.NotFound(h.adapt(notFound))
	h.handle(root, "/healthz", web.Methods{"GET": h.healthz})
	h.handle(root, "/readyz", web.Methods{"GET": h.readyz})
	h.handle(root, "/.well-known/change-password", web.Methods{"GET": h.changePassword})
	h.handle(root, "/.well-known/jwks.json", web.Methods{"GET": h.assertionKeys})
	base := h.BasePath.String()
	root.Handle(base+"/static/*", http.StripPrefix(base, h.Static))
	h.handle(root.With(bound...), base+"/theme/{file}", web.Methods{"GET": h.themeCSS})
	h.endpoint(root, base+"/session/events", web.Methods{"GET": h.sessionEvents}) // bounded by themselves, open for long, and waiting for nobody
	h.appRoutes(root, base, bound)
	h.pageRoutes(root.With(bound...), base)
	return root
}

// ForwardAuth is the handler of the internal listener for proxies that ask whether a
// request may pass: /auth/{nginx,traefik,caddy,envoy}/{rule}, by any method. No
// router stands before it: one that cleans an address, or knows methods, would read
// what a visitor wrote before a rule is found.
func (h *Handlers) ForwardAuth() http.Handler {
	return chi.Chain(
		web.RequestLog(h.Logger, h.Now, session.WithPatience),
		web.ClientIP(h.TrustedProxies),
		web.Recover(h.proxyError),
		noStore,
		web.OnlyProxies(h.TrustedProxies, h.proxyError),
		web.AskedLimits(h.proxyError),
		web.MaxInFlight(h.MaxInFlight, h.proxyError), // without the body, which nobody reads
	).Handler(web.Adapt(translated(h.authorize), h.proxyError))
}

// noStore keeps answers to a proxy out of caches, its own and the visitor's: a
// redirect that a browser remembers would be a loop.
func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = notStored[:1:1]
		next.ServeHTTP(w, r)
	})
}

// notStored is one value for all answers.
var notStored = []string{"no-store"}

// pageRoutes are the pages. Their forms may only be sent from our own pages: a
// sibling subdomain is as foreign as any other site.
func (h *Handlers) pageRoutes(root chi.Router, base string) {
	r := root.With(web.CrossOrigin(h.PublicURL, nil, h.errorPage), rememberLanguage)
	h.handle(r, base+"/login", web.Methods{"GET": h.login})
	h.handle(r, base+"/signup", web.Methods{"GET": h.signup})
	h.handle(r, base+"/callback", web.Methods{"GET": h.callback})
	h.handle(r, base+"/signedin", web.Methods{"GET": h.signedIn})
	h.handle(r, base+"/logout/done", web.Methods{"GET": h.logoutDone})
	h.handle(r, base+leavePath, web.Methods{"GET": h.leave})
	h.handle(r, base+"/idp/{provider}/success", web.Methods{"GET": h.getProviderReturn})
	h.handle(r, base+"/idp/{provider}/failure", web.Methods{"GET": h.getProviderFailure})
	linkGets := h.linkGets()
	for _, s := range h.steps() {
		methods := web.Methods{"GET": h.get(s)}
		if get, ok := linkGets[s.path]; ok {
			methods["GET"] = get
		}
		if s.submit != nil {
			methods["POST"] = h.post(s)
		}
		h.handle(r, base+s.path, methods)
	}
}

// appRoutes are the endpoints that pages of our apps call; only listed origins
// may read them or write to them.
func (h *Handlers) appRoutes(root chi.Router, base string, bound chi.Middlewares) {
	r := root.With(bound...).With(web.CrossOrigin(h.PublicURL, h.AppOrigins, h.errorPage))
	h.handle(r.With(rememberLanguage), base+"/logout", web.Methods{"GET": h.askLogout, "POST": h.logout})
	h.endpoint(root, base+"/session", web.Methods{"GET": h.session}, bound...)
	h.endpoint(root, base+"/session/refresh", web.Methods{"POST": h.refreshSession}, bound...)
	h.endpoint(root, base+"/sessions", web.Methods{"GET": h.listSessions, "DELETE": h.endOtherSessions}, bound...)
	h.endpoint(root, base+"/sessions/{handle}", web.Methods{"DELETE": h.endSessionByHandle}, bound...)
	// Of no browser at all: ZITADEL's own call.
	receiver := web.Adapt(translated(web.Methods{"POST": h.backchannelLogout}.Serve), nil)
	root.With(bound...).With(web.CrossOrigin(h.PublicURL, nil, nil)).Handle(base+"/backchannel-logout", named(base+"/backchannel-logout", receiver))
}

// endpoint serves a route to scripts with the visitor's cookies. What changes
// something must say that it comes from one of the apps, or from ourselves: the
// browser vouches for that, and a token against forgery would prove no more.
func (h *Handlers) endpoint(r chi.Router, pattern string, methods web.Methods, bound ...func(http.Handler) http.Handler) {
	cors := web.CORS{Origins: h.AppOrigins, Methods: slices.Sorted(maps.Keys(methods)), Headers: []string{"If-None-Match", "Content-Type"}}
	ours := append(slices.Clone(h.AppOrigins), h.PublicURL)
	guards := chi.Chain(cors.Handler, web.CrossOrigin(h.PublicURL, h.AppOrigins, nil), web.RequireOrigin(ours, nil), web.RequireJSON(nil))
	guarded := append(guards, bound...).Handler(web.Adapt(translated(methods.Serve), nil))
	r.Handle(pattern, named(pattern, guarded))
}

// handle serves a route, and tells the log its template.
func (h *Handlers) handle(r chi.Router, pattern string, methods web.Methods) {
	r.Handle(pattern, named(pattern, h.adapt(methods.Serve)))
}

// named tells the log which route it was: the template, never what was asked for.
func named(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.EventFrom(r.Context()).Set("route", pattern)
		next.ServeHTTP(w, r)
	})
}

// adapt turns a handler that returns an error into one of net/http's.
func (h *Handlers) adapt(handler web.Handler) http.HandlerFunc {
	return web.Adapt(translated(handler), h.errorPage)
}

// translated words the errors of the layers below.
func translated(handler web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error { return translate(handler(w, r)) }
}

func notFound(http.ResponseWriter, *http.Request) error {
	return web.Error{Status: http.StatusNotFound, Key: "error.not_found"}
}

// assertionKeys are what apps verify assertions with. They may be kept for as long as
// a new key is published before it signs.
func (h *Handlers) assertionKeys(w http.ResponseWriter, _ *http.Request) error {
	if h.Assertions == nil {
		return notFound(nil, nil)
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(h.Assertions.KeySet())
	return err
}

// changePassword is where password managers look for the page (W3C
// change-password-url).
func (h *Handlers) changePassword(w http.ResponseWriter, r *http.Request) error {
	return web.Redirect(w, r, h.BasePath.Page("/password/change", ""))
}
