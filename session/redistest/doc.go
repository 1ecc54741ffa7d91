// Package redistest runs real Redis servers for tests, as net/http/httptest runs
// web servers: one by itself, over TLS, three that Sentinels watch, and a cluster
// of six. They listen on free ports of loopback, keep their data in the test's
// own folder, and end with the test. A test is skipped, with the reason, where
// redis-server is not installed.
//
//	server := redistest.Start(t)
//	store, err := session.NewRedis(session.RedisConfig{URL: server.URL()})
//	server.Freeze() // connections stay open and nothing answers
//	server.Thaw()
//	server.Kill()
//	server.Restart() // on the same port, with the same data
//
// It refuses to pretend: nothing here answers in place of Redis, and nothing
// sleeps for a fixed time. Whatever takes a while (an election, a replica that
// catches up) is waited for by asking the servers themselves.
package redistest
