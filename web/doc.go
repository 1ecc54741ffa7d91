// Package web is the HTTP kit under torhaus' pages and endpoints. It needs
// nothing but the standard library.
//
// It provides handlers that return an error ([Handler], [Adapt]), one wide log
// line a request ([RequestLog], [EventFrom]), the security headers and limits of
// every response ([SecurityHeaders], [Limits], [MaxBody], [WholeBody], [MaxInFlight], [Host]), protection
// against forged requests ([CrossOrigin], [RequireOrigin], [RequireJSON], [CORS]), the client's
// address behind trusted proxies ([ClientIP]), strict bodies ([Form],
// [ReadJSON]), answers that are asked for again and again ([WriteTaggedJSON],
// [EventStream]), and redirect targets that only a parser can make ([ReturnTo],
// [ClientRedirect], [DefaultRedirect], [PostLogout], [Path],
// [ProviderURL]).
//
// It refuses: to redirect to a plain string; to believe a forwarding header of a
// peer that is not a trusted proxy; to write a query, a cookie, a credential, a
// body or a control character to the log; to show a visitor more of a failure
// than its id; and forms with repeated fields, broken UTF-8 or NUL.
//
// The middlewares are meant to be applied in this order, outermost first:
//
//	web.RequestLog(logger, time.Now)
//	web.ClientIP(proxies)
//	web.Recover(page)
//	web.SecurityHeaders(hsts)
//	web.Limits(page)
//	web.Host(public, page, "/healthz", "/readyz")
//	web.MaxBody(web.MaxBodyBytes, page)
//	web.CrossOrigin(public, nil, page) // for pages
//
// and a handler looks like this:
//
//	func (s *server) signIn(w http.ResponseWriter, r *http.Request) error {
//		form, err := web.Form(r, 8)
//		if err != nil {
//			return err
//		}
//		target, err := s.apps.ReturnTo(form.Get("return_to"))
//		if err != nil {
//			return web.Error{Status: http.StatusBadRequest, Err: err}
//		}
//		return web.Redirect(w, r, target)
//	}
package web
