package progress

import "testing"

// TestTestsOfNextestAreCounted: each once, although nextest repeats those that failed at its end, and the step then lists all.
func TestTestsOfNextestAreCounted(t *testing.T) {
	var s step
	s.follow(RunsTests, []byte(`    Starting 5 tests across 3 binaries (3 tests skipped)
        PASS [   0.005s] (1/5) a::it it
  TRY 1 FAIL [   0.063s] (───) a::bin/a tests::flaky
        LEAK [   0.063s] (2/5) a::bin/a tests::leaks
  TRY 2 PASS [   0.005s] (3/5) a::bin/a tests::flaky
        SLOW [>  1.000s] (───) a::bin/a tests::hangs
  TRY 2 FAIL [   0.063s] (4/5) a::bin/a tests::fails
     Summary [   4.092s] 4 tests run: 3 passed (1 flaky), 1 failed, 3 skipped
   FLAKY 2/2 [   0.005s] (3/5) a::bin/a tests::flaky
  TRY 2 FAIL [   0.063s] (4/5) a::bin/a tests::fails
     Running nextest a::it
test it ... ok
    Starting 12 tests across 1 binary
        PASS [   0.005s] ( 1/12) b one
`))
	if s.tests != 17 || s.passed != 4 || s.failures != 1 {
		t.Errorf("%d tests, %d passed, %d failed", s.tests, s.passed, s.failures)
	}
}
