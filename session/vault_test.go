package session

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func testVault(t *testing.T, keys Keys, environment, purpose string) *Vault {
	t.Helper()
	v, err := NewVault(keys, environment, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVault: what is sealed opens with the same keys, environment, purpose and
// record key, and with nothing else.
func TestVault(t *testing.T) {
	pair := testKeys(t, 2)
	v := testVault(t, pair[:1], "production", "session")
	value := []byte("planted value")
	sealed := v.Seal("key", value)
	if bytes.Contains(sealed, value) {
		t.Fatal("not sealed")
	}
	if bytes.Equal(sealed, v.Seal("key", value)) {
		t.Error("the same value is sealed to the same bytes, so a dump shows what did not change")
	}
	if got, err := v.Open("key", sealed); err != nil || !bytes.Equal(got, value) {
		t.Errorf("opened %q, %v", got, err)
	}
	if got, err := testVault(t, Keys{pair[1], pair[0]}, "production", "session").Open("key", sealed); err != nil || !bytes.Equal(got, value) {
		t.Errorf("with a new key in front: %q, %v", got, err)
	}
	if got, err := v.Open("key", v.Seal("key", nil)); err != nil || len(got) != 0 {
		t.Errorf("an empty value: %q, %v", got, err)
	}
	for name, other := range map[string]struct {
		vault *Vault
		key   string
	}{
		"another key of the operator":       {testVault(t, pair[1:], "production", "session"), "key"},
		"another environment":               {testVault(t, pair, "staging", "session"), "key"},
		"another purpose":                   {testVault(t, pair, "production", "tokens"), "key"},
		"another record":                    {v, "other"},
		"a record key that ends in another": {v, "xkey"},
		"no record key":                     {v, ""},
	} {
		if got, err := other.vault.Open(other.key, sealed); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for at := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[at] ^= 1
		if got, err := v.Open("key", flipped); !errors.Is(err, ErrNotFound) {
			t.Errorf("byte %d flipped: %q, %v", at, got, err)
		}
		if got, err := v.Open("key", sealed[:at]); !errors.Is(err, ErrNotFound) {
			t.Errorf("cut to %d bytes: %q, %v", at, got, err)
		}
	}
}

func TestVaultRefuses(t *testing.T) {
	for name, keys := range map[string]Keys{"none": nil, "a zero key": {{}}, "a short key": {{secret: make([]byte, 31)}}} {
		if _, err := NewVault(keys, "test", "session"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestCodec(t *testing.T) {
	want, tokens := alice()
	want.Expires, want.Persistent = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC), true
	record := want.encode()
	var got Session
	if err := got.decode(record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Session{})); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	var gotTokens TokenSet
	if err := gotTokens.decode(tokens.encode()); err != nil || gotTokens != tokens {
		t.Errorf("tokens: %v", err)
	}
	var none Session
	if err := none.decode((&Session{}).encode()); err != nil || !none.Expires.IsZero() || none.Roles != nil {
		t.Errorf("an empty session: %v", err)
	}
	for cut := range record {
		if err := new(Session).decode(record[:cut]); !errors.Is(err, ErrNotFound) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	for name, spoiled := range map[string][]byte{
		"something after it": append(bytes.Clone(record), 0),
		"another schema":     append([]byte{sessionSchema + 1}, record[1:]...),
		"nothing":            nil,
		"a huge length":      {sessionSchema, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"a negative length":  {sessionSchema, 0x01},
		"an endless number":  bytes.Repeat([]byte{sessionSchema | 0x80}, 40),
	} {
		if err := new(Session).decode(spoiled); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCodec: no bytes make it panic, and what it accepts it would write again.
func FuzzCodec(f *testing.F) {
	s, tokens := alice()
	f.Add(s.encode())
	f.Add(tokens.encode())
	f.Add([]byte{schema})
	f.Add([]byte{sessionSchema})
	f.Fuzz(func(t *testing.T, record []byte) {
		var first, second Session
		if err := first.decode(record); err == nil {
			if err := second.decode(first.encode()); err != nil {
				t.Errorf("accepted, and not read back: %v", err)
			}
		}
		_ = new(TokenSet).decode(record)
		_ = decodeJSON(record, new(Attempt))
		_ = decodeJSON(record, new(Accounts))
	})
}
