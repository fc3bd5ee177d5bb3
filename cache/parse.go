package cache

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseImport reads an option of --cache-from. A bare image name stands for type=registry,ref=NAME. The error
// joins an [*Error] for every mistake.
func ParseImport(option string) (Entry, error) { return parse(option, imports) }

// ParseExport reads an option of --cache-to, as [ParseImport] does. It adds no defaults: BuildKit's own mode is
// min; [Defaults] has better ones.
func ParseExport(option string) (Entry, error) { return parse(option, exports) }

func parse(option string, d direction) (Entry, error) {
	fields, err := split(option)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Attrs: map[string]string{}}
	if len(fields) == 1 && !strings.Contains(fields[0], "=") {
		if _, ok := table[fields[0]]; ok {
			return Entry{}, &Error{fields[0], "it is the name of a type, not of an image", "write type=" + fields[0]}
		}
		e.Type, e.Attrs["ref"] = "registry", fields[0]
	} else {
		err = e.fill(fields)
	}
	if table[e.Type] != nil {
		err = errors.Join(err, e.check(d))
	}
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// fill reads the fields into an empty entry and checks that its type exists.
func (e *Entry) fill(fields []string) error {
	for _, f := range fields {
		if key, value, _ := strings.Cut(f, "="); strings.EqualFold(key, "type") {
			e.Type = value
		}
	}
	var problems []error
	problem := func(what, fix string) {
		problems = append(problems, &Error{"type=" + cut(e.Type), what, fix})
	}
	types := 0
	for i, f := range fields {
		key, value, ok := strings.Cut(f, "=")
		key = strings.ToLower(key) // as docker buildx does
		_, twice := e.Attrs[key]
		switch {
		case !ok:
			// Not quoted: it may be the second half of a secret with a comma in it.
			problem(fmt.Sprintf("field %d is not of the form name=value", i+1), `a value with a comma is quoted with its name: "dest=a,b"`)
		case key == "type":
			types++
		case twice:
			problem(fmt.Sprintf("%q is given twice", cut(key)), "")
		default:
			e.Attrs[key] = value
		}
	}
	switch {
	case types > 1:
		problem(`"type" is given twice`, "")
	case e.Type == "":
		problem("it has no type", "write type=registry,ref=..., or one of "+known(table))
	case table[e.Type] == nil:
		problem("the type is unknown", suggest(e.Type, table))
	}
	return errors.Join(problems...)
}

// split returns the comma-separated fields, which may be quoted.
func split(option string) ([]string, error) {
	if option == "" {
		return nil, &Error{"", "it is empty", ""}
	}
	if !utf8.ValidString(option) || strings.ContainsFunc(option, unicode.IsControl) {
		return nil, &Error{"", "it has line breaks, control characters or is not UTF-8", ""}
	}
	r := csv.NewReader(strings.NewReader(option))
	fields, err := r.Read()
	if err != nil { // the text of the option is left out: where quotes are wrong, a secret may be anywhere
		return nil, &Error{"", "its quotes do not match", `quote a whole field: type=local,"dest=a,b"`}
	}
	return fields, nil
}

// check returns the mistakes in an entry of a known type.
func (e Entry) check(d direction) error {
	var problems []error
	problem := func(what, fix string) {
		problems = append(problems, &Error{"type=" + e.Type, what, fix})
	}
	attributes := table[e.Type]
	if e.Type == "inline" && d == imports {
		problem("inline cache can only be exported", "import it with type=registry,ref=IMAGE")
		return errors.Join(problems...)
	}
	valid := maps.Clone(attributes)
	maps.DeleteFunc(valid, func(_ string, a attribute) bool { return a.direction&d == 0 })
	for _, key := range slices.Sorted(maps.Keys(e.Attrs)) {
		a, ok := attributes[key]
		switch {
		case !ok:
			problem(fmt.Sprintf("unknown attribute %q", cut(key)), suggest(key, valid))
		case a.direction&d == 0:
			problem(fmt.Sprintf("%q is an attribute for %s only", key, map[direction]string{imports: "import (--cache-from)", exports: "export (--cache-to)"}[a.direction]), suggest(key, valid))
		case a.check != nil:
			if err := a.check(e.Attrs[key]); err != nil {
				problem(key+" "+err.Error(), "")
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		if _, ok := e.Attrs[key]; !ok && attributes[key].required&d != 0 {
			problem(fmt.Sprintf("%q is missing", key), "")
		}
	}
	for _, what := range e.checkTogether(d) {
		problem(what, "")
	}
	return errors.Join(problems...)
}

// checkTogether returns the mistakes that no attribute makes alone.
func (e Entry) checkTogether(d direction) (problems []string) {
	if _, _, digest, ok := splitRef(e.Attrs["ref"]); ok && digest != "" && d == exports {
		problems = append(problems, "a ref with a digest cannot be written to")
	}
	if level, err := strconv.Atoi(e.Attrs["compression-level"]); err == nil && level > 9 && e.Attrs["compression"] != "zstd" {
		problems = append(problems, "a compression-level above 9 needs compression=zstd")
	}
	if isTrue(e.Attrs["image-manifest"]) && isFalse(e.Attrs["oci-mediatypes"]) {
		problems = append(problems, "image-manifest=true needs oci-mediatypes=true")
	}
	return problems
}

func isTrue(v string) bool  { b, err := strconv.ParseBool(v); return err == nil && b }
func isFalse(v string) bool { b, err := strconv.ParseBool(v); return err == nil && !b }

// suggest names the nearest key of valid, or all of them.
func suggest[V any](word string, valid map[string]V) string {
	best, bestCost := "", len(word)/3+2
	for _, key := range slices.Sorted(maps.Keys(valid)) {
		if c := distance(strings.ToLower(word), key); c < bestCost {
			best, bestCost = key, c
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "it can be " + known(valid)
}

func known[V any](valid map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(valid)), ", ")
}

// distance is Levenshtein's: the number of bytes to add, remove or replace. Words too long to be a slip are far.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// cut keeps what is quoted in messages short.
func cut(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}
