package zitadeltest

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
)

// firstID lies above 400000000000000000, which callers use as an unknown id.
const firstID int64 = 400700000000000000

// newID makes an id as ZITADEL's are: 18 digits, growing with time. The lock is held.
func (s *Server) newID() string {
	s.lastID += 16777
	return strconv.FormatInt(s.lastID, 10)
}

// newSecret makes an opaque value of n random bytes, base64url.
func newSecret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// newCode makes a code as people type it, without look-alikes being avoided:
// neither does ZITADEL.
func newCode(length int, alphabet string) string {
	b := make([]byte, length)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}
