package session

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Records that are read at every request of an app are kept small and quick to
// read: lengths and values, one after the other, behind a number that says
// which layout it is. JSON would double both size and time.

// schema numbers the layout of each record. A record with another number was
// written by another release and is not there for this one. That of a session
// changes by itself: who loses one is signed in again by the account.
const (
	schema        = 1
	sessionSchema = 3
)

// encoder appends fields.
type encoder struct{ out []byte }

func newEncoder(schema byte) *encoder { return &encoder{out: append(make([]byte, 0, 512), schema)} }

func (e *encoder) number(n int64) { e.out = binary.AppendVarint(e.out, n) }

func (e *encoder) text(s string) {
	e.number(int64(len(s)))
	e.out = append(e.out, s...)
}

func (e *encoder) list(items []string) {
	e.number(int64(len(items)))
	for _, item := range items {
		e.text(item)
	}
}

// time keeps whole seconds; no time at all is kept as 0.
func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.number(0)
		return
	}
	e.number(t.Unix())
}

func (e *encoder) flag(b bool) {
	if b {
		e.number(1)
		return
	}
	e.number(0)
}

// decoder reads fields in the order in which they were written. After the first
// thing that is not as it should be, every field is empty and end fails.
type decoder struct {
	in     []byte
	all    string // what all texts are parts of: one copy instead of one for each
	broken bool
}

func newDecoder(in []byte, schema byte) *decoder {
	if len(in) == 0 || in[0] != schema {
		return &decoder{broken: true}
	}
	return &decoder{in: in[1:], all: string(in)}
}

func (d *decoder) number() int64 {
	n, size := binary.Varint(d.in)
	if d.broken || size <= 0 {
		d.broken = true
		return 0
	}
	d.in = d.in[size:]
	return n
}

// length is a number that cannot exceed what is left to read: a record must not
// make us allocate more than it weighs.
func (d *decoder) length() int {
	n := d.number()
	if n < 0 || n > int64(len(d.in)) {
		d.broken = true
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.length()
	if d.broken {
		return ""
	}
	at := len(d.all) - len(d.in)
	d.in = d.in[n:]
	return d.all[at : at+n]
}

func (d *decoder) list() []string {
	n := d.length()
	if n == 0 {
		return nil
	}
	items := make([]string, 0, n)
	for range n {
		items = append(items, d.text())
	}
	return items
}

func (d *decoder) time() time.Time {
	n := d.number()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func (d *decoder) flag() bool { return d.number() == 1 }

// end says whether everything was there and nothing is left over.
func (d *decoder) end() error {
	if d.broken || len(d.in) > 0 {
		return fmt.Errorf("%w: record of another layout", ErrNotFound)
	}
	return nil
}

// encode lays out the hot record.
func (s *Session) encode() []byte {
	e := newEncoder(sessionSchema)
	for _, text := range []string{s.Handle, s.Subject, s.Name, s.Email, s.OrganizationID,
		s.ZitadelSession, s.Issuer, s.UserAgent, s.IP, s.browser} {
		e.text(text)
	}
	e.list(s.Roles)
	e.list(s.Methods)
	e.list(s.Factors)
	for _, t := range []time.Time{s.AuthTime, s.Created, s.Expires, s.Idle, s.Seen, s.TokensEnd, s.Refresh, s.Recheck} {
		e.time(t)
	}
	e.flag(s.Persistent)
	e.flag(s.ByPassword)
	e.number(int64(s.failures))
	return e.out
}

// decode reads what encode laid out.
func (s *Session) decode(record []byte) error {
	d := newDecoder(record, sessionSchema)
	for _, text := range []*string{&s.Handle, &s.Subject, &s.Name, &s.Email, &s.OrganizationID,
		&s.ZitadelSession, &s.Issuer, &s.UserAgent, &s.IP, &s.browser} {
		*text = d.text()
	}
	s.Roles = d.list()
	s.Methods = d.list()
	s.Factors = d.list()
	for _, t := range []*time.Time{&s.AuthTime, &s.Created, &s.Expires, &s.Idle, &s.Seen, &s.TokensEnd, &s.Refresh, &s.Recheck} {
		*t = d.time()
	}
	s.Persistent = d.flag()
	s.ByPassword = d.flag()
	s.failures = int(d.number())
	return d.end()
}

// encode lays out the token record.
func (t TokenSet) encode() []byte {
	e := newEncoder(schema)
	e.text(t.AccessToken)
	e.text(t.RefreshToken)
	e.time(t.Expires)
	return e.out
}

// decode reads what encode laid out.
func (t *TokenSet) decode(record []byte) error {
	d := newDecoder(record, schema)
	t.AccessToken, t.RefreshToken, t.Expires = d.text(), d.text(), d.time()
	return d.end()
}
