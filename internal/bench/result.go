package main

import "slices"

// Result is what one run of a scenario measured, with all that is needed to repeat it.
type Result struct {
	Scenario string
	Title    string
	Date     string
	Machine  string
	Load     string // of the machine before and after: the averages over one minute
	Command  string
	Series   []Series `json:",omitempty"` // lpipe first
	Facts    []Fact   `json:",omitempty"` // of the engine
}

// Series are the samples of one peer.
type Series struct {
	Peer    string
	Samples []Sample
}

// Sample is what one build cost.
type Sample struct {
	CPU    float64 // seconds of processor time inside the steps
	Wall   float64 // seconds from the start of the command to its end
	Crates int     // dependencies that cargo compiled
	Stale  bool    // the program built does not hold the words of the edit

	Cooked float64 `json:",omitempty"` // seconds of processor time until the dependencies were compiled
	Pulled int64   `json:",omitempty"` // bytes that came from the registry
}

// Fact is one number that belongs to no peer.
type Fact struct {
	What    string
	Unit    string
	Samples []float64
}

func (s Series) cpu() []float64 {
	return each(s.Samples, func(s Sample) float64 { return s.CPU })
}

func (s Series) wall() []float64 {
	return each(s.Samples, func(s Sample) float64 { return s.Wall })
}

func (s Series) crates() []float64 {
	return each(s.Samples, func(s Sample) float64 { return float64(s.Crates) })
}

func (s Series) cooked() []float64 {
	return each(s.Samples, func(s Sample) float64 { return s.Cooked })
}

// pulled is in megabytes.
func (s Series) pulled() []float64 {
	return each(s.Samples, func(s Sample) float64 { return float64(s.Pulled) / 1e6 })
}

func (s Series) stale() (n int) {
	for _, sample := range s.Samples {
		if sample.Stale {
			n++
		}
	}
	return n
}

func each[T any](all []T, number func(T) float64) []float64 {
	var numbers []float64
	for _, v := range all {
		numbers = append(numbers, number(v))
	}
	return numbers
}

// median is the middle value, or the mean of the two in the middle; zero for none.
func median(numbers []float64) float64 {
	n := len(numbers)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// least is the smallest value; zero for none.
func least(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	return slices.Min(numbers)
}
