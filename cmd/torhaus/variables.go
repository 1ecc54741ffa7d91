package main

// A variable is one setting of torhaus. The table below is the only list of
// them: it drives parsing, the dump at start, the check for mistyped names and
// the README's configuration table (a test holds the README to it).
type variable struct {
	// name without the TORHAUS_ prefix.
	name string
	// fallback is the value used when the variable is unset or empty; "" where
	// there is none, or where it follows from other variables.
	fallback string
	// secret values are never printed.
	secret bool
	// meaning is the README's sentence.
	meaning string
}

// prefix begins every name, so that a mistyped name can be recognised as ours.
const prefix = "TORHAUS_"

// fileSuffix marks the variable that names a file holding the value. For a
// secret that is better than the value itself: an environment is inherited,
// listed by `docker inspect`, and printed by crash reporters.
const fileSuffix = "_FILE"

// variables in the order in which an operator thinks about them.
var variables = []variable{
	{"PUBLIC_URL", "", false, "The origin browsers see, `https://auth.example.com`. Plain http only on `*.localhost`. With the base path up to 123 characters, as links in mails need room behind it. Required."},
	{"BASE_PATH", "", false, "Path under which the pages live, such as `/ui/v2/login`. Health and well-known paths stay at the root."},
	{"LISTEN", ":8400", false, "Address of the public listener."},
	{"INTERNAL_LISTEN", "127.0.0.1:8401", false, "Address of the internal listener: `/auth/…` for proxies that ask who may pass, and profiles of the process (`/debug/pprof/`) for this machine. Never expose it to browsers."},
	{"ENV", "production", false, "Name of the environment. It separates stores and sealed values: a staging cookie is worthless in production."},

	{"ZITADEL_ISSUER", "", false, "The issuer exactly as it stands in tokens, `https://id.example.com`. Required."},
	{"ZITADEL_API_URL", "", false, "Where every request to ZITADEL is sent, such as `http://zitadel:8080`; the issuer's host is kept. Default: the issuer."},
	{"ZITADEL_KEY", "", true, "Key of the service user (JSON). Use `TORHAUS_ZITADEL_KEY_FILE`: the file is read again when it changes."},
	{"ZITADEL_PAT", "", true, "Personal access token of the service user, instead of a key. It never rotates: prefer a key."},
	{"ZITADEL_CLIENT_ID", "", false, "Client id of the service user, instead of a key, with `TORHAUS_ZITADEL_CLIENT_SECRET`."},
	{"ZITADEL_CLIENT_SECRET", "", true, "Client secret of the service user."},

	{"OIDC_CLIENT_ID", "", false, "Client id of the application that stands for our own apps. Required."},
	{"OIDC_CLIENT_SECRET", "", true, "Its secret, for the authentication method *Basic*."},
	{"OIDC_CLIENT_KEY", "", true, "Its key (JSON), for *Private Key JWT*. With neither secret nor key, PKCE alone."},
	{"OIDC_SCOPES", "openid profile email offline_access", false, "Scopes to ask for, separated by spaces."},

	{"APP_ORIGINS", "", false, "Origins of our own apps, separated by commas: the only places a sign-in returns to. Required."},
	{"DEFAULT_APP_URL", "", false, "Where a sign-in without `return_to` ends. Default: the first of `TORHAUS_APP_ORIGINS`."},
	{"LOGOUT_ORIGINS", "", false, "Origins that may follow a sign-out, besides `TORHAUS_APP_ORIGINS`."},
	{"CLIENT_ORIGINS", "", false, "Origins to which other clients of the instance redirect on after their callback (for `form-action`)."},

	{"COOKIE_DOMAIN", "", false, "Parent domain that shares the session cookie with the apps, `example.com`. Empty: host-only; then pages of the same site ask `GET /session`, or the app is served on torhaus's own host (any other Host is answered 421)."},
	{"COOKIE_KEYS", "", true, "Keys that seal cookies and stored values: base64 of 32 bytes or more, separated by commas. The first writes, all read. Required."},

	{"RP_ID", "", false, "Domain that passkeys and security keys are bound to: the public host or a parent of it. Default: `TORHAUS_COOKIE_DOMAIN`, else the registrable parent of the public host, else that host. To change it orphans every passkey; in place of a hosted login, keep the one that ZITADEL's users have (its host)."},
	{"EMAIL_CODE_FIRST", "false", false, "`true`: a code by e-mail may stand for the password, for users who have set such codes up."},
	{"RECOVERY_CODES", "false", false, "`true`: this ZITADEL knows recovery codes, so the pages of second factors offer them, as the last resort, to whoever has some."},

	{"STORE", "", false, "`redis` or `memory`. Default: redis when `TORHAUS_REDIS_URL` is set, memory on `*.localhost`."},
	{"REDIS_URL", "", true, "`rediss://user:password@host:6379/0`; Sentinel and Cluster by URL too."},
	{"SESSION_IDLE", "1h", false, "A session ends after this long without use."},
	{"SESSION_MAX", "12h", false, "A session ends this long after sign-in, used or not."},
	{"REMEMBER_MAX", "720h", false, "The same for a visitor who chose to be remembered."},
	{"RECHECK", "10m", false, "A session in use is checked against ZITADEL this often: who was locked, deactivated or signed out there, or whose password was changed, or who signed in by a factor that was removed, is out by then."},
	{"SESSION_CACHE", "0s", false, "How old the answer to an app's question who is there may be, `1s` at most: so long each replica asks the store only once. A sign-out at another replica shows that much later. `0s`: every question is a read of the store."},

	{"RULES", "", false, "Rules of forward authentication, by name, as JSON: `{\"staff\": {\"any_role\": [\"staff\"], \"mfa\": true}}`. The rule `default` is whoever is signed in, unless it is written. See *In front of an app*."},
	{"TRUSTED_PROXIES", "", false, "Networks of the proxies whose `X-Forwarded-For` counts and who may ask at `/auth/…`, separated by commas, `10.0.0.0/8`."},
	{"HSTS", "8760h", false, "`Strict-Transport-Security` max-age; `0` sends none. Never sent over plain http."},
	{"LOG_LEVEL", "info", false, "`debug`, `info`, `warn` or `error`."},
}

// settled are names that other products have and torhaus decides by itself.
// They are refused instead of ignored: an operator who sets one believes in a
// protection (or its absence) that does not exist.
var settled = map[string]string{
	"COOKIE_NAME":     "the name follows from TORHAUS_COOKIE_DOMAIN: __Secure-torhaus with a domain, __Host-torhaus without",
	"COOKIE_SECURE":   "every cookie is Secure, on *.localhost too",
	"COOKIE_SAMESITE": "every cookie is SameSite=Lax: None would send it along with cross-site requests",
	"COOKIE_HTTPONLY": "every cookie is HttpOnly",
}
