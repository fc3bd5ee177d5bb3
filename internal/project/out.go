package project

import (
	"fmt"
	"path/filepath"

	"lpipe/internal/fault"
	"lpipe/internal/foreign"
)

// SetOut sets the folder that the results go to: dir unless that is "", that of LPIPE_OUT_DIR, or lambda in the folder that cargo puts
// its results into where a variable says one, as cargo-lambda does it.
func (h *Here) SetOut(dir string) error {
	for _, out := range []string{dir, h.Env["LPIPE_OUT_DIR"], lambdaIn(h.Env["CARGO_TARGET_DIR"]), lambdaIn(h.Env["CARGO_BUILD_TARGET_DIR"])} {
		if out == "" {
			continue
		}
		if !filepath.IsAbs(out) {
			out = filepath.Join(h.Dir, out)
		}
		if foreign.Line(out) != out {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("the results cannot go to %q", out), Why: "its path does not fit on a line, and lpipe prints paths one a line", Fix: "name another folder",
			}
		}
		h.Out = filepath.Clean(out)
		return nil
	}
	return nil
}

func lambdaIn(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "lambda")
}
