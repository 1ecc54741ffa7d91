package zitadeltest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"sync"
)

// machineKey is a key pair of a service user or an application. ZITADEL makes
// the pair, keeps the public half and hands the private one out once.
type machineKey struct {
	id      string
	private *rsa.PrivateKey
}

// keyPool keeps RSA keys for the whole process: making one takes a tenth of a
// second, and tests make many servers. No two keys of a server are the same.
var keyPool struct {
	sync.Mutex
	keys []*rsa.PrivateKey
}

// pooledKey is the n-th key of the pool.
func pooledKey(n int) *rsa.PrivateKey {
	keyPool.Lock()
	defer keyPool.Unlock()
	for len(keyPool.keys) <= n {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic("zitadeltest: making a key: " + err.Error()) // 2048 is a good size
		}
		keyPool.keys = append(keyPool.keys, key)
	}
	return keyPool.keys[n]
}

// newKey gives out the next key of the pool; the signing key of the OpenID
// provider is number 0. The lock is held.
func (s *Server) newKey() *machineKey {
	s.keysUsed++
	return &machineKey{id: s.newID(), private: pooledKey(s.keysUsed)}
}

func (k *machineKey) pem() string {
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.private)}
	return string(pem.EncodeToMemory(block))
}

// serviceAccountFile is the key file of a service user.
func (k *machineKey) serviceAccountFile(userID string) []byte {
	return mustJSON(object{"type": "serviceaccount", "keyId": k.id, "key": k.pem(), "expirationDate": "2030-01-01T00:00:00Z", "userId": userID})
}

// applicationFile is the key file of an application.
func (k *machineKey) applicationFile(appID, clientID string) []byte {
	return mustJSON(object{"type": "application", "keyId": k.id, "key": k.pem(), "expirationDate": "2030-01-01T00:00:00Z", "appId": appID, "clientId": clientID})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("zitadeltest: " + err.Error()) // only plain values come here
	}
	return b
}
