package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"time"

	"torhaus/session"
)

// Rules say, by name, who may pass a proxy that asks, and what the app behind it
// is told. Only [ParseRules] makes them; the zero Rules have the rule "default".
//
// A rule knows sessions and nothing of a request: neither path nor query, which a
// proxy and an app read in different ways (GHSA-6jwx-7vp4-9847), nor a header. What
// needs another rule has another route in the proxy.
type Rules struct{ byName map[string]rule }

// DefaultRule is the rule that is there without being written: whoever is signed
// in. One that is written under this name takes its place.
const DefaultRule = "default"

// rule is one of them.
type rule struct {
	demands
	anyRole, allRoles []string
	token             bool   // the app gets the access token
	audience          string // of the assertion that the app gets; "" is none
}

// find is the rule of a name. There is nothing that stands for an unknown one.
func (r Rules) find(name string) (found rule, ok bool) {
	found, ok = r.byName[name]
	return found, ok || name == DefaultRule
}

// GiveTokens reports whether an app gets access tokens by any of them.
func (r Rules) GiveTokens() bool {
	for _, found := range r.byName {
		if found.token {
			return true
		}
	}
	return false
}

// grants reports whether the session's user has the roles that are asked for.
func (r rule) grants(s *session.Session) bool {
	has := func(role string) bool { return slices.Contains(s.Roles, role) }
	lacks := func(role string) bool { return !has(role) }
	return (len(r.anyRole) == 0 || slices.ContainsFunc(r.anyRole, has)) && !slices.ContainsFunc(r.allRoles, lacks)
}

// ruleName keeps names to what needs no escaping in a proxy's configuration.
var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// shortestMaxAge is the least that a rule can demand: the check must still count
// when its visitor arrives at the app, by two clocks.
const shortestMaxAge = 2 * time.Minute

// ParseRules reads rules as an operator writes them, a JSON object of objects:
//
//	{
//	  "staff":   {"any_role": ["staff", "admin"], "mfa": true, "max_age": "8h"},
//	  "reports": {"organization": "346511889965776899", "assertion": "https://reports.example.com"},
//	  "api":     {"all_roles": ["api", "write"], "token": true}
//	}
//
// A member that is none, is of another type, or is given twice is refused: a
// demand that was misspelt would let everybody pass. All that is wrong is reported
// at once.
func ParseRules(text string) (Rules, error) {
	written, err := members([]byte(text))
	if err != nil {
		return Rules{}, err
	}
	rules := Rules{byName: map[string]rule{}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(written)) {
		parsed, err := parseRule(written[name])
		if !ruleName.MatchString(name) {
			err = errors.Join(errors.New("the name is not up to 64 of a-z, 0-9 and -"), err)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("rule %q: %w", name, err))
		}
		rules.byName[name] = parsed
	}
	if err := errors.Join(problems...); err != nil {
		return Rules{}, err
	}
	return rules, nil
}

// parseRule reads one rule.
func parseRule(raw []byte) (parsed rule, err error) {
	written, err := members(raw)
	if err != nil {
		return rule{}, err
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(written)) {
		read, known := ruleMembers[name]
		if !known {
			problems = append(problems, fmt.Errorf("there is no %q, but %q", name, slices.Sorted(maps.Keys(ruleMembers))))
		} else if err := read(&parsed, written[name]); err != nil {
			problems = append(problems, fmt.Errorf("%q %w", name, err))
		}
	}
	return parsed, errors.Join(problems...)
}

// ruleMembers are what a rule can be written with.
var ruleMembers = map[string]func(*rule, []byte) error{
	"any_role":     func(r *rule, raw []byte) error { return readRoles(&r.anyRole, raw) },
	"all_roles":    func(r *rule, raw []byte) error { return readRoles(&r.allRoles, raw) },
	"organization": readOrganization,
	"max_age":      readMaxAge,
	"mfa":          func(r *rule, raw []byte) error { return readAs(&r.mfa, raw, "true or false") },
	"token":        func(r *rule, raw []byte) error { return readAs(&r.token, raw, "true or false") },
	"assertion":    readAudience,
}

func readRoles(roles *[]string, raw []byte) error {
	if err := readAs(roles, raw, "a list of roles"); err != nil {
		return err
	}
	if len(*roles) == 0 || slices.Contains(*roles, "") {
		return errors.New("has no role, or one without a name")
	}
	return nil
}

func readOrganization(r *rule, raw []byte) error {
	if err := readAs(&r.organization, raw, "an organization's id"); err != nil {
		return err
	}
	if r.organization == "" || numeric(r.organization) == "" {
		return errors.New("is not an organization's id, which is a number in quotation marks")
	}
	return nil
}

func readMaxAge(r *rule, raw []byte) error {
	var text string
	if err := readAs(&text, raw, `a duration such as "15m"`); err != nil {
		return err
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < shortestMaxAge {
		return fmt.Errorf(`is not a duration such as "15m", of %v or more`, shortestMaxAge)
	}
	age = age.Truncate(time.Second) // as /login takes it
	r.maxAge = &age
	return nil
}

func readAudience(r *rule, raw []byte) error {
	if err := readAs(&r.audience, raw, "the audience's name"); err != nil {
		return err
	}
	if r.audience == "" {
		return errors.New("names no audience")
	}
	return nil
}

// readAs decodes one value. null is none.
func readAs(value any, raw []byte, what string) error {
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, value) != nil {
		return errors.New("is not " + what)
	}
	return nil
}

// members reads a JSON object by exact names. encoding/json would take "MFA" for
// "mfa" and the last of two for both, and another reader the first.
func members(raw []byte) (map[string]json.RawMessage, error) {
	errShape := errors.New("is not a JSON object")
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errShape
	}
	found := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return nil, errShape
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("has %q twice", name)
		}
		found[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errShape
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errShape
	}
	return found, nil
}
