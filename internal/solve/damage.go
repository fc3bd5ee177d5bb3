package solve

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/progress"
)

// damaged ends an attempt that failed for what the engine had kept, and not for what it was asked to build.
type damaged struct {
	why     string
	stage   string // the one to run again; "" is all of them
	records bool   // the engine says so itself, and not a program in a step
	forgot  bool   // nothing of what is kept is damaged: the engine forgot what it was at
}

func (d *damaged) Error() string { return d.why }

// The engine loses track of steps that a build shared which was given up, until that has ended, or for good: a step of it that
// ends later stays in the solver's index of steps without what it needs, and every build that has the same is told to wait
// for it. Only a new engine forgets it.
const (
	maxRestarts  = 5                      // a new engine before the last
	restartDelay = 200 * time.Millisecond // times the number of attempts before
)

// curable reports that another attempt is worth it.
func (d *damaged) curable(r Request) bool {
	if d.forgot {
		return r.restarts < maxRestarts
	}
	return !r.healed
}

// heal prepares r for an attempt that is worth it after damage, which takes nothing from the engine's cache that
// may be damaged. It returns what to tell, "" for nothing new, and the engine to use: where that is the user's own and cannot read what it
// keeps, another one in its place that keeps nothing.
func (d *damaged) heal(ctx context.Context, c *client.Client, r *Request) (*client.Client, string) {
	if d.forgot {
		r.restarts++
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(r.restarts-1) * restartDelay):
		}
		switch {
		case r.restarts == 1:
			return c, "the engine lost track of the build, which was started again: " + d.why
		case r.restarts < maxRestarts || r.Renew == nil:
			return c, ""
		}
		const again = "the engine lost track of the build again, and was started anew with its cache"
		c, err := r.Renew(ctx, false)
		if err != nil {
			return c, again + ": " + err.Error()
		}
		return c, again
	}
	r.healed = true
	why := "the engine's cache was damaged: " + d.why
	if d.stage != "" && !r.NoCache {
		r.rerun = d.stage
		return c, why + "; the step " + d.stage + " was run again"
	}
	r.NoCache = true
	if r.Renew == nil || !d.records {
		return c, why + "; everything was built again"
	}
	c, err := r.Renew(ctx, true)
	if err != nil {
		return c, why + "; everything was built again, and it stays: " + err.Error()
	}
	return c, why + "; it was emptied, and everything was built again"
}

// brokenCache are the words with which BuildKit, containerd and the kernel say that something is gone or garbled that
// was there when it was recorded. That something is not found says nothing by itself: so are images that a registry does
// not have, secrets that the session does not have, sockets, and files of the engine's machine.
var brokenCache = pattern.Of(`(?i)` + strings.Join([]string{
	`\bsnapshot\b[^\n]* does not exist\b|\b(parent|lease|snapshots bucket) does not exist\b`,
	`: bucket does not exist\b|\blease "[^"\n]*": not found\b`,
	`\bcontent (digest )?sha256:[0-9a-f]+: not found\b|\bblob not found: not found\b`,
	`\bfailed to (load ref|get (dead |deleted )?record)\b[^\n]*not found\b`,
	`\bfailed to calculate checksum of ref\b[^\n]*not found\b`,
	`\bduring finalize\b|\bfailed to (rename|stat parent)\b`,
	`\bunexpected (commit )?(digest|size)\b|\bchecksum error\b|\binvalid database\b`,
	// Where layers are mounted, and files below what the engine keeps.
	`\bfailed to mount\b[^\n]*: no such file or directory`,
	`(/snapshots/(snapshots|(new-)?\d+)|/content/(blobs|ingest)|/buildkit-mount\d+/|/[\w-]+\.db)\b[^\n]*: no such file or directory`,
	`input/output error|structure needs cleaning|stale (nfs )?file handle|bad message`,
}, "|"))

// forgotten are the words with which BuildKit's solver says that a step is gone that two builds shared, as where one of them
// is given up while the other begins: https://github.com/moby/buildkit/blob/v0.33.1/solver/jobs.go
var forgotten = pattern.Of(`\bfailed to get state for index \d+ on |\binconsistent graph state\b`)

// blobGone is the same of a blob alone, which is damage also where it is of a base image.
var blobGone = pattern.Of(`expected at \S+/(runc-[a-z-]+|buildkit)/content/blobs/\S+: blob not found`)

// ofSender opens what is about files of the project, in BuildKit's words.
const ofSender = "error from sender"

// noStart is said of a program that cannot be run, as where the base image has no shell.
const noStart = "unable to start container process"

// brokenFiles are the words with which compilers and the system say it of files that an earlier step left.
var brokenFiles = pattern.Of(`found invalid metadata files for crate|\(os error (5|74|116|117)\)`)

// damage returns what says that the engine's cache is damaged, nil when nothing does. It takes the raw errors: of the
// run as a whole, and of its jobs.
func damage(err error, jobs []*Job, outcomes []Outcome, d *progress.Display) (found *damaged) {
	found = damageIn(nil, err, d)
	for i, o := range outcomes {
		if one := damageIn(jobs[i], o.Err, d); one != nil && (found == nil || one.stage == "") {
			found = one
		}
	}
	return found
}

func damageIn(j *Job, err error, d *progress.Display) *damaged {
	if err == nil {
		return nil
	}
	var exit *gatewaypb.ExitError
	switch text := err.Error(); {
	case errors.As(err, new(*fault.Error)) || full(text) || gone(err) || aboutBase(err) && !blobGone().MatchString(text):
		return nil
	case strings.Contains(text, noStart) || strings.Contains(text, ofSender):
		return nil
	case errors.As(err, &exit) && exit.ExitCode == dockerfile.ExitFetched:
		return &damaged{why: "what " + dockerfile.StageFetch + " left was incomplete", stage: dockerfile.StageFetch}
	case errors.As(err, &exit):
		if exit.ExitCode == dockerfile.ExitTests || exit.ExitCode == dockerfile.ExitSetup {
			return nil // tests print what they like
		}
		log := d.Output(failedStep(j, err, d)).Log
		if words := brokenFiles().FindString(log); words != "" {
			return &damaged{why: "a step said " + words}
		}
		return nil
	case forgotten().MatchString(text):
		return &damaged{why: strings.TrimSpace(strings.SplitAfter(text, " on ")[0]), forgot: true}
	case brokenCache().MatchString(text):
		return &damaged{why: strings.ReplaceAll(text, "\n", " "), records: true}
	}
	return nil
}
