package debuginfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/symbolize"
)

// Open opens a program, and in place of one without symbols what one of the debuginfod servers has of it.
func Open(ctx context.Context, file string, servers []string) (*symbolize.Program, error) {
	refuse := func(err error, fix string) error {
		return &fault.Error{Kind: fault.Usage, What: file + " cannot be read for its symbols", Err: err, Fix: fix}
	}
	data, err := read(file)
	if err != nil {
		return nil, refuse(err, "name a program, or a zip of one")
	}
	p, err := symbolize.Open(data)
	if err == nil {
		return p, nil
	}
	if !errors.Is(err, symbolize.ErrStripped) {
		return nil, refuse(err, "name a program for Lambda, or its bootstrap.debug")
	}
	const fix = `build with debug = "split" in [build] and name bootstrap.debug, or name a server with --debuginfod`
	id := p.BuildID()
	switch {
	case id == "":
		return nil, refuse(errors.New("it has neither symbols nor a build-id"), fix)
	case len(servers) == 0:
		return nil, refuse(err, fix)
	}
	var all []error
	for _, server := range servers {
		debug, err := ask(ctx, server, id)
		if err == nil {
			debug.RunsAs(p)
			return debug, nil
		}
		all = append(all, fmt.Errorf("%s: %w", server, err))
	}
	return nil, refuse(errors.Join(all...), fix)
}

// ask is the program with symbols that a server has of a build-id.
func ask(ctx context.Context, server, id string) (*symbolize.Program, error) {
	data, err := fetch(ctx, server, id)
	if err != nil {
		return nil, err
	}
	debug, err := symbolize.Open(data)
	if err == nil && debug.BuildID() != id {
		err = errors.New("what it has is of another build-id")
	}
	return debug, err
}

// The bounds of what is fetched from a server.
const (
	maxFetched   = maxProgram // bytes
	fetchTimeout = 5 * time.Minute
)

// fetch fetches a debug file: https://sourceware.org/elfutils/Debuginfod.html.
func fetch(ctx context.Context, server, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+"/buildid/"+id+"/debuginfo", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s for the build-id %s", response.Status, id)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxFetched+1))
	if err == nil && len(data) > maxFetched {
		err = errors.New("what it sends is larger than 2 GiB")
	}
	return data, err
}
