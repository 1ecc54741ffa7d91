package session

import (
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
