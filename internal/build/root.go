package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/session"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/engine"
	"lpipe/internal/login"
	"lpipe/internal/plan"
	"lpipe/internal/solve"
)

// Root returns a folder with the files of an image for an architecture of Lambda, fit for [emulator.Isolation]. The image is
// a reference or a folder in the OCI image layout, as a base image is. What an image had is kept in this user's cache, of which env
// tells, until the image is another one or nobody has used it for long, and while the file is open.
func Root(ctx context.Context, e *engine.Engine, logins *login.Logins, image, arch string, env map[string]string) (string, *os.File, error) {
	layout, err := imageLayout(image)
	if err != nil {
		return "", nil, err
	}
	var found digest.Digest
	ref := image
	if layout != nil {
		found = layout.Digest
	} else if found, err = AskBase(ctx, e, logins, image); err != nil {
		return "", nil, err
	} else if ref, err = pinned(image, found); err != nil {
		return "", nil, err
	}
	images, err := imagesFolder(env)
	if err != nil {
		return "", nil, err
	}
	dir := filepath.Join(images, found.Encoded()+"-"+arch)
	if held, err := hold(dir); err == nil {
		return dir, held, nil
	}
	if err := os.MkdirAll(images, 0o700); err != nil {
		return "", nil, fmt.Errorf("making a folder for the files of images: %w", err)
	}
	temp, err := os.MkdirTemp(images, partPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("making a folder for the files of an image: %w", err)
	}
	defer func() { _ = removeImage(temp) }() // a folder that stays is removed with the old ones
	if err := solve.Unpack(ctx, e.Client(), ref, layout, plan.Processor(arch), temp, []session.Attachable{logins.Session()}); err != nil {
		return "", nil, err
	}
	held, err := settleImage(temp, dir)
	if err == nil {
		_, _ = PruneImages(env, imagesAge, false) // which is for the disk alone
	}
	return dir, held, err
}

// pinned is the full name of an image with a digest.
func pinned(image string, d digest.Digest) (string, error) {
	full, named, err := fullName(image)
	if err != nil || named != "" {
		return full, err
	}
	return full + "@" + d.String(), nil
}
