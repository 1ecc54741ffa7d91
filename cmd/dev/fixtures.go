package main

import (
	"context"
	"fmt"
	"io"

	"torhaus/zitadelclient/zitadeltest"
)

// fixturesAddress is where the recorder looks for a ZITADEL.
const fixturesAddress = "127.0.0.1:8300"

// serveFixtures serves the emulated ZITADEL alone, seeded as the recorder's
// real server was, so that both can be driven by the same script and compared.
func serveFixtures(ctx context.Context, dir string, stdout io.Writer) error {
	zitadel := zitadeltest.New(zitadeltest.Config{Fixtures: true})
	if err := zitadel.WriteFixtures(dir); err != nil {
		return fmt.Errorf("write fixtures: %w", err)
	}
	return serveSites(ctx, []site{{name: "ZITADEL", address: fixturesAddress, handler: zitadel}}, stdout)
}
