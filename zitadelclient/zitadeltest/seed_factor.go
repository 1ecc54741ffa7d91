package zitadeltest

import "fmt"

// AddTOTP sets up an authenticator app for a user and returns its secret, for
// [Server.TOTPCode].
func (s *Server) AddTOTP(userID string) (secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secret = newTOTPSecret()
	s.users[userID].human.factors.totp = &totpFactor{secret: secret, verified: true}
	return secret
}

// TOTPCode is what an authenticator app shows for a secret at the server's time.
func (s *Server) TOTPCode(secret string) string {
	code, err := totpCode(secret, s.Now())
	if err != nil {
		panic(err) // a wrong test, not a wrong world
	}
	return code
}

// AddOTPSMS enrols a user for codes by SMS. The number should be there; it
// counts as verified from here on.
func (s *Server) AddOTPSMS(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.users[userID].human
	h.factors.otpSMS, h.phoneVerified = &otpFactor{}, true
}

// AddOTPEmail enrols a user for codes by e-mail. The address counts as verified
// from here on.
func (s *Server) AddOTPEmail(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.users[userID].human
	h.factors.otpEmail, h.emailVerified = &otpFactor{}, true
}

// AddPasskey registers a passkey of the authenticator for a user and an RP ID,
// and returns its id.
func (s *Server) AddPasskey(userID, rpID string, a *Authenticator) string {
	return s.addCredential(userID, rpID, passkey, a)
}

// AddU2F registers a security key, a second factor only, and returns its id.
func (s *Server) AddU2F(userID, rpID string, a *Authenticator) string {
	return s.addCredential(userID, rpID, securityKey, a)
}

// addCredential goes through the ceremony of a registration, on a page of the
// RP ID's own host.
func (s *Server) addCredential(userID, rpID string, kind credentialKind, a *Authenticator) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	made, options := s.beginRegistration(u, kind, rpID, "")
	raw, err := a.Create(mustJSON(options), "https://"+rpID)
	if err == nil {
		err = s.finishRegistration(u, kind, raw, "added")
	}
	if err != nil {
		panic(fmt.Sprintf("zitadeltest: add %s for %s: %v", kind.method, rpID, err)) // a wrong test, not a wrong world
	}
	made.visible = u.created
	return made.id
}

// AddRecoveryCodes gives a user recovery codes, see [Config].RecoveryCodes.
func (s *Server) AddRecoveryCodes(userID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var codes []string
	for range 10 {
		code := newCode(10, "0123456789abcdefghjkmnpqrstvwxyz")
		codes = append(codes, code[:5]+"-"+code[5:])
	}
	s.users[userID].human.factors.recoveryCodes = &recoveryFactor{codes: append([]string(nil), codes...)}
	return codes
}

// PasskeysOf is how many passkeys a user has, of any RP ID.
func (s *Server) PasskeysOf(userID string) int { return s.credentialsOf(userID, passkey) }

// U2FKeysOf is how many security keys a user has, of any RP ID.
func (s *Server) U2FKeysOf(userID string) int { return s.credentialsOf(userID, securityKey) }

// KeyNames are what a user's passkeys and security keys are called.
func (s *Server) KeyNames(userID string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range []credentialKind{passkey, securityKey} {
		for _, key := range s.users[userID].human.factors.ready(kind, "") {
			names = append(names, key.name)
		}
	}
	return names
}

func (s *Server) credentialsOf(userID string, kind credentialKind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users[userID].human.factors.ready(kind, ""))
}
