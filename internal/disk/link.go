package disk

import (
	"io/fs"
	"os"
)

// Follow returns what the link at name in a folder says that it leads to, "" where there is no link, and what is there. The error is
// [fs.ErrNotExist] where nothing is there, and another one where that is out of the folder.
func Follow(folder *os.Root, name string) (to string, info fs.FileInfo, err error) {
	if to, err = folder.Readlink(name); err != nil {
		return "", nil, err
	}
	info, err = folder.Stat(name)
	return to, info, err
}
