package zitadelclient_test

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"torhaus/zitadelclient"
	"torhaus/zitadelclient/zitadeltest"
)

const otpLink = "http://auth.example.localhost:8400/otp/email?code={{.Code}}&sessionId={{.SessionID}}"

// identified is a session that only names its user.
func (w *world) identified(user string) zitadelclient.NewSession {
	return zitadelclient.NewSession{Checks: zitadelclient.Checks{UserID: user}, Lifetime: time.Hour}
}

// factors reads what a session remembers.
func (w *world) factors(t *testing.T, ref zitadelclient.SessionRef) zitadelclient.Factors {
	t.Helper()
	s, err := w.client.Session(t.Context(), ref)
	must(t, err)
	return s.Factors
}

// check checks a credential in a session.
func (w *world) check(t *testing.T, ref zitadelclient.SessionRef, checks zitadelclient.Checks) (zitadelclient.SessionRef, error) {
	t.Helper()
	return w.client.UpdateSession(t.Context(), ref, zitadelclient.SessionUpdate{Checks: checks})
}

func (w *world) wantMethods(t *testing.T, want ...zitadelclient.AuthMethod) {
	t.Helper()
	got, err := w.client.AuthMethods(t.Context(), w.alice)
	must(t, err)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("methods %v, want %v", got, want)
	}
}

func TestTOTP(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	wantKind(t, w.client.VerifyTOTP(ctx, w.alice, "123456"), zitadelclient.NotEnrolled)
	registration, err := w.client.RegisterTOTP(ctx, w.alice)
	must(t, err)
	if !strings.HasPrefix(registration.URI, "otpauth://totp/") || !strings.Contains(registration.URI, registration.Secret) {
		t.Error("the registration has no secret for the app")
	}
	session, err := w.client.CreateSession(ctx, w.identified(w.alice))
	must(t, err)
	_, err = w.check(t, session, zitadelclient.Checks{TOTP: w.TOTPCode(registration.Secret)})
	wantKind(t, err, zitadelclient.NotEnrolled) // not verified yet

	wrong := "000000"
	if w.TOTPCode(registration.Secret) == wrong {
		wrong = "111111"
	}
	wantKind(t, w.client.VerifyTOTP(ctx, w.alice, wrong), zitadelclient.WrongCode)
	must(t, w.client.VerifyTOTP(ctx, w.alice, w.TOTPCode(registration.Secret)))
	wantKind(t, w.client.VerifyTOTP(ctx, w.alice, w.TOTPCode(registration.Secret)), zitadelclient.AlreadyEnrolled)
	_, err = w.client.RegisterTOTP(ctx, w.alice)
	wantKind(t, err, zitadelclient.AlreadyEnrolled)
	w.wantMethods(t, zitadelclient.MethodPassword, zitadelclient.MethodTOTP)

	w.ResetCalls()
	_, err = w.check(t, session, zitadelclient.Checks{TOTP: wrong})
	wantKind(t, err, zitadelclient.WrongCode)
	if n := len(w.Calls()); n != 1 {
		t.Errorf("a wrong code made %d calls, and counts with each", n)
	}
	session, err = w.check(t, session, zitadelclient.Checks{TOTP: w.TOTPCode(registration.Secret)})
	must(t, err)
	if f := w.factors(t, session); f.TOTP.IsZero() || !f.Password.IsZero() {
		t.Errorf("factors %+v", f)
	}
}

// Wrong codes lock the user as wrong passwords do.
func TestTOTPLockout(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	w.SetLockout("", func(l *zitadeltest.Lockout) { l.MaxOTPAttempts = 2 })
	w.AddTOTP(w.alice)
	attempt := w.identified(w.alice)
	attempt.Checks.TOTP = "000000"
	for _, want := range []zitadelclient.Kind{zitadelclient.WrongCode, zitadelclient.WrongCode, zitadelclient.NotActive} {
		_, err := w.client.CreateSession(t.Context(), attempt)
		wantKind(t, err, want)
	}
}

func TestOTPByMail(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	byMail := zitadelclient.Challenges{OTPEmailTemplate: otpLink}
	_, _, err := w.client.CreateChallengedSession(ctx, w.identified(w.alice), byMail)
	wantKind(t, err, zitadelclient.NotEnrolled)
	unverified := w.AddUser(zitadeltest.UserSeed{Email: "new@example.com"})
	wantKind(t, w.client.AddOTPEmail(ctx, unverified), zitadelclient.NotVerified)
	must(t, w.client.AddOTPEmail(ctx, w.alice))
	wantKind(t, w.client.AddOTPEmail(ctx, w.alice), zitadelclient.AlreadyEnrolled)
	w.wantMethods(t, zitadelclient.MethodPassword, zitadelclient.MethodOTPEmail)

	session, _, err := w.client.CreateChallengedSession(ctx, w.identified(w.alice), byMail)
	must(t, err)
	mail := w.LastMail("alice@example.com")
	if !strings.HasPrefix(mail.Link, "http://auth.example.localhost:8400/otp/email?code="+mail.Code) || !strings.HasSuffix(mail.Link, session.ID) {
		t.Errorf("link %s", mail.Link)
	}
	_, err = w.check(t, session, zitadelclient.Checks{OTPEmail: "00000000"})
	wantKind(t, err, zitadelclient.WrongCode)
	checked, err := w.check(t, session, zitadelclient.Checks{OTPEmail: mail.Code})
	must(t, err)
	if f := w.factors(t, checked); f.OTPEmail.IsZero() || !f.OTPSMS.IsZero() {
		t.Errorf("factors %+v", f)
	}
	_, err = w.check(t, checked, zitadelclient.Checks{OTPEmail: mail.Code})
	wantKind(t, err, zitadelclient.WrongCode) // used

	again, _, err := w.client.ChallengeSession(ctx, checked, byMail, 2*time.Hour)
	must(t, err)
	if again.ID != checked.ID || again.Token == checked.Token {
		t.Error("a challenge must return the session's newest token")
	}
	w.Advance(6 * time.Minute)
	_, err = w.check(t, again, zitadelclient.Checks{OTPEmail: w.LastMail("alice@example.com").Code})
	wantKind(t, err, zitadelclient.WrongCode) // expired
}

func TestOTPBySMS(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	const phone = "+41791112233"
	wantKind(t, w.client.AddOTPSMS(ctx, w.alice), zitadelclient.NotVerified)
	wantKind(t, w.client.SetPhone(ctx, w.alice, "abc"), zitadelclient.Invalid)
	wantKind(t, w.client.ResendPhoneCode(ctx, w.alice), zitadelclient.AlreadyHandled)
	must(t, w.client.SetPhone(ctx, w.alice, phone))
	first := w.LastSMS(phone).Code
	must(t, w.client.ResendPhoneCode(ctx, w.alice))
	wantKind(t, w.client.VerifyPhone(ctx, w.alice, first), zitadelclient.WrongCode)
	must(t, w.client.VerifyPhone(ctx, w.alice, w.LastSMS(phone).Code))
	wantKind(t, w.client.VerifyPhone(ctx, w.alice, w.LastSMS(phone).Code), zitadelclient.WrongCode)
	wantKind(t, w.client.ResendPhoneCode(ctx, w.alice), zitadelclient.AlreadyHandled)
	u, err := w.client.User(ctx, w.alice)
	must(t, err)
	if u.Phone != phone || !u.PhoneVerified {
		t.Errorf("phone %q, verified %t", u.Phone, u.PhoneVerified)
	}

	bySMS := zitadelclient.Challenges{OTPSMS: true}
	_, _, err = w.client.CreateChallengedSession(ctx, w.identified(w.alice), bySMS)
	wantKind(t, err, zitadelclient.NotEnrolled)
	must(t, w.client.AddOTPSMS(ctx, w.alice))
	wantKind(t, w.client.AddOTPSMS(ctx, w.alice), zitadelclient.AlreadyEnrolled)
	session, _, err := w.client.CreateChallengedSession(ctx, w.identified(w.alice), bySMS)
	must(t, err)
	session, err = w.check(t, session, zitadelclient.Checks{OTPSMS: w.LastSMS(phone).Code})
	must(t, err)
	if w.factors(t, session).OTPSMS.IsZero() {
		t.Error("the code was not checked")
	}

	must(t, w.client.SendPasswordResetSMS(ctx, w.alice, passwordLink))
	code, err := zitadelclient.VerificationCode(w.LastSMS(phone).Code)
	must(t, err)
	must(t, w.client.SetPassword(ctx, w.alice, "Password2!", code))
}

// Recovery codes are good for once.
func TestRecoveryCodes(t *testing.T) {
	w := newWorldOn(t, zitadeltest.NewServer(t, zitadeltest.Config{RecoveryCodes: true}), zitadeltest.AppSeed{})
	session, err := w.client.CreateSession(t.Context(), w.identified(w.alice))
	must(t, err)
	_, err = w.check(t, session, zitadelclient.Checks{RecoveryCode: "abcde-fghij"})
	wantKind(t, err, zitadelclient.NotEnrolled)
	codes := w.AddRecoveryCodes(w.alice)
	w.wantMethods(t, zitadelclient.MethodPassword, zitadelclient.MethodRecoveryCode)
	_, err = w.check(t, session, zitadelclient.Checks{RecoveryCode: "wrong"})
	wantKind(t, err, zitadelclient.WrongCode)
	session, err = w.check(t, session, zitadelclient.Checks{RecoveryCode: codes[3]})
	must(t, err)
	if w.factors(t, session).RecoveryCode.IsZero() {
		t.Error("the code was not checked")
	}
	_, err = w.check(t, session, zitadelclient.Checks{RecoveryCode: codes[3]})
	wantKind(t, err, zitadelclient.WrongCode)
}

// A server that knows no recovery codes ignores them and says yes, which is
// why the session's factors are what counts.
func TestRecoveryCodesThatAreIgnored(t *testing.T) {
	lenient := zitadeltest.Config{Violation: func(string, ...any) {}}
	w := newWorldOn(t, zitadeltest.NewServer(t, lenient), zitadeltest.AppSeed{})
	session, err := w.client.CreateSession(t.Context(), w.identified(w.alice))
	must(t, err)
	session, err = w.check(t, session, zitadelclient.Checks{RecoveryCode: "anything"})
	must(t, err)
	if !w.factors(t, session).RecoveryCode.IsZero() {
		t.Error("an ignored code counts")
	}
}

func TestInvitation(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	wantKind(t, w.client.SendInvite(ctx, w.alice, verifyLink, "App"), zitadelclient.AlreadyHandled)
	bob := w.AddUser(zitadeltest.UserSeed{Email: "bob@example.com"})
	must(t, w.client.SendInvite(ctx, bob, verifyLink, "Example App"))
	mail := w.LastMail("bob@example.com")
	if mail.Link != "http://auth.example.localhost:8400/verify?userId="+bob+"&code="+mail.Code {
		t.Errorf("link %s", mail.Link)
	}
	wantKind(t, w.client.VerifyInvite(ctx, bob, "WRONG1"), zitadelclient.WrongCode)
	must(t, w.client.VerifyInvite(ctx, bob, mail.Code))
	wantKind(t, w.client.VerifyInvite(ctx, bob, mail.Code), zitadelclient.WrongCode)
	u, err := w.client.User(ctx, bob)
	must(t, err)
	if !u.EmailVerified {
		t.Error("who read the invitation has the address")
	}
}

// Whoever signs in again while the list is still to come stays signed in, by
// ZITADEL's clock alone: ours may be wrong. What was there before ends, however new.
func TestDeleteSessionsOfSparesLater(t *testing.T) {
	for _, off := range []time.Duration{-time.Minute, 0, time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			w := newWorld(t, zitadeltest.AppSeed{}, func(w *world, c *zitadelclient.Config) {
				c.Now = func() time.Time { return w.Now().Add(off) }
			})
			ctx := t.Context()
			create := func() zitadelclient.SessionRef {
				ref, err := w.client.CreateSession(ctx, w.identified(w.alice))
				must(t, err)
				return ref
			}
			old := create()
			w.Advance(10 * time.Minute)
			before := create()
			until := make(chan struct{})
			w.Fault(zitadeltest.Fault{Path: "/v2/sessions/search", Until: until})
			done := make(chan error)
			go func() { done <- w.client.DeleteSessionsOf(ctx, w.alice, "") }()
			for w.Held() == 0 {
				must(t, ctx.Err())
				runtime.Gosched()
			}
			w.Advance(5 * time.Second)
			later := create()
			close(until)
			must(t, <-done)
			for _, ended := range []zitadelclient.SessionRef{old, before} {
				_, err := w.client.Session(ctx, ended)
				wantKind(t, err, zitadelclient.SessionEnded)
			}
			_, err := w.client.Session(ctx, later)
			must(t, err)
		})
	}
}

func TestSkipMFAInit(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	before, err := w.client.User(t.Context(), w.alice)
	must(t, err)
	must(t, w.client.SkipMFAInit(t.Context(), w.alice))
	after, err := w.client.User(t.Context(), w.alice)
	must(t, err)
	if !before.MFAInitSkipped.IsZero() || after.MFAInitSkipped.IsZero() || after.MFAInitSkipped.After(w.Now()) {
		t.Errorf("skipped %s, then %s", before.MFAInitSkipped, after.MFAInitSkipped)
	}
}

// A reset ends every session of the user, on every page of the list, but the
// one that is spared, and nobody else's.
func TestDeleteSessionsOf(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	bob := w.AddUser(zitadeltest.UserSeed{Email: "bob@example.com"})
	others, err := w.client.CreateSession(ctx, w.identified(bob))
	must(t, err)
	expiring := w.identified(w.alice)
	expiring.Lifetime = time.Minute
	_, err = w.client.CreateSession(ctx, expiring)
	must(t, err)
	w.Advance(2 * time.Minute)
	var sessions []zitadelclient.SessionRef
	for range 105 {
		ref, err := w.client.CreateSession(ctx, w.identified(w.alice))
		must(t, err)
		sessions = append(sessions, ref)
	}
	spared := sessions[50]
	wantKind(t, w.client.DeleteSessionsOf(ctx, "", spared.ID), zitadelclient.Invalid)
	w.ResetCalls()
	must(t, w.client.DeleteSessionsOf(ctx, w.alice, spared.ID))
	if n := countCalls(w, "DELETE /v2/sessions/{id}"); n != 104 {
		t.Errorf("%d deletions: an expired session needs none", n)
	}
	for _, ref := range sessions {
		_, err := w.client.Session(ctx, ref)
		if ref == spared || ref == others {
			must(t, err)
		} else {
			wantKind(t, err, zitadelclient.SessionEnded)
		}
	}
	_, err = w.client.Session(ctx, others)
	must(t, err)
	for range 2 {
		_, err = w.client.CreateSession(ctx, w.identified(w.alice))
		must(t, err)
	}
	w.Fault(zitadeltest.Fault{Method: http.MethodDelete, Path: "/v2/sessions/", Status: http.StatusInternalServerError, Body: "{}", Times: 1})
	wantKind(t, w.client.DeleteSessionsOf(ctx, w.alice, ""), zitadelclient.Unavailable)
	if left := w.Sessions(w.alice); len(left) != 2 { // it, and the expired one
		t.Errorf("%d sessions are left where one was not ended", len(left))
	}
	must(t, w.client.DeleteSessionsOf(ctx, w.alice, ""))
	_, err = w.client.Session(ctx, spared)
	wantKind(t, err, zitadelclient.SessionEnded)
}

// What cannot be right never reaches ZITADEL, where it might count or be taken.
func TestFactorsRefusedBeforeTheCall(t *testing.T) {
	w := newWorld(t, zitadeltest.AppSeed{})
	ctx := t.Context()
	ref := zitadelclient.SessionRef{ID: "400000000000000001", Token: "t"}
	check := func(checks zitadelclient.Checks) error {
		_, err := w.check(t, ref, checks)
		return err
	}
	challenge := func(ref zitadelclient.SessionRef, asked zitadelclient.Challenges) error {
		_, _, err := w.client.ChallengeSession(ctx, ref, asked, 0)
		return err
	}
	_, _, noLifetime := w.client.CreateChallengedSession(ctx, zitadelclient.NewSession{}, zitadelclient.Challenges{OTPSMS: true})
	_, _, nothing := w.client.CreateChallengedSession(ctx, w.identified(w.alice), zitadelclient.Challenges{})
	_, noRPID := w.client.RegisterPasskey(ctx, w.alice, "")
	_, noRPIDKey := w.client.RegisterU2F(ctx, w.alice, "")
	_, noRPIDMethods := w.client.AuthMethodsFor(ctx, w.alice, "")
	for _, test := range []struct {
		what string
		err  error
		kind zitadelclient.Kind
	}{
		{"challenged session without lifetime", noLifetime, zitadelclient.Invalid},
		{"session without the challenge", nothing, zitadelclient.Invalid},
		{"no challenge", challenge(ref, zitadelclient.Challenges{}), zitadelclient.Invalid},
		{"challenge without RP ID", challenge(ref, zitadelclient.Challenges{WebAuthN: &zitadelclient.WebAuthNChallenge{}}), zitadelclient.Invalid},
		{"challenge without token", challenge(zitadelclient.SessionRef{ID: ref.ID}, zitadelclient.Challenges{OTPSMS: true}), zitadelclient.SessionEnded},
		{"short TOTP", check(zitadelclient.Checks{TOTP: "12345"}), zitadelclient.WrongCode},
		{"long TOTP", check(zitadelclient.Checks{TOTP: "1234567"}), zitadelclient.WrongCode},
		{"letters as TOTP", check(zitadelclient.Checks{TOTP: "12345a"}), zitadelclient.WrongCode},
		{"other digits as TOTP", check(zitadelclient.Checks{TOTP: "١٢٣"}), zitadelclient.WrongCode},
		{"long SMS code", check(zitadelclient.Checks{OTPSMS: strings.Repeat("1", 21)}), zitadelclient.WrongCode},
		{"long mail code", check(zitadelclient.Checks{OTPEmail: strings.Repeat("1", 21)}), zitadelclient.WrongCode},
		{"long recovery code", check(zitadelclient.Checks{RecoveryCode: strings.Repeat("1", 201)}), zitadelclient.WrongCode},
		{"no credential", check(zitadelclient.Checks{WebAuthN: []byte(`{"a":"b"}`)}), zitadelclient.CredentialRefused},
		{"empty TOTP at set-up", w.client.VerifyTOTP(ctx, w.alice, ""), zitadelclient.WrongCode},
		{"empty phone code", w.client.VerifyPhone(ctx, w.alice, ""), zitadelclient.WrongCode},
		{"empty invitation code", w.client.VerifyInvite(ctx, w.alice, ""), zitadelclient.WrongCode},
		{"invitation without link", w.client.SendInvite(ctx, w.alice, "", "App"), zitadelclient.Invalid},
		{"SMS reset without link", w.client.SendPasswordResetSMS(ctx, w.alice, ""), zitadelclient.Invalid},
		{"passkey without RP ID", noRPID, zitadelclient.Invalid},
		{"security key without RP ID", noRPIDKey, zitadelclient.Invalid},
		{"methods without RP ID", noRPIDMethods, zitadelclient.Invalid},
		{"garbled passkey", w.client.VerifyPasskey(ctx, w.alice, "1", []byte(`{"a":"b"}`), "key"), zitadelclient.CredentialRefused},
	} {
		wantKindOf(t, test.what, test.err, test.kind)
	}
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("ZITADEL was asked: %v", calls)
	}
}
