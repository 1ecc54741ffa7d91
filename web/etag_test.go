package web

import (
	"net/http"
	"testing"
)

func TestWriteTaggedJSON(t *testing.T) {
	answer := func(value string, headers ...string) (status int, tag, body string) {
		t.Helper()
		h := Adapt(func(w http.ResponseWriter, r *http.Request) error {
			return WriteTaggedJSON(w, r, map[string]string{"name": value})
		}, nil)
		w := serve(h, request("GET", "/session", headers...))
		return w.Code, w.Header().Get("ETag"), w.Body.String()
	}
	status, tag, body := answer("Alice")
	if status != 200 || len(tag) < 10 || tag[0] != '"' || body != `{"name":"Alice"}`+"\n" {
		t.Fatalf("%d %s %s", status, tag, body)
	}
	for _, test := range []struct {
		value string
		sent  []string
		want  int
	}{
		{"Alice", []string{tag}, 304},
		{"Alice", []string{"W/" + tag}, 304},
		{"Alice", []string{`"other" , ` + tag}, 304},
		{"Alice", []string{`"other"`, tag}, 304},
		{"Alice", []string{"*"}, 304},
		{"Bob", []string{tag}, 200},
		{"Alice", []string{tag[1 : len(tag)-1]}, 200},
		{"Alice", []string{`"other"`}, 200},
		{"Alice", []string{""}, 200},
		{"Alice", []string{`"`}, 200},
	} {
		var headers []string
		for _, sent := range test.sent {
			headers = append(headers, "If-None-Match", sent)
		}
		status, again, body := answer(test.value, headers...)
		if status != test.want || (body == "") != (test.want == 304) || again == "" {
			t.Errorf("%s, If-None-Match: %q: %d, tag %s, body %q; want %d", test.value, test.sent, status, again, body, test.want)
		}
	}
	if err := WriteTaggedJSON(nil, nil, make(chan int)); err == nil {
		t.Error("wrote what is no JSON")
	}
}
