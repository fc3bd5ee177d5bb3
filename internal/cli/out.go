package cli

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
)

// outFlag declares --out-dir. The function sets the folder that the results go to: that of the flag, of LPIPE_OUT_DIR, or
// lambda in the folder that cargo puts its results into where a variable says one, as cargo-lambda does it.
func outFlag(f *pflag.FlagSet) func(a *app, here *project.Here) error {
	flag := f.String("out-dir", "", "`DIR` for the results, DIR/NAME/bootstrap.zip; in place of target/lambda of the workspace root")
	return func(a *app, here *project.Here) error {
		if f.Changed("out-dir") && *flag == "" {
			return &fault.Error{Kind: fault.Usage, What: "--out-dir is empty", Fix: "name a folder, . for the current one"}
		}
		for _, out := range []string{*flag, a.env["LPIPE_OUT_DIR"], lambdaIn(a.env["CARGO_TARGET_DIR"]), lambdaIn(a.env["CARGO_BUILD_TARGET_DIR"])} {
			if out == "" {
				continue
			}
			if !filepath.IsAbs(out) {
				out = filepath.Join(here.Dir, out)
			}
			if foreign.Line(out) != out {
				return &fault.Error{
					Kind: fault.Usage, What: fmt.Sprintf("the results cannot go to %q", out), Why: "its path does not fit on a line, and lpipe prints paths one a line", Fix: "name another folder",
				}
			}
			here.Out = filepath.Clean(out)
			return nil
		}
		return nil
	}
}

func lambdaIn(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "lambda")
}

// home sees to it that HOME names a folder, for this process and for what it starts: below it is what lpipe and docker keep
// of the user, and without it that would be looked for, and made, in the current folder.
func (a *app) home() error {
	home := a.env["HOME"]
	f := &fault.Error{Kind: fault.Usage, What: "HOME is not set", Fix: "set HOME to a folder of yours"}
	if filepath.IsAbs(home) {
		if info, err := os.Stat(home); err == nil && !info.IsDir() {
			f.What = "HOME is " + strconv.Quote(home) + ", which is no folder"
			return f
		}
		return nil
	}
	if home != "" {
		f.What, f.Why = "HOME is "+strconv.Quote(home), "it is no absolute path, and would be another folder in each project"
		return f
	}
	found, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err == nil && !filepath.IsAbs(found.HomeDir) {
		err = errors.New("the user " + found.Username + " has no home folder")
	}
	if err != nil {
		f.Err = err
		return f
	}
	a.env["HOME"] = found.HomeDir
	return os.Setenv("HOME", found.HomeDir)
}
