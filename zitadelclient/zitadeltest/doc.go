// Package zitadeltest provides an in-memory ZITADEL for tests and for the
// development server, as net/http/httptest provides a web server.
//
// It is state, not a script: users, sessions, auth requests, codes and tokens
// live in memory, calls change them, and the answers follow. What it answers
// was recorded on a real ZITADEL 4.3; the conformance tests hold it to those
// recordings, weaknesses included. A PATCH of an unknown session succeeds, the
// login client may set anyone's password and finalize any session: code that
// relies on ZITADEL to refuse such things must fail here too.
//
// In a test the server is strict: it answers as the real one does, which
// overlooks unknown JSON fields, but fails the test for what our client sends
// that ZITADEL does not know.
//
//	z := zitadeltest.NewServer(t, zitadeltest.Config{})
//	alice := z.AddUser(zitadeltest.UserSeed{UserName: "alice", Email: "alice@example.com", EmailVerified: true, Password: "Password1!"})
//	login := z.AddServiceUser("login", "IAM_LOGIN_CLIENT")
//	// A client for z.Issuer() at z.URL() with login.PAT or login.KeyFile sees alice.
//
// Second factors and passkeys are there as well. An [Authenticator] takes the
// part of the browser and its keys in WebAuthn ceremonies, and can lie:
//
//	key := zitadeltest.NewAuthenticator()
//	z.AddPasskey(alice, "example.localhost", key)
//	credential, err := key.Get(options, "http://auth.example.localhost:8400")
//
// The server does not check the origin of a ceremony, no more than the real one
// does: a page that forgets to is found out by key.Lie(zitadeltest.Lie{Origin: …}).
//
// It refuses to be more than that: there is no persistence, no gRPC and no
// password hashing (passwords are compared as they are, so that tests are
// fast). Nothing in production may import it.
package zitadeltest
