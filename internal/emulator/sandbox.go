package emulator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"time"
)

// Program is a built bootstrap and how to run it.
type Program struct {
	Config
	Path   string    // of the executable
	Dir    string    // the unpacked zip; default: the folder of Path
	Env    []string  // beside what Lambda sets, NAME=value; wins over it
	Stdout io.Writer // what the program prints; nil throws it away
	Stderr io.Writer
	// Supervisor is a command that calls [Supervise] with its last argument as program. It ends what the program started,
	// also when this process is killed; without one, and on other systems than Linux, some of that may stay.
	Supervisor []string
}

// Environment returns the variables that Lambda sets for a custom runtime, as NAME=value. api is the address of
// the Runtime API, root the folder with the unpacked zip. Nothing of lpipe's own environment is among them.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (c Config) Environment(api, root string) []string {
	c = c.withDefaults()
	return []string{
		"AWS_DEFAULT_REGION=" + c.Region,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(c.Memory),
		"AWS_LAMBDA_FUNCTION_NAME=" + c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + c.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + newID()[:8],
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_REGION=" + c.Region,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LAMBDA_TASK_ROOT=" + root,
		"LANG=en_US.UTF-8",
		"LD_LIBRARY_PATH=" + root + ":" + filepath.Join(root, "lib") + ":/opt/lib",
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"TZ=:UTC",
		"_HANDLER=bootstrap",
	}
}

// Sandbox is a running program with its Runtime API.
type Sandbox struct {
	*Server
	kill   func()
	exited chan struct{} // closed when the process is gone and its output is written
}

// Start starts the program. It runs until [Sandbox.Close], until ctx ends, or until the server is gone.
func Start(ctx context.Context, p Program) (*Sandbox, error) {
	p.Config = p.withDefaults()
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return nil, fmt.Errorf("finding the program: %w", err)
	}
	if p.Dir == "" {
		p.Dir = filepath.Dir(path)
	}
	listener, err := Listen(ctx, AnyPort)
	if err != nil {
		return nil, fmt.Errorf("listening for the program: %w", err)
	}
	server := New(p.Config)
	web := &http.Server{Handler: server.Handler(), ReadHeaderTimeout: time.Minute}
	ctx, kill := context.WithCancel(ctx)
	wait, err := p.start(ctx, path, append(p.Environment(listener.Addr().String(), p.Dir), p.Env...))
	if err != nil {
		kill()
		server.Close()
		listener.Close()
		return nil, err
	}
	sandbox := &Sandbox{server, kill, make(chan struct{})}
	go func() { _ = web.Serve(listener) }() // ends with the server, below
	go func() {
		defer close(sandbox.exited)
		defer kill()
		err := wait()
		// What the program sent with its last breath is still taken in.
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = web.Shutdown(draining)
		server.Exited(err)
		web.Close()
	}()
	go func() {
		<-server.Gone()
		// A program that reported its own failure may still be printing why.
		select {
		case <-sandbox.exited:
		case <-time.After(500 * time.Millisecond):
			kill()
		}
	}()
	return sandbox, nil
}

// Close kills the program with its children and waits until it is gone. One that failed by itself has half a
// second to say why.
func (s *Sandbox) Close() {
	if !s.isGone() {
		s.Server.Close()
		s.kill()
	}
	<-s.exited
}

// Run invokes the program with the events, one after the other, and returns a result for each. A process that
// ended is started anew for the next event, as on Lambda. The error is that of ctx or of a program that cannot be
// started; the results so far come with it.
func Run(ctx context.Context, p Program, events ...Event) ([]Result, error) {
	var results []Result
	var sandbox *Sandbox
	defer func() {
		if sandbox != nil {
			sandbox.Close()
		}
	}()
	for _, e := range events {
		if sandbox != nil && sandbox.isGone() {
			sandbox.Close()
			sandbox = nil
		}
		if sandbox == nil {
			var err error
			if sandbox, err = Start(ctx, p); err != nil {
				return results, err
			}
		}
		r, err := sandbox.Invoke(ctx, e)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}
