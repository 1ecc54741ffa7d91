package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// checkTime bounds each of doctor's questions.
const checkTime = 10 * time.Second

// doctor tells everything that keeps torhaus from working: the configuration,
// then whether ZITADEL and the store answer. Its exit code is that of serve's
// chances.
func doctor(ctx context.Context, environ []string, stdout io.Writer) int {
	cfg, warnings, err := load(environ)
	if len(warnings) > 0 {
		report(stdout, "warnings", warnings)
	}
	if err != nil {
		report(stdout, "the configuration has problems", err)
		return exitFault
	}
	fmt.Fprintln(stdout, "ok    configuration")
	logger := slog.New(slog.NewTextHandler(stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	p, err := wire(cfg, logger)
	if err != nil {
		report(stdout, "torhaus cannot start", err)
		return exitFault
	}
	defer p.close(logger)

	code := exitOK
	for _, check := range []struct {
		name string
		ask  func(context.Context) error
	}{
		{"ZITADEL at " + cfg.ZitadelAPIURL, p.zitadel.Check},
		{"session store (" + cfg.Store + ")", p.store.Ping},
	} {
		bounded, cancel := context.WithTimeout(ctx, checkTime)
		if err := check.ask(bounded); err != nil {
			fmt.Fprintf(stdout, "FAIL  %s: %v\n", check.name, err)
			code = exitFault
		} else {
			fmt.Fprintf(stdout, "ok    %s\n", check.name)
		}
		cancel()
	}
	return code
}

// health asks the server of this container whether it lives. An image without a
// shell has nothing else that could.
func health(ctx context.Context, environ []string, stderr io.Writer) int {
	listen := readEnvironment(environ).value("LISTEN")
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		fmt.Fprintf(stderr, "%sLISTEN %q: %v\n", prefix, listen, err)
		return exitFault
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+"/healthz", nil)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFault
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFault
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		fmt.Fprintln(stderr, "healthz answers", resp.Status)
		return exitFault
	}
	return exitOK
}
