package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// problemBody is RFC 9457's object, with our error id as its extension.
type problemBody struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	ErrorID string `json:"error_id,omitempty"`
}

// Problem writes an application/problem+json answer (RFC 9457). kind is its
// type: a URI that names the kind of problem, "" where the status says it all.
func Problem(w http.ResponseWriter, status int, kind, title, errorID string) {
	if kind == "" {
		kind = "about:blank"
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// A client that is gone is the only way for this to fail.
	_ = json.NewEncoder(w).Encode(problemBody{kind, title, status, errorID})
}

// problem answers a script. The key, not its translation, says what happened:
// the app words it for its own users.
func problem(w http.ResponseWriter, e Error, errorID string) {
	kind := ""
	if e.Key != "" {
		kind = "urn:torhaus:" + e.Key
	}
	Problem(w, e.Status, kind, http.StatusText(e.Status), errorID)
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
