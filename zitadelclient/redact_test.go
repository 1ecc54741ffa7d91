package zitadelclient

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// No verb of fmt and no log handler prints a secret, also from inside another
// value.
func TestSecretsDoNotPrint(t *testing.T) {
	const secret = "s3cret"
	code, _ := VerificationCode(secret)
	for _, value := range []any{
		SessionRef{"1", secret}, Checks{UserID: "1", LoginName: secret, Password: secret},
		Checks{TOTP: secret, OTPSMS: secret, OTPEmail: secret, RecoveryCode: secret, WebAuthN: []byte(secret)}, TOTPRegistration{secret, secret},
		IntentRef{"1", secret}, StartedIntent{"1", "https://op.test/?state=" + secret}, Checks{Intent: IntentRef{"1", secret}},
		Intent{Identity: Identity{"1", secret, secret}, Newcomer: Newcomer{GivenName: secret, Email: secret}}, Newcomer{FamilyName: secret},
		Identity{"1", secret, secret}, ExternalUser{Newcomer: Newcomer{Email: secret}, Identity: Identity{"1", secret, secret}},
		NewSession{Checks: Checks{Password: secret}}, SessionUpdate{Checks: Checks{Password: secret}},
		NewUser{Email: secret, Password: secret}, code, Transaction{secret, secret, secret},
		Tokens{AccessToken: secret, RefreshToken: secret}, AuthorizationResponse{Code: secret, State: secret},
		ServiceCredentials{Key: secret}, ServiceCredentials{PAT: secret}, ServiceCredentials{ClientID: "1", ClientSecret: secret},
		OIDCConfig{ClientSecret: secret, ClientKey: secret}, Config{Service: ServiceCredentials{PAT: secret}, OIDC: OIDCConfig{ClientSecret: secret}},
		struct{ Ref any }{SessionRef{"1", secret}}, []SessionRef{{"1", secret}}, map[string]Tokens{"t": {AccessToken: secret}},
	} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(format, value); strings.Contains(got, secret) || strings.Contains(got, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T prints %s", format, value, got)
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("test", "value", value)
		if _, ok := value.(slog.LogValuer); ok {
			slog.New(slog.NewJSONHandler(&log, nil)).Info("test", "value", value)
		}
		if strings.Contains(log.String(), secret) {
			t.Errorf("%T is logged as %s", value, log.String())
		}
	}
}
