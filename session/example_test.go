package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"torhaus/session"
)

// A browser signs in, is known, signs out, and is nobody.
func Example() {
	m, err := session.NewManager(session.Config{
		Store:        session.NewMemory(nil),
		Keys:         session.Keys{session.GenerateKey()},
		Environment:  "production",
		CookieDomain: "example.com",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest(http.MethodPost, "https://auth.example.com/password", nil)
	w := httptest.NewRecorder()
	_, err = m.StartSession(r.Context(), w, r, session.Session{Subject: "346511890217304067", Name: "Alice"}, session.TokenSet{})
	cookie := w.Result().Cookies()[0]
	fmt.Println(cookie.Name, cookie.Domain, err)

	r = httptest.NewRequest(http.MethodGet, "https://auth.example.com/session", nil)
	r.AddCookie(cookie)
	s, err := m.Session(r.Context(), r)
	fmt.Println(s.Name, err)

	_, _, err = m.EndSession(r.Context(), httptest.NewRecorder(), r)
	fmt.Println(err)
	_, err = m.Session(r.Context(), r)
	fmt.Println(errors.Is(err, session.ErrNotFound))
	// Output:
	// __Secure-torhaus example.com <nil>
	// Alice <nil>
	// <nil>
	// true
}
