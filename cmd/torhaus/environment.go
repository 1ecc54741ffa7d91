package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// secret is a value that must never be printed. Its String is what fmt, slog
// and a panic's dump show; reveal is the one way to the value.
type secret string

func (s secret) String() string   { return redact(string(s)) }
func (s secret) GoString() string { return redact(string(s)) }
func (s secret) reveal() string   { return string(s) }

func redact(value string) string {
	if value == "" {
		return ""
	}
	return "[redacted]"
}

// A problem is one thing wrong with the configuration: where, what, and what
// to set instead. It never holds a secret's value.
type problem struct {
	name  string // full variable name
	wrong string
	fix   string
}

func (p problem) String() string { return fmt.Sprintf("%s %s: %s", p.name, p.wrong, p.fix) }

// problems is every problem at once, since an operator who learns of them one
// restart at a time gives up.
type problems []problem

func (ps problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// environment reads the TORHAUS_ variables and collects what is wrong with them.
type environment struct {
	given    map[string]string // as in the process's environment, TORHAUS_ names only
	files    map[string]string // read from files, by name without prefix
	derived  map[string]string // what follows from other variables
	refused  problems
	warnings problems
}

// readEnvironment sorts environ ("NAME=value" lines) into known, settled and
// unknown names, and reads the files that are named instead of values.
func readEnvironment(environ []string) *environment {
	e := &environment{given: map[string]string{}, files: map[string]string{}, derived: map[string]string{}}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if short, ours := strings.CutPrefix(name, prefix); ours && value != "" {
			e.given[short] = value
		}
	}
	for _, v := range variables {
		e.readFile(v.name)
	}
	e.checkNames()
	return e
}

// derive gives a variable that was left out the value that follows from others,
// so that the dump tells it.
func (e *environment) derive(name, value string) { e.derived[name] = value }

// value is what a variable is set to, or its fallback.
func (e *environment) value(name string) string {
	if fromFile, ok := e.files[name]; ok {
		return fromFile
	}
	if given, ok := e.given[name]; ok {
		return given
	}
	if derived, ok := e.derived[name]; ok {
		return derived
	}
	return lookup(name).fallback
}

func (e *environment) secret(name string) secret { return secret(e.value(name)) }

// path is the file a variable was read from, "" when its value was given.
func (e *environment) path(name string) string { return e.given[name+fileSuffix] }

// missing is true for a variable that is set neither here nor by a file. One
// whose file could not be read is not missing: that problem was told already.
func (e *environment) missing(name string) bool { return e.value(name) == "" && e.path(name) == "" }

func (e *environment) refuse(name, wrong, fix string) {
	e.refused = append(e.refused, problem{prefix + name, wrong, fix})
}

func (e *environment) warn(name, wrong, fix string) {
	e.warnings = append(e.warnings, problem{prefix + name, wrong, fix})
}

// readFile reads what NAME_FILE names. Every variable may be given so, for one
// rule is easier to remember than a list of secrets. One trailing newline goes, since editors and
// `echo` add it; more would change a secret that truly ends in one.
func (e *environment) readFile(name string) {
	path := e.path(name)
	if path == "" {
		return
	}
	if _, both := e.given[name]; both {
		e.refuse(name, "is set and so is "+prefix+name+fileSuffix, "keep one of them")
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		e.refuse(name+fileSuffix, fmt.Sprintf("cannot be read (%v)", err), "name a file that torhaus's user may read")
		return
	}
	trimmed := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if trimmed == "" {
		e.refuse(name+fileSuffix, "names an empty file", "write the value into it")
		return
	}
	e.files[name] = trimmed
}

// checkNames reports names that nothing reads, since a mistyped name is a
// setting silently left at its default.
func (e *environment) checkNames() {
	known := knownNames()
	for name := range e.given {
		switch why, isSettled := settled[name]; {
		case slices.Contains(known, name), fromServiceLink(name):
		case isSettled:
			e.refuse(name, "cannot be set", why+"; unset it")
		default:
			e.warn(name, "is not a setting of torhaus and was ignored", "did you mean "+prefix+nearest(name, known)+"?")
		}
	}
	byName := func(a, b problem) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(e.refused, byName) // map order would shuffle the report at every start
	slices.SortFunc(e.warnings, byName)
}

// fromServiceLink recognises what Kubernetes and Docker links put into the
// environment of every container beside a service named "torhaus".
func fromServiceLink(name string) bool {
	return name == "PORT" || strings.HasPrefix(name, "PORT_") || strings.HasPrefix(name, "SERVICE_")
}

func knownNames() []string {
	var names []string
	for _, v := range variables {
		names = append(names, v.name, v.name+fileSuffix)
	}
	return names
}

// lookup panics for a name that is not in the table: such a call is a bug that
// the first test of Load meets.
func lookup(name string) variable {
	i := slices.IndexFunc(variables, func(v variable) bool { return v.name == name })
	if i < 0 {
		panic("no variable " + name + " in the table")
	}
	return variables[i]
}

// nearest is the known name with the smallest edit distance.
func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int {
		return editDistance(name, a) - editDistance(name, b)
	})
}

// editDistance is Levenshtein's: the insertions, deletions and substitutions
// between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
