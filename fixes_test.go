package lpipe_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestEveryFaultHasAFix: whoever reads what went wrong is told what to do about it. A fault says so where it is made, and a
// function that makes faults of its arguments is called with a fix.
func TestEveryFaultHasAFix(t *testing.T) {
	files := sources(t)
	forwards := map[string]int{} // functions by name, and which argument is the fix
	for _, file := range files {
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok {
				if at := slices.Index(names(f.Type.Params), "fix"); at >= 0 {
					forwards[f.Name.Name] = at
				}
			}
		}
	}
	for name, file := range files {
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok {
				for _, words := range withoutFix(f) {
					t.Errorf("%s: %s returns a reason without a fix, %.60q: say what to do about it", name, f.Name.Name, words)
				}
			}
		}
	}
	faults := 0
	for name, file := range files {
		inside := strings.HasPrefix(name, "internal/fault/")
		ast.Inspect(file, func(n ast.Node) bool {
			var fix ast.Expr
			switch n := n.(type) {
			case *ast.CompositeLit:
				if text := typeName(n.Type); text != "fault.Error" && !(inside && text == "Error") {
					return true
				}
				for _, e := range n.Elts {
					if pair, ok := e.(*ast.KeyValueExpr); ok && typeName(pair.Key) == "Fix" {
						fix = pair.Value
					}
				}
			case *ast.CallExpr:
				called := typeName(n.Fun)
				at, known := forwards[called[strings.LastIndex(called, ".")+1:]]
				if !known || at >= len(n.Args) {
					return true
				}
				fix = n.Args[at]
			default:
				return true
			}
			faults++
			if fix == nil || isEmpty(fix) {
				t.Errorf("%s: a fault without a fix, by %.60q: say what to do about it", name, source(n))
			}
			return true
		})
	}
	if faults < 100 {
		t.Errorf("%d faults were found: the test looks in the wrong places", faults)
	}
}

// withoutFix are the first words of the reasons that a function with the results why and fix returns without a fix.
func withoutFix(f *ast.FuncDecl) []string {
	results := names(f.Type.Results)
	why, fix := slices.Index(results, "why"), slices.Index(results, "fix")
	if why < 0 || fix < 0 {
		return nil
	}
	var found []string
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == len(results) && isEmpty(r.Results[fix]) && !isEmpty(r.Results[why]) {
			found = append(found, source(r))
		}
		return true
	})
	return found
}

func names(fields *ast.FieldList) []string {
	var all []string
	if fields == nil {
		return nil
	}
	for _, field := range fields.List {
		for _, name := range field.Names {
			all = append(all, name.Name)
		}
	}
	return all
}

func isEmpty(e ast.Expr) bool {
	text, ok := e.(*ast.BasicLit)
	return ok && text.Kind == token.STRING && len(text.Value) == 2
}

// typeName is a name as it is written, "" for other expressions.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}

// source is the first text in an expression, by which a person finds it.
func source(n ast.Node) string {
	found := ""
	ast.Inspect(n, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && found == "" && text.Kind == token.STRING {
			found = text.Value
		}
		return found == ""
	})
	return found
}
