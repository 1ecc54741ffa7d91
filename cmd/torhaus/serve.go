package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"torhaus/web"
)

// lameDuck is how long torhaus goes on serving after it was told to stop and
// says at /readyz that it is not ready: load balancers need that long to
// notice. With web.Serve's 25 s of draining it stays below the 30 s after which
// orchestrators kill.
const lameDuck = 3 * time.Second

// serve runs until ctx ends. It starts although ZITADEL and Redis are down:
// they come back by themselves, and a torhaus that waits with them in a restart
// loop only makes the outage longer.
func serve(ctx context.Context, environ []string, stderr io.Writer) int {
	cfg, warnings, err := load(environ)
	if err != nil {
		report(stderr, "torhaus cannot start", err)
		return exitFault
	}
	logger := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
	logger.LogAttrs(ctx, slog.LevelInfo, "config_start", append(cfg.Attrs(), slog.String("version", version()))...)
	for _, warning := range warnings {
		logger.Warn(warning.String())
	}
	if err := serveConfig(ctx, cfg, logger); err != nil {
		logger.Error("torhaus ends", "error", err)
		return exitFault
	}
	return exitOK
}

func serveConfig(ctx context.Context, cfg Config, logger *slog.Logger) error {
	p, err := wire(cfg, logger)
	if err != nil {
		return err
	}
	defer p.close(logger)
	public, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("%sLISTEN: %w", prefix, err)
	}
	internal, err := net.Listen("tcp", cfg.InternalListen)
	if err != nil {
		return errors.Join(fmt.Errorf("%sINTERNAL_LISTEN: %w", prefix, err), public.Close())
	}
	logger.Info("listening", "public", public.Addr().String(), "internal", internal.Addr().String())

	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	duck := lameDuck
	if cfg.development() {
		duck = 0
	}
	context.AfterFunc(ctx, func() {
		p.pages.Drain()
		logger.Info("draining")
		time.AfterFunc(duck, stop)
	})
	ended := make(chan error, 2)
	start := func(l net.Listener, handler http.Handler) {
		server := web.NewServer(l.Addr().String(), handler)
		server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
		go func() { ended <- web.Serve(serving, server, l) }()
	}
	start(public, p.pages.Public())
	start(internal, internalHandler(p.pages.ForwardAuth()))
	err = <-ended
	stop() // when one listener fails, the other must not go on alone
	return errors.Join(err, <-ended)
}

// internalHandler is what the internal listener serves: forward authentication to
// proxies, and profiles to this machine alone, since they show secrets in memory.
// http.ServeMux would clean the addresses that proxies ask about.
func internalHandler(forwardAuth http.Handler) http.Handler {
	profiles := web.OnlyProxies(nil, nil)(profiles())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, "/debug/") {
			profiles.ServeHTTP(w, r)
			return
		}
		forwardAuth.ServeHTTP(w, r)
	})
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// report prints the problems for a person, one a line, before there is a log.
func report(w io.Writer, title string, err error) {
	fmt.Fprintf(w, "%s:\n", title)
	var found problems
	if !errors.As(err, &found) {
		fmt.Fprintf(w, "  - %v\n", err)
	}
	for _, p := range found {
		fmt.Fprintf(w, "  - %v\n", p)
	}
}
