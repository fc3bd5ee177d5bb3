package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/dockerfile"
)

// TestABuildThatTheEngineForgotIsStartedAgain: with all that is kept, until the build that was given up has ended, and
// damage may be met after that.
func TestABuildThatTheEngineForgotIsStartedAgain(t *testing.T) {
	for _, text := range []string{
		"failed to compute cache key: failed to get state for index 0 on [fetch 1/1] RUN --mount=type=bind set -eu",
		"failed to solve: inconsistent graph state",
	} {
		found := damageIn(nil, fmt.Errorf("failed to solve: %w", errdefs.WrapVertex(errors.New(text), digest.FromString(buildStep))), nil)
		if found == nil || !found.forgot || strings.Contains(found.why, "RUN") {
			t.Fatalf("%s: %+v", text, found)
		}
		r := Request{}
		_, said := found.heal(t.Context(), nil, &r)
		if r.NoCache || r.rerun != "" || r.healed || !strings.Contains(said, "started again") || !found.curable(r) {
			t.Errorf("%s: %q, %+v", text, said, r)
		}
		now, cancel := context.WithCancel(t.Context())
		cancel() // so that nothing is waited for
		attempts := 1
		for ; found.curable(r); attempts++ {
			if _, said := found.heal(now, nil, &r); said != "" {
				t.Errorf("said again: %q", said)
			}
		}
		if attempts != maxRestarts {
			t.Errorf("%d attempts", attempts)
		}
	}
}

// TestAnEngineThatForgetsForGoodIsStartedAnew: it keeps its cache, and that is said.
func TestAnEngineThatForgetsForGoodIsStartedAnew(t *testing.T) {
	old, fresh := &client.Client{}, &client.Client{}
	renewed := 0
	r := Request{Renew: func(_ context.Context, empty bool) (*client.Client, error) {
		if empty {
			t.Error("it is to be emptied")
		}
		renewed++
		return fresh, nil
	}}
	now, cancel := context.WithCancel(t.Context())
	cancel() // so that nothing is waited for
	found := &damaged{why: "failed to get state for index 0", forgot: true}
	used, said := old, []string{}
	for found.curable(r) {
		var text string
		if used, text = found.heal(now, used, &r); text != "" {
			said = append(said, text)
		}
	}
	if used != fresh || renewed != 1 || len(said) != 2 || !strings.Contains(said[1], "started anew with its cache") || r.healed {
		t.Errorf("started anew %d times; %q, %+v", renewed, said, r)
	}
}

// TestDamageIsToldFromMistakes: only what the engine kept is to blame for the one, and only the project for the other.
func TestDamageIsToldFromMistakes(t *testing.T) {
	ofEngine := func(text string) error {
		return fmt.Errorf("failed to solve: %w", errdefs.WrapVertex(errors.New(text), digest.FromString(buildStep)))
	}
	const all = "all"
	for name, c := range map[string]struct {
		err  error
		log  string
		want string // "" for no damage, all, or the stage to run again
	}{
		"incomplete fetch":       {exits(buildStep, dockerfile.ExitFetched), "", dockerfile.StageFetch},
		"snapshot gone":          {ofEngine("failed to commit a to b during finalize: snapshot a does not exist: not found"), "", all},
		"parent gone":            {ofEngine("failed to prepare x as y: parent snapshot x does not exist: not found"), "", all},
		"folder gone":            {ofEngine("failed to mount /tmp/buildkit-mount1: [{Type:overlay}]: no such file or directory"), "", all},
		"layer gone":             {ofEngine("failed to compute cache key: failed to calculate checksum of ref a::b: failed to stat parent: stat /x/runc-overlayfs/snapshots/snapshots/8/fs: no such file or directory"), "", all},
		"new layer gone":         {ofEngine("failed to prepare x as y: mkdir /x/snapshots/new-12: no such file or directory"), "", all},
		"file of a layer":        {ofEngine("lstat /tmp/buildkit-mount1/target: no such file or directory"), "", all},
		"layers gone":            {ofEngine("failed to create prepare snapshot dir: failed to create temp dir: stat /x/runc-overlayfs/snapshots/snapshots: no such file or directory"), "", all},
		"file of a blob":         {ofEngine("open /x/content/blobs/sha256/12: no such file or directory"), "", all},
		"database gone":          {ofEngine("open /x/containerdmeta.db: no such file or directory"), "", all},
		"folder in the way":      {ofEngine("failed to prepare x as y: failed to rename: rename a b: file exists"), "", all},
		"folder of a context":    {ofEngine("failed to walk: resolve : lstat /x/snapshots/1: no such file or directory"), "", all},
		"blob gone":              {ofEngine("content digest sha256:1234: not found"), "", all},
		"lease gone":             {ofEngine("lease \"x\": not found"), "", all},
		"blob garbled":           {ofEngine("unexpected commit digest sha256:1, expected sha256:2: failed precondition"), "", all},
		"disk":                   {ofEngine("open /x: input/output error"), "", all},
		"result gone":            {ofEngine("failed to calculate checksum of ref a::b: \"/target\": not found"), "", all},
		"library garbled":        {exits(buildStep, 101), "error[E0786]: found invalid metadata files for crate `leaf`\n", all},
		"library unreadable":     {exits(depsStep, 101), "error: failed to read `/target/x`: Input/output error (os error 5)\n", all},
		"compile error":          {exits(buildStep, 101), "error[E0308]: mismatched types\n", ""},
		"failing test":           {exits(testStep, dockerfile.ExitTests), "Input/output error (os error 5)\n", ""},
		"full disk":              {ofEngine("failed to mount x: no space left on device"), "", ""},
		"engine gone":            {ofEngine("Unavailable: error reading from server: EOF"), "", ""},
		"image not there":        {errors.New(unresolved + " docker.io/x: content at https://r/x not found"), "", ""},
		"blob of the image gone": {errors.New(unresolved + " docker.io/x: blob sha256:12 expected at /x/runc-overlayfs/content/blobs/sha256/12: blob not found: not found"), "", all},
		"blob of a layout gone":  {errors.New(unresolved + " docker.io/x: blob sha256:12 expected at /x/base/blobs/sha256/12: blob not found: not found"), "", ""},
		"no shell":               {ofEngine("runc run failed: unable to start container process: exec: \"/bin/sh\": stat /bin/sh: no such file or directory"), "", ""},
		"secret not there":       {ofEngine("secret lpipe-git: not found"), "", ""},
		"layer not there":        {ofEngine("failed to copy: could not fetch content descriptor sha256:12 (application/vnd.oci.image.layer.v1.tar) from remote: not found"), "", ""},
		"blob not there":         {ofEngine("failed to copy: httpReadSeeker: failed open: content at https://r/v2/x/blobs/sha256:12 not found: not found"), "", ""},
		"S3 bucket not there":    {ofEngine("NoSuchBucket: The specified bucket does not exist"), "", ""},
		"registry not there":     {ofEngine("failed to compute cache key: failed to copy: httpReadSeeker: failed open: failed to do request: Get \"https://r/v2/\": dial tcp: i/o timeout"), "", ""},
		"agent not there":        {ofEngine("could not connect to agent: dial unix /run/user/1/agent: connect: no such file or directory"), "", ""},
		"file of the project":    {ofEngine("failed to compute cache key: error from sender: open /home/me/snapshots/1/main.rs: no such file or directory"), "", ""},
		"runtime not there":      {ofEngine("failed to start runc: fork/exec /usr/bin/runc: no such file or directory"), "", ""},
		"control group":          {ofEngine("open /sys/fs/cgroup/buildkit/x/cgroup.procs: no such file or directory"), "", ""},
		"network of a step":      {ofEngine("open /proc/12/ns/net: no such file or directory"), "", ""},
		"names not there":        {ofEngine("open /etc/resolv.conf: no such file or directory"), "", ""},
		"temporary folder":       {ofEngine("failed to create temp dir: mkdir /tmp/buildkit-mount12: no such file or directory"), "", ""},
		"mount not allowed":      {ofEngine("failed to mount /tmp/buildkit-mount1: [{Type:overlay Options:[lowerdir=/x/snapshots/1/fs]}]: operation not permitted"), "", ""},
		"session gone":           {ofEngine("no active session for ab: context deadline exceeded"), "", ""},
		"nothing":                {nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := display(t, map[string]string{buildStep: c.log, depsStep: c.log, testStep: c.log})
			got := damage(nil, []*Job{{}, {}}, []Outcome{{}, {Err: c.err}}, d)
			switch {
			case c.want == "" && got != nil:
				t.Errorf("taken for damage: %+v", got)
			case c.want != "" && (got == nil || got.stage != strings.TrimPrefix(c.want, all)):
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

// TestTheCacheOfOthersIsNotEmptied: an engine that others use is asked to build again, and to keep what it has.
func TestTheCacheOfOthersIsNotEmptied(t *testing.T) {
	old, fresh := &client.Client{}, &client.Client{}
	renew := func(_ context.Context, empty bool) (*client.Client, error) {
		if !empty {
			t.Error("it keeps its cache")
		}
		return fresh, nil
	}
	const says = "the engine's cache was damaged: x; "
	for _, c := range []struct {
		found damaged
		given Request
		rerun string
		all   bool
		fresh bool
		says  string
	}{
		{damaged{why: "x", stage: "fetch"}, Request{Renew: renew}, "fetch", false, false, says + "the step fetch was run again"},
		{damaged{why: "x", stage: "fetch"}, Request{NoCache: true}, "", true, false, says + "everything was built again"},
		{damaged{why: "x", records: true}, Request{}, "", true, false, says + "everything was built again"},
		{damaged{why: "x"}, Request{Renew: renew}, "", true, false, says + "everything was built again"},
		{damaged{why: "x", records: true}, Request{Renew: renew}, "", true, true, says + "it was emptied, and everything was built again"},
	} {
		r := c.given
		used, text := c.found.heal(t.Context(), old, &r)
		if text != c.says || r.rerun != c.rerun || r.NoCache != c.all || !r.healed || (used == fresh) != c.fresh {
			t.Errorf("%+v: %q, on the other engine %t, %+v", c.found, text, used == fresh, r)
		}
	}
}
