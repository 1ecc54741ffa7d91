package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"torhaus/handlers"
	"torhaus/web"
)

// deployed is a world behind a real proxy, with the files of deploy: everything that
// a visitor asks for goes through it, torhaus's own pages as well.
type deployed struct {
	*world
	port     string       // of the proxy,
	reserved net.Listener // which nobody else takes until it starts
	admin    string       // the address of the app with the rule "staff"
	broken   *brokenStore
	internal *httptest.Server
	behind   *echo // the app, and the app with the rule "staff"
}

// deployedRules are those that the files of deploy name, and what the tests need to
// tell them apart.
const deployedRules = `{"staff": {"mfa": true, "token": true, "assertion": "https://admin.example.com"}}`

// deploy starts torhaus and an app, and a proxy in front of them.
func deploy(t *testing.T, start func(*deployed)) *deployed {
	t.Helper()
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(reserved.Addr().String())
	at := func(name string) string { return "http://" + name + ".example.localhost:" + port }
	d := &deployed{port: port, reserved: reserved, admin: at("admin"), broken: &brokenStore{}, behind: newEcho(t)}
	d.world = newWorldAt(t, bounded(nil), at("auth"), at("app"), d.options(deployedRules)...)
	d.internal = bounded(&swapHandler{current: d.last.ForwardAuth()})
	d.internal.Start()
	t.Cleanup(d.internal.Close)
	t.Cleanup(func() { _ = reserved.Close() }) // where no proxy was started
	start(d)
	return d
}

// bounded is a listener that takes headers as large as those of the binary take.
func bounded(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.MaxHeaderBytes = web.NewServer("", nil).MaxHeaderBytes
	return server
}

// options are how torhaus is configured behind a proxy.
func (d *deployed) options(text string) []func(*world, *handlers.Config) {
	return []func(*world, *handlers.Config){func(w *world, cfg *handlers.Config) {
		if d.broken.Store == nil {
			d.broken.Store, w.store = w.store, d.broken
		}
		cfg.AppOrigins = append(cfg.AppOrigins, origin(w.t, d.admin))
		cfg.TrustedProxies = networks(w.t, "127.0.0.1")
		rules(w.t, text)(w, cfg)
	}}
}

// restart is torhaus with other rules.
func (d *deployed) restart(text string) {
	d.server.Config.Handler.(*swapHandler).swap(d.handler(d.options(text)...))
	d.internal.Config.Handler.(*swapHandler).swap(d.last.ForwardAuth())
}

// run runs a proxy until the test ends, and waits until it listens.
func (d *deployed) run(program *exec.Cmd, dir string) {
	d.t.Helper()
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		d.t.Fatal(err)
	}
	program.Dir, program.Stdout, program.Stderr = dir, output, output
	d.must(d.reserved.Close())
	if err := program.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	d.t.Cleanup(func() {
		_ = program.Process.Kill()
		<-ended
		_ = output.Close()
		if said, _ := os.ReadFile(output.Name()); d.t.Failed() {
			d.t.Logf("%s said:\n%s", program.Path, said)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		connection, err := net.DialTimeout("tcp", "127.0.0.1:"+d.port, time.Second)
		if err == nil {
			_ = connection.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			said, _ := os.ReadFile(output.Name())
			d.t.Fatalf("%s did not start: %v\n%s", program.Path, err, said)
		case <-time.After(20 * time.Millisecond): // polling a process, not waiting for consistency
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s does not listen", program.Path)
		}
	}
}

// installed is where a program is, or why the test is skipped.
func installed(t *testing.T, program string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	t.Skipf("%s is not installed: `make test` installs it", program)
	return ""
}

// behindNginx starts nginx as deploy/nginx says, with sites of its own.
func behindNginx(d *deployed) {
	d.t.Helper()
	program, dir := installed(d.t, "nginx"), d.t.TempDir()
	d.must(os.CopyFS(filepath.Join(dir, "torhaus"), os.DirFS("../deploy/nginx")))
	write := func(name, text string) { d.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	for _, site := range []string{"auth", "app", "admin"} {
		write("torhaus/site/"+site+".conf", "listen 127.0.0.1:"+d.port+";\nserver_name "+site+".example.localhost;\n")
	}
	upstreams := ""
	for name, server := range map[string]*httptest.Server{"torhaus": d.server, "torhaus_internal": d.internal, "app": d.behind.server, "admin": d.behind.server} {
		upstreams += "upstream " + name + " { server " + server.Listener.Addr().String() + "; keepalive 16; }\n"
	}
	write("torhaus/site/upstreams.conf", upstreams)
	temporary := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	write("nginx.conf", "daemon off;\nmaster_process off;\npid "+dir+"/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+temporary+"include torhaus/torhaus.conf;\n}\n")
	d.run(exec.Command(program, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf")), dir)
}

// behindCaddy starts Caddy as deploy/caddy says, with addresses by the environment.
func behindCaddy(d *deployed) {
	d.t.Helper()
	program, dir := installed(d.t, "caddy"), d.t.TempDir()
	d.must(os.CopyFS(filepath.Join(dir, "torhaus"), os.DirFS("../deploy/caddy")))
	main := filepath.Join(dir, "Caddyfile")
	d.must(os.WriteFile(main, []byte("{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\nimport torhaus/Caddyfile\n"), 0o600))
	caddy := exec.Command(program, "run", "--config", main, "--adapter", "caddyfile")
	caddy.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"TORHAUS_SITE="+d.auth, "APP_SITE="+d.app, "ADMIN_SITE="+d.admin,
		"TORHAUS="+d.server.Listener.Addr().String(), "TORHAUS_INTERNAL="+d.internal.Listener.Addr().String(),
		"APP="+d.behind.server.Listener.Addr().String(), "ADMIN="+d.behind.server.Listener.Addr().String())
	d.run(caddy, dir)
}

// tells fails unless whoever cannot be sent anywhere is told in a document why they
// may not pass, and where they would sign in.
func (d *deployed) tells(response *http.Response, kind, next string) {
	d.t.Helper()
	var problem struct {
		Type, Title, Next string
		Status            int
	}
	if err := json.Unmarshal([]byte(body(d.t, response)), &problem); err != nil {
		d.t.Error(err)
	}
	if response.Header.Get("Content-Type") != "application/problem+json" || problem.Type != kind || problem.Next != next ||
		problem.Status != response.StatusCode || problem.Title != "Unauthorized" {
		d.t.Errorf("%s of type %q: %+v", response.Status, response.Header.Get("Content-Type"), problem)
	}
}

// echo is an app that says what reached it. It speaks a WebSocket's first words.
type echo struct {
	server *httptest.Server
	mu     sync.Mutex
	seen   []echoed
}

// echoed is a request that reached an app.
type echoed struct {
	Method, Host, URI, Body string
	Header                  http.Header
}

func newEcho(t *testing.T) *echo {
	e := &echo{}
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := echoed{Method: r.Method, Host: r.Host, URI: r.RequestURI, Body: string(body), Header: r.Header}
		e.mu.Lock()
		e.seen = append(e.seen, got)
		e.mu.Unlock()
		if r.Header.Get("Upgrade") == "websocket" {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(got); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(e.server.Close)
	return e
}

// last is what reached the app since this was asked last; nil where nothing did.
func (e *echo) last() *echoed {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 {
		return nil
	}
	got := e.seen[len(e.seen)-1]
	e.seen = nil
	return &got
}

// raw sends a request byte for byte and gives the first line of the answer.
func (d *deployed) raw(request string) string {
	d.t.Helper()
	connection, err := net.Dial("tcp", "127.0.0.1:"+d.port)
	d.must(err)
	defer connection.Close()
	d.must(connection.SetDeadline(time.Now().Add(10 * time.Second)))
	_, err = fmt.Fprint(connection, request)
	d.must(err)
	answer := make([]byte, 4096)
	n, _ := connection.Read(answer)
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}
