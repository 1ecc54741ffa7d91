package session

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

func TestOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, m *Manager) {
		for i, want := range []bool{true, false, false} {
			first, err := m.Once(t.Context(), "code", "user 123456", time.Minute)
			if err != nil || first != want {
				t.Errorf("time %d: %t %v", i+1, first, err)
			}
		}
		if first, err := m.Once(t.Context(), "other", "user 123456", time.Minute); !first || err != nil {
			t.Errorf("for another purpose: %t %v", first, err)
		}
		if err := m.Undo(t.Context(), "code", "user 123456"); err != nil {
			t.Fatal(err)
		}
		if first, err := m.Once(t.Context(), "code", "user 123456", time.Minute); !first || err != nil {
			t.Errorf("after an undo: %t %v", first, err)
		}
	})
}

// TestOnceWhileKeysAreRotated: a logout token that is delivered to two replicas, of
// which one has the new key in front already, or one has the old key alone, is
// accepted once, however the two meet.
func TestOnceWhileKeysAreRotated(t *testing.T) {
	keys := testKeys(t, 2)
	oldest, next := keys[0], keys[1]
	replicas := map[string][2]Keys{
		"put beside":   {{oldest}, {oldest, next}},
		"put in front": {{oldest, next}, {next, oldest}},
		"alone":        {{next, oldest}, {next}},
	}
	onEveryStore(t, func(t *testing.T, store Store) {
		for name, has := range replicas {
			of := func(m *Manager, replica int) *Manager {
				return testManager(t, m.store, func(cfg *Config) { cfg.Keys = has[replica] })
			}
			tokens := 0
			interleaved(t, store, func(m *Manager) meeting {
				tokens++
				token := fmt.Sprint(name, tokens)
				var accepted atomic.Int32
				deliver := func(replica int) func(*Manager) {
					return func(m *Manager) {
						if first, err := of(m, replica).Once(t.Context(), "logout", token, time.Minute); err != nil {
							t.Error(err)
						} else if first {
							accepted.Add(1)
						}
					}
				}
				return meeting{first: deliver(0), second: deliver(1), then: func(how string) {
					if n := accepted.Load(); n != 1 {
						t.Errorf("%s, %s: accepted %d times", name, how, n)
					}
					if err := of(m, 0).Undo(t.Context(), "logout", token); err != nil {
						t.Error(err)
					}
					if deliver(1)(m); name == "put in front" && accepted.Load() != 2 {
						t.Errorf("%s, %s: not accepted after an undo", name, how)
					}
				}}
			})
		}
	})
}
