// Package torhaus_test holds the tree to its own map: who may import whom, what
// production links, and which modules it stands on.
package torhaus_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the map of ARCHITECTURE.md: what each package may import beyond
// the standard library. A name that ends in / allows all of that module.
var mayImport = map[string][]string{
	"torhaus/web":           {},
	"torhaus/static":        {},
	"torhaus/locale":        {"golang.org/x/text/"},
	"torhaus/templates":     {"torhaus/locale", "torhaus/static", "rsc.io/qr"},
	"torhaus/zitadelclient": {"golang.org/x/sync/", "github.com/go-jose/go-jose/v4/"},
	"torhaus/flow":          {"torhaus/zitadelclient"},
	"torhaus/assertion":     {"github.com/go-jose/go-jose/v4/"},
	"torhaus/session": {"github.com/gorilla/securecookie", "github.com/redis/go-redis/v9",
		"golang.org/x/net/publicsuffix", "golang.org/x/net/idna", "golang.org/x/sync/"},
	"torhaus/handlers": {"torhaus/assertion", "torhaus/flow", "torhaus/session", "torhaus/zitadelclient", "torhaus/templates", "torhaus/locale",
		"torhaus/web", "torhaus/static", "github.com/go-chi/chi/v5"},
	"torhaus/cmd/torhaus": {"torhaus/handlers", "torhaus/assertion", "torhaus/flow", "torhaus/session", "torhaus/zitadelclient", "torhaus/templates",
		"torhaus/locale", "torhaus/web", "torhaus/static"},
	"torhaus/zitadelclient/zitadeltest": {"torhaus/zitadelclient", "github.com/go-jose/go-jose/v4/", "github.com/fxamacker/cbor/v2", "golang.org/x/text/language"},
	"torhaus/session/redistest":         {"github.com/redis/go-redis/v9"},
	"torhaus/cmd/dev":                   {"torhaus/"},
}

// modules are what the shipped binary is made of beside our own code and the
// standard library. Each is somebody to trust: a new one needs a reason, in
// ARCHITECTURE.md or the commit.
var modules = []string{
	"github.com/cespare/xxhash/v2",     // of go-redis
	"github.com/dgryski/go-rendezvous", // of go-redis
	"github.com/go-chi/chi/v5",
	"github.com/go-jose/go-jose/v4",
	"github.com/gorilla/securecookie",
	"github.com/redis/go-redis/v9",
	"go.uber.org/atomic", // of go-redis
	"golang.org/x/net",   // publicsuffix, idna
	"golang.org/x/sync",
	"golang.org/x/text",
	"rsc.io/qr", // codes for authenticator apps
}

// ioPackages are what a pure function has no use for.
var ioPackages = []string{"context", "net", "net/http", "os", "io", "bufio", "log", "log/slog", "database/sql"}

// listed is the part of `go list -json` that the tests look at.
type listed struct {
	ImportPath string
	Imports    []string
	Module     *struct {
		Path string
		Main bool
	}
}

// goList runs go list with -json and decodes the stream of objects it prints.
func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Module"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// TestImportDirection: every package imports only what the map allows, and
// every package is on the map.
func TestImportDirection(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range goList(t, "./...") {
		if len(p.Imports) == 0 && p.ImportPath == "torhaus" {
			continue // the root holds this test alone
		}
		allowed, onMap := mayImport[p.ImportPath]
		if !onMap {
			t.Errorf("%s is not on the map: a new folder needs a reason, here and in ARCHITECTURE.md", p.ImportPath)
			continue
		}
		seen[p.ImportPath] = true
		for _, imported := range p.Imports {
			if !standard(imported) && !matches(allowed, imported) {
				t.Errorf("%s imports %s, which the map does not allow", p.ImportPath, imported)
			}
		}
	}
	for path := range mayImport {
		if !seen[path] {
			t.Errorf("%s is on the map but not in the tree", path)
		}
	}
}

// TestProductionLinksNoTestCode: an emulator, or the flags that "testing"
// registers, must not be reachable in the binary that guards the gate.
func TestProductionLinksNoTestCode(t *testing.T) {
	for _, p := range goList(t, "-deps", "./cmd/torhaus") {
		if p.ImportPath == "testing" || strings.HasSuffix(p.ImportPath, "test") && !standard(p.ImportPath) || p.ImportPath == "net/http/httptest" {
			t.Errorf("cmd/torhaus links %s", p.ImportPath)
		}
	}
}

// TestProductionModules: the binary links the modules that were agreed on.
func TestProductionModules(t *testing.T) {
	linked := map[string]bool{}
	for _, p := range goList(t, "-deps", "./cmd/torhaus") {
		if p.Module != nil && !p.Module.Main {
			linked[p.Module.Path] = true
		}
	}
	if got := slices.Sorted(maps.Keys(linked)); !slices.Equal(got, modules) {
		t.Errorf("cmd/torhaus links the modules\n%q, agreed are\n%q", got, modules)
	}
}

// TestFlowIsPure: a function without a context and without I/O cannot ask
// anybody, so what it decides depends on its facts alone.
func TestFlowIsPure(t *testing.T) {
	for _, p := range goList(t, "./flow") {
		for _, imported := range p.Imports {
			if slices.Contains(ioPackages, imported) {
				t.Errorf("flow imports %s", imported)
			}
		}
	}
}

// standard is true for the standard library: only module paths have a dot in
// their first element, and ours begins with torhaus.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != "torhaus"
}

func matches(allowed []string, path string) bool {
	return slices.ContainsFunc(allowed, func(pattern string) bool {
		return path == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path+"/", pattern)
	})
}
