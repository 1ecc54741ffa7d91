package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/securecookie"
)

// Names of the cookies. The prefixes are kept by browsers: __Host- cannot be set
// by a sibling, __Secure- cannot be set over plain HTTP.
const (
	attemptPrefix    = "__Host-attempt-"
	accountsName     = "__Host-accounts"
	sharedSession    = "__Secure-torhaus" // with Domain
	hostOnlySession  = "__Host-torhaus"   // without
	sessionIDVersion = "v1."
)

// secret is 256 random bits: what a cookie proves possession of.
type secret [32]byte

func newSecret() (s secret) {
	_, _ = rand.Read(s[:]) // never fails: the runtime crashes rather than go on without randomness
	return s
}

// hash is all that a store learns of a secret. The scope is part of it, so that
// one cookie's secret is unknown as another's.
func (s secret) hash(scope string) string {
	text := append(make([]byte, 0, 128), scope...)
	sum := sha256.Sum256(append(append(text, 0), s[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sealedID is what an attempt or accounts cookie carries: the secret, and when
// it was made, so that the newest attempt is found without asking the store.
type sealedID struct {
	secret  secret
	created time.Time // whole milliseconds
}

func newSealedID(now time.Time) sealedID {
	return sealedID{newSecret(), now.UTC().Truncate(time.Millisecond)}
}

// sealer seals the ids of attempts and accounts, with the name of the cookie
// and the environment: a forgery is refused without a word to the store, and a
// value moved to another cookie is a forgery.
type sealer []securecookie.Codec

// longestSealed is more than any sealed id takes.
const longestSealed = 256

func newSealer(keys Keys, environment string) (sealer, error) {
	var s sealer
	for _, key := range keys {
		hashKey, err := key.derive("cookie "+environment, 64)
		if err != nil {
			return nil, fmt.Errorf("derive cookie key: %w", err)
		}
		// What it seals is random already: there is nothing to encrypt. Its own
		// clock is not asked, since the record's end is what counts.
		s = append(s, securecookie.New(hashKey, nil).MaxAge(0).MaxLength(longestSealed).SetSerializer(securecookie.NopEncoder{}))
	}
	return s, nil
}

func (s sealer) seal(name string, id sealedID) (string, error) {
	value := binary.BigEndian.AppendUint64(id.secret[:], uint64(id.created.UnixMilli()))
	return securecookie.EncodeMulti(name, value, s...)
}

func (s sealer) open(name, sealed string) (id sealedID, ok bool) {
	if len(sealed) > longestSealed {
		return id, false
	}
	// securecookie's base64 forgives stray bits at the end; with one spelling a
	// cookie value is either what we set or is nothing.
	if _, err := base64.URLEncoding.Strict().DecodeString(sealed); err != nil {
		return id, false
	}
	var value []byte
	if securecookie.DecodeMulti(name, sealed, &value, s...) != nil || len(value) != len(id.secret)+8 {
		return id, false
	}
	copy(id.secret[:], value)
	id.created = time.UnixMilli(int64(binary.BigEndian.Uint64(value[len(id.secret):]))).UTC()
	return id, true
}

// formatSessionID is the value of the session cookie: opaque, and nothing that
// could be computed from it is of use.
func formatSessionID(s secret) string {
	return sessionIDVersion + base64.RawURLEncoding.EncodeToString(s[:])
}

var strictBase64 = base64.RawURLEncoding.Strict()

// parseSessionID accepts exactly what formatSessionID makes, in one spelling.
func parseSessionID(value string) (s secret, ok bool) {
	encoded, ok := strings.CutPrefix(value, sessionIDVersion)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(len(s)) {
		return s, false
	}
	n, err := strictBase64.Decode(s[:], []byte(encoded))
	return s, err == nil && n == len(s)
}

// onlyCookie is the value of a cookie that came exactly once. Two of a name
// cannot be told apart (a sibling subdomain may have planted one), so they are
// none; count says which it was.
func onlyCookie(r *http.Request, name string) (value string, count int) {
	cookies := r.CookiesNamed(name)
	if len(cookies) != 1 || cookies[0].Quoted {
		return "", len(cookies)
	}
	return cookies[0].Value, 1
}

// Conflicting reports whether two cookies of one of our names arrived. Nobody is
// signed in by either, and neither is cleared: which one a clearing would leave
// is the planter's choice. All that helps is to say so.
func (m *Manager) Conflicting(r *http.Request) bool {
	return len(r.CookiesNamed(m.cookieName)) > 1 || len(r.CookiesNamed(accountsName)) > 1
}

// pendingCookie is the value that this response already sets: what the browser
// will send next, whatever it sent now.
func pendingCookie(w http.ResponseWriter, name string) (value string, ok bool) {
	for _, line := range w.Header()["Set-Cookie"] {
		if rest, found := strings.CutPrefix(line, name+"="); found {
			value, _, _ = strings.Cut(rest, ";")
			return value, true
		}
	}
	return "", false
}

// setCookie sets a cookie with the attributes that all of ours have. maxAge 0
// makes one that ends with the browser. What this response said of the cookie
// before is taken back: a name is set once (RFC 6265, 4.1.1).
//
// Secure is always set, on http://*.localhost as well, where browsers accept it.
func (m *Manager) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	m.writeCookie(w, name, value, int((maxAge+time.Second-1)/time.Second))
}

// clearCookie clears a cookie. A browser only replaces a cookie of the same
// name, domain and path, so clearing goes the same way as setting.
func (m *Manager) clearCookie(w http.ResponseWriter, name string) {
	m.writeCookie(w, name, "", -1)
}

func (m *Manager) writeCookie(w http.ResponseWriter, name, value string, maxAge int) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if name == sharedSession {
		cookie.Domain = m.cookieDomain
	}
	header := w.Header()
	header["Set-Cookie"] = slices.DeleteFunc(header["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, name+"=")
	})
	header.Add("Set-Cookie", cookie.String())
}
