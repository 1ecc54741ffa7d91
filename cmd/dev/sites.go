package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"torhaus/web"
)

// site is one web server of the product. Its listener is there before its
// handler, for the handlers know one another's addresses.
type site struct {
	name     string
	address  string // host:port to listen on
	host     string // "auth.example.localhost", "" for a site without a name
	listener net.Listener
	handler  http.Handler
	drain    func() // ends what would stream for ever; nil where nothing does
}

// listen opens the port.
func (s *site) listen() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("%s: %w (is another one running?)", s.name, err)
	}
	s.listener = l
	return nil
}

// url is the site's origin as a browser writes it.
func (s *site) url() string {
	if s.host == "" {
		return "http://" + s.listener.Addr().String()
	}
	return fmt.Sprintf("http://%s:%d", s.host, s.listener.Addr().(*net.TCPAddr).Port)
}

// serveSites serves all of them until ctx ends or one fails.
func serveSites(ctx context.Context, sites []site, stdout io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for i := range sites {
		if sites[i].listener != nil {
			continue
		}
		if err := sites[i].listen(); err != nil {
			return err
		}
	}
	ended := make(chan error, len(sites))
	for _, s := range sites {
		server := web.NewServer(s.address, s.handler)
		if s.drain != nil {
			server.RegisterOnShutdown(s.drain)
		}
		go func() { ended <- web.Serve(ctx, server, s.listener) }()
		fmt.Fprintf(stdout, "%-16s %s\n", s.name, s.url())
	}
	var all error
	for range sites {
		all = errors.Join(all, <-ended)
		stop() // the others are of no use alone
	}
	return all
}
