package serve

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"lpipe/internal/emulator"
)

// Listen serves each of the handlers, which are Runtime APIs as of [Server.Wait], at the ports after that of address, so that
// they stay the same, or at others where these are taken. It returns their addresses by the name of the lambda.
func Listen(ctx context.Context, address net.Addr, runtimes map[string]http.Handler) (apis map[string]string, closeAll func(), err error) {
	apis = map[string]string{}
	var servers []*http.Server
	closeAll = func() {
		for _, web := range servers {
			web.Close()
		}
	}
	host, port, _ := net.SplitHostPort(address.String())
	first, _ := strconv.Atoi(port)
	for i, name := range slices.Sorted(maps.Keys(runtimes)) {
		listener, err := emulator.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(first+1+i)))
		if err != nil {
			listener, err = emulator.Listen(ctx, net.JoinHostPort(host, "0"))
		}
		if err != nil {
			return apis, closeAll, fmt.Errorf("listening for the program of %s: %w", name, err)
		}
		web := &http.Server{Handler: runtimes[name], ReadHeaderTimeout: time.Minute}
		servers = append(servers, web)
		go func() { _ = web.Serve(listener) }() // ends with closeAll
		apis[name] = listener.Addr().String()
	}
	return apis, closeAll, nil
}
