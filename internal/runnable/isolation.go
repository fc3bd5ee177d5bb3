package runnable

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/config"
	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// Isolation is the container that programs run in.
type Isolation struct {
	Image   string // whose files they have; "" for that of their runtime
	Storage int    // the size of /tmp in MB
	Network Network
}

// ImageFor is the image whose files a program for a runtime has. AWS publishes one of each: https://gallery.ecr.aws/lambda/provided
func (i *Isolation) ImageFor(runtime string) string {
	if i.Image != "" {
		return i.Image
	}
	return "public.ecr.aws/lambda/" + strings.Replace(runtime, ".", ":", 1)
}

// Put has a program run with the files in root, and returns in words what it has there.
func (i *Isolation) Put(p *emulator.Program, root string) string {
	p.Isolation = &emulator.Isolation{Root: root, Temp: i.Storage, HostNetwork: i.Network.Host, Ports: i.Network.Ports}
	processor := fmt.Sprintf("%.2f of a processor", float64(p.Memory)/limits.MemoryPerProcessor)
	if err := emulator.CanShareCPU(); err != nil {
		processor = "all processors (" + err.Error() + ")"
	}
	return fmt.Sprintf("%d MB of memory, looked at every 20 ms; %s; %d MB in /tmp; %s", p.Memory, processor, i.Storage, i.Network)
}

// ParseImage reads the value of --isolate-image: a reference, or a layout in a folder, which becomes absolute.
func ParseImage(image string) (string, error) {
	layout, ok := config.ParseLayout(image)
	if ok && layout.Dir != "" {
		if dir, err := filepath.Abs(layout.Dir); err == nil {
			layout.Dir = dir
		}
		image = layout.String()
	}
	if why, fix := config.CheckBase(image); why != "" {
		return "", &fault.Error{Kind: fault.Usage, What: "--isolate-image " + fault.Quote(image) + " is no image", Why: why, Fix: fix}
	}
	return image, nil
}

// Network is what a program in a container reaches.
type Network struct {
	Host  bool  // what this machine does
	Ports []int // of this machine's loopback, otherwise
}

// Networks are the words for networks, those of the network of a build; the first is the default.
var Networks = []string{"none", "default"}

// ParseNetwork reads the value of --isolate-network: one of [Networks], or ports.
func ParseNetwork(text string) (n Network, err error) {
	if slices.Contains(Networks, text) {
		return Network{Host: text == "default"}, nil
	}
	noNetwork := func(why string) error {
		return &fault.Error{
			Kind: fault.Usage, What: "--isolate-network " + fault.Quote(text) + " is no network", Why: why,
			Fix: "there are none, default, and ports of this machine's loopback, such as --isolate-network 5432,6379",
		}
	}
	for one := range strings.SplitSeq(text, ",") {
		port, err := strconv.Atoi(one)
		if err != nil {
			return Network{}, noNetwork(fault.Quote(one) + " is no port")
		}
		if err := emulator.CheckPort(port); err != nil {
			return Network{}, noNetwork(err.Error())
		}
		n.Ports = append(n.Ports, port)
	}
	slices.Sort(n.Ports)
	if n.Ports = slices.Compact(n.Ports); len(n.Ports) > emulator.MostPorts {
		return Network{}, &fault.Error{
			Kind: fault.Usage, What: "--isolate-network has too many ports", Why: fmt.Sprintf("there may be %d", emulator.MostPorts), Fix: "name those that the program needs, or --isolate-network default",
		}
	}
	return n, nil
}

// String says what a program reaches.
func (n Network) String() string {
	switch {
	case n.Host:
		return "the network of this machine"
	case len(n.Ports) == 0:
		return "no network (--isolate-network default gives it that of this machine)"
	}
	var ports []string
	for _, p := range n.Ports {
		ports = append(ports, strconv.Itoa(p))
	}
	return "no network but this machine's loopback at " + strings.Join(ports, ", ")
}
