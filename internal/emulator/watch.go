package emulator

import "time"

// usage is what processes take of the machine's memory, in kB.
type usage struct {
	peak      int // the most that each has had in memory
	anonymous int // now, without what is also in a file and could be read again
}

// usage is what the processes take of the machine's memory. Those that they have started are looked up with search, which takes
// time, or have been.
func (s *Sandbox) usage(search bool) (all usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if search || one.pids == nil {
			one.pids = one.process.all()
		}
		u := usageOf(one.pids)
		all.peak += max(u.peak, one.peak())
		all.anonymous += u.anonymous
	}
	s.most, s.looked = max(s.most, all.peak), time.Now()
	return all
}

// maxMemory is the most that the processes have used, in MB. It may not be what they have begun to use in the last moment.
func (s *Sandbox) maxMemory() int {
	s.mu.Lock()
	recent := time.Since(s.looked) < memoryInterval
	s.mu.Unlock()
	if !recent {
		s.usage(false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.most + 1023) / 1024
}

// memoryInterval is how often the memory of a program at work is looked at.
const memoryInterval = 20 * time.Millisecond

// watchMemory ends a program that uses more than it may, in MB. Pages of files do not count: the kernel could do without them.
func (s *Sandbox) watchMemory(limit int) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.Gone():
			return
		case <-tick.C:
		}
		if !s.atWork() { // as most are most of the time
			select {
			case <-s.Gone():
				return
			case <-s.began:
			}
		}
		if s.usage(true).anonymous > limit<<10 {
			s.finish(crashed("Runtime.OutOfMemory", "Runtime exited with error: signal: killed"))
			s.program.kill()
		}
	}
}
