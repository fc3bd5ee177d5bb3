package project

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"lpipe/internal/fault"
)

// Home is the user's folder: home if that names one, or where it is "" what the system has. Below it is what lpipe and docker keep of the
// user, and without it that would be looked for, and made, in the current folder.
func Home(home string) (string, error) {
	f := &fault.Error{Kind: fault.Usage, What: "HOME is not set", Fix: "set HOME to a folder of yours"}
	if filepath.IsAbs(home) {
		if info, err := os.Stat(home); err == nil && !info.IsDir() {
			f.What = "HOME is " + strconv.Quote(home) + ", which is no folder"
			return "", f
		}
		return home, nil
	}
	if home != "" {
		f.What, f.Why = "HOME is "+strconv.Quote(home), "it is no absolute path, and would be another folder in each project"
		return "", f
	}
	found, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err == nil && !filepath.IsAbs(found.HomeDir) {
		err = errors.New("the user " + found.Username + " has no home folder")
	}
	if err != nil {
		f.Err = err
		return "", f
	}
	return found.HomeDir, nil
}
