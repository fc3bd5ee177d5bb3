package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/session"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/emulator"
	"lpipe/internal/engine"
	"lpipe/internal/login"
	"lpipe/internal/plan"
	"lpipe/internal/solve"
	"lpipe/internal/userkey"
)

// Root returns a folder with the files of an image for an architecture of Lambda, fit for [emulator.Isolation]. The image is
// a reference or a folder in the OCI image layout, as a base image is. What an image had is kept in this user's cache, of which env
// tells, until the image is another one.
func Root(ctx context.Context, e *engine.Engine, logins *login.Logins, image, arch string, env map[string]string) (string, error) {
	layout, err := imageLayout(image)
	if err != nil {
		return "", err
	}
	var found digest.Digest
	ref := image
	if layout != nil {
		found = layout.Digest
	} else if found, err = AskBase(ctx, e, logins, image); err != nil {
		return "", err
	} else if ref, err = pinned(image, found); err != nil {
		return "", err
	}
	cache, err := userkey.Folder(env)
	if err != nil {
		return "", err
	}
	images := filepath.Join(cache, "images")
	dir := filepath.Join(images, found.Encoded()+"-"+arch)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(images, 0o700); err != nil {
		return "", fmt.Errorf("making a folder for the files of images: %w", err)
	}
	temp, err := os.MkdirTemp(images, ".part-")
	if err != nil {
		return "", fmt.Errorf("making a folder for the files of an image: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := solve.Unpack(ctx, e.Client(), ref, layout, plan.Processor(arch), temp, []session.Attachable{logins.Session()}); err != nil {
		return "", err
	}
	if err := errors.Join(os.Chmod(temp, 0o755), emulator.PrepareRoot(temp)); err != nil {
		return "", err
	}
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, fs.ErrExist) { // another run was as fast
		return "", err
	}
	return dir, nil
}

// pinned is the full name of an image with a digest.
func pinned(image string, d digest.Digest) (string, error) {
	full, named, err := fullName(image)
	if err != nil || named != "" {
		return full, err
	}
	return full + "@" + d.String(), nil
}
