package handlers_test

import (
	"testing"

	"torhaus/handlers"
	"torhaus/session"
)

// onRedis puts a world's sessions into a Redis.
func onRedis(url string) func(*world, *handlers.Config) {
	return func(w *world, _ *handlers.Config) { w.store = openRedis(w.t, url) }
}

func openRedis(t *testing.T, url string) session.Store {
	t.Helper()
	store, err := session.NewRedis(session.RedisConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}
