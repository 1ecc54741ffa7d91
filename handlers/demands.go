package handlers

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"torhaus/session"
)

// multiFactor is what ZITADEL calls more than one factor among a session's
// methods (amr).
const multiFactor = "mfa"

// demands are what is asked of a session beyond that there is one: by the
// parameters of /login, or by a rule of forward authentication.
type demands struct {
	maxAge       *time.Duration // nil: of any age; 0 is met by a check in the same sign-in alone
	mfa          bool
	organization string // "" is any
}

// demanded are the demands of the client of an attempt.
func demanded(a *session.Attempt) demands {
	return demands{maxAge: a.Request.MaxAge, mfa: a.Request.MFA, organization: a.Organization}
}

// met reports whether a live session gives what is asked for. A new sign-in that
// is asked for the same ends in a session that does: flow.Next sees to it.
func (d demands) met(s *session.Session, now time.Time) bool {
	return !d.lacks(s, now) && d.member(s)
}

// lacks reports whether another check by the same user is called for.
func (d demands) lacks(s *session.Session, now time.Time) bool {
	tooOld := d.maxAge != nil && now.Sub(s.AuthTime) > *d.maxAge
	return tooOld || d.mfa && !slices.Contains(s.Methods, multiFactor)
}

// member reports whether the user is of the organization that is asked for.
func (d demands) member(s *session.Session) bool {
	return d.organization == "" || d.organization == s.OrganizationID
}

// query is how /login is asked for this.
func (d demands) query() url.Values {
	query := url.Values{}
	if d.maxAge != nil {
		query.Set("max_age", strconv.Itoa(int(d.maxAge.Seconds())))
	}
	if d.mfa {
		query.Set("mfa", "true")
	}
	if d.organization != "" {
		query.Set("organization", d.organization)
	}
	return query
}

// shownMethods are the methods of a new session: ZITADEL's, but for whether a
// second factor stands, which is the gate's to say. One that the gate counts and
// ZITADEL does not would send the visitor in circles; the other way round it would
// let them past a rule.
func shownMethods(methods []string, stands bool) []string {
	shown := slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return m == multiFactor })
	if stands {
		shown = append(shown, multiFactor)
	}
	return shown
}
