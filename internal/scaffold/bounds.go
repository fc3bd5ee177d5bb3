package scaffold

import (
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"
)

// What the templates of a folder may do at most, all together: one that is somebody else's is to end soon, and in little memory.
const (
	maxSteps = 1_000_000 // rounds of loops, and templates in templates
	maxText  = 16 << 20  // bytes that functions return
	maxVerbs = 100       // of a format
)

// bounds is what is left of these.
type bounds struct{ steps, text int }

// parse parses a template that stays within the bounds.
func (b *bounds) parse(text string) (*template.Template, error) {
	functions := template.FuncMap{
		"print": b.bounded(fmt.Sprint), "println": b.bounded(fmt.Sprintln), "html": b.bounded(template.HTMLEscaper),
		"js": b.bounded(template.JSEscaper), "urlquery": b.bounded(template.URLQueryEscaper), "printf": b.printf,
		counted: func() (string, error) {
			if b.steps--; b.steps < 0 {
				return "", fmt.Errorf("it takes more than %d steps", maxSteps)
			}
			return "", nil
		},
	}
	t, err := template.New("line").Delims("<%", "%>").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, err
	}
	step, err := template.New("step").Funcs(functions).Parse("{{" + counted + "}}")
	if err != nil {
		return nil, err
	}
	for _, one := range t.Templates() {
		if one.Tree != nil {
			count(one.Root, step.Root.Nodes[0], true)
		}
	}
	return t, nil
}

// counted is the function that counts a step. It stands where something can be repeated.
const counted = "step"

// count puts the step into the bodies of loops, and with begin in front.
func count(list *parse.ListNode, step parse.Node, begin bool) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.IfNode:
			count(n.List, step, false)
			count(n.ElseList, step, false)
		case *parse.WithNode:
			count(n.List, step, false)
			count(n.ElseList, step, false)
		case *parse.RangeNode:
			count(n.List, step, true)
			count(n.ElseList, step, false)
		}
	}
	if begin {
		list.Nodes = append([]parse.Node{step}, list.Nodes...)
	}
}

// bounded is a function of templates, whose result is a few times as long as its arguments.
func (b *bounds) bounded(f func(...any) string) func(...any) (string, error) {
	return func(args ...any) (string, error) {
		total := 0
		for _, arg := range args {
			total += length(arg)
		}
		if total > maxFile {
			return "", errText
		}
		return b.took(f(args...))
	}
}

func (b *bounds) printf(format string, args ...any) (string, error) {
	longest := 0
	for _, arg := range args {
		longest = max(longest, length(arg))
	}
	if strings.Count(format, "%") > maxVerbs || longest > maxFile {
		return "", errText
	}
	return b.took(fmt.Sprintf(format, args...))
}

func length(arg any) int {
	switch arg := arg.(type) {
	case string:
		return len(arg)
	case []byte:
		return len(arg)
	}
	return 0
}

var errText = fmt.Errorf("more than %d bytes come out", maxFile)

func (b *bounds) took(text string) (string, error) {
	if b.text -= len(text); b.text < 0 || len(text) > maxFile {
		return "", errText
	}
	return text, nil
}
