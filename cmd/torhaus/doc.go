// Command torhaus is the gatehouse in front of a ZITADEL: it serves the sign-in
// and sign-up pages, and tells our own apps who is there.
//
//	torhaus serve     run (the default)
//	torhaus doctor    tell what is wrong with the configuration and its surroundings
//	torhaus health    ask the running server whether it lives, for container health checks
//	torhaus version   print the version
//
// Everything is configured by environment variables that begin with TORHAUS_;
// the table in variables.go lists them. serve refuses to start with a
// configuration that could not work or would not be safe, and tells all of it
// at once; it does start while ZITADEL and Redis are down, and says so at
// /readyz.
//
//	TORHAUS_PUBLIC_URL=https://auth.example.com … torhaus
package main
