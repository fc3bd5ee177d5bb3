package cli

import (
	"os"

	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/project"
)

// outFlag declares --out-dir. The function sets the folder that the results go to.
func outFlag(f *pflag.FlagSet) func(here *project.Here) error {
	flag := f.String("out-dir", "", "`DIR` for the results, DIR/NAME/bootstrap.zip; in place of target/lambda of the workspace root")
	return func(here *project.Here) error {
		if f.Changed("out-dir") && *flag == "" {
			return &fault.Error{Kind: fault.Usage, What: "--out-dir is empty", Fix: "name a folder, . for the current one"}
		}
		return here.SetOut(*flag)
	}
}

// home sees to it that HOME names a folder, for this process and for what it starts.
func (a *app) home() error {
	home, err := project.Home(a.env["HOME"])
	if err != nil || home == a.env["HOME"] {
		return err
	}
	a.env["HOME"] = home
	return os.Setenv("HOME", home)
}
