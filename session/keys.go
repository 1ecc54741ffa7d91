package session

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// keySize is the shortest key that is accepted, in bytes.
const keySize = 32

// Key is one secret of the operator. It prints as [redacted].
type Key struct{ secret []byte }

// Keys are the operator's secrets. The first seals what is written; all open
// what is read, so a new key is put in front and the old one is taken away when
// nothing that matters is sealed with it any more.
type Keys []Key

// GenerateKey makes a key for a process that keeps nothing beyond its own life.
func GenerateKey() Key {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails: the runtime crashes rather than go on without randomness
	return Key{secret}
}

// ParseKeys reads a comma-separated list of keys in base64, of any alphabet,
// each of at least 32 random bytes. What was plainly not made at random is
// refused: a placeholder that was never replaced is a key that everybody has.
func ParseKeys(list string) (Keys, error) {
	if strings.TrimSpace(list) == "" {
		return nil, errors.New("no key is given")
	}
	var keys Keys
	for i, text := range strings.Split(list, ",") {
		key, err := parseKey(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("key %d %w", i+1, err) // the position, never the text
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(text string) (Key, error) {
	if looksTyped(strings.ToLower(text)) {
		return Key{}, errors.New("is a placeholder")
	}
	normal := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	secret, err := base64.RawStdEncoding.DecodeString(normal)
	switch {
	case err != nil:
		return Key{}, errors.New("is not base64")
	case len(secret) < keySize:
		return Key{}, fmt.Errorf("has %d bytes, fewer than %d", len(secret), keySize)
	case weak(secret):
		return Key{}, errors.New("is not random")
	}
	return Key{secret}, nil
}

// looksTyped recognises the texts that example files put where a key belongs.
func looksTyped(text string) bool {
	for _, word := range []string{"changeme", "change-me", "change_me", "placeholder", "replace", "example", "password", "secret", "insecure"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// weak is true for bytes that no random source makes: a handful of values over
// and over, or nothing but printable text. Either happens to 32 random bytes
// less than once in 10^13 times.
func weak(secret []byte) bool {
	distinct := map[byte]bool{}
	for _, b := range secret {
		distinct[b] = true
	}
	text := bytes.IndexFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	return len(distinct) < 12 || text
}

// Secrets are what another purpose makes its own keys of: one of size bytes for
// each key, in their order. They say nothing of the keys, nor of one another.
func (keys Keys) Secrets(purpose string, size int) ([][]byte, error) {
	secrets := make([][]byte, len(keys))
	for i, key := range keys {
		var err error
		if secrets[i], err = key.derive("secret "+purpose, size); err != nil {
			return nil, fmt.Errorf("derive a secret: %w", err)
		}
	}
	return secrets, nil
}

// derive makes the key for one purpose, so that what is sealed for one can
// never be taken for another's.
func (k Key) derive(purpose string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, k.secret, nil, "torhaus "+purpose, size)
}
