package zitadelclient_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

func TestSessionLife(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	_, err := w.client.CreateSession(ctx, zitadelclient.NewSession{Checks: zitadelclient.Checks{UserID: w.alice, Password: password}})
	wantKind(t, err, zitadelclient.Invalid) // no lifetime

	first, err := w.client.CreateSession(ctx, zitadelclient.NewSession{Checks: zitadelclient.Checks{UserID: w.alice}, Lifetime: time.Hour})
	must(t, err)
	second, err := w.client.UpdateSession(ctx, first, zitadelclient.SessionUpdate{Checks: zitadelclient.Checks{Password: password}, Lifetime: 2 * time.Hour})
	must(t, err)
	if second.Token == first.Token {
		t.Error("an update must return the newest token")
	}
	unchanged, err := w.client.UpdateSession(ctx, second, zitadelclient.SessionUpdate{})
	must(t, err)
	if unchanged.Token != second.Token {
		t.Error("an update that changes nothing must keep the token")
	}
	_, err = w.client.Session(ctx, first)
	wantKind(t, err, zitadelclient.SessionEnded) // its token is dead

	s, err := w.client.Session(ctx, second)
	must(t, err)
	f := s.Factors
	if s.ID != second.ID || f.User.ID != w.alice || f.User.LoginName != "alice" || f.User.OrganizationID != w.DefaultOrganization() ||
		f.Password.IsZero() || f.User.Verified.IsZero() || !f.TOTP.IsZero() || f.UserVerified {
		t.Errorf("session %+v", s)
	}
	if left := s.Expires.Sub(w.Now()); left < 119*time.Minute || left > 2*time.Hour {
		t.Errorf("expires in %s", left)
	}

	found, err := w.client.SearchSessions(ctx, zitadelclient.SessionQuery{IDs: []string{second.ID}, UserID: w.alice})
	must(t, err)
	if len(found) != 1 || found[0].ID != second.ID {
		t.Errorf("found %+v", found)
	}

	must(t, w.client.DeleteSession(ctx, second))
	must(t, w.client.DeleteSession(ctx, second)) // again is no error
	_, err = w.client.Session(ctx, second)
	wantKind(t, err, zitadelclient.SessionEnded)
}

// Whatever proves nothing is refused before ZITADEL could say yes to the
// service user.
func TestRefusedBeforeTheCall(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	noToken := zitadelclient.SessionRef{ID: "400000000000000001"}
	request := zitadelclient.AuthRequestID("V2_1")
	_, sessionErr := w.client.Session(ctx, noToken)
	_, updateErr := w.client.UpdateSession(ctx, noToken, zitadelclient.SessionUpdate{Lifetime: time.Hour})
	_, finalizeErr := w.client.Finalize(ctx, request, noToken)
	_, listErr := w.client.SearchSessions(ctx, zitadelclient.SessionQuery{})
	_, usersErr := w.client.SearchUsers(ctx, zitadelclient.UserQuery{OrganizationID: "1"})
	_, organizationsErr := w.client.Organizations(ctx, zitadelclient.OrganizationQuery{})
	_, noOrganization := w.client.CreateUser(ctx, zitadelclient.NewUser{Email: "a@example.com", Password: password, VerifyTemplate: verifyLink})
	_, noPassword := w.client.CreateUser(ctx, zitadelclient.NewUser{OrganizationID: "1", Email: "a@example.com", VerifyTemplate: verifyLink})
	_, both := w.client.CreateUser(ctx, zitadelclient.NewUser{
		OrganizationID: "1", Email: "a@example.com", Password: password, WithoutPassword: true, VerifyTemplate: verifyLink,
	})
	_, noTemplate := w.client.CreateUser(ctx, zitadelclient.NewUser{OrganizationID: "1", Email: "a@example.com", Password: password})
	_, emptyPassword := zitadelclient.CurrentPassword("")
	_, emptyCode := zitadelclient.VerificationCode("")
	_, dots := w.client.User(ctx, "..")
	_, exchangeErr := w.client.Exchange(ctx, "code", zitadelclient.Transaction{State: "s"})
	_, refreshErr := w.client.Refresh(ctx, "token", zitadelclient.IDClaims{})
	_, _, scopeErr := w.client.Authorize(ctx, zitadelclient.AuthorizeParams{OrganizationID: "1 urn:zitadel:iam:org:project:id:zitadel:aud"})
	for _, test := range []struct {
		what string
		err  error
		kind zitadelclient.Kind
	}{
		{"session without token", sessionErr, zitadelclient.SessionEnded},
		{"update without token", updateErr, zitadelclient.SessionEnded},
		{"finalize without token", finalizeErr, zitadelclient.SessionEnded},
		{"list of all sessions", listErr, zitadelclient.Invalid},
		{"list of all users", usersErr, zitadelclient.Invalid},
		{"list of all organizations", organizationsErr, zitadelclient.Invalid},
		{"user without organization", noOrganization, zitadelclient.Invalid},
		{"user without password", noPassword, zitadelclient.Invalid},
		{"user with a password, and said to be without", both, zitadelclient.Invalid},
		{"user without mail link", noTemplate, zitadelclient.Invalid},
		{"reset without mail link", w.client.SendPasswordReset(ctx, w.alice, ""), zitadelclient.Invalid},
		{"code without mail link", w.client.SendEmailCode(ctx, w.alice, ""), zitadelclient.Invalid},
		{"password without proof", w.client.SetPassword(ctx, w.alice, "Other1!aa", zitadelclient.Proof{}), zitadelclient.Invalid},
		{"empty password as proof", emptyPassword, zitadelclient.WrongPassword},
		{"empty code as proof", emptyCode, zitadelclient.WrongCode},
		{"empty e-mail code", w.client.VerifyEmail(ctx, w.alice, ""), zitadelclient.WrongCode},
		{"id that leaves the path", dots, zitadelclient.Invalid},
		{"code without its transaction", exchangeErr, zitadelclient.Invalid},
		{"refresh without claims", refreshErr, zitadelclient.Invalid},
		{"scope in an organization's id", scopeErr, zitadelclient.Invalid},
	} {
		if !errors.Is(test.err, test.kind) {
			t.Errorf("%s: got %v, want %q", test.what, test.err, test.kind)
		}
	}
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("ZITADEL was asked: %v", calls)
	}
}

func TestSignUp(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	bob := zitadelclient.NewUser{
		OrganizationID: w.DefaultOrganization(), GivenName: "Bob", FamilyName: "Example", Email: "bob@example.com",
		PreferredLanguage: "de", Password: password, VerifyTemplate: verifyLink,
	}
	weak := bob
	weak.Password = "weak"
	_, err := w.client.CreateUser(ctx, weak)
	wantKind(t, err, zitadelclient.PasswordPolicy)
	id, err := w.client.CreateUser(ctx, bob)
	must(t, err)
	_, err = w.client.CreateUser(ctx, bob)
	wantKind(t, err, zitadelclient.AlreadyExists)

	must(t, w.client.ResendEmailCode(ctx, id, verifyLink))
	must(t, w.client.SendEmailCode(ctx, id, verifyLink))
	wantKind(t, w.client.VerifyEmail(ctx, id, "WRONG1"), zitadelclient.WrongCode)
	must(t, w.client.VerifyEmail(ctx, id, w.LastMail("bob@example.com").Code))
	wantKind(t, w.client.ResendEmailCode(ctx, id, verifyLink), zitadelclient.AlreadyHandled)

	u, err := w.client.User(ctx, id)
	must(t, err)
	if u.UserName != "bob@example.com" || u.Email != "bob@example.com" || !u.EmailVerified || u.GivenName != "Bob" || u.PreferredLanguage != "de" ||
		u.OrganizationID != w.DefaultOrganization() || u.State != zitadelclient.UserActive || !u.Human || u.PasswordChanged.IsZero() {
		t.Errorf("user %+v", u)
	}
	methods, err := w.client.AuthMethods(ctx, id)
	must(t, err)
	if !slices.Equal(methods, []zitadelclient.AuthMethod{zitadelclient.MethodPassword}) {
		t.Errorf("methods %v", methods)
	}
}

func TestPasswordReset(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	must(t, w.client.SendPasswordReset(ctx, w.alice, passwordLink))
	code, err := zitadelclient.VerificationCode(w.LastMail("alice@example.com").Code)
	must(t, err)
	wrong, err := zitadelclient.VerificationCode("WRONG1")
	must(t, err)
	wantKind(t, w.client.SetPassword(ctx, w.alice, "Password2!", wrong), zitadelclient.WrongCode)
	wantKind(t, w.client.SetPassword(ctx, w.alice, "weak", code), zitadelclient.PasswordPolicy)
	must(t, w.client.SetPassword(ctx, w.alice, "Password2!", code))
	wantKind(t, w.client.SetPassword(ctx, w.alice, "Password3!", code), zitadelclient.WrongCode)

	current, err := zitadelclient.CurrentPassword("Password2!")
	must(t, err)
	old, err := zitadelclient.CurrentPassword(password)
	must(t, err)
	wantKind(t, w.client.SetPassword(ctx, w.alice, "Password3!", old), zitadelclient.WrongPassword)
	wantKind(t, w.client.SetPassword(ctx, w.alice, "Password2!", current), zitadelclient.PasswordPolicy)
	must(t, w.client.SetPassword(ctx, w.alice, "Password3!", current))
	wantKind(t, w.client.SendPasswordReset(ctx, "400000000000000000", passwordLink), zitadelclient.NotFound)
}

// Whoever has no way to sign in can be given a password, once, and nobody else: not
// who has one, nor who got one after the proof was made.
func TestFirstPassword(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	id, err := w.client.CreateUser(ctx, zitadelclient.NewUser{
		OrganizationID: w.DefaultOrganization(), GivenName: "Bob", FamilyName: "Example", Email: "bob@example.com",
		WithoutPassword: true, VerifyTemplate: verifyLink,
	})
	must(t, err)
	u, err := w.client.User(ctx, id)
	must(t, err)
	if u.State != zitadelclient.UserActive || !u.PasswordChanged.IsZero() || w.LastMail("bob@example.com").Kind != "verify-email" {
		t.Errorf("without a password: %+v, mailed %q", u, w.LastMail("bob@example.com").Kind)
	}
	first, err := w.client.ProveFirstPassword(ctx, id)
	must(t, err)
	late, err := w.client.ProveFirstPassword(ctx, id)
	must(t, err)
	if n := len(w.Mails()); n != 1 {
		t.Errorf("the code of a proof was mailed: %d mails", n)
	}
	wantKind(t, w.client.SetPassword(ctx, w.alice, "Password2!", late), zitadelclient.WrongCode) // another user's
	wantKind(t, w.client.SetPassword(ctx, id, "Password2!", first), zitadelclient.WrongCode)     // the newest counts
	must(t, w.client.SetPassword(ctx, id, "Password2!", late))
	wantKind(t, w.client.SetPassword(ctx, id, "Password3!", late), zitadelclient.WrongCode) // used up by the one before
	_, err = w.client.ProveFirstPassword(ctx, id)
	wantKind(t, err, zitadelclient.AlreadyHandled)
	_, err = w.client.ProveFirstPassword(ctx, "400000000000000000")
	wantKind(t, err, zitadelclient.NotFound)
}

func TestSearchUsers(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	second := w.AddOrganization("Second")
	twin := w.AddUser(zitadeltest.UserSeed{UserName: "twin", Email: "alice@example.com", OrganizationID: second, Phone: "+41791234567"})
	for _, test := range []struct {
		name  string
		query zitadelclient.UserQuery
		want  []string
	}{
		{"login name", zitadelclient.UserQuery{LoginName: "ALICE"}, []string{w.alice}},
		{"any of the names", zitadelclient.UserQuery{LoginName: "alice@example.com", Email: "alice@example.com", Phone: "+41791234567"}, []string{w.alice, twin}},
		{"in an organization", zitadelclient.UserQuery{Email: "alice@example.com", OrganizationID: second}, []string{twin}},
		{"phone", zitadelclient.UserQuery{Phone: "+41791234567"}, []string{twin}},
		{"nobody", zitadelclient.UserQuery{LoginName: "nobody"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			users, err := w.client.SearchUsers(ctx, test.query)
			must(t, err)
			var ids []string
			for _, u := range users {
				ids = append(ids, u.ID)
			}
			slices.Sort(ids)
			slices.Sort(test.want)
			if !slices.Equal(ids, test.want) {
				t.Errorf("found %v, want %v", ids, test.want)
			}
		})
	}
}

// A wrong password is tried once, whatever happens: ZITADEL counts.
func TestCredentialChecksAreNotRepeated(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	check := zitadelclient.NewSession{Checks: zitadelclient.Checks{UserID: w.alice, Password: "Wrong1!aa"}, Lifetime: time.Hour}
	for attempt := 1; attempt <= 2; attempt++ {
		w.ResetCalls()
		_, err := w.client.CreateSession(ctx, check)
		var e *zitadelclient.Error
		if !errors.As(err, &e) || e.Kind != zitadelclient.WrongPassword || e.FailedAttempts != attempt {
			t.Fatalf("attempt %d: %v", attempt, err)
		}
		if n := countCalls(w, "POST /v2/sessions"); n != 1 {
			t.Errorf("attempt %d made %d calls", attempt, n)
		}
	}
	for _, fault := range []zitadeltest.Fault{{Drop: true}, {Status: 503, Body: "{}"}, {Garbage: true}} {
		fault.Path = "/v2/sessions"
		w.Fault(fault)
		w.ResetCalls()
		_, err := w.client.CreateSession(ctx, check)
		wantKind(t, err, zitadelclient.Unavailable)
		if n := len(w.Calls()); n > 1 {
			t.Errorf("fault %+v: %d calls", fault, n)
		}
		w.ClearFaults()
	}
	w.LockUser(w.alice)
	_, err := w.client.CreateSession(ctx, check)
	wantKind(t, err, zitadelclient.NotActive)
}

func countCalls(w *world, route string) (n int) {
	for _, call := range w.Calls() {
		if call.Route == route {
			n++
		}
	}
	return n
}
