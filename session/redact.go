package session

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands in for whatever must not be printed.
const redacted = "[redacted]"

// Types that hold a secret or what a visitor typed print as [redacted] with
// every verb, %#v included, and log as such: a stray log line of a whole struct
// is the usual way that tokens reach a log.

// Format prints no key material.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs no key material.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints the public name of the attempt and nothing that was typed.
func (a Attempt) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "attempt %s", a.Short) }

// LogValue logs the public name of the attempt alone.
func (a Attempt) LogValue() slog.Value { return slog.StringValue("attempt " + a.Short) }

// Format prints nothing of a transaction.
func (Transaction) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs nothing of a transaction.
func (Transaction) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints nothing of a visit to an identity provider.
func (Intent) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs nothing of a visit to an identity provider.
func (Intent) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints nothing of an outcome: its cookies sign a browser in.
func (Outcome) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs nothing of an outcome.
func (Outcome) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format prints whose account it is by ZITADEL's id alone.
func (a Account) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "account of %s", a.UserID) }

// LogValue logs whose account it is by ZITADEL's id alone.
func (a Account) LogValue() slog.Value { return slog.StringValue("account of " + a.UserID) }

// Format prints the public handle of the session and nothing personal.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "session %s", s.Handle) }

// LogValue logs the public handle of the session alone.
func (s Session) LogValue() slog.Value { return slog.StringValue("session " + s.Handle) }

// Format prints no token.
func (TokenSet) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs no token.
func (TokenSet) LogValue() slog.Value { return slog.StringValue(redacted) }
