# What the test stage does where cargo nextest runs the tests, and cargo test those in documentation alone.

# run_nextest FLAGS...: runs tests with cargo nextest, which shows how they go, and keeps what it says of each as cargo test would.
run_nextest() {
  NEXTEST_EXPERIMENTAL_LIBTEST_JSON=1 NEXTEST_NO_TESTS=pass cargo nextest run --no-fail-fast --frozen \
    --message-format libtest-json-plus --success-output never --failure-output never "$@" >/out/events || lpipe_failed=yes
  as_cargo_test /out/events >/out/suites
  cat /out/suites >>/out/nextest
  cat /out/suites >>/out/printed
  rm /out/events /out/suites
}

# end_nextest: shows what was kept of all runs if anything failed: of a step that failed, no file is read for the report.
end_nextest() {
  if [ "$lpipe_failed" ]; then cat /out/nextest; fi
  rm /out/nextest
}

# as_cargo_test FILE: prints the tests of the file in the words of cargo test, one program of tests after the other. In the file
# are lines of JSON, as nextest writes them: its names are CRATE::PROGRAM$TEST, with #TRY after a test that ran more than once. A test
# that began and did not end is ignored; what is no such line is of something that nextest started.
as_cargo_test() {
  awk '
    !/^[{]"type":"(test|suite)","event":"/ { print | "cat >&2"; next }
    !/^[{]"type":"test","event":"(started|ok|failed|ignored)","name":"[^"$]*[$][^"]+"/ { next }
    {
      split($0, field, "\"")
      event = field[8]; name = field[12]; try = ""
      if (event != "started" && match(name, /#[0-9]+$/)) {
        try = substr(name, RSTART + 1)
        name = substr(name, 1, RSTART - 1)
      }
      suite = substr(name, 1, index(name, "$") - 1)
      test = substr(name, length(suite) + 2)
      if (!(suite in lines)) { suites[++count] = suite; lines[suite] = failed[suite] = 0 }
      if (event == "started") {
        if (!(name in begun)) { begun[name] = 0; names[++all] = name }
        begun[name]++
        next
      }
      begun[name]--
      if (event == "ok") {
        passed[suite]++
        line[suite, ++lines[suite]] = "test " test " ... ok" (try ? ", in try " try : "")
      } else if (event == "failed") {
        failure[suite, ++failed[suite]] = test
        printed[suite, failed[suite]] = said(test)
        line[suite, ++lines[suite]] = "test " test " ... FAILED"
      } else ignore(suite, test)
    }
    function ignore(suite, test) {
      ignored[suite]++
      line[suite, ++lines[suite]] = "test " test " ... ignored"
    }
    # said: what a test that failed had printed, or why it failed, of the line at hand.
    function said(test,   text, at, own) {
      if (match($0, /"reason":"[^"]*"/)) return substr($0, RSTART + 10, RLENGTH - 11)
      at = index($0, ",\"stdout\":\"")
      text = at ? substr($0, at + 11) : ""
      sub(/"[}]$/, "", text)
      if (length(text) > 250000) text = substr(text, length(text) - 249999)
      gsub(/\\\\/, "\001", text)
      gsub(/\\n/, "\n", text); gsub(/\\t/, "\t", text); gsub(/\\"/, "\"", text); gsub(/\\u001b/, "\033", text)
      gsub(/\\(u00[017][0-9a-f]|[rbf])/, "", text)
      gsub(/\001/, "\\", text)
      own = "\nfailures:\n\n---- " test " stdout ----\n" # around what a test printed that was to panic
      if (at = index(text, own)) {
        text = substr(text, at + length(own))
        if (at = index(text, "\n\nfailures:\n    " test "\n")) text = substr(text, 1, at - 1)
      }
      sub(/\n+$/, "", text)
      return text == "" ? "it failed, and printed nothing" : text
    }
    END {
      for (i = 1; i <= all; i++) {
        suite = substr(names[i], 1, index(names[i], "$") - 1)
        while (begun[names[i]]-- > 0) ignore(suite, substr(names[i], length(suite) + 2))
      }
      for (i = 1; i <= count; i++) {
        suite = suites[i]
        print "     Running nextest " suite
        for (j = 1; j <= lines[suite]; j++) print line[suite, j]
        if (failed[suite]) print "\nfailures:\n"
        for (j = 1; j <= failed[suite]; j++) print "---- " failure[suite, j] " stdout ----\n" printed[suite, j] "\n"
        if (failed[suite]) print "failures:"
        for (j = 1; j <= failed[suite]; j++) print "    " failure[suite, j]
        printf "\ntest result: %s. %d passed; %d failed; %d ignored; 0 measured; 0 filtered out\n", (failed[suite] ? "FAILED" : "ok"), passed[suite], failed[suite], ignored[suite]
      }
    }' "$1"
}
