package handlers

import (
	"errors"
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
	perAccountSlow    = session.Rate{Burst: 300, Every: time.Minute} // over days, and for right ones too: a test account may be busy
	perClientMail     = session.Rate{Burst: 30, Every: 30 * time.Second}
	perAccountMail    = session.Rate{Burst: 4, Every: 5 * time.Minute}
	perAccountCode    = session.Rate{Burst: 10, Every: 30 * time.Second}
	perClientCode     = session.Rate{Burst: 40, Every: 10 * time.Second}
	perAccountGuess   = session.Rate{Burst: 40, Every: 15 * time.Minute} // over days: a code has six digits
	perClientRegister = session.Rate{Burst: 20, Every: time.Minute}
	perClientProvider = session.Rate{Burst: 60, Every: 2 * time.Second}
	perSessionRefresh = session.Rate{Burst: 5, Every: 30 * time.Second}
	perClientForgery  = session.Rate{Burst: 60, Every: time.Second} // logout tokens that are none
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

// canonical is one spelling for all spellings of a login name that ZITADEL takes
// for the same: without white space around it and without case, a phone number
// without its punctuation. Else each spelling would have ten tries of its own.
func canonical(name string) string {
	if phone := phoneNumber(name); phone != "" {
		return phone
	}
	// Up before down: "ſ" and "s" are one letter to a search without case.
	return strings.ToLower(strings.ToUpper(strings.TrimSpace(name)))
}

// mailbox is the canonical e-mail address, without the "+tag" that most servers
// deliver to the same box: an address has endlessly many of them.
func mailbox(address string) string {
	address = canonical(address)
	local, domain, ok := strings.Cut(address, "@")
	if box, _, tagged := strings.Cut(local, "+"); ok && tagged && box != "" {
		return box + "@" + domain
	}
	return address
}

// limitSearch bounds how fast an address can try login names.
func (v *visit) limitSearch() error {
	return v.limit(bucket{"search", v.client(), perClientSearch})
}

// limitPassword bounds guessing, by address and by account. A browser in which
// the user has signed in before has a bucket of its own: else ten wrong tries now
// and then, by anybody, would lock the owner out.
func (v *visit) limitPassword() error {
	key := v.guessed()
	if v.known() {
		key += " session:" + v.state.Session.ID
	}
	return v.limit(
		bucket{"password-client", v.client(), perClientPassword},
		bucket{"password-account", key, perAccountPass},
		bucket{"password-slow", key, perAccountSlow})
}

// limitProvider bounds how many visits to identity providers an address can begin
// and bring to an end: each is kept by ZITADEL for good.
func (v *visit) limitProvider() error {
	return v.limit(bucket{"provider-client", v.client(), perClientProvider})
}

// limitKey bounds ceremonies, by who asks for them alone: a signature cannot be
// guessed, and a bucket by account would let strangers keep its owner's key out.
func (v *visit) limitKey() error {
	return v.limit(bucket{"key-client", v.client(), perClientPassword})
}

// limitCode bounds guessing at a code. Here all browsers in which the user has
// signed in share a bucket, apart from the strangers': whoever has stolen a
// password must not get new tries at the second factor with every session.
func (v *visit) limitCode() error {
	return v.limit(
		bucket{"code-client", v.client(), perClientCode},
		bucket{"code", v.guessed(), perAccountCode},
		bucket{"code-slow", v.guessed(), perAccountGuess})
}

// guessed is the key of the account that a password or a code is tried on: the
// user, by whatever name, if they have signed in here or are no secret.
//
// While users are hidden it is the typed name alone, for a bucket that `bob` and
// `bob@example.com` share would tell that they are one user, and that there is
// one. A sign-up goes by its address for the same reason: a new account must not
// have another bucket than a taken address. A link names nobody but an id.
func (v *visit) guessed() string {
	id, name := v.attempt.User.ID, canonical(v.attempt.LoginName)
	switch {
	case v.known():
		return "known:" + id
	case id != "" && (name == "" || !v.signingUp() && !v.concealed()):
		return "user:" + id
	}
	return "name:" + name
}

func (v *visit) signingUp() bool { return v.attempt.Registration != nil }

// concealed reports whether policy hides who is a user.
func (v *visit) concealed() bool {
	return v.attempt.Hidden || v.attempt.Concealed || v.state.Settings.IgnoreUnknownUsernames
}

// known reports whether a credential of the attempt's user was shown in this
// browser. Without one a ZITADEL session is merely about its user, and anybody
// can have it. Who is just signing up is not known: a taken address never is.
func (v *visit) known() bool {
	s := v.state.Session
	if s == nil || v.signingUp() || s.Factors.User.ID != v.attempt.User.ID {
		return false
	}
	f := s.Factors
	return !f.Password.IsZero() || !f.WebAuthN.IsZero() || !f.Intent.IsZero()
}

// limitMail keeps anybody from bombing a mailbox, whoever asks: by the address
// or name that was typed, as a sign-up with it is, and by its user, so that their
// names do not add up. Where users are hidden, a page that counted two names as
// one would tell whose they are. Who has signed in here is not kept from a code by
// what strangers have had sent.
func (v *visit) limitMail() error {
	buckets := []bucket{{"mail-client", v.client(), perClientMail}}
	id, name := v.attempt.User.ID, mailbox(v.attempt.LoginName)
	if v.known() {
		return v.limit(append(buckets, mailTo("known:"+id))...)
	}
	if name != "" {
		buckets = append(buckets, mailTo("box:"+name))
	}
	if id != "" && !v.concealed() {
		buckets = append(buckets, mailTo("user:"+id))
	}
	return v.limit(buckets...)
}

// limitPhone bounds what is sent to a number that somebody typed, by the number
// too: accounts are free, and messages to numbers that charge for them pay whoever
// has them sent (SMS pumping).
func (v *visit) limitPhone(phone string) error {
	if err := v.limitMail(); err != nil {
		return err
	}
	return v.limit(mailTo("phone:" + phone))
}

// mayMail reports whether one more mail may go to a user whom the page must not
// tell of: the owner of an address that somebody signs up with, or of a name
// while users are hidden. The answer looks the same if not.
func (v *visit) mayMail(userID string) bool {
	if !v.signingUp() && (v.known() || !v.concealed()) {
		return true // counted by limitMail, in words
	}
	var refused *problem
	err := v.limit(mailTo("user:" + userID))
	if err != nil && !errors.As(err, &refused) {
		v.Logger.WarnContext(v.ctx, "a mail was not sent, for it could not be counted", "error", err)
	}
	return err == nil
}

// mailTo is the bucket of all mails to one recipient, of any kind.
func mailTo(key string) bucket { return bucket{"mail-account", key, perAccountMail} }

// limitRegister bounds how many accounts an address can make, and how many
// mails one mailbox can be sent by sign-ups in its name.
func (v *visit) limitRegister(email string) error {
	return v.limit(
		bucket{"register-client", v.client(), perClientRegister},
		mailTo("box:"+mailbox(email)))
}
