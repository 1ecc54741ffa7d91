package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// problemBody is RFC 9457's object, with our error id and the way on as its
// extensions.
type problemBody struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	ErrorID string `json:"error_id,omitempty"`
	Next    string `json:"next,omitempty"`
}

// Problem writes an application/problem+json answer (RFC 9457). kind is its
// type: a URI that names the kind of problem, "" where the status says it all.
func Problem(w http.ResponseWriter, status int, kind, title, errorID string) {
	writeProblem(w, problemBody{Type: kind, Title: title, Status: status, ErrorID: errorID})
}

// ProblemPage is the [ErrorPage] of scripts. The key, not its translation, says
// what happened: the app words it for its own users.
func ProblemPage(w http.ResponseWriter, _ *http.Request, e Error, errorID string) {
	body := problemBody{Type: ProblemType(e), Title: http.StatusText(e.Status), Status: e.Status, ErrorID: errorID}
	if e.Next != nil {
		body.Next = e.Next.String()
	}
	writeProblem(w, body)
}

// ProblemType is the URI that names the kind of an error, "" where the status says
// it all.
func ProblemType(e Error) string {
	if e.Key == "" {
		return ""
	}
	return "urn:torhaus:" + e.Key
}

func writeProblem(w http.ResponseWriter, body problemBody) {
	body.Type = cmp.Or(body.Type, "about:blank")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(body.Status)
	// A client that is gone is the only way for this to fail.
	_ = json.NewEncoder(w).Encode(body)
}

// WriteJSON answers with v as JSON. It encodes before it writes, so that an
// error leaves the response untouched.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(v); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	return nil
}

// WantsJSON reports whether a script asks rather than a person: only a
// navigation can show a page. The browser's own word (Sec-Fetch-Mode, which no
// script can forge) comes first, then whichever of JSON and HTML Accept names
// first. A client that says nothing gets the page.
func WantsJSON(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Mode") {
	case "navigate", "nested-navigate":
		return false
	case "cors", "no-cors", "same-origin", "websocket":
		return true
	}
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, _, _ := strings.Cut(part, ";")
		switch media = strings.ToLower(strings.TrimSpace(media)); {
		case media == "text/html", media == "application/xhtml+xml":
			return false
		case media == "application/json", strings.HasSuffix(media, "+json"), media == "text/event-stream":
			return true
		}
	}
	return false
}
