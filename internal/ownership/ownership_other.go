//go:build !unix

package ownership

import "io/fs"

func foreign(fs.FileInfo) string { return "" }

func foreignTo(_, _ fs.FileInfo) string { return "" }
