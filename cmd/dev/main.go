// Command dev is the whole product on a laptop, in one process and without a
// network: an emulated ZITADEL, torhaus, a demo app behind it, the mails that
// were sent, and a gallery of all pages.
//
//	dev                    everything; prints where
//	dev -fixtures DIR      only the emulated ZITADEL as the recorder expects it, with keys and ids in DIR
//	dev -only=demo         only the demo app, for a torhaus elsewhere (docker-compose.yml)
//	dev -only=provision    create the demo's application in a fresh ZITADEL and end (docker-compose.yml)
//
// Templates and style sheets are read from disk when it is started in the root
// of the repository, so that an edit shows on reload. Nothing is kept: every
// start is a first start.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once what the first one lets finish
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// run reads the flags and does one of the four things.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("dev", flag.ContinueOnError)
	fixtures := flags.String("fixtures", "", "serve the recorder's fixtures, and write their keys and ids into this `folder`")
	only := flags.String("only", "", "start `demo` or provision alone")
	listen := flags.String("listen", ":8500", "with -only=demo: the demo app's `address`")
	auth := flags.String("auth", "http://auth.example.localhost:8400", "with -only: torhaus's `origin`")
	app := flags.String("app", "http://app.example.localhost:8500", "with -only=provision: the demo app's `origin`")
	issuer := flags.String("issuer", "http://id.example.localhost:8300", "with -only=provision: ZITADEL's `issuer`")
	api := flags.String("api", "http://127.0.0.1:8300", "with -only=provision: where ZITADEL is reached, a `URL`")
	adminToken := flags.String("admin-token", "", "with -only=provision: `file` with an administrator's token")
	clientID := flags.String("client-id", "", "with -only=provision: `file` for the client id")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *fixtures != "":
		return serveFixtures(ctx, *fixtures, stdout)
	case *only == "demo":
		return serveSites(ctx, []site{{name: "demo app", address: *listen, handler: demo{Auth: *auth}.handler()}}, stdout)
	case *only == "provision":
		return provision(ctx, provisioner{api: *api, issuer: *issuer, auth: *auth, app: *app}, *adminToken, *clientID)
	case *only != "":
		return fmt.Errorf("-only=%s: neither demo nor provision", *only)
	}
	return serveProduct(ctx, stdout)
}
