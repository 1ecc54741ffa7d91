package zitadelclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysRefetch is how often an unknown key id may cause a request: a
	// thousand tokens with made-up ids must not become a thousand requests.
	keysRefetch = time.Minute
	// keysMaxAge is when keys are read again even if all are known, so that a
	// withdrawn one is forgotten.
	keysMaxAge = time.Hour
)

// keySet holds the provider's public keys.
type keySet struct {
	client *Client

	mu        sync.Mutex
	keys      map[string]jose.JSONWebKey
	fetched   time.Time
	refetched time.Time
}

func newKeySet(c *Client) *keySet { return &keySet{client: c} }

var errUnknownKey = errors.New("the token is signed by a key that the provider does not publish")

// key returns the signing key of that id.
func (s *keySet) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	var err error
	if s.mustFetch(id) {
		_, err = shared(ctx, s.client.flights, "read keys", s.fetch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.keys[id]
	switch {
	case known: // also when the refresh of aged keys failed
		return found, nil
	case err != nil:
		return jose.JSONWebKey{}, err
	}
	return jose.JSONWebKey{}, errUnknownKey
}

// mustFetch reports whether the keys must be read for this id, which it allows
// an unknown one only so often.
func (s *keySet) mustFetch(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.client.config.Now()
	_, known := s.keys[id]
	switch {
	case s.keys == nil || now.Sub(s.fetched) >= keysMaxAge:
		return true
	case known || now.Sub(s.refetched) < keysRefetch:
		return false
	}
	s.refetched = now
	return true
}

func (s *keySet) fetch(ctx context.Context) (struct{}, error) {
	keys, err := s.read(ctx)
	if err != nil {
		return struct{}{}, unavailable("read keys", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = keys, s.client.config.Now()
	return struct{}{}, nil
}

func (s *keySet) read(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	found, err := s.client.discover(ctx)
	if err != nil {
		return nil, err
	}
	in, err := s.client.transport.send(ctx, outgoing{method: http.MethodGet, path: found.jwks})
	if err != nil {
		return nil, err
	}
	var document struct{ Keys []json.RawMessage }
	if in.status != http.StatusOK || json.Unmarshal(in.body, &document) != nil {
		return nil, fmt.Errorf("no key set (status %d)", in.status)
	}
	keys := make(map[string]jose.JSONWebKey)
	for _, raw := range document.Keys {
		var k jose.JSONWebKey
		// A key of a kind that we cannot read is no reason to lose the others.
		if k.UnmarshalJSON(raw) == nil && k.KeyID != "" && k.IsPublic() && (k.Use == "sig" || k.Use == "") {
			keys[k.KeyID] = k
		}
	}
	return keys, nil
}
