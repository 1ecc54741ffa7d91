package web

import (
	"io"
	"net/http"
	"time"
)

// streamWrite is how long a client may take to be sent one event: one that does
// not read must not hold a stream.
const streamWrite = 10 * time.Second

// EventStream is a response of server-sent events, to one client, for as long as
// the handler goes on. Names and data are the program's own and hold no line
// break. Any error means that the client is gone.
type EventStream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
}

// NewEventStream begins the response. Proxies are told not to wait for its end,
// and browsers when to come back after it.
func NewEventStream(w http.ResponseWriter, retry string) (*EventStream, error) {
	s := &EventStream{w, http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store, no-transform") // compression would wait for more
	w.Header().Set("X-Accel-Buffering", "no")                 // nginx would, too
	return s, s.write("retry: " + retry + "\n\n")
}

// Send sends an event.
func (s *EventStream) Send(name, data string) error {
	return s.write("event: " + name + "\ndata: " + data + "\n\n")
}

// Ping sends what a client overlooks: proxies see that the stream lives, and we
// that the client does.
func (s *EventStream) Ping() error { return s.write(":\n\n") }

func (s *EventStream) write(text string) error {
	// In place of the server's, which is for the whole answer.
	_ = s.controller.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.controller.Flush()
}
