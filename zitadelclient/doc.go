// Package zitadelclient says everything that torhaus says to ZITADEL: it gets
// and renews the service token, makes the typed v2 API calls of a sign-in, and
// is our own OIDC client (authorize, exchange, refresh, revoke, and the
// verification of ID and logout tokens).
//
// Every request for the issuer's host goes through one transport to one
// configured address; no host is ever taken from a browser's request or from
// an answer, and no redirect is followed. What ZITADEL answers with an error
// becomes one of a small closed set of kinds, chosen by status and error id and
// never by message:
//
//	ref, err := client.CreateSession(ctx, zitadelclient.NewSession{
//		Checks:   zitadelclient.Checks{UserID: user.ID, Password: password},
//		Lifetime: settings.PasswordCheckLifetime,
//	})
//	if errors.Is(err, zitadelclient.WrongPassword) { … }
//
// The package refuses what the service token would allow but a sign-in must
// not do: a session without a lifetime (it would never expire), a password set
// without proof (the token could set anyone's), a session read without its
// token (it would prove nothing), a search without a criterion (it would list
// the instance). A call that checks a credential is never repeated, since
// ZITADEL counts every try towards the lockout.
//
// What a browser makes of a WebAuthn challenge is held against our own page's
// origin by [CheckClientData], since ZITADEL does not look at it, and is sent on
// only as far as ZITADEL needs it.
//
// Values that hold a token, a code or a password print as "[redacted]".
package zitadelclient
