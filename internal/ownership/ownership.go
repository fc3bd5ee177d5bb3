// Package ownership tells whether a file is this user's alone to write.
//
// Where a file or folder decides what lpipe does (a key, the state of an engine, lpipe.toml in a folder above), it counts
// only if no other user could have put it there. Root is no other user: root can write everything anyway. Systems
// without owners and modes, such as Windows, have no answer, and every file counts.
package ownership

import "io/fs"

// Foreign returns why another user can write the file or folder, "" if none can. The info is that of the thing itself:
// whoever follows links checks each folder on the way.
func Foreign(info fs.FileInfo) string { return foreign(info) }

// ForeignTo returns why a user who cannot write the folder of a project can write the file, "" if none can. A checkout
// may belong to another user than the one who builds it, as in containers, or be open to all, as with an umask of 0:
// who asks to build it trusts those who can write it, and they need no further file to decide what the build does.
func ForeignTo(project, file fs.FileInfo) string { return foreignTo(project, file) }
