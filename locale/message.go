package locale

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
)

// message is a parsed text: literal pieces, values and choices in order.
type message struct {
	parts  []part
	params []string // names, in order of first appearance
}

// part is a literal (name empty), a value, a span of time, or a choice by number.
type part struct {
	literal  string
	name     string
	duration bool
	forms    map[plural.Form]message
}

// number is the name under which # finds the value of the enclosing plural.
const number = "#"

var forms = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two,
	"few": plural.Few, "many": plural.Many, "other": plural.Other,
}

// parseMessage reads text outside of any plural, where # is only a letter.
func parseMessage(text string) (message, error) {
	var m message
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			m.add(part{literal: text})
			break
		}
		if text[i] == '}' {
			return message{}, errors.New("a } without its {")
		}
		if i > 0 {
			m.add(part{literal: text[:i]})
		}
		inner, rest, err := braced(text[i:])
		if err != nil {
			return message{}, err
		}
		p, err := parsePart(inner)
		if err != nil {
			return message{}, err
		}
		m.add(p)
		text = rest
	}
	return m, nil
}

// add appends the part and notes the parameters that it needs.
func (m *message) add(p part) {
	m.parts = append(m.parts, p)
	m.need(p.name)
	for _, form := range p.forms {
		for _, name := range form.params {
			m.need(name)
		}
	}
}

func (m *message) need(name string) {
	if name != "" && name != number && !slices.Contains(m.params, name) {
		m.params = append(m.params, name)
	}
}

// braced splits "{inner}rest", minding braces within.
func braced(text string) (inner, rest string, err error) {
	depth := 0
	for i, r := range text {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
			if depth == 0 {
				return text[1:i], text[i+1:], nil
			}
		}
	}
	return "", "", errors.New("a { without its }")
}

// parsePart reads "name", "name, duration" or "name, plural, one {…} other {…}".
func parsePart(inner string) (part, error) {
	name, choice, isChoice := strings.Cut(inner, ",")
	name = strings.TrimSpace(name)
	if name == "" || strings.ContainsAny(name, "{} ") {
		return part{}, fmt.Errorf("bad parameter %q", inner)
	}
	if !isChoice {
		return part{name: name}, nil
	}
	switch kind, text, _ := strings.Cut(choice, ","); strings.TrimSpace(kind) {
	case "duration":
		return part{name: name, duration: true}, nil
	case "plural":
		return parsePlural(name, text)
	default:
		return part{}, fmt.Errorf("unknown choice %q", kind)
	}
}

// parsePlural reads "one {…} other {…}".
func parsePlural(name, text string) (part, error) {
	p := part{name: name, forms: map[plural.Form]message{}}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			return part{}, errors.New("a plural form without text")
		}
		form, ok := forms[strings.TrimSpace(text[:i])]
		if !ok {
			return part{}, fmt.Errorf("unknown plural form %q", text[:i])
		}
		body, rest, err := braced(text[i:])
		if err != nil {
			return part{}, err
		}
		m, err := parseMessage(strings.ReplaceAll(body, number, "{"+number+"}"))
		if err != nil {
			return part{}, err
		}
		p.forms[form] = m
		text = rest
	}
	if _, ok := p.forms[plural.Other]; !ok {
		return part{}, errors.New(`a plural needs the form "other"`)
	}
	return p, nil
}

// Text is T that says what is wrong: an unknown key, a missing or a spare parameter.
func (p *Printer) Text(key string, args ...any) (string, error) {
	m, ok := p.catalog.messages[key]
	if !ok {
		return "", fmt.Errorf("locale: no text for %q in %s", key, p.Tag())
	}
	values, err := named(catalogs[0].messages[key].params, args)
	if err != nil {
		return "", fmt.Errorf("locale: %s: %w", key, err)
	}
	var b strings.Builder
	if err := p.write(&b, m, values); err != nil {
		return "", fmt.Errorf("locale: %s: %w", key, err)
	}
	return b.String(), nil
}

// named gives each parameter its value. As many arguments as parameters are
// values in order; twice as many are names and values in turn. Zero is both.
func named(params []string, args []any) (map[string]any, error) {
	values := make(map[string]any, len(params))
	switch len(args) {
	case len(params):
		for i, name := range params {
			values[name] = args[i]
		}
	case 2 * len(params):
		for i := 0; i < len(args); i += 2 {
			name, ok := args[i].(string)
			if !ok || !slices.Contains(params, name) {
				return nil, fmt.Errorf("no parameter %v", args[i])
			}
			values[name] = args[i+1]
		}
	default:
		return nil, fmt.Errorf("%d arguments for the parameters %v", len(args), params)
	}
	return values, nil
}

func (p *Printer) write(b *strings.Builder, m message, values map[string]any) error {
	for _, part := range m.parts {
		if part.name == "" {
			b.WriteString(part.literal)
			continue
		}
		value, ok := values[part.name]
		if !ok {
			return fmt.Errorf("no value for %q", part.name)
		}
		if err := p.writeValue(b, part, value, values); err != nil {
			return fmt.Errorf("parameter %s: %w", part.name, err)
		}
	}
	return nil
}

func (p *Printer) writeValue(b *strings.Builder, part part, value any, values map[string]any) error {
	if part.forms == nil && !part.duration {
		fmt.Fprint(b, value)
		return nil
	}
	n, err := whole(value)
	if err != nil {
		return err
	}
	if part.duration {
		b.WriteString(p.duration(int(n)))
		return nil
	}
	chosen, ok := part.forms[plural.Cardinal.MatchPlural(p.catalog.tag, int(max(n, -n)), 0, 0, 0, 0)]
	if !ok {
		chosen = part.forms[plural.Other]
	}
	inner := maps.Clone(values)
	inner[number] = n
	return p.write(b, chosen, inner)
}

// whole reads a whole number of any type, and a time.Duration as its seconds,
// rounded up. Numbers that were kept as JSON between two requests come back as
// float64.
func whole(value any) (int64, error) {
	if d, ok := value.(time.Duration); ok {
		return int64((d + time.Second - 1) / time.Second), nil
	}
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return v.Int(), nil
	case v.CanFloat() && v.Float() == math.Trunc(v.Float()):
		return int64(v.Float()), nil
	}
	return 0, fmt.Errorf("%T is not a whole number", value)
}

// duration says the seconds in the largest unit that does not understate them:
// a wait of 61 seconds is "2 minutes".
func (p *Printer) duration(seconds int) string {
	switch {
	case seconds <= 60:
		return p.T("duration.seconds", max(1, seconds))
	case seconds <= 3600:
		return p.T("duration.minutes", (seconds+59)/60)
	}
	return p.T("duration.hours", (seconds+3599)/3600)
}
