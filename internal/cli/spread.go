package cli

import (
	"context"

	"lpipe/internal/engine"
	"lpipe/internal/progress"
	"lpipe/internal/solve"
)

// solveOn solves on the one engine, or spreads the lambdas over several.
func solveOn(ctx context.Context, engines []*engine.Engine, request solve.Request, d *progress.Display) (*solve.Result, error) {
	if len(engines) == 1 {
		return solve.Run(ctx, engines[0].Client(), request, d)
	}
	var all []solve.Engine
	for _, e := range engines {
		all = append(all, solve.Engine{Name: e.Description().Address, Client: e.Client()})
	}
	return solve.Spread(ctx, all, request, d)
}
