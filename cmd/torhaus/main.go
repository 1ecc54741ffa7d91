package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// The exit codes of run.
const (
	exitOK    = 0
	exitFault = 1 // what was asked for did not work
	exitUsage = 2 // it was not clear what was asked for
)

const usage = `usage: torhaus [serve | doctor | health | version]
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once what the first one lets finish
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program, with everything it takes from its surroundings as
// arguments, so that a test can run it.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command = args[0]
	}
	if len(args) > 1 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch command {
	case "serve":
		return serve(ctx, environ, stderr)
	case "doctor":
		return doctor(ctx, environ, stdout)
	case "health":
		return health(ctx, environ, stderr)
	case "version":
		fmt.Fprintln(stdout, version())
		return exitOK
	}
	fmt.Fprint(stderr, usage)
	return exitUsage
}

// release is the version of a build without a repository, as in an image. The
// linker sets it: -X main.release=…
var release string

// version is the release, or else what the Go toolchain wrote into the binary:
// the tag, or the revision that was checked out.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(release, "unknown")
	}
	return cmp.Or(release, info.Main.Version) + " " + info.GoVersion
}
