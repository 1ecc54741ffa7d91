package main

import (
	"context"
	"debug/elf"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestBinary builds what is shipped and treats it as an orchestrator does:
// start, ask, terminate.
func TestBinary(t *testing.T) {
	path := buildBinary(t)
	if libraries := dynamicLibraries(t, path); len(libraries) > 0 {
		t.Errorf("the binary is not static: it needs %v", libraries)
	}

	log := newLogged()
	process := exec.CommandContext(t.Context(), path)
	process.Env = environFrom(localSettings(t))
	process.Stderr = log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	patience, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	listening := log.find(patience, "listening")
	if listening == nil {
		t.Fatalf("not listening:\n%s", log)
	}
	public, _ := listening["public"].(string)
	if got := status(t, "http://"+public+"/readyz"); got != http.StatusOK {
		t.Errorf("readyz = %d", got)
	}
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, log)
	}
}

// buildBinary builds what is shipped, as `make build` does.
func buildBinary(t testing.TB) (path string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the shipped binary is for Linux")
	}
	path = filepath.Join(t.TempDir(), "torhaus")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// dynamicLibraries are what the file would load at start; an image FROM scratch
// has none.
func dynamicLibraries(t *testing.T, path string) []string {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	return libraries
}
