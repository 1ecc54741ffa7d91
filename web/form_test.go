package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// post returns a request with a body.
func post(contentType, body string) *http.Request {
	r := request("POST", "/password?password=from-the-query", "Content-Type", contentType)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

const formType = "application/x-www-form-urlencoded"

// statusOf returns the status of a refusal, 200 for none.
func statusOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	e, ok := errors.AsType[Error](err)
	if !ok {
		t.Fatalf("%v is no Error", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the refusal repeats what was typed: %v", err)
	}
	return e.Status
}

func TestForm(t *testing.T) {
	for _, test := range []struct {
		name, contentType, body string
		want                    int
	}{
		{"plain", formType, "login=a%40b&password=hunter2", 200},
		{"charset", formType + "; charset=UTF-8", "login=a&password=hunter2", 200},
		{"empty", formType, "", 200},
		{"empty field", formType, "login=&password=", 200},
		{"unicode", formType, "login=%C3%BC&password=%F0%9F%98%80", 200},
		{"as many as allowed", formType, "a=1&b=2&c=3&d=4", 200},
		{"one more", formType, "a=1&b=2&c=3&d=4&e=5", 413},
		{"100000 fields", formType, strings.Repeat("a=1&", 15000), 413},
		{"repeated", formType, "password=hunter2&password=x", 400},
		{"repeated, spelled otherwise", formType, "password=hunter2&pass%77ord=x", 400},
		{"bad escape", formType, "password=hunter2%zz", 400},
		{"semicolon", formType, "password=hunter2;x=y", 400},
		{"bad UTF-8", formType, "password=hunter2%ff", 400},
		{"overlong", formType, "password=hunter2%c0%af", 400},
		{"surrogate", formType, "password=hunter2%ed%a0%80", 400},
		{"bad UTF-8 name", formType, "%ff=hunter2", 400},
		{"NUL", formType, "password=hunter2%00", 400},
		{"NUL name", formType, "pass%00word=hunter2", 400},
		{"largest", formType, "a=" + strings.Repeat("a", MaxBodyBytes-2), 200},
		{"too large", formType, "a=" + strings.Repeat("a", MaxBodyBytes-1), 413},
		{"no type", "", "password=hunter2", 415},
		{"json", "application/json", `{"password":"hunter2"}`, 415},
		{"multipart", "multipart/form-data; boundary=x", "--x--", 415},
		{"text", "text/plain", "password=hunter2", 415},
		{"latin1", formType + "; charset=iso-8859-1", "password=hunter2", 415},
		{"broken type", formType + ";;", "password=hunter2", 415},
	} {
		form, err := Form(post(test.contentType, test.body), 4)
		if got := statusOf(t, err); got != test.want {
			t.Errorf("%s: %d (%v), want %d", test.name, got, err, test.want)
		}
		if form.Get("password") == "from-the-query" {
			t.Errorf("%s: the query filled in the form", test.name)
		}
	}
}

func TestFormValues(t *testing.T) {
	form, err := Form(post(formType, "login=a%40b+c&password=%2B%26"), 4)
	if err != nil || form.Get("login") != "a@b c" || form.Get("password") != "+&" || len(form) != 2 {
		t.Errorf("got %v, %v", form, err)
	}
}

func TestBodyRefusals(t *testing.T) {
	two := post(formType, "a=b")
	two.Header.Add("Content-Type", "text/plain")
	if _, err := Form(two, 4); statusOf(t, err) != 415 {
		t.Errorf("two content types: %v", err)
	}
	packed := post(formType, "a=b")
	packed.Header.Set("Content-Encoding", "zstd")
	if _, err := Form(packed, 4); statusOf(t, err) != 415 {
		t.Errorf("encoded: %v", err)
	}
	broken := post(formType, "")
	broken.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := Form(broken, 4); statusOf(t, err) != 400 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
	limited := post(formType, "a=bcdef")
	limited.Body = http.MaxBytesReader(nil, limited.Body, 3)
	if _, err := Form(limited, 4); statusOf(t, err) != 413 {
		t.Errorf("below the middleware's limit: %v", err)
	}
}

func TestReadJSON(t *testing.T) {
	for _, test := range []struct {
		name, contentType, body string
		want                    int
	}{
		{"plain", "application/json", `{"name":"x"}`, 200},
		{"space after", "application/json; charset=utf-8", " {\"name\":\"x\"} \n", 200},
		{"unknown member", "application/json", `{"name":"x","hunter2":1}`, 400},
		{"wrong type", "application/json", `{"name":1}`, 400},
		{"two values", "application/json", `{"name":"x"}{}`, 400},
		{"rubbish after", "application/json", `{"name":"x"}hunter2`, 400},
		{"empty", "application/json", "", 400},
		{"cut off", "application/json", `{"name":`, 400},
		{"100000 deep", "application/json", strings.Repeat("[", 60000), 400},
		{"10000 keys", "application/json", "{" + strings.Repeat(`"k":1,`, 10000) + `"name":"x"}`, 400},
		{"too large", "application/json", `{"name":"` + strings.Repeat("x", MaxBodyBytes) + `"}`, 413},
		{"form", formType, "name=x", 415},
		{"text", "text/plain", `{"name":"x"}`, 415},
		{"no type", "", `{"name":"x"}`, 415},
	} {
		var v struct{ Name string }
		err := ReadJSON(post(test.contentType, test.body), &v)
		if got := statusOf(t, err); got != test.want || err == nil && v.Name != "x" {
			t.Errorf("%s: %d (%v), %+v, want %d", test.name, got, err, v, test.want)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("login=a&password=b")
	f.Add("a=%00&a=%ff")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := Form(post(formType, body), 4)
		if err != nil {
			statusOf(t, err)
			return
		}
		for name, values := range form {
			if len(values) != 1 || badText(name+values[0]) || len(form) > 4 {
				t.Errorf("%q: passed %q = %q", body, name, values)
			}
		}
	})
}

// TestRequireJSON: no body, or JSON, and nothing that a form can send.
func TestRequireJSON(t *testing.T) {
	h := RequireJSON(testPage)(Adapt(ok, testPage))
	for _, test := range []struct {
		contentType, body string
		want              int
	}{
		{"", "", 200}, {"application/json", "{}", 200}, {"Application/JSON; charset=utf-8", "{}", 200}, {"application/json", "", 200},
		{"", "{}", 415}, {formType, "", 415}, {formType, "a=b", 415}, {"text/plain", "{}", 415}, {"multipart/form-data; boundary=x", "", 415},
		{"application/json; charset=utf-16", "{}", 415}, {"application/json5", "{}", 415}, {"application/", "{}", 415},
	} {
		for _, chunked := range []bool{false, true} {
			r := post(test.contentType, test.body)
			want := test.want
			if test.contentType == "" {
				r.Header.Del("Content-Type")
			}
			if r.ContentLength = int64(len(test.body)); chunked {
				r.ContentLength = -1
				if test.contentType == "" {
					want = 415 // what comes is not known yet
				}
			}
			if got := serve(h, r).Code; got != want {
				t.Errorf("%q with %q, chunked %t: %d, want %d", test.contentType, test.body, chunked, got, want)
			}
		}
	}
	two := post("application/json", "{}")
	two.Header.Add("Content-Type", formType)
	if got := serve(h, two).Code; got != 415 {
		t.Errorf("two types: %d", got)
	}
}

// TestWholeBody: what next reads has come already; too much of it is 413, half of it
// 400, before next begins.
func TestWholeBody(t *testing.T) {
	for name, test := range map[string]struct {
		body io.Reader
		want int
	}{
		"all":      {strings.NewReader("a=b"), 200},
		"too much": {strings.NewReader(strings.Repeat("a", MaxBodyBytes+1)), 413},
		"half":     {io.MultiReader(strings.NewReader("a="), iotest.ErrReader(io.ErrUnexpectedEOF)), 400},
	} {
		reached := false
		h := WholeBody(testPage)(Adapt(func(w http.ResponseWriter, r *http.Request) error {
			reached = true
			if body, err := io.ReadAll(r.Body); string(body) != "a=b" || err != nil {
				t.Errorf("%s: %q, %v", name, body, err)
			}
			return ok(w, r)
		}, testPage))
		r := post(formType, "")
		r.Body, r.ContentLength = io.NopCloser(test.body), -1
		if got := serve(h, r).Code; got != test.want || reached != (test.want == 200) {
			t.Errorf("%s: %d, next reached: %t", name, got, reached)
		}
	}
}
