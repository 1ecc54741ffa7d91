package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"torhaus/web"
)

// A return target is usable only after a parser has agreed to it.
func ExampleOrigins_ReturnTo() {
	apps, err := web.ParseOrigins("https://app.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	target, err := apps.ReturnTo("HTTPS://APP.example.com:443/inbox?q=ü")
	fmt.Println(target, err)
	_, err = apps.ReturnTo(`https://app.example.com\.evil.com/`)
	fmt.Println(err)
	_, err = apps.ReturnTo("//evil.com")
	fmt.Println(err)
	// Output:
	// https://app.example.com/inbox?q=%C3%BC <nil>
	// redirect target refused: forbidden character
	// redirect target refused: relative or with a user
}

// A handler returns what went wrong; Adapt answers in the client's language.
func ExampleAdapt() {
	signedOut := func(http.ResponseWriter, *http.Request) error {
		return web.Error{Status: http.StatusUnauthorized, Key: "session.none"}
	}
	r := httptest.NewRequest(http.MethodGet, "/session", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	web.Adapt(signedOut, nil).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 401 application/problem+json
}
