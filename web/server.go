package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// The time-outs of [NewServer].
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	// maxHeaderBytes is of all headers together; net/http grants 4 KiB on top,
	// so a request is refused (431) somewhere between 72 and 76 KiB. The proxies of
	// deploy pass on 60 to 64 KiB, and add lines of their own: a browser keeps up to
	// 180 cookies of 4 KiB for a domain, and whoever brings a few large ones of other
	// servers' is no attacker. Nothing is set aside for what does not come.
	maxHeaderBytes = 72 << 10
	// drainTimeout is how long requests in flight may take after the end was
	// announced; an orchestrator kills after 30 s.
	drainTimeout = 25 * time.Second
)

// NewServer returns a server that no slow or greedy client can hold: headers
// within 5 s, the request within 10 s, the answer within 30 s, 60 s idle, 72 kB
// of headers. A handler that streams moves its own write deadline on with
// http.ResponseController. Set ErrorLog to keep net/http's complaints in one log.
func NewServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           closeAfterChunked(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         countLines,
	}
}

// closeAfterChunked ends the connection after a chunked request. One that had a
// Content-Length, too, may have ended elsewhere for the proxy in front, whose
// rest would now be read as a request of the next visitor; net/http hides the
// contradiction. Browsers send no chunks, so this costs next to nothing.
func closeAfterChunked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Serve serves on l until ctx ends, then lets requests in flight finish for up
// to 25 s. What streams for ever must end on its own: see
// http.Server.RegisterOnShutdown. It returns nil after a complete drain. A request
// whose headers have more than 1000 lines is refused before they are kept (431).
func Serve(ctx context.Context, server *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(fewLines{l}) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("drain %s: %w", l.Addr(), err), server.Close())
	}
	<-failed // http.ErrServerClosed: Serve has returned, nothing is left behind
	return nil
}
