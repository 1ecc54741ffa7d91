package zitadeltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// call is one REST request while it is being answered. The lock is held.
type call struct {
	*Server
	request *http.Request
	caller  *caller
}

// serveAPI authenticates, answers and writes one row of the route table.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, row route) {
	who, err := s.authenticate(r)
	if err != nil {
		s.writeError(w, err)
		return
	}
	body, err := row.api(&call{Server: s, request: r, caller: who})
	if err != nil {
		s.writeError(w, err)
		return
	}
	status := row.status
	if status == 0 {
		status = http.StatusOK
	}
	s.writeAPI(w, status, body)
}

// id is the {id} of the path.
func (c *call) id() string { return c.request.PathValue("id") }

// decode reads the JSON body into a request struct. As on the real server an
// empty body is an empty message, snake_case names are understood and unknown
// fields are overlooked (though reported as a violation).
func (c *call) decode(into any) error {
	raw, err := io.ReadAll(c.request.Body)
	if err != nil {
		return badRequest(err.Error())
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	var tree any
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&tree); err != nil {
		return badRequest(err.Error())
	}
	names, err := json.Marshal(camelCase(tree))
	if err != nil {
		return badRequest(err.Error())
	}
	strict := json.NewDecoder(bytes.NewReader(names))
	strict.DisallowUnknownFields()
	err = strict.Decode(into)
	if err != nil && strings.Contains(err.Error(), "unknown field") {
		c.config.Violation("zitadeltest: %s %s: %v", c.request.Method, c.request.URL.Path, err)
		err = json.Unmarshal(names, into)
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badRequest("proto: syntax error (line 1:1): unexpected token " + mismatch.Value)
	}
	if err != nil {
		return badRequest("proto: " + err.Error())
	}
	return nil
}

// freeForm names the objects whose keys are the caller's, not the API's.
var freeForm = map[string]bool{
	"metadata": true, "header": true, "translations": true, "publicKeyCredential": true, "credentialAssertionData": true,
}

// camelCase renames the snake_case keys of a decoded JSON value.
func camelCase(v any) any {
	switch v := v.(type) {
	case map[string]any:
		renamed := make(map[string]any, len(v))
		for key, value := range v {
			if _, isObject := value.(map[string]any); !isObject || !freeForm[key] {
				value = camelCase(value)
			}
			renamed[camelCaseName(key)] = value
		}
		return renamed
	case []any:
		for i := range v {
			v[i] = camelCase(v[i])
		}
	}
	return v
}

func camelCaseName(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words {
		if i > 0 && word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// lengthBetween is the validation rule that most strings have.
func lengthBetween(value string, least, most int) bool {
	n := utf8.RuneCountInString(value)
	return n >= least && n <= most
}

// statusRecorder remembers the status for [Server.Calls].
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status and passes it on.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
