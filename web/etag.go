package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// WriteTaggedJSON is [WriteJSON] with an ETag, for what clients ask again and
// again: who names it in If-None-Match is answered 304 while nothing has changed.
func WriteTaggedJSON(w http.ResponseWriter, r *http.Request, v any) error {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(v); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	if matchesTag(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(body.Bytes()); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	return nil
}

// matchesTag compares weakly (RFC 9110, 13.1.2): a proxy that compresses makes
// our tags weak on their way.
func matchesTag(r *http.Request, tag string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}
