package hostkeys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// database hands the pins to package knownhosts, one line each, so that the line numbers in its answers are indices
// of pins. A line it refuses is a [*LineError].
func database(pins []Pin, named []string) (ssh.HostKeyCallback, error) {
	if len(pins) == 0 {
		return nil, nil
	}
	lines := make([]string, len(pins))
	for i, pin := range pins {
		lines[i] = pin.databaseLine(named)
	}
	check, err := open(lines...)
	if err == nil || errors.As(err, new(*fs.PathError)) {
		return check, err
	}
	var errs []error
	for i, pin := range pins {
		if _, err := open(lines[i]); err != nil {
			// Its text may start with the name and line of the temporary file, which mean nothing to the reader.
			text := err.Error()
			if _, after, ok := strings.Cut(text, ":1: "); ok {
				text = strings.TrimPrefix(after, "knownhosts: ")
			}
			errs = append(errs, &LineError{File: pin.File, Line: pin.Line, Err: errors.New(text)})
		}
	}
	if len(errs) == 0 {
		return nil, err
	}
	return nil, errors.Join(errs...)
}

// open calls [knownhosts.New], which takes files only. A temporary file is the one kind that it can read everywhere:
// reopening a pipe as /dev/fd/N fails on macOS, where the copy shares the non-blocking mode, and Windows has no such name.
func open(lines ...string) (ssh.HostKeyCallback, error) {
	file, err := os.CreateTemp("", "known_hosts-*")
	if err != nil {
		return nil, fmt.Errorf("preparing known_hosts: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(strings.Join(lines, "\n") + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("preparing known_hosts: %w", err)
	}
	return knownhosts.New(file.Name())
}
