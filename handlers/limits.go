package handlers

import (
	"net/http"
	"strings"
	"time"

	"torhaus/session"
	"torhaus/templates"
	"torhaus/web"
)

// The first limits. Each is a token bucket: so many at once, then one every so
// often. They stand in front of ZITADEL's own lockout, which is off by default.
var (
	perClientSearch   = session.Rate{Burst: 60, Every: time.Second}
	perClientPassword = session.Rate{Burst: 60, Every: 2 * time.Second}
	perAccountPass    = session.Rate{Burst: 10, Every: 15 * time.Second}
	perClientMail     = session.Rate{Burst: 30, Every: 30 * time.Second}
	perAccountMail    = session.Rate{Burst: 4, Every: 5 * time.Minute}
	perAccountCode    = session.Rate{Burst: 10, Every: 30 * time.Second}
	perClientRegister = session.Rate{Burst: 20, Every: time.Minute}
)

// bucket is one limit on one key.
type bucket struct {
	purpose, key string
	rate         session.Rate
}

// limit refuses when any of the buckets is empty. The page is shown again with
// what was typed, and says how long to wait.
func (v *visit) limit(buckets ...bucket) error {
	for _, b := range buckets {
		wait, err := v.Sessions.Allow(v.ctx, b.purpose, b.key, b.rate)
		if err != nil {
			return unavailable(err)
		}
		if wait > 0 {
			web.EventFrom(v.r.Context()).Set("limited", b.purpose)
			return &problem{status: http.StatusTooManyRequests, wait: wait, Problem: templates.Problem{Key: "problem.too_many", Args: []any{seconds(wait)}}}
		}
	}
	return nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// client is the bucket key of the visitor's address: a /64 for IPv6, which one
// visitor owns whole.
func (v *visit) client() string { return clientPrefix(v.r) }

func clientPrefix(r *http.Request) string {
	address := web.ClientIPFrom(r.Context()).Unmap()
	if !address.IsValid() {
		return "unknown"
	}
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// accountKey is one key for all spellings of a login name, so that ten variants
// of it share a bucket.
func (v *visit) accountKey() string {
	if id := v.attempt.User.ID; id != "" {
		return "user:" + id
	}
	return "name:" + strings.ToLower(strings.TrimSpace(v.attempt.LoginName))
}

// limitSearch bounds how fast an address can try login names.
func (v *visit) limitSearch() error {
	return v.limit(bucket{"search", v.client(), perClientSearch})
}

// limitPassword bounds guessing, by address and by account.
func (v *visit) limitPassword() error {
	return v.limit(
		bucket{"password-client", v.client(), perClientPassword},
		bucket{"password-account", v.accountKey(), perAccountPass})
}

// limitMail keeps anybody from bombing a mailbox: by account, whoever asks.
func (v *visit) limitMail() error {
	return v.limit(
		bucket{"mail-client", v.client(), perClientMail},
		bucket{"mail-account", v.accountKey(), perAccountMail})
}

// limitCode bounds guessing at a mailed code.
func (v *visit) limitCode() error {
	return v.limit(bucket{"code", v.accountKey(), perAccountCode})
}

// limitRegister bounds how many accounts an address can make, and how many
// mails one mailbox can be sent by sign-ups in its name.
func (v *visit) limitRegister(email string) error {
	return v.limit(
		bucket{"register-client", v.client(), perClientRegister},
		bucket{"mail-account", "name:" + strings.ToLower(email), perAccountMail})
}
