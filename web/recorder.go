package web

import "net/http"

// recorder notes what was sent. It has no Flush or Hijack of its own:
// http.ResponseController reaches them through Unwrap.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// record wraps w, unless it is a recorder already.
func record(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// started reports whether the final status has left.
func (rec *recorder) started() bool { return rec.status != 0 }

// WriteHeader notes the status; 1xx are no answer yet.
func (rec *recorder) WriteHeader(status int) {
	if !rec.started() && status >= http.StatusOK {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write counts the body's bytes.
func (rec *recorder) Write(p []byte) (int, error) {
	if !rec.started() {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the writer below.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }
