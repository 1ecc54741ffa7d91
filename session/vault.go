package session

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// A sealed value is: format, key id, nonce, ciphertext and tag.
const (
	vaultFormat = 1
	keyIDSize   = 4
	headerSize  = 1 + keyIDSize
)

// Vault seals and opens values of one purpose: AES-256-GCM under a key derived
// from the operator's for that purpose. The environment, the purpose and the
// record's key are authenticated with the value, so that a value which was
// copied to another key, or from staging to production, does not open.
//
// Nonces are random, which bounds one operator key to 2^32 values of a purpose:
// at a hundred writes a second, a new key every year.
type Vault struct {
	context string // environment and purpose, in front of each record's key
	keys    []vaultKey
}

type vaultKey struct {
	id   []byte
	aead cipher.AEAD
}

// NewVault derives the keys of one purpose.
func NewVault(keys Keys, environment, purpose string) (*Vault, error) {
	if len(keys) == 0 {
		return nil, errors.New("session: a vault needs a key")
	}
	v := &Vault{context: environment + "\x00" + purpose + "\x00"}
	for _, key := range keys {
		if len(key.secret) < keySize {
			return nil, errors.New("session: a key is too short")
		}
		vk, err := newVaultKey(key, purpose)
		if err != nil {
			return nil, fmt.Errorf("derive vault key: %w", err)
		}
		v.keys = append(v.keys, vk)
	}
	return v, nil
}

func newVaultKey(key Key, purpose string) (vaultKey, error) {
	id, err := key.derive("key id", keyIDSize)
	if err != nil {
		return vaultKey{}, err
	}
	secret, err := key.derive(purpose, 32)
	if err != nil {
		return vaultKey{}, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return vaultKey{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return vaultKey{id, aead}, err
}

// Seal seals a value for one record key.
func (v *Vault) Seal(key string, value []byte) []byte {
	writer := v.keys[0]
	sealed := make([]byte, 0, headerSize+len(value)+writer.aead.Overhead())
	sealed = append(sealed, vaultFormat)
	sealed = append(sealed, writer.id...)
	return writer.aead.Seal(sealed, nil, value, v.aad(key))
}

// Open opens what [Vault.Seal] sealed for the same record key. Anything else,
// whatever is wrong with it, was never there: [ErrNotFound]. A visitor must not
// be stuck behind an error page because of what lies in a store.
func (v *Vault) Open(key string, sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != vaultFormat {
		return nil, fmt.Errorf("%w: value of another format", ErrNotFound)
	}
	id, body := sealed[1:headerSize], sealed[headerSize:]
	for _, k := range v.keys {
		if !bytes.Equal(k.id, id) {
			continue
		}
		if value, err := k.aead.Open(nil, nil, body, v.aad(key)); err == nil {
			return value, nil
		}
	}
	return nil, fmt.Errorf("%w: value cannot be opened", ErrNotFound)
}

// aad is what a value is bound to. No part can hold a zero byte, so no two
// triples look alike.
func (v *Vault) aad(key string) []byte { return []byte(v.context + key) }
