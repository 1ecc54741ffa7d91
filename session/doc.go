// Package session holds what torhaus remembers of a browser.
//
// Three things are remembered, each behind a cookie that names a record and
// says nothing else:
//
//   - an [Attempt] is one sign-in in progress. It lives half an hour, a browser
//     has at most eight, and [Manager.EndAttempt] ends it exactly once, however
//     many copies of a request arrive.
//   - an [Account] is a person whom this browser has signed in, with the one
//     copy of the token of their ZITADEL session.
//   - a [Session] is a signed-in browser at our apps. A small record answers
//     the question "who is this?" with one read; its tokens lie beside it.
//
// [Manager] is the only way to them. Handlers never see a cookie's value, a
// record's key or a store. [Keeper] keeps sessions true while they live, and is
// how an app's request gets to its own.
//
//	m, err := session.NewManager(session.Config{
//		Store: store, Keys: keys, Environment: "production", CookieDomain: "example.com",
//	})
//	k := session.NewKeeper(session.KeeperConfig{Sessions: m, Provider: zitadel})
//	defer k.Close()
//	…
//	s, err := k.Session(r.Context(), r, true)
//	switch {
//	case errors.Is(err, session.ErrNotFound): // 401: nobody is signed in
//	case err != nil: // 503: the store is in trouble, and nobody is signed out for it
//	}
//
// What a thief gets. A store is given the SHA-256 of an id, never the id, and
// values that are sealed under a key derived from the operator's: a dump of
// Redis opens nothing and signs nobody in. A value is bound to its environment,
// its purpose and its key, so records cannot be swapped, and staging's do not
// work in production. A cookie's value is bound to its name.
//
// What a session lives on. A [Provider] refreshes its tokens and checks it, each
// once for all requests of all replicas, when the times in its record say so. It
// may find its accounts without their cookie: they have a name that stays, and an
// index says where they are. A token has one place all the same.
//
// What requests at the same time get. A browser sends several at once, and drops
// answers. Each record is written by compare-and-set, so none undoes another's
// work unseen. Accounts that move to a new cookie leave a tombstone, and for a
// minute the old cookie leads to where they are: two tabs that finish a sign-in
// together lose neither token. The price is that whoever knows an old cookie has
// that minute as well. Its name begins with __Host-, so no sibling can have
// planted it; and a sign-out ends what all of them lead to.
//
// Who wants to know when a session ends asks [Manager.Watch]: it tells of what any
// replica did, within seconds and at a bounded cost, and keeps nobody signed in.
//
// What it refuses. Two cookies of one name are nobody: a sibling subdomain can
// plant a second one, and choosing between them would let it choose who is
// signed in. Values that cannot be read, for whatever reason, were never there
// ([ErrNotFound]); a store that does not answer is [ErrUnavailable] and never
// signs anybody in or out. A browser that is not signed in leaves no trace: no
// write, no cookie.
package session
