package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
)

// maxHeaderLines is the limit of lines before a body, of any request. Apps and
// browsers stay far below it. net/http knows no such limit: the bytes that it allows
// would, in thousands of lines, weigh twenty times as much in memory.
const maxHeaderLines = 1000

// tooManyLines is what net/http answers where there are too many bytes.
const tooManyLines = "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n431 Request Header Fields Too Large"

// fewLines is a listener whose connections end with a request of too many lines,
// before they are kept.
type fewLines struct{ net.Listener }

// Accept waits for the next connection.
func (l fewLines) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn}, nil
}

// countedConn counts the lines before a body.
type countedConn struct {
	net.Conn
	counting bool
	lines    int
	length   int // of the line that has begun
}

// countLines is a ConnState hook: a request is read from when a connection is new or
// idle until it is active. Nobody reads while net/http says so; of an end it may say
// while somebody does.
func countLines(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*countedConn)
	if !ok || state == http.StateClosed || state == http.StateHijacked {
		return
	}
	c.counting = state == http.StateNew || state == http.StateIdle
	c.lines = 0
	c.length = len("\r\n") // some of the line may have been read already: it is none that ends the headers
}

// Read reads, and fails when there are too many lines.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.counting && c.count(p[:n]) {
		_, _ = io.WriteString(c.Conn, tooManyLines)
		return 0, &net.OpError{Op: "read", Err: errors.New("too many header lines")}
	}
	return n, err
}

// count reports whether there are too many lines with those that end in p.
func (c *countedConn) count(p []byte) bool {
	for c.counting {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			c.length += len(p)
			return false
		}
		c.lines++
		c.counting = c.length+end > len("\r") // an empty line ends the headers
		p, c.length = p[end+1:], 0
		if c.lines > maxHeaderLines {
			return true
		}
	}
	return false
}
