package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Form reads a URL-encoded body of at most maxFields fields. The query is no
// part of it: a link must not be able to fill in a form. Refused are a repeated
// field (a check and a use might read different ones), broken UTF-8 and NUL
// (400), other content types (415), and what is too large or has too many
// fields (413).
func Form(r *http.Request, maxFields int) (url.Values, error) {
	body, err := readBody(r, "application/x-www-form-urlencoded")
	if err != nil {
		return nil, err
	}
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil, refusal(http.StatusRequestEntityTooLarge, "form: too many fields")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil { // not wrapped: its text is what was typed
		return nil, refusal(http.StatusBadRequest, "form: malformed")
	}
	for name, values := range form {
		if len(values) != 1 {
			return nil, refusal(http.StatusBadRequest, "form: repeated field")
		}
		if badText(name) || badText(values[0]) {
			return nil, refusal(http.StatusBadRequest, "form: broken UTF-8 or NUL")
		}
	}
	return form, nil
}

// ReadJSON reads a JSON body into v. Refused are unknown members, anything after
// the value (400), other content types (415) and what is too large (413).
func ReadJSON(r *http.Request, v any) error {
	body, err := readBody(r, "application/json")
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return refusal(http.StatusBadRequest, "json: malformed or unexpected")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return refusal(http.StatusBadRequest, "json: more than one value")
	}
	return nil
}

// RequireJSON refuses with 415 a body of another type than JSON, and the mere name of
// one: a form of another site can send text, fields and files without asking the
// browser, and JSON it cannot (ASVS 3.5.2). Where nothing is sent nothing is asked for.
func RequireJSON(page ErrorPage) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength != 0 || len(r.Header.Values("Content-Type")) > 0 {
				if err := bodyIs(r, "application/json"); err != nil {
					fail(record(w), r, err, page)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// readBody reads a bounded body of one content type in UTF-8.
func readBody(r *http.Request, contentType string) ([]byte, error) {
	if err := bodyIs(r, contentType); err != nil {
		return nil, err
	}
	return wholeBody(r)
}

// bodyIs refuses any other type of body, and more than one.
func bodyIs(r *http.Request, contentType string) error {
	sent := r.Header.Values("Content-Type")
	if len(sent) != 1 || r.Header.Get("Content-Encoding") != "" {
		return refusal(http.StatusUnsupportedMediaType, "want one Content-Type and no Content-Encoding")
	}
	media, params, err := mime.ParseMediaType(sent[0])
	if charset := params["charset"]; err != nil || media != contentType || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refusal(http.StatusUnsupportedMediaType, "want "+contentType)
	}
	return nil
}

// wholeBody reads all of it, within the limit.
func wholeBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBodyBytes+1))
	switch {
	case err != nil:
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, Error{Status: http.StatusRequestEntityTooLarge, Err: tooLarge}
		}
		return nil, Error{Status: http.StatusBadRequest, Err: fmt.Errorf("read body: %w", err)}
	case len(body) > MaxBodyBytes:
		return nil, refusal(http.StatusRequestEntityTooLarge, "body over limit")
	}
	return body, nil
}

// refusal is an Error whose cause holds nothing that the client sent.
func refusal(status int, why string) Error {
	return Error{Status: status, Err: errors.New(why)}
}

// badText reports what no text field holds.
func badText(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }
