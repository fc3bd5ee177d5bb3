//go:build !unix

package artifact

import (
	"errors"
	"os"
)

// lock does nothing where folders cannot be locked.
func lock(*os.File) error { return errors.ErrUnsupported }
