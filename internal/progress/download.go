package progress

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/pattern"
	"lpipe/internal/report"
)

// window is the time over which a rate is measured.
const window = 5 * time.Second

// Lines about one download: the first after patience, the others at intervals.
const (
	patience = 2 * time.Second
	interval = 10 * time.Second
)

// download is what is known of how far a step is.
type download struct {
	now    string // what the step says that it does
	crates crates
	layers map[string]layer // by digest
	all    int              // layers of the image; 0 where that is not known
	sent   int64            // bytes of sources

	samples []sample
	due     time.Time // when a line about it may be written
	changed bool      // since the last one
}

type crates struct {
	there, locked int
	bytes         int64 // of them and of repositories
}

type layer struct {
	there, size int64
	done        bool
}

// sample is how many bytes were there at a time of the engine's clock.
type sample struct {
	at    time.Time
	bytes int64
}

// Layers says that the image of a step has n layers.
func (d *Display) Layers(dgst digest.Digest, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.step(d.key(dgst)).all = n
}

// said are the lines with which a step says how far it is.
var said = pattern.Of(`^(?:now: (.+)|crates: (\d{1,9}) (\d{1,9}) (\d{1,15}))$`)

// heed takes from the lines of a step those that say how far it is, and returns the others.
func (s *step) heed(lines []byte, at time.Time) []byte {
	var others []byte
	for line := range bytes.Lines(lines) {
		m := said().FindSubmatch(bytes.TrimSuffix(line, []byte("\n")))
		if m == nil {
			others = append(others, line...)
			continue
		}
		s.changed = true
		if len(m[1]) > 0 {
			s.now, s.due = string(m[1]), time.Now()
			continue
		}
		s.crates.there, _ = strconv.Atoi(string(m[2]))
		s.crates.locked, _ = strconv.Atoi(string(m[3]))
		s.crates.bytes, _ = strconv.ParseInt(string(m[4]), 10, 64)
		s.measure(at, s.crates.bytes)
	}
	return others
}

// layer remembers how far the download of a layer is, and reports whether the status is about one.
func (s *step) layer(v *client.VertexStatus) bool {
	if _, err := digest.Parse(v.ID); err != nil || v.Total == 0 {
		return false
	}
	if s.layers == nil {
		s.layers = map[string]layer{}
	}
	old := s.layers[v.ID]
	s.layers[v.ID] = layer{max(old.there, v.Current), v.Total, old.done || v.Completed != nil}
	there, _ := s.layerBytes()
	s.measure(v.Timestamp, there)
	s.changed = true
	return true
}

func (s *step) layerBytes() (there, size int64) {
	for _, l := range s.layers {
		there, size = there+l.there, size+l.size
	}
	return there, size
}

// downloaded are the bytes of the layers that arrived.
func (s *step) downloaded() (size int64) {
	for _, l := range s.layers {
		if l.done {
			size += l.size
		}
	}
	return size
}

func (d *download) measure(at time.Time, bytes int64) {
	if d.due.IsZero() {
		d.due = time.Now().Add(patience)
	}
	d.samples = append(d.samples, sample{at, bytes})
	for len(d.samples) > 2 && at.Sub(d.samples[1].at) >= window {
		d.samples = d.samples[1:]
	}
}

// rate is the text of how fast the download is; empty before that is known.
func (d *download) rate() string {
	if len(d.samples) == 0 {
		return ""
	}
	first, last := d.samples[0], d.samples[len(d.samples)-1]
	took := last.at.Sub(first.at)
	if took < time.Second {
		return ""
	}
	return fmt.Sprintf(", %s/s", report.Size(int64(float64(last.bytes-first.bytes)/took.Seconds())))
}

// text says how far the step is, in front of its name; empty when it downloads nothing.
func (s *step) text() string {
	there, size := s.layerBytes()
	switch {
	case there < size:
		of := "of"
		if len(s.layers) < s.all {
			of = "of at least" // BuildKit downloads a few layers at a time, and tells of no other
		}
		return fmt.Sprintf("downloading %s %s %s%s: %s", report.Size(there), of, report.Size(size), s.rate(), s.name)
	case s.crates.there < s.crates.locked:
		return fmt.Sprintf("downloading crates, %d of at most %d, %s%s: %s",
			s.crates.there, s.crates.locked, report.Size(s.crates.bytes), s.rate(), s.name)
	case s.now != "":
		return s.now + ": " + s.name
	}
	return ""
}

// downloads tells by lines how far downloads are, to a display of lines, which is not given the single layers. Others are
// given all as it came.
func (d *Display) downloads(status *client.SolveStatus) (lines []string) {
	others := status.Statuses[:0:0]
	for _, v := range status.Statuses {
		if s := d.step(v.Vertex); !s.layer(v) {
			others = append(others, v)
			s.sent = max(s.sent, v.Current)
		}
	}
	if d.mode != progressui.PlainMode {
		return nil
	}
	status.Statuses = others
	for _, s := range d.steps {
		if !s.changed || s.vertex.Started == nil || s.vertex.Completed != nil {
			continue
		}
		text := s.text()
		if text == "" || time.Now().Before(s.due) {
			continue
		}
		lines = append(lines, text)
		s.due, s.changed = time.Now().Add(interval), false
	}
	slices.Sort(lines)
	return lines
}
