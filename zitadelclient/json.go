package zitadelclient

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ZITADEL's JSON is that of protobuf: durations are strings of seconds, 64-bit
// numbers are strings, enums are prefixed names, zero values are absent.

// duration is written and read as "3600s".
type duration time.Duration

// MarshalJSON writes seconds.
func (d duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64) + "s")
}

// UnmarshalJSON reads seconds.
func (d *duration) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(s)
	*d = duration(parsed)
	return err
}

// number is read from "8" or 8.
type number int

// UnmarshalJSON reads both forms.
func (n *number) UnmarshalJSON(data []byte) error {
	parsed, err := strconv.Atoi(strings.Trim(string(data), `"`))
	*n = number(parsed)
	return err
}

// enum turns USER_STATE_ACTIVE into active. An unknown value stays itself, so
// it equals none of ours.
func enum(prefix, value string) string {
	return strings.ToLower(strings.TrimPrefix(value, prefix))
}

// searchDetails accompany every list.
type searchDetails struct{ TotalResult number }

// check finds the answer of a service user without a role: ZITADEL counts what
// matches, but shows none of it. Taken as "no match" it would offer sign-up to
// everybody who has an account.
func (d searchDetails) check(op string, shown int) error {
	if d.TotalResult > 0 && shown == 0 {
		return &Error{Kind: NotPermitted, Op: op, Err: errRole}
	}
	return nil
}

var (
	errIncomplete     = errors.New("the answer is incomplete or about something else")
	errNoSessionToken = errors.New("no session, or no token that proves it is ours")
)

const errNoTemplate = "without a link of ours the mail would lead to ZITADEL's own pages"
