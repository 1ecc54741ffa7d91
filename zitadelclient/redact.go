package zitadelclient

import (
	"fmt"
	"io"
	"log/slog"
)

// Every type that holds a token, a code or a password prints without it, by
// every verb of fmt and in every log. Format serves fmt, LogValue slog.
const redacted = "[redacted]"

// String names the session without its token.
func (r SessionRef) String() string { return "session " + r.ID + " " + redacted }

// Format prints [SessionRef.String] for every verb.
func (r SessionRef) Format(f fmt.State, _ rune) { print(f, r.String()) }

// LogValue logs [SessionRef.String].
func (r SessionRef) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String names the user to check without the password.
func (c Checks) String() string { return "checks of " + c.UserID + " " + redacted }

// Format prints [Checks.String] for every verb.
func (c Checks) Format(f fmt.State, _ rune) { print(f, c.String()) }

// LogValue logs [Checks.String].
func (c Checks) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String names the intent without its token.
func (r IntentRef) String() string { return "intent " + r.ID + " " + redacted }

// Format prints [IntentRef.String] for every verb.
func (r IntentRef) Format(f fmt.State, _ rune) { print(f, r.String()) }

// LogValue logs [IntentRef.String].
func (r IntentRef) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String names the intent without its address, which has the provider's state.
func (s StartedIntent) String() string { return "started intent " + s.ID + " " + redacted }

// Format prints [StartedIntent.String] for every verb.
func (s StartedIntent) Format(f fmt.State, _ rune) { print(f, s.String()) }

// LogValue logs [StartedIntent.String].
func (s StartedIntent) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String names the user whose identity it is, and nothing that the provider said.
func (i Intent) String() string { return "intent of user " + i.UserID + " " + redacted }

// Format prints [Intent.String] for every verb.
func (i Intent) Format(f fmt.State, _ rune) { print(f, i.String()) }

// LogValue logs [Intent.String].
func (i Intent) LogValue() slog.Value { return slog.StringValue(i.String()) }

// String tells nothing of a newcomer.
func (Newcomer) String() string { return "newcomer " + redacted }

// Format prints [Newcomer.String] for every verb.
func (n Newcomer) Format(f fmt.State, _ rune) { print(f, n.String()) }

// LogValue logs [Newcomer.String].
func (n Newcomer) LogValue() slog.Value { return slog.StringValue(n.String()) }

// String names the provider alone.
func (i Identity) String() string { return "identity at " + i.ProviderID + " " + redacted }

// Format prints [Identity.String] for every verb.
func (i Identity) Format(f fmt.State, _ rune) { print(f, i.String()) }

// LogValue logs [Identity.String].
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }

// String hides the secret, which the URI holds as well.
func (TOTPRegistration) String() string { return "TOTP registration " + redacted }

// Format prints [TOTPRegistration.String] for every verb.
func (t TOTPRegistration) Format(f fmt.State, _ rune) { print(f, t.String()) }

// LogValue logs [TOTPRegistration.String].
func (t TOTPRegistration) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String names no one: a new user's name and password are both kept out of logs.
func (NewUser) String() string { return "new user " + redacted }

// Format prints [NewUser.String] for every verb.
func (n NewUser) Format(f fmt.State, _ rune) { print(f, n.String()) }

// LogValue logs [NewUser.String].
func (n NewUser) LogValue() slog.Value { return slog.StringValue(n.String()) }

// String says what kind of proof it is.
func (p Proof) String() string { return p.field + " " + redacted }

// Format prints [Proof.String] for every verb.
func (p Proof) Format(f fmt.State, _ rune) { print(f, p.String()) }

// LogValue logs [Proof.String].
func (p Proof) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String hides state, nonce and verifier.
func (Transaction) String() string { return "transaction " + redacted }

// Format prints [Transaction.String] for every verb.
func (t Transaction) Format(f fmt.State, _ rune) { print(f, t.String()) }

// LogValue logs [Transaction.String].
func (t Transaction) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String names the user whose tokens they are.
func (t Tokens) String() string { return "tokens of " + t.Claims.Subject + " " + redacted }

// Format prints [Tokens.String] for every verb.
func (t Tokens) Format(f fmt.State, _ rune) { print(f, t.String()) }

// LogValue logs [Tokens.String].
func (t Tokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String tells an error's name, but neither code nor state.
func (r AuthorizationResponse) String() string { return "authorization response " + r.Error + redacted }

// Format prints [AuthorizationResponse.String] for every verb.
func (r AuthorizationResponse) Format(f fmt.State, _ rune) { print(f, r.String()) }

// LogValue logs [AuthorizationResponse.String].
func (r AuthorizationResponse) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String tells which credential is configured.
func (s ServiceCredentials) String() string {
	return "service credential " + s.method() + " " + redacted
}

// Format prints [ServiceCredentials.String] for every verb.
func (s ServiceCredentials) Format(f fmt.State, _ rune) { print(f, s.String()) }

// LogValue logs [ServiceCredentials.String].
func (s ServiceCredentials) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String names the OIDC client without its secret.
func (o OIDCConfig) String() string { return "OIDC client " + o.ClientID + " " + redacted }

// Format prints [OIDCConfig.String] for every verb.
func (o OIDCConfig) Format(f fmt.State, _ rune) { print(f, o.String()) }

// LogValue logs [OIDCConfig.String].
func (o OIDCConfig) LogValue() slog.Value { return slog.StringValue(o.String()) }

func print(f fmt.State, s string) { _, _ = io.WriteString(f, s) }
